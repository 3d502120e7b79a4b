# SPDX-License-Identifier: GPL-2.0
"""The API as docs/api.md has it, through `curl --unix-socket` and the CLI."""

import json
import subprocess
import sys

from agent import configuration, pools_of, services, vip
from conftest import address
from curl import fetch, homes
from topology import client_addresses, vip4, vip6

TEXT, NUMBER, WHOLE, TRUTH = str, (int, float), int, bool
MAYBE = (int, float, str, dict, type(None))
MORE = {...: ...}  # in a schema: the document may have other keys too
NEXT_HOP = {"state": TEXT, "interface": TEXT, "mac": TEXT}
CHECK = {
    "last": TEXT, "last_at": WHOLE, "since_at": WHOLE, "streak": WHOLE, "checks": WHOLE,
    "failures": WHOLE, "flaps": WHOLE, "latency_s": NUMBER, "late_s": NUMBER,
    "late_max_s": NUMBER, "flaps_1h": WHOLE, "not_made": WHOLE, "result": MAYBE,
    "transitions": [], "certificate_ends_at": MAYBE, "certificate_days": MAYBE,
}  # fmt: skip
VIP = {
    "name": TEXT, "number": WHOLE, "addresses": [TEXT], "protocol": TEXT, "ports": [TEXT],
    "pool": TEXT, "forward": TEXT, "packets": WHOLE, "bytes": WHOLE,
    "idle_timeout_s": NUMBER,
    "affinity": {
        "mode": TEXT, "mask": WHOLE, "mask6": WHOLE, "timeout_s": NUMBER, "group": MAYBE,
        "proxies": [], "track": TEXT,
    },
    "interfaces": [TEXT], "allow": [], "deny": [], "snat_addresses": [], "ping": TEXT,
}  # fmt: skip
BACKEND = {
    "name": TEXT, "pool": TEXT, "number": WHOLE, "address": TEXT, "weight": WHOLE, "state": TEXT,
    "since_s": NUMBER, "healthy": TRUTH, "next_hop": NEXT_HOP, "slots": WHOLE, "share": NUMBER,
    "weight_share": NUMBER, "check": CHECK, "packets": WHOLE, "bytes": WHOLE,
    "connections": WHOLE, "connections_error": NUMBER, "records": WHOLE, "leaving": TRUTH,
    "deadline_at": MAYBE, "expired": TRUTH, "eta_s": MAYBE, **MORE,
}  # fmt: skip
POOL = {
    "name": TEXT, "number": WHOLE, "hash": TEXT, "check": TEXT, "generation": WHOLE,
    "table": WHOLE, "backends": [BACKEND], "usable": WHOLE, "moving_slots": WHOLE,
    "residual_slots": WHOLE, "hold_s": MAYBE, **MORE,
}  # fmt: skip
INTERFACE = {
    "name": TEXT, "ifindex": WHOLE, "mode": TEXT, "attached": TRUTH, "mac": TEXT, "mtu": WHOLE,
    "up": TRUTH, "reject_sources": [], "allow_hairpin": [], "renamed_to": MAYBE,
}  # fmt: skip
HEALTH = {
    "targets": WHOLE, "late_median_s": NUMBER, "late_p99_s": NUMBER, "late_max_s": NUMBER,
    "verdicts": WHOLE, "verdict_last_s": NUMBER, "verdict_max_s": NUMBER,
}  # fmt: skip
ENTRIES = {
    "capacity": WHOLE, "used": WHOLE, "established": WHOLE, "opening": WHOLE, "closing": WHOLE,
    "busiest": MAYBE,
}  # fmt: skip
STATUS = {
    "version": TEXT, "generation": WHOLE, "config": TEXT, "uptime_s": NUMBER,
    "interfaces": [INTERFACE], "vips": [VIP], "pools": [POOL], "reasons": {}, "audit": {},
    "records": {}, "health": HEALTH, "entries": ENTRIES, **MORE,
}  # fmt: skip
EXPLANATION = {
    "vip": TEXT, "address": TEXT, "port": WHOLE, "protocol": TEXT, "source": TEXT,
    "source_port": WHOLE, "affinity": TEXT, "key": TEXT, "hash": TEXT, "slot": WHOLE,
    "slot_state": TEXT, "pool": TEXT, "generation": WHOLE, "backend": TEXT,
    "backend_address": TEXT, "forward": TEXT, "next_hop": NEXT_HOP, "verdict": TEXT, "text": TEXT,
    "slot_since_s": NUMBER, "slot_backend": TEXT, "previous": MAYBE, "record": MAYBE,
    "client_record": MAYBE, **MORE,
}  # fmt: skip


def fits(value, schema, path="answer"):
    """The document has the keys and types of docs/api.md, and no others where the schema
    does not say MORE."""
    if isinstance(schema, dict):
        assert isinstance(value, dict), path
        if schema:
            assert set(schema) - {...} <= set(value), path
            assert ... in schema or set(value) == set(schema), path
        for key in set(schema) - {...}:
            fits(value[key], schema[key], f"{path}.{key}")
    elif schema == []:
        assert isinstance(value, list), path
    elif isinstance(schema, list):
        assert isinstance(value, list) and value, path
        for i, item in enumerate(value):
            fits(item, schema[0], f"{path}[{i}]")
    else:
        assert isinstance(value, schema), f"{path}: {value!r}"
        assert schema is bool or not isinstance(value, bool), path


def by_curl(agent, path, *options):
    """(HTTP status, document)"""
    done = subprocess.run(
        ["curl", "-qsg", "--unix-socket", agent.socket, "-w", "\n%{http_code}", *options]
        + [f"http://limpet{path}"],
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    body, status = done.stdout.rsplit("\n", 1)
    return int(status), json.loads(body)


def full(site):
    check = {"type": "http", "port": 80, "path": "/health", "interval": "200ms"}
    check["timeout"] = "200ms"
    return configuration(
        site.network, services(), pools_of(site.network, check="web"), checks={"web": check}
    )


def test_status(site, agent):
    agent.start(full(site))
    homes(site.client, address(4), client_addresses(4, 5))
    status, document = by_curl(agent, "/v1/status")
    assert status == 200
    fits(document, STATUS)
    assert document["config"] == str(agent.config_file)
    assert all(isinstance(n, int) and n >= 0 for n in document["reasons"].values())
    assert json.loads(agent.tell("--json", "status")).keys() == document.keys()
    for word in ("eth0", "www4", "www6", "web4", "web6"):
        assert word in agent.tell("status")


def test_every_document(site, agent):
    agent.start(full(site))
    fits(agent.get("/v1/version"), {"version": str, "abi": int, "pid": int, "started_at": int})
    assert agent.get("/v1/version")["pid"] == agent.process.pid
    fits(agent.get("/v1/vips"), {"vips": [VIP]})
    fits(agent.get("/v1/vips/www6"), VIP)
    fits(agent.get("/v1/pools"), {"pools": [POOL]})
    fits(agent.get("/v1/pools/web6"), POOL)
    fits(agent.get("/v1/interfaces"), {"interfaces": [INTERFACE]})
    fits(
        agent.get("/v1/reasons"),
        {"reasons": [{"name": str, "class": str, "text": str, "packets": int}]},
    )
    fits(agent.get("/v1/config"), {"file": str, "loaded_at": int, "text": str})
    assert agent.get("/v1/config")["text"] == agent.config_file.read_text()
    fits(agent.explain("www6", "2001:db8:c:5::9", source_port=1234), EXPLANATION)
    status, backend = by_curl(agent, "/v1/backends/web4/b1", "-d", '{"action": "drain"}')
    assert status == 200 and backend["state"] == "drain"
    fits(backend, BACKEND)


def test_what_is_wrong_is_said(www):
    for path, options, code, word in (
        ("/v1/nothing", [], 404, "/v1/nothing"),
        ("/v1/vips/nobody", [], 404, "nobody"),
        ("/v1/pools/nobody", [], 404, "nobody"),
        ("/v1/status", ["-d", "{}"], 405, "GET"),
        ("/v1/explain?vip=www4", [], 400, "source"),
        ("/v1/explain?vip=www4&source=1.2.3", [], 400, "1.2.3"),
        ("/v1/explain?vip=nobody&source=1.2.3.4&port=80", [], 404, "nobody"),
        ("/v1/backends/web4/b1", ["-d", "{"], 400, "JSON"),
        ("/v1/backends/web4/b1", ["-d", '{"action": "paint"}'], 400, "paint"),
        ("/v1/backends/web4/b9", ["-d", '{"action": "drain"}'], 404, "b9"),
    ):
        status, document = by_curl(www, path, *options)
        assert status == code, (path, document)
        assert word in document["error"], (path, document)


def test_the_cli_without_an_agent(agent):
    done = agent.limpet("status")
    assert (done.returncode, done.stdout) == (1, "")
    assert str(agent.socket) in done.stderr


# --- counters --------------------------------------------------------------------------

# Numbered datagrams from one source, slowly enough for no queue to overflow.
SEND = """
import socket, sys, time
source, to, port, n, size = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
s = socket.socket(socket.AF_INET6 if ":" in to else socket.AF_INET, socket.SOCK_DGRAM)
s.bind((source, 0))
for i in range(n):
    s.sendto(bytes(size), (to, port))
    if i % 32 == 31:
        time.sleep(0.001)
"""
HEADERS = {4: 14 + 20 + 8, 6: 14 + 40 + 8}


def send(site, family, port, n, size):
    for source in client_addresses(family, 10):
        site.client.run(sys.executable, "-c", SEND, source, address(family), port, n, size)


def test_every_packet_is_counted(site, agent, family):
    """VIP, backends and verdicts agree with each other and with what was sent."""
    vips = {
        "u4": vip(vip4(), pool="web4", protocol="udp", ports=[5000]),
        "u6": vip(vip6(), pool="web6", protocol="udp", ports=[5000]),
    }
    agent.start(configuration(site.network, vips))
    before = agent.status()["reasons"]
    send(site, family, 5000, 200, 100)
    send(site, family, 5001, 5, 100)  # nobody's
    document = agent.get(f"/v1/vips/u{family}")
    assert document["packets"] == 2000
    assert document["bytes"] == 2000 * (HEADERS[family] + 100)
    backends = agent.get(f"/v1/pools/web{family}")["backends"]
    assert sum(backend["packets"] for backend in backends) == 2000
    assert sum(backend["bytes"] for backend in backends) == document["bytes"]
    after = agent.status()["reasons"]
    assert after["forward_tx"] - before["forward_tx"] == 2000
    assert after["pass_not_vip"] - before["pass_not_vip"] == 50
    assert agent.get(f"/v1/vips/u{10 - family}")["packets"] == 0
    # Per backend, what explain says of the ten clients.
    expected = dict.fromkeys((backend.role for backend in site.backends), 0)
    for source in client_addresses(family, 10):
        expected[agent.explain(f"u{family}", source, 5000)["backend"]] += 200
    assert {backend["name"]: backend["packets"] for backend in backends} == expected


def test_counters_outlive_the_agent(site, www):
    assert all(answer.good for answer in fetch(site.client, address(4), client_addresses(4)))
    before = www.get("/v1/vips/www4")
    www.kill()
    www.start()
    after = www.get("/v1/vips/www4")
    assert (after["packets"], after["bytes"]) == (before["packets"], before["bytes"])
    assert after["packets"] >= 60 * 4


def test_counters_outlive_the_maps(site, www):
    """Another seed means another datapath: what the old one counted is not forgotten."""
    sent = 0
    for seed in ("second", "third"):
        assert all(answer.good for answer in fetch(site.client, address(4), client_addresses(4)))
        site.client.run("ping", "-c1", "-W1", site.balancer.v4)
        before = www.get("/v1/vips/www4"), www.get("/v1/pools/web4")["backends"], www.status()
        www.write({**json.loads(www.config_file.read_text()), "seed": seed})
        assert www.limpet("reload").returncode == 0
        after = www.get("/v1/vips/www4"), www.get("/v1/pools/web4")["backends"], www.status()
        was, now = before[2]["reasons"], after[2]["reasons"]
        for name in ("packets", "bytes"):
            assert after[0][name] == before[0][name]
            assert [b[name] for b in after[1]] == [b[name] for b in before[1]]
        assert now["forward_tx"] == was["forward_tx"] >= sent + 60 * 4
        assert now["pass_not_tcp_udp"] >= was["pass_not_tcp_udp"] > 0
        sent = now["forward_tx"]


def test_dropped_packets_have_a_reason(site, www):
    """A first fragment for the VIP, too short for a TCP header."""
    site.client.run("ping", "-c1", "-W1", "-s", "10", site.balancer.v4)
    before = www.status()["reasons"]["drop_fragment_tiny"]
    send(site, 4, 80, 1, 10)  # not TCP: passed
    site.client.run(
        sys.executable, "-c", FRAGMENT, client_addresses(4)[0], vip4()
    )
    assert www.status()["reasons"]["drop_fragment_tiny"] == before + 1


# A first fragment (more to come) of a TCP segment for port 80, with 16 bytes of its header.
FRAGMENT = """
import socket, sys
source, to = map(socket.inet_aton, sys.argv[1:])
header = bytes.fromhex("45000024000120004006") + bytes(2) + source + to
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
raw.sendto(header + bytes.fromhex("c0000050") + bytes(12), (sys.argv[2], 0))
"""
