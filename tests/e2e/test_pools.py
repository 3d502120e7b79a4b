# SPDX-License-Identifier: GPL-2.0
"""
min_up, backups, on_all_down, slow_start and weights, with real servers: through the
agent's death and reloads, and what becomes of names and addresses that change.
"""

import concurrent.futures
import time

import pytest

from agent import configuration, pools_of, services
from conftest import address
from curl import Load, count, fetch, homes
from servers import LONG_BYTES
from topology import client_addresses, new_addresses

SLOTS = 65536
CHECK = {
    "type": "http", "port": 80, "path": "/health", "interval": "200ms", "timeout": "200ms",
    "rise": 2, "fall": 2,
}  # fmt: skip


def checked(site, backups=(), **more):
    """Pools web4 and web6 with a check; `backups` are names."""
    pools = pools_of(site.network, check="web", **more)
    for pool in pools.values():
        for backend in pool["backends"]:
            if backend["name"] in backups:
                backend["backup"] = True
    return configuration(site.network, services(), pools, checks={"web": CHECK})


def wait_until(what, true, timeout=15):
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline, f"not in {timeout} s: {what}"
        time.sleep(0.02)


def slots(agent, name, pool="web4"):
    return agent.backend(name, pool)["slots"]


# --- min_up, backup, on_all_down --------------------------------------------------------


def test_a_backup_stands_in(site, agent, family):
    """P4: only the dead one's clients move, and nobody moves back."""
    pool, clients = f"web{family}", client_addresses(family)
    agent.start(checked(site, backups=["b4"], min_up=3))
    for name in ("b1", "b2", "b3", "b4"):
        agent.wait_state(name, "up", pool)
    before = homes(site.client, address(family), clients)
    assert "b4" not in before.values()
    backup = agent.backend("b4", pool)
    assert (backup["backup"], backup["in_use"], backup["slots"]) == (True, False, 0)

    site.servers["b2"].stop()
    agent.wait_state("b2", "down", pool)
    assert agent.backend("b4", pool)["in_use"]
    assert slots(agent, "b4", pool) in (SLOTS // 3, SLOTS // 3 + 1)
    during = homes(site.client, address(family), clients)
    assert all(during[c] == before[c] for c in clients if before[c] != "b2")
    assert {during[c] for c in clients if before[c] == "b2"} == {"b4"}
    agent.kill()  # P8
    agent.start()
    assert homes(site.client, address(family), clients) == during

    site.servers["b2"].start()
    agent.wait_state("b2", "up", pool)
    assert (slots(agent, "b4", pool), agent.backend("b4", pool)["in_use"]) == (0, False)
    assert homes(site.client, address(family), clients) == during
    assert "b4" not in homes(site.client, address(family), new_addresses(family)).values()


def test_a_drain_calls_the_backup(site, agent):
    agent.start(checked(site, backups=["b4"], min_up=3))
    assert slots(agent, "b4") == 0
    agent.tell("backend", "drain", "web4/b1")
    assert slots(agent, "b4") > 0
    assert "b4 (backup)" in agent.tell("pool", "show", "web4")
    agent.tell("backend", "enable", "web4/b1")
    assert slots(agent, "b4") == 0


def test_all_down_is_dropped(site, agent):
    agent.start(checked(site, on_all_down="drop"))
    assert homes(site.client, address(4), client_addresses(4, 5))
    for server in site.servers.values():
        server.sick = True
    for backend in site.backends:
        agent.wait_state(backend.role, "down")
    dropped = agent.status()["reasons"]["drop_no_backend"]
    answers = fetch(site.client, address(4), client_addresses(4, 2), timeout=1)
    assert not any(answer.good for answer in answers)
    assert agent.status()["reasons"]["drop_no_backend"] > dropped
    site.servers["b3"].sick = False
    agent.wait_state("b3", "up")
    assert set(homes(site.client, address(4), client_addresses(4)).values()) == {"b3"}


# --- slow_start -----------------------------------------------------------------------------


def test_a_slow_start(site, agent, family):
    """Its share only grows, through the agent's death; who is known stays (P2)."""
    pool, clients = f"web{family}", client_addresses(family)
    agent.start(checked(site, slow_start="6s"))
    agent.wait_state("b2", "up", pool)
    assert agent.backend("b2", pool)["slow_start"] is None  # all begin together
    time.sleep(6.5)
    site.servers["b2"].stop()
    agent.wait_state("b2", "down", pool)
    moved = homes(site.client, address(family), clients)
    site.servers["b2"].start()
    agent.wait_state("b2", "up", pool)

    seen, killed = [slots(agent, "b2", pool)], False
    assert 0 < seen[0] < SLOTS / 4 / 3
    assert 0 < agent.backend("b2", pool)["slow_start"]["left_s"] <= 6
    with Load(site.client, address(family), clients) as load:
        deadline = time.monotonic() + 15
        while seen[-1] < SLOTS // 4:
            assert time.monotonic() < deadline, seen
            seen.append(slots(agent, "b2", pool))
            if not killed and seen[-1] > SLOTS / 4 / 3:
                agent.kill()
                agent.start()
                killed = True
                assert agent.backend("b2", pool)["slow_start"]["left_s"] < 6
                seen.append(slots(agent, "b2", pool))
    assert killed and seen == sorted(seen) and len(set(seen)) > 3
    assert agent.backend("b2", pool)["slow_start"] is None
    assert load.failed == []
    assert {a.source: a.body for a in load.answers} == moved
    assert "b2" in homes(site.client, address(family), new_addresses(family)).values()


# --- weights ---------------------------------------------------------------------------------


def test_a_weight_for_a_time(site, www):
    """It survives SIGKILL and reload, and ends by itself; clients who are known stay."""
    clients = client_addresses(4)
    before = homes(site.client, address(4), clients)
    printed = www.tell("backend", "weight", "web4/b1", "500", "--for", "5s")
    assert "web4/b1: up, weight 500 instead of 100 for " in printed
    www.kill()
    www.start()
    www.tell("reload")
    backend = www.backend("b1")
    assert (backend["weight"], backend["config_weight"], backend["slots"]) == (
        500, 100, SLOTS * 5 // 8,
    )  # fmt: skip
    assert 0 < backend["weight_until_at"] - time.time() <= 5
    assert homes(site.client, address(4), clients) == before
    assert count(homes(site.client, address(4), new_addresses(4)))["b1"] > 20
    wait_until("its own weight again", lambda: slots(www, "b1") == SLOTS // 4)
    assert not www.backend("b1")["weight_set"]
    assert 'backend=web4/b1 weight=100 why="time over"' in www.log_since()


def test_a_weight_until_it_is_taken_back(site, www):
    www.tell("backend", "weight", "web4/b1", "0")
    assert slots(www, "b1") == 0
    assert "0 (set)" in www.tell("pool", "show", "web4")
    assert www.backend("b1")["weight_until_at"] is None
    www.kill()
    www.start()
    assert slots(www, "b1") == 0
    www.tell("backend", "weight", "web4/b1", "config")
    assert slots(www, "b1") == SLOTS // 4


@pytest.mark.parametrize(
    "body, words",
    [
        ({"action": "weight"}, "weight"),
        ({"action": "weight", "weight": 65536}, "65535"),
        ({"action": "weight", "weight": -1}, "65535"),
        ({"action": "weight", "weight": 1.5}, "whole number"),
        ({"action": "weight", "weight": "5"}, "whole number"),
        ({"action": "weight", "weight": 5, "for_s": 0}, "for_s"),
        ({"action": "weight", "weight": None, "for_s": 5}, "for_s"),
        ({"action": "gain"}, '"gain": not supported'),
    ],
    ids=str,
)
def test_wrong_weights_change_nothing(www, body, words):
    status, document = www.ask("POST", "/v1/backends/web4/b1", body)
    assert status == 400 and words in document["error"]
    assert www.backend("b1")["weight"] == 100


# --- reloads ---------------------------------------------------------------------------------


def three(site, name="b3", at=2):
    """b1, b2 and a third, whatever it is called and wherever it is."""
    config = configuration(site.network)
    for family in (4, 6):
        backends = config["pools"][f"web{family}"]["backends"]
        third = {**backends[at], "name": name}
        config["pools"][f"web{family}"]["backends"] = [*backends[:2], third]
    return config


def downloads(site, family, clients, executor):
    return [
        executor.submit(fetch, site.client, address(family), [client], path="/long", timeout=30)
        for client in clients
    ]


def check_downloads(running, homes_):
    for download in running:
        (answer,) = download.result()
        assert answer.good and len(answer.body) == LONG_BYTES
        assert answer.body.split()[0] == homes_[answer.source]


@pytest.mark.parametrize("change", ["address", "name"])
def test_a_name_and_an_address_part(site, agent, family, change):
    """A name with another address is another server in the same slots; an address with
    another name is another backend. Either way connections end where they began."""
    pool, clients = f"web{family}", client_addresses(family, 12)
    agent.start(three(site))
    before = homes(site.client, address(family), clients)
    assert "b3" in before.values()
    with concurrent.futures.ThreadPoolExecutor(len(clients)) as executor:
        running = downloads(site, family, clients, executor)
        time.sleep(0.5)
        agent.write(three(site, at=3) if change == "address" else three(site, name="z"))
        agent.tell("reload")
        agent.wait_state("b3" if change == "address" else "z", "up", pool)
        shown = {(b["name"], b["leaving"]) for b in agent.backends(pool)}
        assert ("b3", True) in shown  # and with a deadline
        check_downloads(running, before)
    after = homes(site.client, address(family), clients)
    for client in clients:
        if before[client] == "b3":
            assert after[client] == "b4" if change == "address" else after[client] != ""
        elif change == "address":
            assert after[client] == before[client]


def test_a_reload_during_a_drain(site, agent):
    """The operator's deadline stays, also when its backend leaves and returns."""
    agent.start(configuration(site.network))
    agent.tell("backend", "drain", "web4/b3", "--deadline", "50m")
    deadline = agent.backend("b3")["deadline_at"]
    full, short = configuration(site.network), configuration(site.network)
    del short["pools"]["web4"]["backends"][2]
    for config, state in ((full, "drain"), (short, "offline"), (full, "drain")):
        agent.write(config)
        agent.tell("reload")
        backend = agent.backend("b3")
        assert (backend["state"], backend["deadline_at"]) == (state, deadline)
    agent.tell("backend", "enable", "web4/b3")
    assert slots(agent, "b3") == SLOTS // 4


def test_two_reloads_in_a_row(site, agent, family):
    """Out and in again at once, and once more: no connection breaks, nobody moves."""
    clients = client_addresses(family, 12)
    full, short = configuration(site.network), configuration(site.network)
    for pool in short["pools"].values():
        del pool["backends"][1]
    agent.start(full)
    before = homes(site.client, address(family), clients)
    with concurrent.futures.ThreadPoolExecutor(len(clients)) as executor:
        running = downloads(site, family, clients, executor)
        time.sleep(0.5)
        for config in (short, full, short, full):
            agent.write(config)
            agent.hang_up()
        check_downloads(running, before)
    assert homes(site.client, address(family), clients) == before
