# SPDX-License-Identifier: GPL-2.0
"""What is not for a VIP goes to the balancer's own stack; and generic XDP."""

import pytest

from agent import configuration
from conftest import address
from curl import count, homes
from servers import Nginx
from topology import client_addresses, vip4, vip6

OTHER_PORT = 9000


@pytest.fixture
def own_server(site, tmp_path):
    """A web server on the balancer itself, which has the VIP addresses too."""
    site.balancer.add_addresses(f"{vip4()}/32", f"{vip6()}/128", device="lo")
    server = Nginx(site.balancer, tmp_path / "own", "own", ports=(80, OTHER_PORT))
    server.start()
    yield server
    server.stop()
    site.balancer.ip(f"address delete {vip4()}/32 dev lo", f"address delete {vip6()}/128 dev lo")


def test_ports_without_a_vip_reach_the_stack(site, www, own_server, family):
    clients = client_addresses(family, 5)
    before = www.status()["reasons"]["pass_not_vip"]
    assert set(homes(site.client, address(family), clients, OTHER_PORT).values()) == {"own"}
    assert www.status()["reasons"]["pass_not_vip"] > before
    assert "own" not in homes(site.client, address(family), clients, 80).values()


def test_other_addresses_reach_the_stack(site, www, own_server, family):
    own = site.balancer.v4 if family == 4 else site.balancer.v6
    assert homes(site.client, own, client_addresses(family, 3), 80) == dict.fromkeys(
        client_addresses(family, 3), "own"
    )


def test_neighbours_and_ping_reach_the_stack(site, www, family):
    """Ping, from a client that has to ask for the balancer's MAC address first."""
    own = site.balancer.v4 if family == 4 else site.balancer.v6
    before = www.status()["reasons"]
    site.client.ip("neighbour flush dev eth0")
    site.client.run("ping", f"-{family}", "-c", "3", "-i", "0.05", "-W", "2", own)
    after = www.status()["reasons"]
    assert after["pass_not_tcp_udp"] - before["pass_not_tcp_udp"] >= 3
    if family == 4:
        assert after["pass_not_ip"] > before["pass_not_ip"]  # ARP


def test_generic_mode(site, agent, family):
    """As much as dsr; tunnels over it are in test_forward.py."""
    config = configuration(site.network)
    config["interfaces"][0]["mode"] = "generic"
    agent.start(config)
    interface = agent.get("/v1/interfaces")["interfaces"][0]
    assert (interface["mode"], interface["attached"]) == ("generic", True)
    assert site.balancer.link()["xdp"]["mode"] == 2  # IFLA_XDP_MODE: SKB
    answers = homes(site.client, address(family), client_addresses(family))
    assert len(count(answers)) == len(site.backends)


def test_native_mode_is_what_auto_takes(site, www):
    interface = www.get("/v1/interfaces")["interfaces"][0]
    assert (interface["mode"], interface["attached"]) == ("native", True)
    assert site.balancer.link()["xdp"]["mode"] == 1  # IFLA_XDP_MODE: DRV
