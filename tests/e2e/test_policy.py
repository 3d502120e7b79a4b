# SPDX-License-Identifier: GPL-2.0
"""Whose packets a VIP takes, with real clients: interfaces, allow, deny, reject_sources."""

import concurrent.futures

import pytest

from agent import configuration, services, vip
from conftest import address
from curl import fetch, homes
from topology import CLIENTS4, CLIENTS6, client_addresses, vip4, vip6

FIRST, SECOND = 1, 33  # clients in the first and the second half of CLIENTS4
HALVES = {4: ("198.51.100.0/27", "198.51.100.32/27"),
          6: ("2001:db8:c::/59", "2001:db8:c:20::/59")}  # fmt: skip


def clients(family, first, count=5):
    return client_addresses(family, count, first)


def served(site, family, sources, n=0):
    """Did all of the clients get an answer, or none? They ask at the same time: nobody
    answers one who is denied, and each waits for that."""
    target = vip4(n) if family == 4 else vip6(n)
    with concurrent.futures.ThreadPoolExecutor(len(sources)) as pool:
        answers = list(pool.map(lambda s: fetch(site.client, target, [s], timeout=1)[0], sources))
    good = {answer.good for answer in answers}
    assert len(good) == 1, answers
    return good.pop()


def reasons(agent):
    return agent.status()["reasons"]


def test_allow_and_deny_follow_a_reload(site, agent, family):
    """Of two halves of the clients one is refused, then the other, then none."""
    first, second = HALVES[family]
    every = CLIENTS4 if family == 4 else CLIENTS6

    def configure(**lists):
        return configuration(site.network, services(**lists))

    agent.start(configure(allow=[every], deny=[first]))
    before = reasons(agent)["drop_denied"]
    assert not served(site, family, clients(family, FIRST))
    assert reasons(agent)["drop_denied"] >= before + 5
    assert served(site, family, clients(family, SECOND))
    agent.write(configure(deny=[second]))
    agent.hang_up()
    assert served(site, family, clients(family, FIRST))
    assert not served(site, family, clients(family, SECOND))
    agent.write(configure(allow=[second], deny=[first]))
    agent.hang_up()
    assert not served(site, family, clients(family, FIRST))
    assert served(site, family, clients(family, SECOND))
    name = f"www{family}"
    source = clients(family, FIRST)[0]
    assert agent.explain(name, source)["verdict"] == "drop_denied"
    assert agent.explain(name, clients(family, SECOND)[0])["verdict"] == "forward"
    assert agent.get(f"/v1/vips/{name}")["deny"] == [first]
    agent.write(configure())
    agent.hang_up()
    assert served(site, family, clients(family, FIRST))
    assert served(site, family, clients(family, SECOND))


def test_an_internal_vip_is_not_reached_from_outside(two_armed, agents, family):
    """One VIP answers on the clients' interface, one on the backends', one on both."""
    agent = agents.make(two_armed)
    bound = {"outside": (0, ["eth0"]), "inside": (1, ["eth1"]), "both": (2, ["eth0", "eth1"])}
    vips = {
        f"{name}{f}": vip(
            (vip4 if f == 4 else vip6)(n), pool=f"web{f}", interfaces=interfaces
        )
        for name, (n, interfaces) in bound.items() for f in (4, 6)
    }  # fmt: skip
    agent.start(configuration(two_armed.network, vips))
    for name, (n, interfaces) in bound.items():
        before = reasons(agent)["drop_interface"]
        answered = served(two_armed, family, clients(family, FIRST), n)
        assert answered == ("eth0" in interfaces), name
        assert (reasons(agent)["drop_interface"] > before) != answered, name


def test_reject_sources(site, agent, family):
    """Spoofed addresses are dropped, those of allow_hairpin come through."""
    config = configuration(site.network)
    rejected = [CLIENTS4, CLIENTS6]
    spared = [HALVES[4][1], HALVES[6][1]]
    config["interfaces"][0].update(reject_sources=rejected, allow_hairpin=spared)
    agent.start(config)
    before = reasons(agent)["drop_spoofed"]
    assert not served(site, family, clients(family, FIRST))
    assert reasons(agent)["drop_spoofed"] >= before + 5
    assert served(site, family, clients(family, SECOND))
    interface = agent.get("/v1/interfaces")["interfaces"][0]
    assert (interface["reject_sources"], interface["allow_hairpin"]) == (rejected, spared)


def test_policies_outlive_the_agent(two_armed, agents, family):
    """They are the kernel's while the agent is gone, and the next agent's."""
    agent = agents.make(two_armed)
    first, _ = HALVES[family]
    network = two_armed.network
    agent.start(configuration(network, services(interfaces=["eth0"], deny=[first])))
    agent.kill()
    assert not served(two_armed, family, clients(family, FIRST))
    assert served(two_armed, family, clients(family, SECOND))
    agent.start()
    assert not served(two_armed, family, clients(family, FIRST))
    assert served(two_armed, family, clients(family, SECOND))


@pytest.mark.parametrize("source", (4, 6))
def test_nobody_is_a_vip(site, agent, source):
    """A client that has taken a VIP's address gets nothing from another VIP."""
    own, target = (vip4(1), vip4()) if source == 4 else (vip6(1), vip6())
    more = {f"more{f}": vip((vip4 if f == 4 else vip6)(1), pool=f"web{f}") for f in (4, 6)}
    agent.start(configuration(site.network, {**services(), **more}))
    site.client.add_addresses(f"{own}/{32 if source == 4 else 128}", device="lo")
    try:
        before = reasons(agent)["drop_vip_source"]
        assert not fetch(site.client, target, [own], timeout=1)[0].good
        assert reasons(agent)["drop_vip_source"] > before
    finally:
        site.client.ip(f"address delete {own}/{32 if source == 4 else 128} dev lo")
    assert homes(site.client, address(source), client_addresses(source, 3))
