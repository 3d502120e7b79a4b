# SPDX-License-Identifier: GPL-2.0
"""Which VIP is a packet for? And what is for none passes as it came."""
import random

import pytest

import harness
import packets
from harness import TCP, UDP

ADDRESS = packets.VIP
OTHER = {4: "203.0.113.11", 6: "2001:db8:a::11"}
RANGES = {4: "203.0.113.20", 6: "2001:db8:a::20"}
BESIDE = {4: "203.0.113.30", 6: "2001:db8:a::30"}
# 256 long ranges, as many as an address can have: 100 to 119, 300 to 319, ...
LONG = [(100 + 200 * i, 119 + 200 * i) for i in range(256)]
EDGES = sorted({port for first, last in LONG
                for port in (first - 1, first, first + 7, last, last + 1)})


@pytest.fixture(scope="module")
def vips(progrun):
    """Vip, pool and backend of a service have one number, the same for both families."""
    rules = []
    for family in (4, 6):
        def add(address, first, last, number, protocol=TCP):
            rules.append(harness.rule(address[family], first, last, protocol, number, number))
        add(ADDRESS, 80, 80, 1)
        add(ADDRESS, 443, 443, 2)
        add(ADDRESS, 5088, 5089, 3)  # short: spelled out
        add(ADDRESS, 8000, 8999, 4)  # long
        add(ADDRESS, 53, 53, 5, UDP)
        add(OTHER, 0, 0, 6)  # any
        add(OTHER, 22, 22, 7)
        add(OTHER, 1000, 2000, 8)
        for i, (first, last) in enumerate(LONG):
            add(RANGES, first, last, 100 + i)
        for i, (first, last) in enumerate(LONG):
            add(BESIDE, first, last, 100 + i, UDP)
        add(BESIDE, 0, 0, 9, UDP)
        add(BESIDE, 65535, 65535, 10, UDP)
    numbers = sorted({r["vip"] for r in rules})
    progrun.request(op="limpet", scenario=harness.scenario(
        rules, [harness.pool(n, [n]) for n in numbers],
        [harness.hop(n, progrun.here) for n in numbers]))
    return progrun


def find(progrun, family, address, protocol, ports, sport=40000):
    """Numbers of the VIPs that answer on the ports; None: passed, untouched."""
    frames = [packets.frame(family=family, protocol=protocol, dst=address[family], dport=port,
                            sport=sport) for port in ports]
    answers = []
    for frame, result in zip(frames, progrun.run(frames, ifindex=progrun.here)):
        if result.reason == "pass_not_vip":
            assert result.verdict == "XDP_PASS"
            assert result.packet == frame
            assert not result.vips and not result.backends
            answers.append(None)
        else:
            assert result.reason == "forward_tx"
            assert list(result.vips) == list(result.backends)
            answers.append(next(iter(result.vips)))
    return answers


FAMILIES = pytest.mark.parametrize("family", (4, 6))


@FAMILIES
def test_exact_short_and_long_ranges(vips, family):
    want = {80: 1, 443: 2, 5088: 3, 5089: 3, 8000: 4, 8001: 4, 8500: 4, 8998: 4, 8999: 4}
    ports = [0, 1, 79, 80, 81, 442, 443, 444, 5087, 5088, 5089, 5090, 7999, 8000, 8001, 8500, 8998,
             8999, 9000, 53, 65535]
    assert find(vips, family, ADDRESS, TCP, ports) == [want.get(p) for p in ports]


@FAMILIES
def test_protocols_are_apart(vips, family):
    ports = [53, 80, 443, 5088, 8000]
    assert find(vips, family, ADDRESS, UDP, ports) == [5, None, None, None, None]


@FAMILIES
def test_any_answers_where_nothing_better_does(vips, family):
    want = {22: 7, **{p: 8 for p in (1000, 1500, 2000)}}
    ports = [0, 1, 21, 22, 23, 80, 999, 1000, 1500, 2000, 2001, 65535]
    assert find(vips, family, OTHER, TCP, ports) == [want.get(p, 6) for p in ports]
    assert find(vips, family, OTHER, UDP, ports) == [None] * len(ports)


def owner(port):
    """The independent answer for LONG: a linear search."""
    return next((100 + i for i, (first, last) in enumerate(LONG) if first <= port <= last), None)


@FAMILIES
def test_256_ranges_at_all_edges(vips, family):
    assert find(vips, family, RANGES, TCP, EDGES) == [owner(p) for p in EDGES]


@FAMILIES
def test_256_ranges_beside_any_and_exact(vips, family):
    ports = EDGES + [0, 1, 65534, 65535]
    want = {65535: 10}
    assert find(vips, family, BESIDE, UDP, ports) == \
        [want.get(p, owner(p) or 9) for p in ports]


@FAMILIES
def test_all_ports(vips, family):
    rnd = random.Random(f"ports {family}")
    ports = rnd.sample(range(65536), 2000)
    assert find(vips, family, RANGES, TCP, ports) == [owner(p) for p in ports]


@FAMILIES
def test_source_port_is_no_matter(vips, family):
    for sport in (0, 80, 443, 65535):
        assert find(vips, family, ADDRESS, TCP, [80, 81], sport=sport) == [1, None]


def neighbours(address):
    """Addresses that differ in one bit."""
    from ipaddress import ip_address
    packed = ip_address(address).packed
    number, size = int.from_bytes(packed, "big"), len(packed)
    return [str(ip_address((number ^ 1 << bit).to_bytes(size, "big"))) for bit in range(8 * size)]


@FAMILIES
def test_addresses_that_differ_in_one_bit_are_no_vip(vips, family):
    known = {a[family] for a in (ADDRESS, OTHER, RANGES, BESIDE)}
    addresses = [a for a in neighbours(ADDRESS[family]) if a not in known]
    frames = [packets.frame(family=family, dst=a) for a in addresses]
    assert len(frames) >= 30
    for frame, result in zip(frames, vips.run(frames, ifindex=vips.here)):
        assert (result.verdict, result.reason) == ("XDP_PASS", "pass_not_vip")
        assert result.packet == frame


@pytest.mark.parametrize("seed", range(12))
def test_an_ipv4_vip_is_not_reached_by_its_mapped_address(progrun, seed):
    """RFC 4291 section 2.5.5.2 forms are no addresses of packets; A2 uses them inside only."""
    progrun.request(op="limpet", scenario=harness.scenario(
        [harness.rule(ADDRESS[4], 0)], [harness.pool(1, [1])], [harness.hop(1, progrun.here)],
        seed=f"mapped {seed}"))
    frames = [packets.frame(family=6, dst=f"::ffff:{ADDRESS[4]}", dport=p) for p in (80, 81)]
    for frame, result in zip(frames, progrun.run(frames, ifindex=progrun.here)):
        assert (result.reason, result.packet) == ("pass_not_vip", frame)
