# SPDX-License-Identifier: GPL-2.0
"""Packets to send in, and what has to come out, made by scapy."""
import logging
import struct

logging.getLogger("scapy").setLevel(logging.ERROR)
# pylint: disable=wrong-import-position
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP  # noqa: E402
from scapy.layers.inet6 import ICMPv6EchoRequest, ICMPv6ND_NS, IPv6  # noqa: E402
from scapy.layers.l2 import ARP, Ether  # noqa: E402
from scapy.packet import Raw  # noqa: E402

import harness  # noqa: E402

CLIENT_MAC, BALANCER_MAC = "02:00:00:00:0c:01", "02:00:00:00:0c:02"
CLIENT = {4: "198.51.100.7", 6: "2001:db8:c::7"}
VIP = {4: "203.0.113.10", 6: "2001:db8:a::10"}
# Frames' tags by name: (TPID, TCI), outermost first; TCIs with PCP and DEI bits.
TAGS = {
    "untagged": (),
    "vlan": ((0x8100, 0x6064),),
    "qinq": ((0x88a8, 0xb00a), (0x8100, 0x2014)),
    "two 802.1Q": ((0x8100, 0x0001), (0x8100, 0x1fff)),
}


def l2(tags=(), kind=0x0800, dst=BALANCER_MAC, src=CLIENT_MAC):
    """A link layer header, as bytes."""
    head = bytes.fromhex((dst + src).replace(":", ""))
    for tpid, tci in tags:
        head += struct.pack("!HH", tpid, tci)
    return head + struct.pack("!H", kind)


def ip_type(family):
    return 0x0800 if family == 4 else 0x86dd


def ip_header(family, src=None, dst=None, tos=0, **fields):
    src, dst = src or CLIENT[family], dst or VIP[family]
    if family == 4:
        return IP(src=src, dst=dst, tos=tos, **{"ttl": 57, "id": 0x1234, **fields})
    return IPv6(src=src, dst=dst, tc=tos, **{"hlim": 57, "fl": 0x54321, **fields})


def l4_header(protocol, sport=40000, dport=80, **fields):
    if protocol == harness.TCP:
        return TCP(sport=sport, dport=dport, **{"seq": 1000, "flags": "PA", **fields})
    return UDP(sport=sport, dport=dport, **fields)


def packet(family=4, protocol=harness.TCP, payload=b"", tos=0, sport=40000, dport=80, src=None,
           dst=None, **l4):
    """An IP packet, as bytes; `l4`: more fields of its transport header."""
    head = ip_header(family, src, dst, tos) / l4_header(protocol, sport, dport, **l4)
    return bytes(head / Raw(payload) if payload else head)


def frame(tags=(), **what):
    return l2(tags, ip_type(what.get("family", 4))) + packet(**what)


def family_of(inner):
    return inner[0] >> 4


def tos_of(inner):
    return inner[1] if family_of(inner) == 4 else (inner[0] << 4 | inner[1] >> 4) & 0xff


def gue_source_port(out, at):
    """Source port of the UDP header at offset `at`: the one field that is free."""
    return struct.unpack_from("!H", out, at)[0]


def flow_label(out, at):
    return struct.unpack_from("!I", out, at)[0] & 0xfffff


def expected(hop, forward, inner, tags, entropy=0, sport=0, rest=b""):
    """
    The whole frame that leaves by `hop` (a harness.hop()) with `tags`: link layer
    header, outer headers by scapy, the packet as it was, and the padding behind it.
    """
    inside = family_of(inner)
    if forward == harness.DSR:
        return l2(tags, ip_type(inside), hop["dst"], hop["src"]) + inner + rest
    family = 6 if hop["v6"] else 4
    number = {4: 4, 6: 41}[inside]
    if family == 4:
        outer = IP(src=hop["saddr"], dst=hop["daddr"], tos=tos_of(inner), ttl=64, id=0,
                   flags="DF", proto=17 if forward == harness.GUE else number)
    else:
        outer = IPv6(src=hop["saddr"], dst=hop["daddr"], tc=tos_of(inner), hlim=64, fl=entropy,
                     nh=17 if forward == harness.GUE else number)
    if forward == harness.GUE:
        outer = outer / UDP(sport=sport, dport=6080, chksum=0, len=8 + len(inner))
    # Raw: scapy shall not touch what is inside.
    built = bytes(outer / Raw(inner))
    if forward == harness.GUE:
        # scapy computes a checksum where it is 0; ours is 0 (RFC 6935).
        at = len(built) - len(inner) - 2
        built = built[:at] + b"\0\0" + built[at + 2:]
    return l2(tags, ip_type(family), hop["dst"], hop["src"]) + built + rest


def assert_frame(out, want):
    """Compares byte by byte; tells the difference as scapy reads it."""
    if out != want:
        raise AssertionError(f"\n got  {Ether(out)!r}\n      {out.hex()}"
                             f"\n want {Ether(want)!r}\n      {want.hex()}")
