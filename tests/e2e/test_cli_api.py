# SPDX-License-Identifier: GPL-2.0
"""
limpet against a mock of limpetd's API (docs/api.md) on a unix socket: what each
verb asks, what it prints, what it says when things go wrong, and its exit codes.

Needs no root and no agent. The binary is $LIMPET_BUILD/limpet (default: build).
"""

import http.server
import json
import os
import pathlib
import pty
import socketserver
import subprocess
import threading
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIMPET = ROOT / os.environ.get("LIMPET_BUILD", "build") / "limpet"
VERSION = (ROOT / "VERSION").read_text().strip()

DONE, FAILED, WRONG_USAGE = 0, 1, 2


class Api:
    """Answers by (method, path with query): (status, bytes). Keeps what was asked."""

    def __init__(self, path):
        self.socket = str(path)
        self.answers = {}
        self.requests = []
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def address_string(self):
                return "unix"

            def log_message(self, *args):
                pass

            def answer(self):
                length = int(self.headers.get("Content-Length", 0))
                api.requests.append(
                    (self.command, self.path, self.rfile.read(length), dict(self.headers))
                )
                status, body = api.answers.get(
                    (self.command, self.path), (404, b'{"error": "no such thing here"}')
                )
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # a client that had enough

            do_GET = do_POST = answer

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass

        self.server = Server(self.socket, Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def serve(self, method, path, document, status=200):
        body = document if isinstance(document, bytes) else served(document).encode()
        self.answers[(method, path)] = (status, body)

    def asked(self):
        return [(method, path) for method, path, _, _ in self.requests]

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def api(tmp_path):
    server = Api(tmp_path / "api.sock")
    yield server
    server.close()


def limpet(*args, socket=None, env=None, stdout=subprocess.PIPE):
    command = [str(LIMPET)]
    if socket:
        command += ["--socket", socket]
    return subprocess.run(
        command + list(args),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        env={**os.environ, **(env or {})},
    )


def lines(text):
    """A block of expected output, without the margin of the source."""
    rows = text.strip("\n").split("\n")
    margin = min(len(row) - len(row.lstrip(" ")) for row in rows if row.strip())
    return "".join(row[margin:].rstrip() + "\n" for row in rows)


def shows(result, expected):
    assert (result.returncode, result.stdout, result.stderr) == (DONE, lines(expected), "")


def fails(result, code, error, output=""):
    assert (result.returncode, result.stderr, result.stdout) == (code, error + "\n", output)


class At:
    """A time: so many seconds from the moment at which the document is served, however long
    ago this file was read."""

    def __init__(self, seconds):
        self.seconds = seconds


def served(document):
    """The document as text, its times reckoned from now."""
    return json.dumps(document, default=lambda at: int(time.time()) + at.seconds)


# --- documents -----------------------------------------------------------------


def check(last, **more):
    document = {
        "last": last,
        "last_at": At(-5 * 3600 - 60),
        "since_at": 0,
        "streak": 0,
        "checks": 100,
        "failures": 1,
        "flaps": 0,
        "flaps_1h": 0,
        "not_made": 0,
        "result": "good",
        "late_max_s": 0.0021,
        "transitions": [],
        "certificate_ends_at": None,
        "certificate_days": None,
        "latency_s": 0.0032,
        "late_s": 0.0001,
    }
    document.update(more)
    return document


def backend(name, number, **more):
    document = {
        "name": name,
        "pool": "front-end",
        "number": number,
        "address": "10.1.0.%d" % (10 + number),
        "weight": 100,
        "state": "up",
        "since_s": 133.7,
        "healthy": True,
        "next_hop": {"state": "ok", "interface": "eth0", "mac": "52:54:00:00:00:%02x" % number},
        "slots": 32768,
        "share": 0.5,
        "weight_share": 0.5,
        "check": check("HTTP 200 in 3 ms"),
        "packets": 1000 * number,
        "bytes": 1500000 * number,
        "connections": 6400,
        "connections_error": 1244.56,
        "records": 0,
        "leaving": False,
        "deadline_at": None,
        "expired": False,
        "eta_s": None,
    }
    document.update(more)
    return document


FRONT_END = {
    "name": "front-end",
    "number": 1,
    "hash": "maglev",
    "check": "web",
    "generation": 3,
    "table": 1,
    "moving_slots": 40,
    "residual_slots": 3,
    "hold_s": 1740,
    "backends": [
        backend("fe1", 1),
        backend(
            "fe2",
            2,
            state="drain",
            since_s=3600,
            connections=640,
            connections_error=393.6,
            records=612,
            deadline_at=At(5459),
            eta_s=245,
            slots=0,
            share=0.0,
            weight_share=0.0,
            next_hop={"state": "neighbour failed", "interface": "eth0", "mac": None},
        ),
        backend(
            "fe3",
            3,
            address="2001:db8:1::13",
            weight=5,
            state="down",
            since_s=7,
            healthy=False,
            slots=0,
            share=0,
            weight_share=0,
            check=check("connection refused", failures=100, streak=3, flaps=2, latency_s=0.0),
            connections=0,
            connections_error=192.0,
            next_hop={"state": "no route", "interface": None, "mac": None},
        ),
    ],
    "usable": 1,
}
SPARE = {
    "name": "spare",
    "number": 2,
    "hash": "rendezvous",
    "check": None,
    "generation": 1,
    "table": 2,
    "backends": [],
    "usable": 0,
}
WEB = {
    "name": "web-external",
    "number": 1,
    "addresses": ["203.0.113.10", "203.0.113.11", "203.0.113.12", "203.0.113.13", "2001:db8::10"],
    "protocol": "tcp",
    "ports": ["80", "443", "5088-5089"],
    "pool": "front-end",
    "forward": "ipip",
    "affinity": {"mode": "source", "mask": 32, "mask6": 64, "timeout_s": 1800},
    "ping": "reply",
    "packets": 123456,
    "bytes": 1288490189,
}
DNS = {
    "name": "dns",
    "number": 2,
    "addresses": ["203.0.113.53"],
    "protocol": "udp",
    "ports": ["53"],
    "pool": "spare",
    "forward": "dsr",
    "affinity": {"mode": "tcp", "mask": 32, "mask6": 64, "timeout_s": 1800},
    "packets": 0,
    "bytes": 0,
}
INTERFACES = [
    {
        "name": "eth0",
        "ifindex": 2,
        "mode": "native",
        "attached": True,
        "mac": "52:54:00:12:34:56",
        "mtu": 1500,
        "up": True,
    },
    {
        "name": "eth1",
        "ifindex": 3,
        "mode": "generic",
        "attached": True,
        "mac": "52:54:00:12:34:57",
        "mtu": 9000,
        "up": False,
    },
    {
        "name": "eth2",
        "ifindex": 0,
        "mode": "generic",
        "attached": False,
        "mac": None,
        "mtu": None,
        "up": False,
    },
]
STATUS = {
    "version": "0.1.0",
    "generation": 7,
    "config": "/etc/limpet/limpet.yaml",
    "uptime_s": 93784.2,
    "interfaces": INTERFACES,
    "vips": [WEB, DNS],
    "pools": [FRONT_END, SPARE],
    "records": {
        "capacity": 2097152,
        "connections": 1100,
        "clients": 100,
        "unconfirmed": 7,
        "moving_slots": 40,
        "residual_slots": 3,
        "hold_s": 1740,
        "made": 5000,
        "evicted": 2,
        "full": 0,
    },
    "audit": {
        "sample": 64,
        "opened": 640000,
        "opened_error": 12446.0,
        "broken": 0,
        "broken_error": 192.0,
        "lost": 64,
        "lost_error": 124.5,
        "moved": 0,
        "moved_error": 192.0,
    },
    "reasons": {
        "forward_tx": 123456,
        "pass_not_vip": 9,
        "drop_no_backend": 0,
        "drop_no_next_hop": 12,
        "drop_of_a_newer_agent": 1,
    },
}

INTERFACES_TEXT = """
    INTERFACE  STATE         XDP       MTU  MAC
    eth0       up            native   1500  52:54:00:12:34:56
    eth1       link down     generic  9000  52:54:00:12:34:57
    eth2       not attached  generic     -  -
"""
VIPS_TEXT = """
    VIP           ADDRESSES                          PROTO  PORTS             FORWARD  AFFINITY            POOL       PACKETS    BYTES
    web-external  203.0.113.10,203.0.113.11,+3 more  tcp    80,443,5088-5089  ipip     source /32 /64 30m  front-end   123456  1.2 GiB
    dns           203.0.113.53                       udp    53                dsr      tcp                 spare            0      0 B
"""
FRONT_END_TEXT = """
    Pool front-end: 1 of 3 backends usable, maglev, check web, generation 3
      BACKEND  ADDRESS         STATE  SINCE  WEIGHT  SHARE  CONNECTIONS  RECORDS          LEFT  PACKETS  NEXT HOP                 CHECK
      fe1      10.1.0.11       up     2m13s     100  50.0%   6400 ±1244        0             -     1000  ok                       HTTP 200 in 3 ms
      fe2      10.1.0.12       drain     1h     100   0.0%     640 ±393      612  ~4m5s, 1h30m     2000  neighbour failed (eth0)  HTTP 200 in 3 ms
      fe3      2001:db8:1::13  down      7s       5   0.0%         <192        0             -     3000  no route                 connection refused
"""


# --- what each verb prints -------------------------------------------------------


def test_status(api):
    api.serve("GET", "/v1/status", STATUS)
    shows(
        limpet("status", socket=api.socket),
        lines(
            """
    limpetd 0.1.0, up 1d2h, generation 7, /etc/limpet/limpet.yaml
    2 VIPs, 2 pools, backends: 1 up, 1 drain, 1 down, 2 without a next hop
    broken connections 0, clients moved 0, of 640000 ±12446 connections (1 in 64 is followed)
    records 1200 of 2097152, 40 slots moving for 29m yet, 3 residual
"""
        )
        + "\n"
        + lines(INTERFACES_TEXT)
        + "\n"
        + lines(VIPS_TEXT)
        + "\n"
        + lines(FRONT_END_TEXT)
        + "\n"
        + lines(
            """
    Pool spare: 0 of 0 backends usable, rendezvous, no check, generation 1

    DROPPED                PACKETS  BECAUSE
    drop_no_next_hop            12  route or neighbour of the backend is not known
    drop_of_a_newer_agent        1
"""
        ),
    )
    assert api.asked() == [("GET", "/v1/status")]


def test_status_says_nothing_of_drops_when_there_are_none(api):
    reasons = {"forward_tx": 5, "drop_no_next_hop": 0}
    api.serve("GET", "/v1/status", {**STATUS, "reasons": reasons})
    result = limpet("status", socket=api.socket)
    assert result.returncode == DONE
    assert "DROPPED" not in result.stdout


def test_status_of_an_idle_agent(api):
    records = {"capacity": 2097152, "connections": 0, "clients": 0, "moving_slots": 0, "residual_slots": 0}
    idle = {
        **STATUS,
        "interfaces": INTERFACES[:1],
        "vips": [],
        "pools": [],
        "reasons": {},
        "records": records,
    }
    api.serve("GET", "/v1/status", idle)
    shows(
        limpet("status", socket=api.socket),
        """
    limpetd 0.1.0, up 1d2h, generation 7, /etc/limpet/limpet.yaml
    0 VIPs, 0 pools, backends: 0 up
    broken connections 0, clients moved 0, of 640000 ±12446 connections (1 in 64 is followed)
    records 0 of 2097152, 0 slots moving, 0 residual

    INTERFACE  STATE  XDP      MTU  MAC
    eth0       up     native  1500  52:54:00:12:34:56
""",
    )


def test_status_of_broken_promises(api):
    audit = {**STATUS["audit"], "broken": 128, "broken_error": 176.02, "moved": 64, "moved_error": 124.5}
    records = {**STATUS["records"], "full": 12, "moving_slots": 0, "hold_s": None}
    api.serve("GET", "/v1/status", {**STATUS, "audit": audit, "records": records})
    output = limpet("status", socket=api.socket).stdout.split("\n")
    assert output[2] == (
        "broken connections 128 ±176, clients moved 64 ±124, "
        "of 640000 ±12446 connections (1 in 64 is followed)"
    )
    assert output[3] == "records 1200 of 2097152, 0 slots moving, 3 residual, some found no room"


def test_status_of_an_agent_without_audit(api):
    older = {key: value for key, value in STATUS.items() if key not in ("audit", "records")}
    api.serve("GET", "/v1/status", older)
    output = limpet("status", socket=api.socket).stdout.split("\n")
    assert output[2] == ""


def test_status_of_many_shows_those_in_trouble(api):
    backends = [backend("b%03d" % n, n) for n in range(100)]
    for n in (10, 50, 99):
        backends[n].update(state="down", healthy=False)
    pool = {**FRONT_END, "backends": backends, "usable": 97}
    vips = [{**DNS, "name": "dns%02d" % n} for n in range(25)]
    api.serve("GET", "/v1/status", {**STATUS, "vips": vips, "pools": [pool]})
    output = limpet("status", socket=api.socket).stdout
    assert [row.split()[0] for row in output.split("\n") if row.startswith("  b")] == [
        "b010",
        "b050",
        "b099",
    ]
    assert "  and 97 more, 0 of them in trouble: limpet pool show front-end\n" in output
    assert "dns19" in output and "dns20" not in output
    assert "and 5 more: limpet vip list\n" in output


def test_status_counts_one_as_one(api):
    api.serve("GET", "/v1/status", {**STATUS, "vips": [DNS], "pools": [SPARE]})
    output = limpet("status", socket=api.socket).stdout
    assert output.split("\n")[1] == "1 VIP, 1 pool, backends: 0 up"


def test_status_of_a_disaster_fits_on_a_screen(api):
    backends = [backend("b%03d" % n, n, state="down", healthy=False) for n in range(100)]
    pool = {**FRONT_END, "backends": backends, "usable": 0}
    api.serve("GET", "/v1/status", {**STATUS, "pools": [pool]})
    output = limpet("status", socket=api.socket).stdout
    assert sum(row.startswith("  b") for row in output.split("\n")) == 20
    assert "  and 80 more, 80 of them in trouble: limpet pool show front-end\n" in output


def test_vip_list(api):
    api.serve("GET", "/v1/vips", {"vips": [WEB, DNS]})
    shows(limpet("vip", "list", socket=api.socket), VIPS_TEXT)


def test_vip_show(api):
    api.serve("GET", "/v1/vips/web-external", WEB)
    shows(
        limpet("vip", "show", "web-external", socket=api.socket),
        """
    vip        web-external (number 1)
    addresses  203.0.113.10, 203.0.113.11, 203.0.113.12, 203.0.113.13, 2001:db8::10
    protocol   tcp
    ports      80, 443, 5088-5089
    pool       front-end
    forward    ipip
    affinity   source: one client is a /32 of IPv4 or a /64 of IPv6, remembered for 30m
    ping       reply
    packets    123456
    bytes      1.2 GiB
""",
    )


def test_pool_list(api):
    api.serve("GET", "/v1/pools", {"pools": [FRONT_END, SPARE]})
    shows(
        limpet("pool", "list", socket=api.socket),
        """
    POOL       HASH        CHECK  USABLE  BACKENDS  GENERATION
    front-end  maglev      web         1         3           3
    spare      rendezvous  -           0         0           1
""",
    )


def test_pool_show(api):
    api.serve("GET", "/v1/pools/front-end", FRONT_END)
    shows(
        limpet("pool", "show", "front-end", socket=api.socket),
        lines(FRONT_END_TEXT)
        + """
  BACKEND  NUMBER  SLOTS  SHARE    DUE  PACKETS    BYTES  BY    MAC
  fe1           1  32768  50.0%  50.0%     1000  1.4 MiB  eth0  52:54:00:00:00:01
  fe2           2      0   0.0%   0.0%     2000  2.9 MiB  eth0  -
  fe3           3      0   0.0%   0.0%     3000  4.3 MiB  -     -

  BACKEND  CHECKS  FAILURES  FLAPS  IN 1H  STREAK  LATENCY   LATE   AGO  LAST
  fe1         100         1      0      0       0    3.2ms  100us  5h1m  HTTP 200 in 3 ms
  fe2         100         1      0      0       0    3.2ms  100us  5h1m  HTTP 200 in 3 ms
  fe3         100       100      2      0       3        -  100us  5h1m  connection refused
""",
    )


def test_pool_show_of_what_has_been(api):
    """Certificates and transitions have their place where there are any."""
    flapping = check(
        "HTTP 200 in 3 ms",
        flaps=3,
        flaps_1h=2,
        certificate_days=41,
        transitions=[
            {"at": At(-2 * 3600 - 60), "state": "up", "why": "HTTP 200 in 4 ms"},
            {"at": At(-3 * 3600 - 60), "state": "down", "why": "connection refused"},
        ],
    )
    backends = [
        backend("fe1", 1, check=flapping),
        backend("fe2", 2, check=check("HTTP 200 in 3 ms", certificate_days=-1)),
        backend("fe3", 3, check=check("HTTP 200 in 3 ms", certificate_days=0)),
    ]
    api.serve("GET", "/v1/pools/front-end", {**FRONT_END, "backends": backends})
    output = limpet("pool", "show", "front-end", socket=api.socket).stdout
    assert "ok        HTTP 200 in 3 ms (2 flaps in 1h)\n" in output
    assert output.endswith(
        lines(
            """
  BACKEND  CHECKS  FAILURES  FLAPS  IN 1H  STREAK  LATENCY   LATE  CERTIFICATE   AGO  LAST
  fe1         100         1      3      2       0    3.2ms  100us      41 days  5h1m  HTTP 200 in 3 ms
  fe2         100         1      0      0       0    3.2ms  100us      expired  5h1m  HTTP 200 in 3 ms
  fe3         100         1      0      0       0    3.2ms  100us       0 days  5h1m  HTTP 200 in 3 ms
"""
        ).replace("BACKEND", "  BACKEND").replace("fe", "  fe")
        + "\n  BACKEND   AGO  BECAME  WHY\n"
        + "  fe1      2h1m  up      HTTP 200 in 4 ms\n"
        + "  fe1      3h1m  down    connection refused\n"
    )


def test_status_of_checks(api):
    health = {"targets": 40, "late_max_s": 0.0012, "verdicts": 7, "verdict_max_s": 0.0031}
    api.serve("GET", "/v1/status", {**STATUS, "health": health})
    output = limpet("status", socket=api.socket).stdout
    assert (
        "checks of 40 backends, at most 1.2ms late, verdicts in the datapath within 3.1ms\n"
        in output
    )


def test_pool_show_without_checks(api):
    pool = {**FRONT_END, "check": None, "backends": [backend("fe1", 1, check=None)]}
    api.serve("GET", "/v1/pools/front-end", pool)
    shows(
        limpet("pool", "show", "front-end", socket=api.socket),
        """
    Pool front-end: 1 of 1 backends usable, maglev, no check, generation 3
      BACKEND  ADDRESS    STATE  SINCE  WEIGHT  SHARE  CONNECTIONS  PACKETS  NEXT HOP  CHECK
      fe1      10.1.0.11  up     2m13s     100  50.0%   6400 ±1244     1000  ok        -

      BACKEND  NUMBER  SLOTS  SHARE    DUE  PACKETS    BYTES  BY    MAC
      fe1           1  32768  50.0%  50.0%     1000  1.4 MiB  eth0  52:54:00:00:00:01
""",
    )


def test_pool_show_of_an_ill_backend_in_drain(api):
    pool = {**FRONT_END, "backends": [backend("fe1", 1, state="drain", healthy=False)]}
    api.serve("GET", "/v1/pools/front-end", pool)
    output = limpet("pool", "show", "front-end", socket=api.socket).stdout
    assert "fe1      10.1.0.11  drain, down  2m13s" in output


# Seconds until the deadline (what is shown is good for a minute), more of the document,
# cells BACKEND and LEFT.
LEFT = [
    (5459, {"eta_s": 9000}, "fe1", "1h30m"),
    (5459, {"eta_s": 5000}, "fe1", "~1h23m, 1h30m"),
    (5459, {"eta_s": 0}, "fe1", "~0s, 1h30m"),
    (5459, {"leaving": True}, "fe1 (leaving)", "1h30m"),
    (-5, {"eta_s": 0, "expired": True}, "fe1", "over"),
    (-5, {}, "fe1", "0s"),
]


@pytest.mark.parametrize("seconds, more, name, left", LEFT, ids=range(len(LEFT)))
def test_pool_show_of_what_is_left(api, seconds, more, name, left):
    one = backend("fe1", 1, state="offline", deadline_at=At(seconds), **more)
    api.serve("GET", "/v1/pools/front-end", {**FRONT_END, "backends": [one]})
    output = limpet("pool", "show", "front-end", socket=api.socket).stdout.split("\n")
    assert output[1].split() == (
        "BACKEND ADDRESS STATE SINCE WEIGHT SHARE CONNECTIONS RECORDS LEFT PACKETS NEXT HOP CHECK".split()
    )
    row = "%s 10.1.0.11 offline 2m13s 100 50.0%% 6400 ±1244 0 %s 1000 ok HTTP 200 in 3 ms" % (name, left)
    assert output[2].split() == row.split()


def test_interface_list(api):
    api.serve("GET", "/v1/interfaces", {"interfaces": INTERFACES})
    shows(limpet("interface", "list", socket=api.socket), INTERFACES_TEXT)


REASONS = {
    "reasons": [
        {"name": "forward_tx", "class": "forward", "text": "sent to a backend", "packets": 123456},
        {"name": "drop_too_big", "class": "drop", "text": "larger than the MTU", "packets": 12},
    ]
}


def test_reasons(api):
    api.serve("GET", "/v1/reasons", REASONS)
    shows(
        limpet("reasons", socket=api.socket),
        """
    VERDICT       CLASS    PACKETS  MEANING
    forward_tx    forward   123456  sent to a backend
    drop_too_big  drop          12  larger than the MTU
""",
    )


def test_backend_drain(api):
    api.serve("POST", "/v1/backends/front-end/fe1", backend("fe1", 1, state="drain"))
    shows(limpet("backend", "drain", "front-end/fe1", socket=api.socket), "front-end/fe1: drain, 6400 ±1244 connections")
    ((method, path, body, headers),) = api.requests
    assert (method, path) == ("POST", "/v1/backends/front-end/fe1")
    assert json.loads(body) == {"action": "drain"}
    assert headers["Content-Type"] == "application/json"


def test_backend_enable(api):
    api.serve("POST", "/v1/backends/front-end/fe3", FRONT_END["backends"][2])
    shows(
        limpet("backend", "enable", "front-end/fe3", socket=api.socket),
        "front-end/fe3: down, connection refused",
    )
    assert json.loads(api.requests[0][2]) == {"action": "enable"}


def test_backend_offline(api):
    document = backend("fe1", 1, state="offline", deadline_at=At(6000))
    api.serve("POST", "/v1/backends/front-end/fe1", document)
    result = limpet("backend", "offline", "front-end/fe1", socket=api.socket)
    assert (result.returncode, result.stderr) == (DONE, "")
    assert result.stdout in (
        "front-end/fe1: offline, 6400 ±1244 connections, deadline in 1h40m\n",
        "front-end/fe1: offline, 6400 ±1244 connections, deadline in 1h39m\n",
    )
    assert json.loads(api.requests[0][2]) == {"action": "offline"}


def weighed(**more):
    return backend("fe1", 1, weight=50, config_weight=100, weight_set=True, **more)


def test_backend_weight(api):
    where = "/v1/backends/front-end/fe1"
    api.serve("POST", where, weighed(weight_until_at=None))
    shows(
        limpet("backend", "weight", "front-end/fe1", "50", socket=api.socket),
        "front-end/fe1: up, weight 50 instead of 100",
    )
    assert json.loads(api.requests[-1][2]) == {"action": "weight", "weight": 50}
    api.serve("POST", where, weighed(weight_until_at=At(3659)))
    output = limpet("backend", "weight", "front-end/fe1", "50", "--for", "1h", socket=api.socket)
    assert "weight 50 instead of 100 for 1h" in output.stdout
    assert json.loads(api.requests[-1][2]) == {"action": "weight", "weight": 50, "for_s": 3600}
    api.serve("POST", where, backend("fe1", 1, slow_start={"part": 0.2, "left_s": 48}))
    shows(
        limpet("backend", "weight", "front-end/fe1", "config", socket=api.socket),
        "front-end/fe1: up, slow start for 48s",
    )
    assert json.loads(api.requests[-1][2]) == {"action": "weight", "weight": None}


def test_pool_show_of_weights_and_drains(api):
    basis = {"first": 1280, "last": 640, "over_s": 300}
    rows = [
        weighed(weight_until_at=At(3659)),
        backend("fe2", 2, slow_start={"part": 0.2857, "left_s": 40}),
        backend("fe3", 3, backup=True, slots=0, share=0.0, in_use=False),
        backend("fe4", 4, state="drain", deadline_at=At(5459), eta_s=245, eta_basis=basis),
    ]
    api.serve("GET", "/v1/pools/front-end", {**FRONT_END, "backends": rows})
    output = limpet("pool", "show", "front-end", socket=api.socket).stdout
    assert "50 (100 in 1h)" in output
    assert "100, 29%" in output
    assert "fe3 (backup)" in output
    assert "fe4: 640 connections, 1280 of them 5m ago: at that rate none in 4m5s" in output


@pytest.mark.parametrize("action", ["drain", "offline"])
@pytest.mark.parametrize(
    "words, seconds",
    [
        (["front-end/fe1", "--deadline", "10m"], 600),
        (["--deadline=90s", "front-end/fe1"], 90),
        (["--deadline", "1500ms", "--", "front-end/fe1"], 1.5),
        (["front-end/fe1", "--deadline", "365d"], 365 * 86400),
    ],
)
def test_backend_deadline(api, action, words, seconds):
    api.serve("POST", "/v1/backends/front-end/fe1", backend("fe1", 1, state=action))
    assert limpet("backend", action, *words, socket=api.socket).returncode == DONE
    assert json.loads(api.requests[0][2]) == {"action": action, "deadline_s": seconds}


def test_config_show(api):
    document = {"file": "/etc/limpet/limpet.yaml", "loaded_at": 1, "text": "seed: s\r\nvips:\n\t# é"}
    api.serve("GET", "/v1/config", document)
    result = subprocess.run(
        [str(LIMPET), "--socket", api.socket, "config", "show"], stdout=subprocess.PIPE, timeout=60
    )
    assert (result.returncode, result.stdout) == (DONE, "seed: s\r\nvips:\n\t# é\n".encode())


def test_reload(api):
    api.serve("POST", "/v1/reload", {"generation": 8, "changes": ["pool spare added", "vip x gone"]})
    shows(
        limpet("reload", socket=api.socket),
        """
    generation 8, 2 changes:
      pool spare added
      vip x gone
""",
    )
    assert api.requests[0][2] == b""


def test_reload_of_one_change_and_of_none(api):
    api.serve("POST", "/v1/reload", {"generation": 8, "changes": ["pool spare added"]})
    assert limpet("reload", socket=api.socket).stdout.startswith("generation 8, 1 change:\n")
    api.serve("POST", "/v1/reload", {"generation": 8, "changes": []})
    shows(limpet("reload", socket=api.socket), "generation 8, nothing changed")


EXPLANATION = {
    "vip": "web-external",
    "address": "2001:db8::10",
    "port": 443,
    "protocol": "tcp",
    "source": "2001:db8:9::1",
    "source_port": 40000,
    "affinity": "source",
    "key": "2001:db8:9::/64",
    "hash": "9f3c2a",
    "slot": 40764,
    "slot_state": "settled",
    "pool": "front-end",
    "generation": 3,
    "backend": "fe1",
    "backend_address": "10.1.0.11",
    "forward": "ipip",
    "next_hop": {"state": "ok", "interface": "eth0", "mac": "52:54:00:00:00:01"},
    "verdict": "forward_tx",
    "text": "2001:db8:9::/64 is answered by fe1.",
}


def test_explain(api):
    path = "/v1/explain?vip=web-external&source=2001%3Adb8%3A9%3A%3A1&port=443&source_port=40000"
    api.serve("GET", path, EXPLANATION)
    shows(
        limpet("explain", "web-external:443", "[2001:db8:9:0::1]:40000", socket=api.socket),
        """
    2001:db8:9::/64 is answered by fe1.

    vip       web-external
    address   [2001:db8::10]:443
    protocol  tcp
    source    [2001:db8:9::1]:40000
    affinity  source
    key       2001:db8:9::/64
    hash      9f3c2a
    slot      40764, settled, of pool front-end, generation 3
    backend   fe1, 10.1.0.11
    forward   ipip
    next hop  ok, 52:54:00:00:00:01 by eth0
    verdict   forward_tx
""",
    )


def test_explain_without_ports_and_backend(api):
    document = {
        **EXPLANATION,
        "address": "203.0.113.10",
        "source": "198.51.100.7",
        "source_port": None,
        "backend": None,
        "backend_address": None,
        "next_hop": None,
        "verdict": "drop_no_backend",
        "text": "Nobody answers.",
    }
    api.serve("GET", "/v1/explain?vip=203.0.113.10&source=198.51.100.7", document)
    shows(
        limpet("explain", "203.0.113.10", "198.51.100.7", socket=api.socket),
        """
    Nobody answers.

    vip       web-external
    address   203.0.113.10:443
    protocol  tcp
    source    198.51.100.7
    affinity  source
    key       2001:db8:9::/64
    hash      9f3c2a
    slot      40764, settled, of pool front-end, generation 3
    backend   none
    forward   ipip
    next hop  -
    verdict   drop_no_backend
""",
    )


AFFINITY = {
    **EXPLANATION,
    "proxy": False,
    "slot_state": "moving",
    "slot_since_s": 95,
    "slot_backend": "fe2",
    "previous": "fe1",
    "opening": "fe2",
    "established": "fe1",
    "record": {
        "kind": "connection",
        "backend": "fe1",
        "confirmed": True,
        "opening": False,
        "age_s": 61,
        "expires_in_s": 1700,
        "valid": True,
        "why_not": None,
    },
    "client_record": {
        "kind": "client",
        "backend": "fe1",
        "confirmed": False,
        "opening": False,
        "age_s": 62,
        "expires_in_s": -3,
        "valid": False,
        "why_not": "its backend is offline",
    },
    "last_change": {
        "at": At(-7260),
        "generation": 3,
        "text": "operator took offline front-end/fe1",
        "moved_slots": 21845,
    },
}


def test_explain_of_a_moving_slot(api):
    api.serve("GET", "/v1/explain?vip=dns&source=192.0.2.1", AFFINITY)
    shows(
        limpet("explain", "dns", "192.0.2.1", socket=api.socket),
        """
    2001:db8:9::/64 is answered by fe1.

    vip          web-external
    address      [2001:db8::10]:443
    protocol     tcp
    source       [2001:db8:9::1]:40000
    affinity     source
    key          2001:db8:9::/64
    hash         9f3c2a
    slot         40764, moving for 1m35s, of pool front-end, generation 3
    previous     fe1
    moved by     operator took offline front-end/fe1, 2h1m ago, generation 3
    record       connection: fe1, confirmed, made 1m1s ago, expires in 28m20s
    record       client: fe1, unconfirmed, made 1m2s ago, expired; not asked: its backend is offline
    backend      fe1, 10.1.0.11
    opening      fe2
    established  fe1
    forward      ipip
    next hop     ok, 52:54:00:00:00:01 by eth0
    verdict      forward_tx
""",
    )


def test_explain_of_a_proxy(api):
    document = {**AFFINITY, "proxy": True, "affinity": "tcp", "record": None, "client_record": None}
    api.serve("GET", "/v1/explain?vip=dns&source=192.0.2.1", document)
    output = limpet("explain", "dns", "192.0.2.1", socket=api.socket).stdout
    assert "\naffinity     tcp, because the source is a proxy\n" in output
    assert "\nrecord       none\n" in output
    assert output.count("\nrecord ") == 1


def record(source, **more):
    document = {
        "kind": "connection",
        "source": source,
        "source_port": 40000,
        "port": 443,
        "vip": "web-external",
        "backend": "fe1",
        "pool": "front-end",
        "slot": 40764,
        "state": "moving",
        "confirmed": True,
        "opening": False,
        "valid": True,
        "age_s": 61,
        "expires_in_s": 1700,
        "differs": True,
    }
    document.update(more)
    return document


CLIENT = {"kind": "client", "source_port": None, "port": None}
RECORDS = [
    record("192.0.2.1"),
    record("2001:db8::1", confirmed=False, opening=True, differs=False, state="residual"),
    record("2001:db8:9::/64", **CLIENT, confirmed=False, expires_in_s=0, state="settled"),
    record("192.0.2.0/24", **CLIENT, vip=None, backend=None, valid=False),
]


def test_records(api):
    api.serve("GET", "/v1/records?limit=100", {"records": RECORDS, "next": None})
    shows(
        limpet("records", socket=api.socket),
        """
    KIND        SOURCE               VIP           PORT  BACKEND   SLOT  STATE      AGE  EXPIRES  MARKS
    connection  192.0.2.1:40000      web-external   443  fe1      40764  moving    1m1s   28m20s  confirmed, differs
    connection  [2001:db8::1]:40000  web-external   443  fe1      40764  residual  1m1s   28m20s  half-open
    client      2001:db8:9::/64      web-external     -  fe1      40764  settled   1m1s  expired  unconfirmed, differs
    client      192.0.2.0/24         -                -  -        40764  moving    1m1s   28m20s  confirmed, differs, void
""",
    )


def test_records_page_by_page(api):
    """Empty pages are no end; of the last one only as many as are still wanted."""
    query = "vip=web&source=192.0.2.0%2F24&limit="
    api.serve("GET", "/v1/records?%s3" % query, {"records": RECORDS[:2], "next": 131072})
    api.serve("GET", "/v1/records?%s1&cursor=131072" % query, {"records": [], "next": 262144})
    api.serve("GET", "/v1/records?%s1&cursor=262144" % query, {"records": RECORDS[3:], "next": 262150})
    words = ["records", "--vip", "web", "--source=192.0.2.0/24", "--limit", "3"]
    output = limpet(*words, socket=api.socket).stdout.split("\n")
    assert [row.split()[0] for row in output[:4]] == ["KIND", "connection", "connection", "client"]
    assert output[4] == "the first 3; there may be more: limpet records --limit N"
    assert len(api.requests) == 3
    result = limpet("--json", *words, socket=api.socket)
    assert json.loads(result.stdout) == {"records": RECORDS[:2] + RECORDS[3:], "next": 262150}


def test_records_end_even_if_the_cursor_does_not(api):
    api.serve("GET", "/v1/records?limit=100", {"records": [], "next": 5})
    api.serve("GET", "/v1/records?limit=100&cursor=5", {"records": [], "next": 5})
    result = limpet("--json", "records", socket=api.socket)
    assert json.loads(result.stdout) == {"records": [], "next": None}
    assert len(api.requests) == 2


def test_records_ask_for_no_more_than_the_api_gives(api):
    api.serve("GET", "/v1/records?limit=10000", {"records": [], "next": None})
    shows(
        limpet("records", "--limit", "100000", socket=api.socket),
        "KIND  SOURCE  VIP  PORT  BACKEND  SLOT  STATE  AGE  EXPIRES  MARKS",
    )


FLUSHES = [
    (["--all"], {"all": True}),
    (["--vip", "web"], {"vip": "web"}),
    (["--source", "192.0.2.1"], {"source": "192.0.2.1"}),
    (["--source=2001:db8::/32", "--vip=web"], {"vip": "web", "source": "2001:db8::/32"}),
]


@pytest.mark.parametrize("words, body", FLUSHES, ids=[" ".join(case[0]) for case in FLUSHES])
def test_records_flush(api, words, body):
    api.serve("POST", "/v1/records/flush", {"dropped": 1, "next": None})
    shows(limpet("records", "flush", *words, socket=api.socket), "1 record dropped")
    assert [json.loads(request[2]) for request in api.requests] == [body]


def test_records_flush_step_by_step(api):
    answers = iter([(5, 131072), (0, 262144), (7, None)])
    serve = api.serve

    def next_answer():
        dropped, cursor = next(answers)
        serve("POST", "/v1/records/flush", {"dropped": dropped, "next": cursor})

    class Requests(list):
        def append(self, request):
            super().append(request)
            next_answer()

    api.requests = Requests()
    result = limpet("--json", "records", "flush", "--all", socket=api.socket)
    assert json.loads(result.stdout) == {"dropped": 12}
    assert [json.loads(request[2]) for request in api.requests] == [
        {"all": True},
        {"all": True, "cursor": 131072},
        {"all": True, "cursor": 262144},
    ]


AUDIT = {
    "sample": 64,
    "since_at": At(-9000),
    "pools": [
        {
            "pool": "front-end",
            "generation": 3,
            "opened": 640000,
            "opened_error": 12446.0,
            "broken": 0,
            "broken_error": 192.0,
            "lost": 128,
            "lost_error": 176.02,
            "moved": 64,
            "moved_error": 124.5,
            "connections": 6400,
            "connections_error": 1244.56,
            "backends": [],
        }
    ],
    "ledger": [
        {
            "pool": "front-end",
            "generation": 2,
            "change": "operator drained front-end/fe2; deadline of front-end/fe2 passed",
            "first_at": At(-7261),
            "last_at": At(-3661),
            "broken": 0,
            "broken_error": 192.0,
            "lost": 128,
            "lost_error": 176.02,
            "moved": 64,
            "moved_error": 124.5,
        },
        {
            "pool": "front-end",
            "generation": None,
            "change": None,
            "first_at": None,
            "last_at": None,
            "broken": 64,
            "broken_error": 124.5,
            "lost": 0,
            "lost_error": 192.0,
            "moved": 0,
            "moved_error": 192.0,
        },
    ],
    "heavy_sources": [
        {
            "source": "203.0.113.9/32",
            "vip": "web-external",
            "proxy": True,
            "share": 0.4,
            "connections": 2560,
            "connections_error": 787.1,
        },
        {
            "source": "2001:db8::/64",
            "vip": None,
            "proxy": False,
            "share": 0.01,
            "connections": 64,
            "connections_error": 124.5,
        },
    ],
}


def test_audit(api):
    api.serve("GET", "/v1/audit", AUDIT)
    shows(
        limpet("audit", socket=api.socket),
        """
    One connection and one client in 64 is followed; numbers are estimates.

    POOL       GENERATION         OPENED  BROKEN      LOST  CLIENTS MOVED      LIVING
    front-end           3  640000 ±12446    <192  128 ±176        64 ±124  6400 ±1244

    Connections that went elsewhere, by generation
    POOL       GENERATION   BROKEN      LOST  CLIENTS MOVED  FIRST  LAST  CHANGE
    front-end           2     <192  128 ±176        64 ±124   2h1m  1h1m  operator drained front-end/fe2; deadline of front-end/fe2 passed
    front-end           -  64 ±124      <192           <192      -     -  before limpetd started

    Sources with the most connections
    SOURCE          VIP              LIVING  SHARE  PROXY
    203.0.113.9/32  web-external  2560 ±787  40.0%  yes
    2001:db8::/64   -               64 ±124   1.0%  no
""",
    )


def test_audit_of_nothing(api):
    api.serve("GET", "/v1/audit", {**AUDIT, "ledger": [], "heavy_sources": []})
    output = limpet("audit", socket=api.socket).stdout
    assert output.endswith(
        "\n\nConnections that went elsewhere, by generation: none\n"
        "\nSources with the most connections: none\n"
    )


AGENT = {"version": "0.1.0", "abi": 1, "pid": 4711, "started_at": 1}


def test_version(api):
    api.serve("GET", "/v1/version", AGENT)
    shows(
        limpet("version", socket=api.socket), "limpet   %s\nlimpetd  0.1.0 (ABI 1, pid 4711)" % VERSION
    )
    result = limpet("--json", "version", socket=api.socket)
    assert json.loads(result.stdout) == {"limpet": VERSION, "limpetd": AGENT}


def test_version_without_agent(tmp_path):
    socket = str(tmp_path / "none.sock")
    error = (
        "limpetd does not run, or listens elsewhere: no socket at %s (--socket to say where)" % socket
    )
    fails(limpet("version", socket=socket), FAILED, error, "limpet  %s\n" % VERSION)
    result = limpet("--json", "version", socket=socket)
    assert result.returncode == FAILED
    assert json.loads(result.stdout) == {"limpet": VERSION, "limpetd": None}


# --- config check: no agent -------------------------------------------------------

CONFIG = """
seed: s
interfaces:
  - name: eth0
pools:
  p:
    backends:
      - { name: a, address: 10.0.0.1 }
      - { name: b, address: 10.0.0.2 }
vips:
  v:
    addresses: [203.0.113.1]
    protocol: tcp
    ports: ["80"]
    pool: p
    forward: ipip
"""


def test_config_check(tmp_path):
    file = tmp_path / "limpet.yaml"
    file.write_text(CONFIG)
    shows(limpet("config", "check", str(file)), "%s: ok: 1 VIP, 1 pool, 2 backends" % file)
    result = limpet("--json", "config", "check", str(file))
    assert result.returncode == DONE
    assert json.loads(result.stdout) == {"file": str(file), "vips": 1, "pools": 1, "backends": 2}


def test_config_check_of_a_wrong_file(tmp_path):
    file = tmp_path / "limpet.yaml"
    file.write_text(CONFIG.replace("ipip", "ipop"))
    result = limpet("config", "check", str(file))
    assert (result.returncode, result.stdout) == (FAILED, "")
    assert result.stderr.startswith("%s:16:14: " % file)
    assert '"ipop"' in result.stderr


def test_config_check_without_file(tmp_path):
    file = tmp_path / "none.yaml"
    result = limpet("config", "check", str(file))
    assert (result.returncode, result.stdout) == (FAILED, "")
    assert str(file) in result.stderr and "No such file" in result.stderr


# --- config plan and apply -----------------------------------------------------------

EXAMPLE = str(ROOT / "docs" / "examples" / "two-servers.yaml")


def counted(live, touched, **more):
    """Estimates and their errors."""
    keys = {"live": live, "touched": touched, **more}
    return {**keys, **{key + "_error": 192.0 if not n else 98.0 for key, n in keys.items()}}


TRAFFIC = {
    "connections": counted(640, 128, leaving=0, broken=64),
    "clients": counted(320, 64, moved=0),
}

PLAN = {
    "plan": "0123456789abcdef",
    "file": EXAMPLE,
    "generation": 7,
    "rekeyed": False,
    "grows": False,
    "changes": [
        {"kind": "added", "thing": "backend", "name": "web/b3", "text": "address: 10.0.0.3"},
        {"kind": "removed", "thing": "vip", "name": "old", "text": ""},
        {"kind": "changed", "thing": "seed", "name": "", "text": ""},
        {"kind": "changed", "thing": "vip", "name": "www", "text": "ports: -80"},
    ],
    "pools": [
        {"pool": "dns", "change": "stays", "slots": 65536, "slots_moved": 0, "moved_share": 0.0, **TRAFFIC},
        {"pool": "web", "change": "stays", "slots": 65536, "slots_moved": 16384, "moved_share": 0.25, **TRAFFIC},
    ],
    "vips": [{"vip": "www", "change": "stays", "moved_share": 0.25, **TRAFFIC}],
    "total": TRAFFIC,
    "moved_share": 0.25,
    "worst_vip": "www",
    "sample": 64,
    "max_moved": None,
    "refused": None,
}

PLAN_TEXT = """\
%s, against what is in force:
  + backend web/b3: address: 10.0.0.3
  - vip old
  ~ seed
  ~ vip www: ports: -80

POOL  CHANGE  SLOTS MOVED  SHARE
web   stays         16384  25.0%%

VIP  CHANGE  SHARE     LIVE  TOUCHED  LEAVING  BROKEN  CLIENTS  TOUCHED  MOVED
www  stays   25.0%%  640 ±98  128 ±98     <192  64 ±98  320 ±98   64 ±98   <192

Would break: 64 ±98 connections; would move: <192 clients.
""" % EXAMPLE

DIFF = {
    "running": "/tmp/new.yaml",
    "desired": "/etc/limpet/limpet.yaml",
    "changes": PLAN["changes"],
    "departures": [
        {"pool": "web", "backend": "b1", "state": "drain", "why": "an operator's decision", "deadline_at": None}
    ],
}


def test_config_plan(api):
    api.serve("POST", "/v1/config/plan", PLAN)
    result = limpet("config", "plan", EXAMPLE, "--max-moved", "0.5%", socket=api.socket)
    shows(result, PLAN_TEXT + "Nothing was changed. To apply exactly this: --planned 0123456789abcdef")
    body = json.loads(api.requests[-1][2])
    assert body == {"file": EXAMPLE, "text": pathlib.Path(EXAMPLE).read_text(), "max_moved": 0.005}


def test_config_plan_of_nothing(api):
    api.serve("POST", "/v1/config/plan", {**PLAN, "changes": [], "pools": [], "vips": []})
    result = limpet("config", "plan", EXAMPLE, socket=api.socket)
    assert result.stdout.startswith(EXAMPLE + ": nothing changes\n")
    assert "max_moved" not in json.loads(api.requests[-1][2])


def test_config_plan_with_everything(api):
    total = {**TRAFFIC, "connections": counted(640, 128, leaving=64, broken=0)}
    api.serve("POST", "/v1/config/plan", {**PLAN, "rekeyed": True, "grows": True, "total": total})
    text = limpet("config", "plan", EXAMPLE, socket=api.socket).stdout
    assert "64 ±98 connections stay until the drain_timeout of backends that leave.\n" in text
    assert "Another seed:" in text and "The tables grow:" in text


def test_config_plan_refused(api):
    api.serve("POST", "/v1/config/plan", {**PLAN, "refused": "VIP www: too\033 much"})
    result = limpet("config", "plan", EXAMPLE, socket=api.socket)
    assert result.returncode == FAILED and result.stdout.startswith(PLAN_TEXT)
    assert result.stderr == "limpet config plan: VIP www: too? much: nothing was changed\n"
    result = limpet("config", "apply", EXAMPLE, socket=api.socket)
    assert result.returncode == FAILED and result.stdout == PLAN_TEXT
    assert [path for _, path, _, _ in api.requests] == ["/v1/config/plan"] * 2


def test_config_apply(api):
    api.serve("POST", "/v1/config/plan", PLAN)
    api.serve("POST", "/v1/config/apply", {**PLAN, "applied": True, "saved": True, "generation": 8})
    result = limpet("config", "apply", EXAMPLE, socket=api.socket)
    shows(result, PLAN_TEXT + "In force: generation 8")
    assert json.loads(api.requests[-1][2])["plan"] == "0123456789abcdef"
    limpet("config", "apply", EXAMPLE, "--planned", "mine", socket=api.socket)
    assert json.loads(api.requests[-1][2])["plan"] == "mine"
    result = limpet("--json", "config", "apply", EXAMPLE, socket=api.socket)
    assert json.loads(result.stdout)["generation"] == 8
    api.serve("POST", "/v1/config/apply", {**PLAN, "applied": True, "saved": False, "generation": 8})
    assert "goes back to it" in limpet("config", "apply", EXAMPLE, socket=api.socket).stdout


def test_config_plan_without_file(api, tmp_path):
    result = limpet("config", "plan", str(tmp_path / "none"), socket=api.socket)
    assert result.returncode == FAILED and "none" in result.stderr and "No such file" in result.stderr
    (tmp_path / "latin").write_bytes(b"seed: \xe9\n")
    result = limpet("config", "apply", str(tmp_path / "latin"), socket=api.socket)
    fails(result, FAILED, "limpet config apply: %s: not UTF-8 text" % (tmp_path / "latin"))
    assert not api.requests


def test_config_show_diff(api):
    api.serve("GET", "/v1/config/diff", DIFF)
    shows(
        limpet("config", "show", "--diff", socket=api.socket),
        "From what is in force (/tmp/new.yaml) to /etc/limpet/limpet.yaml:\n"
        "  + backend web/b3: address: 10.0.0.3\n"
        "  - vip old\n"
        "  ~ seed\n"
        "  ~ vip www: ports: -80\n"
        "Backends that are not simply up:\n"
        "  web/b1: drain, an operator's decision",
    )
    api.serve("GET", "/v1/config/diff", {**DIFF, "changes": [], "departures": []})
    text = limpet("config", "show", "--diff", socket=api.socket).stdout
    assert "no difference\n" in text and "not simply up: none\n" in text


def test_config_show_desired(api):
    api.serve("GET", "/v1/config/desired", {"file": "f", "text": "seed: s\n"})
    assert limpet("config", "show", "--desired", socket=api.socket).stdout == "seed: s\n"


# --- JSON ------------------------------------------------------------------------

GETS = [
    (["config", "plan", EXAMPLE], "POST", "/v1/config/plan", PLAN),
    (["config", "show", "--diff"], "GET", "/v1/config/diff", DIFF),
    (["status"], "GET", "/v1/status", STATUS),
    (["vip", "list"], "GET", "/v1/vips", {"vips": [WEB, DNS]}),
    (["vip", "show", "dns"], "GET", "/v1/vips/dns", DNS),
    (["pool", "list"], "GET", "/v1/pools", {"pools": [FRONT_END, SPARE]}),
    (["pool", "show", "front-end"], "GET", "/v1/pools/front-end", FRONT_END),
    (["interface", "list"], "GET", "/v1/interfaces", {"interfaces": INTERFACES}),
    (["reasons"], "GET", "/v1/reasons", REASONS),
    (["config", "show"], "GET", "/v1/config", {"file": "f", "loaded_at": 1, "text": "seed: s\n"}),
    (
        ["explain", "dns", "192.0.2.1"],
        "GET",
        "/v1/explain?vip=dns&source=192.0.2.1",
        EXPLANATION,
    ),
    (["reload"], "POST", "/v1/reload", {"generation": 1, "changes": ["a"]}),
    (
        ["backend", "drain", "front-end/fe1"],
        "POST",
        "/v1/backends/front-end/fe1",
        FRONT_END["backends"][0],
    ),
    (["explain", "dns", "192.0.2.9"], "GET", "/v1/explain?vip=dns&source=192.0.2.9", AFFINITY),
    (["audit"], "GET", "/v1/audit", AUDIT),
    (["records"], "GET", "/v1/records?limit=100", {"records": RECORDS, "next": None}),
    (["records", "flush", "--all"], "POST", "/v1/records/flush", {"dropped": 12}),
    (
        ["backend", "offline", "front-end/fe1"],
        "POST",
        "/v1/backends/front-end/fe1",
        FRONT_END["backends"][1],
    ),
    (
        ["backend", "enable", "front-end/fe1"],
        "POST",
        "/v1/backends/front-end/fe1",
        FRONT_END["backends"][0],
    ),
]
IDS = [" ".join(case[0]) for case in GETS]


@pytest.mark.parametrize("command, method, path, document", GETS, ids=IDS)
def test_json_is_what_the_api_said(api, command, method, path, document):
    text = served(document)
    api.serve(method, path, text.encode())
    result = limpet("--json", *command, socket=api.socket)
    # The order of the keys as well; indented by two; numbers to the digit.
    expected = json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"
    assert (result.returncode, result.stdout, result.stderr) == (DONE, expected, "")


def test_json_keeps_large_and_small_numbers(api):
    text = b'{"packets": 9223372036854775807, "share": 0.1, "latency_s": 0.003, "e": 1e-07}'
    api.serve("GET", "/v1/vips/x", text)
    result = limpet("--json", "vip", "show", "x", socket=api.socket)
    for number in ("9223372036854775807", "0.1", "0.003"):
        assert ": %s,\n" % number in result.stdout
    assert json.loads(result.stdout) == json.loads(text)


# --- when things go wrong ----------------------------------------------------------


@pytest.mark.parametrize("command, method, path, document", GETS, ids=IDS)
@pytest.mark.parametrize("json_too", [False, True], ids=["text", "json"])
def test_api_errors_are_printed_as_they_are(api, command, method, path, document, json_too):
    error = "limpet.yaml:3:1: pols: no such key\n  3 | pols:\n    | ^~~~"
    api.serve(method, path, {"error": error}, status=422)
    options = ["--json"] if json_too else []
    fails(limpet(*options, *command, socket=api.socket), FAILED, error)


@pytest.mark.parametrize("command, method, path, document", GETS, ids=IDS)
def test_no_socket(tmp_path, command, method, path, document):
    socket = str(tmp_path / "none.sock")
    fails(
        limpet(*command, socket=socket),
        FAILED,
        "limpetd does not run, or listens elsewhere: no socket at %s (--socket to say where)" % socket,
    )


def test_default_socket_is_named():
    if pathlib.Path("/run/limpet/api.sock").exists():
        pytest.skip("a limpetd runs on this machine")
    fails(
        limpet("status"),
        FAILED,
        "limpetd does not run, or listens elsewhere: no socket at /run/limpet/api.sock "
        "(--socket to say where)",
    )


def test_nobody_listens(tmp_path):
    socket = tmp_path / "api.sock"
    server = socketserver.UnixStreamServer(str(socket), socketserver.BaseRequestHandler)
    server.server_close()  # the file stays, as after a crash
    fails(
        limpet("status", socket=str(socket)),
        FAILED,
        "limpetd does not run: nobody listens at %s (--socket to say where)" % socket,
    )


def test_permission_denied(api):
    if os.geteuid() != 0:
        pytest.skip("needs root, to become somebody who is not")
    directory = pathlib.Path(api.socket).parent
    directory.chmod(0o700)
    result = subprocess.run(
        [str(LIMPET), "--socket", "api.sock", "status"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        cwd=directory,
        user=65534,
        group=65534,
        extra_groups=[],
    )
    fails(
        result, FAILED, "permission denied: api.sock is for root and the socket's group"
    )


def test_path_too_long(tmp_path):
    socket = str(tmp_path / ("s" * 120))
    fails(limpet("status", socket=socket), FAILED, "%s: too long for a socket's path" % socket)


BAD_ANSWERS = [
    (200, b"<html>hello</html>", "was answered with something that is no JSON: "),
    (200, b"", "was answered with something that is no JSON: "),
    (200, b'{"vips": [', "was answered with something that is no JSON: "),
    (200, b'{"vips": []} trailing', "was answered with something that is no JSON: "),
    (200, b"\xff\xfe{}", "was answered with something that is no JSON: "),
    (200, b"[" * 100000, "was answered with something that is no JSON: "),
    (200, b"[1, 2]", "was answered with JSON that is no object"),
    (500, b"oops", "was answered with HTTP 500 and no reason"),
    (500, b'{"error": {"code": 1}}', "was answered with HTTP 500 and no reason"),
    (404, b"{}", "was answered with HTTP 404 and no reason"),
    (302, b"{}", "was answered with HTTP 302 and no reason"),
]


@pytest.mark.parametrize("status, body, words", BAD_ANSWERS, ids=range(len(BAD_ANSWERS)))
@pytest.mark.parametrize("command, method, path, document", GETS, ids=IDS)
def test_answers_that_are_not_the_apis(api, command, method, path, document, status, body, words):
    api.serve(method, path, body, status)
    result = limpet(*command, socket=api.socket)
    assert (result.returncode, result.stdout) == (FAILED, "")
    assert result.stderr.startswith("%s %s %s" % (method, path, words))
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("key", ["interfaces", "vips", "pools"])
def test_a_document_without_its_list(api, key):
    api.serve("GET", "/v1/status", {name: value for name, value in STATUS.items() if name != key})
    fails(
        limpet("status", socket=api.socket),
        FAILED,
        'limpet: no "%s" in limpetd\'s answer: is it of the same version? (limpet version)' % key,
    )


def wreck(document, value):
    """The document with each of its leaves replaced."""
    if isinstance(document, dict):
        return {key: wreck(item, value) for key, item in document.items()}
    if isinstance(document, list):
        return [wreck(item, value) for item in document]
    return value


@pytest.mark.parametrize("value", [None, -1, 1e300, "", [], {}, True], ids=repr)
@pytest.mark.parametrize("command, method, path, document", GETS, ids=IDS)
def test_keys_of_other_types_do_no_harm(api, command, method, path, document, value):
    api.serve(method, path, wreck(document, value))
    result = limpet(*command, socket=api.socket)
    if command == ["config", "show"] and value != "":
        assert result.returncode == FAILED
    else:
        assert (result.returncode, result.stderr) == (DONE, "")
    assert "nan" not in result.stdout and "(null)" not in result.stdout


def test_garbage_instead_of_http(tmp_path):
    class Garbage(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.recv(65536)
            self.request.sendall(b"\x00\x01\x02 not HTTP at all\r\n\r\n")

    socket = str(tmp_path / "api.sock")
    with socketserver.UnixStreamServer(socket, Garbage) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        result = limpet("status", socket=socket)
        thread.join()
    assert (result.returncode, result.stdout) == (FAILED, "")
    assert result.stderr.startswith("no answer from limpetd at %s: " % socket)


def test_connection_closed_without_answer(tmp_path):
    class Closes(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.recv(65536)

    socket = str(tmp_path / "api.sock")
    with socketserver.UnixStreamServer(socket, Closes) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        result = limpet("status", socket=socket)
        thread.join()
    assert (result.returncode, result.stdout) == (FAILED, "")
    assert result.stderr.startswith("no answer from limpetd at %s: " % socket)


def test_oversized_answer(api):
    limit = 128 << 20
    api.serve("GET", "/v1/status", b" " * (limit + 1))
    fails(
        limpet("status", socket=api.socket),
        FAILED,
        "what answers at %s sent more than %d bytes: that is not limpetd" % (api.socket, limit),
    )


def test_names_are_only_names(api):
    """Whatever is typed as a name stays one segment of the path."""
    limpet("vip", "show", "..", socket=api.socket)
    limpet("vip", "show", "../status?a=b#c", socket=api.socket)
    limpet("pool", "show", "é %2f", socket=api.socket)
    limpet("vip", "show", "--", "--json", socket=api.socket)
    assert [path for _, path in api.asked()] == [
        "/v1/vips/..",
        "/v1/vips/..%2Fstatus%3Fa%3Db%23c",
        "/v1/pools/%C3%A9%20%252f",
        "/v1/vips/--json",
    ]


def test_proxies_of_the_environment_are_ignored(api):
    api.serve("GET", "/v1/vips", {"vips": []})
    proxy = {"http_proxy": "http://127.0.0.1:9", "all_proxy": "socks5://127.0.0.1:9"}
    result = limpet("vip", "list", socket=api.socket, env=proxy)
    assert (result.returncode, result.stderr) == (DONE, "")


def test_unwritable_output(api):
    api.serve("GET", "/v1/status", STATUS)
    for options in ([], ["--json"]):
        with open("/dev/full", "w") as full:
            result = limpet(*options, "status", socket=api.socket, stdout=full)
        assert (result.returncode, result.stderr) == (FAILED, "limpet: cannot write the output\n")


# --- terminals -------------------------------------------------------------------


def on_terminal(*args, env=None):
    """What a terminal gets to see."""
    ours, theirs = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    process = subprocess.Popen(
        [str(LIMPET), *args],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={**environment, "TERM": "xterm", **(env or {})},
    )
    os.close(theirs)
    output = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:  # EIO: nobody has the other end any more
            break
        if not data:
            break
        output += data
    os.close(ours)
    assert process.wait(timeout=60) == DONE
    return output.decode()


def test_colour_on_a_terminal(api):
    api.serve("GET", "/v1/status", STATUS)
    output = on_terminal("--socket", api.socket, "status")
    assert "\033[32mup\033[0m" in output
    assert "\033[33mdrain\033[0m" in output
    assert "\033[1;31mdown\033[0m" in output
    assert "\033[1;31mdrop_no_next_hop\033[0m" in output
    assert "\033[1;31mno route\033[0m" in output
    assert "broken connections \033[32m0\033[0m, clients moved \033[32m0\033[0m" in output


def test_colour_of_broken_promises(api):
    audit = {**STATUS["audit"], "broken": 128, "broken_error": 176.02}
    api.serve("GET", "/v1/status", {**STATUS, "audit": audit})
    output = on_terminal("--socket", api.socket, "status")
    assert "broken connections \033[1;31m128 ±176\033[0m" in output


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_no_colour_for_those_who_want_none(api, env):
    api.serve("GET", "/v1/status", STATUS)
    output = on_terminal("--socket", api.socket, "status", env=env)
    assert "\033" not in output
    assert output.replace("\r\n", "\n") == limpet("status", socket=api.socket).stdout


def test_nothing_of_others_reaches_the_terminal_as_a_command(api):
    evil = check("\033]0;owned\007 \u009b31m \r\n")
    pool = {**FRONT_END, "backends": [backend("fe1", 1, check=evil)]}
    api.serve("GET", "/v1/pools/front-end", pool)
    output = limpet("pool", "show", "front-end", socket=api.socket).stdout
    assert "?]0;owned? ??31m ??" in output
    api.serve("GET", "/v1/pools/front-end", {"error": "a\033[2Jb\nc"}, status=500)
    fails(limpet("pool", "show", "front-end", socket=api.socket), FAILED, "a?[2Jb\nc")
    api.serve("POST", "/v1/reload", {"generation": 1, "changes": ["\033[2J"]})
    assert "\033" not in limpet("reload", socket=api.socket).stdout
    api.serve("GET", "/v1/config", {"text": "# \033[2J\n"})
    assert limpet("config", "show", socket=api.socket).stdout == "# ?[2J\n"


# --- wrong usage -----------------------------------------------------------------

WRONG = [
    ([], "limpet: a command is missing; see limpet --help"),
    (["nope"], 'limpet: "nope": no such command; see limpet --help'),
    (["--nope", "status"], 'limpet: "--nope": no such option; see limpet --help'),
    (["--socket"], 'limpet: "--socket": the path is missing; see limpet --help'),
    (["--socket=", "status"], 'limpet: "--socket": the path is missing; see limpet --help'),
    (["status", "x"], 'limpet status: "x": one argument too many; see limpet status --help'),
    (["status", "--all"], 'limpet status: "--all": no such option; see limpet status --help'),
    (
        ["status", "--json"],
        'limpet status: "--json" goes before the command; see limpet status --help',
    ),
    (
        ["vip", "list", "--socket=x"],
        'limpet vip list: "--socket=x" goes before the command; see limpet vip --help',
    ),
    (["vip"], "limpet vip: what to do is missing: list, show; see limpet vip --help"),
    (
        ["vip", "lst"],
        'limpet vip: "lst": no such command; there are list, show; see limpet vip --help',
    ),
    (["vip", "list", "x"], 'limpet vip list: "x": one argument too many; see limpet vip --help'),
    (["vip", "show"], "limpet vip show: NAME is missing; see limpet vip --help"),
    (["vip", "show", ""], 'limpet vip show: "": NAME is empty; see limpet vip --help'),
    (["vip", "show", "a", "b"], 'limpet vip show: "b": one argument too many; see limpet vip --help'),
    (["pool"], "limpet pool: what to do is missing: list, show; see limpet pool --help"),
    (
        ["pool", "shw"],
        'limpet pool: "shw": no such command; there are list, show; see limpet pool --help',
    ),
    (["pool", "show"], "limpet pool show: NAME is missing; see limpet pool --help"),
    (["pool", "list", "x"], 'limpet pool list: "x": one argument too many; see limpet pool --help'),
    (["interface"], "limpet interface: what to do is missing: list; see limpet interface --help"),
    (
        ["interface", "show"],
        'limpet interface: "show": no such command; there are list; see limpet interface --help',
    ),
    (
        ["interface", "list", "x"],
        'limpet interface list: "x": one argument too many; see limpet interface --help',
    ),
    (
        ["backend"],
        "limpet backend: what to do is missing: drain, offline, enable, weight; see limpet backend --help",
    ),
    (
        ["backend", "stop", "p/b"],
        'limpet backend: "stop": no such command; there are drain, offline, enable, weight; '
        "see limpet backend --help",
    ),
    (
        ["backend", "drain", "p/b", "--deadline", "soon"],
        'limpet backend drain: --deadline "soon" is not a duration, like 10m (units: ms, s, m, h, d); '
        "see limpet backend --help",
    ),
    (
        ["backend", "offline", "p/b", "--deadline", "0s"],
        'limpet backend offline: --deadline "0s": must be above 0, up to 365d; see limpet backend --help',
    ),
    (
        ["backend", "offline", "p/b", "--deadline=366d"],
        'limpet backend offline: --deadline "366d": must be above 0, up to 365d; '
        "see limpet backend --help",
    ),
    (
        ["backend", "drain", "p/b", "--deadline"],
        'limpet backend drain: "--deadline": its value is missing; see limpet backend --help',
    ),
    (
        ["backend", "drain", "p/b", "--deadline", "1m", "--deadline=2m"],
        'limpet backend drain: "--deadline" is given twice; see limpet backend --help',
    ),
    (
        ["backend", "enable", "p/b", "--deadline=10m"],
        'limpet backend enable: "--deadline=10m": no such option; see limpet backend --help',
    ),
    (["records", "x"], 'limpet records: "x": one argument too many; see limpet records --help'),
    (["records", "--all"], 'limpet records: "--all": no such option; see limpet records --help'),
    (
        ["records", "--limit", "0"],
        'limpet records: --limit "0" is not a number (1 to 100000); see limpet records --help',
    ),
    (
        ["records", "--source", "10.0.0.1/8"],
        'limpet records: --source "10.0.0.1/8" is not an address or a prefix, like 10.0.0.0/8; '
        "see limpet records --help",
    ),
    (
        ["records", "flush"],
        "limpet records flush: which records is missing: --vip, --source or --all; "
        "see limpet records --help",
    ),
    (
        ["records", "flush", "--all", "--vip", "web"],
        "limpet records flush: --all, or --vip and --source: say which; see limpet records --help",
    ),
    (
        ["records", "flush", "--all=yes"],
        'limpet records flush: "--all=yes": it has no value; see limpet records --help',
    ),
    (
        ["records", "flush", "--source", "web"],
        'limpet records flush: --source "web" is not an address or a prefix, like 10.0.0.0/8; '
        "see limpet records --help",
    ),
    (["audit", "x"], 'limpet audit: "x": one argument too many; see limpet audit --help'),
    (
        ["backend", "drain"],
        "limpet backend drain: POOL/BACKEND is missing; see limpet backend --help",
    ),
    (
        ["backend", "drain", "fe1"],
        'limpet backend drain: "fe1" is not of the form POOL/BACKEND; see limpet backend --help',
    ),
    (
        ["backend", "enable", "p/"],
        'limpet backend enable: "p/" is not of the form POOL/BACKEND; see limpet backend --help',
    ),
    (
        ["backend", "enable", "/b"],
        'limpet backend enable: "/b" is not of the form POOL/BACKEND; see limpet backend --help',
    ),
    (
        ["backend", "enable", "p/b/c"],
        'limpet backend enable: "p/b/c" is not of the form POOL/BACKEND; see limpet backend --help',
    ),
    (
        ["backend", "weight", "p/b", "heavy"],
        'limpet backend weight: "heavy" is not a weight: 0 to 65535, or "config"; '
        "see limpet backend --help",
    ),
    (
        ["backend", "weight", "p/b", "65536"],
        'limpet backend weight: "65536" is not a weight: 0 to 65535, or "config"; '
        "see limpet backend --help",
    ),
    (
        ["backend", "weight", "p/b", "config", "--for", "1h"],
        "limpet backend weight: --for \"1h\": the configuration's weight is not for a time; "
        "see limpet backend --help",
    ),
    (
        ["backend", "weight", "p/b", "5", "--for", "0s"],
        'limpet backend weight: --for "0s": must be above 0, up to 365d; '
        "see limpet backend --help",
    ),
    (
        ["backend", "weight", "p/b"],
        "limpet backend weight: N is missing; see limpet backend --help",
    ),
    (
        ["backend", "weight", "b", "5"],
        'limpet backend weight: "b" is not of the form POOL/BACKEND; see limpet backend --help',
    ),
    (
        ["backend", "drain", "p/b", "--for", "1h"],
        'limpet backend drain: "--for": no such option; see limpet backend --help',
    ),
    (["config"], "limpet config: what to do is missing: check, plan, apply, show; see limpet config --help"),
    (["config", "plan"], "limpet config plan: FILE is missing; see limpet config --help"),
    (
        ["config", "plan", "f", "--max-moved", "5"],
        'limpet config plan: --max-moved "5" is not a share, like 5% or 0.5%; see limpet config --help',
    ),
    (
        ["config", "plan", "f", "--planned", "x"],
        'limpet config plan: "--planned": no such option; see limpet config --help',
    ),
    (
        ["config", "show", "--diff", "--desired"],
        "limpet config show: only one of --running, --desired and --diff at a time; see limpet config --help",
    ),
    (["config", "check"], "limpet config check: FILE is missing; see limpet config --help"),
    (
        ["config", "check", "a", "b"],
        'limpet config check: "b": one argument too many; see limpet config --help',
    ),
    (["config", "show", "x"], 'limpet config show: "x": one argument too many; see limpet config --help'),
    (["explain"], "limpet explain: VIP[:PORT] is missing; see limpet explain --help"),
    (["explain", "web"], "limpet explain: SOURCE[:PORT] is missing; see limpet explain --help"),
    (
        ["explain", "web", "a.b.c.d"],
        'limpet explain: "a.b.c.d" is not an IP address; see limpet explain --help',
    ),
    (
        ["explain", "web:99999", "192.0.2.1"],
        'limpet explain: "web:99999": "99999" is not a port (1 to 65535); see limpet explain --help',
    ),
    (
        ["explain", "web:443", "192.0.2.1:0"],
        'limpet explain: "192.0.2.1:0": "0" is not a port (1 to 65535); see limpet explain --help',
    ),
    (["reasons", "x"], 'limpet reasons: "x": one argument too many; see limpet reasons --help'),
    (["reload", "x"], 'limpet reload: "x": one argument too many; see limpet reload --help'),
    (["version", "x"], 'limpet version: "x": one argument too many; see limpet version --help'),
    (["help", "nope"], 'limpet: "nope": no such command; see limpet --help'),
    (["help", "vip", "x"], 'limpet help: "x": one argument too many; see limpet help --help'),
]


@pytest.mark.parametrize("args, error", WRONG, ids=[" ".join(args) or "nothing" for args, _ in WRONG])
def test_wrong_usage(api, args, error):
    result = limpet(*args, env={}, socket=None if args[:1] == ["--socket"] else api.socket)
    fails(result, WRONG_USAGE, error)
    assert not api.requests


LATER = [
    (["top"], "limpet top: not supported yet"),
    (["watch"], "limpet watch: not supported yet"),
    (["lab", "run", "f"], "limpet lab: not supported yet"),
    (["help", "lab"], "limpet lab: not supported yet"),
]


@pytest.mark.parametrize("args, error", LATER, ids=[" ".join(args) for args, _ in LATER])
def test_not_supported_yet(api, args, error):
    fails(limpet(*args, socket=api.socket), FAILED, error)
    assert not api.requests


# --- help ------------------------------------------------------------------------

VERBS = (
    "status vip pool interface backend config explain records audit reasons doctor reload version help".split()
)


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb(verb):
    result = limpet(verb, "--help")
    assert (result.returncode, result.stderr) == (DONE, "")
    assert result.stdout.startswith("usage: limpet %s" % verb)
    assert limpet("help", verb).stdout == result.stdout


def test_help_of_decap_is_its_own():
    result = limpet("decap", "--help")
    assert (result.returncode, result.stderr) == (DONE, "")
    assert "--from" in result.stdout
    assert limpet("help", "decap").stdout == result.stdout


def test_help_after_further_words():
    assert limpet("vip", "show", "--help").stdout == limpet("vip", "--help").stdout


def test_help_lists_what_there_is():
    result = limpet("--help")
    assert (result.returncode, result.stderr) == (DONE, "")
    assert limpet("help").stdout == result.stdout
    listed = [row.split()[0] for row in result.stdout.split("\n") if row.startswith("  ")]
    assert [verb for verb in listed if not verb.startswith("--")] == VERBS[:12] + [
        "decap",
        "version",
        "help",
    ]


def test_version_option():
    shows(limpet("--version"), "limpet %s" % VERSION)


# --- completion ------------------------------------------------------------------

COMPLETION = ROOT / "scripts" / "limpet.bash-completion"


def completes(*words):
    """What bash offers for the last of the words."""
    script = (
        'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _limpet; '
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    result = subprocess.run(
        ["bash", "-c", script, "bash", str(COMPLETION), str(LIMPET), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout.split()


def test_completion_of_words():
    listed = [row.split()[0] for row in limpet("--help").stdout.split("\n") if row.startswith("  ")]
    assert sorted(completes("")) == sorted(listed)
    assert completes("re") == ["records", "reasons", "reload"]
    assert completes("--json", "vip", "") == ["list", "show"]
    assert completes("backend", "d") == ["drain"]
    assert completes("backend", "offline", "p/b", "") == ["--deadline"]
    assert completes("backend", "weight", "p/b", "c") == ["config"]
    assert completes("backend", "weight", "p/b", "50", "") == ["--for"]
    assert completes("records", "f") == ["flush"]
    assert completes("records", "flush", "--") == ["--vip", "--source", "--all"]
    assert completes("config", "") == ["check", "plan", "apply", "show"]
    assert completes("config", "show", "") == ["--running", "--desired", "--diff"]
    assert completes("config", "apply", "f", "--p") == ["--planned"]
    assert completes("nope", "") == []


def test_completion_of_names(api):
    api.serve("GET", "/v1/vips", {"vips": [WEB, DNS]})
    api.serve("GET", "/v1/pools", {"pools": [FRONT_END, SPARE]})
    api.serve("GET", "/v1/pools/front-end", FRONT_END)
    api.serve("GET", "/v1/pools/spare", SPARE)
    backends = ["front-end/fe1", "front-end/fe2", "front-end/fe3"]
    # readline takes "=" for a word of its own.
    for options in (["--socket", api.socket], ["--socket", "=", api.socket]):
        assert completes(*options, "vip", "show", "") == ["web-external", "dns"]
        assert completes(*options, "explain", "w") == ["web-external"]
        assert completes(*options, "pool", "show", "s") == ["spare"]
        assert completes(*options, "records", "--vip", "") == ["web-external", "dns"]
        assert completes(*options, "records", "flush", "--vip", "d") == ["dns"]
        assert completes(*options, "backend", "drain", "") == backends
        assert completes(*options, "backend", "weight", "") == backends
    assert completes("--socket", "/nonexistent", "vip", "show", "") == []


def test_completion_of_files(tmp_path):
    (tmp_path / "a.yaml").touch()
    path = str(tmp_path / "a.yaml")
    for action in ("check", "plan", "apply"):
        assert completes("config", action, path[:-3]) == [path]
    assert completes("--socket", path[:-3]) == [path]
    assert completes("--socket", "=", path[:-3]) == [path]
