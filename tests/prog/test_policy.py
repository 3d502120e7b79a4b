# SPDX-License-Identifier: GPL-2.0
"""Whose packets are taken: allow, deny, interfaces, reject_sources, sources that are VIPs."""
import ipaddress
import itertools
import random

import pytest

import harness
import packets
from harness import ASKS_INTERFACES, ASKS_SOURCES, DSR, GUARDED, GUE, IPIP, TCP, UDP

FAMILIES = pytest.mark.parametrize("family", (4, 6))
PROTOCOLS = pytest.mark.parametrize("protocol", (TCP, UDP))
ALL = {4: "0.0.0.0/0", 6: "::/0"}
# Nested prefixes: what is admitted alternates with the length.
NEST = {4: [("10.0.0.0/8", True), ("10.1.0.0/16", False), ("10.1.2.0/24", True),
            ("10.1.2.3/32", False)],
        6: [("2001:db8::/32", True), ("2001:db8:1::/48", False), ("2001:db8:1:2::/64", True),
            ("2001:db8:1:2::3/128", False)]}
HERE_ONLY, BOTH, LISTED, OPEN = 80, 81, 82, 83  # ports, and numbers less 79


def ask(progrun, family, source, port, protocol=TCP, where=None, forward=None):
    """The reason and the verdict for one packet, which must have come through whole or not."""
    frame = packets.frame(family=family, protocol=protocol, src=source, dport=port)
    result = progrun.run_one(frame, ifindex=progrun.here if where is None else where)
    if result.verdict == "XDP_DROP":
        assert result.packet == frame, "a packet that is dropped is left as it is"
        assert not result.vips and not result.backends
    return result.reason


def forwarded(reason):
    return reason in ("forward_tx", "forward_redirect")


@pytest.fixture(scope="module", params=(DSR, IPIP, GUE), ids=("dsr", "ipip", "gue"))
def world(progrun, request):
    """Four VIPs, a port each: bound to one interface with a list, bound to both, a list, none."""
    flags = {HERE_ONLY: ASKS_SOURCES | ASKS_INTERFACES, BOTH: ASKS_INTERFACES,
             LISTED: ASKS_SOURCES, OPEN: 0}
    rules = [harness.rule(packets.VIP[family], port, vip=port - 79, protocol=protocol, pool=family,
                          forward=request.param, flags=flag)
             for family, protocol, (port, flag) in itertools.product((4, 6), (TCP, UDP),
                                                                    flags.items())]
    policies = []
    for family in (4, 6):
        for vip, ifindex in ((HERE_ONLY, progrun.here), (LISTED, 0)):
            policies += [harness.policy(prefix, admit, vip - 79, ifindex)
                         for prefix, admit in NEST[family] + [(ALL[family], False)]]
        policies += [harness.policy(ALL[family], True, BOTH - 79, ifindex)
                     for ifindex in (progrun.here, progrun.there)]
    hops = [harness.hop(4, progrun.here),
            harness.hop(6, progrun.here, "2001:db8:e::1", "2001:db8:e:3::2")]
    progrun.request(op="limpet", scenario=harness.scenario(
        rules, [harness.pool(4, [4]), harness.pool(6, [6])], hops, policies=policies))
    return progrun


def longest(nest, source):
    """The independent answer: all prefixes, one after the other."""
    held = [(ipaddress.ip_network(prefix).prefixlen, admit) for prefix, admit in nest
            if ipaddress.ip_address(source) in ipaddress.ip_network(prefix)]
    return bool(held) and max(held)[1]


def edges(nest):
    """First and last address of each prefix, and those beside it."""
    for prefix, _ in nest:
        net = ipaddress.ip_network(prefix)
        for number in (int(net[0]) - 1, int(net[0]), int(net[-1]), int(net[-1]) + 1):
            yield str(type(net[0])(number))


@FAMILIES
@PROTOCOLS
@pytest.mark.parametrize("port", (LISTED, HERE_ONLY))
def test_the_longest_prefix_decides(world, family, protocol, port):
    seen = set()
    for source in edges(NEST[family]):
        admit = longest(NEST[family], source)
        reason = ask(world, family, source, port, protocol)
        assert forwarded(reason) if admit else reason == "drop_denied", source
        seen.add(admit)
    assert seen == {True, False}


@FAMILIES
def test_random_prefixes_and_sources(progrun, family):
    """A few hundred prefixes at random, against a linear search."""
    rnd = random.Random(f"policy {family}")
    size = 32 if family == 4 else 128
    kind = ipaddress.IPv4Network if family == 4 else ipaddress.IPv6Network
    base = int(ipaddress.ip_address(packets.CLIENT[family]))
    nest = {}
    while len(nest) < 300:
        bits = rnd.randrange(size - 24, size + 1)
        number = (base ^ rnd.getrandbits(24)) >> (size - bits) << (size - bits)
        nest[str(kind((number, bits)))] = rnd.random() < 0.5
    nest = list(nest.items())
    progrun.request(op="limpet", scenario=harness.scenario(
        [harness.rule(packets.VIP[family], 80, flags=ASKS_SOURCES)], [harness.pool(1, [1])],
        [harness.hop(1, progrun.here)],
        policies=[harness.policy(p, a, 1) for p, a in nest + [(ALL[family], False)]]))
    for _ in range(400):
        net = ipaddress.ip_network(rnd.choice(nest)[0])
        source = str(net[rnd.randrange(net.num_addresses)])
        reason = ask(progrun, family, source, 80)
        assert forwarded(reason) == longest(nest, source), source
        assert forwarded(reason) or reason == "drop_denied"


@FAMILIES
@PROTOCOLS
def test_interfaces(world, family, protocol):
    source = {4: "10.1.2.9", 6: "2001:db8:1:2::9"}[family]
    for port, here, there, elsewhere in (
            (HERE_ONLY, True, False, False), (BOTH, True, True, False), (LISTED, True, True, True),
            (OPEN, True, True, True)):
        for where, answers in ((world.here, here), (world.there, there), (1, elsewhere)):
            reason = ask(world, family, source, port, protocol, where)
            assert forwarded(reason) if answers else reason == "drop_interface", (port, where)


@FAMILIES
def test_families_are_apart(progrun, family):
    """What is said of all of one family says nothing of the other."""
    other = 10 - family
    progrun.request(op="limpet", scenario=harness.scenario(
        [harness.rule(packets.VIP[f], 80, flags=ASKS_SOURCES) for f in (4, 6)],
        [harness.pool(1, [1])], [harness.hop(1, progrun.here)],
        policies=[harness.policy(ALL[family], False, 1), harness.policy(ALL[other], True, 1)]))
    assert ask(progrun, family, packets.CLIENT[family], 80) == "drop_denied"
    assert forwarded(ask(progrun, other, packets.CLIENT[other], 80))


@FAMILIES
@PROTOCOLS
def test_reject_sources_and_its_exceptions(progrun, family, protocol):
    reject, spared = {4: ("10.0.0.0/8", "10.7.0.0/16"),
                      6: ("2001:db8::/32", "2001:db8:7::/48")}[family]
    progrun.request(op="limpet", scenario=harness.scenario(
        [harness.rule(packets.VIP[family], 80, protocol=protocol, flags=GUARDED)],
        [harness.pool(1, [1])], [harness.hop(1, progrun.here)],
        policies=[harness.policy(reject, False, 0, progrun.here),
                  harness.policy(spared, True, 0, progrun.here)]))
    for net, rejected in ((reject, True), (spared, False)):
        for source in (str(ipaddress.ip_network(net)[i]) for i in (1, -2)):
            inside = ipaddress.ip_address(source) in ipaddress.ip_network(spared)
            reason = ask(progrun, family, source, 80, protocol)
            assert reason == "drop_spoofed" if rejected and not inside else forwarded(reason)
            assert forwarded(ask(progrun, family, source, 80, protocol, progrun.there))
    # Not limpet's: another port, and the stack judges by its own rules.
    frame = packets.frame(family=family, protocol=protocol, dport=81,
                          src=str(ipaddress.ip_network(reject)[1]))
    result = progrun.run_one(frame, ifindex=progrun.here)
    assert (result.reason, result.packet) == ("pass_not_vip", frame)


@FAMILIES
@PROTOCOLS
def test_a_vip_is_no_source(world, family, protocol):
    """Nobody gets through with it, be it to open a connection or in the middle of one."""
    for port, flags in itertools.product((OPEN, LISTED, BOTH), ("S", "A", "PA")):
        head = packets.ip_header(family, packets.VIP[family])
        inner = head / packets.l4_header(protocol, dport=port, **(
            {"flags": flags} if protocol == TCP else {}))
        frame = packets.l2((), packets.ip_type(family)) + bytes(inner / packets.Raw(bytes(20)))
        result = world.run_one(frame, ifindex=world.here)
        assert (result.reason, result.packet) == ("drop_vip_source", frame)


@FAMILIES
@pytest.mark.parametrize("forward", (DSR, IPIP, GUE))
def test_no_vip_of_many_is_a_source(progrun, family, forward):
    """300 VIPs, and their neighbours, which are none: whatever the guard's bits say."""
    start = {4: "192.0.2.0", 6: "2001:db8:a::"}[family]
    first = ipaddress.ip_address(start)
    vips = [str(first + 2 * i) for i in range(300)]
    progrun.request(op="limpet", scenario=harness.scenario(
        [harness.rule(vip, 80, protocol=(TCP, UDP)[i % 2], forward=forward)
         for i, vip in enumerate(vips)],
        [harness.pool(1, [1])], [harness.hop(1, progrun.here)]))
    for i, vip in enumerate(vips[:299]):
        assert ask_udp_or_tcp(progrun, family, vip, vips[0]) == "drop_vip_source"
        beside = str(first + 2 * i + 1)
        assert forwarded(ask_udp_or_tcp(progrun, family, beside, vips[0]))


def ask_udp_or_tcp(progrun, family, source, vip):
    frame = packets.l2((), packets.ip_type(family)) + bytes(
        packets.ip_header(family, source, vip) / packets.TCP(sport=40000, dport=80, flags="S"))
    opening = progrun.run_one(frame, ifindex=progrun.here).reason
    # In the middle of a connection, too, where there is a fast path.
    frame = packets.l2((), packets.ip_type(family)) + bytes(
        packets.ip_header(family, source, vip) / packets.TCP(sport=40000, dport=80, flags="A"))
    assert progrun.run_one(frame, ifindex=progrun.here).reason == opening
    return opening
