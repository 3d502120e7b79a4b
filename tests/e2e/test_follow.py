# SPDX-License-Identifier: GPL-2.0
"""limpetd follows what happens to neighbours, interfaces, addresses and routes."""

import time

from agent import configuration, pools_of, services
from conftest import address
from curl import Load, count, fetch, homes
from topology import client_addresses, new_addresses


def until(true, what, timeout=20):
    """Waits; returns how many seconds."""
    start = time.monotonic()
    while not true():
        assert time.monotonic() < start + timeout, f"{what}: not after {timeout} s"
        time.sleep(0.02)
    return time.monotonic() - start


def of_backend(site, name, family):
    """A client that this backend answers."""
    where = homes(site.client, address(family), client_addresses(family))
    return next(client for client, home in where.items() if home == name)


def test_another_mac_address_of_a_backend(fresh_site, agents, family):
    """A server that was replaced; as most do, it announces its new MAC address."""
    site, agent = fresh_site, agents.make(fresh_site)
    agent.start(configuration(site.network))
    client = of_backend(site, "b2", family)
    old = agent.backend("b2", f"web{family}")["next_hop"]["mac"]
    new = old[:-2] + f"{int(old[-2:], 16) ^ 1:02x}"
    site.backends[1].ip(f"link set eth0 address {new}")

    def follows():
        return agent.backend("b2", f"web{family}")["next_hop"]["mac"] == new

    took = until(follows, "the new MAC address")
    answer = fetch(site.client, address(family), [client])[0]
    assert (answer.good, answer.body) == (True, "b2")
    print(f"new MAC address followed after {took:.2f} s")


def test_a_backend_that_comes_later(fresh_site, agents, family):
    """No neighbour at the start: others have its clients, and keep them when it is there;
    those who come after that are its."""
    site, agent = fresh_site, agents.make(fresh_site)
    site.backends[2].ip("link set eth0 down")
    agent.start(configuration(site.network))
    before = homes(site.client, address(family), client_addresses(family))
    assert set(before.values()) == {"b1", "b2", "b4"}
    assert agent.backend("b3", f"web{family}")["next_hop"]["state"] != "ok"

    backend = site.backends[2]
    backend.ip("link set eth0 up")
    backend.ip(
        f"address replace {backend.v6}/64 dev eth0 nodad",  # lost with the link
        f"route replace 198.51.100.0/24 via {site.client.v4}",
        f"route replace 2001:db8:c::/48 via {site.client.v6}",
    )
    until(lambda: agent.backend("b3", f"web{family}")["state"] == "up", "the neighbour")
    assert agent.backend("b3", f"web{family}")["next_hop"]["state"] == "ok"
    assert homes(site.client, address(family), client_addresses(family)) == before
    assert count(homes(site.client, address(family), new_addresses(family)))["b3"] >= 4


def test_a_new_backend_is_asked_for_before_it_gets_clients(fresh_site, agents, family):
    """One that the balancer has never heard of joins while requests go on, and new
    clients come: no packet is lost for want of its MAC address, no client is moved."""
    site, agent = fresh_site, agents.make(fresh_site)
    config = configuration(site.network)
    backends = config["pools"][f"web{family}"]["backends"]
    newcomer = backends.pop()
    agent.start(config)
    backends.append(newcomer)
    agent.write(config)
    before = homes(site.client, address(family), client_addresses(family))
    strangers = iter(client_addresses(family, 180, first=61))
    answers = []

    def reached():
        answers.extend(fetch(site.client, address(family), [next(strangers)]))
        return answers[-1].body == "b4"

    with Load(site.client, address(family), client_addresses(family)) as load:
        agent.tell("reload")
        until(reached, "requests to b4")
    assert load.failed == [] and load.slowest < 0.9
    assert all(answer.good and answer.seconds < 0.9 for answer in answers)
    assert all(answer.body == before[answer.source] for answer in load.answers)
    assert agent.status()["reasons"]["drop_no_next_hop"] == 0


def test_the_balancers_interface_comes_back(fresh_site, agents):
    """Deleted and made again under its name, with another index and MAC address."""
    site, agent = fresh_site, agents.make(fresh_site)
    agent.start(configuration(site.network))
    before = {
        family: homes(site.client, address(family), client_addresses(family)) for family in (4, 6)
    }
    old = agent.get("/v1/interfaces")["interfaces"][0]["ifindex"]
    site.balancer.ip("link delete eth0")
    until(lambda: not agent.get("/v1/interfaces")["interfaces"][0]["attached"], "the loss")

    site.network.plug(site.balancer, 2)
    site.network.route_balancer()
    site.client.ip("neighbour flush dev eth0")

    def attached():
        interface = agent.get("/v1/interfaces")["interfaces"][0]
        return interface["attached"] and interface["ifindex"] != old

    until(attached, "attaching again")
    assert "xdp" in site.balancer.link()
    for family, where in before.items():
        until(
            lambda f=family: all(
                b["next_hop"]["mac"] for b in agent.get(f"/v1/pools/web{f}")["backends"]
            ),
            "the next hops",
        )
        assert homes(site.client, address(family), client_addresses(family)) == where


def test_the_balancers_interface_comes_back_while_no_agent_runs(fresh_site, agents):
    site, agent = fresh_site, agents.make(fresh_site)
    agent.start(configuration(site.network))
    before = homes(site.client, address(4), client_addresses(4))
    agent.kill()
    site.balancer.ip("link delete eth0")
    site.network.plug(site.balancer, 2)
    site.network.route_balancer()
    site.client.ip("neighbour flush dev eth0")
    agent.start()
    until(
        lambda: all(b["next_hop"]["mac"] for b in agent.backends()),
        "the next hops",
    )
    assert homes(site.client, address(4), client_addresses(4)) == before


def test_a_route_over_a_gateway(fresh_site, agents):
    """A tunnel's backend in another network: the next hop is the gateway, and moves
    with the route."""
    site, agent = fresh_site, agents.make(fresh_site)
    gateways = site.backends[:2]
    site.balancer.ip(f"route add 192.0.2.0/24 via {gateways[0].v4}")
    pools = pools_of(site.network)
    pools["web4"]["backends"] = [{"name": "far", "address": "192.0.2.7"}]
    agent.start(configuration(site.network, services(forward="ipip"), pools))

    def mac():
        return agent.backend("far")["next_hop"]["mac"]

    assert mac() == gateways[0].link()["address"]
    site.balancer.ip(f"route replace 192.0.2.0/24 via {gateways[1].v4}")
    until(lambda: mac() == gateways[1].link()["address"], "the new route")
    site.balancer.ip("route delete 192.0.2.0/24")
    until(lambda: agent.backend("far")["next_hop"]["state"] != "ok", "the end of the route")
    assert agent.explain("www4", "198.51.100.1")["verdict"] == "drop_no_next_hop"


def test_neighbours_are_kept_while_traffic_rests(fresh_site, agents):
    """The kernel's entries are flushed, as its garbage collector may do: the way to the
    backends is known all the same, before any packet asks for it."""
    site, agent = fresh_site, agents.make(fresh_site)
    agent.start(configuration(site.network))
    before = homes(site.client, address(4), client_addresses(4))
    site.balancer.ip("neighbour flush dev eth0")
    until(
        lambda: all(b["next_hop"]["state"] == "ok" for b in agent.backends("web4")),
        "the neighbours",
    )
    where = homes(site.client, address(4), client_addresses(4))
    assert where == before and len(count(where)) == len(site.backends)
