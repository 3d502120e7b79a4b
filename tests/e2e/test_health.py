# SPDX-License-Identifier: GPL-2.0
"""
Checks and operators: who loses a backend, who gets one, and who notices.

P4: when a backend dies only its clients move, and when it returns nobody who moved
is moved again. P2: known clients stay where they are through all the rest; a backend
that comes (back) gets clients whom nobody knows yet.
"""

import concurrent.futures
import re
import time

import pytest

from agent import configuration, pools_of, services
from conftest import address
from curl import count, fetch, homes
from servers import LONG_BYTES
from topology import client_addresses, new_addresses

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
    awake, asleep = clients[:40], clients[40:]
    agent.start(checked(site, check_type))
    agent.wait_state("b2", "up", pool)
    before = homes(site.client, address(family), clients)
    assert {before[client] for client in asleep} == {b.role for b in site.backends}

    site.servers["b2"].stop()
    took = agent.wait_state("b2", "down", pool)
    assert took <= INTERVAL * JITTER * FALL + TIMEOUT + SLACK
    during = homes(site.client, address(family), awake)
    assert "b2" not in during.values()
    moved = {client for client in awake if during[client] != before[client]}
    assert moved == {client for client in awake if before[client] == "b2"}
    assert len({during[client] for client in moved}) > 1  # spread over the others

    site.servers["b2"].start()
    took = agent.wait_state("b2", "up", pool)
    assert took <= INTERVAL * JITTER * (RISE + 1) + SLACK
    after = homes(site.client, address(family), clients)
    assert {client: after[client] for client in awake} == during
    # Who never noticed that b2 was away is where the table says, which has no history.
    assert all(after[client] == before[client] for client in asleep)
    assert "b2" in homes(site.client, address(family), new_addresses(family)).values()
    assert homes(site.client, address(family), clients) == after


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


def test_drain_keeps_whom_it_knows(site, www, family):
    clients, pool = client_addresses(family), f"web{family}"
    first, second = new_addresses(family, 120)[:60], new_addresses(family, 120)[60:]
    before = homes(site.client, address(family), clients)
    told = www.tell("backend", "drain", f"{pool}/b1")
    assert re.match(rf"{pool}/b1: drain, .*\bconnections, deadline in ", told), told
    assert www.backend("b1", pool)["state"] == "drain"
    assert "b1" in before.values()
    assert homes(site.client, address(family), clients) == before
    during = homes(site.client, address(family), first)
    assert set(during.values()) == {"b2", "b3", "b4"}  # nobody new

    assert www.tell("backend", "enable", f"{pool}/b1").startswith(f"{pool}/b1: up")
    assert www.backend("b1", pool)["deadline_at"] is None
    assert "b1" in homes(site.client, address(family), second).values()
    assert homes(site.client, address(family), clients) == before
    assert homes(site.client, address(family), first) == during


def test_drain_survives_the_agent(site, www):
    before = homes(site.client, address(4), client_addresses(4))
    www.tell("backend", "drain", "web4/b1", "--deadline", "20m")
    deadline = www.backend("b1")["deadline_at"]
    assert abs(deadline - time.time() - 1200) < 10
    www.kill()
    www.start()
    assert www.backend("b1")["state"] == "drain"
    www.hang_up()
    assert (www.backend("b1")["state"], www.backend("b1")["deadline_at"]) == ("drain", deadline)
    assert "b1" not in homes(site.client, address(4), new_addresses(4)).values()
    assert homes(site.client, address(4), client_addresses(4)) == before


def test_the_deadline_of_a_drain(site, www, family):
    """When it has passed, those who were still there go elsewhere, and nobody else."""
    clients, pool = client_addresses(family), f"web{family}"
    before = homes(site.client, address(family), clients)
    www.tell("backend", "drain", f"{pool}/b1", "--deadline", "3s")
    assert homes(site.client, address(family), clients) == before
    start = time.monotonic()
    while not www.backend("b1", pool)["expired"]:
        assert time.monotonic() < start + 10, "the deadline does not pass"
        time.sleep(0.1)
    after = homes(site.client, address(family), clients)
    assert "b1" in before.values() and "b1" not in after.values()
    assert all(after[c] == before[c] for c in clients if before[c] != "b1")


class Download:
    """A long answer that one client of a backend is being given."""

    def __init__(self, site, family, backend):
        where = homes(site.client, address(family), client_addresses(family))
        self.source = next(client for client, home in where.items() if home == backend)
        self.others = {client: home for client, home in where.items() if home != backend}
        self.backend = backend
        self._executor = concurrent.futures.ThreadPoolExecutor(1)
        self._answer = self._executor.submit(
            fetch, site.client, address(family), [self.source], path="/long", timeout=30
        )
        time.sleep(0.5)
        assert not self._answer.done()

    def end(self):
        """Its answer, which came whole and from where it began."""
        answer = self._answer.result()[0]
        self._executor.shutdown()
        assert answer.good and len(answer.body) == LONG_BYTES, answer.error
        assert set(answer.body.split()) >= {self.backend}
        assert answer.seconds > 2  # what was done to it was in the middle of it
        return answer


def elsewhere(site, family, download):
    """Its client's new connection goes to another backend, nobody else's does."""
    clients = [download.source, *download.others]
    now = homes(site.client, address(family), clients)
    assert now.pop(download.source) != download.backend
    assert now == download.others


def test_offline_keeps_connections_only(site, www, family):
    download = Download(site, family, "b1")
    told = www.tell("backend", "offline", f"web{family}/b1")
    assert told.startswith(f"web{family}/b1: offline")
    elsewhere(site, family, download)
    download.end()
    assert www.backend("b1", f"web{family}")["state"] == "offline"
    moved = homes(site.client, address(family), [download.source])
    www.tell("backend", "enable", f"web{family}/b1")
    assert homes(site.client, address(family), [download.source]) == moved  # P2


def test_a_removed_backend_leaves_in_its_own_time(site, agent, family):
    """What it is sending goes on; it is gone when its deadline has passed."""
    pool = f"web{family}"
    config = configuration(site.network, pools=pools_of(site.network, drain_timeout="8s"))
    agent.start(config)
    download = Download(site, family, "b1")
    backends = config["pools"][pool]["backends"]
    config["pools"][pool]["backends"] = [b for b in backends if b["name"] != "b1"]
    agent.write(config)
    agent.tell("reload")
    removed = time.monotonic()
    elsewhere(site, family, download)
    b1 = agent.backend("b1", pool)
    assert b1["leaving"] and b1["slots"] == 0 and b1["deadline_at"] <= time.time() + 8
    assert "b1" in agent.tell("pool", "show", pool)
    download.end()
    while "b1" in {backend["name"] for backend in agent.backends(pool)}:
        assert time.monotonic() < removed + 20, "b1 is still there"
        time.sleep(0.1)
    assert time.monotonic() > removed + 6
    shown = agent.tell("pool", "show", pool)
    assert "b1" not in {line.split()[0] for line in shown.splitlines() if line.split()}
    assert homes(site.client, address(family), list(download.others)) == download.others


def test_there_is_no_such_backend(www):
    done = www.limpet("backend", "drain", "web4/b9")
    assert (done.returncode, done.stdout) == (1, "")
    assert "web4/b9" in done.stderr
