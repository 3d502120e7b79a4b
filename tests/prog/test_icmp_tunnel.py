# SPDX-License-Identifier: GPL-2.0
"""
A router behind limpet says that a tunnel packet is too big; limpet tells the client of what
was inside, with what is left of the MTU.
"""
import os

import pytest

import harness
import icmp_packets as icmp
import packets
import test_nat as site
from harness import GUE, IPIP, TCP, UDP

OUTER = {4: ("10.9.0.1", "10.9.0.2"), 6: ("2001:db8:e::1", "2001:db8:e::2")}
WAYS = {80: (IPIP, 4), 81: (IPIP, 6), 82: (GUE, 4), 83: (GUE, 6)}
OVERHEAD = {(IPIP, 4): 20, (IPIP, 6): 40, (GUE, 4): 28, (GUE, 6): 48}
ROUTER = {4: "10.9.7.1", 6: "2001:db8:e:7::1"}
FAMILIES = pytest.mark.parametrize("family", (4, 6))
MODES = pytest.mark.parametrize("port", WAYS)


@pytest.fixture(scope="module")
def tunnels(progrun):
    site.add_routes(progrun)
    policies = [harness.policy(prefix, True, 0, ifindex) for prefix in ("0.0.0.0/0", "::/0")
                for ifindex in (progrun.here, progrun.there)]
    progrun.request(op="limpet", scenario=harness.scenario(
        [harness.rule(packets.VIP[family], port, protocol=protocol, forward=mode, vip=port - 79,
                      pool=port - 79) for family in (4, 6) for protocol in (TCP, UDP)
         for port, (mode, _) in WAYS.items()],
        [harness.pool(port - 79, [port - 79]) for port in WAYS],
        [harness.hop(port - 79, progrun.there, *OUTER[outer], mtu=9000)
         for port, (_, outer) in WAYS.items()], policies=policies))
    return progrun


def sent(tunnels, family, port, way="here", size=1400, protocol=TCP):
    """(a client's packet, the tunnel packet that limpet makes of it)"""
    client = site.client(family, way)
    bare = len(packets.packet(family, protocol, src=client, dport=port))
    inner = packets.packet(family, protocol, b"\x5a" * (size - bare), src=client, dport=port)
    result = tunnels.run_one(icmp.frame(family, inner), ifindex=tunnels.here)
    assert result.reason == "forward_redirect"
    return inner, result.packet[14:]


def too_big(outer, quoted, mtu, dst=None, kind=None, src=None, hops=60):
    return icmp.frame(outer, icmp.icmp(outer, src or ROUTER[outer], dst or OUTER[outer][0],
                                       kind or icmp.TOO_BIG[outer], mtu, quoted, hops=hops))


def check_told(result, family, inner, mtu, way="here"):
    packets.assert_frame(result.packet, packets.l2(
        (), packets.ip_type(family), site.MACS[way], site.OWN[way]) + icmp.told(
            family, inner, icmp.TOO_BIG[family], mtu, packets.VIP[family], site.client(family, way)))


@FAMILIES
@MODES
@pytest.mark.parametrize("way", ("here", "there"))
def test_the_client_is_told(tunnels, family, port, way):
    """(No more in a row than the limit lets through.)"""
    mode, outer = WAYS[port]
    protocol = TCP if way == "here" else UDP
    inner, tunnel = sent(tunnels, family, port, way, protocol=protocol)
    over = OVERHEAD[mode, outer]
    for quoted in (over + icmp.HEADER[family] + (8 if port % 2 else 31), 528 if port > 81 else 1232):
        result = tunnels.run_one(too_big(outer, tunnel[:quoted], 1380), ifindex=tunnels.here)
        assert result.reason == "answer_tunnel"
        assert result.verdict == ("XDP_TX" if way == "here" else "XDP_REDIRECT")
        assert not result.vips and not result.backends
        check_told(result, family, inner[:quoted - over], 1380 - over, way)


@FAMILIES
@MODES
def test_the_stack_finds_the_way(tunnels, family, port):
    """The frame is as if it had come with what it says."""
    mode, outer = WAYS[port]
    way = "elsewhere" if mode == GUE else "nobody"
    inner, tunnel = sent(tunnels, family, port, way)
    result = tunnels.run_one(too_big(outer, tunnel[:500], 1380), ifindex=tunnels.here)
    assert (result.reason, result.verdict) == ("pass_tunnel", "XDP_PASS")
    over = OVERHEAD[mode, outer]
    packets.assert_frame(result.packet, icmp.frame(family, icmp.told(
        family, inner[:500 - over], icmp.TOO_BIG[family], 1380 - over, packets.VIP[family],
        site.client(family, way))))


@MODES
def test_ipv6_is_told_1280_at_least(tunnels, port):
    mode, outer = WAYS[port]
    inner, tunnel = sent(tunnels, 6, port)
    result = tunnels.run_one(too_big(outer, tunnel[:400], 1280), ifindex=tunnels.here)
    check_told(result, 6, inner[:400 - OVERHEAD[mode, outer]], 1280)
    _, small = sent(tunnels, 6, port, size=1280)
    frame = too_big(outer, small[:400], 1280)
    result = tunnels.run_one(frame, ifindex=tunnels.here)
    assert (result.reason, result.packet) == ("pass_not_tcp_udp", frame)


@FAMILIES
@MODES
def test_what_is_not_believed(tunnels, family, port):
    """What limpet would not have sent, or is not about its size, is for the host's own stack."""
    mode, outer = WAYS[port]
    over, head = OVERHEAD[mode, outer], icmp.HEADER[outer]
    _, tunnel = sent(tunnels, family, port)
    other = bytearray(tunnel)
    other[head - 1] ^= 1  # to another backend
    stranger = bytearray(tunnel)
    stranger[over + icmp.HEADER[family] + 3] ^= 0x80  # a port that is no VIP's
    no_vip = bytearray(tunnel)
    no_vip[over + icmp.HEADER[family] - 1] ^= 0x40
    unicast = {4: "10.9.0.9", 6: "2001:db8:e::9"}[outer]
    frames = [too_big(outer, bytes(q)[:500], 1380) for q in (other, stranger, no_vip)]
    frames += [too_big(outer, tunnel[:over + icmp.HEADER[family] + 7], 1380),
               too_big(outer, tunnel[:over + 3], 1380), too_big(outer, tunnel[:head], 1380),
               too_big(outer, tunnel[:500], 0), too_big(outer, tunnel[:500], over),
               too_big(outer, tunnel[:500], len(tunnel)),  # it would have fitted
               too_big(outer, tunnel[:500], 1380, dst=unicast),
               too_big(outer, tunnel[:500], 1380, kind=icmp.UNREACHABLE[outer]),
               too_big(outer, tunnel[:500], 1380, kind=icmp.TIME_EXCEEDED[outer])]
    if mode == GUE:
        ported = bytearray(tunnel)
        ported[head + 3] ^= 1
        frames.append(too_big(outer, bytes(ported)[:500], 1380))
    for frame in frames:
        result = tunnels.run_one(frame, ifindex=tunnels.here)
        assert (result.reason, result.verdict) == ("pass_not_tcp_udp", "XDP_PASS")
        assert result.packet == frame


def test_telling_is_limited(tunnels):
    if os.environ.get("LIMPET_RECORD"):
        pytest.skip("the number is not the same twice")
    _, tunnel = sent(tunnels, 4, 80)
    frames = [too_big(4, tunnel[:500], 1380)] * 2000
    results = tunnels.run(frames, ifindex=tunnels.here)
    reasons = [result.reason for result in results]
    assert set(reasons) == {"answer_tunnel", "drop_icmp_rate"}
    assert all(r.packet == frames[0] for r in results if r.reason == "drop_icmp_rate")
