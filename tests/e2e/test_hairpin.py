# SPDX-License-Identifier: GPL-2.0
"""
forward: nat for those whom a server would answer past the balancer: a client in the
servers' own network, and servers that call their own VIP. One-armed and two-armed, with
allow_hairpin where sources of the inside are refused otherwise.
"""

import json
import random
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent import configuration, pools_of, vip
from conftest import address
from curl import fetch, homes
from datagrams import in_namespace
from servers import LONG_BYTES
from test_fragments import ECHO, Echo
from test_nat import Gateway, nat_services, rose
from topology import LAN4, LAN6, VIPS4, VIPS6, client_addresses

STRANGER = "b4"  # in the servers' network, and no server of the pool


def build(site):
    """Checks are direct, of the very ports whose replies are translated."""
    services = nat_services()
    for family in (4, 6):
        services[f"echo{family}"] = vip(address(family), ports=[f"7:{ECHO}"], pool=f"web{family}",
                                        forward="nat", protocol="udp", affinity="tcp")
    config = configuration(
        site.network, services, pools_of(site.network, check="web"),
        checks={"web": {"type": "tcp", "port": 8080, "interval": "1s", "timeout": "500ms"}},
    )
    for pool in config["pools"].values():
        pool["backends"] = [b for b in pool["backends"] if b["name"] != STRANGER]
    for interface in config["interfaces"]:
        interface["reject_sources"] = [f"{LAN4}0/24", f"{LAN6}/64"]
        if interface["name"] == site.network.lan:
            interface["allow_hairpin"] = [f"{LAN4}0/24", f"{LAN6}/64"]
    return config


@pytest.fixture(scope="module", params=["one-armed", "two-armed"])
def hairpin(request, module_agents):
    """(site, agent); backends find VIPs through the balancer."""
    site = request.getfixturevalue("two_armed" if request.param == "two-armed" else "one_armed")
    gateway = Gateway(site)
    gateway.up()
    balancer = site.balancer
    for backend in site.network.backends:
        backend.ip(f"route add {VIPS4} via {balancer.v4}", f"route add {VIPS6} via {balancer.v6}")
    agent = module_agents.make(site)
    agent.start(build(site))
    yield site, agent
    agent.close()
    for backend in site.network.backends:
        backend.ip(f"route delete {VIPS4}", f"route delete {VIPS6}")
    gateway.down()


def ask(host, family, times, port=443, path="/"):
    source = host.v4 if family == 4 else host.v6
    return fetch(host, address(family), [source] * times, port, path)


def test_servers_are_up(hairpin):
    """The balancer's own connections come back to it, and not as a VIP's."""
    _, agent = hairpin
    time.sleep(5)  # up until three checks have failed
    for pool in ("web4", "web6"):
        assert {b["name"]: b["state"] for b in agent.backends(pool)} == dict.fromkeys(
            ("b1", "b2", "b3"), "up")


def test_a_client_in_the_servers_network(hairpin, family):
    site, agent = hairpin
    stranger = next(b for b in site.backends if b.role == STRANGER)
    before = agent.status()["reasons"]
    answers = ask(stranger, family, 40)
    assert all(answer.good for answer in answers), [a for a in answers if not a.good][:3]
    assert {answer.body for answer in answers} == {"b1", "b2", "b3"}
    reasons = rose(before, agent.status()["reasons"])
    assert not [name for name in reasons if name.startswith("drop_")], reasons
    large = ask(stranger, family, 3, path="/large")
    assert all(answer.good and len(answer.body) == LONG_BYTES for answer in large)


def test_servers_call_their_own_vip(hairpin, family):
    """And get every server of the pool, themselves too."""
    site, _ = hairpin
    for backend in site.backends:
        if backend.role == STRANGER:
            continue
        answers = ask(backend, family, 40)
        assert all(answer.good for answer in answers), [a for a in answers if not a.good][:3]
        assert {answer.body for answer in answers} == {"b1", "b2", "b3"}, backend.role


@pytest.mark.parametrize("size", (100, 4000, 8000))
def test_long_datagrams(hairpin, family, size):
    """Of servers and of their neighbour: cut by one stack, put together by the other, and back."""
    site, agent = hairpin
    echo, kind = Echo(site.backends, ECHO), socket.AF_INET if family == 4 else socket.AF_INET6
    before, homes_of = agent.status()["reasons"], {}
    try:
        for backend in site.backends:
            for _ in range(12):
                payload = random.randbytes(size)
                sock = in_namespace(backend, lambda: socket.socket(kind, socket.SOCK_DGRAM))
                with sock:
                    sock.settimeout(3)
                    sock.sendto(payload, (address(family), 7))
                    name, _, data = sock.recv(65535).partition(b" ")
                assert data == payload, (backend.role, name)
                homes_of.setdefault(backend.role, set()).add(name.decode())
    finally:
        echo.close()
    assert all(backend.role in homes_of[backend.role] for backend in site.backends[:3]), homes_of
    reasons = rose(before, agent.status()["reasons"])
    assert not [name for name in reasons if name.startswith("drop_")], reasons
    fragments = -(-(size + 8) // 1480)
    assert reasons["forward_reply"] + reasons.get("pass_reply", 0) >= 48 * fragments


def test_clients_from_outside_are_as_before(hairpin, family):
    site, agent = hairpin
    before = agent.status()["entries"]["used"]
    answers = homes(site.client, address(family), client_addresses(family, 20), 443)
    assert set(answers.values()) == {"b1", "b2", "b3"}
    assert agent.status()["entries"]["used"] <= before + 60, "they have no entries"


def test_without_the_exception_the_inside_is_refused(hairpin, family):
    site, agent = hairpin
    config = build(site)
    without = json.loads(json.dumps(config))
    for interface in without["interfaces"]:
        interface.pop("allow_hairpin", None)
    stranger = next(b for b in site.backends if b.role == STRANGER)
    agent.write(without)
    agent.hang_up()
    try:
        before = agent.status()["reasons"]["drop_spoofed"]
        source = stranger.v4 if family == 4 else stranger.v6
        assert not fetch(stranger, address(family), [source], 443, timeout=1)[0].good
        assert agent.status()["reasons"]["drop_spoofed"] > before
    finally:
        agent.write(config)
        agent.hang_up()
    assert ask(stranger, family, 1)[0].good


def test_connections_outlive_a_larger_table(hairpin, family):
    """The first VIP with snat needs more entries: what there are go over (P1)."""
    site, agent = hairpin
    config = build(site)
    more = json.loads(json.dumps(config))
    for number in (4, 6):
        more["vips"][f"more{number}"] = vip(
            address(number, 1), ports=[80], pool=f"web{number}", forward="snat", affinity="tcp"
        )
    stranger = next(b for b in site.backends if b.role == STRANGER)
    source = stranger.v4 if family == 4 else stranger.v6
    agent.close()  # tables as small as this configuration needs them
    agent.start(config)
    small = agent.status()["entries"]["capacity"]
    with ThreadPoolExecutor(6) as pool:
        asked = [
            pool.submit(fetch, stranger, address(family), [source], 443, "/long", 20)
            for _ in range(6)
        ]
        time.sleep(1)
        agent.write(more)
        agent.hang_up()
        got = [one.result()[0] for one in asked]
    assert agent.status()["entries"]["capacity"] > small
    assert all(answer.good and len(answer.body) == LONG_BYTES for answer in got), got
    assert homes(site.client, address(family, 1), client_addresses(family, 5))
    agent.write(config)
    agent.hang_up()
