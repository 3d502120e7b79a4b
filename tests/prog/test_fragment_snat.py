# SPDX-License-Identifier: GPL-2.0
"""
Fragments of connections whose source is translated, or of which only an entry says whose they
are: snat, hairpin, and nat where a backend's port serves two VIPs. Put together, what comes out
is the packet that a whole one would have become, checksums and all.
"""
import collections
import ipaddress
import itertools
import random
import sys

import pytest

import fragments
import harness
import packets
from harness import NAT, SNAT, TCP, UDP
from test_fragment import OPTIONS, part6, reasons
from test_nat import FAMILIES, MACS, OWN, PROTOCOLS, add_routes, build, client
from test_snat import LIST, LISTED, OWN_ADDRESS, OWN_PORTS, fields

AGAIN = (0x6c7068656c647631).to_bytes(8, sys.byteorder)  # LP_HELD_MARK
PORT, TARGET, IDLE = 443, 4443, 600
NEIGHBOUR_MAC = "02:00:00:00:0a:01"


def addresses(net, last):
    """Of both families; net: 0 VIPs, 1 servers."""
    return {4: (f"203.0.113.{last}", f"10.1.0.{last}")[net],
            6: (f"2001:db8:a::{last}", f"2001:db8:1::{last}")[net]}


# What clients ask, who answers, and who asks: by what becomes of their source.
Kind = collections.namedtuple("Kind", "number vip backend client mac own")
ROUTED = {family: client(family, "here") for family in (4, 6)}
NEIGHBOUR, NOBODY = addresses(1, 99), {family: None for family in (4, 6)}
KINDS = {
    "snat": Kind(1, packets.VIP, addresses(1, 11), ROUTED, MACS["here"], OWN_ADDRESS),
    "list": Kind(2, LISTED, addresses(1, 11), ROUTED, MACS["here"], None),
    "hairpin": Kind(3, addresses(0, 20), addresses(1, 21), NEIGHBOUR, NEIGHBOUR_MAC, OWN_ADDRESS),
    "itself": Kind(3, addresses(0, 20), addresses(1, 21), addresses(1, 21), NEIGHBOUR_MAC,
                   OWN_ADDRESS),
    "first": Kind(4, addresses(0, 30), addresses(1, 31), ROUTED, MACS["here"], ROUTED),
    "second": Kind(5, addresses(0, 31), addresses(1, 31), ROUTED, MACS["here"], ROUTED),
}
HIDDEN = ("snat", "list", "hairpin", "itself")  # behind an address that others have too
KIND = pytest.mark.parametrize("kind", KINDS)


def rules():
    for family, protocol in itertools.product((4, 6), (TCP, UDP)):
        def to(name, forward, pool, **more):
            kind = KINDS[name]
            return harness.rule(kind.vip[family], PORT, PORT, protocol, forward=forward,
                                vip=kind.number, pool=pool + family, target=TARGET,
                                idle_timeout=IDLE, **more)

        def back(name, **more):
            kind = KINDS[name]
            return harness.reply(kind.backend[family], TARGET, TARGET, kind.vip[family], PORT,
                                 protocol=protocol, **more)
        yield from (to("snat", SNAT, 10), to("hairpin", NAT, 20), back("hairpin"),
                    to("first", NAT, 30, flags=harness.ENTRIES),
                    to("second", NAT, 30, flags=harness.ENTRIES),
                    back("first", flags=harness.ENTRIES))
        yield harness.rule(LISTED[family], PORT, PORT, protocol, forward=SNAT, vip=2 + 10 * family,
                           pool=10 + family, target=TARGET, idle_timeout=IDLE)


@pytest.fixture(scope="module")
def world(progrun):
    add_routes(progrun)
    hops, pools = [], []
    for family in (4, 6):
        for base, name in ((10, "snat"), (20, "hairpin"), (30, "first")):
            number = base + family
            hops.append(harness.hop(
                number, progrun.here, OWN_ADDRESS[family], KINDS[name].backend[family],
                dst=f"02:00:00:00:0b:{number:02x}",
                link_bits={4: 96 + 24, 6: 64}[family] if name == "hairpin" else 0))
            pools.append(harness.pool(number, [number]))
        progrun.ip("address", "add", f"{OWN_ADDRESS[family]}/{24 if family == 4 else 64}", "dev",
                   "in0", *(["nodad"] if family == 6 else []))
        for peer in (NEIGHBOUR[family], KINDS["itself"].client[family]):
            progrun.ip("neighbour", "replace", peer, "lladdr", NEIGHBOUR_MAC, "dev", "in0", "nud",
                       "permanent")
    policies = [harness.policy(prefix, True, 0, ifindex) for prefix in ("0.0.0.0/0", "::/0")
                for ifindex in (progrun.here, progrun.there)]
    progrun.request(op="limpet", scenario=harness.scenario(
        list(rules()), pools, hops, policies=policies, entries=4096, own_ports=OWN_PORTS,
        snat=[{"vip": 2 + 10 * f, "addresses": LIST[f]} for f in (4, 6)]))
    return progrun


NUMBERS = iter(range(1, 1 << 16))
PORTS = itertools.cycle(range(1100, 32000))


def frame(inner):
    return packets.l2((), packets.ip_type(packets.family_of(inner))) + inner


def run(world, inners, **where):
    return world.run([frame(inner) for inner in inners], **{"ifindex": world.here, **where})


def number_of(part):
    """A fragment's identification, as it is in the packet."""
    return part[4:6] if packets.family_of(part) == 4 else part[44:48]


def numbered(inner, number):
    """An IPv4 packet with another identification, its header's checksum computed anew."""
    if packets.family_of(inner) == 6:
        return inner
    out = bytearray(inner)
    out[4:6], out[10:12] = number, b"\0\0"
    out[10:12] = fragments.checksum(bytes(out[:20])).to_bytes(2, "big")
    return bytes(out)


def packed(text):
    return ipaddress.ip_address(text).packed


def random_bytes(size):
    return random.Random(size).randbytes(size)


class Flow:
    """A connection through one of KINDS, of which both ends send packets in fragments."""

    def __init__(self, world, kind, family, protocol=UDP, sport=None, peer=None):
        self.world, self.family, self.protocol = world, family, protocol
        self.kind = KINDS[kind]
        self.vip, self.backend = self.kind.vip[family], self.kind.backend[family]
        self.client = peer or self.kind.client[family]
        self.sport = sport or next(PORTS)
        self.source = self.port = None  # as the backend sees it

    def asks(self, payload, ttl=57, **more):
        return build(self.family, self.protocol, self.client, self.vip, self.sport, PORT, payload,
                     ttl, **more)

    def asked(self, payload, ttl=56, **more):
        """The same, as it reaches the backend."""
        return build(self.family, self.protocol, self.source, self.backend, self.port, TARGET,
                     payload, ttl, **more)

    def answers(self, payload, ttl=64, **more):
        return build(self.family, self.protocol, self.backend, self.source, TARGET, self.port,
                     payload, ttl, **more)

    def answered(self, payload, ttl=63, **more):
        return build(self.family, self.protocol, self.vip, self.client, PORT, self.sport, payload,
                     ttl, **more)

    def open(self):
        """A whole packet, from which the flow knows its source."""
        (result,) = run(self.world, [self.asks(b"open")])
        assert result.reason == "forward_tx"
        self.source, self.port = fields(result.packet)[:2]
        return self


def assert_joined(results, want, number=None):
    """All of a packet's fragments came out: `want`, with that identification or any."""
    parts = [result.packet[14:] for result in results]
    if number is None:
        number = number_of(parts[0])
    assert {number_of(part) for part in parts} == {number}
    packets.assert_frame(b"\0" * 14 + fragments.join(parts), b"\0" * 14 + numbered(want, number))


# --- both ways -----------------------------------------------------------------------------------


@FAMILIES
@PROTOCOLS
@KIND
@pytest.mark.parametrize("size", (100, 1111, 3000))
def test_there_and_back(world, family, protocol, kind, size):
    """A connection that begins with a fragment; sizes of fragments differ, tails are odd."""
    flow, payload, step = Flow(world, kind, family, protocol), random_bytes(size), 32 + size // 48 * 8
    parts = fragments.cut(flow.asks(payload, tos=size & 0xff), step, number := next(NUMBERS))
    results = run(world, parts)
    assert reasons(results) == ["forward_tx"] * len(parts)
    flow.source, flow.port = fields(results[0].packet)[:2]
    assert flow.source in ([flow.kind.own[family]] if flow.kind.own else LIST[family])
    keeps = kind not in HIDDEN or family == 6
    assert_joined(results, flow.asked(payload, tos=size & 0xff), number_of(parts[0]) if keeps else None)
    for part, result in zip(parts, results):
        at = int(f"{dict(snat=1, list=1, hairpin=2, itself=2).get(kind, 3)}0") + family
        assert result.backends == {at: (1, len(frame(part)))}
        assert result.packet[:14] == packets.l2((), packets.ip_type(family),
                                                f"02:00:00:00:0b:{at:02x}", "02:00:00:00:0b:02")
    parts = fragments.cut(flow.answers(payload, tos=size & 0xfc), step, number)
    results = run(world, parts)
    assert reasons(results) == ["forward_reply"] * len(parts)
    assert_joined(results, flow.answered(payload, tos=size & 0xfc), number_of(parts[0]))
    for result in results:
        assert result.packet[:14] == packets.l2((), packets.ip_type(family), flow.kind.mac,
                                                OWN["here"])


@FAMILIES
@KIND
def test_later_ones_before_their_first(world, family, kind):
    """limpetd keeps them until then; sent in again they are dropped if there was none, or, of
    a reply, the stack's as they came."""
    flow, payload = Flow(world, kind, family).open(), random_bytes(500)
    for inner, want, end, good in ((flow.asks(payload), flow.asked(payload), "drop_fragment",
                                    "forward_tx"),
                                   (flow.answers(payload), flow.answered(payload), "pass_not_vip",
                                    "forward_reply")):
        first, *later = fragments.cut(inner, 64, next(NUMBERS))
        assert reasons(run(world, later[::-1])) == ["drop_fragment_early"] * len(later)
        ended = run(world, later[:1], metadata=AGAIN)[0]
        assert (ended.reason, ended.packet) == (end, frame(later[0]))
        results = run(world, [first]) + run(world, later[::-1], metadata=AGAIN)
        assert reasons(results) == [good] * (1 + len(later))
        assert_joined(results, want)


@FAMILIES
@pytest.mark.parametrize("way", ("nobody", "elsewhere"))
def test_replies_that_the_stack_sends(world, family, way):
    """First and later ones are translated alike, and the stack routes them."""
    for kind in ("snat", "first"):
        flow = Flow(world, kind, family, peer=client(family, way)).open()
        payload = random_bytes(300)
        results = run(world, fragments.cut(flow.answers(payload), 64, next(NUMBERS)))
        assert set(reasons(results)) == {"pass_reply"}
        assert all(result.verdict == "XDP_PASS" for result in results)
        assert_joined(results, flow.answered(payload, 64))


@FAMILIES
def test_udp_without_a_checksum(world, family):
    flow, at = Flow(world, "snat", family).open(), (20 if family == 4 else 40) + 6
    for inner in (flow.asks(random_bytes(300)), flow.answers(random_bytes(300))):
        bare = inner[:at] + b"\0\0" + inner[at + 2:]
        results = run(world, fragments.cut(bare, 64, next(NUMBERS)))
        assert fragments.join([result.packet[14:] for result in results])[at:at + 2] == b"\0\0"


# --- whose they are ------------------------------------------------------------------------------


@FAMILIES
@PROTOCOLS
def test_two_vips_of_one_port(world, family, protocol):
    """One client, one port, and one identification to both; each answer is of its own VIP."""
    sport, number = next(PORTS), next(NUMBERS)
    flows = [Flow(world, kind, family, protocol, sport) for kind in ("first", "second")]
    asks = [fragments.cut(flow.asks(random_bytes(300)), 64, number) for flow in flows]
    firsts = run(world, [parts[0] for parts in asks])
    for flow, first in zip(flows, firsts):
        flow.source, flow.port = fields(first.packet)[:2]
    assert flows[0].port != flows[1].port
    for n, flow in enumerate(flows):
        later = run(world, asks[n][1:])
        assert_joined([firsts[n], *later], flow.asked(random_bytes(300)), number_of(asks[n][0]))
    numbers = [next(NUMBERS) for _ in flows]
    answers = [fragments.cut(flow.answers(random_bytes(300)), 64, n) for flow, n in zip(flows, numbers)]
    firsts = run(world, [parts[0] for parts in answers])
    for n, flow in enumerate(flows):
        later = run(world, answers[n][1:])
        assert_joined([firsts[n], *later], flow.answered(random_bytes(300)))


@FAMILIES
@pytest.mark.parametrize("kind", HIDDEN[:3])
def test_two_clients_with_one_identification(world, family, kind):
    """To their backend both are one address: it must be able to tell their packets apart (IPv4;
    identifications of IPv6 are left as they are)."""
    number, payload = next(NUMBERS), random_bytes(300)
    peers = {"hairpin": addresses(1, 98)}.get(kind, {4: "198.51.101.8", 6: "2001:db8:c1::8"})
    world.ip("neighbour", "replace", addresses(1, 98)[family], "lladdr", NEIGHBOUR_MAC, "dev", "in0",
             "nud", "permanent")
    flows = [Flow(world, kind, family).open(), Flow(world, kind, family, peer=peers[family]).open()]
    asks = [fragments.cut(flow.asks(payload), 64, number) for flow in flows]
    mixed = run(world, [part for pair in zip(*asks) for part in pair])
    assert set(reasons(mixed)) == {"forward_tx"}
    for n, flow in enumerate(flows):
        assert_joined(mixed[n::2], flow.asked(payload))
    seen = [number_of(mixed[n].packet[14:]) for n in range(2)]
    assert (seen[0] != seen[1]) == (family == 4)


def test_identifications_take_turns(world):
    """Whatever clients choose: of one address to one backend none comes twice before all have,
    and where nobody hides, or nothing is cut, it stays."""
    flow, seen = Flow(world, "snat", 4).open(), []
    parts = [fragments.cut(flow.asks(random_bytes(100)), 64, 77)[0]] * 3000
    seen = [int.from_bytes(number_of(result.packet[14:]), "big") for result in run(world, parts)]
    assert [(n - seen[0]) & 0xffff for n in seen] == list(range(3000))
    for kind in ("first", "second"):
        flow = Flow(world, kind, 4).open()
        (result,) = run(world, fragments.cut(flow.asks(random_bytes(100)), 64, 77)[:1])
        assert int.from_bytes(number_of(result.packet[14:]), "big") == 77
    flow = Flow(world, "snat", 4).open()
    (result,) = run(world, [flow.asks(random_bytes(100))])
    assert number_of(result.packet[14:]) == b"\x12\x34"


@FAMILIES
def test_an_identification_is_used_again(world, family):
    """By the backend for another client's answer: what the latest first fragment says holds
    (RFC 4963)."""
    number, payload = next(NUMBERS), random_bytes(300)
    peers = [{4: f"198.51.101.{n}", 6: f"2001:db8:c1::{n}"}[family] for n in range(1, 4)]
    flows = [Flow(world, "snat", family, peer=peer).open() for peer in peers]
    answers = [fragments.cut(flow.answers(payload), 64, number) for flow in flows]
    for n, flow in enumerate(flows):
        (first,) = run(world, answers[n][:1])
        assert_joined([first, *run(world, answers[n][1:])], flow.answered(payload))
    (result,) = run(world, answers[0][-1:])
    at = 14 + {4: 16, 6: 24}[family]
    assert result.reason == "forward_reply"
    assert result.packet[at:at + len(packed(peers[2]))] == packed(peers[2])


def test_a_first_one_that_comes_twice(world):
    """The later ones go with the one that came last."""
    flow, payload = Flow(world, "snat", 4).open(), random_bytes(300)
    first, *later = fragments.cut(flow.asks(payload), 64, next(NUMBERS))
    results = run(world, [first, first, *later])
    assert_joined(results[1:], flow.asked(payload))
    assert number_of(results[0].packet[14:]) != number_of(results[1].packet[14:])


# --- who it is not for ---------------------------------------------------------------------------


@FAMILIES
@PROTOCOLS
@pytest.mark.parametrize("src", ("backend", "stranger"))
def test_fragments_for_the_host_itself(world, family, protocol, src):
    """To an address that is a source as well, and of no connection with an entry: the stack's, in
    every order."""
    Flow(world, "snat", family).open()  # from now on answers to the address are looked for
    src = {"backend": KINDS["snat"].backend, "stranger": packets.CLIENT}[src][family]
    inner = build(family, protocol, src, OWN_ADDRESS[family], 53, 53, random_bytes(300))
    parts = fragments.cut(inner, 64, next(NUMBERS))
    for part, result in zip(parts, run(world, parts)):
        assert (result.reason, result.packet) == ("pass_not_vip", frame(part))
    parts = fragments.cut(inner, 64, next(NUMBERS))
    assert reasons(run(world, parts[1:2])) == ["drop_fragment_early"]
    result = run(world, parts[1:2], metadata=AGAIN)[0]
    assert (result.reason, result.packet) == ("pass_not_vip", frame(parts[1]))


@FAMILIES
def test_fragments_to_other_addresses_are_not_looked_at(world, family):
    """Nobody was ever sent from there: not even held."""
    inner = build(family, UDP, KINDS["snat"].backend[family], ROUTED[family], TARGET, 53,
                  random_bytes(300))
    for part in fragments.cut(inner, 64, next(NUMBERS))[::-1]:
        result = run(world, [part])[0]
        assert (result.reason, result.packet) == ("pass_not_vip", frame(part))


# --- crafted ones --------------------------------------------------------------------------------


@FAMILIES
@PROTOCOLS
@pytest.mark.parametrize("kind", ("snat", "first"))
def test_the_end_of_its_hops(world, family, protocol, kind):
    """A first one that is dropped takes the later ones with it, at once."""
    flow = Flow(world, kind, family, protocol).open()
    for inner, good in ((flow.asks, "forward_tx"), (flow.answers, "forward_reply")):
        for ttl, want in ((2, [good] * 5), (1, ["drop_ttl"] + ["drop_fragment"] * 4)):
            payload = bytes(320 - (20 if protocol == TCP else 8))
            results = run(world, fragments.cut(inner(payload, ttl), 64, next(NUMBERS)))
            assert reasons(results) == want


@FAMILIES
def test_tiny_first_fragments(world, family):
    """RFC 1858 to a backend; what is for the host is not limpet's to judge."""
    flow = Flow(world, "snat", family, TCP).open()
    for inner, reason in ((flow.asks, "drop_fragment_tiny"), (flow.answers, "pass_not_vip")):
        parts = fragments.cut(inner(random_bytes(100)), 8, next(NUMBERS))
        assert reasons(run(world, parts[:2])) == [reason] * 2


@FAMILIES
def test_later_ones_that_overlap_the_header(world, family):
    """RFC 3128."""
    flow, number = Flow(world, "snat", family, TCP).open(), next(NUMBERS)
    for inner, good, bad in ((flow.asks, "forward_tx", "drop_fragment_tiny"),
                             (flow.answers, "forward_reply", "pass_not_vip")):
        packet = inner(random_bytes(200))
        rough, fine = fragments.cut(packet, 64, number), fragments.cut(packet, 8, number)
        results = run(world, [rough[0], *fine[1:4]])
        assert reasons(results) == [good, bad, bad, good]


def test_ipv6_headers_in_front(world):
    """The fragment header may follow others, and more may follow it: then the later ones do not
    tell their protocol."""
    flow = Flow(world, "snat", 6).open()
    for before, behind in itertools.product(((), (OPTIONS,)), ((), (OPTIONS, OPTIONS))):
        number = next(NUMBERS)
        for inner, good in ((flow.asks, "forward_tx"), (flow.answers, "forward_reply")):
            plain = inner(bytes(56))
            parts = []
            for offset, more in ((0, 1), (64 + 8 * len(behind), 0)):
                chain = [*before, part6(offset, more, number), *(behind if more else ())]
                kinds = [kind for kind, _ in chain] + [UDP]
                if not more and behind:
                    kinds[-1] = OPTIONS[0]
                body = b"".join(bytes([kinds[i + 1]]) + data for i, (_, data) in enumerate(chain))
                body += plain[40:]
                parts.append(plain[:4] + len(body).to_bytes(2, "big") + bytes([kinds[0]])
                             + plain[7:40] + body)
            results = run(world, parts)
            assert reasons(results) == [good] * 2
            heads = {result.packet[22:54] for result in results}
            assert len(heads) == 1 and heads != {plain[8:40]}


def test_atomic_fragments_are_whole_packets(world):
    """RFC 6946: of both ways, and they leave no record."""
    flow, number = Flow(world, "snat", 6).open(), next(NUMBERS)
    for inner, good in ((flow.asks, "forward_tx"), (flow.answers, "forward_reply")):
        (atomic,) = fragments.cut(inner(bytes(56)), 64, number)
        assert reasons(run(world, [atomic])) == [good]
        later = fragments.cut(inner(bytes(120)), 64, number)[1]
        assert reasons(run(world, [later])) == ["drop_fragment_early"]
