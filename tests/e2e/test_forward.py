# SPDX-License-Identifier: GPL-2.0
"""
Every way to a backend: forwarding mode, family of the backend's address, family
inside, and the packets' way through the balancer: one-armed they leave by the
interface they came in by (XDP_TX), two-armed by another (XDP_REDIRECT).
`limpet decap` takes the outer headers off on the backends.
"""

import json
import secrets
import subprocess
import sys

import pytest

from agent import configuration, pools_of, remove_pins, vip
from curl import count, fetch, homes
from servers import LONG_BYTES
from topology import client_addresses, vip4, vip6

TUNNELS = [(mode, outer) for mode in ("ipip", "gue") for outer in (4, 6)]


def tunnel_vip(n):
    """Number of the VIP addresses of TUNNELS[n]; number 0 is the one of dsr."""
    return n + 1


def all_modes(network):
    """VIPs dsr4 and dsr6, and one for each tunnel with an address of either family."""
    vips = {
        "dsr4": vip(vip4(), pool="web4"),
        "dsr6": vip(vip6(), pool="web6"),
    }
    for n, (mode, outer) in enumerate(TUNNELS):
        vips[f"{mode}{outer}"] = vip(
            vip4(tunnel_vip(n)), vip6(tunnel_vip(n)), pool=f"web{outer}", forward=mode
        )
    return configuration(network, vips, pools_of(network))


class Decap:
    """`limpet decap` on a backend, pinned in a directory of its own."""

    def __init__(self, backend, balancer, build):
        self.backend = backend
        self.pin_dir = f"/sys/fs/bpf/limpet-test-{secrets.token_hex(4)}"
        self.limpet = build / "limpet"
        self._from = f"{balancer.v4},{balancer.v6}"

    def start(self):
        self.backend.run(
            self.limpet, "decap", "eth0", "--from", self._from, "--pin", "--pin-dir", self.pin_dir,
        )  # fmt: skip

    def packets(self):
        """Its counters by name."""
        return json.loads(
            self.backend.run(
                self.limpet, "--json", "decap", "eth0", "--stats", "--pin-dir", self.pin_dir
            )
        )["packets"]

    def close(self):
        subprocess.run(
            self.backend.command(
                self.limpet, "decap", "eth0", "--off", "--pin-dir", self.pin_dir
            ),
            stderr=subprocess.DEVNULL,  # if it was never attached
            check=False,
        )
        remove_pins(self.pin_dir)


class Setup:
    """A site with decapsulation on all backends and a limpetd with all modes."""

    def __init__(self, site, agent, decaps, reason):
        self.site = site
        self.agent = agent
        self.decaps = decaps
        self.reason = reason  # how packets leave

    def forwarded(self):
        reasons = self.agent.status()["reasons"]
        return {name: n for name, n in reasons.items() if name.startswith("forward_")}

    def decapsulated(self):
        return sum(decap.packets()["decapsulated"] for decap in self.decaps)


@pytest.fixture(scope="module", params=["one-armed", "two-armed", "one-armed-generic"])
def setup(request, build, module_agents):
    two_armed = request.param == "two-armed"
    site = request.getfixturevalue("two_armed" if two_armed else "one_armed")
    agent = module_agents.make(site)
    decaps = []
    try:
        for backend in site.backends:
            decaps.append(Decap(backend, site.balancer, build))
            decaps[-1].start()
        config = all_modes(site.network)
        if request.param.endswith("generic"):
            config["interfaces"][0]["mode"] = "generic"
        agent.start(config)
        yield Setup(site, agent, decaps, "forward_redirect" if two_armed else "forward_tx")
    finally:
        agent.close()
        for decap in decaps:
            decap.close()


def requests_arrive(setup, name, address, family):
    """Requests of 20 clients to a VIP; how many packets went through the balancer."""
    before, vip_before = setup.forwarded(), setup.agent.get(f"/v1/vips/{name}")["packets"]
    answers = homes(setup.site.client, address, client_addresses(family, 20))
    packets = setup.agent.get(f"/v1/vips/{name}")["packets"] - vip_before
    rise = {reason: n - before[reason] for reason, n in setup.forwarded().items()}
    assert len(count(answers)) > 1
    assert packets >= 20 * 4  # SYN, ACK, request, FIN
    assert rise == {**{reason: 0 for reason in rise}, setup.reason: packets}
    return packets


def test_dsr(setup, family):
    before = setup.decapsulated()
    requests_arrive(setup, f"dsr{family}", vip4() if family == 4 else vip6(), family)
    assert setup.decapsulated() == before


@pytest.mark.parametrize(("mode", "outer"), TUNNELS, ids=lambda value: str(value))
def test_tunnel(setup, mode, outer, family):
    n = tunnel_vip(TUNNELS.index((mode, outer)))
    before = setup.decapsulated()
    packets = requests_arrive(
        setup, f"{mode}{outer}", vip4(n) if family == 4 else vip6(n), family
    )
    assert setup.decapsulated() - before == packets


def test_long_answers_come_whole(setup, family):
    """Full-sized segments go straight back; their acknowledgements through the tunnel."""
    n = tunnel_vip(TUNNELS.index(("gue", 6)))
    answers = fetch(
        setup.site.client,
        vip4(n) if family == 4 else vip6(n),
        client_addresses(family, 1),
        path="/large",
    )
    assert answers[0].good and len(answers[0].body) == LONG_BYTES


def test_decap_listens_to_the_balancer_only(setup):
    """A tunnel packet from elsewhere is dropped, and counted."""
    backend, decap = setup.site.backends[0], setup.decaps[0]
    before = decap.packets()["drop_source"]
    setup.site.backends[1].run(sys.executable, "-c", FORGED.format(to=backend.v4))
    assert decap.packets()["drop_source"] == before + 1


# IPv4 in IPv4 (protocol 4) through a raw socket: an inner header is enough.
FORGED = """
import socket
inner = bytes.fromhex("45000014000040004006") + bytes(2) + bytes([198, 51, 100, 1, 203, 0, 113, 10])
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 4)
raw.sendto(inner, ("{to}", 0))
"""
