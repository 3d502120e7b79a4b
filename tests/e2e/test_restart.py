# SPDX-License-Identifier: GPL-2.0
"""P8: the datapath outlives the agent, and the next agent takes it over."""

import concurrent.futures
import copy
import os
import signal
import stat
import time

from agent import configuration, services, vip
from conftest import address
from curl import Load, fetch, homes
from servers import LONG_BYTES
from topology import client_addresses


def snapshot(agent):
    """What must not change when the agent does: numbers, tables, slots."""
    status = agent.status()
    return {
        "generation": status["generation"],
        "vips": [(vip["name"], vip["number"]) for vip in status["vips"]],
        "pools": [
            {
                **{key: pool[key] for key in ("name", "number", "generation", "table")},
                "backends": [
                    [b[key] for key in ("name", "number", "address", "state", "slots", "next_hop")]
                    for b in pool["backends"]
                ],
            }
            for pool in status["pools"]
        ],
        "slots": {
            client: agent.explain(f"www{family}", client)["backend"]
            for family in (4, 6)
            for client in client_addresses(family)
        },
    }


def test_not_one_packet_is_lost_when_the_agent_is_killed(site, www, family):
    clients = client_addresses(family)
    before, mark = snapshot(www), www.mark()
    where = homes(site.client, address(family), clients)
    with Load(site.client, address(family), clients) as load:
        www.kill()
        alone = fetch(site.client, address(family), clients)
        www.start()
        after = snapshot(www)
    assert all(answer.good for answer in alone)
    assert load.failed == []
    assert len(load.answers) >= 60 and load.slowest < 0.9  # a lost SYN comes again after 1 s
    assert {answer.body for answer in load.answers if answer.source == clients[0]} == {
        where[clients[0]]
    }
    assert "adopted=yes" in www.log_since(mark)
    assert after == before
    assert homes(site.client, address(family), clients) == where


def test_killed_again_and_again(site, www):
    """Twelve agents in a row, each killed as soon as it is there."""
    before = snapshot(www)
    with Load(site.client, address(4), client_addresses(4)) as load:
        for _ in range(12):
            www.kill()
            www.start()
    assert load.failed == [] and load.slowest < 0.9
    assert snapshot(www) == before


def test_killed_in_the_middle_of_a_reload(site, www):
    """At sixteen moments of it, with a configuration that the maps have to grow for and
    with one that they do not: requests go on, and the next agent finds its way."""
    clients = client_addresses(4)
    small = configuration(site.network)
    where = homes(site.client, address(4), clients)
    with Load(site.client, address(4), clients) as load:
        for i in range(16):
            config = copy.deepcopy(small)
            for n in range(1 + 8 * (i % 2) * (i // 2)):
                config["pools"][f"more{n}"] = config["pools"]["web4"]
                config["vips"][f"more{n}"] = vip(f"192.0.2.{n + 1}", pool=f"more{n}")
            www.write(config)
            os.kill(www.process.pid, signal.SIGHUP)
            time.sleep(0.004 * (i // 2) ** 1.5)
            www.kill()
            www.start()
            assert len(www.status()["vips"]) == len(config["vips"])
    assert load.failed == [] and load.slowest < 0.9
    assert homes(site.client, address(4), clients) == where


def test_established_connections_outlive_the_agent(site, www, family):
    """Long answers go on through kill, restart, and a reload with another VIP."""
    clients = client_addresses(family, 6)
    with concurrent.futures.ThreadPoolExecutor(len(clients)) as executor:
        downloads = [
            executor.submit(fetch, site.client, address(family), [client], path="/long", timeout=30)
            for client in clients
        ]
        before = homes(site.client, address(family), clients)
        www.kill()
        www.start()
        config = configuration(site.network, services(ports=(80, 8080, 443)))
        www.write(config)
        www.tell("reload")
        answers = [download.result()[0] for download in downloads]
    for answer in answers:
        assert answer.good and len(answer.body) == LONG_BYTES
        assert answer.body.split()[0] == before[answer.source]
        assert answer.seconds > 2  # the kill was in the middle of it


def test_sigterm_leaves_traffic_running(site, www, family):
    where = homes(site.client, address(family), client_addresses(family))
    with Load(site.client, address(family), client_addresses(family)) as load:
        assert www.end(signal.SIGTERM) == 0
        assert homes(site.client, address(family), client_addresses(family)) == where
    assert load.failed == []
    assert "xdp" in site.balancer.link()
    assert not www.socket.exists()
    mark = www.mark()
    www.start()
    assert "adopted=yes" in www.log_since(mark)


def test_detach_on_exit_removes_everything(site, agent):
    agent.start(configuration(site.network), "--detach-on-exit")
    assert homes(site.client, address(4), client_addresses(4, 3))
    assert site.balancer.link()["xdp"]
    assert agent.end(signal.SIGTERM) == 0
    assert "xdp" not in site.balancer.link()
    assert not agent.pin_dir.exists()
    assert not agent.socket.exists()


def test_a_killed_agent_with_detach_on_exit_leaves_traffic_running(site, agent):
    agent.start(configuration(site.network), "--detach-on-exit")
    agent.kill()
    assert homes(site.client, address(4), client_addresses(4))


def test_adopted_interfaces_are_let_go_by_the_next_agent(two_armed, agents):
    """An interface that left the configuration while no agent ran loses its program."""
    agent = agents.make(two_armed)
    agent.start(configuration(two_armed.network))
    assert agent.pins("links") == ["eth0", "eth1"]
    agent.kill()
    agent.start(configuration(two_armed.network, interfaces=[{"name": "eth0"}]))
    assert agent.pins("links") == ["eth0"]
    assert "xdp" not in two_armed.balancer.link("eth1")
    assert homes(two_armed.client, address(4), client_addresses(4, 10))


def test_the_socket_is_for_root_and_its_group(www):
    mode = os.stat(www.socket).st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o660
