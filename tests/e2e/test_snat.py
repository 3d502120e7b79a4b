# SPDX-License-Identifier: GPL-2.0
"""
forward: snat with real clients and servers, one-armed and two-armed: nginx listens on its
own ports only, has no VIP address, and does not even have a route to its clients.
"""

import json
import select
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent import configuration, vip
from conftest import address
from curl import fetch, homes
from datagrams import in_namespace
from served import every_client_is_served, long_answers_come_whole, rose
from servers import LONG_BYTES
from test_connections import Talker
from topology import CLIENTS4, CLIENTS6, VIPS, client_addresses, vip4, vip6

DNS, TALK = 5353, 7007
OWN4, OWN6 = ("10.1.0.201", "10.1.0.202"), ("2001:db8:1::201", "2001:db8:1::202")
IDLE = 120


def snat_services(**more):
    """Ports of servers that know nothing of VIPs; www4 and www6 leave from addresses of their
    own, the others from the balancer's."""
    services = {}
    for family, own in ((4, OWN4), (6, OWN6)):
        here = (vip4, vip6)[family == 6]
        pool = f"web{family}"
        more = {"pool": pool, "forward": "snat", "affinity": "tcp", "idle_timeout": f"{IDLE}s"}
        services[f"www{family}"] = vip(here(), ports=["443:8080", 80], snat_addresses=own, **more)
        services[f"talk{family}"] = vip(here(1), ports=[TALK], **more)
        services[f"dns{family}"] = vip(here(), ports=[f"53:{DNS}"], protocol="udp", **more)
    return services


class Strangers:
    """Backends that have no VIPs and no way to clients; the balancer routes."""

    def __init__(self, site):
        self.site = site
        self._vips = [f"{vip4(n)}/32" for n in range(VIPS)] + [f"{vip6(n)}/128" for n in range(VIPS)]

    def up(self):
        balancer = self.site.balancer
        balancer.sysctl("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
                        "net.ipv4.conf.all.send_redirects=0")
        # Not preferred: the kernel is not to take them for its own connections.
        balancer.ip(*(f"address add {a}/{bits} dev {self.site.network.lan} preferred_lft 0 nodad"
                      for bits, own in ((24, OWN4), (64, OWN6)) for a in own))
        for backend in self.site.network.backends:
            backend.ip(*(f"address delete {a} dev lo" for a in self._vips),
                       f"route delete {CLIENTS4}", f"route delete {CLIENTS6}")

    def down(self):
        network = self.site.network
        for n, family in ((24, OWN4), (64, OWN6)):
            network.balancer.ip(*(f"address delete {a}/{n} dev {network.lan}" for a in family))
        back = network.balancer if network.two_armed else network.client
        if not network.two_armed:
            network.balancer.sysctl("net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0")
        for backend in network.backends:
            backend.add_addresses(*self._vips, device="lo")
            backend.ip(f"route replace {CLIENTS4} via {back.v4}",
                       f"route replace {CLIENTS6} via {back.v6}")


@pytest.fixture(scope="module", params=["one-armed", "two-armed", "one-armed-generic"])
def snat(request, module_agents):
    """A site whose limpetd translates both sides; (site, agent)."""
    site = request.getfixturevalue("two_armed" if request.param == "two-armed" else "one_armed")
    strangers = Strangers(site)
    strangers.up()
    config = configuration(site.network, snat_services())
    if request.param.endswith("generic"):
        for interface in config["interfaces"]:
            interface["mode"] = "generic"
    agent = module_agents.make(site)
    agent.start(config)
    yield site, agent
    agent.close()
    strangers.down()


def entries(agent):
    return agent.status()["entries"]


@pytest.mark.parametrize("port", (80, 443))
def test_every_client_is_served(snat, family, port):
    every_client_is_served(*snat, family, port)


def test_long_answers_come_whole(snat, family):
    site, _ = snat
    long_answers_come_whole(site, family)


def ask(client, family, sources):
    """A datagram to port 53 from each source; what came back, by source."""
    kind = socket.AF_INET if family == 4 else socket.AF_INET6

    def ask_all():
        answers = {}
        for source in sources:
            with socket.socket(kind, socket.SOCK_DGRAM) as sock:
                sock.settimeout(3)
                sock.bind((source, 0))
                sock.connect((address(family), 53))
                sock.send(source.encode())
                answers[source] = sock.recv(100).decode()
        return answers

    return in_namespace(client, ask_all)


class Echoes:
    """UDP on every backend, which says who it is and whom it sees."""

    def __init__(self, backends, family):
        kind, any_ = (socket.AF_INET, "0.0.0.0") if family == 4 else (socket.AF_INET6, "::")
        self.socks = {}
        for backend in backends:
            sock = in_namespace(backend, lambda: socket.socket(kind, socket.SOCK_DGRAM))
            sock.bind((any_, DNS))
            self.socks[sock] = backend.role
        self.seen = set()

    def run(self, until):
        while not until.done():
            for sock in select.select(list(self.socks), [], [], 0.05)[0]:
                text, peer = sock.recvfrom(100)
                self.seen.add(peer[0])
                sock.sendto(f"{self.socks[sock]} {text.decode()}".encode(), peer)

    def close(self):
        for sock in self.socks:
            sock.close()


def test_datagrams(snat, family):
    site, _ = snat
    echoes = Echoes(site.backends, family)
    sources = client_addresses(family, 20)
    try:
        with ThreadPoolExecutor(1) as pool:
            asking = pool.submit(ask, site.client, family, sources)
            echoes.run(asking)
            answers = asking.result()
    finally:
        echoes.close()
    assert [text.split()[1] for text in answers.values()] == sources
    own = site.balancer.v4 if family == 4 else site.balancer.v6
    assert echoes.seen == {own}, "backends see the balancer and nobody else"


def test_the_agent_may_be_gone_and_comes_back(snat, family):
    """Connections go on while it is away, and after it was started again (P8)."""
    site, agent = snat
    clients = client_addresses(family, 12)
    with ThreadPoolExecutor(len(clients)) as pool:
        answers = [
            pool.submit(fetch, site.client, address(family), [client], 443, "/long", 20)
            for client in clients
        ]
        time.sleep(1)
        agent.kill()
        new = homes(site.client, address(family), client_addresses(family, 10, first=100), 443)
        agent.start()
        got = [answer.result()[0] for answer in answers]
    assert None not in new.values()
    assert all(answer.good and len(answer.body) == LONG_BYTES for answer in got), got


def test_a_change_of_addresses_moves_no_connection(snat, family):
    """The old address goes on for those who have it (P1)."""
    site, agent = snat
    config = json.loads(agent.config_file.read_text())
    other = json.loads(agent.config_file.read_text())
    for number in (4, 6):
        del other["vips"][f"www{number}"]["snat_addresses"]
    clients = client_addresses(family, 12)
    with ThreadPoolExecutor(len(clients)) as pool:
        answers = [
            pool.submit(fetch, site.client, address(family), [client], 443, "/long", 20)
            for client in clients
        ]
        time.sleep(1)
        agent.write(other)
        agent.hang_up()
        got = [answer.result()[0] for answer in answers]
    agent.write(config)
    agent.hang_up()
    assert all(answer.good and len(answer.body) == LONG_BYTES for answer in got), got


def test_views(snat):
    _, agent = snat
    shown = agent.get("/v1/vips/www4")
    assert (shown["forward"], shown["snat_addresses"]) == ("snat", list(OWN4))
    assert entries(agent)["capacity"] >= 1 << 20


def talk_many(site, family, number):
    """So many echo connections through one VIP, held open: their talkers."""
    sources = client_addresses(family, 200)
    where = [[sources[i % len(sources)], address(family, 1), TALK, "echo"] for i in range(number)]
    half = number // 2
    talkers = [Talker(site.client, "talk_client.py", "0") for _ in range(2)]
    try:
        with ThreadPoolExecutor(2) as pool:
            asked = [pool.submit(talker.ask, "open", part)
                     for talker, part in zip(talkers, (where[:half], where[half:]))]
            names = [name for answer in asked for name in answer.result()]
        return talkers, names
    except BaseException:
        for talker in talkers:
            talker.end()
        raise


def wait_entries(agent, key, least, timeout=30):
    """The sweep counts once in some seconds."""
    deadline = time.monotonic() + timeout
    while entries(agent)[key] < least:
        assert time.monotonic() < deadline, entries(agent)
        time.sleep(0.5)
    return entries(agent)


def test_ten_thousand_connections_through_one_backend(snat, family):
    """At once, from one address of the balancer's; all of them are answered at the end."""
    site, agent = snat
    backend = site.backends[0]
    config = json.loads(agent.config_file.read_text())
    one = json.loads(agent.config_file.read_text())
    for pool in one["pools"].values():
        pool["backends"] = [b for b in pool["backends"] if b["name"] == backend.role]
    agent.write(one)
    agent.hang_up()
    server = Talker(backend, "talk_server.py", backend.role, str(TALK))
    server.line()
    talkers = []
    before = agent.status()["reasons"]
    try:
        talkers, names = talk_many(site, family, 10_000)
        assert names == [backend.role] * 10_000
        shown = wait_entries(agent, "established", 10_000)
        assert shown["busiest"]["used"] >= 10_000
        # Those of the other family may be closing yet.
        assert shown["busiest"]["backend"] in (f"web4/{backend.role}", f"web6/{backend.role}")
        broken = [why for talker in talkers for why in talker.ask("close") if why]
        assert not broken, broken[:5]
        reasons = rose(before, agent.status()["reasons"])
        assert not [name for name in reasons if name.startswith("drop_")], reasons
    finally:
        for talker in (*talkers, server):
            talker.end()
        agent.write(config)
        agent.hang_up()
