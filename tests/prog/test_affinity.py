# SPDX-License-Identifier: GPL-2.0
"""Which backend? Checked against hashing.py, which is written from the definition."""
import random
from ipaddress import ip_address

import pytest

import hashing
import harness
import packets
from harness import TCP, TCP_AFFINITY, UDP

BACKENDS = 199  # a prime, so that slot % BACKENDS says much of the slot
SLOTS = 1 << 16
KEY = hashing.make_key(harness.SEED)
# Ports of the VIP: affinity and mask of each.
SOURCE_PORTS = {4: {1: 32, 2: 24, 3: 20, 4: 9, 5: 0, 6: 1}, 6: {1: 128, 2: 64, 3: 56, 4: 61, 5: 0,
                                                               6: 97}}
FLOW_PORT = 443


def backend_of(value):
    return 1 + hashing.slot(value) % BACKENDS


@pytest.fixture(scope="module")
def vips(progrun):
    rules = []
    for family in (4, 6):
        for protocol in (TCP, UDP):
            for port, mask in SOURCE_PORTS[family].items():
                rules.append(harness.rule(packets.VIP[family], port, protocol=protocol, mask=mask))
            rules.append(harness.rule(packets.VIP[family], FLOW_PORT, protocol=protocol, vip=2,
                                      affinity=TCP_AFFINITY))
    progrun.request(op="limpet", scenario=harness.scenario(
        rules, [harness.pool(1, [1 + i % BACKENDS for i in range(SLOTS)])],
        [harness.hop(n, progrun.here, daddr=f"10.8.0.{n}") for n in range(1, BACKENDS + 1)]))
    return progrun


def random_source(rnd, family):
    size = 4 if family == 4 else 16
    return str(ip_address(rnd.randbytes(size)))


def backends(progrun, flows, family):
    """Backends of (source, sport, dport, protocol) flows."""
    frames = [packets.frame(family=family, protocol=protocol, src=src, sport=sport, dport=dport)
              for src, sport, dport, protocol in flows]
    results = progrun.run(frames, ifindex=progrun.here)
    # The counter of the backend and the address in the outer header agree.
    for result in results:
        assert result.packet[harness.ETH_HLEN + 19] == result.backend
    return [r.backend for r in results]


def test_siphash_test_vector():
    """The reimplementation is right: Aumasson and Bernstein, appendix A."""
    assert hashing.siphash24(0x0706050403020100, 0x0f0e0d0c0b0a0908,
                             bytes(range(15))) == 0xa129ca6149be45e5


@pytest.mark.parametrize("family", (4, 6))
def test_source_affinity_is_the_hash_of_the_masked_source(vips, family):
    rnd = random.Random(f"source {family}")
    flows = [(random_source(rnd, family), rnd.randrange(65536), rnd.choice([*SOURCE_PORTS[family]]),
              rnd.choice((TCP, UDP))) for _ in range(2000)]
    want = [backend_of(hashing.hash_client(KEY, src, SOURCE_PORTS[family][dport]))
            for src, _, dport, _ in flows]
    assert backends(vips, flows, family) == want
    assert len(set(want)) > BACKENDS * 3 // 4


@pytest.mark.parametrize("family", (4, 6))
def test_tcp_affinity_is_the_hash_of_the_flow(vips, family):
    rnd = random.Random(f"flow {family}")
    flows = [(random_source(rnd, family), rnd.randrange(65536), FLOW_PORT, rnd.choice((TCP, UDP)))
             for _ in range(2000)]
    want = [backend_of(hashing.hash_flow(KEY, src, packets.VIP[family], sport, dport))
            for src, sport, dport, _ in flows]
    assert backends(vips, flows, family) == want
    assert len(set(want)) > BACKENDS * 3 // 4


@pytest.mark.parametrize("family", (4, 6))
def test_one_client_is_one_backend_on_all_its_ports(vips, family):
    src = packets.CLIENT[family]
    flows = [(src, sport, 1, protocol) for sport in range(1, 65536, 331) for protocol in (TCP, UDP)]
    assert len(set(backends(vips, flows, family))) == 1


@pytest.mark.parametrize("family", (4, 6))
def test_tcp_affinity_spreads_the_ports_of_one_client(vips, family):
    flows = [(packets.CLIENT[family], sport, FLOW_PORT, TCP) for sport in range(20000, 22000)]
    seen = backends(vips, flows, family)
    assert len(set(seen)) == BACKENDS
    assert max(seen.count(b) for b in set(seen)) < 40  # 10 on average


def flip(address, bit):
    """The address with the bit changed, counted from its beginning."""
    packed = ip_address(address).packed
    number = int.from_bytes(packed, "big") ^ 1 << (8 * len(packed) - 1 - bit)
    return str(ip_address(number.to_bytes(len(packed), "big")))


@pytest.mark.parametrize("family", (4, 6))
def test_only_the_bits_of_the_mask_count(vips, family):
    """A change behind the mask never moves a client; one before it does, by the hash."""
    src, bits = packets.CLIENT[family], 32 if family == 4 else 128
    for port, mask in SOURCE_PORTS[family].items():
        seen = backends(vips, [(flip(src, bit), 1234, port, TCP) for bit in range(bits)], family)
        (home,) = set(backends(vips, [(src, 1234, port, TCP)], family))
        assert set(seen[mask:]) <= {home}
        moved = sum(b != home for b in seen[:mask])
        assert moved >= mask - 3


def test_another_seed_is_another_table(progrun, vips):
    """The key is used: the same flows under another seed go elsewhere."""
    flows = [(packets.CLIENT[4], sport, FLOW_PORT, TCP) for sport in range(500)]
    other = hashing.make_key("another seed")
    first = backends(vips, flows, 4)
    rules = [harness.rule(packets.VIP[4], FLOW_PORT, affinity=TCP_AFFINITY)]
    progrun.request(op="limpet", scenario=harness.scenario(
        rules, [harness.pool(1, [1 + i % BACKENDS for i in range(SLOTS)])],
        [harness.hop(n, progrun.here, daddr=f"10.8.0.{n}") for n in range(1, BACKENDS + 1)],
        seed="another seed"))
    second = backends(progrun, flows, 4)
    assert second == [backend_of(hashing.hash_flow(other, src, packets.VIP[4], sport, dport))
                      for src, sport, dport, _ in flows]
    assert sum(a == b for a, b in zip(first, second)) < 30


