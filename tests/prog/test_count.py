# SPDX-License-Identifier: GPL-2.0
"""
Counters of packets and bytes are words that go round (limpet/count.h): what they have counted is
noted each NOTE packets, and nothing is lost at a note or at the end of a word's packets.
"""
import os

import pytest

import harness
import packets
from harness import DSR, IPIP, NAT, TCP

NOTE, ROUND = 1 << 22, 1 << 24
# DSR forwards a packet to where it was, so the program can run on it again and again; the others
# count in the same place, as VIP and backend are the same.
PORTS = {"fast": 443, "nat": 444, "walk": 80}
FORWARD = {"fast": IPIP, "nat": NAT, "walk": DSR}


@pytest.fixture(name="site", params=[(f, w) for f in (4, 6) for w in ("here", "there")],
                ids=lambda param: f"IPv{param[0]}-{param[1]}")
def fixture_site(progrun, request):
    """(family, reason): of a VIP with one backend, alone on one CPU with a new datapath."""
    family, where = request.param
    saddr, daddr = {4: ("10.9.0.1", "10.9.0.2"), 6: ("2001:db8:9::1", "2001:db8:9::2")}[family]
    hop = harness.hop(1, progrun.here if where == "here" else progrun.there, saddr, daddr)
    rules = [harness.rule(packets.VIP[family], PORTS[way], protocol=TCP, forward=forward)
             for way, forward in FORWARD.items()]
    progrun.request(op="limpet",
                    scenario=harness.scenario(rules, [harness.pool(1, [1])], [hop]))
    cpus = os.sched_getaffinity(progrun.process.pid)
    os.sched_setaffinity(progrun.process.pid, {min(cpus)})
    yield family, "forward_tx" if where == "here" else "forward_redirect"
    os.sched_setaffinity(progrun.process.pid, cpus)


def make(family, way, payload=b""):
    """A packet in the middle of a connection: an ACK."""
    inner = packets.packet(family, TCP, payload, dport=PORTS[way])
    return packets.l2((), packets.ip_type(family)) + inner


def run_many(progrun, family, times):
    """The same packet so often, in one system call; what rose."""
    frame = make(family, "walk", b"x" * 1200)
    rose = progrun.request(op="flood", packet=frame.hex(), times=1, repeat=times,
                           ifindex=progrun.here)
    return rose, [times, times * len(frame)]


def assert_rose(rose, want, reason):
    assert rose["vips"] == {"1": want}
    assert rose["backends"] == {"1": want}
    assert rose["reasons"] == {reason: want[0]}


@pytest.mark.parametrize("way", PORTS)
def test_a_note_loses_nothing(progrun, site, way):
    family, reason = site
    rose, want = run_many(progrun, family, NOTE - 2)
    assert_rose(rose, want, reason)
    for _ in range(4):
        frame = make(family, way)
        result = progrun.run_one(frame, ifindex=progrun.here)
        assert result.reason == reason
        assert result.vips == {1: (1, len(frame))}
        assert result.backends == {1: (1, len(frame))}


def test_a_word_goes_round(progrun, site):
    family, reason = site
    for times in (ROUND - 5, 10, 3 * NOTE):
        rose, want = run_many(progrun, family, times)
        assert_rose(rose, want, reason)
