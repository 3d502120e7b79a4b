# SPDX-License-Identifier: GPL-2.0
"""
Kinds of checks against real servers, good and bad: TLS with certificates that
openssl makes here, servers that hang, drip, never end and reset, programs that do
the same; what is known of each afterwards, and how soon the datapath knows.
"""

import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import pytest

import interrupts
from agent import configuration, pools_of, services
from conftest import HERE, address
from curl import homes
from topology import client_addresses, run

FAST = {"interval": "300ms", "timeout": "250ms", "rise": 2, "fall": 2}
TLS_PORT, BAD_PORT = 4443, 4444
HOST = "pool.example.invalid"


def with_check(site, **check):
    return configuration(
        site.network, services(), pools_of(site.network, check="it"), checks={"it": {**FAST, **check}}
    )


def wait_for(what, condition, timeout=20):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"did not come: {what}"
        time.sleep(0.02)


class Processes:
    """Programs on backends, killed in the end."""

    def __init__(self):
        self._all = []

    def start(self, namespace, *command, ready=None):
        """Starts it, and waits for the port (or the line) that says that it is there."""
        with interrupts.held():
            process = namespace.popen(
                *command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            self._all.append(process)
        for line in process.stdout:
            if ready in line:
                return process
        raise AssertionError(f"{command[0]} ended with {process.wait()}")

    def stop(self):
        for process in self._all:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()


@pytest.fixture
def processes():
    started = Processes()
    yield started
    started.stop()


# --- https ------------------------------------------------------------------------


class Certificates:
    """An authority, and certificates of it (and of nobody), as files."""

    def __init__(self, directory):
        self.directory = directory
        self._make("ca", "-subj", "/CN=Test authority", "-days", "30")
        self.ca = directory / "ca.pem"

    def _make(self, name, *args):
        run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", self.directory / f"{name}.key",
             "-out", self.directory / f"{name}.pem", *args]
        )  # fmt: skip

    def own(self, name, host, days):
        """Signed by itself."""
        self._make(name, "-subj", f"/CN={name}", "-days", str(days),
                   "-addext", f"subjectAltName=DNS:{host}")  # fmt: skip

    def signed(self, name, host, begin, end):
        """Signed by the authority; begin and end as in -60d, +90d."""
        request, extensions = self.directory / f"{name}.csr", self.directory / f"{name}.ext"
        extensions.write_text(f"subjectAltName=DNS:{host}\n")
        run(
            ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", self.directory / f"{name}.key", "-subj", f"/CN={name}",
             "-out", request]
        )  # fmt: skip
        (self.directory / "index").write_text("")
        (self.directory / "ca.cnf").write_text(
            f"[ca]\ndefault_ca=it\n[it]\nnew_certs_dir={self.directory}\n"
            f"database={self.directory}/index\nrand_serial=yes\ndefault_md=sha256\n"
            "policy=any\n[any]\ncommonName=supplied\n"
        )
        run(
            ["openssl", "ca", "-batch", "-notext", "-config", self.directory / "ca.cnf",
             "-cert", self.ca, "-keyfile", self.directory / "ca.key", "-in", request,
             "-out", self.directory / f"{name}.pem", "-extfile", extensions,
             "-startdate", stamp(begin), "-enddate", stamp(end)]
        )  # fmt: skip


def stamp(days):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * 86400))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    made = Certificates(tmp_path_factory.mktemp("certificates"))
    made.signed("good", HOST, -1, 90.5)
    made.signed("expired", HOST, -60, -3.5)
    made.signed("brief", HOST, -1, 5.5)
    made.signed("other", "other.example.invalid", -1, 90)
    made.own("stranger", HOST, 90)
    return made


def serve_tls(processes, certificates, backend, name):
    return processes.start(
        backend, "openssl", "s_server", "-accept", TLS_PORT, "-www",
        "-cert", certificates.directory / f"{name}.pem",
        "-key", certificates.directory / f"{name}.key", ready="ACCEPT",
    )  # fmt: skip


def test_certificates(site, agent, processes, certificates, family):
    """Good, expired, of another, of nobody: who is up, and the reason in words."""
    names = ("good", "expired", "other", "stranger")
    for backend, name in zip(site.backends, names):
        serve_tls(processes, certificates, backend, name)
    check = {
        "type": "https", "port": TLS_PORT, "host": HOST, "verify": True,
        "ca": str(certificates.ca), "timeout": "300ms", "fall": 3,
    }  # fmt: skip
    agent.start(with_check(site, **check))
    pool = f"web{family}"
    for name in ("b2", "b3", "b4"):
        agent.wait_state(name, "down", pool)
    checks = {b["name"]: (b["state"], b["check"]) for b in agent.backends(pool)}
    assert checks["b1"][0] == "up"
    assert checks["b1"][1]["last"].startswith("HTTP 200 in ")
    assert checks["b1"][1]["certificate_days"] == 90
    assert abs(checks["b1"][1]["certificate_ends_at"] - time.time() - 90.5 * 86400) < 600
    assert checks["b2"][1]["last"] == "certificate expired 3 days ago"
    assert checks["b2"][1]["certificate_days"] == -4
    assert checks["b3"][1]["last"] == f"certificate is for other.example.invalid, not for {HOST}"
    assert checks["b4"][1]["last"] == "certificate: self-signed certificate"
    assert set(homes(site.client, address(family), client_addresses(family)).values()) == {"b1"}
    shown = agent.tell("pool", "show", pool)
    assert "90 days" in shown and "expired" in shown
    # The same without verification: all are up, and what ends is still known and warned of.
    check = {key: value for key, value in check.items() if key not in ("verify", "ca")}
    mark = agent.mark()
    agent.write(with_check(site, **check))
    agent.tell("reload")
    for backend in site.backends:
        agent.wait_state(backend.role, "up", pool)
    wait_for("b2's certificate", lambda: agent.backend("b2", pool)["check"]["certificate_days"])
    assert agent.backend("b2", pool)["check"]["certificate_days"] == -4
    agent.wait_log(rf'warning: backend={pool}/b2 check="certificate expired 3 days ago"', mark)


def test_a_certificate_that_ends_soon(site, agent, processes, certificates):
    for backend in site.backends:
        serve_tls(processes, certificates, backend, "brief")
    agent.start(with_check(site, type="https", port=TLS_PORT, host=HOST, timeout="300ms"))
    for pool in ("web4", "web6"):
        for backend in site.backends:
            agent.wait_log(
                f'warning: backend={pool}/{backend.role} check="certificate expires in 5 days"'
            )
    time.sleep(1)
    warnings = re.findall(r"certificate expires", agent.log_since())
    assert len(warnings) == 2 * len(site.backends)  # once a day each
    agent.write(
        with_check(site, type="https", port=TLS_PORT, host=HOST, timeout="300ms",
                   expiry_warning="4d")
    )  # fmt: skip
    mark = agent.mark()
    agent.tell("reload")
    wait_for("checks", lambda: agent.backend("b1")["check"]["checks"] > 2)
    assert "check=" not in agent.log_since(mark)


# --- servers that are no good -----------------------------------------------------


def serve_badly(processes, backend, kind):
    return processes.start(backend, sys.executable, HERE / "bad_server.py", BAD_PORT, kind,
                           ready="ready")  # fmt: skip


@pytest.mark.parametrize("check_type", ["http", "https"])
def test_bad_servers(site, agent, processes, check_type):
    """Each has its verdict; and the checks of a pool beside them do not notice."""
    kinds = ("hang", "drip", "headers" if check_type == "http" else "close", "reset")
    for backend, kind in zip(site.backends, kinds):
        serve_badly(processes, backend, kind)
    config = with_check(site, type=check_type, port=BAD_PORT)
    config["checks"]["beside"] = {**FAST, "type": "http", "port": 80, "path": "/health"}
    config["pools"]["web6"]["check"] = "beside"
    agent.start(config)
    for backend in site.backends:
        agent.wait_state(backend.role, "down")
    time.sleep(2)
    last = {b["name"]: b["check"]["last"] for b in agent.backends()}
    assert last["b1"] == "timed out after 250ms"
    if check_type == "http":
        assert last["b2"] == "timed out after 250ms"
        assert last["b3"] == "response headers over 64 KiB"
    else:
        assert last["b2"].startswith("TLS: ") or last["b2"] == "timed out after 250ms"
        assert last["b3"] == "closed in the TLS handshake"
    assert last["b4"] == "connection reset"
    for backend in agent.backends("web6"):
        assert backend["state"] == "up" and backend["check"]["failures"] == 0, backend
        assert backend["check"]["late_max_s"] < 0.25, backend


# --- programs ---------------------------------------------------------------------


@pytest.fixture
def public():
    """A directory that programs of other users can reach."""
    with tempfile.TemporaryDirectory(prefix="limpet-e2e-") as name:
        os.chmod(name, 0o755)
        yield pathlib.Path(name)


def program(public, text, mode=0o755):
    path = public / "check"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(mode)
    return str(path)


def test_programs(site, agent, public):
    """Good, hanging, endless, failing; as nobody, and told whom to look at."""
    pids = public / "pids"
    pids.touch()
    pids.chmod(0o666)
    text = f"""
        case $LIMPET_BACKEND in
        b1) echo "$LIMPET_POOL $LIMPET_ADDRESS $LIMPET_PORT $1 $(id -un)" ;;
        b2) echo $$ >>{pids}; sleep 1000 & echo $! >>{pids}; wait ;;
        b3) while :; do echo 0123456789; done ;;
        b4) echo "replication is broken" >&2; exit 7 ;;
        esac"""
    command = [program(public, text), "an argument; with $HOME"]
    agent.start(with_check(site, type="exec", command=command, port=5432, timeout="300ms"))
    for name in ("b2", "b3", "b4"):
        agent.wait_state(name, "down")
    checks = {b["name"]: b["check"] for b in agent.backends()}
    b1 = site.backends[0].v4
    wait_for("b1's words", lambda: agent.backend("b1")["check"]["last"])
    assert agent.backend("b1")["check"]["last"] == f"web4 {b1} 5432 an argument; with $HOME nobody"
    assert agent.backend("b1")["state"] == "up"
    assert checks["b2"]["last"] == "timed out after 300ms"
    assert checks["b3"]["last"] == "output over 64 KiB"
    assert checks["b4"]["last"] == "exit 7: replication is broken"
    # With the agent go its programs; only those of the last moment can be there still.
    agent.kill()
    running = {int(pid) for pid in pids.read_text().split()}
    assert len(running) >= 4
    wait_for("the end of all programs", lambda: not any(leaders(running)))


def leaders(pids):
    """Those that still run, shells alone: what a dead leader has left is in its group,
    which nobody kills if limpetd is killed."""
    for pid in pids:
        try:
            if b"check" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                yield pid
        except OSError:
            pass


def test_a_program_that_does_not_start(site, agent, public):
    """It says nothing of the backends, which stay as they are; it is told and counted."""
    path = program(public, "exit 0", mode=0o700)  # root's alone: nobody runs it
    agent.start(with_check(site, type="exec", command=[path]))
    wait_for("checks", lambda: agent.backend("b1")["check"]["not_made"] > 2)
    backend = agent.backend("b1")
    assert backend["state"] == "up" and backend["check"]["checks"] == 0
    assert backend["check"]["result"] == "not checked"
    assert backend["check"]["last"] == f'not checked: cannot run "{path}": Permission denied'
    agent.wait_log(r'warning: backend=web4/b1 check="not checked: cannot run ')
    assert len(re.findall("backend=web4/b1 check=", agent.log_since())) == 1
    os.chmod(path, 0o755)
    wait_for("a check", lambda: agent.backend("b1")["check"]["checks"])
    assert agent.backend("b1")["check"]["result"] == "good"


def test_what_is_not_there_is_refused(site, agent, public):
    """On a reload; at the start it is a warning, as traffic matters more."""
    good = program(public, "exit 0")
    agent.start(with_check(site, type="exec", command=[good]))
    wait_for("a check", lambda: agent.backend("b1")["check"]["checks"])
    for more, words in (
        ({"command": ["/nonexistent/check"]}, 'command "/nonexistent/check": No such file'),
        ({"command": [good], "user": "no-such-user"}, 'user "no-such-user": there is no such user'),
    ):
        agent.write(with_check(site, type="exec", **more))
        done = agent.limpet("reload")
        assert done.returncode == 1 and f"checks.it: {words}" in done.stderr, done.stderr
    assert agent.backend("b1")["check"]["checks"]  # as it was
    agent.write(with_check(site, type="https", verify=True, ca="/nonexistent/ca.pem"))
    assert 'ca "/nonexistent/ca.pem": No such file' in agent.limpet("reload").stderr
    agent.kill()
    agent.start()
    agent.wait_log(r'warning: checks.it: ca "/nonexistent/ca.pem": No such file')


# --- what is known afterwards -----------------------------------------------------


def test_the_history_of_a_backend(site, agent):
    agent.start(with_check(site, type="http", port=80, path="/health"))
    for _ in range(2):
        site.servers["b2"].sick = True
        agent.wait_state("b2", "down")
        site.servers["b2"].sick = False
        agent.wait_state("b2", "up")
    check = agent.backend("b2")["check"]
    assert (check["flaps"], check["flaps_1h"]) == (4, 4)
    assert [t["state"] for t in check["transitions"]] == ["up", "down", "up", "down"]
    assert check["transitions"][1]["why"] == "HTTP 503, expected 200-399"
    assert check["transitions"][0]["at"] == check["since_at"]
    assert agent.backend("b1")["check"]["transitions"] == []
    shown = agent.tell("pool", "show", "web4")
    assert "(4 flaps in 1h)" in shown
    assert shown.count("HTTP 503, expected 200-399") == 2
    assert "(4 flaps in 1h)" in agent.tell("status")


def waited(pid):
    """Milliseconds that a process has waited for a CPU (sched-stats of Linux)."""
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e6


def test_a_verdict_is_soon_in_the_datapath(site, agent):
    """Measured by limpetd itself, from the verdict until the slot table has changed. What
    other processes take of the machine is no fault of it."""
    agent.start(with_check(site, type="http", port=80, path="/health"))
    before = waited(agent.process.pid)
    for sick, state in ((True, "down"), (False, "up")) * 4:
        site.servers["b2"].sick = sick
        for pool in ("web4", "web6"):
            agent.wait_state("b2", state, pool)
    health = agent.status()["health"]
    assert health["targets"] == 2 * len(site.backends)
    assert health["verdicts"] >= 16  # of both pools
    told = re.findall(r"verdicts=(\d+) in the datapath after_ms=([\d.]+)", agent.log_since())
    assert sum(int(n) for n, _ in told) == agent.status()["health"]["verdicts"]
    times = [float(ms) for _, ms in told]
    wait = waited(agent.process.pid) - before
    print(
        f"verdict to datapath: {len(times)} changes, median {statistics.median(times)} ms, "
        f"most {max(times)} ms; {wait:.0f} ms in all without a CPU"
    )
    assert sum(times) < 10 * len(times) + wait
    assert health["verdict_max_s"] * 1e3 == pytest.approx(max(times), abs=0.001)


def test_verdicts_that_come_together(site, agent):
    """All servers die at once: one change of the datapath carries several verdicts."""
    agent.start(with_check(site, type="tcp", port=80))
    wait_for("checks", lambda: agent.backend("b4")["check"]["checks"])
    for server in site.servers.values():
        server.stop()
    for pool in ("web4", "web6"):
        for backend in site.backends:
            agent.wait_state(backend.role, "down", pool)
    told = [int(n) for n in re.findall(r"verdicts=(\d+) in the datapath", agent.log_since())]
    assert sum(told) == 2 * len(site.backends)


def test_reloads_while_programs_start(site, agent, public):
    """A program that has been forked and not yet run has copies of limpetd's descriptors,
    the lock of the pin directory among them: it must not keep limpetd itself out."""
    config = with_check(
        site, type="exec", command=[program(public, "exit 0")], interval="10ms", timeout="10ms"
    )
    agent.start(config)
    for n in range(20):
        agent.write({**config, "seed": f"e2e {n}"})  # another key: the datapath opens anew
        agent.tell("reload")
    assert agent.running
