# SPDX-License-Identifier: GPL-2.0
"""
Faults at every step of a change: killed there, or a system call or an allocation fails
there. limpetd with faults is tests/life/fault.c; what packets see is asked of the
datapath by packets.
"""

import copy
import errno
import itertools
import os
import signal
import time

import pytest

from agent import configuration, vip
from datagrams import Prober, Receivers, Sequence
from topology import client_addresses, vip4

PORT = 5000
OLD_VIPS = {"kept": 0, "moved": 1, "weighed": 2, "gone": 3}
ADDRESSES = [vip4(n) for n in range(5)]


def udp(n, pool, **affinity):
    made = vip(vip4(n), ports=[PORT], pool=pool, affinity="source", protocol="udp")
    made["affinity"].update(affinity)
    return made


def members(site, weights):
    return {
        "backends": [
            {"name": b.role, "address": b.v4, "weight": weights[b.role]}
            for b in site.backends
            if b.role in weights
        ]
    }


def configurations(site):
    """Two that differ in whatever an apply has to do: backends that come, go and weigh
    otherwise, VIPs that come, go and have another pool, proxies. Without memory (track:
    never) each of them has one answer to each source; `kept` remembers."""
    never = {"track": "never"}
    old = configuration(
        site.network,
        {
            "kept": udp(0, "all"),
            "moved": udp(1, "left", **never),
            "weighed": udp(2, "weights", **never),
            "gone": udp(3, "left", **never),
        },
        {
            "all": members(site, {"b1": 1, "b2": 1, "b3": 1, "b4": 1}),
            "left": members(site, {"b1": 1, "b2": 1}),
            "right": members(site, {"b3": 1, "b4": 1}),
            "weights": members(site, {"b1": 9, "b2": 1, "b3": 1}),
        },
    )
    new = copy.deepcopy(old)
    del new["vips"]["gone"]
    new["vips"]["come"] = udp(4, "fresh", **never)
    new["vips"]["moved"]["pool"] = "right"
    new["vips"]["kept"]["affinity"]["proxies"] = ["192.0.2.0/24"]
    new["pools"]["weights"] = members(site, {"b1": 1, "b2": 1, "b4": 9})
    new["pools"]["fresh"] = members(site, {"b2": 1, "b3": 1})
    return old, new


class Faulty:
    """limpetd with faults, and what its datapath answers."""

    def __init__(self, agent, prober):
        self.agent = agent
        self.prober = prober
        self.file = agent.directory / "fault"
        agent.program = agent.build / "tests/life/limpetd"
        agent.environment = {"LIMPET_FAULT": str(self.file)}
        agent.options = ("--log-level", "debug")  # without limits: there are many reloads
        self.old_view = self.new_view = None

    def fault(self, text=""):
        """What is to happen in the next start or reload."""
        self._counts.unlink(missing_ok=True)
        self.file.write_text(text)

    @property
    def _counts(self):
        return self.file.with_suffix(".counts")

    def counts(self):
        """Steps and allocations since then; they are written when it is over."""
        deadline = time.monotonic() + 10
        while not self._counts.exists() or not self._counts.read_text().endswith("\n"):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        return [int(word) for word in self._counts.read_text().split()]

    def reload(self, config, fault=""):
        self.agent.write(config)
        self.fault(fault)
        self.agent.hang_up()

    def reload_and_die(self, config, fault):
        """Its exit code; None: there was no such step, and it has done it."""
        self.agent.write(config)
        self.fault(fault)
        mark = self.agent.mark()
        self.agent.process.send_signal(signal.SIGHUP)
        try:
            self.agent.wait_log("configuration loaded file=|reload refused", mark)
        except AssertionError:
            pass
        if self.agent.running:
            return None
        code = self.agent.process.wait()
        self.agent.process = None
        return code

    def start_and_die(self, config, fault):
        self.fault(fault)
        try:
            self.agent.start(config)
        except AssertionError:
            code = self.agent.process.wait()
            self.agent.process = None
            return code
        return None

    def view(self):
        """Who answers whom, at each address; where nobody does, it is gone or to come."""
        return {address: self._ask(address, n in (3, 4)) for n, address in enumerate(ADDRESSES)}

    def _ask(self, address, silence):
        """Where silence may be the answer, it is not waited for long, unless somebody answers."""
        answers = self.prober.ask(address, silence=silence)
        if silence and any(answers.values()) and not all(answers.values()):
            return self.prober.ask(address)
        return answers

    def shows(self, expected):
        """The view, which on a busy machine may take more than one look."""
        for _ in range(4):
            view = self.view()
            if view == expected:
                break
        return view

    def views(self):
        return {"old": self.old_view, "new": self.new_view}

    def is_one_of_both(self):
        """P10: of each VIP all of the old, or all of the new."""
        view = self.view()
        for n, address in enumerate(ADDRESSES):
            old, new = self.old_view[address], self.new_view[address]
            assert view[address] in (old, new), (n, view[address], old, new)
        return view


@pytest.fixture
def faulty(site, agent):
    """Running, with the old configuration; both views are known."""
    old, new = configurations(site)
    prober = Prober(site.client, client_addresses(4, 24), PORT)
    with Receivers(site.backends, ADDRESSES, PORT) as receivers:
        made = Faulty(agent, prober)
        made.receivers, made.old, made.new = receivers, old, new
        made.fault()
        agent.start(new)
        made.new_view = made.view()
        made.reload(old)
        made.old_view = made.view()
        for name, n in OLD_VIPS.items():
            answered = set(made.old_view[vip4(n)].values())
            assert None not in answered and len(answered) > 1, name
        assert made.old_view[vip4(4)] != made.new_view[vip4(4)]
        assert made.old_view[vip4(1)] != made.new_view[vip4(1)]
        assert made.old_view[vip4(2)] != made.new_view[vip4(2)]
        yield made
        prober.close()


def sequence(site, made):
    """On the VIP that remembers, from sources of its own."""
    return Sequence(
        site.client, made.receivers, vip4(0), client_addresses(4, 12, first=61), PORT, 0.001
    )


# Steps between those that are tried; 1 for all of them, which takes minutes.
STRIDE = int(os.environ.get("LIMPET_CRASH_STRIDE", "15"))


def back_to_old(faulty):
    """The next agent repairs whatever the last one left."""
    faulty.fault()
    faulty.agent.start(faulty.new)
    assert faulty.shows(faulty.new_view) == faulty.new_view
    faulty.reload(faulty.old)
    assert faulty.shows(faulty.old_view) == faulty.old_view


def test_killed_at_any_step_of_a_reload(site, faulty):
    seen = set()
    with sequence(site, faulty) as packets:
        for n in itertools.count(1, STRIDE):
            code = faulty.reload_and_die(faulty.new, f"kill {n}")
            if code is None:
                break
            assert code == -signal.SIGKILL
            view = faulty.is_one_of_both()
            seen |= {name for name, all_ in faulty.views().items() if view == all_}
            back_to_old(faulty)
    assert n > 100 and seen == {"old", "new"}
    packets.check()


def test_killed_at_any_step_of_a_start(site, faulty):
    """It adopts what runs, with another configuration."""
    with sequence(site, faulty) as packets:
        for n in itertools.count(1, 2 * STRIDE):
            faulty.agent.kill()
            code = faulty.start_and_die(faulty.new, f"kill {n}")
            if code is None:
                break
            assert code == -signal.SIGKILL
            faulty.is_one_of_both()
            back_to_old(faulty)
    assert n > 100
    packets.check()


def grow(site, config, times):
    """More pools than what is there has room for: tables are made with an eighth more
    and nine."""
    for n in range(20 * times):
        config["pools"][f"more{n}"] = members(site, {"b1": 1, "b2": 2})
        config["vips"][f"more{n}"] = vip(f"192.0.2.{n + 1}", pool=f"more{n}")


def test_killed_while_growing(site, faulty):
    """The tables are too small for the new configuration: all of it is made aside, and
    taken over with the links. A little before the end of it as well as at its
    beginning; each time it has to grow once more."""
    faulty.new["vips"]["kept"]["affinity"].pop("proxies")  # its records go on
    faulty.reload(faulty.old)
    with sequence(site, faulty) as packets:
        for times, n in enumerate((1, 20, 60, 80, 100, 110, 115), start=1):
            grow(site, faulty.new, times)
            code = faulty.reload_and_die(faulty.new, f"kill {n}")
            assert code == -signal.SIGKILL
            faulty.is_one_of_both()
            faulty.fault()
            faulty.agent.start(faulty.new)
            assert faulty.shows(faulty.new_view) == faulty.new_view
            # What has grown stays: other VIPs and pools go, and the next time has more.
            faulty.reload(faulty.old)
            assert faulty.shows(faulty.old_view) == faulty.old_view
    packets.check()


# --- what fails --------------------------------------------------------------------------


def test_any_step_of_a_reload_fails(site, faulty):
    """It goes on with the old or the new configuration, or ends if it cannot go back;
    packets find their way all the same."""
    refused = ended = 0
    errors = itertools.cycle((errno.ENOMEM, errno.EPERM, errno.ENOSPC))
    with sequence(site, faulty) as packets:
        for n in itertools.count(1, max(1, STRIDE // 2)):
            mark = faulty.agent.mark()
            code = faulty.reload_and_die(faulty.new, f"fail {n} {next(errors)}")
            faulty.is_one_of_both()
            refused += "reload refused" in faulty.agent.log_since(mark)
            if code is not None:
                assert code == 1
                ended += 1
                back_to_old(faulty)
                continue
            if faulty.counts()[0] < n:
                break
            faulty.reload(faulty.new)
            assert faulty.shows(faulty.new_view) == faulty.new_view
            faulty.reload(faulty.old)
            assert faulty.shows(faulty.old_view) == faulty.old_view
    assert n > 100 and refused and ended < refused
    packets.check()


def test_any_allocation_of_a_reload_fails(site, faulty):
    faulty.reload(faulty.new)
    faulty.reload(faulty.old)
    allocations = faulty.counts()[1]
    refused = 0
    with sequence(site, faulty) as packets:
        for n in range(1, allocations + 1, max(1, allocations * STRIDE // 600)):
            mark = faulty.agent.mark()
            assert faulty.reload_and_die(faulty.new, f"alloc {n}") is None
            faulty.is_one_of_both()
            refused += "reload refused" in faulty.agent.log_since(mark)
            faulty.reload(faulty.new)
            faulty.reload(faulty.old)
            assert faulty.shows(faulty.old_view) == faulty.old_view
    assert refused > 10
    packets.check()


def test_any_allocation_of_a_start_fails(site, faulty):
    """It says what it lacks, and what ran goes on."""
    faulty.agent.kill()
    faulty.fault("count 0")
    faulty.agent.start(faulty.old)
    assert faulty.agent.end(signal.SIGTERM) == 0
    allocations = faulty.counts()[1]
    with sequence(site, faulty) as packets:
        for n in range(1, allocations + 1, max(1, allocations * STRIDE // 400)):
            mark = faulty.agent.mark()
            code = faulty.start_and_die(faulty.old, f"alloc {n}")
            if code is None:
                faulty.agent.kill()
            else:
                assert code == 1 and "memory" in faulty.agent.log_since(mark).lower()
            assert faulty.shows(faulty.old_view) == faulty.old_view, (n, code, faulty.agent.log_since(mark))
        faulty.fault()
        faulty.agent.start(faulty.old)
        assert faulty.shows(faulty.old_view) == faulty.old_view
    packets.check()
