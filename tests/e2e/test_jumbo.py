# SPDX-License-Identifier: GPL-2.0
"""
An MTU of 9,000, whose frames do not fit into one buffer of XDP (a page), and iperf3 with
TCP and with UDP datagrams that are fragmented, through ipip and nat.
"""

import json
import secrets
import subprocess
import time

import pytest

from agent import configuration, vip
from conftest import Agents, Site, address, require
from test_forward import Decap
from test_fragments import ShorterRoutes
from test_nat import Gateway, rose
from topology import Network, client_addresses

MTU, PORT = 9000, 5201
SECONDS = 2


def widen(network):
    """All links; the far ends of the balancer's have their XDP programs already."""
    for host in (network.client, network.balancer, *network.backends):
        for device in ("eth0", "eth1"):
            if device == "eth0" or (network.two_armed and host is network.balancer):
                if network.two_armed and host is network.balancer and device == "eth0":
                    network.client.ip(f"link set eth0 mtu {MTU}")
                host.ip(f"link set {device} mtu {MTU}")
        if not (network.two_armed and host is network.client):
            network.switch.ip(f"link set {host.role} mtu {MTU}")
    network.switch.ip(f"link set br0 mtu {MTU}")


def vips(mode):
    """One client is on one backend with TCP and UDP alike, as iperf3 needs it."""
    out = {}
    for family in (4, 6):
        for protocol in ("tcp", "udp"):
            entry = vip(address(family), pool=f"web{family}", ports=[PORT], forward=mode,
                        protocol=protocol)
            entry["affinity"] = {"mode": "source", "group": f"iperf{family}"}
            out[f"{protocol}{family}"] = entry
    return out


class Setup:
    def __init__(self, site, agent, mode):
        self.site, self.agent, self.mode = site, agent, mode

    def iperf(self, family, *options):
        """iperf3's own report of the whole run."""
        source = client_addresses(family, 1)[0]
        out = self.site.client.run("iperf3", "-c", address(family), "-B", source, "-p", PORT,
                                   "-t", SECONDS, "-J", *options)
        return json.loads(out[out.index("{") :])["end"]  # it warns of fragments in front


def serve(backend, mode):
    """Bound to the VIPs' addresses, if they are the server's own: over UDP it would answer with
    another one. One for each family, since it serves one client at a time."""
    addresses = [address(f) for f in (4, 6)] if mode == "ipip" else [backend.v4, backend.v6]
    return [
        backend.popen("iperf3", "-s", "-p", PORT, "-B", a, stdout=subprocess.DEVNULL)
        for a in addresses
    ]


@pytest.fixture(scope="module", params=[("ipip", False), ("nat", False), ("ipip", True), ("nat", True)],
                ids=("ipip-one-armed", "nat-one-armed", "ipip-two-armed", "nat-two-armed"))
def jumbo(request, build, tmp_path_factory):
    require()
    mode, two_armed = request.param
    directory = tmp_path_factory.mktemp("jumbo")
    agents, decaps, servers = Agents(build, directory), [], []
    with Network(build / "tests/e2e/pass.bpf.o", two_armed=two_armed,
                 prefix=f"lpj-{secrets.token_hex(3)}-") as network:
        site = Site(network, directory)
        try:
            widen(network)
            ways = Gateway(site) if mode == "nat" else ShorterRoutes(site.client, MTU - 100)
            ways.up()
            for backend in site.backends:
                if mode == "ipip":
                    decaps.append(Decap(backend, network.balancer, build))
                    decaps[-1].start()
                servers += serve(backend, mode)
            agent = agents.make(site)
            agent.start(configuration(network, vips(mode)))
            wait_for_servers(site.backends)
            yield Setup(site, agent, mode)
        finally:
            agents.close()
            for server in servers:
                server.kill()
                server.wait()
            for decap in decaps:
                decap.close()


def wait_for_servers(backends):
    deadline = time.monotonic() + 10
    for backend in backends:
        while backend.run("ss", "-ltn").count(f":{PORT} ") < 2:
            assert time.monotonic() < deadline, "iperf3 does not listen"
            time.sleep(0.05)


def test_native_with_frames_larger_than_a_page(jumbo):
    """The driver took the program at this MTU: it is one for several buffers."""
    assert jumbo.site.balancer.link()["mtu"] == MTU
    assert jumbo.site.balancer.link()["xdp"]["mode"] == 1  # IFLA_XDP_MODE: DRV


@pytest.mark.parametrize("way", ((), ("-R",)), ids=("to-the-server", "from-the-server"))
def test_tcp(jumbo, family, way):
    before = jumbo.agent.status()
    end = jumbo.iperf(family, *way)
    assert end["sum_received"]["bytes"] > 1 << 20
    after = jumbo.agent.status()
    reasons = rose(before["reasons"], after["reasons"])
    assert not [name for name in reasons if name.startswith("drop_")], reasons
    if not way:  # segments are as long as the MTU lets them be
        counters = [jumbo.agent.get(f"/v1/vips/tcp{family}")[name] for name in ("bytes", "packets")]
        assert counters[0] > 4096 * counters[1], counters


@pytest.mark.parametrize("size", (1400, 8000, 30000))
def test_udp(jumbo, family, size):
    """Datagrams that fit, that fill one long frame, and that are fragmented. At a rate at
    which the server's queue outlasts what a busy machine keeps it waiting."""
    before = jumbo.agent.status()["reasons"]
    total = jumbo.iperf(family, "-u", "-b", "4M", "-l", size)["sum"]
    reasons = rose(before, jumbo.agent.status()["reasons"])
    assert not [name for name in reasons if name.startswith("drop_")], reasons
    assert total["packets"] > 4_000_000 * SECONDS // 8 // size // 2
    assert total["lost_packets"] <= total["packets"] // 50, total
