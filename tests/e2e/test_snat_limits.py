# SPDX-License-Identifier: GPL-2.0
"""forward: snat where it ends: all ports towards a backend are in use."""

import json
import time

import pytest

from conftest import address
from curl import count, homes
from few_ports import (
    FIRST, FULL, IDLE_S, LISTED, OTHER, PORTS, exchange_of, few_ports, host, speak, wait_for,
)  # fmt: skip
from served import rose
from test_snat import TALK, entries
from topology import client_addresses

NEARLY = PORTS * 85 // 100  # limpetd warns at 80%


@pytest.fixture
def few(one_armed, agents, family):
    """(site, agent, servers); each with its own, because limpetd speaks of the busiest ports
    only, and of those that rest too."""
    with few_ports(one_armed, agents) as agent:
        with exchange_of(one_armed, agent, family) as exchange:
            yield one_armed, agent, exchange


class Tide:
    """Connections of one family to a VIP all of whose ports get used, and how they are."""

    def __init__(self, site, exchange, family):
        self.site, self.exchange, self.family = site, exchange, family
        self.where = (address(family, FULL), TALK)
        self.calls = []

    def sources(self, number):
        return client_addresses(self.family, number)

    def rise(self, number, timeout=60):
        """Until there are so many; the last ports are not found at once, and those that are
        held say something meanwhile."""
        deadline = time.monotonic() + timeout
        while len(self.calls) < number:
            assert time.monotonic() < deadline, f"{len(self.calls)} of {number}"
            more = min(8, number - len(self.calls))
            self.calls += self.exchange.place(self.site.client, self.where, self.sources(more), 3.5)
            speak(self.calls)

    def fall(self, number):
        for call in self.calls[:number]:
            call.hang_up()
        del self.calls[:number]

    def refuses(self, number):
        """None of so many more is answered, in any way."""
        more = self.exchange.place(self.site.client, self.where, self.sources(number), 3.5)
        return not more and not self.exchange.refused


def held(agent, family):
    """Of the ports towards the first backend: how many are in use, if they are the busiest."""
    busiest = entries(agent)["busiest"] or {}
    return busiest["used"] if busiest.get("backend", "").startswith(f"first{family}/") else 0


def others_are_served(site, exchange, family):
    """Another backend's port from the same address, the same port from other addresses, other
    ports from the same address, and the host's own connections to the same port."""
    target, sources = address(family), client_addresses(family, 12)
    for number, backend in ((OTHER, site.backends[1]), (LISTED, site.backends[0])):
        calls = exchange.place(site.client, (address(family, number), TALK), sources)
        assert [call.backend for call in calls] == [backend.role] * len(sources), number
        speak(calls)
    assert len(count(homes(site.client, target, sources, 443))) > 1
    own = exchange.place(site.balancer, (host(site.backends[0], family), TALK),
                         [host(site.balancer, family)] * 5)
    assert len(own) == 5
    speak(own)


def test_ports_run_out_and_come_back(few, family):
    """What is there goes on, others are served, and it is said before and counted; when
    connections have ended, others have their ports."""
    site, agent, exchange = few
    backend = site.backends[0].role
    mark = agent.mark()
    tide = Tide(site, exchange, family)
    tide.rise(NEARLY)
    agent.wait_log(rf"backend=first{family}/{backend} port={TALK} address={host(site.balancer, family)} "
                   rf"ports=\d+ of={PORTS} why=\"ports of this address are running out", mark)
    tide.rise(PORTS)
    assert sorted(call.seen_port for call in tide.calls) == list(range(FIRST, FIRST + PORTS))
    before = agent.status()["reasons"]
    assert tide.refuses(12)
    reasons = rose(before, agent.status()["reasons"])
    assert reasons["drop_snat_ports"] >= 12
    assert [name for name in reasons if name.startswith("drop_")] == ["drop_snat_ports"], reasons
    speak(tide.calls)
    others_are_served(site, exchange, family)
    speak(tide.calls)
    assert agent.backend(backend, f"first{family}")["state"] == "up", "its checks have ports"
    wait_for(lambda: held(agent, family) == PORTS, "all ports are counted", IDLE_S // 2)
    report = json.loads(agent.limpet("--json", "doctor").stdout)
    [found] = [f for f in report["findings"] if f["check"] == "ports"]
    assert found["severity"] == "warning" and f"{PORTS} of {PORTS}" in found["what"], found
    speak(tide.calls)
    tide.fall(8)
    assert tide.refuses(4), "a port rests before another has it"
    tide.rise(PORTS)
    assert sorted(call.seen_port for call in tide.calls) == list(range(FIRST, FIRST + PORTS))
