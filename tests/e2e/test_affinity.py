# SPDX-License-Identifier: GPL-2.0
"""Who answers whom: `source` and `tcp` affinity, and that `explain` knows it."""

from agent import configuration, services
from conftest import address
from curl import count, fetch, homes
from topology import client_addresses, vip4, vip6


def test_one_client_stays_on_one_backend(site, www, family):
    client = client_addresses(family)[7]
    answers = fetch(site.client, address(family), [client] * 50)
    assert all(answer.good for answer in answers)
    assert len({answer.body for answer in answers}) == 1
    assert len({answer.source_port for answer in answers}) > 40  # real connections


def test_one_client_has_one_backend_on_every_port(site, www, family):
    clients = client_addresses(family)
    assert homes(site.client, address(family), clients, 80) == homes(
        site.client, address(family), clients, 8080
    )


def test_clients_spread(site, www, family):
    """60 clients on 4 backends: 15 each, and within four standard deviations of it."""
    clients = count(homes(site.client, address(family), client_addresses(family)))
    deviation = (60 * 1 / 4 * 3 / 4) ** 0.5
    assert set(clients) == {backend.role for backend in site.backends}
    assert all(abs(n - 15) <= 4 * deviation for n in clients.values()), clients


def test_one_ipv6_client_is_a_prefix(site, www):
    """The addresses of one /64, between which privacy extensions change, are one client."""
    others = ["2001:db8:c:1::2", "2001:db8:c:1:a:b:c:d", "2001:db8:c:1:ffff::9"]
    site.client.add_addresses(*(f"{other}/128" for other in others), device="lo")
    try:
        answers = homes(site.client, vip6(), ["2001:db8:c:1::1", *others])
    finally:
        site.client.ip(*(f"address delete {other}/128 dev lo" for other in others))
    assert len(set(answers.values())) == 1


def test_tcp_affinity_spreads_the_connections_of_one_client(site, agent, family):
    agent.start(configuration(site.network, services(affinity="tcp")))
    answers = fetch(site.client, address(family), client_addresses(family)[:1] * 60)
    assert all(answer.good for answer in answers)
    assert {answer.body for answer in answers} == {backend.role for backend in site.backends}


def test_explain_agrees_in_source_mode(site, www, family):
    clients = client_addresses(family)
    for client, home in homes(site.client, address(family), clients).items():
        answer = www.explain(f"www{family}", client)
        assert (answer["backend"], answer["verdict"]) == (home, "forward")


def test_explain_agrees_in_tcp_mode(site, agent, family):
    agent.start(configuration(site.network, services(affinity="tcp")))
    answers = fetch(site.client, address(family), client_addresses(family))
    for answer in answers:
        assert answer.good
        told = agent.explain(f"www{family}", answer.source, source_port=answer.source_port)
        assert (told["backend"], told["verdict"]) == (answer.body, "forward")


def test_weights_are_shares(site, agent):
    """A backend of weight 0 gets nobody, and one of weight 300 three times another's."""
    config = configuration(site.network)
    for backend, weight in zip(config["pools"]["web4"]["backends"], (300, 100, 100, 0)):
        backend["weight"] = weight
    agent.start(config)
    shares = {b["name"]: b["share"] for b in agent.get("/v1/pools/web4")["backends"]}
    assert [round(shares[f"b{n}"], 3) for n in (1, 2, 3, 4)] == [0.6, 0.2, 0.2, 0]
    clients = count(homes(site.client, vip4(), client_addresses(4)))
    assert clients["b4"] == 0 and clients["b1"] > clients["b2"] + clients["b3"] - 12
