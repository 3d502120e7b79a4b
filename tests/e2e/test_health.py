# SPDX-License-Identifier: GPL-2.0
"""
Checks: a dead backend is taken out and comes back, and only its clients notice.

This limpet keeps no records yet: a client's backend is what the slot table
says. So clients who had to move are back where they were (P6: no history) as
soon as their backend is. With records P4 asks for the opposite: that nobody who
moved is moved again before being idle.
"""

import time

import pytest

from agent import configuration, pools_of, services
from conftest import address
from curl import count, fetch, homes
from topology import client_addresses

INTERVAL, TIMEOUT, RISE, FALL = 0.3, 0.3, 2, 3
JITTER = 1.1  # of the interval
SLACK = 0.3  # for a busy machine


def checked(site, check_type="http", **more):
    check = {
        "type": check_type,
        "port": 80,
        "interval": f"{INTERVAL * 1000:.0f}ms",
        "timeout": f"{TIMEOUT * 1000:.0f}ms",
        "rise": RISE,
        "fall": FALL,
        **more,
    }
    if check_type == "http":
        check["path"] = "/health"
    return configuration(
        site.network, services(), pools_of(site.network, check="web"), checks={"web": check}
    )


@pytest.mark.parametrize("check_type", ["http", "tcp"])
def test_a_killed_backend_goes_and_comes_back(site, agent, family, check_type):
    clients, pool = client_addresses(family), f"web{family}"
    agent.start(checked(site, check_type))
    agent.wait_state("b2", "up", pool)
    before = homes(site.client, address(family), clients)

    site.servers["b2"].stop()
    took = agent.wait_state("b2", "down", pool)
    assert took <= INTERVAL * JITTER * FALL + TIMEOUT + SLACK
    during = homes(site.client, address(family), clients)
    assert "b2" not in during.values()
    moved = {client for client in clients if during[client] != before[client]}
    assert moved == {client for client in clients if before[client] == "b2"}
    assert len({during[client] for client in moved}) > 1  # spread over the others

    site.servers["b2"].start()
    took = agent.wait_state("b2", "up", pool)
    assert took <= INTERVAL * JITTER * (RISE + 1) + SLACK
    assert homes(site.client, address(family), clients) == before


def test_a_wrong_status_is_down(site, agent):
    agent.start(checked(site))
    site.servers["b3"].sick = True
    agent.wait_state("b3", "down")
    backend = agent.backend("b3")
    assert "503" in backend["check"]["last"]
    assert (backend["slots"], backend["healthy"]) == (0, False)
    assert "b3" not in count(homes(site.client, address(4), client_addresses(4)))
    site.servers["b3"].sick = False
    agent.wait_state("b3", "up")
    assert agent.backend("b3")["slots"] > 0


def test_the_expected_status_is_up(site, agent):
    """`expect` decides, not a habit."""
    site.servers["b3"].sick = True
    agent.start(checked(site, expect="503"))
    for name in ("b1", "b2", "b4"):
        agent.wait_state(name, "down")
    assert agent.backend("b3")["state"] == "up"
    assert set(homes(site.client, address(4), client_addresses(4)).values()) == {"b3"}


def test_one_backend_of_all_states(site, agent):
    """All that is needed to see why: last words, failures, flaps."""
    agent.start(checked(site))
    site.servers["b1"].stop()
    agent.wait_state("b1", "down")
    check = agent.backend("b1")["check"]
    assert check["failures"] >= FALL and check["flaps"] == 1
    assert "refused" in check["last"].lower(), check
    assert time.time() - check["since_at"] < 10
    shown = agent.tell("pool", "show", "web4")
    assert "b1" in shown and "down" in shown


def test_all_down_is_all_in_use(site, agent):
    """on_all_down: all. When every check fails, the checks may be what is wrong."""
    agent.start(checked(site))
    before = homes(site.client, address(4), client_addresses(4))
    for server in site.servers.values():
        server.sick = True
    for backend in site.backends:
        agent.wait_state(backend.role, "down")
    assert homes(site.client, address(4), client_addresses(4)) == before
    site.servers["b4"].sick = False
    agent.wait_state("b4", "up")
    assert set(homes(site.client, address(4), client_addresses(4)).values()) == {"b4"}


def test_a_restarted_agent_remembers_who_is_down(site, agent):
    agent.start(checked(site))
    site.servers["b2"].stop()
    agent.wait_state("b2", "down")
    agent.kill()
    agent.start()
    assert agent.backend("b2")["state"] == "down"  # before its checks have said anything
    answers = fetch(site.client, address(4), client_addresses(4))
    assert all(answer.good for answer in answers)


# --- what operators decide ---------------------------------------------------------


def test_drain_and_enable(site, www, family):
    clients, pool = client_addresses(family), f"web{family}"
    before = homes(site.client, address(family), clients)
    assert www.tell("backend", "drain", f"{pool}/b1") == f"{pool}/b1: drain\n"
    assert www.backend("b1", pool)["state"] == "drain"
    during = homes(site.client, address(family), clients)
    assert "b1" not in during.values()
    assert all(during[c] == before[c] for c in clients if before[c] != "b1")
    assert www.tell("backend", "enable", f"{pool}/b1") == f"{pool}/b1: up\n"
    assert homes(site.client, address(family), clients) == before


def test_drain_survives_the_agent(site, www):
    www.tell("backend", "drain", "web4/b1")
    www.kill()
    www.start()
    assert www.backend("b1")["state"] == "drain"
    www.hang_up()
    assert www.backend("b1")["state"] == "drain"
    assert "b1" not in homes(site.client, address(4), client_addresses(4)).values()


def test_there_is_no_such_backend(www):
    done = www.limpet("backend", "drain", "web4/b9")
    assert (done.returncode, done.stdout) == (1, "")
    assert "web4/b9" in done.stderr
