# SPDX-License-Identifier: GPL-2.0
"""The balancer's link is lost for longer than checks have patience: that is no fault of the
backends, and the first to answer afterwards must not take everybody's clients."""

import re
import time

import pytest

from agent import configuration, pools_of, services
from conftest import address
from curl import homes
from test_follow import until
from topology import client_addresses

INTERVAL, TIMEOUT, FALL = 0.2, 0.2, 2
OUTAGE = 5 * (INTERVAL * FALL + TIMEOUT)


@pytest.fixture
def here(fresh_site, agents):
    fresh_site.balancer.sysctl("net.ipv6.conf.eth0.keep_addr_on_down=1")
    return fresh_site, agents.make(fresh_site)


def checked(site, check_type):
    check = {
        "type": check_type, "port": 80, "rise": 1, "fall": FALL,
        "interval": f"{INTERVAL * 1000:.0f}ms", "timeout": f"{TIMEOUT * 1000:.0f}ms",
    }  # fmt: skip
    pools = pools_of(site.network, check="web")
    return configuration(site.network, services(), pools, checks={"web": check})


def checks(agent, family):
    return {b["name"]: b["check"] for b in agent.backends(f"web{family}")}


def all_good(agent, family):
    return lambda: {c["result"] for c in checks(agent, family).values()} == {"good"}


def interface(site, word):
    """Configured down: routes and all."""
    site.balancer.ip(f"link set eth0 {word}")
    if word == "up":
        site.network.route_balancer()


def cable(site, word):
    """The other end: routes stay, and lead nowhere."""
    site.network.switch.ip(f"link set balancer {word}")


@pytest.mark.parametrize("cut", [interface, cable])
@pytest.mark.parametrize("check_type", ["tcp", "http"])
def test_nobody_is_to_blame(here, cut, check_type):
    site, agent = here
    agent.start(checked(site, check_type))
    for family in (4, 6):
        until(all_good(agent, family), "the first checks")
    before = {f: homes(site.client, address(f), client_addresses(f)) for f in (4, 6)}
    mark = agent.mark()
    cut(site, "down")
    time.sleep(OUTAGE)
    for family in (4, 6):
        for name, check in checks(agent, family).items():
            assert check["result"] == "not checked", (name, check)
            assert re.match("not checked: (link down|no route|no source address)", check["last"])
            assert check["failures"] == 0 and check["not_made"] >= FALL
            assert agent.backend(name, f"web{family}")["healthy"], name
    shown = agent.tell("pool", "show", "web4")
    assert re.search("not checked: (link down|no route)", shown)

    cut(site, "up")
    for family in (4, 6):
        until(all_good(agent, family), f"good checks, IPv{family}")
        until(
            lambda f=family: {b["state"] for b in agent.backends(f"web{f}")} == {"up"},
            "all backends up",
        )
    for family in (4, 6):
        assert homes(site.client, address(family), client_addresses(family)) == before[family]
        flaps = {c["flaps"] for c in checks(agent, family).values()}
        assert flaps == {0}, agent.log_since(mark)
    log = agent.log_since(mark)
    for name in before[4].values():  # said once, by each
        assert len(re.findall(rf'backend=web4/{name} check="not checked: ', log)) == 1
    assert "state=down why=\"timed out" not in log


def test_a_silent_backend_is_to_blame(here):
    """With the link up, a neighbour that does not answer is the backend's own failure."""
    site, agent = here
    agent.start(checked(site, "tcp"))
    until(all_good(agent, 4), "the first checks")
    site.network.switch.ip("link set b2 down")
    agent.wait_state("b2", "down")
    check = agent.backend("b2")["check"]
    assert check["result"] == "bad" and not agent.backend("b2")["healthy"]
    assert {b["name"]: b["healthy"] for b in agent.backends()} == {
        "b1": True, "b2": False, "b3": True, "b4": True,
    }  # fmt: skip
    assert set(homes(site.client, address(4), client_addresses(4)).values()) == {"b1", "b3", "b4"}


def test_a_backend_that_died_meanwhile_is_found_out(here):
    """The link is back, one backend is not: after a time of grace its checks count."""
    site, agent = here
    agent.start(checked(site, "tcp"))
    until(all_good(agent, 4), "the first checks")
    cable(site, "down")
    site.network.switch.ip("link set b3 down")
    time.sleep(OUTAGE)
    assert agent.backend("b3")["healthy"]
    cable(site, "up")
    until(lambda: not agent.backend("b3")["healthy"], "the death of b3", 40)
    assert {b["name"] for b in agent.backends() if b["healthy"]} == {"b1", "b2", "b4"}
