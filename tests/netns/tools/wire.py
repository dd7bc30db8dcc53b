#!/usr/bin/env python3
"""Neighbor Discovery and MLD on an interface: shows it, line by line, or sends it.

    wire.py listen INTERFACE            in|out ns|na|report|query|done ... a line, until it is ended
    wire.py send INTERFACE KIND TARGET  one message, by default as a host would send it
    wire.py mld INTERFACE query [GROUP]    the same, as a querier would, or
    wire.py mld INTERFACE report GROUP...  as another listener would

Python's standard library only, and no change of user: tcpdump wants one, which the user namespace
of an ordinary user does not have.
"""

import argparse
import errno
import itertools
import socket
import struct
import sys
import time

ETH_P_ALL = 0x0003
ETH_P_IPV6 = 0x86DD
PACKET_OUTGOING = 4
HOP_BY_HOP, FRAGMENT, ICMPV6 = 0, 44, 58
NS, NA = 135, 136
MLD_QUERY, MLD1_REPORT, MLD1_DONE, MLD2_REPORT = 130, 131, 132, 143
IS_EX = 2
RECORDS = {1: "is-in", 2: "is-ex", 3: "to-in", 4: "to-ex", 5: "allow", 6: "block"}


def text(address):
    return socket.inet_ntop(socket.AF_INET6, address)


def packed(address):
    return socket.inet_pton(socket.AF_INET6, address)


def packed_mac(mac):
    return bytes.fromhex(mac.replace(":", ""))


def checksum(source, destination, payload):
    data = source + destination + struct.pack("!II", len(payload), ICMPV6) + payload
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def describe(frame, packets):
    """The lines for one Ethernet frame; none when it is neither ND nor MLD. With packets, each
    report and query has a line of its own before those of its records."""
    if len(frame) < 62 or frame[12:14] != b"\x86\xdd":
        return
    packet = frame[14:]
    source = text(packet[8:24])
    protocol, message = packet[6], packet[40:]
    if protocol == HOP_BY_HOP:  # as every MLD message has
        protocol, message = message[0], message[8 * (message[1] + 1):]
    if protocol != ICMPV6:
        return
    kind = message[0]
    if kind in (NS, NA):
        how = "unicast" if packet[24] != 0xFF else "multicast"
        yield f"{'ns' if kind == NS else 'na'} {text(message[8:24])} from {source} {how}"
    elif kind == MLD_QUERY:
        length = struct.unpack("!H", packet[4:6])[0] - (len(packet) - 40 - len(message))
        version = 1 if length == 24 else 2
        if packets:
            yield f"packet query v{version} from {source}"
        yield f"query {text(message[8:24])} from {source} v{version}"
    elif kind in (MLD1_REPORT, MLD1_DONE):
        if packets and kind == MLD1_REPORT:
            yield f"packet report v1 1 from {source}"
        yield f"{'report' if kind == MLD1_REPORT else 'done'} {text(message[8:24])} v1 from {source}"
    elif kind == MLD2_REPORT:
        count, at = struct.unpack("!H", message[6:8])[0], 8
        if packets:
            yield f"packet report v2 {count} from {source}"
        for _ in range(count):
            record, extra, sources = struct.unpack("!BBH", message[at:at + 4])
            group = text(message[at + 4:at + 20])
            yield f"report {group} {RECORDS.get(record, record)} {sources} from {source}"
            at += 20 + 16 * sources + 4 * extra


def listen(arguments):
    sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sniffer.bind((arguments.interface, ETH_P_ALL))
    print("listening", flush=True)
    while True:
        try:
            frame, (_, _, packet_type, *_) = sniffer.recvfrom(65536)
        except OSError as error:
            if error.errno != errno.ENETDOWN:  # what it hears again once the interface is up
                raise
            continue
        direction = "out" if packet_type == PACKET_OUTGOING else "in"
        when = [time.monotonic_ns() // 1000] if arguments.times else []
        for line in describe(frame, arguments.packets):
            print(*when, direction, line, flush=True)


def own_mac(interface):
    probe = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    probe.bind((interface, 0))
    return probe.getsockname()[4]


def solicited_node(address):
    return packed("ff02::1:ff00:0")[:13] + address[13:]


def send(arguments):
    interface, target = arguments.interface, packed(arguments.target)
    mac = packed_mac(arguments.mac) if arguments.mac else own_mac(interface)
    options = b"" if arguments.kind == "dad" else struct.pack("!BB6s", 1, 1, mac)
    if arguments.kind == "na":
        source, destination = target, packed("ff02::1")
        options = struct.pack("!BB6s", 2, 1, mac)
    else:
        source = bytes(16) if arguments.kind == "dad" else packed(arguments.source)
        destination = solicited_node(target)
    if arguments.destination:
        destination = packed(arguments.destination)
    if arguments.options is not None:
        options = bytes.fromhex(arguments.options)

    flags = 0x20000000 if arguments.kind == "na" else 0
    if arguments.solicited:
        flags |= 0x40000000
    kind = NA if arguments.kind == "na" else NS
    message = struct.pack("!BBHI", kind, arguments.code, 0, flags) + target + options
    if arguments.cut:
        message = message[:-arguments.cut]
    next_header, extension = ICMPV6, b""
    if arguments.fragment:
        next_header, extension = FRAGMENT, struct.pack("!BBHI", ICMPV6, 0, 0, 0x5011C17D)
    packet = icmpv6_packet(source, destination, arguments.hop_limit, message, next_header, extension,
                           flaw=0x5555 if arguments.bad_checksum else 0)
    transmit(arguments, mac, destination, packet)


def icmpv6_packet(source, destination, hop_limit, message, next_header, extension, flaw=0):
    """The checksum of the message is filled in, and by the flaw made wrong."""
    value = checksum(source, destination, message) ^ flaw
    payload = extension + message[:2] + struct.pack("!H", value) + message[4:]
    header = struct.pack("!IHBB", 6 << 28, len(payload), next_header, hop_limit)
    return header + source + destination + payload


def transmit(arguments, mac, destination, packet):
    to_mac = b"\x33\x33" + destination[12:] if destination[0] == 0xFF else b"\xff" * 6
    frame = to_mac + mac + struct.pack("!H", ETH_P_IPV6) + packet
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((arguments.interface, 0))
    if arguments.count == 0:
        print("sending", flush=True)
    for _ in range(arguments.count) if arguments.count else itertools.count():
        out.send(frame)
        time.sleep(arguments.interval)


def mld_query(arguments):
    """The message, and where it goes."""
    group = packed(arguments.groups[0]) if arguments.groups else bytes(16)
    message = struct.pack("!BBHHH", MLD_QUERY, 0, 0, arguments.max_response, 0) + group
    if arguments.version == 2:
        message += struct.pack("!BBH", arguments.robustness, arguments.query_interval, 0)
    return message, group if any(group) else packed("ff02::1")


def mld_report(arguments):
    groups = [packed(group) for group in arguments.groups]
    if arguments.version == 1:
        return struct.pack("!BBHI", MLD1_REPORT, 0, 0, 0) + groups[0], groups[0]
    records = b"".join(struct.pack("!BBH", IS_EX, 0, 0) + group for group in groups)
    return struct.pack("!BBHHH", MLD2_REPORT, 0, 0, 0, len(groups)) + records, packed("ff02::16")


def mld(arguments):
    mac = packed_mac(arguments.mac) if arguments.mac else own_mac(arguments.interface)
    source = packed(arguments.source)
    message, destination = mld_query(arguments) if arguments.kind == "query" else mld_report(arguments)
    if arguments.destination:
        destination = packed(arguments.destination)
    next_header, extension = HOP_BY_HOP, bytes([ICMPV6, 0, 5, 2, 0, 0, 1, 0])  # Router Alert
    if arguments.no_router_alert:
        next_header, extension = ICMPV6, b""
    packet = icmpv6_packet(source, destination, arguments.hop_limit, message, next_header, extension)
    transmit(arguments, mac, destination, packet)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("listen")
    command.add_argument("interface")
    command.add_argument("--times", action="store_true", help="microseconds before each line")
    command.add_argument("--packets", action="store_true",
                         help="a line for each query and report, with the number of its records")
    command.set_defaults(run=listen)
    command = commands.add_parser("send")
    command.add_argument("interface")
    command.add_argument("kind", choices=["dad", "ns", "na"])
    command.add_argument("target")
    command.add_argument("--source", help="of an NS")
    command.add_argument("--destination", help="default: the solicited-node group, or ff02::1")
    command.add_argument("--mac", help="default: the interface's")
    command.add_argument("--count", type=int, default=1, help="0: until it is ended")
    command.add_argument("--interval", type=float, default=0, help="seconds in between")
    command.add_argument("--hop-limit", type=int, default=255)
    command.add_argument("--code", type=int, default=0)
    command.add_argument("--options", help="bytes in hex instead of the link-layer address")
    command.add_argument("--cut", type=int, default=0, help="bytes missing at the end")
    command.add_argument("--bad-checksum", action="store_true")
    command.add_argument("--fragment", action="store_true", help="an atomic fragment")
    command.add_argument("--solicited", action="store_true", help="the flag of an NA")
    command.set_defaults(run=send)
    command = commands.add_parser("mld")
    command.add_argument("interface")
    command.add_argument("kind", choices=["query", "report"])
    command.add_argument("groups", nargs="*", help="of a query: at most one, default ::, all")
    command.add_argument("--version", type=int, choices=[1, 2], default=2)
    command.add_argument("--source", required=True, help="link-local, or ::")
    command.add_argument("--destination", help="default: as the RFCs have it")
    command.add_argument("--mac", help="default: the interface's")
    command.add_argument("--max-response", type=int, default=10000, help="ms, below 32768")
    command.add_argument("--robustness", type=int, default=2, help="QRV; 0: not told")
    command.add_argument("--query-interval", type=int, default=125, help="QQI: s, below 128")
    command.add_argument("--hop-limit", type=int, default=1)
    command.add_argument("--no-router-alert", action="store_true")
    command.add_argument("--count", type=int, default=1, help="0: until it is ended")
    command.add_argument("--interval", type=float, default=0, help="seconds in between")
    command.set_defaults(run=mld)
    arguments = parser.parse_args()
    try:
        arguments.run(arguments)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
