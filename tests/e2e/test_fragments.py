# SPDX-License-Identifier: GPL-2.0
"""
Fragments with real stacks: long datagrams both ways, in any order, crafted ones, through
every forwarding mode; and a DNS server whose answers are fragmented.
"""

import itertools
import json
import random
import socket
import subprocess
import threading
import time

import pytest

from agent import configuration, vip
from conftest import address
from datagrams import in_namespace
from raw_fragments import Raw, fragments, udp
from test_forward import Decap
from test_nat import Gateway, rose
from test_snat import Strangers
from topology import VIPS4, VIPS6, client_addresses

ECHO, DNS = 7000, 5353  # ports of the servers; with nat and snat the VIPs' are 7 and 53
RAW = 7001  # of servers that cut their answers themselves; the VIPs' is 8
TRANSLATED = ("nat", "snat")
# Long enough for three fragments and more of 1,500 bytes.
LONG = 4000


class Echo:
    """On each backend: answers a datagram with its sender's name and the datagram."""

    def __init__(self, backends, port):
        self._sockets = [
            (backend.role.encode(), in_namespace(backend, lambda f=family: self._socket(f, port)))
            for backend in backends
            for family in (socket.AF_INET, socket.AF_INET6)
        ]
        self._threads = [
            threading.Thread(target=self._serve, args=pair, daemon=True) for pair in self._sockets
        ]
        for thread in self._threads:
            thread.start()

    @staticmethod
    def _socket(family, port):
        """Answers with the address that was asked: each datagram says which it was."""
        sock = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, 8, 1)  # IP_PKTINFO
        sock.bind(("", port))
        sock.settimeout(0.2)
        return sock

    def _serve(self, name, sock):
        while not getattr(sock, "_closed", False):
            try:
                data, info, _, sender = sock.recvmsg(65535, 64)
                sock.sendmsg([name + b" " + data], info, 0, sender)
            except TimeoutError:
                continue
            except OSError:
                return

    def close(self):
        for _, sock in self._sockets:
            sock.close()
        for thread in self._threads:
            thread.join(2)


def long_vips(mode):
    """UDP with `tcp` affinity, which needs first fragments, and with `source` affinity."""
    more = {"forward": mode, "protocol": "udp"}
    ports = {"echo": ["7:7000", "8:7001"], "dns": ["53:5353"]} if mode in TRANSLATED else {
        "echo": [ECHO], "dns": [DNS]}  # fmt: skip
    vips = {}
    for family in (4, 6):
        pool = f"web{family}"
        vips[f"echo{family}"] = vip(
            address(family), pool=pool, ports=ports["echo"], affinity="tcp", **more
        )
        vips[f"dns{family}"] = vip(
            address(family), pool=pool, ports=ports["dns"], affinity="tcp", **more
        )
        if mode not in TRANSLATED:
            vips[f"source{family}"] = vip(
                address(family, 1), pool=pool, ports=ports["echo"], affinity="source", **more
            )
    return vips


class ShorterRoutes:
    """A tunnel has room for less: the client's way to the VIPs says so, as an operator's would."""

    def __init__(self, client, mtu):
        self._client, self._mtu, self._old = client, mtu, {}

    def up(self):
        for version, net in (("-4", VIPS4), ("-6", VIPS6)):
            route = json.loads(self._client.run("ip", version, "-j", "route", "show", net))[0]
            self._old[net] = f"route replace {net} via {route['gateway']}"
            self._client.ip(f"{self._old[net]} mtu {self._mtu}")

    def down(self):
        self._client.ip(*self._old.values())


class Setup:
    """A site, its servers, and a limpetd of one forwarding mode."""

    def __init__(self, site, agent, mode):
        self.site, self.agent, self.mode = site, agent, mode
        self.echo, self.dns = (7, 53) if mode in TRANSLATED else (ECHO, DNS)

    def reasons(self):
        return self.agent.status()["reasons"]

    def ask(self, family, source, payload, n=0, patience=3.0):
        """A datagram and its answer, (backend, payload); None: no answer."""
        kind = socket.AF_INET6 if family == 6 else socket.AF_INET
        sock = in_namespace(self.site.client, lambda: socket.socket(kind, socket.SOCK_DGRAM))
        with sock:
            sock.bind((source, 0))
            sock.settimeout(patience)
            sock.sendto(payload, (address(family, n), self.echo))
            return self.answer(sock)

    @staticmethod
    def answer(sock):
        try:
            name, _, data = sock.recv(65535).partition(b" ")
        except TimeoutError:
            return None
        return name.decode(), data


@pytest.fixture(
    scope="module",
    params=[
        ("dsr", "one-armed"), ("ipip", "two-armed"), ("gue", "one-armed"),
        ("nat", "one-armed"), ("nat", "two-armed"), ("nat", "one-armed-generic"),
        ("snat", "one-armed"), ("snat", "two-armed"), ("snat", "one-armed-generic"),
    ],
    ids="-".join,
)  # fmt: skip
def setup(request, build, module_agents):
    mode, arms = request.param
    site = request.getfixturevalue("two_armed" if arms == "two-armed" else "one_armed")
    agent, decaps = module_agents.make(site), []
    ways = {"nat": lambda: Gateway(site), "snat": lambda: Strangers(site)}.get(
        mode, lambda: ShorterRoutes(site.client, 1400)
    )()
    echo = Echo(site.backends, ECHO)
    try:
        ways.up()
        if mode in ("ipip", "gue"):
            decaps = [Decap(backend, site.balancer, build) for backend in site.backends]
            for decap in decaps:
                decap.start()
        config = configuration(site.network, long_vips(mode))
        if arms.endswith("generic"):
            for interface in config["interfaces"]:
                interface["mode"] = "generic"
        agent.start(config)
        yield Setup(site, agent, mode)
    finally:
        agent.close()
        echo.close()
        ways.down()
        for decap in decaps:
            decap.close()


def drops(before, after):
    return {name: n for name, n in rose(before, after).items() if name.startswith("drop_")}


@pytest.mark.parametrize("size", (1400, LONG, 8000, 20000))
def test_long_datagrams_both_ways(setup, family, size):
    """The client's stack cuts them, the server's puts them together, and back."""
    before = setup.reasons()
    homes = set()
    for source in client_addresses(family, 12):
        payload = random.randbytes(size)
        answer = setup.ask(family, source, payload)
        assert answer and answer[1] == payload, (source, answer and len(answer[1]))
        homes.add(answer[0])
    assert len(homes) > 1
    assert not drops(before, setup.reasons())


def test_source_affinity_keeps_the_client(setup, family):
    if setup.mode in TRANSLATED:
        return  # has no VIP of it
    for source in client_addresses(family, 12):
        names = {setup.ask(family, source, random.randbytes(size), 1)[0] for size in (10, LONG, 9000)}
        assert len(names) == 1


def cut(source, family, port, payload, number, size=1000):
    target = address(family)
    return fragments(source, target, udp(source, target, (40000, port), payload), size, number)


@pytest.mark.parametrize("order", ("reversed", "shuffled", "doubled"))
def test_fragments_in_any_order(setup, family, order):
    """Those before their first one wait in limpetd."""
    rnd, source = random.Random(order), client_addresses(family, 1)[0]
    kind = socket.AF_INET6 if family == 6 else socket.AF_INET
    sock = in_namespace(setup.site.client, lambda: socket.socket(kind, socket.SOCK_DGRAM))
    before = setup.reasons()
    with sock, Raw(setup.site.client, family) as raw:
        sock.bind((source, 40000))
        sock.settimeout(5)
        for n in range(10):
            payload = rnd.randbytes(LONG)
            parts = cut(source, family, setup.echo, payload, rnd.randrange(1, 65536))
            if order == "reversed":
                parts.reverse()
            elif order == "shuffled":
                rnd.shuffle(parts)
            else:
                parts = [parts[0], *parts]
            raw.send(address(family), parts)
            answer = setup.answer(sock)
            assert answer and answer[1] == payload, n
    rise = rose(before, setup.reasons())
    assert not rise.get("drop_fragment")
    if order == "reversed":
        assert rise["drop_fragment_early"] == 10 * 4


class Cutter:
    """On each backend: a server whose answers are its own fragments, in an order of its own."""

    def __init__(self, backends, family, order):
        kind, any_ = (socket.AF_INET6, "::") if family == 6 else (socket.AF_INET, "0.0.0.0")
        self._backends, self._family, self._order = backends, family, order
        self._sockets = [in_namespace(b, lambda: socket.socket(kind, socket.SOCK_DGRAM))
                         for b in backends]
        self._raws = [Raw(b, family) for b in backends]
        for sock in self._sockets:
            sock.bind((any_, RAW))
            sock.settimeout(0.2)
        self._ending = False
        self._threads = [threading.Thread(target=self._serve, args=three)
                         for three in zip(backends, self._sockets, self._raws)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ending = True
        for thread in self._threads:
            thread.join()
        for sock in (*self._sockets, *self._raws):
            sock.__exit__()

    def _serve(self, backend, sock, raw):
        own = backend.v6 if self._family == 6 else backend.v4
        for number in itertools.count(random.randrange(1, 30000)):
            while not self._ending:
                try:
                    data, peer = sock.recvfrom(65535)
                    break
                except TimeoutError:
                    continue
            else:
                return
            datagram = udp(own, peer[0], (RAW, peer[1]), backend.role.encode() + b" " + data)
            raw.send(peer[0], self._order(fragments(own, peer[0], datagram, 1000, number)))


def from_behind(parts):
    return parts[::-1]


def shuffle(parts):
    return random.sample(parts, len(parts))


@pytest.mark.parametrize("order", (from_behind, shuffle))
def test_answers_in_any_order(setup, family, order):
    """Those before their first one wait as well, and none is the stack's."""
    if setup.mode not in TRANSLATED:
        return  # they do not pass the balancer
    before = setup.reasons()
    kind = socket.AF_INET6 if family == 6 else socket.AF_INET
    with Cutter(setup.site.backends, family, order):
        for source in client_addresses(family, 10):
            payload = random.randbytes(LONG)
            sock = in_namespace(setup.site.client, lambda: socket.socket(kind, socket.SOCK_DGRAM))
            with sock:
                sock.bind((source, 0))
                sock.settimeout(5)
                sock.sendto(payload, (address(family), 8))
                answer = setup.answer(sock)
            assert answer and answer[1] == payload
    rise = rose(before, setup.reasons())
    assert not rise.get("drop_fragment") and rise["drop_fragment_early"]
    # To the client and back, so many fragments; more if a neighbour was not known yet.
    assert rise["forward_reply"] + rise.get("pass_reply", 0) >= 10 * 5, rise


def test_clients_with_one_identification(setup, family):
    """All at once, a fragment of each at a time: none gets into another's datagram, although to
    their server they may be one address."""
    if (setup.mode, family) == ("snat", 6):
        return  # identifications of IPv6 stay: their clients choose them at random
    kind = socket.AF_INET6 if family == 6 else socket.AF_INET
    sources = client_addresses(family, 20)
    payloads = [random.randbytes(LONG) for _ in sources]
    socks = [in_namespace(setup.site.client, lambda: socket.socket(kind, socket.SOCK_DGRAM))
             for _ in sources]
    packets = [cut(source, family, setup.echo, payload, 4711)
               for source, payload in zip(sources, payloads)]
    try:
        for sock, source in zip(socks, sources):
            sock.bind((source, 40000))
            sock.settimeout(5)
        with Raw(setup.site.client, family) as raw:
            raw.send(address(family), [part for parts in zip(*packets) for part in parts])
        for sock, payload in zip(socks, payloads):
            answer = setup.answer(sock)
            assert answer and answer[1] == payload
    finally:
        for sock in socks:
            sock.close()


def test_fragments_without_a_first_one_are_dropped_in_the_end(setup, family):
    source = client_addresses(family, 2)[1]
    before = setup.reasons()
    with Raw(setup.site.client, family) as raw:
        parts = cut(source, family, setup.echo, bytes(LONG), random.randrange(1, 65536))
        raw.send(address(family), parts[1:])
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            rise = drops(before, setup.reasons())
            if rise.get("drop_fragment") == len(parts) - 1:
                break
            time.sleep(0.05)
    assert rise == {"drop_fragment_early": len(parts) - 1, "drop_fragment": len(parts) - 1}


def test_a_flood_of_fragments_harms_nobody(setup, family):
    """Overlapping ones, first ones by the thousand, and later ones without any; meanwhile
    long datagrams of others are answered."""
    rnd, victims = random.Random(1), client_addresses(family, 10, first=20)
    flood = []
    for n, source in enumerate(client_addresses(family, 40, first=100)):
        for _ in range(12):
            number = rnd.randrange(1, 65536)
            rough = cut(source, family, setup.echo, bytes(3000), number)
            fine = cut(source, family, setup.echo, bytes(3000), number, 600)
            flood += rough[:1] + fine[1:4] if n % 2 else rough[1:] + fine[:2]
    with Raw(setup.site.client, family) as raw:
        sender = threading.Thread(target=lambda: raw.send(address(family), flood))
        sender.start()
        for source in victims:
            payload = rnd.randbytes(LONG)
            # A datagram that is lost on the way is sent again, as everybody does.
            answers = (setup.ask(family, source, payload, patience=1) for _ in range(3))
            answer = next(filter(None, answers), None)
            assert answer and answer[1] == payload
        sender.join()
    assert setup.agent.running


# --- DNS --------------------------------------------------------------------------------------

class Dns:
    """dnsmasq on a backend, with texts of 3,800 bytes in all."""

    def __init__(self, backend, directory, port):
        texts = [f"{backend.role}-{n}-" + "x" * 230 for n in range(16)]
        directory.mkdir(parents=True, exist_ok=True)
        config = directory / "dnsmasq.conf"
        config.write_text(
            f"port={port}\nno-resolv\nno-hosts\nedns-packet-max=4096\nuser=root\n"
            "keep-in-foreground\n" + "".join(f"txt-record=long.example,{t}\n" for t in texts)
        )
        self.process = backend.popen("dnsmasq", "-C", config, f"--pid-file={directory / 'pid'}",
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def close(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def dns(setup, tmp_path):
    servers = [Dns(b, tmp_path / b.role, DNS) for b in setup.site.backends]
    deadline = time.monotonic() + 5
    for backend in setup.site.backends:
        while f":{DNS} " not in backend.run("ss", "-lun") and time.monotonic() < deadline:
            time.sleep(0.05)
    yield
    for server in servers:
        server.close()


def test_dns_answers_in_fragments(setup, dns, family):
    before = setup.reasons()
    for source in client_addresses(family, 8):
        answer = setup.site.client.run(
            "dig", f"@{address(family)}", "-p", setup.dns, "-b", source, "+ignore", "+notcp",
            "+bufsize=4096", "+tries=1", "+time=4", "+short", "TXT", "long.example",
        )  # fmt: skip
        assert len(answer) > 3800 and answer.count("-15-") == 1, answer[:200]
    reasons = rose(before, setup.reasons())
    assert not [name for name in reasons if name.startswith("drop_")], reasons
    if setup.mode in TRANSLATED:  # an answer is at least three fragments
        assert reasons["forward_reply"] + reasons.get("pass_reply", 0) >= 8 * 3
