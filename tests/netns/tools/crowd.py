#!/usr/bin/env python3
"""Hundreds of hosts on one interface, each with an address and a MAC of its own.

    crowd.py INTERFACE SEED COMMANDS GROUPS

Hosts that live answer Neighbor Solicitations, and say nothing else once they have come. Commands
are read from the FIFO of that name, and each is answered by a line when it is done:

    come N      so many begin to live, and say so as hosts do: by DAD, by a solicitation, or by an
                advertisement
    speak N     so many of the latest say something again
    ghosts N    so many addresses are claimed in the same way by nobody who would answer
    go N        so many living ones, chosen at random, are gone without a word

The file GROUPS names the solicited-node groups of those that live, one a line.
"""

import argparse
import os
import random
import select
import socket
import struct
import sys

import wire

ROUTER = wire.packed("fe80::1")
PREFIX = wire.packed("2001:db8:1::")[:8]


class Crowd:
    def __init__(self, interface, seed, groups_file):
        self.link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(wire.ETH_P_IPV6))
        self.link.bind((interface, wire.ETH_P_IPV6))
        self.random = random.Random(seed)
        self.groups_file = groups_file
        self.living = {}  # address: MAC

    def new_address(self):
        # The upper half keeps clear of real hosts' addresses, not of their groups.
        return PREFIX + b"\xc0" + self.random.randbytes(7)

    def new_mac(self):
        return b"\x02" + self.random.randbytes(5)

    def transmit(self, mac, destination, to_mac, source, message):
        packet = wire.icmpv6_packet(source, destination, 255, message, wire.ICMPV6, b"")
        self.link.send(to_mac + mac + struct.pack("!H", wire.ETH_P_IPV6) + packet)

    def say(self, address, mac, how):
        if how == "dad":
            source, target, kind, options = bytes(16), address, wire.NS, b""
        elif how == "ns":
            source, target, kind = address, ROUTER, wire.NS
            options = struct.pack("!BB6s", 1, 1, mac)
        else:
            source, target, kind = address, address, wire.NA
            options = struct.pack("!BB6s", 2, 1, mac)
        destination = wire.packed("ff02::1") if how == "na" else wire.solicited_node(target)
        flags = 0x20000000 if how == "na" else 0
        message = struct.pack("!BBHI", kind, 0, 0, flags) + target + options
        self.transmit(mac, destination, b"\x33\x33" + destination[12:], source, message)

    def way_to_say(self):
        return self.random.choice(["dad", "dad", "ns", "na"])

    def come(self, count):
        for _ in range(count):
            address, mac = self.new_address(), self.new_mac()
            self.living[address] = mac
            self.say(address, mac, self.way_to_say())

    def speak(self, count):
        for address, mac in list(self.living.items())[-count or len(self.living):]:
            self.say(address, mac, "ns")

    def ghosts(self, count):
        for _ in range(count):
            self.say(self.new_address(), self.new_mac(), self.way_to_say())

    def go(self, count):
        for address in self.random.sample(list(self.living), min(count, len(self.living))):
            del self.living[address]

    def obey(self, line):
        command, count = line.split()
        {"come": self.come, "speak": self.speak, "ghosts": self.ghosts, "go": self.go}[command](
            int(count))
        groups = {wire.text(wire.solicited_node(address)) for address in self.living}
        with open(self.groups_file + ".new", "w", encoding="ascii") as file:
            file.writelines(group + "\n" for group in sorted(groups))
        os.rename(self.groups_file + ".new", self.groups_file)
        print(line, flush=True)

    def answer(self, frame, packet_type):
        """An NS for one of ours, with an advertisement."""
        if packet_type == wire.PACKET_OUTGOING or len(frame) < 78:
            return
        asker, target = frame[22:38], frame[62:78]
        mac = self.living.get(target)
        if frame[20] != wire.ICMPV6 or frame[54] != wire.NS or mac is None or not any(asker):
            return
        message = struct.pack("!BBHI", wire.NA, 0, 0, 0x60000000) + target
        self.transmit(mac, asker, frame[6:12], target, message + struct.pack("!BB6s", 2, 1, mac))

    def run(self, fifo):
        source = os.open(fifo, os.O_RDWR)  # does not end with who wrote to it
        commands = b""
        while True:
            ready, _, _ = select.select([self.link, source], [], [])
            if self.link in ready:
                frame, (_, _, packet_type, *_) = self.link.recvfrom(2048)
                self.answer(frame, packet_type)
            if source in ready:
                commands += os.read(source, 4096)
                *lines, commands = commands.split(b"\n")
                for line in lines:
                    self.obey(line.decode())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("interface")
    parser.add_argument("seed", type=int)
    parser.add_argument("commands")
    parser.add_argument("groups")
    arguments = parser.parse_args()
    crowd = Crowd(arguments.interface, arguments.seed, arguments.groups)
    print("listening", flush=True)
    crowd.run(arguments.commands)


if __name__ == "__main__":
    sys.exit(main())
