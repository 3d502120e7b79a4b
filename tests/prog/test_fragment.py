# SPDX-License-Identifier: GPL-2.0
"""
Fragments: later ones go where their first one went, in every forwarding mode; by their
source alone where that decides; nothing of one packet's is another's.
"""
import itertools
import random
import struct
import sys

import pytest

import fragments
import harness
import packets
from harness import DSR, GUE, IPIP, NAT, SOURCE, TCP, TCP_AFFINITY, UDP
from test_nat import MACS, OWN, add_routes, client

FAMILIES = pytest.mark.parametrize("family", (4, 6))
PROTOCOLS = pytest.mark.parametrize("protocol", (TCP, UDP))
MODES = pytest.mark.parametrize("mode", (DSR, IPIP, GUE), ids=("dsr", "ipip", "gue"))
BACKENDS = 8
POOL = {DSR: 1, IPIP: 2, GUE: 3}
LP_HELD_MARK = 0x6c7068656c647631
AGAIN = LP_HELD_MARK.to_bytes(8, sys.byteorder)

# VIP addresses: each mode with `source` and with `tcp` affinity; what else there is.
def address(family, mode, affinity):
    return {4: f"203.0.113.{10 * affinity + mode}", 6: f"2001:db8:a::{affinity}:{mode}"}[family]


SHARED = {4: "203.0.113.50", 6: "2001:db8:a::50"}  # two VIPs of `source` affinity, a port each
NAT_VIP = {4: "203.0.113.60", 6: "2001:db8:a::60"}
NAT_BACKEND = {4: "10.1.0.11", 6: "2001:db8:1::11"}


def rules():
    for family in (4, 6):
        for protocol in (TCP, UDP):
            for mode in (DSR, IPIP, GUE):
                for affinity in (SOURCE, TCP_AFFINITY):
                    yield harness.rule(address(family, mode, affinity), 80, protocol=protocol,
                                       forward=mode, pool=POOL[mode], affinity=affinity,
                                       vip=10 * affinity + mode)
            for port in (80, 81):
                yield harness.rule(SHARED[family], port, protocol=protocol, pool=2, vip=port)
            yield harness.rule(NAT_VIP[family], 443, protocol=protocol, forward=NAT, vip=60,
                               pool=10 + family, target=4443)
            yield harness.reply(NAT_BACKEND[family], 4443, 4443, NAT_VIP[family], 443,
                                protocol=protocol)


def hops(here):
    for mode in (DSR, IPIP, GUE):
        for n in range(BACKENDS):
            number = POOL[mode] * 10 + n
            yield harness.hop(number, here, daddr=f"10.9.{mode}.{n + 1}",
                              dst=f"02:00:00:00:0b:{number:02x}", keep_tags=True)


@pytest.fixture(scope="module")
def vips(progrun):
    add_routes(progrun)
    backends = list(hops(progrun.here))
    pools = [harness.pool(pool, [pool * 10 + n for n in range(BACKENDS)]) for pool in POOL.values()]
    for family in (4, 6):
        number = 60 + family
        backends.append(harness.hop(number, progrun.here, NAT_BACKEND[family], NAT_BACKEND[family],
                                    dst=f"02:00:00:00:0b:{number:02x}"))
        pools.append(harness.pool(10 + family, [number]))
    policies = [harness.policy(prefix, True, 0, ifindex)
                for prefix in ("0.0.0.0/0", "::/0") for ifindex in (progrun.here, progrun.there)]
    progrun.request(op="limpet", scenario=harness.scenario(list(rules()), pools, backends,
                                                           policies=policies))
    progrun.hops = {hop["backend"]: hop for hop in backends}
    return progrun


NUMBERS = iter(range(1, 1 << 16))


def whole(family, protocol, dst, dport=80, sport=40000, size=200, src=None, **more):
    """An IP packet whose payload begins with the transport header."""
    payload = bytes(i * 7 & 0xff for i in range(size))
    return packets.packet(family=family, protocol=protocol, src=src, dst=dst, sport=sport,
                          dport=dport, payload=payload, **more)


def frame(inner, tags=()):
    return packets.l2(tags, packets.ip_type(packets.family_of(inner))) + inner


def run(progrun, inners, **where):
    return progrun.run([frame(inner) for inner in inners], **{"ifindex": progrun.here, **where})


def reasons(results):
    return [result.reason for result in results]


# --- to backends that have the packet as it came -------------------------------------------

@FAMILIES
@PROTOCOLS
@MODES
@pytest.mark.parametrize("tags", packets.TAGS)
@pytest.mark.parametrize("affinity", (SOURCE, TCP_AFFINITY), ids=("source", "tcp"))
def test_all_fragments_of_a_packet_reach_one_backend(vips, family, protocol, mode, tags, affinity):
    tags = packets.TAGS[tags]
    for sport in range(41000, 41016):
        inner = whole(family, protocol, address(family, mode, affinity), sport=sport)
        alone = vips.run_one(frame(inner, tags), ifindex=vips.here)
        parts = fragments.cut(inner, 64, next(NUMBERS))
        for part in [parts[0], *random.Random(sport).sample(parts[1:], len(parts) - 1)]:
            result = vips.run_one(frame(part, tags), ifindex=vips.here)
            assert result.reason == "forward_tx"
            assert result.backend == alone.backend
            assert result.vips == {10 * affinity + mode: (1, len(frame(part, tags)))}
            at = 14 + 4 * len(tags) + 20
            sport_out = packets.gue_source_port(result.packet, at) if mode == GUE else 0
            packets.assert_frame(result.packet, packets.expected(
                vips.hops[result.backend], mode, part, tags, sport=sport_out))


@FAMILIES
@MODES
def test_connections_are_told_apart(vips, family, mode):
    """With `tcp` affinity, and their fragments mixed, each finds its own."""
    flows = []
    for sport in range(42000, 42064):
        inner = whole(family, UDP, address(family, mode, TCP_AFFINITY), sport=sport)
        flows.append(fragments.cut(inner, 64, next(NUMBERS)))
    homes = [result.backend for result in run(vips, [parts[0] for parts in flows])]
    assert len(set(homes)) == BACKENDS
    for n in range(1, 4):
        assert [r.backend for r in run(vips, [parts[n] for parts in flows])] == homes


@FAMILIES
@PROTOCOLS
@MODES
def test_source_affinity_needs_no_first_fragment(vips, family, protocol, mode):
    """Nothing is remembered: a later one goes by its source, and a flood of them has nothing to fill."""
    for n in range(1, 33):
        src = {4: f"198.51.100.{n}", 6: f"2001:db8:c:{n:x}::1"}[family]
        inner = whole(family, protocol, address(family, mode, SOURCE), src=src)
        home = run(vips, [inner])[0].backend
        for part in fragments.cut(inner, 64, next(NUMBERS))[1:]:
            result = run(vips, [part])[0]
            assert (result.reason, result.backend) == ("forward_tx", home)


@FAMILIES
def test_one_address_of_two_vips_follows_the_first(vips, family):
    """By their source both ports lead to the same pool, but each VIP has its own counters."""
    for port in (80, 81):
        parts = fragments.cut(whole(family, UDP, SHARED[family], port), 64, next(NUMBERS))
        assert reasons(run(vips, parts[1:2])) == ["drop_fragment_early"]
        results = run(vips, parts)
        assert reasons(results) == ["forward_tx"] * len(parts)
        assert all(list(result.vips) == [port] for result in results)


@FAMILIES
@PROTOCOLS
def test_a_packet_for_no_vip_is_the_stacks_with_all_its_fragments(vips, family, protocol):
    parts = fragments.cut(whole(family, protocol, SHARED[family], 99), 64, next(NUMBERS))
    for part, result in zip(parts, run(vips, parts)):
        assert (result.reason, result.packet) == ("pass_not_vip", frame(part))


# --- before their first one ------------------------------------------------------------------

@FAMILIES
@PROTOCOLS
def test_early_fragments_are_held_once(vips, family, protocol):
    """Then limpetd sends them in again: forwarded if the first one has come, else dropped."""
    parts = fragments.cut(whole(family, protocol, address(family, IPIP, TCP_AFFINITY)), 64,
                          next(NUMBERS))
    early = run(vips, parts[:0:-1])
    assert reasons(early) == ["drop_fragment_early"] * 3
    assert {result.verdict for result in early} == {"XDP_DROP"}
    assert reasons(run(vips, parts[1:], metadata=AGAIN)) == ["drop_fragment"] * 3
    home = run(vips, parts[:1])[0].backend
    again = run(vips, parts[1:], metadata=AGAIN)
    assert reasons(again) == ["forward_tx"] * 3
    assert {result.backend for result in again} == {home}


@FAMILIES
def test_metadata_of_others_is_no_mark(vips, family):
    parts = fragments.cut(whole(family, UDP, address(family, IPIP, TCP_AFFINITY)), 64, next(NUMBERS))
    for metadata in (bytes(8), AGAIN[:4], b"\1" * 8, bytes(4) + AGAIN):
        assert reasons(run(vips, parts[1:2], metadata=metadata)) == ["drop_fragment_early"]


@FAMILIES
def test_too_long_to_be_held(vips, family):
    parts = fragments.cut(whole(family, UDP, address(family, IPIP, TCP_AFFINITY), size=6000), 2400,
                          next(NUMBERS))
    assert reasons(run(vips, parts[1:2])) == ["drop_fragment"]
    assert reasons(run(vips, parts)) == ["forward_tx"] * len(parts)


@FAMILIES
def test_identifications_are_used_again(vips, family):
    """What the latest first fragment says holds (RFC 4963)."""
    dst, number, homes = address(family, IPIP, TCP_AFFINITY), next(NUMBERS), set()
    for sport in range(43000, 43032):
        parts = fragments.cut(whole(family, UDP, dst, sport=sport), 64, number)
        results = run(vips, parts)
        assert len({result.backend for result in results}) == 1
        homes.add(results[0].backend)
    assert len(homes) > 1


@FAMILIES
@pytest.mark.parametrize("what", ("src", "dst", "id", "proto"))
def test_a_fragment_of_another_packet_follows_nobody(vips, family, what):
    number, dst = next(NUMBERS), address(family, IPIP, TCP_AFFINITY)
    inner = whole(family, UDP, dst)
    assert reasons(run(vips, fragments.cut(inner, 64, number)[:1])) == ["forward_tx"]
    other = {
        "src": lambda: (whole(family, UDP, dst, src={4: "198.51.100.99", 6: "2001:db8:c::99"}[family]),
                        number),
        "dst": lambda: (whole(family, UDP, address(family, GUE, TCP_AFFINITY)), number),
        "id": lambda: (inner, number + 0x8000),
        "proto": lambda: (whole(family, TCP, dst), number),
    }[what]()
    # RFC 8200 section 4.5: in IPv6 the next header is no part of what fragments have in common.
    expected = "forward_tx" if (family, what) == (6, "proto") else "drop_fragment_early"
    assert reasons(run(vips, fragments.cut(*other[:1], 64, other[1])[1:2])) == [expected]


# --- crafted ones ------------------------------------------------------------------------------

@FAMILIES
@pytest.mark.parametrize("affinity", (SOURCE, TCP_AFFINITY))
def test_tiny_first_fragments(vips, family, affinity):
    """RFC 1858: 8 or 16 bytes do not hold a TCP header. UDP's fits into the shortest."""
    for size, reason in ((8, "drop_fragment_tiny"), (16, "drop_fragment_tiny"), (24, "forward_tx")):
        parts = fragments.cut(whole(family, TCP, address(family, IPIP, affinity)), size, next(NUMBERS))
        assert reasons(run(vips, parts[:1])) == [reason]
    parts = fragments.cut(whole(family, UDP, address(family, IPIP, affinity)), 8, next(NUMBERS))
    assert reasons(run(vips, parts[:3])) == ["forward_tx"] * 3


@FAMILIES
def test_fragments_that_overlap_the_header_are_dropped(vips, family):
    """RFC 3128: flags that another fragment would write over those that were looked at."""
    parts = fragments.cut(whole(family, TCP, address(family, IPIP, TCP_AFFINITY)), 8, number := next(NUMBERS))
    first = fragments.cut(whole(family, TCP, address(family, IPIP, TCP_AFFINITY)), 64, number)[0]
    results = run(vips, [first, *parts[1:5]])
    assert reasons(results) == ["forward_tx"] + ["drop_fragment_tiny"] * 2 + ["forward_tx"] * 2


@FAMILIES
def test_overlapping_fragments_go_one_by_one(vips, family):
    """Nothing is put together here: each goes as it came, and other packets notice nothing."""
    dst, number = address(family, IPIP, TCP_AFFINITY), next(NUMBERS)
    inner = whole(family, UDP, dst, sport=44001)
    victim = fragments.cut(whole(family, UDP, dst, sport=44002), 64, other := next(NUMBERS))
    home = run(vips, victim[:1])[0].backend
    rough, fine = fragments.cut(inner, 64, number), fragments.cut(inner, 40, number)
    results = run(vips, [rough[0], *fine[1:], *rough[1:], rough[0], fine[0]])
    assert len({result.backend for result in results}) == 1
    assert set(reasons(results)) == {"forward_tx"}
    assert [r.backend for r in run(vips, victim[1:])] == [home] * (len(victim) - 1)
    assert other != number


@FAMILIES
def test_lengths_that_lie(vips, family):
    at = 2 if family == 4 else 4
    for affinity in (SOURCE, TCP_AFFINITY):
        parts = fragments.cut(whole(family, UDP, address(family, IPIP, affinity)), 64, next(NUMBERS))
        for part in parts:
            longer = bytearray(part)
            struct.pack_into("!H", longer, at, struct.unpack_from("!H", part, at)[0] + 1)
            assert reasons(run(vips, [bytes(longer)])) == ["drop_bad_header"]


@FAMILIES
def test_the_port_of_the_first_fragment_counts(vips, family):
    parts = fragments.cut(whole(family, UDP, address(family, IPIP, TCP_AFFINITY), 81), 64, next(NUMBERS))
    assert reasons(run(vips, parts)) == ["pass_not_vip"] * len(parts)


# --- IPv6 headers ----------------------------------------------------------------------------

DSTOPTS = bytes([1, 4]) + bytes(4)


def ipv6(headers, rest, dst):
    """Headers: (number, bytes after `next header`), the last one's next header is UDP."""
    numbers = [number for number, _ in headers] + [UDP]
    data = b"".join(bytes([numbers[i + 1]]) + body for i, (_, body) in enumerate(headers)) + rest
    return bytes(packets.ip_header(6, dst=dst, nh=numbers[0], plen=len(data))) + data


def part6(offset, more, number):
    return (44, b"\0" + struct.pack("!HI", offset | more, number))


OPTIONS = (60, bytes([0, 1, 4]) + bytes(4))


def udp(size=64):
    return bytes(packets.l4_header(UDP, len=8 + size)) + bytes(size)


@pytest.mark.parametrize("affinity", (SOURCE, TCP_AFFINITY))
def test_atomic_fragments_are_whole_packets(vips, affinity):
    """RFC 6946: they follow nobody's record, and write none."""
    dst, number = address(6, IPIP, affinity), next(NUMBERS)
    for before, behind in (((), ()), ((OPTIONS,), ()), ((), (OPTIONS,)), ((OPTIONS,), (OPTIONS,))):
        inner = ipv6((*before, part6(0, 0, number), *behind), udp(), dst)
        result = run(vips, [inner])[0]
        assert result.reason == "forward_tx" and result.packet[34:] == inner
    later = ipv6((part6(64, 0, number),), bytes(64), dst)
    assert reasons(run(vips, [later])) == ["forward_tx" if affinity == SOURCE else "drop_fragment_early"]


def test_headers_before_and_behind_the_fragment_header(vips):
    """The chain is in the first fragment (RFC 7112); a later one shows only its first number."""
    for before, behind, affinity in itertools.product(((), (OPTIONS,)), ((), (OPTIONS, OPTIONS)),
                                                      (SOURCE, TCP_AFFINITY)):
        dst = address(6, IPIP, affinity)
        number = next(NUMBERS)
        first = ipv6((*before, part6(0, 1, number), *behind), udp(), dst)
        inner = udp()
        later = bytearray(ipv6((*before, part6(64 + 8 + 8 * len(behind), 0, number)), inner, dst))
        if behind:
            later[40 + 8 * len(before)] = 60
        results = run(vips, [first, bytes(later)])
        assert reasons(results) == ["forward_tx"] * 2
        assert results[0].backend == results[1].backend


@pytest.mark.parametrize("size", (8, 16, 24))
def test_a_first_fragment_without_its_whole_chain(vips, size):
    number = next(NUMBERS)
    chain = ipv6((part6(0, 1, number), OPTIONS, OPTIONS), udp(), address(6, IPIP, SOURCE))
    short = bytearray(chain[:48 + size])
    struct.pack_into("!H", short, 4, 8 + size)
    assert reasons(run(vips, [bytes(short)])) == [
        "drop_fragment_tiny" if size < 24 else "forward_tx"]


def test_a_fragment_in_a_fragment(vips):
    dst = address(6, IPIP, SOURCE)
    for offset, more in ((0, 1), (8, 0), (0, 0)):
        inner = ipv6((part6(0, 1, 7), part6(offset, more, 8)), udp(), dst)
        assert reasons(run(vips, [inner])) == ["drop_extension"]


# --- nat -----------------------------------------------------------------------------------------

def nat_packet(family, protocol, src, dst, sport, dport, size, ttl):
    hop_count = {"ttl": ttl} if family == 4 else {"hlim": ttl}
    head = packets.ip_header(family, src, dst, 0, **hop_count)
    head /= packets.l4_header(protocol, sport, dport)
    return bytes(head / packets.Raw(random.Random(size).randbytes(size)))


@FAMILIES
@PROTOCOLS
@pytest.mark.parametrize("size", (100, 1111, 3000))
def test_nat_both_ways(vips, family, protocol, size):
    """What comes out is, put together, the translated packet, with its checksum."""
    for sport in (40001, 40002):
        ways = (
            ((packets.CLIENT[family], NAT_VIP[family], sport, 443),
             (packets.CLIENT[family], NAT_BACKEND[family], sport, 4443), "forward_tx",
             (f"02:00:00:00:0b:{60 + family:02x}", "02:00:00:00:0b:02")),
            ((NAT_BACKEND[family], client(family, "here"), 4443, sport),
             (NAT_VIP[family], client(family, "here"), 443, sport), "forward_reply",
             (MACS["here"], OWN["here"])),
        )
        for came, left, reason, macs in ways:
            parts = fragments.cut(nat_packet(family, protocol, *came, size, 57), 32 + size // 48 * 8,
                                  number := next(NUMBERS))
            results = run(vips, parts)
            assert reasons(results) == [reason] * len(parts)
            for result in results:
                assert result.packet[:14] == packets.l2((), packets.ip_type(family), *macs)
            want = bytearray(nat_packet(family, protocol, *left, size, 56))
            if family == 4:
                want[4:6] = number.to_bytes(2, "big")
                want[10:12] = b"\0\0"
                want[10:12] = fragments.checksum(bytes(want[:20])).to_bytes(2, "big")
            joined = fragments.join([result.packet[14:] for result in results])
            packets.assert_frame(b"\0" * 12 + joined, b"\0" * 12 + bytes(want))


@FAMILIES
@PROTOCOLS
def test_nat_that_the_stack_sends(vips, family, protocol):
    """No neighbour: first and later ones are translated alike, and the stack routes them."""
    inner = nat_packet(family, protocol, NAT_BACKEND[family], client(family, "nobody"), 4443, 40000,
                       300, 64)
    results = run(vips, fragments.cut(inner, 64, next(NUMBERS)))
    assert set(reasons(results)) == {"pass_reply"}
    assert all(result.verdict == "XDP_PASS" for result in results)
    want = nat_packet(family, protocol, NAT_VIP[family], client(family, "nobody"), 443, 40000, 300, 64)
    joined = fragments.join([result.packet[14:] for result in results])
    assert joined[-308:] == want[-308:]


@FAMILIES
def test_nat_early_fragments(vips, family):
    """To a backend they are dropped in the end, from one they are the stack's."""
    for src, dst, ports, end in (
            (packets.CLIENT[family], NAT_VIP[family], (40000, 443), "drop_fragment"),
            (NAT_BACKEND[family], client(family, "here"), (4443, 40000), "pass_not_vip")):
        parts = fragments.cut(nat_packet(family, UDP, src, dst, *ports, 300, 64), 64, next(NUMBERS))
        assert reasons(run(vips, parts[1:2])) == ["drop_fragment_early"]
        result = run(vips, parts[1:2], metadata=AGAIN)[0]
        assert result.reason == end
        assert result.packet == frame(parts[1])


@FAMILIES
@PROTOCOLS
def test_what_else_a_backend_sends_is_left_alone(vips, family, protocol):
    inner = nat_packet(family, protocol, NAT_BACKEND[family], client(family, "here"), 53, 40000, 300, 64)
    parts = fragments.cut(inner, 64, next(NUMBERS))
    for part, result in zip(parts, run(vips, parts)):
        assert (result.reason, result.packet) == ("pass_not_vip", frame(part))


@FAMILIES
@pytest.mark.parametrize("ttl", (1, 2))
def test_nat_ttl(vips, family, ttl):
    inner = nat_packet(family, UDP, packets.CLIENT[family], NAT_VIP[family], 40000, 443, 300, ttl)
    got = reasons(run(vips, fragments.cut(inner, 64, next(NUMBERS))))
    # Of a packet whose first one ended here, nobody would have a use for the others.
    first, later = ("drop_ttl", "drop_fragment") if ttl == 1 else ("forward_tx", "forward_tx")
    assert got == [first] + [later] * (len(got) - 1)


@FAMILIES
def test_udp_without_a_checksum(vips, family):
    inner = bytearray(nat_packet(family, UDP, packets.CLIENT[family], NAT_VIP[family], 40000, 443,
                                 300, 57))
    at = (20 if family == 4 else 40) + 6
    inner[at:at + 2] = b"\0\0"
    results = run(vips, fragments.cut(bytes(inner), 64, next(NUMBERS)))
    assert fragments.join([result.packet[14:] for result in results])[at:at + 2] == b"\0\0"


# --- policy ----------------------------------------------------------------------------------------

@FAMILIES
def test_policy_holds_for_later_fragments(progrun, family):
    """Who may not have sent the first one does not send the rest, by another interface either."""
    reject = {4: "198.51.100.0/24", 6: "2001:db8:c::/48"}[family]
    dst = packets.VIP[family]
    for affinity in (SOURCE, TCP_AFFINITY):
        progrun.request(op="limpet", scenario=harness.scenario(
            [harness.rule(dst, 80, protocol=UDP, affinity=affinity, flags=harness.GUARDED)],
            [harness.pool(1, [1])], [harness.hop(1, progrun.here)],
            policies=[harness.policy(reject, False, 0, progrun.there)]))
        parts = fragments.cut(whole(family, UDP, dst), 64, next(NUMBERS))
        assert reasons(run(progrun, parts)) == ["forward_tx"] * len(parts)
        later = run(progrun, parts, ifindex=progrun.there)
        assert reasons(later) == ["drop_spoofed"] * len(parts)
