#!/usr/bin/python3
"""Captures to be replayed, by scapy (of Debian, and so by its Python).

    forge.py fuzz FILE SIDE COUNT           random ND and MLD, as on SIDE: lan or upstream
    forge.py record FILE INTERFACE SECONDS  the ND and MLD that is really there
"""

import random
import sys

from scapy.all import Ether, IPv6, RandIP6, RandMAC, fuzz, sniff, wrpcap
from scapy.layers.inet6 import (ICMPv6MLDone, ICMPv6MLQuery, ICMPv6MLQuery2, ICMPv6MLReport,
                                ICMPv6MLReport2, ICMPv6MLDMultAddrRec, ICMPv6ND_NA, ICMPv6ND_NS,
                                ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6ExtHdrDestOpt,
                                IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, RouterAlert)


def random_but_type(message):
    """All else is random: what is of another type never gets past the filter."""
    return fuzz(message(type=message().type))


def neighbor_discovery():
    message = random.choice([ICMPv6ND_NS, ICMPv6ND_NA])
    option = random.choice([ICMPv6NDOptSrcLLAddr, ICMPv6NDOptDstLLAddr])
    # Sometimes the message alone is random, sometimes all is.
    body = random.choice([random_but_type(message), random_but_type(message) / fuzz(option()),
                          message(tgt=RandIP6("2001:db8:1::*:*")) / fuzz(option())])
    extension = random.choice([None, None, IPv6ExtHdrFragment, IPv6ExtHdrDestOpt])
    return 255, "ff02::1", body if extension is None else fuzz(extension(nh=58)) / body


def mld(*messages):
    message = random.choice(messages)
    body = random_but_type(message)
    if message is ICMPv6MLReport2:
        body = body / fuzz(ICMPv6MLDMultAddrRec())
    return 1, "ff02::16", IPv6ExtHdrHopByHop(options=[RouterAlert()]) / body


def frame(side):
    if side == "upstream":
        hop_limit, destination, payload = random.choice(
            [neighbor_discovery, lambda: mld(ICMPv6MLQuery, ICMPv6MLQuery2, ICMPv6MLReport)])()
    else:
        hop_limit, destination, payload = random.choice(
            [neighbor_discovery, lambda: mld(ICMPv6MLReport, ICMPv6MLReport2, ICMPv6MLDone)])()
    source = random.choice(["::", RandIP6("fe80::*:*"), RandIP6("2001:db8:1::*:*")])
    return bytes(Ether(src=RandMAC("02:*:*:*:*:*"), dst="33:33:00:00:00:01") /
                 IPv6(src=source, dst=destination, hlim=hop_limit) / payload)


def frames(side, count):
    while count:
        try:
            yield Ether(frame(side))
        except Exception:  # of many kinds: fuzz() drew what its own field has no room for
            continue
        count -= 1


def main():
    command, path, *rest = sys.argv[1:]
    if command == "fuzz":
        random.seed(1)
        wrpcap(path, frames(rest[0], int(rest[1])))
    else:
        wrpcap(path, sniff(iface=rest[0], timeout=float(rest[1]),
                           started_callback=lambda: print("recording", flush=True),
                           lfilter=lambda seen: IPv6 in seen and seen[IPv6].nh in (0, 58)))


if __name__ == "__main__":
    main()
