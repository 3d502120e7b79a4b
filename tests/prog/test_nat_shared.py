# SPDX-License-Identifier: GPL-2.0
"""
forward: nat where a port of a backend serves several VIPs: who asked which one is
remembered, and the client's address and, if it can be, port stay.
"""
import pytest

import harness
import packets
from harness import NAT, TCP, UDP
from test_nat import BACKEND, FAMILIES, PROTOCOLS, add_routes, build, client
from test_snat import fields

SECOND = {4: "203.0.113.11", 6: "2001:db8:a::11"}
TARGET, IDLE = 4443, 600


@pytest.fixture(scope="module")
def shared(progrun):
    add_routes(progrun)
    rules, hops, pools = [], [], []
    for family in (4, 6):
        for protocol in (TCP, UDP):
            for number, address in ((1, packets.VIP), (2, SECOND)):
                for port in (443, 444):
                    rules.append(harness.rule(
                        address[family], port, port, protocol, forward=NAT, pool=family, vip=number,
                        target=TARGET, flags=harness.ENTRIES, idle_timeout=IDLE))
            rules.append(harness.reply(BACKEND[family], TARGET, TARGET, packets.VIP[family],
                                       flags=harness.ENTRIES, protocol=protocol))
        hops.append(harness.hop(family, progrun.here, "10.9.0.1" if family == 4 else "2001:db8:9::1",
                                BACKEND[family]))
        pools.append(harness.pool(family, [family]))
    progrun.scenario = harness.scenario(rules, pools, hops, entries=64, policies=[
        harness.policy(prefix, True, 0, ifindex) for prefix in ("0.0.0.0/0", "::/0")
        for ifindex in (progrun.here, progrun.there)])
    return progrun


@pytest.fixture
def fresh(shared):
    shared.request(op="limpet", scenario=shared.scenario)
    return shared


def send(run, packet):
    return run.run_one(packets.l2((), packets.ip_type(packet[0] >> 4)) + packet, ifindex=run.here)


@FAMILIES
@PROTOCOLS
def test_each_reply_is_of_the_vip_that_was_asked(fresh, family, protocol):
    """Four services at one port of the backend, from one port of one client."""
    peer, seen = client(family, "here"), {}
    for vip in (packets.VIP[family], SECOND[family]):
        for port in (443, 444):
            result = send(fresh, build(family, protocol, peer, vip, 20000, port, b"ask"))
            assert result.reason == "forward_tx"
            source, sport, address, target = fields(result.packet)
            assert (source, address, target) == (peer, BACKEND[family], TARGET)
            assert sport not in seen, "the backend has to tell them apart"
            seen[sport] = (vip, port)
    assert 20000 in seen, "the first one keeps its port"
    for sport, asked in seen.items():
        result = send(fresh, build(family, protocol, BACKEND[family], peer, TARGET, sport, b"answer"))
        assert result.reason == "forward_reply"
        assert fields(result.packet) == (*asked, peer, 20000)


@FAMILIES
def test_every_port_is_kept_that_can_be(fresh, family):
    for sport in (1, 53, 1023, 40000, 65535):
        result = send(fresh, build(family, UDP, client(family, "here"), packets.VIP[family], sport, 443,
                                   b""))
        assert fields(result.packet)[1] == sport


@FAMILIES
@PROTOCOLS
def test_what_nobody_asked_for_is_no_reply(fresh, family, protocol):
    packet = build(family, protocol, BACKEND[family], client(family, "here"), TARGET, 20000, b"x")
    result = send(fresh, packet)
    assert (result.reason, result.verdict) == ("pass_not_vip", "XDP_PASS")
    assert result.packet[14:] == packet


def test_a_flow_that_is_known_to_nobody_goes_on(fresh):
    """The second VIP was added while it went on: with its next packet it has an entry."""
    peer = client(4, "here")
    result = send(fresh, build(4, TCP, peer, SECOND[4], 20000, 443, b"", flags="A"))
    assert fields(result.packet) == (peer, 20000, BACKEND[4], TARGET)
    result = send(fresh, build(4, TCP, BACKEND[4], peer, TARGET, 20000, b"", flags="A"))
    assert fields(result.packet) == (SECOND[4], 443, peer, 20000)
