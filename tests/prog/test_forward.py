# SPDX-License-Identifier: GPL-2.0
"""
Packet in, packet out, for every way of forwarding: family, protocol, tags that
came, mode, family of the backend, interface, tags of the route.
"""
import itertools
import random

import pytest

import harness
import packets
from harness import DSR, GUE, IPIP, TCP, UDP

MODES = {"dsr": DSR, "ipip": IPIP, "gue": GUE}
L2_TAGS = ["untagged", "vlan", "qinq", "two 802.1Q"]
# What the route says of tags: those to put on, or to keep those that came.
ROUTES = {
    "plain": {"tags": ()},
    "route vlan": {"tags": ((0x8100, 0x0123),)},
    "route qinq": {"tags": ((0x88a8, 0x0042), (0x8100, 0xe124))},
    "keep": {"tags": (), "keep_tags": True},
}
TUNNEL = {4: ("10.9.0.1", "10.9.3.2"), 6: ("2001:db8:e::1", "2001:db8:e:3::2")}


def way_number(mode, backend_family, where, route):
    """Ways are numbered from 1: backend, pool and table of that number serve it."""
    return 1 + list(itertools.product(MODES, (4, 6), ("here", "there"), ROUTES)).index(
        (mode, backend_family, where, route))


def ways():
    return list(itertools.product(MODES, (4, 6), ("here", "there"), ROUTES))


def port_of(number):
    return 1000 + number


@pytest.fixture(scope="module")
def hops(progrun):
    """Sets all ways up at once: a VIP port each. Returns the hops by number."""
    rules, pools, backends = [], [], {}
    for way in ways():
        number = way_number(*way)
        mode, family, where, route = way
        saddr, daddr = TUNNEL[family]
        backends[number] = harness.hop(
            number, progrun.here if where == "here" else progrun.there, saddr, daddr,
            dst=f"02:00:00:01:00:{number:02x}", src=f"02:00:00:02:00:{number:02x}",
            **ROUTES[route])
        pools.append(harness.pool(number, [number]))
        for vip_family, protocol in itertools.product((4, 6), (TCP, UDP)):
            rules.append(harness.rule(packets.VIP[vip_family], port_of(number),
                                      protocol=protocol, vip=number, pool=number,
                                      forward=MODES[mode]))
    progrun.request(op="limpet", scenario=harness.scenario(rules, pools, list(backends.values())))
    return backends


def leaving_tags(route, where, came):
    if route == "keep":
        return packets.TAGS[came] if where == "here" else ()
    return ROUTES[route]["tags"]


def cases():
    for family, protocol, came, way in itertools.product((4, 6), (TCP, UDP), L2_TAGS, ways()):
        mode, backend_family, where, route = way
        if mode == "dsr" and backend_family != family:
            continue  # the backend has to understand the packet as it is
        yield pytest.param(family, protocol, came, *way, id="-".join(
            [f"ipv{family}", {TCP: "tcp", UDP: "udp"}[protocol], came, mode,
             f"backend{backend_family}", where, route]))


@pytest.mark.parametrize("family,protocol,came,mode,backend_family,where,route", cases())
def test_packet_out(progrun, hops, family, protocol, came, mode, backend_family, where, route):
    number = way_number(mode, backend_family, where, route)
    hop, tags = hops[number], leaving_tags(route, where, came)
    rnd = random.Random(f"{family}{protocol}{came}{number}")
    inner = packets.packet(family, protocol, rnd.randbytes(rnd.randrange(300)),
                           tos=rnd.randrange(256), dport=port_of(number))
    frame = packets.l2(packets.TAGS[came], packets.ip_type(family)) + inner
    result = progrun.run_one(frame, ifindex=progrun.here)

    here = where == "here"
    assert result.verdict == ("XDP_TX" if here else "XDP_REDIRECT")
    assert result.reason == ("forward_tx" if here else "forward_redirect")
    assert result.vips == {number: (1, len(frame))}
    assert result.backends == {number: (1, len(frame))}

    at = len(packets.l2(tags))  # of the outer header
    entropy, sport = 0, 0
    if mode != "dsr" and backend_family == 6:
        entropy = packets.flow_label(result.packet, at)
    if mode == "gue":
        sport = packets.gue_source_port(result.packet, at + (20 if backend_family == 4 else 40))
        assert sport >= 49152
    packets.assert_frame(result.packet, packets.expected(hop, MODES[mode], inner, tags, entropy,
                                                         sport))


@pytest.mark.parametrize("family", (4, 6))
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("tos", range(0, 256, 5))
def test_dscp_and_ecn_are_copied(progrun, hops, family, mode, tos):
    number = way_number(mode, family, "here", "plain")
    inner = packets.packet(family, TCP, b"x", tos=tos, dport=port_of(number))
    out = progrun.run_one(packets.l2((), packets.ip_type(family)) + inner,
                          ifindex=progrun.here).packet
    assert packets.tos_of(out[harness.ETH_HLEN:]) == tos


@pytest.mark.parametrize("family", (4, 6))
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("came", L2_TAGS)
def test_padding_stays_behind_the_packet(progrun, hops, family, mode, came):
    """Minimum frames: what follows the IP packet is not the packet's."""
    number = way_number(mode, family, "here", "keep")
    inner = packets.packet(family, UDP, b"abc", dport=port_of(number))
    padding = b"\xaa" * 29
    tags = packets.TAGS[came]
    frame = packets.l2(tags, packets.ip_type(family)) + inner + padding
    result = progrun.run_one(frame, ifindex=progrun.here)
    assert result.reason == "forward_tx"
    at = len(packets.l2(tags))
    entropy = packets.flow_label(result.packet, at) if family == 6 and mode != "dsr" else 0
    sport = packets.gue_source_port(result.packet, at + (20 if family == 4 else 40)) \
        if mode == "gue" else 0
    packets.assert_frame(result.packet, packets.expected(
        hops[number], MODES[mode], inner, tags, entropy, sport, rest=padding))
    assert result.vips == {number: (1, len(frame))}


def entropy_of(out, mode, family):
    """(flow label, UDP source port), as far as they are there."""
    at = harness.ETH_HLEN
    label = packets.flow_label(out, at) if family == 6 else None
    port = packets.gue_source_port(out, at + (40 if family == 6 else 20)) if mode == "gue" else None
    return label, port


@pytest.mark.parametrize("family", (4, 6))
@pytest.mark.parametrize("mode,backend_family", [("gue", 4), ("gue", 6), ("ipip", 6)])
def test_entropy_is_of_the_flow(progrun, hops, family, mode, backend_family):
    """RFC 6438: one flow always takes one way, many flows take many."""
    number = way_number(mode, backend_family, "here", "plain")
    seen = {}
    for sport in range(40000, 40400):
        frames = [packets.frame(family=family, sport=sport, dport=port_of(number), payload=p)
                  for p in (b"", b"more")]
        both = {entropy_of(r.packet, mode, backend_family)
                for r in progrun.run(frames, ifindex=progrun.here)}
        assert len(both) == 1, "packets of one flow differ"
        seen[sport] = both.pop()
    for field in zip(*seen.values()):
        if None not in field:
            assert len(set(field)) > 380  # of 400, from 2^14 or 2^20: 5 or 0 collisions


def test_redirect_goes_to_the_hops_interface(progrun, hops):
    """For real: the packet arrives at the other end of that interface, and nowhere else."""
    for end in ("in0p", "out0p"):
        progrun.tool("ethtool", "-K", end, "gro", "on")  # veth takes frames only with NAPI

    def arrived():
        return {name: progrun.ip("-j", "-s", "link", "show", name)[0]["stats64"]["rx"]["packets"]
                for name in ("in0p", "out0p")}

    for where, arrives in (("here", "in0p"), ("there", "out0p")):
        number = way_number("ipip", 4, where, "plain")
        before = arrived()
        frames = [packets.frame(dport=port_of(number), sport=s) for s in range(2000, 2020)]
        results = progrun.run(frames, ifindex=progrun.here, live=True)
        assert all(r.errno is None for r in results)
        rose = {name: count - before[name] for name, count in arrived().items()}
        assert rose == {"in0p": 0, "out0p": 0, arrives: 20}
