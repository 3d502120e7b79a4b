# SPDX-License-Identifier: GPL-2.0
"""
Odd packets: cut off anywhere, with lengths that lie, options, extension headers,
fragments. Each gets one named verdict, and what passes is untouched.
"""
import struct

import pytest

import harness
import packets
from harness import TCP, UDP
from packets import (ARP, ICMP, IP, TAGS, Ether, ICMPv6EchoRequest, ICMPv6ND_NS, IPv6, Raw)

L4_LEN = {TCP: 20, UDP: 8}
BASE = {4: 20, 6: 40}

# IPv6 extension headers (RFC 8200 section 4): number and bytes after `next header`.
HOPOPTS = (0, bytes([0, 1, 4]) + bytes(4))  # PadN
DSTOPTS = (60, bytes([1, 1, 12]) + bytes(12))  # 16 bytes
ROUTING = (43, bytes([2, 4, 0]) + bytes(4) + bytes(16))  # type 4, no segments left
AH = (51, bytes([4, 0, 0]) + struct.pack("!II", 1, 2) + bytes(12))  # 24 bytes: 4 + 2 words
FRAGMENT_FIRST = (44, b"\0" + struct.pack("!HI", 0 << 3 | 1, 7))
FRAGMENT_LATER = (44, b"\0" + struct.pack("!HI", 185 << 3, 7))
FRAGMENT_ATOMIC = (44, b"\0" + struct.pack("!HI", 0, 7))


def chain(headers, protocol, rest):
    """The first header's number, and the headers as bytes in front of `rest`."""
    numbers = [number for number, _ in headers] + [protocol]
    data = b"".join(bytes([numbers[i + 1]]) + body for i, (_, body) in enumerate(headers))
    return numbers[0], data + rest


def l4(protocol, payload=b"data", dport=80):
    return bytes(packets.l4_header(protocol, dport=dport)) + payload


def ipv6(headers=(), protocol=TCP, rest=None, dst=None):
    first, data = chain(headers, protocol, l4(protocol) if rest is None else rest)
    return bytes(packets.ip_header(6, dst=dst, nh=first, plen=len(data))) + data


def ipv4(options=0, protocol=TCP, rest=None, dst=None, **fields):
    """With `options` bytes of them (a multiple of 4)."""
    data = l4(protocol) if rest is None else rest
    head = bytearray(bytes(packets.ip_header(4, dst=dst, proto=protocol,
                                             len=20 + options + len(data), **fields)))
    head[0] = 0x40 | (5 + options // 4)
    return bytes(head) + b"\x01" * options + data  # option 1: no operation


def framed(inner, tags="untagged"):
    return packets.l2(TAGS[tags], packets.ip_type(packets.family_of(inner))) + inner


@pytest.fixture(scope="module")
def vip(progrun):
    """TCP and UDP port 80 of both addresses, ipip to an IPv4 backend."""
    rules = [harness.rule(packets.VIP[family], 80, protocol=protocol)
             for family in (4, 6) for protocol in (TCP, UDP)]
    progrun.request(op="limpet", scenario=harness.scenario(
        rules, [harness.pool(1, [1])], [harness.hop(1, progrun.here)]))
    return progrun


def check(progrun, frames, reasons):
    """Each frame gets its reason, and the verdict that goes with it."""
    results = progrun.run(frames, ifindex=progrun.here)
    got = [r.reason for r in results]
    assert got == reasons
    for frame, result in zip(frames, results):
        kind = result.reason.split("_")[0]
        assert result.verdict == {"pass": "XDP_PASS", "drop": "XDP_DROP",
                                  "forward": "XDP_TX"}[kind]
        if kind == "forward":
            assert result.vips == {1: (1, len(frame))}
        else:
            assert result.packet == frame, "changed, but not forwarded"
            assert not result.vips and not result.backends


# --- cut off at every length ------------------------------------------------------

def headers_of(family):
    if family == 4:
        return {"plain": 0, "options": 12, "all options": 40}
    return {"plain": (), "one": (DSTOPTS,), "four": (HOPOPTS, DSTOPTS, ROUTING, AH)}


def combinations():
    for family in (4, 6):
        for protocol in (TCP, UDP):
            for tags in TAGS:
                for name, extra in headers_of(family).items():
                    yield pytest.param(family, protocol, tags, extra,
                                       id=f"ipv{family}-{protocol}-{tags}-{name}")


def cut_reason(frame, length, family, protocol, extra, start):
    """What the first `length` bytes of a good frame deserve, by the words of reasons.h."""
    if length < start + BASE[family]:
        return "pass_truncated"
    if length == len(frame):
        return "forward_tx"
    if family == 4:
        return "drop_bad_header"  # tot_len says more than there is
    at = start + 40
    for _, body in extra:
        # The parser needs 8 bytes of a header to read on behind it.
        if length < at + 8:
            return "drop_truncated"
        at += 1 + len(body)
    return "drop_bad_header"


@pytest.mark.parametrize("family,protocol,tags,extra", combinations())
def test_cut_off_at_every_length(vip, family, protocol, tags, extra):
    inner = ipv4(extra, protocol) if family == 4 else ipv6(extra, protocol)
    frame = framed(inner, tags)
    start = len(frame) - len(inner)
    lengths = range(harness.ETH_HLEN, len(frame) + 1)
    check(vip, [frame[:n] for n in lengths],
          [cut_reason(frame, n, family, protocol, extra, start) for n in lengths])


@pytest.mark.parametrize("family,protocol,tags,extra", combinations())
def test_shorter_packets_that_say_so(vip, family, protocol, tags, extra):
    """Lengths are true, but the transport header is not all there."""
    frames, reasons = [], []
    for size in range(L4_LEN[protocol] + 1):
        rest = l4(protocol, b"")[:size]
        inner = ipv4(extra, protocol, rest) if family == 4 else ipv6(extra, protocol, rest)
        frames.append(framed(inner, tags))
        reasons.append("drop_truncated" if size < L4_LEN[protocol] else "forward_tx")
        # Padding behind the packet is no transport header.
        frames.append(framed(inner, tags) + bytes(60))
        reasons.append(reasons[-1])
    check(vip, frames, reasons)


@pytest.mark.parametrize("length", range(harness.ETH_HLEN))
def test_frames_without_ethernet_header_are_refused_by_the_kernel(vip, length):
    result = vip.run_one(framed(ipv4())[:length], ifindex=vip.here)
    assert result.errno == 22 and not result.reasons


# --- not for us -------------------------------------------------------------------

def strangers():
    mac = {"src": packets.CLIENT_MAC, "dst": packets.BALANCER_MAC}
    ns = IPv6(src="fe80::1", dst="ff02::1:ff00:10") / ICMPv6ND_NS(tgt=packets.VIP[6])
    yield "arp", Ether(**mac) / ARP(pdst=packets.VIP[4]), "pass_not_ip"
    yield "lldp", packets.l2(kind=0x88cc) + bytes(46), "pass_not_ip"
    yield "mpls", packets.l2(kind=0x8847) + bytes(46), "pass_not_ip"
    yield "802.3", packets.l2(kind=38) + bytes(46), "pass_not_ip"
    yield "nd", Ether(**mac) / ns, "pass_not_tcp_udp"
    for name, dst in (("", "203.0.113.99"), (" of a host in the VIP's name", packets.VIP[4])):
        reply = ICMP(type=0) if name else ICMP()
        yield "ping" + name, Ether(**mac) / packets.ip_header(4, dst=dst) / reply, "pass_not_tcp_udp"
    yield "ping6", (Ether(**mac) / packets.ip_header(6, dst="2001:db8:a::99")
                    / ICMPv6EchoRequest()), "pass_not_tcp_udp"
    for number in (1, 2, 4, 33, 41, 47, 50, 51, 58, 59, 89, 132, 136, 255):
        if number != 51:
            yield (f"ipv6 next header {number}", framed(ipv6((), number, bytes(40))),
                   "pass_not_tcp_udp")
            yield (f"ipv6 options, then {number}", framed(ipv6((DSTOPTS,), number, bytes(40))),
                   "pass_not_tcp_udp")
        yield f"ipv4 protocol {number}", framed(ipv4(0, number, bytes(40))), "pass_not_tcp_udp"
    three = ((0x88a8, 1), (0x8100, 2), (0x8100, 3))
    yield "three tags", packets.l2(three, 0x0800) + ipv4(), "pass_not_ip"
    yield "old qinq", packets.l2(((0x9100, 1),), 0x0800) + ipv4(), "pass_not_ip"


@pytest.mark.parametrize("frame,reason", [pytest.param(f, r, id=i) for i, f, r in strangers()])
@pytest.mark.parametrize("tags", ("untagged", "vlan", "qinq"))
def test_strangers_pass_untouched(vip, frame, reason, tags):
    frame = bytes(frame)
    kind = struct.unpack_from("!H", frame, 12)[0]
    if tags != "untagged" and kind in (0x88a8, 0x8100, 0x9100):
        tags = "untagged"  # has tags of its own
    frame = frame[:12] + packets.l2(TAGS[tags], kind)[12:] + frame[14:]
    check(vip, [frame], [reason])


def cuts_of_all_kinds(dst, family):
    """Packets for an address of which nothing but the address is good."""
    if family == 4:
        yield ipv4(dst=dst)[:24]  # truncated
        yield bytes([0x44]) + ipv4(dst=dst)[1:]  # ihl 4
        yield ipv4(rest=l4(TCP)[:8], dst=dst, flags="MF")
        yield ipv4(dst=dst, frag=1)
        return
    yield ipv6(dst=dst)[:44]
    yield ipv6((FRAGMENT_FIRST,), rest=l4(TCP)[:8], dst=dst)
    yield ipv6((DSTOPTS,) * 7, dst=dst)
    yield ipv6((DSTOPTS,), dst=dst)[:44]


@pytest.mark.parametrize("family", (4, 6))
def test_odd_packets_for_others_pass(vip, family):
    """Only a VIP's own packets are dropped for being odd."""
    frames = [framed(p) for p in cuts_of_all_kinds(packets.CLIENT[family], family)]
    check(vip, frames, ["pass_not_vip"] * len(frames))
    own = [framed(p) for p in cuts_of_all_kinds(packets.VIP[family], family)]
    assert all(r.verdict == "XDP_DROP" for r in vip.run(own, ifindex=vip.here))


# --- lengths that lie -------------------------------------------------------------

@pytest.mark.parametrize("protocol", (TCP, UDP))
def test_ipv4_total_length(vip, protocol):
    whole = ipv4(8, protocol)
    frames, reasons = [], []
    for total in [*range(0, len(whole) + 3), 0xffff]:
        inner = bytearray(whole)
        inner[2:4] = struct.pack("!H", total)
        frames.append(framed(bytes(inner)))
        if total < 28 or total > len(whole):
            reasons.append("drop_bad_header")
        elif total < 28 + L4_LEN[protocol]:
            reasons.append("drop_truncated")
        else:
            reasons.append("forward_tx")
    check(vip, frames, reasons)


@pytest.mark.parametrize("protocol", (TCP, UDP))
def test_ipv6_payload_length(vip, protocol):
    whole = ipv6((DSTOPTS,), protocol)
    frames, reasons = [], []
    for length in [*range(0, len(whole) - 40 + 3), 0xffff]:
        inner = bytearray(whole)
        inner[4:6] = struct.pack("!H", length)
        frames.append(framed(bytes(inner)))
        if length < 16 or length > len(whole) - 40:
            reasons.append("drop_bad_header")
        elif length < 16 + L4_LEN[protocol]:
            reasons.append("drop_truncated")
        else:
            reasons.append("forward_tx")
    check(vip, frames, reasons)


@pytest.mark.parametrize("ihl", range(16))
def test_ipv4_header_length(vip, ihl):
    """All of them, with a packet that has the room; forwarded ones keep their options."""
    inner = bytearray(ipv4(max(ihl - 5, 0) * 4))
    inner[0] = 0x40 | ihl
    check(vip, [framed(bytes(inner))], ["forward_tx" if ihl >= 5 else "drop_bad_header"])
    out = vip.run_one(framed(bytes(inner)), ifindex=vip.here).packet
    if ihl >= 5:
        assert out[harness.ETH_HLEN + 20:] == bytes(inner)


@pytest.mark.parametrize("version", [v for v in range(16) if v != 4])
def test_wrong_version_in_ipv4(vip, version):
    inner = ipv4()
    check(vip, [framed(inner)[:14] + bytes([version << 4 | 5]) + inner[1:]], ["drop_bad_header"])


@pytest.mark.parametrize("version", [v for v in range(16) if v != 6])
def test_wrong_version_in_ipv6(vip, version):
    inner = ipv6()
    check(vip, [framed(inner)[:14] + bytes([version << 4]) + inner[1:]], ["drop_bad_header"])


# --- fragments and extension headers -----------------------------------------------

@pytest.mark.parametrize("tags", TAGS)
@pytest.mark.parametrize("protocol", (TCP, UDP))
def test_ipv4_fragments(vip, protocol, tags):
    tiny = "drop_fragment_tiny" if protocol == TCP else "forward_tx"  # over the header
    kinds = [({"flags": "MF"}, "forward_tx"), ({"frag": 1}, tiny), ({"frag": 3}, "forward_tx"),
             ({"frag": 8191}, "forward_tx"), ({"flags": "MF", "frag": 1}, tiny),
             ({"flags": "DF"}, "forward_tx"), ({"flags": "evil"}, "forward_tx"),
             ({"flags": 0}, "forward_tx")]
    check(vip, [framed(ipv4(0, protocol, **fields), tags) for fields, _ in kinds],
          [reason for _, reason in kinds])


def test_fragments_of_icmp(vip):
    """They are for the VIP's address, and nobody can tell what they are."""
    frames = [framed(ipv4(0, 1, bytes(40), flags="MF")), framed(ipv4(0, 1, bytes(40), frag=9))]
    frames += [framed(ipv6((kind,), 58, bytes(40))) for kind in (FRAGMENT_FIRST, FRAGMENT_LATER)]
    check(vip, frames, ["drop_fragment"] * 4)


@pytest.mark.parametrize("tags", TAGS)
@pytest.mark.parametrize("protocol", (TCP, UDP))
@pytest.mark.parametrize("kind", (FRAGMENT_FIRST, FRAGMENT_LATER, FRAGMENT_ATOMIC))
def test_ipv6_fragments(vip, kind, protocol, tags):
    chains = [(kind,), (HOPOPTS, kind), (DSTOPTS, ROUTING, kind)]
    check(vip, [framed(ipv6(c, protocol), tags) for c in chains], ["forward_tx"] * len(chains))


def test_fragments_whose_transport_is_behind_another_header(vip):
    """A later one does not show what it carries, so it follows its first one."""
    frames = [framed(ipv6((kind, DSTOPTS))) for kind in (FRAGMENT_LATER, FRAGMENT_FIRST, FRAGMENT_LATER)]
    frames[0] = frames[0].replace(FRAGMENT_LATER[1], FRAGMENT_LATER[1][:-1] + b"\x08")
    results = vip.run(frames, ifindex=vip.here)
    assert [r.reason for r in results] == ["drop_fragment_early", "forward_tx", "forward_tx"]


@pytest.mark.parametrize("protocol", (TCP, UDP))
@pytest.mark.parametrize("header", (HOPOPTS, DSTOPTS, ROUTING, AH))
def test_extension_headers_are_followed_up_to_six(vip, header, protocol):
    frames = [framed(ipv6((header,) * n, protocol)) for n in range(10)]
    check(vip, frames, ["forward_tx"] * 7 + ["drop_extension"] * 3)


def test_extension_headers_of_all_lengths(vip):
    """hdrlen counts words of 8 less 1, in AH words of 4 less 2 (RFC 4302 section 2.2)."""
    frames = []
    for words in range(0, 256, 5):
        size = (words + 1) * 8
        frames.append(framed(ipv6(((60, bytes([words]) + bytes(size - 2)),))))
        size = (words + 2) * 4
        frames.append(framed(ipv6(((51, bytes([words]) + bytes(size - 2)),))))
    check(vip, frames, ["forward_tx"] * len(frames))


def test_the_port_behind_extension_headers_counts(vip):
    headers = (HOPOPTS, DSTOPTS, ROUTING, AH)
    check(vip, [framed(ipv6(headers, TCP, l4(TCP, dport=port))) for port in (80, 81)],
          ["forward_tx", "pass_not_vip"])


def test_no_next_header_passes(vip):
    check(vip, [framed(ipv6((HOPOPTS,), 59, b""))], ["pass_not_tcp_udp"])


def test_raw_scapy_agrees_on_the_headers(vip):
    """The packets above are what they are said to be, in scapy's eyes."""
    # scapy reads no AH here.
    read = IPv6(ipv6((HOPOPTS, DSTOPTS, ROUTING), UDP))
    assert read.haslayer("UDP") and read["UDP"].dport == 80
    read = IP(ipv4(40, TCP))
    assert read.ihl == 15 and read["TCP"].dport == 80 and bytes(read[Raw]) == b"data"
