#!/usr/bin/env python3
"""Seeds for the fuzz targets, from the interfaces and the kernel of this network namespace.

    seeds.py sniff INTERFACE CORPUS     each kind and length of ND and MLD packet once, until ended
    seeds.py netlink CORPUS             each form of message of the kernel's rtnetlink dumps once
    seeds.py spoil STATE                what may be wrong with a state document, beside this one
"""

import pathlib
import re
import socket
import struct
import sys

ETH_P_ALL = 0x0003
ND = range(133, 138)
MLD_QUERY = 130
MLD = (MLD_QUERY, 131, 132, 143)
DUMPS = {"link": 18, "address": 22, "route": 26, "neighbor": 30}
NLM_F_REQUEST, NLM_F_DUMP = 1, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, RTNLGRP_IPV6_MCADDR = 270, 1, 38


def keep(directory, name, content):
    path = pathlib.Path(directory) / f"real-{name}"
    if not path.exists():
        path.write_bytes(content)


def sniff(interface, corpus):
    sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sniffer.bind((interface, ETH_P_ALL))
    print("listening", flush=True)
    while True:
        frame = sniffer.recv(65536)
        packet = frame[14:]
        if frame[12:14] != b"\x86\xdd" or len(packet) < 48:
            continue
        protocol, message = packet[6], packet[40:]
        if protocol in (0, 44):  # hop-by-hop options, a fragment
            protocol, message = message[0], message[8:]
        if protocol != 58:
            continue
        target = "nd_message" if message[0] in ND else "mld_message"
        if message[0] not in ND and message[0] not in MLD:
            continue
        source = "unspecified" if packet[8:24] == bytes(16) else f"{packet[8]:02x}"
        cast = "multicast" if packet[24] == 0xFF else "unicast"
        name = f"{message[0]}-{source}-{cast}-{packet[6]}-{len(packet)}"
        if message[0] == MLD_QUERY:
            name += "-general" if message[8:24] == bytes(16) else "-group"
        keep(f"{corpus}/{target}", name, packet)


def attributes(data):
    """The types of the attributes, which tell one form of a message from another."""
    types = []
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if length < 4:
            break
        types.append(kind & 0x3FFF)
        data = data[(length + 3) & ~3:]
    return tuple(types)


def netlink(corpus):
    for name, request in DUMPS.items():
        header_size = {"link": 16, "address": 8, "route": 12, "neighbor": 12}[name]
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
            family = socket.AF_UNSPEC if name == "link" else socket.AF_INET6
            body = struct.pack("=B", family).ljust(header_size, b"\0")
            header = struct.pack("=IHHII", 16 + len(body), request, NLM_F_REQUEST | NLM_F_DUMP, 1, 0)
            kernel.sendto(header + body, (0, 0))
            seen = set()
            while True:
                data, kind = kernel.recv(1 << 17), None
                while len(data) >= 16:
                    length, kind = struct.unpack_from("=IH", data)
                    if kind in (NLMSG_ERROR, NLMSG_DONE):
                        break
                    message = data[:length]
                    form = attributes(message[16 + header_size:])
                    if form not in seen:
                        keep(f"{corpus}/netlink", f"{name}-{len(seen)}", message)
                        # As it goes: RTM_DEL* is RTM_NEW* + 1.
                        gone = message[:4] + struct.pack("=H", kind + 1) + message[6:]
                        keep(f"{corpus}/netlink", f"{name}-{len(seen)}-gone", gone)
                        seen.add(form)
                    data = data[(length + 3) & ~3:]
                if kind in (NLMSG_ERROR, NLMSG_DONE):
                    break
    lost_group(corpus)


def lost_group(corpus):
    """RTM_DELMULTICAST, which Linux 6.14 and later send."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
        kernel.bind((0, 0))
        kernel.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, RTNLGRP_IPV6_MCADDR)
        kernel.settimeout(5)
        group = socket.inet_pton(socket.AF_INET6, "ff02::1:ff12:3456")
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as member:
            member.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                              group + struct.pack("=I", socket.if_nametoindex("br0")))
        for name in ("group", "group-gone"):
            keep(f"{corpus}/netlink", name, kernel.recv(65536))


def spoil(state):
    """Made of the real one, so that they have all that a document has."""
    path = pathlib.Path(state)
    text = path.read_text()
    number = r'"(uptime|held_for|known|silent|last_heard)": \d+'
    spoilt = {
        "control-character": text.replace('"br0"', '"b\\u001br\\n0"', 1),
        "negative-ages": re.sub(number, rf'"\1": {-2**63}', text),
        "deep": re.sub(r'"pid": \d+', f'"pid": {"[" * 5000}{"]" * 5000}', text),
        "cut-off": text[:len(text) // 2],
    }
    for name, content in spoilt.items():
        (path.parent / name).write_text(content)


if __name__ == "__main__":
    {"sniff": sniff, "netlink": netlink, "spoil": spoil}[sys.argv[1]](*sys.argv[2:])
