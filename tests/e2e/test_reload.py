# SPDX-License-Identifier: GPL-2.0
"""P10: a new configuration is in force all at once, or not at all."""

import copy
import re
import signal

import pytest

from agent import configuration, services, vip
from conftest import address
from curl import Load, count, fetch, homes
from topology import client_addresses, new_addresses, vip4, vip6


def dummies(prefix, n):
    """Backends that nobody ever reaches."""
    return [
        {"name": f"{prefix}{i}", "address": f"10.200.{i // 250}.{i % 250 + 1}"} for i in range(n)
    ]


CHANGING = {
    "packets", "bytes", "uptime_s", "since_s", "check", "reasons", "audit", "records",
    "connections", "connections_error", "eta_s", "hold_s",
}  # fmt: skip


def changing(value):
    """A status document without what changes by itself: times, counters, and what they
    estimate."""
    if isinstance(value, dict):
        return {
            key: changing(item)
            for key, item in value.items()
            if key not in CHANGING
        }
    return [changing(item) for item in value] if isinstance(value, list) else value


# --- right ones ------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["SIGHUP", "limpet reload"])
def test_another_vip_and_another_backend(site, agent, how):
    config = configuration(site.network)
    everybody = config["pools"]["web4"]["backends"]
    config["pools"]["web4"]["backends"] = everybody[:3]
    agent.start(config)
    clients = client_addresses(4)
    before = homes(site.client, address(4), clients)

    config["pools"]["web4"]["backends"] = everybody
    config["vips"]["more"] = vip(vip4(1), ports=[8080])
    agent.write(config)
    with Load(site.client, address(4), clients) as load:
        if how == "SIGHUP":
            agent.hang_up()
        else:
            printed = agent.tell("reload")
            assert "backend web4/b4 is new" in printed and "VIP table replaced" in printed
        agent.wait_state("b4", "up")  # once its MAC address is known
    assert load.failed == []
    assert homes(site.client, address(4), clients) == before  # P2
    assert 4 <= count(homes(site.client, address(4), new_addresses(4)))["b4"] <= 28
    # The other VIP has its own clients (no group): what the table says, of the same pool.
    other = homes(site.client, vip4(1), clients, 8080)
    moved = [client for client in clients if other[client] != before[client]]
    assert {other[client] for client in moved} == {"b4"} and 4 <= len(moved) <= 28



def test_a_vip_that_leaves_is_the_stacks(site, agent):
    config = configuration(site.network, {**services(), "more": vip(vip4(1))})
    agent.start(config)
    assert homes(site.client, vip4(1), client_addresses(4, 3))
    del config["vips"]["more"]
    agent.write(config)
    agent.tell("reload")
    answers = fetch(site.client, vip4(1), client_addresses(4, 1), timeout=1)
    assert not answers[0].good
    assert agent.limpet("vip", "show", "more").returncode == 1
    assert homes(site.client, address(4), client_addresses(4, 3))


def test_nothing_changed(www):
    before = www.status()
    printed = www.tell("reload")
    assert re.fullmatch(rf"generation {before['generation']}, nothing changed\n", printed)
    assert changing(www.status()) == changing(before)


def test_the_order_of_lines_means_nothing(site, agent):
    """P6, and no slot moves."""
    config = configuration(site.network)
    agent.start(config)
    before = homes(site.client, address(4), client_addresses(4))
    for pool in config["pools"].values():
        pool["backends"].reverse()
    config["pools"] = dict(reversed(config["pools"].items()))
    config["vips"] = dict(reversed(config["vips"].items()))
    agent.write(config)
    agent.tell("reload")
    assert homes(site.client, address(4), client_addresses(4)) == before


def test_another_seed(site, agent):
    """Every table is another then, and the datapath and `explain` agree on it."""
    config = configuration(site.network)
    agent.start(config)
    before = homes(site.client, address(4), client_addresses(4))
    config["seed"] = "another"
    agent.write(config)
    agent.tell("reload")
    after = homes(site.client, address(4), client_addresses(4))
    assert after != before and len(count(after)) == len(site.backends)
    for client, home in after.items():
        assert agent.explain("www4", client)["backend"] == home
    config["seed"] = "e2e"
    agent.write(config)
    agent.hang_up()
    assert homes(site.client, address(4), client_addresses(4)) == before


def test_another_interface(two_armed, agents):
    """Attached to, and let go, by reload."""
    agent = agents.make(two_armed)
    both = two_armed.network.interfaces
    agent.start(configuration(two_armed.network, interfaces=both[:1]))
    assert "xdp" not in two_armed.balancer.link("eth1")
    agent.write(configuration(two_armed.network, interfaces=both))
    agent.tell("reload")
    assert "xdp" in two_armed.balancer.link("eth1")
    agent.write(configuration(two_armed.network, interfaces=both[:1]))
    agent.tell("reload")
    assert "xdp" not in two_armed.balancer.link("eth1")
    assert homes(two_armed.client, address(4), client_addresses(4, 5))


# --- growing ---------------------------------------------------------------------------


def grown(network):
    """Far more than the maps of a small configuration have room for."""
    config = configuration(network)
    for n in range(30):
        real = config["pools"]["web4"]["backends"]
        config["pools"][f"more{n}"] = {"backends": dummies(f"m{n}-", 40) + real}
    for n in range(200):
        config["vips"][f"more{n}"] = vip(
            f"192.0.2.{n + 1}", pool=f"more{n % 30}", ports=["80-200", "any"]
        )
    config["vips"]["last"] = vip(vip4(1), vip6(1), pool="web6", forward="ipip")
    config["vips"]["last4"] = vip(vip4(2))
    return config


def test_growing_loses_nothing(site, www, family):
    before = www.status()
    counted = before["vips"][0]["packets"]
    where = homes(site.client, address(family), client_addresses(family))
    www.write(grown(site.network))
    with Load(site.client, address(family), client_addresses(family)) as load:
        www.tell("reload")
    assert load.failed == [] and load.slowest < 0.9
    assert homes(site.client, address(family), client_addresses(family)) == where
    assert homes(site.client, vip4(2), client_addresses(4, 10))  # a VIP that was not there
    after = www.status()
    assert (len(after["vips"]), len(after["pools"])) == (204, 32)
    assert after["generation"] > before["generation"]
    assert next(v for v in after["vips"] if v["name"] == "www4")["packets"] >= counted
    # What was there kept its numbers, and the next agent finds it all.
    numbers = {v["name"]: v["number"] for v in after["vips"]}
    assert all(numbers[v["name"]] == v["number"] for v in before["vips"])
    www.kill()
    www.start()
    assert "adopted=yes" in www.log_since()
    assert homes(site.client, address(family), client_addresses(family)) == where


def test_shrinking_back(site, www):
    where = homes(site.client, address(4), client_addresses(4))
    small = www.config_file.read_text()
    www.write(grown(site.network))
    www.tell("reload")
    www.write(small)
    with Load(site.client, address(4), client_addresses(4)) as load:
        www.tell("reload")
    assert load.failed == []
    assert len(www.status()["vips"]) == 2
    assert homes(site.client, address(4), client_addresses(4)) == where


def test_growing_while_no_agent_runs(site, www):
    where = homes(site.client, address(4), client_addresses(4))
    www.kill()
    www.write(grown(site.network))
    with Load(site.client, address(4), client_addresses(4)) as load:
        www.start()
    assert load.failed == []
    assert homes(site.client, address(4), client_addresses(4)) == where


# --- wrong ones ------------------------------------------------------------------------


def broken(config, how):
    config = copy.deepcopy(config)
    if how == "unknown key":
        config["vips"]["www4"]["prot"] = "tcp"
        return config, "prot"
    if how == "no such pool":
        config["vips"]["www4"]["pool"] = "nowhere"
        return config, "nowhere"
    if how == "no such interface":
        config["interfaces"].append({"name": "eth77"})
        return config, "eth77"
    return "vips: [", "vips"


@pytest.mark.parametrize(
    "how", ["unknown key", "no such pool", "no such interface", "no YAML"]
)
def test_a_broken_file_changes_nothing(site, www, how):
    before = changing(www.status())
    text = www.get("/v1/config")["text"]
    config, word = broken(configuration(site.network), how)
    www.write(config)

    mark = www.mark()
    www.hang_up()
    assert re.search(rf"reload refused, nothing changed: .*{word}", www.log_since(mark), re.S)
    assert changing(www.status()) == before

    done = www.limpet("reload")
    assert (done.returncode, done.stdout) == (1, "")
    assert word in done.stderr
    assert changing(www.status()) == before
    assert www.get("/v1/config")["text"] == text
    assert homes(site.client, address(4), client_addresses(4, 5))


@pytest.mark.parametrize("size", ["same size", "larger"])
def test_an_interface_that_refuses_changes_nothing(two_armed, agents, size):
    """Known only when attaching: eth1 has somebody else's XDP program. The VIPs of the
    file before are served all the time, although the new one does not have them."""
    site, agent = two_armed, agents.make(two_armed)
    old = configuration(site.network, interfaces=[{"name": "eth0"}])
    agent.start(old)
    before = changing(agent.status())
    new = grown(site.network) if size == "larger" else copy.deepcopy(old)
    new["interfaces"] = site.network.interfaces
    for name in ("www4", "www6"):
        del new["vips"][name]
    new["vips"]["other"] = vip(vip4(3))
    site.network.attach_pass(site.balancer, "eth1")
    try:
        agent.write(new)
        with Load(site.client, address(4), client_addresses(4)) as load:
            done = agent.limpet("reload")
        assert done.returncode == 1 and '"eth1" has another XDP program' in done.stderr
        assert load.failed == []
        assert changing(agent.status()) == before
        assert agent.pins("links") == ["eth0"]
    finally:
        site.balancer.ip("link set dev eth1 xdp off")


@pytest.mark.parametrize("mode", ["generic", "auto"])
def test_another_xdp_mode(site, www, mode):
    """There and back; the program is away for a moment, and then in use again."""
    config = configuration(site.network, services(ports=(80, 8080)))
    where = homes(site.client, address(4), client_addresses(4))
    for now in ("generic", "native", mode):
        config["interfaces"] = [{"name": "eth0", "mode": now}]
        www.write(config)
        www.tell("reload")
        assert homes(site.client, address(4), client_addresses(4)) == where
    # auto leaves a program that is there where it is.
    assert www.get("/v1/interfaces")["interfaces"][0]["mode"] == (
        "generic" if mode == "generic" else "native"
    )


def test_a_missing_file_changes_nothing(site, www):
    before = changing(www.status())
    www.config_file.unlink()
    done = www.limpet("reload")
    assert done.returncode == 1 and "limpet.yaml" in done.stderr
    assert changing(www.status()) == before
    assert www.end(signal.SIGTERM) == 0


def test_config_check_says_what_reload_would(site, www):
    config, word = broken(configuration(site.network), "no such pool")
    www.write(config)
    done = www.limpet("config", "check", www.config_file)
    assert done.returncode == 1 and word in done.stdout + done.stderr
    www.write(configuration(site.network))
    assert www.limpet("config", "check", www.config_file).returncode == 0
