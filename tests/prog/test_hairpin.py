# SPDX-License-Identifier: GPL-2.0
"""
forward: nat and a client that its backend would answer past the balancer: its source is
translated too, and nobody else's is.
"""
import ipaddress
import itertools

import pytest

import harness
import packets
from harness import NAT, TCP, UDP
from test_nat import BACKEND, FAMILIES, PROTOCOLS, add_routes, build, client
from test_snat import OWN_ADDRESS, OWN_PORTS, fields

PORT, TARGET, IDLE = 443, 4443, 600
BITS = {4: 96 + 24, 6: 64}  # of the network in common


@pytest.fixture(scope="module")
def routed(progrun):
    add_routes(progrun)
    # Clients in the servers' network are there to be sent to.
    for family, bits in ((4, 24), (6, 64)):
        progrun.ip("address", "add", f"{OWN_ADDRESS[family]}/{bits}", "dev", "in0",
                   *(["nodad"] if family == 6 else []))
    return progrun


def prepare(progrun, link_bits=None, **more):
    rules, hops, pools = [], [], []
    for family, protocol in itertools.product((4, 6), (TCP, UDP)):
        rules.append(harness.rule(packets.VIP[family], PORT, PORT, protocol, forward=NAT,
                                  pool=family, target=TARGET, idle_timeout=IDLE))
        rules.append(harness.reply(BACKEND[family], TARGET, TARGET, packets.VIP[family], PORT,
                                   protocol=protocol))
    for family in (4, 6):
        bits = BITS[family] if link_bits is None else link_bits[family]
        hops.append(harness.hop(family, progrun.here, OWN_ADDRESS[family], BACKEND[family],
                                link_bits=bits))
        pools.append(harness.pool(family, [family]))
    policies = [harness.policy(prefix, True, 0, ifindex) for prefix in ("0.0.0.0/0", "::/0")
                for ifindex in (progrun.here, progrun.there)]
    progrun.request(op="limpet", scenario=harness.scenario(
        rules, pools, hops, policies=policies, entries=64, own_ports=OWN_PORTS, **more))
    return progrun


def send(progrun, packet):
    return progrun.run_one(packets.l2((), packets.ip_type(packet[0] >> 4)) + packet,
                           ifindex=progrun.here)


def neighbour(progrun, family, address, mac="02:00:00:00:0a:01"):
    progrun.ip("neighbour", "replace", address, "lladdr", mac, "dev", "in0", "nud", "permanent")
    return mac


@FAMILIES
@PROTOCOLS
@pytest.mark.parametrize("who", ("neighbour", "itself"))
def test_there_and_back(routed, family, protocol, who):
    """The backend sees the balancer; the client sees the VIP."""
    run = prepare(routed)
    peer = BACKEND[family] if who == "itself" else {4: "10.1.0.99", 6: "2001:db8:1::99"}[family]
    mac = neighbour(run, family, peer)
    own, kind = OWN_ADDRESS[family], packets.ip_type(family)
    result = send(run, build(family, protocol, peer, packets.VIP[family], 20000, PORT, b"ask"))
    assert (result.reason, result.verdict) == ("forward_tx", "XDP_TX")
    packets.assert_frame(result.packet, packets.l2(
        (), kind, "02:00:00:00:0b:01", "02:00:00:00:0b:02") + build(
            family, protocol, own, BACKEND[family], 20000, TARGET, b"ask", 56))
    result = send(run, build(family, protocol, BACKEND[family], own, TARGET, 20000, b"answer", 64))
    assert (result.reason, result.verdict) == ("forward_reply", "XDP_TX")
    packets.assert_frame(result.packet, packets.l2((), kind, mac, "02:00:00:00:02:01") + build(
        family, protocol, packets.VIP[family], peer, PORT, 20000, b"answer", 63))


@FAMILIES
@PROTOCOLS
def test_others_keep_their_source(routed, family, protocol):
    run = prepare(routed)
    peer = client(family, "here")
    result = send(run, build(family, protocol, peer, packets.VIP[family], 20000, PORT, b""))
    assert fields(result.packet) == (peer, 20000, BACKEND[family], TARGET)
    assert not run.request(op="entries")["entries"]
    result = send(run, build(family, protocol, BACKEND[family], peer, TARGET, 20000, b""))
    assert result.reason == "forward_reply"
    assert fields(result.packet) == (packets.VIP[family], PORT, peer, 20000)


def flip(address, bit):
    """The address with one bit changed, counted from its beginning."""
    number = ipaddress.ip_address(address)
    return str(ipaddress.ip_address(int(number) ^ 1 << number.max_prefixlen - 1 - bit))


@FAMILIES
@pytest.mark.parametrize("bits", (1, 8, 9, 15, 24, 31, 32, 33, 63, 64, 65, 96, 127, 128))
def test_the_edge_of_a_network(routed, family, bits):
    """Who differs in the last bit of the prefix is outside, who differs behind it is inside."""
    width = 32 if family == 4 else 128
    if bits > width:
        bits = width
    run = prepare(routed, {4: 96 + bits, 6: bits})

    def source(peer):
        packet = build(family, UDP, peer, packets.VIP[family], 20000, PORT, b"")
        return fields(send(run, packet).packet)[0]
    outside = flip(BACKEND[family], bits - 1)
    assert source(outside) == outside
    for bit in range(bits, width):
        assert source(flip(BACKEND[family], bit)) == OWN_ADDRESS[family], bit


@FAMILIES
@pytest.mark.parametrize("bits", (0, 128))
def test_behind_a_router_only_the_backend_itself(routed, family, bits):
    run = prepare(routed, {4: bits, 6: bits})
    near = flip(BACKEND[family], 31 if family == 4 else 127)
    packet = build(family, UDP, near, packets.VIP[family], 20000, PORT, b"")
    assert fields(send(run, packet).packet)[0] == near
    packet = build(family, UDP, BACKEND[family], packets.VIP[family], 20000, PORT, b"")
    assert fields(send(run, packet).packet)[0] == OWN_ADDRESS[family]


def test_a_vips_own_addresses_are_used(routed):
    run = prepare(routed, snat=[{"vip": 1, "addresses": ["10.1.0.201"]}])
    packet = build(4, UDP, "10.1.0.99", packets.VIP[4], 40000, PORT, b"")
    assert fields(send(run, packet).packet)[:2] == ("10.1.0.201", 40000)


@FAMILIES
def test_the_hosts_own_connections_are_its_own(routed, family):
    """They have the address that sources become, and no entry."""
    run = prepare(routed)
    send(run, build(family, UDP, BACKEND[family], packets.VIP[family], 20000, PORT, b""))
    packet = build(family, UDP, BACKEND[family], OWN_ADDRESS[family], TARGET, 40000, b"")
    result = send(run, packet)
    assert result.reason == "pass_not_vip"
    assert result.packet[14:] == packet
