# SPDX-License-Identifier: GPL-2.0
"""
on_backend_down with real TCP stacks: a server vanishes without a word, and its clients are
told with their next packet, whatever way packets go. Nobody else is.
"""

import time

import pytest

from agent import configuration, pools_of, services
from conftest import address
from test_connections import PORT, Talk
from test_forward import Decap
from test_nat import Gateway
from topology import client_addresses

WAYS = [
    ("dsr", "one_armed"), ("dsr", "two_armed"), ("ipip", "one_armed"), ("gue", "two_armed"),
    ("nat", "one_armed"), ("nat", "two_armed"),
]  # fmt: skip
DEAD = "b3"
# The web server's port, which is none of the VIPs': what answers from those is translated in nat.
CHECK = {"type": "tcp", "port": 80, "interval": "300ms", "timeout": "300ms", "rise": 2, "fall": 2}
RESET = "[Errno 104] Connection reset by peer"
AT_ONCE = 1.0  # seconds for all clients together; a retransmission would not be in time


class Way:
    """What a forwarding mode needs on the servers, for as long as a test takes."""

    def __init__(self, site, mode, build):
        self.site = site
        self.mode = mode
        self.gateway = Gateway(site) if mode == "nat" else None
        self.decaps = []
        if mode in ("ipip", "gue"):
            self.decaps = [Decap(backend, site.balancer, build) for backend in site.backends]

    def __enter__(self):
        if self.gateway:
            self.gateway.up()
        for decap in self.decaps:
            decap.start()
        return self

    def __exit__(self, *_):
        for decap in self.decaps:
            decap.close()
        if self.gateway:
            self.gateway.down()


@pytest.fixture(params=WAYS, ids="-".join)
def way(request, build):
    mode, site = request.param
    with Way(request.getfixturevalue(site), mode, build) as one:
        yield one


def config_of(site, **more):
    vips = services(ports=(PORT,), affinity="tcp", **more)
    return configuration(site.network, vips, pools_of(site.network, check="t"), checks={"t": CHECK})


def open_some(talk, family, n):
    """n connections of as many clients; their servers in order."""
    sources = client_addresses(family, n)
    return talk.client.ask("open", [(source, address(family), PORT, "echo") for source in sources])


def vanish(site, agent, family):
    """Its power is cut: nothing comes from it any more, not even a RST."""
    site.network.switch.ip(f"link set {DEAD} down")
    agent.wait_state(DEAD, "down", f"web{family}")


def resets_of_servers(site):
    """RSTs that the stacks of living servers have sent (RFC 4022: tcpOutRsts)."""
    total = 0
    for backend in site.backends:
        if backend.role == DEAD:
            continue
        names, values = [
            line.split() for line in backend.run("cat", "/proc/net/snmp").splitlines()
            if line.startswith("Tcp:")
        ]  # fmt: skip
        total += int(values[names.index("OutRsts")])
    return total


class Talking:
    """Servers that talk, a limpetd that knows them, and a link that is mended at the end."""

    def __init__(self, site, agent, config):
        self.site, self.agent, self.config = site, agent, config

    def __enter__(self):
        self.talk = Talk(self.site, 0)
        try:
            self.agent.start(self.config)
        except BaseException:
            self.talk.end()
            raise
        return self.talk

    def __exit__(self, *_):
        self.talk.end()
        self.site.network.switch.ip(f"link set {DEAD} up")


def through_death(site, agent, family, config):
    """What broke each connection of before and of after a server's death; the servers of
    those before, seconds that clients took to learn it, and what limpetd counted."""
    with Talking(site, agent, config) as talk:
        homes = open_some(talk, family, 40)
        vanish(site, agent, family)
        after = open_some(talk, family, 20)
        assert DEAD in homes and DEAD not in after
        reasons, servers = agent.status()["reasons"], resets_of_servers(site)
        began = time.monotonic()
        broken = talk.client.ask("close")
        took = time.monotonic() - began
    sent = agent.status()["reasons"]["reset_sent"] - reasons["reset_sent"]
    return homes, broken[: len(homes)], broken[len(homes) :], took, sent, resets_of_servers(site) - servers


def test_clients_of_a_dead_server_are_told(way, agents, family, capsys):
    agent = agents.make(way.site)
    config = config_of(way.site, forward=way.mode)
    homes, before, after, took, sent, _ = through_death(way.site, agent, family, config)
    told = [why for home, why in zip(homes, before) if home == DEAD]
    with capsys.disabled():
        print(f"\n  {way.mode}: {len(told)} of {len(homes)} told in {took * 1000:.0f} ms, {sent} RSTs")
    assert set(told) == {RESET}
    assert [why for home, why in zip(homes, before) if home != DEAD and why] == []
    assert set(after) == {None}  # opened since: P1
    assert took < AT_ONCE
    assert sent == len(told)  # one packet, one RST


def test_it_is_not_the_servers_that_tell(one_armed, agents, family):
    """With reset they see nothing of it; with reroute it is them."""
    for word in ("reset", "reroute"):
        agent = agents.make(one_armed)
        config = config_of(one_armed, on_backend_down=word)
        homes, before, after, _, sent, by_servers = through_death(one_armed, agent, family, config)
        told = homes.count(DEAD)
        assert [why for home, why in zip(homes, before) if home == DEAD] == [RESET] * told
        assert set(after) == {None}
        assert (sent, by_servers) == ((told, 0) if word == "reset" else (0, told))
        agent.close()


def test_explained(one_armed, agents, family):
    """Who would be told, and why, before anybody is."""
    agent, name = agents.make(one_armed), f"www{family}"
    with Talking(one_armed, agent, config_of(one_armed)) as talk:
        homes = open_some(talk, family, 20)
        source = client_addresses(family, 20)[homes.index(DEAD)]
        vanish(one_armed, agent, family)
        shown = [agent.explain(name, source, PORT, port) for port in range(20000, 20100)]
        orphaned = [one for one in shown if one["slot_state"] == "orphaned"]
        assert orphaned and len(orphaned) < len(shown)
        for one in shown:
            told = one["slot_state"] == "orphaned"
            assert one["established_reset"] == told
            assert one["established"] == (None if told else one["opening"])
            assert one["opening"] not in (None, DEAD)
            assert one["previous"] is None
        host = source if family == 4 else f"[{source}]"
        text = agent.tell("explain", f"{name}:{PORT}", f"{host}:{20000 + shown.index(orphaned[0])}")
        assert "orphaned" in text and "nobody: its client is told by a TCP RST" in text
