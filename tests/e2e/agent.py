# SPDX-License-Identifier: GPL-2.0
"""limpetd under test: its configuration, its life, its API, and the CLI."""

import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import interrupts
from topology import vip4, vip6


def configuration(network, vips=None, pools=None, **more):
    """A configuration as a dictionary; every YAML parser reads it as JSON. By default
    with the pools of pools_of() and the VIPs of services()."""
    return {
        "seed": "e2e",
        "interfaces": network.interfaces,
        "pools": pools or pools_of(network),
        "vips": vips or services(),
        **more,
    }


def pools_of(network, **more):
    """Pools web4 and web6: all backends by their IPv4 and by their IPv6 addresses."""
    return {
        f"web{family}": {
            "backends": [
                {"name": backend.role, "address": backend.v4 if family == 4 else backend.v6}
                for backend in network.backends
            ],
            **more,
        }
        for family in (4, 6)
    }


def services(**more):
    """VIPs www4 and www6, the first address of each family, on those pools."""
    return {
        "www4": vip(vip4(), pool="web4", **more),
        "www6": vip(vip6(), pool="web6", **more),
    }


def vip(*addresses, ports=(80,), pool="web4", forward="dsr", affinity="source", **more):
    return {
        "addresses": list(addresses),
        "ports": list(ports),
        "pool": pool,
        "forward": forward,
        "affinity": {"mode": affinity},
        **more,
    }


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("limpet", timeout=20)
        self._path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Agent:
    """One limpetd in the balancer's namespace, with directories of its own."""

    def __init__(self, namespace, build, directory, pin_dir, run_dir=None):
        self.namespace = namespace
        self.build = pathlib.Path(build)
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.pin_dir = pathlib.Path(pin_dir)
        self.run_dir = pathlib.Path(run_dir or self.directory / "run")
        self.config_file = self.directory / "limpet.yaml"
        self.log_file = self.directory / "log"
        self.log_file.touch()
        self.process = None
        self.program = self.build / "limpetd"
        self.environment = {}  # beside that of the tests
        self.options = ()  # at every start

    # --- configuration ------------------------------------------------------------

    def write(self, config):
        """Puts a configuration (a dictionary, or text) into the file."""
        text = config if isinstance(config, str) else json.dumps(config, indent=1)
        self.config_file.write_text(text)

    # --- life ---------------------------------------------------------------------

    def _command(self, *options):
        return [
            self.program, "--config", self.config_file, "--run-dir", self.run_dir,
            "--pin-dir", self.pin_dir, *self.options, *options,
        ]  # fmt: skip

    def start(self, config=None, *options):
        """Starts it and waits until it answers."""
        if config is not None:
            self.write(config)
        mark = self.mark()
        with open(self.log_file, "ab") as log, interrupts.held():
            self.process = self.namespace.popen(
                *self._command(*options), stdout=log, stderr=log,
                env={**os.environ, **self.environment},
            )  # fmt: skip
        self.wait_log(r"ready version=", mark)

    def refuse(self, config=None, prefix=()):
        """Starts it where it should refuse; its exit code and its words."""
        if config is not None:
            self.write(config)
        done = subprocess.run(
            self.namespace.command(*prefix, *self._command()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=30,
            check=False,
        )
        return done.returncode, done.stdout

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def end(self, number=signal.SIGTERM):
        """Sends a signal that ends it; the exit code."""
        os.kill(self.process.pid, number)
        code = self.process.wait(timeout=20)
        self.process = None
        return code

    def kill(self):
        return self.end(signal.SIGKILL)

    def hang_up(self):
        """SIGHUP, and waits until the new configuration is in force or refused."""
        mark = self.mark()
        os.kill(self.process.pid, signal.SIGHUP)
        self.wait_log(r"configuration loaded file=|reload refused", mark)

    def close(self):
        """Ends it and takes its program away, whatever state it is in."""
        if self.running:
            self.end(signal.SIGKILL)
        for link in self.pins("links"):
            # At once; the kernel lets go of an unpinned link some time later.
            subprocess.run(
                ["bpftool", "link", "detach", "pinned", self.pin_dir / "links" / link],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
            )  # fmt: skip
        remove_pins(self.pin_dir)

    def pins(self, kind):
        directory = self.pin_dir / kind
        return sorted(os.listdir(directory)) if directory.is_dir() else []

    # --- log ------------------------------------------------------------------------

    def mark(self):
        """A place in the log, for wait_log() and log_since()."""
        return self.log_file.stat().st_size

    def log_since(self, mark=0):
        with open(self.log_file, "rb") as log:
            log.seek(mark)
            return log.read().decode(errors="replace")

    def wait_log(self, pattern, mark=0, timeout=20):
        deadline = time.monotonic() + timeout
        while not re.search(pattern, self.log_since(mark)):
            gone = not self.running
            if gone and re.search(pattern, self.log_since(mark)):
                return
            if gone or time.monotonic() > deadline:
                raise AssertionError(
                    f"limpetd {'ended' if gone else 'did not say ' + pattern}:\n"
                    + self.log_since(mark)
                )
            time.sleep(0.01)

    # --- asking ---------------------------------------------------------------------

    @property
    def socket(self):
        return self.run_dir / "api.sock"

    def ask(self, method, path, body=None):
        """(HTTP status, document) of the API."""
        connection = UnixConnection(self.socket)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def get(self, path):
        status, document = self.ask("GET", path)
        assert status == 200, document
        return document

    def status(self):
        return self.get("/v1/status")

    def backends(self, pool="web4"):
        return self.get(f"/v1/pools/{pool}")["backends"]

    def backend(self, name, pool="web4"):
        return next(backend for backend in self.backends(pool) if backend["name"] == name)

    def explain(self, vip_, source, port=80, source_port=None):
        more = f"&source_port={source_port}" if source_port else ""
        return self.get(f"/v1/explain?vip={vip_}&port={port}&source={source}{more}")

    def wait_state(self, name, state, pool="web4", timeout=20):
        """Seconds until the backend is in that state."""
        start = time.monotonic()
        while self.backend(name, pool)["state"] != state:
            assert time.monotonic() < start + timeout, f"{name} did not become {state}"
            time.sleep(0.01)
        return time.monotonic() - start

    def limpet(self, *args):
        """The CLI; its CompletedProcess."""
        return subprocess.run(
            [self.build / "limpet", "--socket", self.socket, *map(str, args)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )

    def tell(self, *args):
        """The CLI, where it has to succeed; what it printed."""
        done = self.limpet(*args)
        assert done.returncode == 0, done.stderr
        return done.stdout


def remove_pins(directory):
    """Removes a directory on a BPF file system, where only unlink and rmdir work."""
    for path, directories, files in os.walk(directory, topdown=False):
        for name in files:
            os.unlink(os.path.join(path, name))
        for name in directories:
            os.rmdir(os.path.join(path, name))
    if os.path.isdir(directory):
        os.rmdir(directory)
