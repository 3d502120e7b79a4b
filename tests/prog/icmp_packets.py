# SPDX-License-Identifier: GPL-2.0
"""ICMP of both families, with checksums of scapy's, or of none where they are to be wrong."""
import logging
import struct

logging.getLogger("scapy").setLevel(logging.ERROR)
# pylint: disable=wrong-import-position
from scapy.layers.inet6 import in6_chksum  # noqa: E402
from scapy.utils import checksum  # noqa: E402

import packets  # noqa: E402

ECHO, ECHO_REPLY = {4: 8, 6: 128}, {4: 0, 6: 129}
# Errors that quote: (type, code).
ERRORS = {4: ((3, 0), (3, 1), (3, 3), (3, 4), (3, 13), (11, 0), (11, 1), (12, 0)),
          6: ((1, 0), (1, 1), (1, 4), (2, 0), (3, 0), (3, 1), (4, 0), (4, 1))}
TOO_BIG, TIME_EXCEEDED = {4: (3, 4), 6: (2, 0)}, {4: (11, 0), 6: (3, 0)}
UNREACHABLE = {4: (3, 3), 6: (1, 4)}
PROTOCOL = {4: 1, 6: 58}
HEADER = {4: 20, 6: 40}
QUOTED_MAX = {4: 576 - 28, 6: 1280 - 48}


def message(family, src, dst, kind, rest, body):
    """An ICMP message with its checksum; `kind`: (type, code)."""
    bare = struct.pack("!BBHI", *kind, 0, rest) + body
    if family == 4:
        value = checksum(bare)
    else:
        header = packets.IPv6(src=src, dst=dst, nh=58)
        value = in6_chksum(58, header, bare)
    return bare[:2] + struct.pack("!H", value) + bare[4:]


def icmp(family, src, dst, kind, rest=0, body=b"", hops=57, tos=0, **fields):
    """An IP packet with it."""
    count = {"ttl": hops} if family == 4 else {"hlim": hops}
    number = {"proto": 1} if family == 4 else {"nh": 58}
    header = packets.ip_header(family, src, dst, tos, **count, **number, **fields)
    return bytes(header / packets.Raw(message(family, src, dst, kind, rest, body)))


def ping(family, src=None, dst=None, body=b"", reply=False, **more):
    src, dst = src or packets.CLIENT[family], dst or packets.VIP[family]
    kind = ((ECHO_REPLY if reply else ECHO)[family], 0)
    return icmp(family, src, dst, kind, 0xbeef0007, body, **more)


def frame(family, packet, tags=(), **macs):
    return packets.l2(tags, packets.ip_type(family), **macs) + packet


def answered(family, packet, tags=()):
    """The frame that goes back to where frame() came from."""
    return packets.l2(tags, packets.ip_type(family), packets.CLIENT_MAC,
                      packets.BALANCER_MAC) + packet


def segment(family, protocol, src, dst, sport, dport, payload=b"data", hops=60, **l4):
    """A packet to be quoted."""
    count = {"ttl": hops} if family == 4 else {"hlim": hops}
    head = packets.ip_header(family, src, dst, **count)
    return bytes(head / packets.l4_header(protocol, sport, dport, **l4) / packets.Raw(payload))


def told(family, original, kind, rest, src, dst):
    """What limpet says of `original`: as much of it as the RFCs want, in its own name."""
    own = {"id": 0, "flags": "DF"} if family == 4 else {"fl": 0}
    return icmp(family, src, dst, kind, rest, original[:QUOTED_MAX[family]], hops=64, tos=0xc0,
                **own)
