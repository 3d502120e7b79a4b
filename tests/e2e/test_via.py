# SPDX-License-Identifier: GPL-2.0
"""
Checks with `via: vip`: they go the way that traffic goes, so what breaks that way
alone (an address, a decapsulation) is seen, where a direct check sees nothing.
"""

import contextlib
import json
import time

import pytest

from agent import configuration, vip
from conftest import address
from curl import homes
from test_forward import Decap
from topology import client_addresses

CHECK = {"interval": "300ms", "timeout": "250ms", "rise": 2, "fall": 3, "port": 80}
MODES = ("dsr", "ipip", "gue")
OTHER = 9  # number of a VIP's addresses that no other test has


def pool(site, family, check):
    return {
        "check": check,
        "backends": [
            {"name": b.role, "address": b.v4 if family == 4 else b.v6} for b in site.backends
        ],
    }


def config_of(site, mode, families=(4, 6), **check):
    """For each family a VIP whose pool is checked via it, and the same pool checked
    directly, which no VIP uses."""
    kind = {"type": "http", "path": "/health", **CHECK, **check}
    if kind["type"] == "tcp":
        del kind["path"]
    pools, vips = {}, {}
    for family in families:
        pools[f"via{family}"] = pool(site, family, "via")
        pools[f"direct{family}"] = pool(site, family, "direct")
        vips[f"v{family}"] = vip(address(family, OTHER), pool=f"via{family}", forward=mode)
    checks = {"via": {**kind, "via": "vip"}, "direct": kind}
    return configuration(site.network, vips, pools, checks=checks)


@pytest.fixture
def decaps(site, build):
    """`limpet decap` on all backends, by name."""
    made = {backend.role: Decap(backend, site.balancer, build) for backend in site.backends}
    try:
        for decap in made.values():
            decap.start()
        yield made
    finally:
        for decap in made.values():
            decap.close()


def wait_checks(agent, pool_name, more=3):
    """Until each backend has had so many more checks."""
    start = {b["name"]: b["check"]["checks"] for b in agent.backends(pool_name)}
    deadline = time.monotonic() + 20
    while any(b["check"]["checks"] < start[b["name"]] + more for b in agent.backends(pool_name)):
        assert time.monotonic() < deadline, agent.backends(pool_name)
        time.sleep(0.05)


@contextlib.contextmanager
def broken(site, decaps, mode, family, name):
    """The way of the VIP's packets to one backend ends in nothing; all else works."""
    backend = next(b for b in site.backends if b.role == name)
    if mode != "dsr":
        decaps[name].close()
        yield
        decaps[name].start()
        return
    where = f"{address(family, OTHER)}/{32 if family == 4 else 128}"
    backend.ip(f"address del {where} dev lo")
    try:
        yield
    finally:
        backend.add_addresses(where, device="lo")


@pytest.mark.parametrize("mode", MODES)
def test_the_way_of_traffic(site, agent, decaps, mode, family):
    agent.start(config_of(site, mode))
    via, direct = f"via{family}", f"direct{family}"
    wait_checks(agent, via)
    for backend in agent.backends(via):
        assert backend["state"] == "up", backend
        assert backend["check"]["last"].startswith("HTTP 200 in "), backend
    if mode != "dsr":  # nobody else sends anything through the tunnels yet
        assert all(decap.packets()["decapsulated"] >= 3 * 4 for decap in decaps.values())
    with broken(site, decaps, mode, family, "b1"):
        agent.wait_state("b1", "down", via)
        wait_checks(agent, direct)
        b1 = agent.backend("b1", direct)
        assert (b1["state"], b1["check"]["flaps"]) == ("up", 0)
        assert {b["name"] for b in agent.backends(via) if b["state"] == "up"} == {"b2", "b3", "b4"}
        assert agent.backend("b1", via)["check"]["last"] == "timed out after 250ms"
        served = homes(site.client, address(family, OTHER), client_addresses(family, 20))
        assert set(served.values()) <= {"b2", "b3", "b4"}
    agent.wait_state("b1", "up", via)


@pytest.mark.parametrize("mode", MODES)
def test_each_backend_answers_for_itself(site, agent, decaps, mode, family):
    """Many checks at a time to one VIP: no answer is taken for another backend's."""
    agent.start(config_of(site, mode, interval="20ms", timeout="20ms", fall=1000))
    via = f"via{family}"
    site.servers["b2"].sick = True
    wait_checks(agent, via, 5)
    before = {b["name"]: b["check"] for b in agent.backends(via)}
    wait_checks(agent, via, 100)
    for backend in agent.backends(via):
        last, sick = backend["check"]["last"], backend["name"] == "b2"
        assert last.startswith(("HTTP 503" if sick else "HTTP 200", "timed out")), backend
        good = backend["check"]["checks"] - before[backend["name"]]["checks"]
        bad = backend["check"]["failures"] - before[backend["name"]]["failures"]
        assert bad == good if sick else bad < good, backend


def test_tcp_and_refused(site, agent, decaps, family):
    agent.start(config_of(site, "ipip", type="tcp"))
    via = f"via{family}"
    wait_checks(agent, via)
    assert agent.backend("b3", via)["check"]["last"].startswith("connected in ")
    site.servers["b3"].stop()
    agent.wait_state("b3", "down", via)
    assert agent.backend("b3", via)["check"]["last"] == "connection refused"


def filters(site):
    """Names of tc programs on the balancer's interface."""
    found = set()
    for point in ("ingress", "egress"):
        shown = site.balancer.run("tc", "-j", "filter", "show", "dev", "eth0", point)
        for entry in json.loads(shown):
            if "options" in entry and "bpf_name" in entry["options"]:
                found.add(entry["options"]["bpf_name"].split(":")[0])
    return found


def test_programs_come_and_go(site, agent):
    programs = {"probe_ingress", "probe_egress"}
    agent.start(config_of(site, "dsr"))
    assert filters(site) == programs
    agent.kill()  # leaves them, where they do nothing
    assert filters(site) == programs
    agent.start()
    assert filters(site) == programs
    wait_checks(agent, "via4")
    assert all(b["state"] == "up" for b in agent.backends("via4"))
    agent.end()
    assert filters(site) == set()
    agent.start()
    agent.kill()
    agent.start(configuration(site.network))  # without such a check
    assert filters(site) == set()
    agent.write(config_of(site, "dsr"))
    agent.tell("reload")
    assert filters(site) == programs
    wait_checks(agent, "via6")
    assert all(b["state"] == "up" for b in agent.backends("via6"))


def test_the_host_is_left_alone(site, agent):
    """Nothing but marked packets is touched: the balancer reaches its backends as ever."""
    agent.start(config_of(site, "gue"))  # nobody takes the outer headers off
    agent.wait_state("b1", "down", "via4")
    for backend in site.backends:
        answer = site.balancer.run("curl", "-s", "-m", "2", f"http://{backend.v4}/")
        assert answer == backend.role
        answer = site.balancer.run("curl", "-s", "-m", "2", f"http://[{backend.v6}]/")
        assert answer == backend.role
    assert all(b["state"] == "up" for b in agent.backends("direct4"))
