# SPDX-License-Identifier: GPL-2.0
"""Ten thousand backends, each checked every 2 s: are checks on time, and how soon does the
datapath know of one that is dead? What other processes take of the machine is no fault
of limpetd, and is measured beside it."""

import pathlib
import re
import time

from agent import configuration

ALONE = "it measures lateness, with ten thousand checks"  # for scripts/check
POOLS, BACKENDS = 100, 10000
INTERVAL, TIMEOUT, FALL = 2.0, 1.0, 2
NETWORK = "10.78.0.0/16"
LATE_S, VERDICT_MS = 0.1, 10


def many(site):
    """Beside the pools that are real, pools whose backends are all one server."""
    config = configuration(site.network)
    config["checks"] = {
        "open": {
            "type": "tcp", "port": 80, "rise": 2, "fall": FALL,
            "interval": f"{INTERVAL:.0f}s", "timeout": f"{TIMEOUT:.0f}s",
        }
    }  # fmt: skip
    for n in range(POOLS):
        backends = [
            {"name": f"s{i}", "address": f"10.78.{n}.{i + 1}"} for i in range(BACKENDS // POOLS)
        ]
        config["pools"][f"pool{n}"] = {"backends": backends, "check": "open"}
    return config


def waited(pid):
    """Seconds that a process has waited for a CPU (sched-stats of Linux)."""
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def test_ten_thousand_checks(site, agent, capsys):
    server = site.backends[0]
    server.ip(f"route add local {NETWORK} dev lo")  # it has all of these addresses
    site.balancer.ip(f"route add {NETWORK} via {server.v4}")
    try:
        measure(agent, server, many(site), capsys)
    finally:
        server.ip(f"route del local {NETWORK} dev lo table local")
        site.balancer.ip(f"route del {NETWORK} via {server.v4}")


def measure(agent, server, config, capsys):
    agent.start(config)
    pid = agent.process.pid
    before = waited(pid)
    time.sleep(3 * INTERVAL)
    health, wait = agent.status()["health"], waited(pid) - before
    assert health["targets"] == BACKENDS
    late = health["late_p99_s"]

    mark, before, start = agent.mark(), waited(pid), time.monotonic()
    server.ip("route add unreachable 10.78.7.9 table local")
    try:
        agent.wait_log(r"backend=pool7/s8 state=down", mark, timeout=60)
        agent.wait_log(r"verdicts=\d+ in the datapath", mark)
        last = agent.backend("s8", "pool7")["check"]["last"]
        took, wait_down = time.monotonic() - start, waited(pid) - before
    finally:
        server.ip("route del unreachable 10.78.7.9 table local")
    told = re.search(r"verdicts=1 in the datapath after_ms=([\d.]+)", agent.log_since(mark))
    verdict = float(told[1])
    assert last in ("no route to host", "timed out after 1s")

    with capsys.disabled():
        print(
            f"\n  {BACKENDS} TCP checks every {INTERVAL:.0f} s: 99 of 100 at most "
            f"{late * 1e3:.1f} ms late ({wait:.2f} s in all without a CPU); a dead backend in the "
            f"datapath after {took:.2f} s, {verdict:.1f} ms of it from the verdict "
            f"({wait_down:.2f} s without a CPU)"
        )
    assert late < LATE_S + wait
    assert verdict < VERDICT_MS + wait_down * 1e3
    assert took < INTERVAL * FALL + TIMEOUT + 0.2 + wait_down  # 0.2: of this test
