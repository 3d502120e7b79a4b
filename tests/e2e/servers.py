# SPDX-License-Identifier: GPL-2.0
"""
A web server of the pool: nginx in a backend's namespace, with everything it
writes in a directory of its own. It answers with its name.

    /        the name
    /health  200, or 503 while the file `sick` is there
    /long    the name again and again, LONG_BYTES in about LONG_S seconds
    /large   the same, at once
"""

import os
import pathlib
import signal
import time

import interrupts

LONG_BYTES, LONG_S = 400000, 4

CONFIG = """
daemon off;
master_process off;
user root;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    default_type text/plain;
    keepalive_timeout 0;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
{listen}
        root {directory};
        location / {{ return 200 "{name}"; }}
        location = /health {{
            if (-f {directory}/sick) {{ return 503 "sick"; }}
            return 200 "healthy";
        }}
        location = /long {{ limit_rate {rate}; }}
        location = /large {{ }}
    }}
}}
"""


class Nginx:
    """One server; start() and stop() can be called as often as one likes."""

    def __init__(self, namespace, directory, name, ports=(80, 8080)):
        self.namespace = namespace
        self.name = name
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True)
        self.process = None
        self._pid_file = self.directory / "nginx.pid"
        listen = "".join(f"        listen {p};\n        listen [::]:{p};\n" for p in ports)
        (self.directory / "nginx.conf").write_text(
            CONFIG.format(
                directory=self.directory, name=name, listen=listen, rate=LONG_BYTES // LONG_S
            )
        )
        text = f"{name} " * (LONG_BYTES // (len(name) + 1) + 1)
        for file in ("long", "large"):
            (self.directory / file).write_text(text[:LONG_BYTES])

    def start(self, wait=True):
        self._pid_file.unlink(missing_ok=True)
        with open(self.directory / "output.log", "ab") as log, interrupts.held():
            self.process = self.namespace.popen(
                "nginx", "-p", f"{self.directory}/", "-c", self.directory / "nginx.conf",
                "-e", self.directory / "error.log", stdout=log, stderr=log,
            )  # fmt: skip
        if wait:
            self.wait()

    def wait(self):
        """Until it listens: nginx writes its pid file after that."""
        deadline = time.monotonic() + 10
        while not self._pid_file.exists() or not self._pid_file.stat().st_size:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"nginx {self.name} did not start: {self.log()}")
            time.sleep(0.005)

    def log(self):
        return "".join(
            (self.directory / name).read_text(errors="replace")
            for name in ("output.log", "error.log")
            if (self.directory / name).exists()
        )

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    @property
    def sick(self):
        return (self.directory / "sick").exists()

    @sick.setter
    def sick(self, value):
        if value:
            (self.directory / "sick").touch()
        else:
            (self.directory / "sick").unlink(missing_ok=True)

    def stop(self):
        """At once, as if its power was cut."""
        if self.running:
            os.kill(self.process.pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
        self.process = None
