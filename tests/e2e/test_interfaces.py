# SPDX-License-Identifier: GPL-2.0
"""Interfaces that go down, come up, are renamed and named again; next hops that fall
silent; routes over next hop objects. Bonds and VLANs where the kernel has them."""

import json
import time

import pytest

from agent import configuration, services
from conftest import address
from curl import Load, count, fetch, homes
from test_connections import PORT, Talk
from test_follow import of_backend, until
from topology import CommandFailed, client_addresses, new_addresses, vip4


@pytest.fixture
def here(fresh_site, agents):
    """A network of its own, and its limpetd, which does not run yet."""
    return fresh_site, agents.make(fresh_site)


def state(agent, n=0):
    return agent.get("/v1/interfaces")["interfaces"][n]


def hops(agent, family=4):
    return {b["name"]: b["next_hop"]["state"] for b in agent.backends(f"web{family}")}


def all_hops(agent, word, family=4):
    return lambda: set(hops(agent, family).values()) == {word}


def rename(namespace, old, new):
    """Mostly only an interface that is down can be renamed; it comes up again, with what
    it loses when it goes down."""
    namespace.sysctl(f"net.ipv6.conf.{old}.keep_addr_on_down=1")
    namespace.ip(f"link set {old} down", f"link set {old} name {new}", f"link set {new} up")


# --- down and up -----------------------------------------------------------------------


def test_down_and_up(here):
    """Backends behind it are down meanwhile, and say why; nobody has moved after it."""
    site, agent = here
    site.balancer.sysctl("net.ipv6.conf.eth0.keep_addr_on_down=1")
    agent.start(configuration(site.network))
    before = {f: homes(site.client, address(f), client_addresses(f)) for f in (4, 6)}
    mark = agent.mark()
    site.balancer.ip("link set eth0 down")
    until(lambda: not state(agent)["up"], "the interface is down")
    assert state(agent)["attached"]
    until(lambda: "ok" not in hops(agent).values(), "the backends are not reached")
    agent.wait_log(r"interface=eth0 state=down", mark)

    site.balancer.ip("link set eth0 up")
    site.network.route_balancer()
    took = until(lambda: state(agent)["up"], "the interface is up")
    agent.wait_log(r"interface=eth0 state=up", mark)
    for family in (4, 6):
        until(all_hops(agent, "ok", family), f"the way to all backends, IPv{family}")
        assert homes(site.client, address(family), client_addresses(family)) == before[family]
    print(f"up again after {took:.2f} s")


def test_connections_through_a_short_loss_of_the_link(here):
    """TCP has patience: 600 connections, in slots that are settled and in slots that move."""
    site, agent = here
    site.balancer.sysctl("net.ipv6.conf.eth0.keep_addr_on_down=1")
    agent.start(configuration(site.network, services(ports=(PORT,))))
    talk = Talk(site, 0)
    try:
        sources = client_addresses(4, 200)
        wanted = [[source, vip4(), PORT, "echo"] for source in sources]
        talk.client.ask("open", wanted)
        agent.tell("backend", "drain", "web4/b1")  # a quarter of the slots moves from here on
        talk.client.ask("open", wanted * 2)
        site.balancer.ip("link set eth0 down")
        until(lambda: not state(agent)["up"], "the interface is down")
        time.sleep(0.5)
        site.balancer.ip("link set eth0 up")
        site.network.route_balancer()
        until(all_hops(agent, "ok"), "the way to all backends")
        broken = [b for b in talk.client.ask("close") if b]
        assert broken == []
    finally:
        talk.end()


# --- renamed ------------------------------------------------------------------------------


def test_renamed(here):
    """Packets go on through it, limpetd says that the name is wrong, and a configuration
    with the new name takes it over as it is."""
    site, agent = here
    config = configuration(site.network)
    agent.start(config)
    before = homes(site.client, address(4), client_addresses(4))
    mark = agent.mark()
    rename(site.balancer, "eth0", "lan0")
    site.network.route_balancer()
    agent.wait_log(r"interface=eth0 state=renamed .*lan0", mark)
    until(all_hops(agent, "ok"), "the way to all backends")
    assert homes(site.client, address(4), client_addresses(4)) == before
    interface = state(agent)
    assert (interface["attached"], interface["renamed_to"]) == (True, "lan0")
    assert "lan0" in agent.tell("interface", "list")

    ifindex = site.balancer.link("lan0")["ifindex"]
    config["interfaces"] = [{"name": "lan0"}]
    agent.write(config)
    with Load(site.client, address(4), client_addresses(4)) as load:
        agent.tell("reload")
    assert load.failed == [] and load.slowest < 0.9  # no packet was lost
    assert homes(site.client, address(4), client_addresses(4)) == before
    interface = state(agent)
    assert interface["name"] == "lan0" and interface["attached"]
    assert (interface["ifindex"], interface["renamed_to"]) == (ifindex, None)
    assert len(agent.get("/v1/interfaces")["interfaces"]) == 1
    assert "xdp" in site.balancer.link("lan0")


def test_renamed_and_named_back(here):
    site, agent = here
    agent.start(configuration(site.network))
    before = homes(site.client, address(4), client_addresses(4))
    mark = agent.mark()
    rename(site.balancer, "eth0", "lan0")
    # The API looks when it is asked, limpetd when it is told: only what it has seen counts.
    agent.wait_log(r"interface=eth0 state=renamed .*lan0", mark)
    assert state(agent)["renamed_to"] == "lan0"
    mark = agent.mark()
    rename(site.balancer, "lan0", "eth0")
    site.network.route_balancer()
    agent.wait_log(r"interface=eth0 state=(up|attached)", mark)
    until(lambda: state(agent)["attached"] and not state(agent)["renamed_to"], "the old name")
    until(all_hops(agent, "ok"), "the way to all backends")
    assert homes(site.client, address(4), client_addresses(4)) == before


def test_another_interface_takes_the_name(two_armed, agents):
    """The names of two interfaces are exchanged: the program is on both, as before."""
    site, agent = two_armed, agents.make(two_armed)
    agent.start(configuration(site.network))
    before = homes(site.client, address(4), client_addresses(4, 20))
    indices = {name: site.balancer.link(name)["ifindex"] for name in ("eth0", "eth1")}
    try:
        for name in indices:
            site.balancer.sysctl(f"net.ipv6.conf.{name}.keep_addr_on_down=1")
        site.balancer.ip(
            "link set eth0 down", "link set eth1 down",
            "link set eth0 name ethx", "link set eth1 name eth0", "link set ethx name eth1",
            "link set eth0 up", "link set eth1 up",
        )  # fmt: skip
        site.network.route_balancer()

        def exchanged():
            now = {i["name"]: i["ifindex"] for i in agent.get("/v1/interfaces")["interfaces"]}
            return now == {"eth0": indices["eth1"], "eth1": indices["eth0"]}

        until(exchanged, "the exchange")
        until(lambda: all(state(agent, n)["attached"] for n in (0, 1)), "attached to both")
        until(all_hops(agent, "ok"), "the way to all backends")
        assert homes(site.client, address(4), client_addresses(4, 20)) == before
        assert all("xdp" in site.balancer.link(name) for name in indices)
    finally:
        site.balancer.ip(
            "link set eth0 down", "link set eth1 down",
            "link set eth0 name ethx", "link set eth1 name eth0", "link set ethx name eth1",
            "link set eth0 up", "link set eth1 up",
        )  # fmt: skip
        site.network.route_balancer()


# --- gone, and back ---------------------------------------------------------------------------


def test_gone_and_back_is_said_once(here):
    """The rest of it is in test_follow.py."""
    site, agent = here
    agent.start(configuration(site.network))
    mark = agent.mark()
    site.balancer.ip("link delete eth0")
    agent.wait_log(r"interface=eth0 state=gone", mark)
    site.network.plug(site.balancer, 2)
    site.network.route_balancer()
    agent.wait_log(r"interface=eth0 state=attached", mark)
    until(all_hops(agent, "ok"), "the way to all backends")
    log = agent.log_since(mark)
    assert log.count("interface=eth0 state=gone") == 1
    assert log.count("interface=eth0 state=attached") == 1


# --- next hops ----------------------------------------------------------------------------------


def test_a_next_hop_that_stops_answering(here, family):
    """A server without power: the kernel asks for its MAC address in vain. Others take its
    clients, and keep them when it is back; new ones are its again. (The kernel believes an
    answer for 15 to 45 seconds; here for less.)"""
    site, agent = here
    for version in ("ipv4", "ipv6"):
        site.balancer.sysctl(
            f"net.{version}.neigh.eth0.base_reachable_time_ms=1000",
            f"net.{version}.neigh.eth0.delay_first_probe_time=1",
        )
    agent.start(configuration(site.network))
    clients = client_addresses(family)
    before = homes(site.client, address(family), clients)
    mark = agent.mark()
    site.network.switch.ip("link set b3 down")  # its end stays up: nobody tells the balancer
    pool = f"web{family}"
    took = until(lambda: hops(agent, family)["b3"] == "neighbour does not answer", "silence", 90)
    agent.wait_state("b3", "down", pool)
    agent.wait_log(rf'backend={pool}/b3 .*next_hop=lost why="neighbour does not answer"', mark)
    now = homes(site.client, address(family), clients)
    assert "b3" not in now.values()
    assert {c for c in clients if now[c] != before[c]} == {c for c in clients if before[c] == "b3"}
    site.network.switch.ip("link set b3 up")
    back = until(lambda: hops(agent, family)["b3"] == "ok", "an answer", 60)
    agent.wait_state("b3", "up", pool)
    agent.wait_log(rf"backend={pool}/b3 state=up next_hop=found", mark)
    assert homes(site.client, address(family), clients) == now
    assert count(homes(site.client, address(family), new_addresses(family)))["b3"] >= 4
    print(f"IPv{family}: silence noticed after {took:.1f} s, answer after {back:.1f} s")


def test_a_next_hop_object_that_changes(here):
    """`ip nexthop`: a route that names an object, and the object becomes another gateway;
    no route changes then."""
    site, agent = here
    gateways = site.backends[:2]
    site.balancer.ip(
        f"nexthop add id 7 via {gateways[0].v4} dev eth0",
        "route add 192.0.2.0/24 nhid 7",
    )
    pools = {"far": {"backends": [{"name": "far", "address": "192.0.2.7"}]}}
    config = configuration(site.network, {"www4": {**services()["www4"], "pool": "far", "forward": "ipip"}}, pools)
    agent.start(config)

    def mac():
        return agent.backend("far", "far")["next_hop"]["mac"]

    assert mac() == gateways[0].link()["address"]
    site.balancer.ip(f"nexthop replace id 7 via {gateways[1].v4} dev eth0")
    until(lambda: mac() == gateways[1].link()["address"], "the other gateway")
    site.balancer.ip("nexthop delete id 7")
    until(lambda: agent.backend("far", "far")["next_hop"]["state"] == "no route", "no route")


def test_a_source_address_that_changes(here):
    """The outer header's source is an address of the host: it follows when that goes."""
    site, agent = here
    config = configuration(site.network, services(forward="ipip"))
    agent.start(config)
    site.balancer.ip("address delete 10.1.0.2/24 dev eth0", "address add 10.1.0.200/24 dev eth0")
    site.network.route_balancer()
    until(all_hops(agent, "ok"), "the way to all backends")
    site.balancer.ip("address flush dev eth0 scope global")
    until(lambda: hops(agent)["b1"] in ("no route", "no source address"), "no way")


# --- bonds and VLANs ------------------------------------------------------------------------------


def require_kind(namespace, kind, *more):
    """Skips where the kernel has no such links."""
    try:
        namespace.ip(f"link add probe0 {' '.join(more)} type {kind}")
    except CommandFailed as error:
        pytest.skip(f"this kernel has no links of type {kind.split()[0]}: {error}")
    namespace.ip("link delete probe0")


def test_a_vlan_on_the_way_to_the_backends(here):
    """The route goes over a VLAN device: packets get its tag on the interface below."""
    site, agent = here
    require_kind(site.balancer, "vlan id 7", "link eth0")
    backend = site.backends[0]
    for namespace, number in ((site.balancer, 1), (backend, 2)):
        namespace.ip(
            "link add link eth0 name eth0.7 type vlan id 7", "link set eth0.7 up",
            f"address add 10.7.0.{number}/24 dev eth0.7",
        )  # fmt: skip
    pools = {"web4": {"backends": [{"name": "b1", "address": "10.7.0.2"}]}}
    agent.start(configuration(site.network, {"www4": services(forward="ipip")["www4"]}, pools))
    until(all_hops(agent, "ok"), "the neighbour in the VLAN")
    assert agent.backend("b1")["next_hop"]["interface"] == "eth0"


def test_a_bond(here):
    """XDP on a bond; one of its links fails."""
    site, agent = here
    require_kind(site.balancer, "bond")
    site.balancer.ip("link add bond0 type bond mode active-backup miimon 50")
    site.balancer.ip("link set eth0 down", "link set eth0 master bond0", "link set bond0 up")
    site.balancer.add_addresses(f"{site.balancer.v4}/24", f"{site.balancer.v6}/64", device="bond0")
    site.network.route_balancer()
    agent.start(configuration(site.network, interfaces=[{"name": "bond0"}]))
    until(all_hops(agent, "ok"), "the neighbours")
    assert state(agent)["attached"]
    assert homes(site.client, address(4), client_addresses(4, 5))
