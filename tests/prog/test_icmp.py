# SPDX-License-Identifier: GPL-2.0
"""
ICMP for VIPs' addresses: pings answered, errors sent to the backend of the flow that they
quote by dsr, ipip and gue, and errors about tunnel packets told to clients. (nat is in
test_icmp_nat.py, what is too big in test_drop.py.)
"""
import os
import random
import struct

import pytest

import harness
import icmp_packets as icmp
import packets
from harness import DSR, GUE, IPIP, TCP, TCP_AFFINITY, UDP

FAMILIES = pytest.mark.parametrize("family", (4, 6))
PROTOCOLS = pytest.mark.parametrize("protocol", (TCP, UDP), ids=("tcp", "udp"))
TAGS = pytest.mark.parametrize("came", ("untagged", "vlan", "qinq"))
OUTER = {4: ("10.9.0.1", "10.9.{}.2"), 6: ("2001:db8:e::1", "2001:db8:e:{:x}::2")}
# Port of the VIP: mode and family of the backend. Pools are numbered like this, times 10.
WAYS = {80: (DSR, 4), 81: (DSR, 6), 82: (IPIP, 4), 83: (IPIP, 6), 84: (GUE, 4), 85: (GUE, 6)}
BACKENDS = 5  # of each pool
ROUTER = {4: "192.0.2.1", 6: "2001:db8:d::1"}
# Addresses of their own: pings are passed, dropped; of whom `any` port is; denied clients.
PASS, DROP = {4: "203.0.113.20", 6: "2001:db8:a::20"}, {4: "203.0.113.21", 6: "2001:db8:a::21"}
ANY, SHUT = {4: "203.0.113.22", 6: "2001:db8:a::22"}, {4: "203.0.113.23", 6: "2001:db8:a::23"}
DATAGRAMS = {4: "203.0.113.24", 6: "2001:db8:a::24"}
STRANGER = {4: "203.0.113.99", 6: "2001:db8:a::99"}
DENIED = {4: "198.51.100.66", 6: "2001:db8:c:66::1"}


def numbers(port):
    return [(port - 79) * 10 + n for n in range(BACKENDS)]


def hops_of(progrun):
    for port, (_, outer) in WAYS.items():
        for n in numbers(port):
            yield harness.hop(n, progrun.here if n % 2 else progrun.there, OUTER[outer][0],
                              OUTER[outer][1].format(n), mtu=1500, keep_tags=True,
                              dst=f"02:00:00:00:0b:{n:02x}")


def rules_of(family):
    for protocol in (TCP, UDP):
        for port, (mode, _) in WAYS.items():
            affinity = TCP_AFFINITY if port % 2 else harness.SOURCE
            yield harness.rule(packets.VIP[family], port, protocol=protocol, forward=mode,
                               vip=port - 79, pool=port - 79, affinity=affinity)
        yield harness.rule(ANY[family], 0, 0, protocol, vip=10, pool=3)
        yield harness.rule(PASS[family], 80, protocol=protocol, vip=11, ping=harness.PING_PASS)
        yield harness.rule(DROP[family], 80, protocol=protocol, vip=12, ping=harness.PING_DROP)
        yield harness.rule(SHUT[family], 80, protocol=protocol, vip=13, pool=3,
                           flags=harness.ASKS_SOURCES)
    yield harness.rule(DATAGRAMS[family], 53, protocol=UDP, vip=14, pool=3)


@pytest.fixture(scope="module")
def vips(progrun):
    progrun.hops = {hop["backend"]: hop for hop in hops_of(progrun)}
    policies = [harness.policy(prefix, True, 13) for prefix in ("0.0.0.0/0", "::/0")]
    policies += [harness.policy(f"{DENIED[4]}/32", False, 13), harness.policy("2001:db8:c:66::/64",
                                                                              False, 13)]
    progrun.request(op="limpet", scenario=harness.scenario(
        [rule for family in (4, 6) for rule in rules_of(family)],
        [harness.pool(port - 79, numbers(port)) for port in WAYS], list(progrun.hops.values()),
        policies=policies))
    return progrun


def run(vips, family, packet, tags=(), **macs):
    return vips.run_one(icmp.frame(family, packet, tags, **macs), ifindex=vips.here)


def check_untouched(vips, family, packet, reason, verdict, tags=(), **macs):
    frame = icmp.frame(family, packet, tags, **macs)
    result = vips.run_one(frame, ifindex=vips.here)
    assert (result.reason, result.verdict) == (reason, verdict), repr(packets.Ether(frame))
    assert result.packet == frame and not result.vips and not result.backends


# --- pings ----------------------------------------------------------------------------

@FAMILIES
@TAGS
def test_a_ping_is_answered(vips, family, came):
    rnd = random.Random(f"ping {family}")
    tags = packets.TAGS[came]
    for size in (0, 1, 7, 56, 333, 1400):
        body, tos, hops = rnd.randbytes(size), rnd.randrange(256), rnd.randrange(1, 256)
        result = run(vips, family, icmp.ping(family, body=body, tos=tos, hops=hops), tags)
        assert (result.reason, result.verdict) == ("answer_ping", "XDP_TX")
        packets.assert_frame(result.packet, icmp.answered(family, icmp.ping(
            family, packets.VIP[family], packets.CLIENT[family], body, reply=True, tos=tos,
            hops=64), tags))
        assert not result.vips and not result.backends


@FAMILIES
@pytest.mark.parametrize("vip", (ANY, SHUT, DATAGRAMS), ids=("any", "with a policy", "udp only"))
def test_every_address_of_a_vip_answers(vips, family, vip):
    result = run(vips, family, icmp.ping(family, dst=vip[family], body=b"12345678"))
    assert result.reason == "answer_ping"
    packets.assert_frame(result.packet, icmp.answered(family, icmp.ping(
        family, vip[family], packets.CLIENT[family], b"12345678", reply=True, hops=64)))


@FAMILIES
def test_padding_behind_a_ping_is_no_part_of_it(vips, family):
    frame = icmp.frame(family, icmp.ping(family, body=b"1")) + bytes(20)
    result = vips.run_one(frame, ifindex=vips.here)
    assert result.packet == icmp.answered(family, icmp.ping(
        family, packets.VIP[family], packets.CLIENT[family], b"1", reply=True, hops=64)) + bytes(20)


@FAMILIES
def test_who_does_not_want_pings(vips, family):
    check_untouched(vips, family, icmp.ping(family, dst=PASS[family]), "pass_ping", "XDP_PASS")
    check_untouched(vips, family, icmp.ping(family, dst=DROP[family]), "drop_ping", "XDP_DROP")


@FAMILIES
def test_policy_holds_for_pings(vips, family):
    check_untouched(vips, family, icmp.ping(family, DENIED[family], SHUT[family]), "drop_denied",
                    "XDP_DROP")
    for vip in (packets.VIP, DROP):
        check_untouched(vips, family, icmp.ping(family, packets.VIP[family], vip[family]),
                        "drop_vip_source", "XDP_DROP")


@FAMILIES
def test_a_wrong_checksum_stays_wrong(vips, family):
    packet = bytearray(icmp.ping(family, body=b"payload"))
    packet[-1] ^= 0x21
    right = bytearray(icmp.ping(family, packets.VIP[family], packets.CLIENT[family], b"payload",
                                reply=True, hops=64))
    right[-1] ^= 0x21
    assert run(vips, family, bytes(packet)).packet == icmp.answered(family, bytes(right))


@FAMILIES
def test_pings_that_nobody_may_answer(vips, family):
    """To many, from nobody or from many; with a code; with headers that would want turning."""
    ping = icmp.ping(family)
    for mac in ("ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "33:33:00:00:00:01"):
        check_untouched(vips, family, ping, "drop_icmp", "XDP_DROP", dst=mac)
    sources = {4: ("0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
                   "255.255.255.255"), 6: ("::", "::1", "ff02::1", "ff0e::7")}[family]
    for source in sources:
        check_untouched(vips, family, icmp.ping(family, source), "drop_icmp", "XDP_DROP")
    coded = icmp.icmp(family, packets.CLIENT[family], packets.VIP[family], (icmp.ECHO[family], 1))
    check_untouched(vips, family, coded, "drop_icmp", "XDP_DROP")
    if family == 4:
        routed = packets.IP(src=packets.CLIENT[4], dst=packets.VIP[4], proto=1,
                            options=[packets.IPOption_NOP()] * 4) / packets.Raw(ping[20:])
    else:
        routed = packets.IPv6(src=packets.CLIENT[6], dst=packets.VIP[6], nh=60) / packets.Raw(
            bytes((58, 0, 1, 4, 0, 0, 0, 0)) + ping[40:])
    check_untouched(vips, family, bytes(routed), "drop_icmp", "XDP_DROP")


@FAMILIES
def test_pings_cut_off(vips, family):
    """A frame that ends before its ICMP header, or says that it is longer than it is."""
    ping = icmp.ping(family, body=b"x" * 40)
    for length in range(icmp.HEADER[family], len(ping)):
        check_untouched(vips, family, ping[:length], "drop_bad_header", "XDP_DROP")
    short = bytearray(icmp.ping(family))
    at, less = (2, 27) if family == 4 else (4, 7)
    short[at:at + 2] = struct.pack("!H", less)
    check_untouched(vips, family, bytes(short), "drop_bad_header", "XDP_DROP")


@FAMILIES
def test_fragments_of_pings(vips, family):
    """Not answered; whose pings are the stack's gets its fragments too."""
    def fragment(dst):
        if family == 4:
            return bytes(packets.ip_header(4, dst=dst, proto=1, flags="MF") / packets.Raw(
                icmp.message(4, packets.CLIENT[4], dst, (8, 0), 7, b"x" * 32)))
        body = icmp.message(6, packets.CLIENT[6], dst, (128, 0), 7, b"x" * 32)
        return bytes(packets.ip_header(6, dst=dst, nh=44) / packets.Raw(
            bytes((58, 0, 0, 1, 0, 0, 0, 9)) + body))
    check_untouched(vips, family, fragment(packets.VIP[family]), "drop_fragment", "XDP_DROP")
    check_untouched(vips, family, fragment(PASS[family]), "pass_ping", "XDP_PASS")
    check_untouched(vips, family, fragment(STRANGER[family]), "pass_not_tcp_udp", "XDP_PASS")


@FAMILIES
def test_what_is_not_limpets(vips, family):
    """Pings and errors for others, and what else ICMP has to say to a VIP: the stack's."""
    others = {4: (0, 5, 9, 10, 13, 14, 17, 30, 41, 255), 6: (100, 129, 130, 133, 134, 135, 136, 137,
                                                            255)}[family]
    client, vip, other = packets.CLIENT[family], packets.VIP[family], STRANGER[family]
    frames = [icmp.icmp(family, client, vip, (kind, 0), 0, bytes(16)) for kind in others]
    frames += [icmp.ping(family, dst=other), icmp.ping(family, dst=other, reply=True)]
    quoted = icmp.segment(family, TCP, other, client, 80, 40000)
    frames += [icmp.icmp(family, client, other, kind, 0, quoted) for kind in icmp.ERRORS[family]]
    for packet in frames:
        check_untouched(vips, family, packet, "pass_not_tcp_udp", "XDP_PASS")


@FAMILIES
def test_pings_are_limited(vips, family):
    """No more than LP_ICMP_PINGS_BURST at once and LP_ICMP_PINGS_PER_S; others do not suffer."""
    if os.environ.get("LIMPET_RECORD"):
        pytest.skip("the number is not the same twice")
    frames = [icmp.frame(family, icmp.ping(family))] * 3000
    reasons = [result.reason for result in vips.run(frames, ifindex=vips.here)]
    assert set(reasons) <= {"answer_ping", "drop_icmp_rate"}
    assert reasons[:50] == ["answer_ping"] * 50
    good = run(vips, family, packets.packet(family, dport=82))
    assert good.reason in ("forward_tx", "forward_redirect")


# --- errors about what a VIP sent -----------------------------------------------------

def quote(family, protocol, port, client=None, sport=40000, vip=None, **more):
    """A packet of a backend to a client, in the VIP's name."""
    return icmp.segment(family, protocol, vip or packets.VIP[family],
                        client or packets.CLIENT[family], port, sport, **more)


def error(family, quoted, kind=None, dst=None, rest=0, **more):
    return icmp.icmp(family, ROUTER[family], dst or packets.VIP[family],
                     kind or icmp.UNREACHABLE[family], rest, quoted, **more)


def check_forwarded(vips, family, port, packet, tags, backend):
    """To that backend, as its own packet would go."""
    mode, outer = WAYS[port]
    result = run(vips, family, packet, tags)
    assert result.reason == "forward_icmp", result
    assert result.backend == backend and list(result.vips) == [port - 79]
    hop = vips.hops[backend]
    here = hop["ifindex"] == vips.here
    assert result.verdict == ("XDP_TX" if here else "XDP_REDIRECT")
    left = tags if here else ()
    at = packets.l2(left) and 14 + 4 * len(left)
    sport = packets.gue_source_port(result.packet, at + icmp.HEADER[outer]) if mode == GUE else 0
    entropy = packets.flow_label(result.packet, at) if outer == 6 else 0
    packets.assert_frame(result.packet, packets.expected(hop, mode, packet, left, entropy, sport))
    return sport, entropy


def reachable(family):
    return [port for port, (mode, outer) in WAYS.items() if mode != DSR or outer == family]


@FAMILIES
@PROTOCOLS
@TAGS
def test_errors_follow_their_flow(vips, family, protocol, came):
    """To the backend, and by the path (the entropy), of the client's own packets."""
    tags = packets.TAGS[came]
    rnd = random.Random(f"errors {family} {protocol}")
    for port in reachable(family):
        mode, outer = WAYS[port]
        for _ in range(12):
            client = {4: f"198.51.100.{rnd.randrange(1, 255)}",
                      6: f"2001:db8:c:{rnd.randrange(65536):x}::{rnd.randrange(65536):x}"}[family]
            sport = rnd.randrange(1, 65536)
            direct = run(vips, family, packets.packet(family, protocol, b"x", src=client,
                                                      sport=sport, dport=port), tags)
            kind = rnd.choice(icmp.ERRORS[family])
            whole = quote(family, protocol, port, client, sport, payload=rnd.randbytes(30))
            cut = whole[:icmp.HEADER[family] + rnd.choice((8, 9, 12, 18, 20, 33, 50))]
            packet = error(family, cut, kind, rest=rnd.randrange(1 << 16), tos=rnd.randrange(256))
            sport, entropy = check_forwarded(vips, family, port, packet, tags, direct.backend)
            at = 14 + 4 * (len(tags) if vips.hops[direct.backend]["ifindex"] == vips.here else 0)
            if mode == GUE:
                assert sport == packets.gue_source_port(direct.packet, at + icmp.HEADER[outer])
            if outer == 6 and mode != DSR:
                assert entropy == packets.flow_label(direct.packet, at)


@FAMILIES
@PROTOCOLS
def test_quoted_headers_of_all_lengths(vips, family, protocol):
    """IPv4 options and extension headers in the quote, and before the ICMP header."""
    client = packets.CLIENT[family]
    port = 82
    whole = quote(family, protocol, port)
    direct = run(vips, family, packets.packet(family, protocol, dport=port))
    rest = whole[icmp.HEADER[family]:]
    if family == 4:
        def longer(src, dst, number, body, words):
            return bytes(packets.IP(src=src, dst=dst, proto=number, ttl=9,
                                    options=[packets.IPOption_NOP()] * 4 * words)
                         / packets.Raw(body))
        lengths = (0, 1, 5, 10)
    else:
        def longer(src, dst, number, body, words):
            head, kinds = b"", [60] * words + [number]
            for following in kinds[1:]:
                head += bytes((following, 0, 1, 4, 0, 0, 0, 0))
            return bytes(packets.IPv6(src=src, dst=dst, nh=kinds[0], hlim=9)
                         / packets.Raw(head + body))
        lengths = (0, 1, 3, 6)
    for inner in lengths:
        quoted = longer(packets.VIP[family], client, protocol, rest, inner)
        for outer in lengths:
            body = icmp.message(family, ROUTER[family], packets.VIP[family],
                                icmp.UNREACHABLE[family], 0, quoted)
            packet = longer(ROUTER[family], packets.VIP[family], icmp.PROTOCOL[family], body, outer)
            check_forwarded(vips, family, port, packet, (), direct.backend)


@FAMILIES
def test_a_quoted_first_fragment_has_ports(vips, family):
    """A later one has none."""
    whole = bytearray(quote(family, UDP, 82, payload=b"x" * 64))
    direct = run(vips, family, packets.packet(family, UDP, dport=82))
    if family == 4:
        first, later = bytearray(whole), bytearray(whole)
        first[6:8], later[6:8] = b"\x20\x00", b"\x20\x07"
    else:
        def fragmented(word):
            return bytes(whole[:6]) + b"\x2c" + bytes(whole[7:40]) + bytes(
                (17, 0)) + struct.pack("!HI", word, 5) + bytes(whole[40:])
        first, later = fragmented(1), fragmented(0x39)
    check_forwarded(vips, family, 82, error(family, bytes(first)), (), direct.backend)
    check_untouched(vips, family, error(family, bytes(later)), "drop_icmp", "XDP_DROP")


@FAMILIES
@PROTOCOLS
def test_errors_that_fit_no_flow(vips, family, protocol):
    """A port that no VIP has is the stack's, as a packet to it is; the rest is dropped."""
    good = quote(family, protocol, 82)
    head = icmp.HEADER[family]
    for port in (1, 79, 86, 443):
        check_untouched(vips, family, error(family, quote(family, protocol, port)),
                        "pass_not_vip", "XDP_PASS")
    bad = [quote(family, protocol, 82, vip=STRANGER[family]),  # of another than it is sent to
           quote(family, protocol, 82, vip=ANY[family]),
           icmp.segment(family, protocol, packets.CLIENT[family], packets.VIP[family], 40000, 82),
           icmp.ping(family, packets.VIP[family], packets.CLIENT[family], reply=True),
           bytes((good[0] ^ 0xf0,)) + good[1:],  # another version
           b""]
    bad += [good[:length] for length in (1, head - 1, head, head + 7)]
    if family == 4:
        bad += [bytes((0x44,)) + good[1:], bytes((0x4f,)) + good[1:]]  # header: too short, beyond
    else:
        bad += [good[:6] + b"\x2c" + good[7:], good[:6] + b"\x3b" + good[7:]]
    for quoted in bad:
        check_untouched(vips, family, error(family, quoted), "drop_icmp", "XDP_DROP")


@FAMILIES
def test_a_quote_does_not_reach_into_padding(vips, family):
    """What follows the IP packet in the frame is anybody's."""
    good = quote(family, TCP, 82)
    head = icmp.HEADER[family]
    packet = error(family, good[:head + 7])
    frame = icmp.frame(family, packet) + good[head + 7:] + bytes(20)
    result = vips.run_one(frame, ifindex=vips.here)
    assert (result.reason, result.packet) == ("drop_icmp", frame)


@FAMILIES
def test_policy_holds_for_the_quoted_client(vips, family):
    """An error about what a VIP sends to whom it does not admit is not one."""
    for client, reason in ((DENIED[family], "drop_denied"), (packets.CLIENT[family], "forward_icmp")):
        packet = error(family, quote(family, TCP, 80, client, vip=SHUT[family]), dst=SHUT[family])
        assert run(vips, family, packet).reason == reason
    quoted = quote(family, TCP, 82, client=packets.VIP[family])
    check_untouched(vips, family, error(family, quoted), "drop_vip_source", "XDP_DROP")


@FAMILIES
def test_an_error_too_big_for_the_way_on(vips, family):
    """Nothing is said of errors by errors."""
    packet = error(family, quote(family, TCP, 82, payload=b"x" * 1440))
    assert len(packet) > 1480
    check_untouched(vips, family, packet, "drop_too_big", "XDP_DROP")


# --- what is remembered ----------------------------------------------------------------

@FAMILIES
@PROTOCOLS
@pytest.mark.parametrize("affinity", (harness.SOURCE, TCP_AFFINITY), ids=("source", "tcp"))
def test_errors_follow_records_and_make_none(progrun, family, protocol, affinity):
    """In a moving slot: a flow of the past goes to `prev`, one that is known to its record."""
    progrun.request(op="limpet", scenario=harness.scenario(
        [harness.rule(packets.VIP[family], 82, protocol=protocol, affinity=affinity, idle_timeout=600)],
        [harness.pool(1, [2], prev=1)],
        [harness.hop(n, progrun.here, daddr=f"10.9.{n}.2", pool=1) for n in (1, 2)]))

    def direct(sport, **flags):
        header = packets.ip_header(family) / packets.l4_header(protocol, sport, 82, **flags)
        return progrun.run_one(icmp.frame(family, bytes(header)), ifindex=progrun.here).backend

    def told(sport):
        result = progrun.run_one(icmp.frame(family, error(family, quote(family, protocol, 82,
                                                                        sport=sport))),
                                 ifindex=progrun.here)
        assert result.reason == "forward_icmp"
        return result.backend

    assert progrun.records()[0] == 0
    assert [told(sport) for sport in (1, 2, 3)] == [1, 1, 1]  # the past, as far as one can tell
    assert progrun.records()[0] == 0
    if protocol == TCP:
        assert direct(40000, flags="S") == 2
        made = progrun.records()[0]
        assert made == (2 if affinity == harness.SOURCE else 1)  # half open ones
        assert told(40000) == 2
    else:
        assert direct(40000) == 1
        made = progrun.records()[0]
        assert made == 1 and told(40000) == 1
    assert [told(sport) for sport in (5, 6)] == ([1, 1])
    assert progrun.records() == (made, True)  # neither confirmed nor refreshed
