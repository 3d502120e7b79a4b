# SPDX-License-Identifier: GPL-2.0
"""The decapsulation program: what is taken off, from whom, and what is not."""
import itertools
import random
import struct

import pytest

import harness
import packets
from harness import TCP, UDP
from packets import IP, TAGS, IPOption_NOP, IPv6

BALANCER = {4: "10.9.0.1", 6: "2001:db8:e::1"}
OTHER_BALANCER = {4: "10.9.0.77", 6: "2001:db8:e::77"}
STRANGER = {4: "10.9.0.2", 6: "2001:db8:e::2"}
LOCAL = {4: "10.9.3.2", 6: "2001:db8:e:3::2"}
NOT_LOCAL = {4: "10.9.3.3", 6: "2001:db8:e:3::3"}
GUE_PORT = 6080
PROTO = {4: 4, 6: 41}  # of what is inside

NOT_ECT, ECT1, ECT0, CE = 0, 1, 2, 3

DSTOPTS_LIMIT = (60, bytes([0, 4, 1, 4, 1, 0, 0]))  # RFC 2473: tunnel encapsulation limit


def set_up(progrun, gue_port=GUE_PORT, **more):
    progrun.request(op="decap", gue_port=gue_port,
                    **{"from": [a[f] for a in (BALANCER, OTHER_BALANCER) for f in (4, 6)],
                       "local": [*LOCAL.values()], **more})
    return progrun


@pytest.fixture(scope="module")
def decap(progrun):
    return set_up(progrun)


def gue0(proto, options=0, control=0, flags=0, variant=0):
    """GUE header, draft-ietf-intarea-gue-09 section 3.1; `options`: words of 4 bytes."""
    return struct.pack("!BBH", variant << 6 | control << 5 | options, proto,
                       flags) + bytes(4 * options)


def udp(data, dport=GUE_PORT, length=None):
    return struct.pack("!HHHH", 50000, dport, 8 + len(data) if length is None else length,
                       0) + data


def outer(family, proto, data, src=None, dst=None, tos=0, headers=(), options=0, **fields):
    """The outer IP header in front of `data`."""
    src, dst = src or BALANCER[family], dst or LOCAL[family]
    if family == 4:
        head = IP(src=src, dst=dst, tos=tos, proto=proto, id=0, len=20 + options + len(data),
                  **{"flags": "DF", **fields})
        if options:
            head.options = [IPOption_NOP()] * options
        return bytes(head) + data
    numbers = [number for number, _ in headers] + [proto]
    chain = b"".join(bytes([numbers[i + 1]]) + body for i, (_, body) in enumerate(headers))
    head = IPv6(src=src, dst=dst, tc=tos, nh=numbers[0], plen=len(chain) + len(data), **fields)
    return bytes(head) + chain + data


KINDS = ("ip", "gue1", "gue0", "gue0 options")


def tunnel(kind, family, inner, **fields):
    """An outer packet of the kind around an inner one."""
    inside = PROTO[packets.family_of(inner)]
    if kind == "ip":
        return outer(family, inside, inner, **fields)
    front = {"gue1": b"", "gue0": gue0(inside), "gue0 options": gue0(inside, 31)}[kind]
    return outer(family, 17, udp(front + inner), **fields)


def framed(packet, tags="untagged"):
    return packets.l2(TAGS[tags], packets.ip_type(packets.family_of(packet))) + packet


def check(progrun, frames, reasons, outs=None):
    """Each frame gets its reason; the frames in `outs` come out, others as they were."""
    results = progrun.run(frames, ifindex=progrun.here)
    assert [r.reason for r in results] == reasons
    for index, (frame, result) in enumerate(zip(frames, results)):
        assert result.verdict == ("XDP_DROP" if "drop" in result.reason else "XDP_PASS")
        if result.reason == "decapsulated":
            packets.assert_frame(result.packet, outs[index])
        elif "drop" not in result.reason:
            assert result.packet == frame


ALL = [(kind, family, inside, protocol) for kind, family, inside, protocol in itertools.product(
    KINDS, (4, 6), (4, 6), (TCP, UDP))]


@pytest.mark.parametrize("tags", TAGS)
@pytest.mark.parametrize("kind,family,inside,protocol", ALL)
def test_taken_off(decap, kind, family, inside, protocol, tags):
    rnd = random.Random(f"{kind}{family}{inside}{protocol}{tags}")
    inner = packets.packet(inside, protocol, rnd.randbytes(rnd.randrange(400)), tos=4 * 11)
    sources = (BALANCER[family], OTHER_BALANCER[family])
    frames = [framed(tunnel(kind, family, inner, src=src), tags) for src in sources]
    # Padding behind the outer packet stays behind the inner one.
    frames.append(frames[0] + b"\xaa" * 9)
    want = framed(inner, tags)
    check(decap, frames, ["decapsulated"] * 3, [want, want, want + b"\xaa" * 9])


@pytest.mark.parametrize("kind,family,inside,protocol", ALL)
def test_wrong_source_is_dropped(decap, kind, family, inside, protocol):
    inner = packets.packet(inside, protocol, b"intruder")
    check(decap, [framed(tunnel(kind, family, inner, src=STRANGER[family]))], ["drop_source"])


@pytest.mark.parametrize("kind,family,inside,protocol", ALL)
def test_what_is_for_others_passes(decap, kind, family, inside, protocol):
    inner = packets.packet(inside, protocol, b"not ours")
    frames = [framed(tunnel(kind, family, inner, src=src, dst=NOT_LOCAL[family]))
              for src in (BALANCER[family], STRANGER[family])]
    check(decap, frames, ["not_tunnel"] * 2)


@pytest.mark.parametrize("tags", ("untagged", "qinq"))
def test_what_is_no_tunnel_passes(decap, tags):
    frames = [framed(packets.packet(f, p, b"x", src=s[f], dst=LOCAL[f]), tags)
              for f in (4, 6) for p in (TCP, UDP) for s in (BALANCER, STRANGER)]
    # UDP to another port, TCP to GUE's, GRE, ICMP, OSPF; then no IP at all.
    frames += [framed(outer(f, 17, udp(packets.packet(4), dport=GUE_PORT + 1)), tags)
               for f in (4, 6)]
    frames += [framed(packets.packet(f, TCP, b"x", dport=GUE_PORT, src=BALANCER[f], dst=LOCAL[f]),
                      tags) for f in (4, 6)]
    frames += [framed(outer(f, proto, bytes(60)), tags) for f in (4, 6)
               for proto in (1, 47, 50, 58, 89)]
    frames += [packets.l2(TAGS[tags], kind) + bytes(46) for kind in (0x0806, 0x88cc, 0x8847)]
    check(decap, frames, ["not_tunnel"] * len(frames))


def test_another_gue_port(progrun):
    set_up(progrun, gue_port=7777)
    try:
        inner = packets.packet()
        frames = [framed(outer(4, 17, udp(inner, dport=port))) for port in (7777, GUE_PORT)]
        check(progrun, frames, ["decapsulated", "not_tunnel"], [framed(inner), None])
    finally:
        set_up(progrun)


def test_lists_can_change_while_it_runs(progrun):
    inner = packets.packet()
    frames = [framed(tunnel("ip", 4, inner)), framed(tunnel("ip", 4, inner, src=STRANGER[4])),
              framed(tunnel("ip", 4, inner, dst=NOT_LOCAL[4]))]
    out = [framed(inner)] * 3
    set_up(progrun)
    check(progrun, frames, ["decapsulated", "drop_source", "not_tunnel"], out)
    try:
        set_up(progrun, keep=True, **{"from": [BALANCER[4], STRANGER[4]],
                                     "local": [LOCAL[4], NOT_LOCAL[4]]})
        check(progrun, frames, ["decapsulated"] * 3, out)
        set_up(progrun, keep=True, **{"from": [STRANGER[4]], "local": [LOCAL[4]]})
        check(progrun, frames, ["drop_source", "decapsulated", "not_tunnel"], out)
        set_up(progrun, keep=True, **{"from": [], "local": []})
        check(progrun, frames, ["not_tunnel"] * 3)
    finally:
        set_up(progrun)


# --- ECN ------------------------------------------------------------------------------

# RFC 6040 figure 4: (inner, outer) to what goes on, None: dropped.
ECN_TABLE = {
    NOT_ECT: {NOT_ECT: NOT_ECT, ECT0: NOT_ECT, ECT1: NOT_ECT, CE: None},
    ECT0: {NOT_ECT: ECT0, ECT0: ECT0, ECT1: ECT1, CE: CE},
    ECT1: {NOT_ECT: ECT1, ECT0: ECT1, ECT1: ECT1, CE: CE},
    CE: {NOT_ECT: CE, ECT0: CE, ECT1: CE, CE: CE},
}


@pytest.mark.parametrize("inner_ecn,outer_ecn", itertools.product(ECN_TABLE, repeat=2))
@pytest.mark.parametrize("kind", ("ip", "gue1"))
@pytest.mark.parametrize("inside", (4, 6))
@pytest.mark.parametrize("family", (4, 6))
def test_ecn(decap, family, inside, kind, inner_ecn, outer_ecn):
    for dscp in (0, 0x2e, 0x3f):
        inner = packets.packet(inside, TCP, b"data", tos=dscp << 2 | inner_ecn)
        # The outer DSCP is dropped (RFC 2983 section 4, the pipe model's egress).
        frame = framed(tunnel(kind, family, inner, tos=0x15 << 2 | outer_ecn))
        ecn = ECN_TABLE[inner_ecn][outer_ecn]
        if ecn is None:
            check(decap, [frame], ["drop_ecn"])
            continue
        # scapy computes the inner header anew, with its checksum.
        want = packets.packet(inside, TCP, b"data", tos=dscp << 2 | ecn)
        check(decap, [frame], ["decapsulated"], [framed(want)])


@pytest.mark.parametrize("seed", range(4))
def test_ecn_checksum_of_any_header(decap, seed):
    """RFC 1624: the incremental update is right for all headers, also near 0 and 0xffff."""
    rnd = random.Random(seed)
    frames, outs = [], []
    for _ in range(500):
        def header(ecn, ident, src):
            return bytes(IP(src=src, dst=packets.VIP[4], tos=ecn, id=ident, proto=17, len=28) /
                         packets.UDP(sport=1, dport=2, chksum=0, len=8))
        ident, src = rnd.randrange(65536), f"198.51.{rnd.randrange(256)}.{rnd.randrange(256)}"
        frames.append(framed(tunnel("ip", 4, header(ECT0, ident, src), tos=CE)))
        outs.append(framed(header(CE, ident, src)))
    check(decap, frames, ["decapsulated"] * len(frames), outs)


# --- malformed ------------------------------------------------------------------------

def inner_lies():
    """Inner packets that are none, by name, with the protocol number that announces them."""
    four, six = packets.packet(4), packets.packet(6)
    yield "ipv4 said to be ipv6", 41, four
    yield "ipv6 said to be ipv4", 4, six
    yield "version 5", 4, b"\x55" + four[1:]
    yield "version 0", 41, b"\x00" + six[1:]
    yield "ihl 4", 4, b"\x44" + four[1:]
    yield "ihl larger than the packet", 4, b"\x4f" + four[1:]
    yield "tot_len too large", 4, four[:2] + struct.pack("!H", len(four) + 1) + four[4:]
    yield "tot_len below the header", 4, four[:2] + struct.pack("!H", 19) + four[4:]
    yield "payload_len too large", 41, six[:4] + struct.pack("!H", len(six) - 39) + six[6:]
    yield "19 bytes", 4, four[:19]
    yield "39 bytes", 41, six[:39]
    yield "nothing", 4, b""


INNER_LIES = [pytest.param(number, inner, id=name) for name, number, inner in inner_lies()]


@pytest.mark.parametrize("number,inner", INNER_LIES)
@pytest.mark.parametrize("family", (4, 6))
@pytest.mark.parametrize("how", ("ip", "gue0"))
@pytest.mark.parametrize("padding", (0, 64))
def test_malformed_inside(decap, how, family, number, inner, padding):
    """Padding behind the outer packet does not make the inner one whole."""
    packet = outer(family, number, inner) if how == "ip" else \
        outer(family, 17, udp(gue0(number) + inner))
    check(decap, [framed(packet) + bytes(padding)], ["drop_malformed"])


def gue_lies():
    inner = packets.packet()
    yield "control message", gue0(0, control=1) + inner
    yield "control message around ip", gue0(4, control=1) + inner
    yield "flags", gue0(4, flags=0x8000) + inner
    yield "lowest flag", gue0(4, flags=1) + inner
    yield "variant 2", gue0(4, variant=2) + inner
    yield "variant 3", gue0(4, variant=3) + inner
    yield "variant 1, but ipv5", b"\x55" + inner[1:]
    yield "gre inside", gue0(47) + inner
    yield "tcp inside", gue0(6) + inner
    yield "udp inside", gue0(17) + inner
    yield "options beyond the end", gue0(4)[:1].replace(b"\0", b"\x1f") + gue0(4)[1:] + inner[:40]
    yield "header cut", gue0(4)[:3]
    yield "nothing", b""


@pytest.mark.parametrize("data", [pytest.param(d, id=i) for i, d in gue_lies()])
@pytest.mark.parametrize("family", (4, 6))
def test_malformed_gue(decap, family, data):
    check(decap, [framed(outer(family, 17, udp(data))) + bytes(80)], ["drop_malformed"])


@pytest.mark.parametrize("family", (4, 6))
def test_udp_length(decap, family):
    inner = packets.packet()
    whole = 8 + len(inner)
    frames, reasons = [], []
    for length in [*range(0, 10), whole - 1, whole, whole + 1, 65535]:
        frames.append(framed(outer(family, 17, udp(inner, length=length))))
        reasons.append("decapsulated" if length == whole else "drop_malformed")
    check(decap, frames, reasons, [framed(inner)] * len(frames))


def test_outer_ipv4_lies(decap):
    inner = packets.packet()
    good = outer(4, 4, inner)
    lies = [outer(4, 4, inner, chksum=0x1234), outer(4, 4, inner, flags="MF"),
            outer(4, 4, inner, frag=3), outer(4, 17, udp(inner), flags="MF")]
    for total in (0, 19, 20, 39, len(good) - 1, len(good) + 1):
        lies.append(outer_with_length(good, total))
    check(decap, [framed(p) for p in [good, *lies]],
          ["decapsulated"] + ["drop_malformed"] * len(lies), [framed(inner)])


def outer_with_length(packet, total):
    """The packet with another total length and the checksum right for it."""
    head = IP(packet[:20])
    head.len = total
    del head.chksum
    return bytes(head)[:20] + packet[20:]


@pytest.mark.parametrize("options", range(0, 44, 4))
def test_outer_ipv4_options(decap, options):
    inner = packets.packet()
    bad = bytearray(outer(4, 4, inner, options=options))
    bad[-len(inner) - 1] ^= 0x40  # the header's last byte: its checksum is wrong now
    check(decap, [framed(outer(4, 4, inner, options=options)),
                  framed(outer(4, 17, udp(inner), options=options))],
          ["decapsulated"] * 2, [framed(inner)] * 2)
    results = decap.run([framed(bytes(bad))], ifindex=decap.here)
    # Without options the last byte is the destination's: no longer ours.
    assert results[0].reason == ("drop_malformed" if options else "not_tunnel")


@pytest.mark.parametrize("ihl", range(5))
def test_outer_ipv4_header_length(decap, ihl):
    good = outer(4, 4, packets.packet())
    check(decap, [framed(good)[:14] + bytes([0x40 | ihl]) + good[1:]], ["drop_malformed"])


def test_later_fragments_of_udp_pass(decap):
    """They have no port to know them by: what looks like one is payload."""
    data = udp(packets.packet())
    later6 = (44, b"\0" + struct.pack("!HI", 100 << 3, 7))
    frames = [framed(outer(4, 17, data, frag=100)), framed(outer(6, 17, data, headers=(later6,)))]
    check(decap, frames, ["not_tunnel"] * 2)


def test_outer_ipv6_lies(decap):
    inner = packets.packet()
    good = outer(6, 4, inner)
    first = (44, b"\0" + struct.pack("!HI", 1, 7))
    later = (44, b"\0" + struct.pack("!HI", 100 << 3, 7))
    atomic = (44, b"\0" + struct.pack("!HI", 0, 7))
    lies = [outer(6, 4, inner, headers=(h,)) for h in (first, later, atomic)]
    lies += [outer(6, 17, udp(inner), headers=(h,)) for h in (first, atomic)]
    for length in (0, 19, len(inner) - 1, len(inner) + 1):
        lies.append(good[:4] + struct.pack("!H", length) + good[6:])
    lies.append(b"\x50" + good[1:])
    check(decap, [framed(p) for p in [good, *lies]],
          ["decapsulated"] + ["drop_malformed"] * len(lies), [framed(inner)])


@pytest.mark.parametrize("inside", (4, 6))
def test_encapsulation_limit_option(decap, inside):
    """Linux's ip6_tunnel sends it unless told not to (RFC 2473 section 5.1)."""
    inner = packets.packet(inside)
    packet = outer(6, PROTO[inside], inner, headers=(DSTOPTS_LIMIT,))
    check(decap, [framed(packet)], ["decapsulated"], [framed(inner)])


# --- cut off, and random ----------------------------------------------------------------

@pytest.mark.parametrize("tags", ("untagged", "qinq"))
@pytest.mark.parametrize("kind,family,inside,protocol", ALL)
def test_cut_off_at_every_length(decap, kind, family, inside, protocol, tags):
    """Never decapsulated; dropped as soon as it shows that it is a tunnel's."""
    inner = packets.packet(inside, protocol)
    frame = framed(tunnel(kind, family, inner), tags)
    shows = len(packets.l2(TAGS[tags])) + {4: 20, 6: 40}[family] + (0 if kind == "ip" else 8)
    lengths = range(harness.ETH_HLEN, len(frame))
    check(decap, [frame[:n] for n in lengths],
          ["not_tunnel" if n < shows else "drop_malformed" for n in lengths])


def mutated(rnd):
    inner = packets.packet(rnd.choice((4, 6)), rnd.choice((TCP, UDP)), rnd.randbytes(20))
    family = rnd.choice((4, 6))
    frame = bytearray(framed(tunnel(rnd.choice(KINDS), family, inner,
                                    src=rnd.choice((BALANCER, STRANGER))[family],
                                    tos=rnd.randrange(4)), rnd.choice([*TAGS])))
    for _ in range(rnd.randrange(4)):
        frame[min(int(rnd.expovariate(1 / 30)), len(frame) - 1)] = rnd.randrange(256)
    return bytes(frame[:rnd.randrange(harness.ETH_HLEN, len(frame) + 1)]
                 if rnd.random() < .2 else frame)


@pytest.mark.parametrize("seed", range(3))
def test_random(decap, seed):
    rnd = random.Random(f"decap {seed}")
    frames = [mutated(rnd) for _ in range(3000)]
    before = sum(decap.counters()["reasons"].values())
    results = decap.run(frames, ifindex=decap.here)
    assert sum(decap.counters()["reasons"].values()) - before == len(frames)
    for frame, result in zip(frames, results):
        assert result.verdict == ("XDP_DROP" if "drop" in result.reason else "XDP_PASS")
        if result.reason == "not_tunnel":
            assert result.packet == frame
        if result.reason == "decapsulated":
            check_inner(frame, result.packet)
    assert {r.reason for r in results} == {"decapsulated", "not_tunnel", "drop_source",
                                           "drop_malformed", "drop_ecn"}


def check_inner(frame, out):
    """What comes out begins with the frame's link layer and is the end of the frame."""
    assert len(out) < len(frame)
    assert out[:12] == frame[:12]
    tags = 0
    while struct.unpack_from("!H", out, 12 + 4 * tags)[0] in (0x8100, 0x88a8) and tags < 2:
        tags += 1
    start = 14 + 4 * tags
    assert out[12:start - 2] == frame[12:start - 2]
    family = packets.family_of(out[start:])
    assert struct.unpack_from("!H", out, start - 2)[0] == packets.ip_type(family)
    # All but ECN and, of IPv4, the checksum is as it was.
    skip = 12 if family == 4 else 2
    assert frame.endswith(out[start + skip:])


@pytest.mark.parametrize("size", (3600, 8900, 20000))
def test_frames_of_several_buffers(decap, size):
    """Larger than a page: the headers are in the first buffer."""
    inner = packets.packet(4, TCP, bytes(i % 251 for i in range(size)))
    check(decap, [framed(tunnel(kind, family, inner)) for kind in KINDS for family in (4, 6)],
          ["decapsulated"] * 8, [framed(inner)] * 8)
