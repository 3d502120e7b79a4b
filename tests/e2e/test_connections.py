# SPDX-License-Identifier: GPL-2.0
"""
P1, P2, P4 and P8 at once: more than a thousand TCP connections, half of them long
answers and half of them silent or nearly so, are held through everything that can
happen to a pool and to limpetd. The client side counts which of them broke.
"""

import json
import pathlib
import subprocess
import sys
import time

import pytest

import interrupts
from agent import configuration, pools_of, services
from conftest import address
from topology import client_addresses

HERE = pathlib.Path(__file__).resolve().parent
PORT = 9000
CHECK = {"type": "tcp", "port": PORT, "interval": "300ms", "timeout": "300ms", "rise": 2, "fall": 2}
SOURCES, FIRST, EACH = 75, 500, 90  # clients of each family; connections at first, and later on
LONG, SHORT = "30m", "5s"  # the longest silence of connections and clients


class Talker:
    """A Python script of this directory in a namespace, with pipes."""

    def __init__(self, namespace, script, *args):
        with interrupts.held():
            self.process = subprocess.Popen(
                namespace.command(sys.executable, HERE / script, *args),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
            )  # fmt: skip

    def line(self):
        line = self.process.stdout.readline()
        assert line, f"{self.process.args} ended with {self.process.wait(timeout=5)}"
        return line

    def ask(self, *command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return json.loads(self.line())

    def end(self):
        self.process.kill()
        self.process.communicate()


class Talk:
    """All connections of a test, in the order in which they were opened."""

    def __init__(self, site, every):
        self.site = site
        self.servers = {}
        self.client = None
        self.opened = []  # (source, home, stage)
        self.stage = None
        try:
            for backend in site.backends:
                self.start(backend.role)
            self.client = Talker(site.client, "talk_client.py", str(every))
        except BaseException:
            self.end()
            raise

    def start(self, name):
        namespace = next(b for b in self.site.backends if b.role == name)
        self.servers[name] = Talker(namespace, "talk_server.py", name, str(PORT))
        self.servers[name].line()

    def kill(self, name):
        self.servers.pop(name).end()

    def end(self):
        for talker in [self.client, *self.servers.values()]:
            if talker:
                talker.end()

    def open(self, stage, n=EACH):
        """n more, from all clients in turn, of both families and kinds."""
        wanted = []
        for i in range(len(self.opened), len(self.opened) + n):
            family, kind = (4, 6)[i % 2], ("stream", "echo")[i // 2 % 2]
            source = client_addresses(family, SOURCES, first=1)[i // 4 % SOURCES]
            wanted.append((source, address(family), PORT, kind))
        homes = self.client.ask("open", wanted)
        self.opened += [(source, home, stage) for (source, *_), home in zip(wanted, homes)]
        return set(homes)

    def close(self):
        """What broke each of them."""
        return self.client.ask("close")

    def homes(self, source, stages):
        """Where a client's connections of those stages went, in their order."""
        return [home for who, home, stage in self.opened if who == source and stage in stages]


def reload(agent, site, timeouts, without=(), weights=None):
    config = build(site, timeouts)
    for pool in config["pools"].values():
        pool["backends"] = [b for b in pool["backends"] if b["name"] not in without]
        for backend in pool["backends"]:
            backend["weight"] = (weights or {}).get(backend["name"], 100)
    agent.write(config)
    if agent.running:
        agent.tell("reload")
    return config


def build(site, timeouts):
    vips = services(ports=(PORT,), idle_timeout=timeouts)
    for vip in vips.values():
        vip["affinity"]["timeout"] = timeouts
    return configuration(site.network, vips, pools_of(site.network, check="t"), checks={"t": CHECK})


def both(agent, name, state):
    for pool in ("web4", "web6"):
        agent.wait_state(name, state, pool)


def hold(agent, timeouts):
    """Waits until no slot is moving any more, where that is soon."""
    deadline = time.monotonic() + 20
    while sum(pool["moving_slots"] for pool in agent.status()["pools"]):
        if timeouts == LONG:
            return
        assert time.monotonic() < deadline, "slots are still moving"
        time.sleep(0.1)
    assert timeouts == SHORT, "no slot is moving"


def live_through(talk, site, agent, timeouts):
    """The events, each followed by more connections. With b4 at first not there."""
    reload(agent, site, timeouts, without=["b4"])
    agent.start()
    assert talk.open("first", FIRST) == {"b1", "b2", "b3"}

    reload(agent, site, timeouts)
    both(agent, "b4", "up")
    talk.open("b4 joined")
    hold(agent, timeouts)

    for pool in ("web4", "web6"):
        agent.tell("backend", "drain", f"{pool}/b1")
    talk.open("b1 drained")

    agent.kill()
    talk.open("no limpetd")
    agent.start()
    both(agent, "b1", "drain")

    talk.kill("b2")
    both(agent, "b2", "down")
    assert "b2" not in talk.open("b2 dead")
    hold(agent, timeouts)
    talk.start("b2")
    both(agent, "b2", "up")
    talk.open("b2 back")

    for pool in ("web4", "web6"):
        agent.tell("backend", "enable", f"{pool}/b1")
    reload(agent, site, timeouts, weights={"b3": 20, "b4": 300})
    talk.open("weights")
    hold(agent, timeouts)
    agent.kill()
    reload(agent, site, timeouts, without=["b3"])
    agent.start()
    assert "b3" not in talk.open("b3 removed")
    hold(agent, timeouts)


BEFORE_DEATH = ("first", "b4 joined", "b1 drained", "no limpetd")
AFTER_DEATH = ("b2 dead", "b2 back", "weights")


def wrongly_broken(talk, broken):
    """Connections that broke and should not have, or the other way round."""
    return [
        (one, why)
        for one, why in zip(talk.opened, broken)
        if (why is not None) != (one[1] == "b2" and one[2] in BEFORE_DEATH)
    ]


def moved_clients(talk):
    """Clients with two homes where they should have had one: all their time, but for
    those whom b2's death and b3's removal sent elsewhere."""
    moved = {}
    for source in {one[0] for one in talk.opened}:
        before, after = talk.homes(source, BEFORE_DEATH), talk.homes(source, AFTER_DEATH)
        last = talk.homes(source, ["b3 removed"])
        lives = [set(before)]
        for homes, ended in ((after, "b2" in before), (last, "b3" in before + after)):
            if ended:
                lives.append(set(homes))
            else:
                lives[-1] |= set(homes)
        if any(len(homes) > 1 for homes in lives):
            moved[source] = [one[1:] for one in talk.opened if one[0] == source]
    return moved


@pytest.mark.parametrize(
    ("timeouts", "every"), [(LONG, 0), (SHORT, 1.5)], ids=["silent", "short"]
)
def test_a_thousand_connections(site, agent, timeouts, every, capsys):
    """`silent`: half of the connections say nothing from their beginning to the end.
    `short`: timeouts so short that slots become residual and settle in between; clients
    are never silent for that long."""
    start = time.monotonic()
    talk = Talk(site, every)
    try:
        live_through(talk, site, agent, timeouts)
        broken = talk.close()
        audit = agent.status()["audit"]
    finally:
        talk.end()
    assert len(broken) == len(talk.opened) >= 1000
    of_b2 = sum(why is not None for why in broken)
    with capsys.disabled():
        print(
            f"\n  {len(broken)} connections of {2 * SOURCES} clients: {of_b2} broken, "
            f"{len(wrongly_broken(talk, broken))} of them wrongly; {len(moved_clients(talk))} "
            f"clients moved; {time.monotonic() - start:.0f} s"
        )
    assert wrongly_broken(talk, broken) == []
    assert of_b2 > 20
    assert moved_clients(talk) == {}
    assert (audit["broken"], audit["moved"]) == (0, 0)  # which limpetd says too, of a sample
