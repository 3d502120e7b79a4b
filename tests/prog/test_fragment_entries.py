# SPDX-License-Identifier: GPL-2.0
"""
Fragments where a connection cannot have an entry, or must not have one: what becomes of the
later ones then. Each test with a datapath of its own.
"""
import pytest

import fragments
import harness
import packets
from harness import SNAT, TCP, UDP
from test_fragment import reasons
from test_nat import BACKEND, FAMILIES, add_routes, build, client
from test_snat import (CONFIRMED, OPENING, OWN_ADDRESS, REPLIED, SAME, Talk, World, fields,
                       few_ports, rules)

ALIVE = 1


@pytest.fixture(scope="module")
def routed(progrun):
    add_routes(progrun)
    return progrun


def run(world, inners, ifindex=None):
    frames = [packets.l2((), packets.ip_type(inner[0] >> 4)) + inner for inner in inners]
    return world.progrun.run(frames, ifindex=ifindex or world.progrun.here)


def asks(family, sport, number, protocol=UDP, size=300, src=None, **more):
    inner = build(family, protocol, src or client(family, "here"), packets.VIP[family], sport, SAME,
                  bytes(size), **more)
    return fragments.cut(inner, 64, number)


@FAMILIES
def test_no_port_is_free(routed, family):
    """The packet is dropped with all of its fragments, at once; an earlier one of the same
    identification has nothing to say in it (RFC 4963)."""
    world = few_ports(routed, 1028)
    kept = []
    for sport in range(20000, 20060):
        talk = Talk(world, family, UDP, sport)
        if talk.up().reason == "forward_tx":
            talk.down()
            talk.up()
            kept.append(sport)
    assert len(kept) == 4
    for sport in (kept[0], 20100, kept[1], 20101):
        results = run(world, asks(family, sport, 9))
        if sport in kept:
            assert set(reasons(results)) == {"forward_tx"}
        else:
            assert reasons(results) == ["drop_snat_ports"] + ["drop_fragment"] * (len(results) - 1)


def test_the_end_of_nothing(routed):
    results = run(World(routed), asks(4, 20000, 9, TCP, flags="R"))
    assert reasons(results) == ["drop_snat_stray"] + ["drop_fragment"] * (len(results) - 1)


@FAMILIES
def test_too_big_for_the_way_to_the_backend(routed, family):
    """Nobody is told, as of all fragments; what would fit does not go alone."""
    rule = harness.rule(packets.VIP[family], SAME, SAME, UDP, forward=SNAT, idle_timeout=600)
    hop = harness.hop(1, routed.here, OWN_ADDRESS[family], BACKEND[family], mtu=1300)
    routed.request(op="limpet", scenario=harness.scenario([rule], [harness.pool(1, [1])], [hop],
                                                          entries=8))
    inner = build(family, UDP, client(family, "here"), packets.VIP[family], 20000, SAME, bytes(3000))
    for size, want in ((1304, ["drop_too_big", "drop_fragment", "drop_fragment"]),
                       (1200, ["forward_tx"] * 3)):
        frames = [packets.l2((), packets.ip_type(family)) + part
                  for part in fragments.cut(inner, size, size)]
        assert reasons(routed.run(frames, ifindex=routed.here)) == want


@FAMILIES
@pytest.mark.parametrize("state", [{"flags": 0, "incarnation": 2}, {"flags": ALIVE, "incarnation": 2}])
def test_a_backend_that_dies_in_between(routed, family, state):
    """The rest of a packet is not for who comes back."""
    world = World(routed)
    first, *later = asks(family, 20000, 9)
    assert reasons(run(world, [first, later[0]])) == ["forward_tx"] * 2
    routed.request(op="state", backend=family * 10, **state)
    assert reasons(run(world, later[1:])) == ["drop_fragment"] * len(later[1:])


@FAMILIES
def test_a_slot_that_moves_in_between(routed, family):
    """Nor for another one: the entry decides for the first, and the first for the later ones."""
    world = World(routed)
    first, *later = asks(family, 20000, 9)
    home = run(world, [first])[0].backend
    world.move(family, [1])
    assert {result.backend for result in run(world, later)} == {home}
    results = run(world, asks(family, 20000, 10))
    assert {result.backend for result in results} == {home}


@FAMILIES
def test_reject_sources_holds_for_fragments_of_replies(routed, family):
    """Who claims to be a backend from outside is not translated, and spoils nothing: neither a
    first fragment with the identification of a true one, nor a later one."""
    reject = {4: "10.0.0.0/8", 6: "2001:db8:1::/48"}[family]
    world = World(routed, rules=list(rules(flags=harness.GUARDED)),
                  policies=[harness.policy(reject, False, 0, routed.there),
                            harness.policy("0.0.0.0/0", True, 0, routed.here),
                            harness.policy("::/0", True, 0, routed.here)])
    (result,) = run(world, [build(family, UDP, client(family, "here"), packets.VIP[family], 20000, SAME,
                                  b"")])
    source, port, address, target = fields(result.packet)
    parts = fragments.cut(build(family, UDP, address, source, target, port, bytes(300)), 64, 9)
    assert reasons(run(world, parts[:1], routed.there)) == ["drop_spoofed"]
    assert reasons(run(world, parts[1:2])) == ["drop_fragment_early"], "it has noted nothing"
    assert reasons(run(world, parts[:2])) == ["forward_reply"] * 2
    assert reasons(run(world, parts, routed.there)) == ["drop_spoofed"] * len(parts)
    assert reasons(run(world, parts[2:])) == ["forward_reply"] * len(parts[2:])


@FAMILIES
def test_policy_holds_for_later_fragments(routed, family):
    """Who may not have sent the first one does not send the rest, by another interface either."""
    reject = {4: "198.51.0.0/16", 6: "2001:db8:c1::/48"}[family]
    world = World(routed, rules=list(rules(flags=harness.GUARDED)),
                  policies=[harness.policy(reject, False, 0, routed.there)])
    parts = asks(family, 20000, 9)
    assert reasons(run(world, parts)) == ["forward_tx"] * len(parts)
    assert reasons(run(world, parts, routed.there)) == ["drop_spoofed"] * len(parts)
    assert reasons(run(world, parts[1:])) == ["forward_tx"] * len(parts[1:])


@FAMILIES
def test_fragments_confirm_their_connection(routed, family):
    """They are heard of as whole packets are: asked, answered, asked again."""
    world = World(routed)
    results = run(world, asks(family, 20000, 9))
    source, port, address, target = fields(results[0].packet)
    answer = build(family, UDP, address, source, target, port, bytes(300))
    run(world, fragments.cut(answer, 64, 9))
    assert world.entry()[:2] == (OPENING, REPLIED)
    run(world, asks(family, 20000, 10))
    assert world.entry()[:2] == (CONFIRMED, REPLIED)
