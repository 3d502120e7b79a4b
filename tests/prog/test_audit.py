# SPDX-License-Identifier: GPL-2.0
"""
The sampled audit (bpf/audit.h): one connection in 64 is followed, and what becomes of it
is counted once.
"""
import pytest

import hashing
import harness
import packets
from harness import TCP, TCP_AFFINITY, UDP

FLOW_PORT = 443
KEY = hashing.make_key(harness.SEED)
LIFE = 1800
# Hops of the packets' own family: others are the complete walk's.
OUTER = {4: {}, 6: {"saddr": "2001:db8:b::1", "daddr": "2001:db8:b::2"}}


def sampled(family, number):
    """Source ports of connections that the audit follows."""
    ports = (port for port in range(1024, 65536) if not hashing.hash_flow(
        KEY, packets.CLIENT[family], packets.VIP[family], port, FLOW_PORT) >> 34 & 63)
    return [next(ports) for _ in range(number)]


class World:
    """Two backends, of which one has all slots; connections by their source port."""

    def __init__(self, progrun, family):
        self.progrun, self.family, self.tables = progrun, family, 1
        progrun.request(op="limpet", scenario=harness.scenario(
            [harness.rule(packets.VIP[family], FLOW_PORT, protocol=protocol,
                          affinity=TCP_AFFINITY, idle_timeout=LIFE) for protocol in (TCP, UDP)],
            [harness.pool(1, [1])],
            [harness.hop(n, progrun.here, pool=1, **OUTER[family]) for n in (1, 2)]))

    def send(self, flags, *ports, protocol=TCP):
        """One packet of each; the backends that they went to."""
        more = {} if protocol == UDP else {"flags": flags}
        # A datagram shorter than a TCP header is none for the fast path.
        frames = [packets.frame(family=self.family, protocol=protocol, sport=port, dport=FLOW_PORT,
                                payload=bytes(20), **more) for port in ports]
        return [r.backend for r in self.progrun.run(frames, ifindex=self.progrun.here)]

    def move(self, backend):
        """All slots to another backend, as if nobody was to be kept."""
        self.tables += 1
        self.progrun.request(op="move", pool=harness.pool(1, [backend], table=2 - self.tables % 2))

    def audit(self, ahead=0):
        return self.progrun.request(op="audit", pool=1, ahead=ahead)

    def seen(self):
        audit = self.audit()
        return audit["broken"], audit["lost"]


@pytest.fixture(params=(4, 6))
def world(progrun, request):
    return World(progrun, request.param)


def test_who_goes_elsewhere_counts_once(world):
    ports = sampled(world.family, 16)
    assert set(world.send("S", *ports)) == {1}
    world.send("A", *ports)
    assert world.audit()["opened"] == 16
    world.move(2)
    assert set(world.send("A", *ports)) == {2}
    assert world.seen() == (16, 0)
    world.send("A", *ports)  # they have been there before
    assert world.seen() == (16, 0)
    assert world.audit()["living"] == {"2": 16}


def test_only_the_sample_is_followed(world):
    followed = sampled(world.family, 50)
    others = [port for port in range(followed[0], followed[-1]) if port not in followed][:200]
    world.send("S", *others)
    world.move(2)
    world.send("A", *others)
    audit = world.audit()
    assert (audit["opened"], audit["broken"]) == (0, 0)


def test_there_and_back(world):
    (port,) = sampled(world.family, 1)
    world.send("S", port)
    world.send("A", port)
    for n, backend in enumerate((2, 1, 2), 1):
        world.move(backend)
        assert world.send("A", port, port) == [backend, backend]
        assert world.seen() == (n, 0)


def test_a_new_connection_of_the_same_addresses_and_ports(world):
    (port,) = sampled(world.family, 1)
    world.send("S", port)
    world.send("A", port)
    world.send("FA", port)
    world.move(2)
    assert world.send("S", port) == [2]
    world.send("A", port)
    assert world.seen() == (0, 0)
    assert world.audit()["living"] == {"2": 1}


def test_who_belonged_to_the_dead_is_lost(world):
    (port,) = sampled(world.family, 1)
    world.send("S", port)
    world.progrun.state(1, False)
    world.move(2)
    world.send("A", port)
    assert world.seen() == (0, 1)


def test_datagrams_are_followed_too(world):
    (port,) = sampled(world.family, 1)
    assert world.send("", port, protocol=UDP) == [1]
    world.move(2)
    assert world.send("", port, protocol=UDP) == [2]
    assert world.seen() == (1, 0)


def test_what_has_ended_stays_so(world):
    """The client's last ACK comes after its FIN, and is no sign of life."""
    (port,) = sampled(world.family, 1)
    world.send("S", port)
    world.send("A", port)
    assert world.audit(ahead=LIFE - 10)["living"] == {"1": 1}
    world.send("FA", port)
    world.send("A", port)
    assert world.audit()["living"] == {"1": 1}
    assert world.audit(ahead=60)["living"] == {}
    world.send("S", port)
    assert world.audit(ahead=LIFE - 10)["living"] == {"1": 1}
