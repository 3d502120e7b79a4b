# SPDX-License-Identifier: GPL-2.0
"""forward: snat, and packets from where backends are that are of no connection, or forged."""

import contextlib
import random
import socket
import time

import pytest

from calls import next_seq
from conftest import address
from datagrams import in_namespace
from few_ports import FIRST, PORTS, QUIET, exchange_of, few_ports, host, speak, wait_for
from raw_fragments import Raw, packet, tcp, udp
from served import rose
from test_snat import DNS, TALK, entries
from topology import client_addresses

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


@pytest.fixture(scope="module")
def few(one_armed, module_agents):
    """(site, agent)"""
    with few_ports(one_armed, module_agents) as agent:
        yield one_armed, agent


@pytest.fixture
def exchange(few, family):
    with exchange_of(*few, family) as exchange:
        yield exchange


class Datagrams:
    """UDP between clients (or the host itself) and the second backend's port DNS."""

    def __init__(self, site, family):
        kind = socket.AF_INET if family == 4 else socket.AF_INET6
        def make(source, port=0):
            sock = socket.socket(kind, socket.SOCK_DGRAM)
            sock.bind((source, port))
            sock.settimeout(3)
            return sock

        backend = host(site.backends[1], family)
        self.server = in_namespace(site.backends[1], lambda: make(backend, DNS))
        self.clients = in_namespace(
            site.client, lambda: [make(source) for source in client_addresses(family, 5)])
        for sock in self.clients:
            sock.connect((address(family, QUIET), 53))
        own = in_namespace(site.balancer, lambda: make(host(site.balancer, family)))
        own.connect((backend, DNS))
        self.own_port = own.getsockname()[1]
        self.clients.append(own)
        self.ports = set()  # that the server has seen

    def speak(self):
        """Each asks and is answered, by nobody else."""
        for n, sock in enumerate(self.clients):
            sock.send(b"question %d" % n)
            asked, peer = self.server.recvfrom(100)
            self.ports.add(peer[1])
            self.server.sendto(b"answer to " + asked, peer)
            assert sock.recv(100) == b"answer to question %d" % n

    def idle(self):
        """Nobody has been told anything since."""
        for sock in self.clients:
            sock.settimeout(0.05)
            with pytest.raises(TimeoutError):
                sock.recv(100)
            sock.settimeout(3)

    def close(self):
        for sock in (*self.clients, self.server):
            sock.close()


class Wire:
    """What comes to the client by its link, from an address."""

    def __init__(self, namespace, source):
        family = socket.AF_INET6 if ":" in source else socket.AF_INET
        self._source = socket.inet_pton(family, source)
        self._at = 8 if ":" in source else 12
        self._kind = 0x86DD if ":" in source else 0x0800
        self._socket = in_namespace(namespace, self._open)

    def _open(self):
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(self._kind))
        sock.bind(("eth0", self._kind))
        sock.setblocking(False)
        return sock

    def seen(self):
        found = []
        while True:
            try:
                data = self._socket.recv(2000)
            except BlockingIOError:
                return found
            if data[self._at : self._at + len(self._source)] == self._source:
                found.append(data)

    def close(self):
        self._socket.close()


def strays(source, target, tcp_ports, udp_ports, rnd):
    """What no connection has sent, from a backend's ports: each flag, and datagrams."""
    for port in tcp_ports:
        for flags in (SYN, SYN | ACK, ACK, PSH | ACK, FIN | ACK, RST, RST | ACK):
            segment = tcp(source, target, (TALK, port), flags, rnd.getrandbits(32),
                          rnd.getrandbits(32), b"stray" if flags & PSH else b"")
            yield packet(source, target, socket.IPPROTO_TCP, segment)
    for port in udp_ports:
        datagram = udp(source, target, (DNS, port), b"stray")
        yield packet(source, target, socket.IPPROTO_UDP, datagram)


def send(namespace, family, target, packets):
    packets = list(packets)
    with Raw(namespace, family) as raw:
        raw.send(target, packets)
    return len(packets)


def test_strays_reach_nobody(few, exchange, family):
    """All ports are tried: by the backend itself those that are nobody's, by somebody in its
    name, and by another backend in its own name those of living connections too."""
    site, agent = few
    own, rnd = host(site.balancer, family), random.Random(f"strays {family}")
    first, second = site.backends[:2]
    vip_ = address(family, QUIET)
    calls = exchange.place(site.client, (vip_, TALK), client_addresses(family, 10))
    assert len(calls) == 10
    [mine] = exchange.place(site.balancer, (host(second, family), TALK), [own])
    datagrams, wire = Datagrams(site, family), Wire(site.client, vip_)
    try:
        datagrams.speak()
        speak([*calls, mine])
        wait_for(lambda: entries(agent)["established"] >= 10, "the sweep has seen them")
        used_tcp = {call.seen_port for call in calls} | {mine.seen_port}
        used_udp = set(datagrams.ports)
        assert all(FIRST <= call.seen_port < FIRST + PORTS for call in calls)
        assert mine.seen_port >= FIRST + PORTS and datagrams.own_port in used_udp
        everything = [*range(FIRST, FIRST + PORTS), *rnd.sample(range(1, 65536), 100)]
        free = ([p for p in everything if p not in used_tcp],
                [p for p in everything if p not in used_udp])
        assert wire.seen() != []
        before = agent.status()["reasons"]
        sent = send(second, family, own, strays(host(second, family), own, *free, rnd))
        sent += send(first, family, own, strays(host(second, family), own, *free, rnd))
        sent += send(first, family, own, strays(host(first, family), own,
                                                [*everything, *used_tcp], [*everything, *used_udp],
                                                rnd))
        wait_for(lambda: rose(before, agent.status()["reasons"]).get("pass_not_vip", 0) >= sent,
                 "all of them have come")
        reasons = rose(before, agent.status()["reasons"])
        assert not {"forward_reply", "pass_reply"} & reasons.keys(), reasons
        assert not [name for name in reasons if name.startswith("drop_")], reasons
        assert wire.seen() == []
        datagrams.idle()
        datagrams.speak()
        speak([*calls, mine])
    finally:
        datagrams.close()
        wire.close()


def resets(source, target, ports, seq):
    """RSTs of somebody who does not know the sequence number that is due."""
    for flags in (RST, RST | ACK):
        for off in (-(2 << 20), 2 << 20, 1 << 31):
            segment = tcp(source, target, ports, flags, (seq + off) % (1 << 32), 1 << 31)
            yield packet(source, target, socket.IPPROTO_TCP, segment)


def forge(site, family, calls, mine):
    """Against each connection, in its backend's name by another one, and in its client's; and
    against the host's own."""
    own, backend, vip_ = (host(site.balancer, family), host(site.backends[1], family),
                          address(family, QUIET))
    for call in (*calls, mine):
        send(site.backends[0], family, own,
             resets(backend, own, (TALK, call.seen_port), next_seq(call.server)))
    for call in calls:
        source, port = call.client.getsockname()[:2]
        send(site.client, family, vip_, resets(source, vip_, (port, TALK), next_seq(call.client)))


def test_a_forged_reset_ends_nothing(few):
    """What has ended is forgotten after a minute: these are silent for longer."""
    site, agent = few
    with contextlib.ExitStack() as stack:
        calls = []
        for family in (4, 6):
            exchange = stack.enter_context(exchange_of(site, agent, family))
            theirs = exchange.place(site.client, (address(family, QUIET), TALK),
                                    client_addresses(family, 10))
            assert len(theirs) == 10
            [mine] = exchange.place(site.balancer, (host(site.backends[1], family), TALK),
                                    [host(site.balancer, family)])
            calls += [*theirs, mine]
            speak(calls)
            before = agent.status()["reasons"]
            forge(site, family, theirs, mine)
            wait_for(lambda: rose(before, agent.status()["reasons"]).get("forward_reply", 0) >= 60,
                     "they went where they claim to belong")
        speak(calls)
        time.sleep(68)
        speak(calls)
