# SPDX-License-Identifier: GPL-2.0
"""What clients get of VIPs that translate, whether with a memory or without."""

from conftest import address
from curl import count, fetch, homes
from servers import LONG_BYTES
from topology import client_addresses


def rose(before, after):
    """The counters of `reasons` that have changed, and by how much."""
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


def every_client_is_served(site, agent, family, port):
    """By all of the backends, nothing is dropped, and XDP sends nearly all replies itself: it
    knows the client's neighbour."""
    before = agent.status()["reasons"]
    answers = homes(site.client, address(family), client_addresses(family), port)
    assert None not in answers.values(), answers
    assert len(count(answers)) == len(site.backends)
    reasons = rose(before, agent.status()["reasons"])
    assert not [name for name in reasons if name.startswith("drop_")], reasons
    assert reasons["forward_reply"] > 4 * reasons.get("pass_reply", 0), reasons


def long_answers_come_whole(site, family):
    answers = fetch(site.client, address(family), client_addresses(family, 8), 443, "/large")
    assert all(answer.good and len(answer.body) == LONG_BYTES for answer in answers)
