# SPDX-License-Identifier: GPL-2.0
"""
ICMP errors through nat, both ways: what comes out is what scapy makes of the translated
quote, so every checksum on the way is computed anew by other code.
"""
import random

import pytest

import icmp_packets as icmp
import packets
import test_nat as site
from harness import TCP, UDP
from test_nat import FAMILIES, HERE, PROTOCOLS, TAGS, THERE, nat  # noqa: F401 pylint: disable=unused-import

ROUTER = {4: "192.0.2.1", 6: "2001:db8:d::1"}  # on the way to clients
INSIDE = {4: "10.1.0.254", 6: "2001:db8:1::fe"}  # on the way to backends
CLIENT_PORT = 40000
# Port of the VIP, of the backend, and by which interface that is reached.
PORTS = ((443, HERE, "here"), (80, THERE, "there"), (22, 22, "here"), (5089, 5089, "here"),
         (7777, 7777, "here"))


def error(family, kind, rest, src, dst, quoted, hops):
    return icmp.icmp(family, src, dst, kind, rest, quoted, hops=hops)


def cuts(family, whole, rnd):
    """As little as 8 bytes of the transport header, with and without its checksum, and all. (Of
    a checksum cut in two nobody can say what it would be: it stays as it is.)"""
    head = icmp.HEADER[family]
    return sorted({head + 8, head + 15, head + 16, head + 18, head + 20,
                   rnd.randrange(head + 18, whole + 1) if whole >= head + 18 else whole, whole} & set(range(head + 8, whole + 1)))


def with_udp_zero(family, protocol, packet, zero):
    """scapy computes a checksum where it is told 0."""
    if not zero or protocol != UDP:
        return packet
    at = icmp.HEADER[family] + 6
    return packet[:at] + b"\0\0" + packet[at + 2:]


@FAMILIES
@PROTOCOLS
@TAGS
def test_to_the_backend(nat, family, protocol, came):  # noqa: F811
    """About a reply, as the client's side saw it: the backend reads of what it sent."""
    tags, rnd = packets.TAGS[came], random.Random(f"{family} {protocol}")
    vip, backend = packets.VIP[family], site.BACKEND[family]
    for port, target, where in PORTS:
        for kind in icmp.ERRORS[family]:
            client, sport, rest = packets.CLIENT[family], rnd.randrange(1, 65536), rnd.randrange(1500)
            payload, zero = rnd.randbytes(rnd.randrange(60)), not rnd.randrange(4)
            there = with_udp_zero(family, protocol, icmp.segment(
                family, protocol, vip, client, port, sport, payload), zero)
            behind = with_udp_zero(family, protocol, icmp.segment(
                family, protocol, backend, client, target, sport, payload), zero)
            cut = rnd.choice(cuts(family, len(there), rnd))
            frame = icmp.frame(family, error(family, kind, rest, ROUTER[family], vip, there[:cut],
                                             57), tags)
            result = nat.run_one(frame, ifindex=nat.here)
            number = (2 if where == "there" else 1) + family
            assert result.reason == "forward_icmp"
            assert result.verdict == ("XDP_TX" if where == "here" else "XDP_REDIRECT")
            assert result.backends == {number: (1, len(frame))}
            packets.assert_frame(result.packet, packets.l2(
                tags if where == "here" else (), packets.ip_type(family),
                f"02:00:00:00:0b:{number:02x}", "02:00:00:00:0b:02")
                + error(family, kind, rest, ROUTER[family], backend, behind[:cut], 56))


@FAMILIES
@PROTOCOLS
@pytest.mark.parametrize("way", ("here", "there"))
@pytest.mark.parametrize("speaker", ("backend", "router"))
def test_to_the_client(nat, family, protocol, way, speaker):  # noqa: F811
    """About its own packet, as it came behind limpet: the client reads of the VIP."""
    rnd = random.Random(f"back {family} {protocol}")
    client, vip, backend = site.client(family, way), packets.VIP[family], site.BACKEND[family]
    came_from = backend if speaker == "backend" else INSIDE[family]
    goes_from = vip if speaker == "backend" else INSIDE[family]
    for port, target, _ in PORTS:
        for kind in icmp.ERRORS[family]:
            sport, rest = rnd.randrange(1, 65536), rnd.randrange(1500)
            payload, zero = rnd.randbytes(rnd.randrange(60)), not rnd.randrange(4)
            behind = with_udp_zero(family, protocol, icmp.segment(
                family, protocol, client, backend, sport, target, payload), zero)
            there = with_udp_zero(family, protocol, icmp.segment(
                family, protocol, client, vip, sport, port, payload), zero)
            cut = rnd.choice(cuts(family, len(behind), rnd))
            result = nat.run_one(icmp.frame(family, error(family, kind, rest, came_from, client,
                                                          behind[:cut], 64)), ifindex=nat.here)
            assert result.reason == "forward_reply"
            assert result.verdict == ("XDP_TX" if way == "here" else "XDP_REDIRECT")
            assert not result.vips and not result.backends
            packets.assert_frame(result.packet, packets.l2(
                (), packets.ip_type(family), site.MACS[way], site.OWN[way])
                + error(family, kind, rest, goes_from, client, there[:cut], 63))


@FAMILIES
@PROTOCOLS
@pytest.mark.parametrize("way,tags", [("elsewhere", ()), ("nobody", ()),
                                      ("here", packets.TAGS["vlan"])])
def test_to_the_client_by_the_stack(nat, family, protocol, way, tags):  # noqa: F811
    client, vip, backend = site.client(family, way), packets.VIP[family], site.BACKEND[family]

    def frame(src, dst, port):
        quoted = icmp.segment(family, protocol, client, dst, CLIENT_PORT, port)
        return icmp.frame(family, error(family, icmp.UNREACHABLE[family], 0, src, client, quoted,
                                        64), tags)
    result = nat.run_one(frame(backend, backend, HERE), ifindex=nat.here)
    assert (result.reason, result.verdict) == ("pass_reply", "XDP_PASS")
    packets.assert_frame(result.packet, frame(vip, vip, 443))


@FAMILIES
@PROTOCOLS
def test_a_wrong_checksum_stays_wrong(nat, family, protocol):  # noqa: F811
    """So that nobody believes what was damaged on its way to limpet."""
    def packet(dst, quoted_src, port, hops):
        quoted = icmp.segment(family, protocol, quoted_src, packets.CLIENT[family], port,
                              CLIENT_PORT)
        whole = bytearray(error(family, icmp.TOO_BIG[family], 1400, ROUTER[family], dst, quoted,
                                hops))
        whole[-1] ^= 0x42
        return bytes(whole)
    result = nat.run_one(icmp.frame(family, packet(packets.VIP[family], packets.VIP[family], 443,
                                                   57)), ifindex=nat.here)
    assert result.packet[14:] == packet(site.BACKEND[family], site.BACKEND[family], HERE, 56)


@FAMILIES
@PROTOCOLS
def test_others_errors_are_left_alone(nat, family, protocol):  # noqa: F811
    """About other ports of a backend, about what it sent itself, to who is not quoted."""
    client, backend = site.client(family, "here"), site.BACKEND[family]

    def about(src, dst, sport, dport, to=None, speaker=None):
        quoted = icmp.segment(family, protocol, src, dst, sport, dport)
        return error(family, icmp.UNREACHABLE[family], 0, speaker or backend, to or src, quoted, 64)
    frames = [about(client, backend, CLIENT_PORT, port) for port in (443, HERE - 1, 1, 6999, 8000)]
    frames += [about(client, INSIDE[family], CLIENT_PORT, HERE),
               about(client, backend, CLIENT_PORT, HERE, to=site.client(family, "there")),
               about(backend, client, HERE, CLIENT_PORT, speaker=INSIDE[family])]
    frames = [icmp.frame(family, packet) for packet in frames]
    for frame, result in zip(frames, nat.run(frames, ifindex=nat.here)):
        assert (result.reason, result.verdict) == ("pass_not_tcp_udp", "XDP_PASS")
        assert result.packet == frame


@FAMILIES
@pytest.mark.parametrize("hops", (0, 1))
def test_hops_end_in_silence(nat, family, hops):  # noqa: F811
    """No error is answered by one."""
    client, vip, backend = site.client(family, "here"), packets.VIP[family], site.BACKEND[family]
    for packet in (
            error(family, icmp.UNREACHABLE[family], 0, ROUTER[family], vip,
                  icmp.segment(family, UDP, vip, client, 443, CLIENT_PORT), hops),
            error(family, icmp.UNREACHABLE[family], 0, backend, client,
                  icmp.segment(family, UDP, client, backend, CLIENT_PORT, HERE), hops)):
        frame = icmp.frame(family, packet)
        result = nat.run_one(frame, ifindex=nat.here)
        assert (result.reason, result.verdict, result.packet) == ("drop_ttl", "XDP_DROP", frame)


@FAMILIES
def test_any_port(nat, family):  # noqa: F811
    """Where every port is the VIP's, it stays as it is."""
    vip, backend, client = site.OTHER[family], site.OTHER_BACKEND[family], packets.CLIENT[family]
    for port in (1, 443, 65535):
        def packet(src, hops):
            quoted = icmp.segment(family, TCP, src, client, port, CLIENT_PORT)[
                :icmp.HEADER[family] + 8]
            return error(family, icmp.TOO_BIG[family], 1280, ROUTER[family], src, quoted, hops)
        result = nat.run_one(icmp.frame(family, packet(vip, 57)), ifindex=nat.here)
        assert result.packet[14:] == packet(backend, 56)
