# SPDX-License-Identifier: GPL-2.0
"""
Destination translated, and replies translated back: packet in, packet out. What is
expected is built by scapy from the fields, checksums and all; that a checksum has
become right from a wrong one, or wrong from a right one, would show.
"""
import itertools
import random

import pytest

import harness
import icmp_packets as icmp
import packets
from harness import NAT, TCP, UDP

FAMILIES = pytest.mark.parametrize("family", (4, 6))
PROTOCOLS = pytest.mark.parametrize("protocol", (TCP, UDP), ids=("tcp", "udp"))
TAGS = pytest.mark.parametrize("came", ("untagged", "vlan", "qinq"))
BACKEND = {4: "10.1.0.11", 6: "2001:db8:1::11"}
OTHER = {4: "203.0.113.99", 6: "2001:db8:a::99"}  # another VIP, `any` on another backend
OTHER_BACKEND = {4: "10.1.0.12", 6: "2001:db8:1::12"}
HERE, THERE = 4443, 8080  # targets: of the backend by the same interface, by another one
# What the VIP has: port, target, and the backend's number.
MAPPED, AWAY, SAME, RANGE, LONG = (443, HERE), (80, THERE), (22, 22), (5088, 5089), (7000, 7999)
# Routers to clients: reached by the interface that replies come in by, by another one of
# limpet's, by one that is none of limpet's, without a neighbour, and not at all.
ROUTED = {"here": 1, "there": 2, "elsewhere": 3, "nobody": 4, "nowhere": 5}
OWN = {"here": "02:00:00:00:02:01", "there": "02:00:00:00:02:02"}
MACS = {"here": "02:00:00:00:01:01", "there": "02:00:00:00:01:02", "elsewhere": "02:00:00:00:01:03"}


def client(family, way):
    return {4: f"198.51.{100 + ROUTED[way]}.7", 6: f"2001:db8:c{ROUTED[way]}::7"}[family]


def net(family, way):
    return {4: f"198.51.{100 + ROUTED[way]}.0/24", 6: f"2001:db8:c{ROUTED[way]}::/48"}[family]


def gateway(family, way):
    return {4: f"192.168.{ROUTED[way]}.1", 6: f"2001:db8:f{ROUTED[way]}::1"}[family]


def add_routes(progrun):
    progrun.add_veth("else0")
    for way, device in (("here", "in0"), ("there", "out0")):
        progrun.ip("link", "set", device, "address", OWN[way])
    progrun.tool("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
                 "net.ipv4.conf.all.rp_filter=0")
    for way, device in (("here", "in0"), ("there", "out0"), ("elsewhere", "else0"),
                        ("nobody", "out0")):
        for family, bits in ((4, 24), (6, 64)):
            own = gateway(family, way)[:-1] + "2"
            progrun.ip("address", "add", f"{own}/{bits}", "dev", device,
                       *(["nodad"] if family == 6 else []))
            progrun.ip("route", "add", net(family, way), "via", gateway(family, way))
            if way in MACS:
                progrun.ip("neighbour", "replace", gateway(family, way), "lladdr", MACS[way],
                           "dev", device, "nud", "permanent")


def rules():
    for family, protocol in itertools.product((4, 6), (TCP, UDP)):
        def to(number, first, last, target=0):
            return harness.rule(packets.VIP[family], first, last, protocol, forward=NAT,
                                vip=number, pool=number + family, target=target)

        def back(first, last, target=0):
            return harness.reply(BACKEND[family], first, last, packets.VIP[family], target,
                                 protocol=protocol)
        yield from (to(1, 443, 443, HERE), to(2, 80, 80, THERE), to(1, 22, 22),
                    to(1, *RANGE), to(1, *LONG))
        yield from (back(HERE, HERE, 443), back(THERE, THERE, 80), back(22, 22), back(*RANGE),
                    back(*LONG))
        yield harness.rule(OTHER[family], 0, 0, protocol, forward=NAT, vip=3, pool=10 + family)
        yield harness.reply(OTHER_BACKEND[family], 0, 0, OTHER[family], protocol=protocol)


@pytest.fixture(scope="module")
def nat(progrun):
    add_routes(progrun)
    hops, pools = [], []
    for family in (4, 6):
        def hop(number, ifindex, address, **more):
            hops.append(harness.hop(number, ifindex, BACKEND[family], address[family],
                                    dst=f"02:00:00:00:0b:{number:02x}", **more))
            pools.append(harness.pool(number, [number]))
        hop(1 + family, progrun.here, BACKEND, keep_tags=True)
        hop(2 + family, progrun.there, BACKEND, mtu=1500)
        hop(10 + family, progrun.here, OTHER_BACKEND)
    policies = [harness.policy(prefix, True, 0, ifindex)
                for prefix in ("0.0.0.0/0", "::/0") for ifindex in (progrun.here, progrun.there)]
    progrun.request(op="limpet", scenario=harness.scenario(list(rules()), pools, hops,
                                                           policies=policies))
    return progrun


def build(family, protocol, src, dst, sport, dport, payload, ttl=57, tos=0, **l4):
    hop_count = {"ttl": ttl} if family == 4 else {"hlim": ttl}
    head = packets.ip_header(family, src, dst, tos, **hop_count)
    head /= packets.l4_header(protocol, sport, dport, **l4)
    return bytes(head / packets.Raw(payload) if payload else head)


def payloads():
    rnd = random.Random("nat")
    return [rnd.randbytes(n) for n in (0, 1, 2, 63, 500, 1400)]


@FAMILIES
@PROTOCOLS
@TAGS
@pytest.mark.parametrize("port,target,where", [(443, HERE, "here"), (80, THERE, "there"),
                                               (22, 22, "here"), (5089, 5089, "here"),
                                               (7000, 7000, "here"), (7777, 7777, "here")])
def test_to_a_backend(nat, family, protocol, came, port, target, where):
    tags = packets.TAGS[came]
    number = (2 if where == "there" else 1) + family
    for i, payload in enumerate(payloads()):
        def packet(dst, dport, ttl):
            return build(family, protocol, packets.CLIENT[family], dst, 40000 + i, dport, payload,
                         ttl, tos=i)
        frame = packets.l2(tags, packets.ip_type(family)) + packet(packets.VIP[family], port, 57)
        result = nat.run_one(frame, ifindex=nat.here)
        assert result.reason == ("forward_tx" if where == "here" else "forward_redirect")
        assert result.verdict == ("XDP_TX" if where == "here" else "XDP_REDIRECT")
        assert result.backends == {number: (1, len(frame))}
        left = tags if where == "here" else ()
        packets.assert_frame(result.packet, packets.l2(
            left, packets.ip_type(family), f"02:00:00:00:0b:{number:02x}", "02:00:00:00:0b:02")
            + packet(BACKEND[family], target, 56))


@FAMILIES
@PROTOCOLS
@pytest.mark.parametrize("port,target", [(443, HERE), (80, THERE), (22, 22), (5088, 5088),
                                         (7001, 7001), (7999, 7999)])
@pytest.mark.parametrize("way", ("here", "there"))
def test_reply(nat, family, protocol, port, target, way):
    for i, payload in enumerate(payloads()):
        def packet(src, sport, ttl):
            return build(family, protocol, src, client(family, way), sport, 40000 + i, payload, ttl,
                         tos=i & 0xfc)
        frame = packets.l2((), packets.ip_type(family)) + packet(BACKEND[family], target, 64)
        result = nat.run_one(frame, ifindex=nat.here)
        assert result.reason == "forward_reply"
        assert result.verdict == ("XDP_TX" if way == "here" else "XDP_REDIRECT")
        assert not result.vips and not result.backends
        packets.assert_frame(result.packet, packets.l2(
            (), packets.ip_type(family), MACS[way], OWN[way]) + packet(packets.VIP[family], port, 63))


@FAMILIES
@PROTOCOLS
@pytest.mark.parametrize("came", ("untagged", "vlan"))
@pytest.mark.parametrize("to", ("the balancer", "nowhere"))
def test_what_is_no_reply_to_a_client(nat, family, protocol, came, to):
    """The host's own connections to a backend's port, and what has no way, are left as they are."""
    dst = gateway(family, "here")[:-1] + "2" if to == "the balancer" else client(family, "nowhere")
    frame = packets.l2(packets.TAGS[came], packets.ip_type(family)) + build(
        family, protocol, BACKEND[family], dst, HERE, 40000, b"payload", 64)
    result = nat.run_one(frame, ifindex=nat.here)
    assert (result.reason, result.verdict) == ("pass_not_vip", "XDP_PASS")
    packets.assert_frame(result.packet, frame)


@FAMILIES
@PROTOCOLS
@pytest.mark.parametrize("way,tags", [("elsewhere", ()), ("nobody", ()),
                                      ("here", packets.TAGS["vlan"]), ("there", packets.TAGS["qinq"])])
def test_a_reply_that_the_stack_sends(nat, family, protocol, way, tags):
    """Translated, and otherwise as it came: the stack routes it, and takes a hop off itself."""
    def frame(src, sport):
        return packets.l2(tags, packets.ip_type(family)) + build(
            family, protocol, src, client(family, way), sport, 40000, b"payload", 64)
    result = nat.run_one(frame(BACKEND[family], HERE), ifindex=nat.here)
    assert (result.reason, result.verdict) == ("pass_reply", "XDP_PASS")
    packets.assert_frame(result.packet, frame(packets.VIP[family], 443))


@FAMILIES
@PROTOCOLS
def test_any(nat, family, protocol):
    for port in (1, 22, 443, 4443, 65535):
        frame = packets.l2((), packets.ip_type(family)) + build(
            family, protocol, packets.CLIENT[family], OTHER[family], 40000, port, b"x")
        out = nat.run_one(frame, ifindex=nat.here)
        assert out.reason == "forward_tx"
        assert out.packet[14:] == build(family, protocol, packets.CLIENT[family],
                                        OTHER_BACKEND[family], 40000, port, b"x", 56)
        back = packets.l2((), packets.ip_type(family)) + build(
            family, protocol, OTHER_BACKEND[family], client(family, "here"), port, 40000, b"x")
        out = nat.run_one(back, ifindex=nat.here)
        assert out.reason == "forward_reply"
        assert out.packet[14:] == build(family, protocol, OTHER[family], client(family, "here"),
                                        port, 40000, b"x", 56)


@FAMILIES
@PROTOCOLS
def test_what_is_no_reply_is_left_alone(nat, family, protocol):
    """Other ports of a backend, other hosts, and packets to a backend itself."""
    other = TCP if protocol == UDP else UDP
    frames = [packets.frame(family=family, protocol=protocol, src=BACKEND[family], sport=sport,
                            dst=client(family, "here"), dport=40000)
              for sport in (HERE - 1, HERE + 1, 443, 80, 5087, 5090, 6999, 8000)]
    frames += [packets.frame(family=family, protocol=p, src=packets.CLIENT[family], sport=HERE,
                             dst=client(family, "here")) for p in (protocol, other)]
    frames += [packets.frame(family=family, protocol=protocol, dst=BACKEND[family], dport=HERE)]
    frames += [packets.frame(family=family, protocol=protocol, dst=BACKEND[family], dport=1)]
    for frame, result in zip(frames, nat.run(frames, ifindex=nat.here)):
        assert (result.reason, result.verdict, result.packet) == ("pass_not_vip", "XDP_PASS", frame)


@FAMILIES
def test_udp_without_a_checksum(nat, family):
    """0 stays 0 on both ways (RFC 768, RFC 6935)."""
    for src, dst, sport, dport, ttl in (
            (packets.CLIENT[family], packets.VIP[family], 40000, 443, 57),
            (BACKEND[family], client(family, "here"), HERE, 40000, 57)):
        inner = bytearray(build(family, UDP, src, dst, sport, dport, b"payload", ttl))
        at = 20 if family == 4 else 40
        inner[at + 6:at + 8] = b"\0\0"
        out = nat.run_one(packets.l2((), packets.ip_type(family)) + bytes(inner), ifindex=nat.here)
        assert out.reason in ("forward_tx", "forward_reply")
        assert out.packet[14 + at + 6:14 + at + 8] == b"\0\0"


@FAMILIES
def test_udp_checksum_that_becomes_0_is_written_as_ffff(nat, family):
    """RFC 768: the payload is chosen so that the sum of what leaves is ffff."""
    at = 20 if family == 4 else 40
    want = build(family, UDP, packets.CLIENT[family], BACKEND[family], 40000, HERE, b"\0\0", 56)
    check = int.from_bytes(want[at + 6:at + 8], "big")
    payload = check.to_bytes(2, "big")
    want = build(family, UDP, packets.CLIENT[family], BACKEND[family], 40000, HERE, payload, 56)
    assert want[at + 6:at + 8] == b"\xff\xff"
    came = build(family, UDP, packets.CLIENT[family], packets.VIP[family], 40000, 443, payload, 57)
    out = nat.run_one(packets.l2((), packets.ip_type(family)) + came, ifindex=nat.here)
    assert out.packet[14:] == want


@FAMILIES
@PROTOCOLS
def test_a_wrong_checksum_stays_wrong(nat, family, protocol):
    """By the same amount, so that the receiver finds what broke on the way before."""
    at = (20 if family == 4 else 40) + (16 if protocol == TCP else 6)
    came = bytearray(build(family, protocol, packets.CLIENT[family], packets.VIP[family], 40000,
                           443, b"payload", 57))
    came[-1] ^= 0x10
    out = nat.run_one(packets.l2((), packets.ip_type(family)) + bytes(came), ifindex=nat.here)
    right = bytearray(build(family, protocol, packets.CLIENT[family], BACKEND[family], 40000, HERE,
                            b"payload", 56))
    assert out.packet[14 + at:14 + at + 2] == bytes(right[at:at + 2])
    assert out.packet[-1] == came[-1]


@FAMILIES
@PROTOCOLS
@pytest.mark.parametrize("ttl", (0, 1, 2, 255))
def test_ttl(nat, family, protocol, ttl):
    there = build(family, protocol, packets.CLIENT[family], packets.VIP[family], 40000, 443, b"x",
                  ttl)
    back = build(family, protocol, BACKEND[family], client(family, "here"), HERE, 40000, b"x", ttl)
    for inner, good in ((there, "forward_tx"), (back, "forward_reply")):
        frame = packets.l2((), packets.ip_type(family)) + inner
        result = nat.run_one(frame, ifindex=nat.here)
        if ttl > 1:
            assert result.reason == good
            assert result.packet[14 + (8 if family == 4 else 7)] == ttl - 1
        elif inner is back:  # the stack, which routes it, says so
            assert (result.reason, result.packet) == ("pass_router", frame)
        else:
            assert (result.reason, result.verdict) == ("answer_ttl", "XDP_TX")
            assert not result.backends
            packets.assert_frame(result.packet, icmp.answered(family, icmp.told(
                family, inner, icmp.TIME_EXCEEDED[family], 0, packets.VIP[family],
                packets.CLIENT[family])))


@FAMILIES
@PROTOCOLS
@TAGS
def test_time_exceeded_quotes_all_of_it(nat, family, protocol, came):
    """As far as there is room; odd lengths have a right checksum, too."""
    tags = packets.TAGS[came]
    sizes = [0, 1, 2, 3, 31, 499, 500, 507, 508, 519, 520, 521, 1163, 1171, 1172, 1183, 1184, 1400]
    for size in random.Random(f"{family} {protocol} {came}").sample(sizes, 3):  # there is a limit
        inner = build(family, protocol, packets.CLIENT[family], packets.VIP[family], 40000, 443,
                      random.Random(size).randbytes(size), 1)
        result = nat.run_one(packets.l2(tags, packets.ip_type(family)) + inner + b"padding",
                             ifindex=nat.here)
        assert result.reason == "answer_ttl"
        packets.assert_frame(result.packet, icmp.answered(family, icmp.told(
            family, inner, icmp.TIME_EXCEEDED[family], 0, packets.VIP[family],
            packets.CLIENT[family]), tags))


@FAMILIES
def test_a_reply_too_big_for_its_route(nat, family):
    """The stack gets it as it came, and tells the backend."""
    nat.ip("route", "change", net(family, "there"), "via", gateway(family, "there"), "mtu",
           "lock", "1400")
    try:
        for size, reason in ((1400, "forward_reply"), (1401, "pass_router")):
            inner = build(family, UDP, BACKEND[family], client(family, "there"), HERE, 40000,
                          bytes(size - 28 - (20 if family == 6 else 0)))
            for tags in ((), packets.TAGS["vlan"]):
                frame = packets.l2(tags, packets.ip_type(family)) + inner
                result = nat.run_one(frame, ifindex=nat.here)
                if size > 1400:
                    assert (result.reason, result.verdict) == (reason, "XDP_PASS")
                    assert result.packet == frame
                else:
                    assert result.reason == ("pass_reply" if tags else reason)
    finally:
        nat.ip("route", "change", net(family, "there"), "via", gateway(family, "there"))


@FAMILIES
def test_too_big_for_the_next_hop(nat, family):
    for size, reason in ((1500, "forward_redirect"), (1501, "answer_too_big")):
        inner = build(family, UDP, packets.CLIENT[family], packets.VIP[family], 40000, 80,
                      b"x" * (size - 28 - (20 if family == 6 else 0)))
        assert len(inner) == size
        frame = packets.l2((), packets.ip_type(family)) + inner
        result = nat.run_one(frame, ifindex=nat.here)
        assert result.reason == reason
    packets.assert_frame(result.packet, icmp.answered(family, icmp.told(
        family, inner, icmp.TOO_BIG[family], 1500, packets.VIP[family], packets.CLIENT[family])))


@PROTOCOLS
def test_options_and_extension_headers(nat, protocol):
    """The transport header is found behind them, on both ways."""
    from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop, PadN
    from scapy.layers.inet import IP, IPOption_RR

    def ipv4(src, dst, sport, dport, ttl):
        return bytes(IP(src=src, dst=dst, ttl=ttl, options=[IPOption_RR(length=15)] * 2)
                     / packets.l4_header(protocol, sport, dport) / packets.Raw(b"data"))

    def ipv6(src, dst, sport, dport, ttl):
        return bytes(IPv6(src=src, dst=dst, hlim=ttl) / IPv6ExtHdrHopByHop(
            options=[PadN(optdata=b"\0" * 100)]) / IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 4)])
            / packets.l4_header(protocol, sport, dport) / packets.Raw(b"data"))

    for family, make in ((4, ipv4), (6, ipv6)):
        frame = packets.l2((), packets.ip_type(family))
        out = nat.run_one(frame + make(packets.CLIENT[family], packets.VIP[family], 40000, 443, 57),
                          ifindex=nat.here)
        assert out.packet[14:] == make(packets.CLIENT[family], BACKEND[family], 40000, HERE, 56)
        out = nat.run_one(frame + make(BACKEND[family], client(family, "here"), HERE, 40000, 57),
                          ifindex=nat.here)
        assert out.packet[14:] == make(packets.VIP[family], client(family, "here"), 443, 40000, 56)


@FAMILIES
def test_random_both_ways(nat, family):
    """Random fields: the checksum is as right as scapy's, whatever carries there are."""
    rnd = random.Random(f"nat {family}")
    for _ in range(400):
        protocol = rnd.choice((TCP, UDP))
        payload, sport = rnd.randbytes(rnd.randrange(40)), rnd.randrange(1, 65536)
        ttl, tos = rnd.randrange(2, 256), rnd.randrange(256)
        src = {4: f"198.51.101.{rnd.randrange(1, 255)}",
               6: f"2001:db8:c1:{rnd.randrange(65536):x}::{rnd.randrange(65536):x}"}[family]

        def packet(a, b, port_a, port_b, hops):
            return build(family, protocol, a, b, port_a, port_b, payload, hops, tos)
        frame = packets.l2((), packets.ip_type(family))
        out = nat.run_one(frame + packet(src, packets.VIP[family], sport, 443, ttl),
                          ifindex=nat.here)
        assert out.packet[14:] == packet(src, BACKEND[family], sport, HERE, ttl - 1)
        out = nat.run_one(frame + packet(BACKEND[family], src, HERE, sport, ttl), ifindex=nat.here)
        assert out.packet[14:] == packet(packets.VIP[family], src, 443, sport, ttl - 1)


@FAMILIES
def test_no_forwarding_no_way(nat, family):
    """Where the host does not route, the stack gets the reply, and drops it by its own rules."""
    key = {4: "net.ipv4.conf.in0.forwarding", 6: "net.ipv6.conf.in0.forwarding"}[family]
    nat.tool("sysctl", "-qw", f"{key}=0")
    try:
        inner = build(family, TCP, BACKEND[family], client(family, "here"), HERE, 40000, b"x")
        result = nat.run_one(packets.l2((), packets.ip_type(family)) + inner, ifindex=nat.here)
        assert (result.reason, result.verdict) == ("pass_reply", "XDP_PASS")
    finally:
        nat.tool("sysctl", "-qw", f"{key}=1")


@FAMILIES
def test_reject_sources_holds_for_replies(progrun, nat, family):
    """Who claims to be a backend from outside is not translated."""
    reject = {4: "10.0.0.0/8", 6: "2001:db8:1::/48"}[family]
    progrun.request(op="limpet", scenario=harness.scenario(
        [harness.reply(BACKEND[family], HERE, HERE, packets.VIP[family], 443,
                       flags=harness.GUARDED)],
        [harness.pool(1, [1])], [harness.hop(1, progrun.here)],
        policies=[harness.policy(reject, False, 0, progrun.there)]))
    inner = build(family, TCP, BACKEND[family], client(family, "here"), HERE, 40000, b"x")
    frame = packets.l2((), packets.ip_type(family)) + inner
    assert progrun.run_one(frame, ifindex=progrun.there).reason == "drop_spoofed"
    assert progrun.run_one(frame, ifindex=progrun.here).reason == "forward_reply"
