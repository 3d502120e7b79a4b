# SPDX-License-Identifier: GPL-2.0
"""
forward: nat with real clients and servers, one-armed and two-armed: nginx listens on
its own ports only, has no VIP address, and has limpet as its gateway.
"""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent import configuration, vip
from conftest import address
from curl import fetch, homes
from served import every_client_is_served, long_answers_come_whole, rose
from servers import LONG_BYTES
from topology import CLIENTS4, CLIENTS6, VIPS, client_addresses, vip4, vip6


def nat_services(**more):
    """Port 443 goes to 8080, 80 to 80."""
    return {
        f"nat{f}": vip(
            (vip4 if f == 4 else vip6)(), ports=["443:8080", 80], pool=f"web{f}", forward="nat",
            affinity="tcp", **more,
        )
        for f in (4, 6)
    }  # fmt: skip


class Gateway:
    """The backends' way back leads through the balancer, and they know no VIP."""

    def __init__(self, site):
        self.site = site
        self._vips = [f"{vip4(n)}/32" for n in range(VIPS)] + [f"{vip6(n)}/128" for n in range(VIPS)]

    def _routes(self, via4, via6):
        for backend in self.site.network.backends:
            backend.ip(f"route replace {CLIENTS4} via {via4}", f"route replace {CLIENTS6} via {via6}")

    def up(self):
        balancer = self.site.balancer
        balancer.sysctl("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
                        "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.eth0.send_redirects=0")
        self._routes(balancer.v4, balancer.v6)
        for backend in self.site.network.backends:
            backend.ip(*(f"address delete {a} dev lo" for a in self._vips))

    def down(self):
        network = self.site.network
        if network.two_armed:
            self._routes(network.balancer.v4, network.balancer.v6)
        else:
            self._routes(network.client.v4, network.client.v6)
            network.balancer.sysctl("net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0")
        for backend in network.backends:
            backend.add_addresses(*self._vips, device="lo")


@pytest.fixture(scope="module", params=["one-armed", "two-armed", "one-armed-generic"])
def nat(request, module_agents):
    """A site whose limpetd translates; (site, agent)."""
    site = request.getfixturevalue("two_armed" if request.param == "two-armed" else "one_armed")
    gateway = Gateway(site)
    gateway.up()
    config = configuration(site.network, nat_services())
    if request.param.endswith("generic"):
        for interface in config["interfaces"]:
            interface["mode"] = "generic"
    agent = module_agents.make(site)
    agent.start(config)
    yield site, agent
    agent.close()
    gateway.down()


@pytest.mark.parametrize("port", (80, 443))
def test_every_client_is_served(nat, family, port):
    every_client_is_served(*nat, family, port)


def test_long_answers_come_whole(nat, family):
    site, _ = nat
    long_answers_come_whole(site, family)


def test_a_client_without_a_neighbour_entry(nat, family):
    """The stack sends the first reply, and learns on the way."""
    site, agent = nat
    before = agent.status()["reasons"]
    site.balancer.ip("neighbour flush all")
    assert None not in homes(site.client, address(family), client_addresses(family, 5)).values()
    reasons = rose(before, agent.status()["reasons"])
    assert reasons.get("pass_reply", 0) + reasons["forward_reply"] > 0


def test_the_agent_may_be_gone(nat, family):
    site, agent = nat
    agent.kill()
    try:
        answers = homes(site.client, address(family), client_addresses(family, 10), 443)
        assert None not in answers.values()
    finally:
        agent.start()
    answers = homes(site.client, address(family), client_addresses(family, 10), 443)
    assert None not in answers.values()


def test_doctor_and_views(nat):
    """The host routes, which the doctor looks at; the API says what goes where."""
    _, agent = nat
    shown = agent.get("/v1/vips/nat4")
    assert (shown["forward"], shown["ports"]) == ("nat", ["80", "443:8080"])
    report = json.loads(agent.limpet("--json", "doctor").stdout)
    found = [f for f in report["findings"] if f["check"] == "forwarding"]
    assert found and all(f["severity"] == "ok" for f in found), found


def test_a_backend_taken_out_keeps_its_connections(nat, family):
    """Long answers that have begun come to their end while their backend leaves (P1)."""
    site, agent = nat
    clients = client_addresses(family, 40)  # none on one of four: 1 in 100,000
    target = address(family)
    home = homes(site.client, target, clients)[clients[0]]
    rest = [backend for backend in site.backends if backend.role != home]
    config = json.loads(agent.config_file.read_text())
    fewer = json.loads(agent.config_file.read_text())
    for pool in fewer["pools"].values():
        pool["backends"] = [backend for backend in pool["backends"] if backend["name"] != home]
    with ThreadPoolExecutor(len(clients)) as pool:
        answers = [
            pool.submit(fetch, site.client, target, [client], 443, "/long", 20)
            for client in clients
        ]
        time.sleep(1)
        agent.write(fewer)
        agent.hang_up()
        new = homes(site.client, target, client_addresses(family, 20, first=100))
        got = [answer.result()[0] for answer in answers]
    agent.write(config)
    agent.hang_up()
    assert set(new.values()) <= {backend.role for backend in rest}
    assert all(answer.good and len(answer.body) == LONG_BYTES for answer in got), got
    assert any(answer.body.startswith(home) for answer in got), "nobody was on the one that left"


def test_one_port_of_a_server_serves_several_vips(nat, family):
    """Answers come from the VIP and port that was asked, whichever it was."""
    site, agent = nat
    config = json.loads(agent.config_file.read_text())
    more = json.loads(agent.config_file.read_text())
    for number in (4, 6):
        more["vips"][f"more{number}"] = vip(
            address(number, 1), ports=["443:8080", "444:8080", 80], pool=f"web{number}",
            forward="nat", affinity="tcp",
        )  # fmt: skip
    agent.write(more)
    agent.hang_up()
    try:
        clients = client_addresses(family, 20)
        for n, port in ((0, 443), (0, 80), (1, 443), (1, 444), (1, 80)):
            answers = homes(site.client, address(family, n), clients, port)
            assert None not in answers.values(), (n, port)
        large = fetch(site.client, address(family, 1), clients[:4], 444, "/large")
        assert all(answer.good and len(answer.body) == LONG_BYTES for answer in large)
    finally:
        agent.write(config)
        agent.hang_up()
