#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""
control.py [--build DIR] [--json FILE] [--rounds N] [--enforce]

The control plane's figures: a real limpetd between network namespaces, with 1,000 VIPs,
100 pools and 10,000 backends. How long from its start until the first packet is
forwarded, from the request of a reload with one change until that is in force, how much
memory, how much of a CPU when nothing happens, and how soon packets avoid a backend that
has died among 10,000 that are checked.

Each figure has what the machine did meanwhile beside it: seconds of CPU that limpetd
used, and seconds that it was ready to run and had to wait for a CPU (schedstat). A start
and a reload are judged by the best round without that wait, which is the machine's and not
limpetd's; both are reported. What a death takes is judged by the worst round, because each
has another phase, wait and all: it counts on a machine that does nothing else.
"""

import argparse
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))
# pylint: disable=wrong-import-position
from agent import Agent  # noqa: E402
from datagrams import in_namespace  # noqa: E402
from servers import Nginx  # noqa: E402
from topology import Network, client_addresses, vip4  # noqa: E402

POOLS, VIPS, BACKENDS = 100, 1000, 10000
INTERVAL, TIMEOUT, FALL = 2.0, 1.0, 3
NETWORK = "10.78.0.0/16"
PORT = 5000  # UDP: of the VIP whose first packet is waited for
IDLE_S = 10

# name: (bound, unit, what). "dead" is all of the promise: its bound has the interval in it.
BUDGETS = {
    "start": (3.0, "s", "from the start of limpetd, nothing pinned, to the first packet"),
    "reload": (0.1, "s", "from the request, one weight changed, to the answer after the flip"),
    "memory": (128.0, "MiB", "resident, without the maps, after a status; without and with checks"),
    "idle": (2.0, "% of a CPU", "nothing happens, no checks"),
    "dead": (
        INTERVAL * FALL + TIMEOUT + 0.01, "s",
        "from the last packet that a backend answers until the datapath avoids it",
    ),
}  # fmt: skip

JUDGED_BY = {
    "start": "best_without_wait",
    "reload": "best_without_wait",
    "memory": "worst",
    "idle": "best",
    "dead": "worst",
}


# --- configuration ----------------------------------------------------------------


def backend_address(pool, n):
    return f"10.78.{pool}.{n + 1}"


def yaml(site, check=None, weights=None, more_vips=()):
    """A configuration as people write it: two lines a VIP, one a backend."""
    weights = weights or {}
    lines = ['seed: "bench"', "interfaces:", "  - name: eth0"]
    if check:
        lines += [
            "checks:",
            f"  open: {{ type: tcp, port: 80, interval: {INTERVAL:g}s, timeout: {TIMEOUT:g}s, "
            f"rise: 2, fall: {FALL} }}",
        ]
    lines.append("pools:")
    for pool in range(POOLS):
        lines.append(f"  pool{pool}:")
        if check:
            lines.append("    check: open")
        lines.append("    backends:")
        for n in range(BACKENDS // POOLS):
            name = f"s{n}"
            weight = weights.get((pool, n), 100)
            lines.append(
                f"      - {{ name: {name}, address: {backend_address(pool, n)}, weight: {weight} }}"
            )
    lines += ["vips:", "  first:", f"    addresses: [{vip4()}]", "    protocol: udp"]
    lines += [f"    ports: [{PORT}]", "    pool: pool0", "    forward: dsr"]
    lines += ["    affinity: { mode: tcp }"]
    for n in range(VIPS - 1):
        lines += [
            f"  vip{n}:",
            f"    addresses: [10.88.{n // 250}.{n % 250 + 1}]",
            '    ports: ["80", "443"]',
            f"    pool: pool{n % POOLS}",
            "    forward: ipip",
        ]
    lines += more_vips
    return "\n".join(lines) + "\n"


# --- what the machine does ----------------------------------------------------------


class Cost:
    """CPU seconds and seconds without a CPU of a process, from here on."""

    def __init__(self, pid):
        self.pid = pid
        self.start = time.monotonic()
        self.before = self._read()

    def _read(self):
        run, wait, _ = pathlib.Path(f"/proc/{self.pid}/schedstat").read_text().split()
        return int(run) / 1e9, int(wait) / 1e9

    def so_far(self):
        run, wait = self._read()
        return {
            "seconds": round(time.monotonic() - self.start, 5),
            "cpu_s": round(run - self.before[0], 5),
            "waited_s": round(wait - self.before[1], 5),
        }


def memory_mib(pid):
    """Resident memory without the BPF maps, which are the kernel's."""
    total, counts = 0, False
    with open(f"/proc/{pid}/smaps", encoding="ascii") as smaps:
        for line in smaps:
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                counts = "bpf-map" not in line
            elif line.startswith("Rss:") and counts:
                total += int(line.split()[1])
    return total / 1024


# --- measuring ----------------------------------------------------------------------


class Bench:
    def __init__(self, network, build, directory):
        self.network = network
        self.server = network.backends[0]
        self.build = build
        self.directory = directory
        self.agents = 0
        self.results = {}

    def note(self, name, value, **more):
        """One round of a figure."""
        rounds = self.results.setdefault(name, [])
        rounds.append({"value": value, **more})
        print(f"  {name:22} {value:9.4f}   {more}", flush=True)

    def agent(self):
        self.agents += 1
        name = f"{os.getpid()}-{self.agents}"
        return Agent(
            self.network.balancer, self.build, self.directory / name,
            f"/sys/fs/bpf/limpet-bench-{name}",
        )  # fmt: skip

    # --- start -------------------------------------------------------------------

    def first_packet(self, agent, *options):
        """Starts limpetd and sends datagrams until one has come to a backend."""
        receiver = in_namespace(self.server, lambda: bound(vip4(), PORT))
        sender = in_namespace(
            self.network.client, lambda: connected(client_addresses(4)[0], vip4(), PORT)
        )
        start = time.monotonic()
        with open(agent.log_file, "ab") as log:
            agent.process = agent.namespace.popen(*agent._command(*options), stdout=log, stderr=log)
        cost = Cost(agent.process.pid)
        try:
            while True:
                try:
                    sender.send(b"?")
                except OSError:
                    pass  # nobody is there yet: the balancer's stack says so
                if received(receiver, 0.001):
                    break
                if not agent.running or time.monotonic() > start + 120:
                    sys.exit(f"control: no packet came: {agent.log_since()[-2000:]}")
            took = time.monotonic() - start
            used = cost.so_far()
        finally:
            receiver.close()
            sender.close()
        agent.wait_log("ready version=", 0, 60)
        return took, {"cpu_s": used["cpu_s"], "waited_s": used["waited_s"]}

    def start(self, rounds):
        for _ in range(rounds):
            agent = self.agent()
            agent.write(yaml(self))
            try:
                took, used = self.first_packet(agent)
                self.note("start", took, **used)
                agent.kill()
                mark = agent.mark()
                begin = time.monotonic()
                with open(agent.log_file, "ab") as log:
                    agent.process = agent.namespace.popen(*agent._command(), stdout=log, stderr=log)
                cost = Cost(agent.process.pid)
                agent.wait_log("ready version=", mark, 60)
                took, used = time.monotonic() - begin, cost.so_far()
                self.note("adoption", took, cpu_s=used["cpu_s"], waited_s=used["waited_s"])
            finally:
                agent.close()

    # --- reload, memory, idle ----------------------------------------------------

    def reload(self, agent, name, text, expected):
        agent.write(text)
        cost = Cost(agent.process.pid)
        begin = time.monotonic()
        status, answer = agent.ask("POST", "/v1/reload")
        took, used = time.monotonic() - begin, cost.so_far()
        if status != 200 or not re.search(expected, " ".join(answer["changes"])):
            sys.exit(f"control: reload: {status} {answer}")
        self.note(name, took, cpu_s=used["cpu_s"], waited_s=used["waited_s"])

    def steady(self, rounds):
        agent = self.agent()
        agent.start(yaml(self))
        try:
            for n in range(rounds):
                weights = {(7, 3): 50 + n}
                self.reload(agent, "reload", yaml(self, weights=weights), "pool pool7: .* move")
                vip = ["  extra:", f"    addresses: [10.89.0.{n + 1}]", "    ports: [80]"]
                vip += ["    pool: pool3", "    forward: ipip"]
                text = yaml(self, weights=weights, more_vips=vip)
                self.reload(agent, "reload_vip", text, "VIP table replaced")
            agent.status()  # which is large
            self.note("memory", memory_mib(agent.process.pid))
            for _ in range(3):
                cost = Cost(agent.process.pid)
                time.sleep(IDLE_S)
                used = cost.so_far()
                self.note("idle", 100 * used["cpu_s"] / used["seconds"], waited_s=used["waited_s"])
        finally:
            agent.close()

    # --- a dead backend ----------------------------------------------------------

    def dead(self, rounds):
        agent = self.agent()
        agent.start(yaml(self, check=True))
        try:
            time.sleep(3 * INTERVAL)
            cost = Cost(agent.process.pid)
            time.sleep(IDLE_S)
            used = cost.so_far()
            self.note("checks_cpu", 100 * used["cpu_s"] / used["seconds"], waited_s=used["waited_s"])
            health = agent.status()["health"]
            self.note("checks_late_p99", health["late_p99_s"])
            self.note("memory", memory_mib(agent.process.pid))
            for n in range(rounds):
                self.one_dead(agent, n + 1)
        finally:
            agent.close()

    def one_dead(self, agent, pool):
        """A server without power: it answers nothing any more."""
        victim, name = backend_address(pool, pool), f"pool{pool}/s{pool}"
        mark, cost, begin = agent.mark(), Cost(agent.process.pid), time.monotonic()
        self.server.ip(f"route add blackhole {victim} table local")
        try:
            done = rf"backend={name} state=down(.|\n)*verdicts=1 in the datapath after_ms=([\d.]+)"
            while not (found := re.search(done, agent.log_since(mark))):
                if time.monotonic() > begin + 60:
                    sys.exit(f"control: {name} did not go down")
                time.sleep(0.001)
            took, used = time.monotonic() - begin, cost.so_far()
        finally:
            self.server.ip(f"route del blackhole {victim} table local")
        self.note("dead", took, verdict_ms=float(found[2]), waited_s=used["waited_s"])


def bound(address, port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, port))
    return sock


def connected(source, address, port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((source, 0))
    sock.connect((address, port))
    return sock


def received(sock, seconds):
    sock.settimeout(seconds)
    try:
        return sock.recv(64)
    except (TimeoutError, BlockingIOError):
        return None


# --- the report ---------------------------------------------------------------------


def summary(rounds):
    values = [r["value"] for r in rounds]
    return {
        "best": min(values),
        "median": statistics.median(values),
        "worst": max(values),
        "best_without_wait": min(r["value"] - r.get("waited_s", 0) for r in rounds),
        "rounds": rounds,
    }


def report(results):
    figures = {name: summary(rounds) for name, rounds in results.items()}
    budgets = []
    for name, (limit, unit, what) in BUDGETS.items():
        of = figures[name]
        value = of[JUDGED_BY[name]]
        budgets.append(
            {"name": name, "what": what, "unit": unit, "limit": limit, "value": value,
             "by": JUDGED_BY[name], "best": of["best"], "median": of["median"],
             "kept": value < limit}
        )  # fmt: skip
    return {
        "vips": VIPS, "pools": POOLS, "backends": BACKENDS, "interval_s": INTERVAL,
        "timeout_s": TIMEOUT, "fall": FALL, "budgets": budgets, "results": figures,
    }  # fmt: skip


def run(options, directory):
    build = pathlib.Path(options.build).resolve()
    with Network(build / "tests/e2e/pass.bpf.o", backends=("b1",)) as network:
        server = network.backends[0]
        nginx = Nginx(server, directory / "nginx", "b1")
        server.ip(f"route add local {NETWORK} dev lo")
        network.balancer.ip(f"route add {NETWORK} via {server.v4}")
        nginx.start()
        bench = Bench(network, build, directory)
        try:
            bench.start(options.rounds)
            bench.steady(options.rounds)
            bench.dead(options.rounds)
        finally:
            nginx.stop()
        return report(bench.results)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.environ.get("LIMPET_BUILD", "build"))
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--enforce", action="store_true", help="fail if a budget is not kept")
    options = parser.parse_args()
    if os.getuid():
        sys.exit("control: only root can make network namespaces")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory() as directory:
        result = run(options, pathlib.Path(directory))
    for budget in result["budgets"]:
        print(
            f"{budget['name']:8} {budget['value']:8.3f} {budget['unit']:10} (best "
            f"{budget['best']:.3f}, median {budget['median']:.3f}), budget {budget['limit']:g}: "
            f"{'kept' if budget['kept'] else 'NOT KEPT'}"
        )
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    if options.enforce and not all(budget["kept"] for budget in result["budgets"]):
        sys.exit(1)


if __name__ == "__main__":
    main()
