# SPDX-License-Identifier: GPL-2.0
"""
Frames of several buffers (xdp.frags): as long as the headers are in the first one, they
go the way that all go, whole.
"""
import struct

import pytest

import fragments
import harness
import icmp_packets as icmp
import packets
from harness import DSR, GUE, IPIP, NAT, TCP, UDP
from test_drop import EXTRA, FRAME_MAX, TUNNEL, WAYS
from test_nat import BACKEND, MACS, OWN, add_routes, build, client

FAMILIES = pytest.mark.parametrize("family", (4, 6))
PROTOCOLS = pytest.mark.parametrize("protocol", (TCP, UDP))
# One byte into the second buffer, a jumbo frame, three buffers.
SIZES = (FRAME_MAX + 1, 9014, 2 * 4096 + FRAME_MAX)
MTU = 16000


WIDE, NARROW = 1000, 2000  # ports of the way of that number: MTU 16,000 and 9,000
WAY = {way: n for n, way in enumerate(WAYS, start=1)}


@pytest.fixture(scope="module")
def ways(progrun):
    """All at once: a VIP port for each way and MTU, and nat. Hops by number."""
    add_routes(progrun)
    rules, hops = [], {}
    for (mode, backend_family, family), n in WAY.items():
        saddr, daddr = TUNNEL[backend_family]
        for first, mtu in ((WIDE, MTU), (NARROW, 9000)):
            number = first // 10 + n
            hops[number] = harness.hop(number, progrun.here, saddr, daddr, mtu=mtu, keep_tags=True)
            rules += [harness.rule(packets.VIP[family], first + n, protocol=protocol, forward=mode,
                                   vip=number, pool=number, affinity=harness.TCP_AFFINITY)
                      for protocol in (TCP, UDP)]
    for family in (4, 6):
        number = 300 + family
        hops[number] = harness.hop(number, progrun.here, BACKEND[family], BACKEND[family], mtu=MTU)
        for protocol in (TCP, UDP):
            rules.append(harness.rule(packets.VIP[family], 443, protocol=protocol, forward=NAT,
                                      vip=number, pool=number, target=4443))
            rules.append(harness.reply(BACKEND[family], 4443, 4443, packets.VIP[family], 443,
                                       protocol=protocol))
    policies = [harness.policy(prefix, True, 0, ifindex)
                for prefix in ("0.0.0.0/0", "::/0") for ifindex in (progrun.here, progrun.there)]
    progrun.request(op="limpet", scenario=harness.scenario(
        rules, [harness.pool(number, [number]) for number in hops], list(hops.values()),
        policies=policies))
    progrun.hops = hops
    return progrun


def port(first, *way):
    return first + WAY[way]


def inner(family, protocol, size, **what):
    """An IP packet that makes a frame of `size` bytes, without tags."""
    bare = len(packets.packet(family, protocol, **what)) + harness.ETH_HLEN
    data = bytes(i * 11 & 0xff for i in range(size - bare))
    return packets.packet(family, protocol, data, **what)


def frame(packet, tags=()):
    return packets.l2(tags, packets.ip_type(packets.family_of(packet))) + packet


@pytest.mark.parametrize("tags", ("untagged", "vlan", "qinq"))
@pytest.mark.parametrize("mode,backend_family,family", WAYS)
def test_every_mode(ways, mode, backend_family, family, tags):
    dport = port(WIDE, mode, backend_family, family)
    number = WIDE // 10 + WAY[mode, backend_family, family]
    hop = ways.hops[number]
    tags = packets.TAGS[tags]
    for protocol in (TCP, UDP):
        for size in SIZES:
            whole = frame(inner(family, protocol, size, dport=dport), tags)
            result = ways.run_one(whole, ifindex=ways.here)
            assert (result.reason, result.verdict) == ("forward_tx", "XDP_TX")
            assert result.vips == {number: (1, len(whole))}
            at = harness.ETH_HLEN + 4 * len(tags)
            entropy = packets.flow_label(result.packet, at) if hop["v6"] else 0
            sport = packets.gue_source_port(result.packet, at + (40 if hop["v6"] else 20)) \
                if mode == GUE else 0
            packets.assert_frame(result.packet, packets.expected(
                hop, mode, whole[at:], tags, entropy, sport))


@pytest.mark.parametrize("mode,backend_family,family", WAYS)
def test_the_mtu_is_of_the_whole_packet(ways, mode, backend_family, family):
    dport = port(NARROW, mode, backend_family, family)
    fits = 9000 - EXTRA[mode, backend_family]
    frames = [frame(inner(family, UDP, harness.ETH_HLEN + fits + more, dport=dport))
              for more in (-1, 0, 1, 2)]
    results = ways.run(frames, ifindex=ways.here)
    assert [r.reason for r in results] == ["forward_tx"] * 2 + ["answer_too_big"] * 2
    for one, result in zip(frames[2:], results[2:]):
        packets.assert_frame(result.packet, icmp.answered(family, icmp.told(
            family, one[harness.ETH_HLEN:], icmp.TOO_BIG[family], fits, packets.VIP[family],
            packets.CLIENT[family])))
        assert result.verdict == "XDP_TX" and not result.backends


@FAMILIES
@PROTOCOLS
def test_what_is_for_no_vip_passes_as_it_came(ways, family, protocol):
    for size in SIZES:
        whole = frame(inner(family, protocol, size, dport=81))
        result = ways.run_one(whole, ifindex=ways.here)
        assert (result.reason, result.packet) == ("pass_not_vip", whole)


@FAMILIES
def test_lengths_that_lie(ways, family):
    """Of all buffers together, not of the first one."""
    at = harness.ETH_HLEN + (2 if family == 4 else 4)
    for size in SIZES:
        whole = bytearray(frame(inner(family, UDP, size, dport=port(WIDE, IPIP, 4, family))))
        length = struct.unpack_from("!H", whole, at)[0]
        for more, reason in ((-1, "forward_tx"), (0, "forward_tx"), (1, "drop_bad_header"),
                             (100, "drop_bad_header")):
            struct.pack_into("!H", whole, at, length + more)
            assert ways.run_one(bytes(whole), ifindex=ways.here).reason == reason


@FAMILIES
def test_padding_in_the_last_buffer_stays(ways, family):
    """It is no part of the packet, and what is in front of it is not changed by it."""
    hop = ways.hops[WIDE // 10 + WAY[IPIP, 4, family]]
    for size in (1500, FRAME_MAX, FRAME_MAX + 1):
        packet = inner(family, TCP, size, dport=port(WIDE, IPIP, 4, family))
        result = ways.run_one(frame(packet) + bytes(5000), ifindex=ways.here)
        assert result.reason == "forward_tx"
        packets.assert_frame(result.packet, packets.expected(hop, IPIP, packet, (), rest=bytes(5000)))


def test_headers_beyond_the_first_buffer(ways):
    """A chain of extension headers longer than a page: what it carries is out of reach."""
    long = bytes([255]) + bytes(2046)  # 2,048 bytes with the number in front, of Pad1
    rest = bytes(packets.l4_header(UDP, dport=port(WIDE, IPIP, 4, 6), len=16)) + bytes(8)
    for n, reason in ((1, "forward_tx"), (2, "drop_truncated"), (6, "drop_truncated")):
        data = b"".join(bytes([60 if i < n - 1 else UDP]) + long for i in range(n)) + rest
        packet = bytes(packets.ip_header(6, nh=60, plen=len(data))) + data
        result = ways.run_one(frame(packet), ifindex=ways.here)
        assert result.reason == reason


@FAMILIES
@PROTOCOLS
def test_nat_both_ways(ways, family, protocol):
    hop = ways.hops[300 + family]
    here = client(family, "here")
    for size in (FRAME_MAX + 1, 8000):
        data = bytes(i * 13 & 0xff for i in range(size))

        def packet(src, dst, sport, dport, ttl):
            return build(family, protocol, src, dst, sport, dport, data, ttl)
        out = ways.run_one(frame(packet(here, packets.VIP[family], 40000, 443, 57)),
                              ifindex=ways.here)
        assert out.reason == "forward_tx"
        packets.assert_frame(out.packet, packets.l2((), packets.ip_type(family), hop["dst"], hop["src"])
                             + packet(here, BACKEND[family], 40000, 4443, 56))
        # Where the route's MTU is less, the kernel sends it on.
        out = ways.run_one(frame(packet(BACKEND[family], here, 4443, 40000, 57)),
                              ifindex=ways.here)
        assert out.reason == "forward_reply"
        packets.assert_frame(out.packet, packets.l2((), packets.ip_type(family), MACS["here"],
                                                    OWN["here"])
                             + packet(packets.VIP[family], here, 443, 40000, 56))


@FAMILIES
@pytest.mark.parametrize("mode", (DSR, IPIP, GUE))
def test_fragments_of_several_buffers(ways, family, mode):
    """With a jumbo MTU there are fragments longer than a page."""
    way = (mode, family if mode == DSR else 4, family)
    parts = fragments.cut(inner(family, UDP, 30000, dport=port(WIDE, *way)), 8960, 77)
    for part in parts:
        result = ways.run_one(frame(part), ifindex=ways.here)
        assert result.reason == "forward_tx"
        assert result.packet.endswith(part)
        assert result.vips == {WIDE // 10 + WAY[way]: (1, len(part) + harness.ETH_HLEN)}
