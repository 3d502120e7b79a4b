# SPDX-License-Identifier: GPL-2.0
"""progrun as a Python object, and scenarios for it (see progrun.c, scenario.h).

With $LIMPET_RECORD set to a directory, each progrun leaves a file in it with what it
was asked and what it answered, line by line, for tests/vm/replay.c.
"""
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("LIMPET_BUILD", "build"))
BUILD = BUILD if BUILD.is_absolute() else ROOT / BUILD

# enum lp_forward and enum lp_affinity of include/limpet/abi.h
DSR, IPIP, GUE, NAT, SNAT = 1, 2, 3, 4, 5
SOURCE, TCP_AFFINITY = 1, 2
# enum lp_vip_flags
ASKS_SOURCES, ASKS_INTERFACES, GUARDED, REPLY, RESET, ENTRIES = 2, 4, 8, 16, 32, 64
# enum lp_slot_state
ORPHANED, RESIDUAL = 0xfffb, 0xffff
# enum lp_ping
PING_PASS, PING_DROP = 1, 2
TCP, UDP = 6, 17
ETH_HLEN = 14

SEED = "program-run tests"


class Result:
    """What became of one packet."""

    def __init__(self, raw):
        self.raw = raw
        self.errno = raw.get("errno")
        self.verdict = raw.get("verdict")
        self.packet = bytes.fromhex(raw["packet"]) if "packet" in raw else None
        self.reasons = raw["reasons"]
        self.vips = {int(k): tuple(v) for k, v in raw.get("vips", {}).items()}
        self.backends = {int(k): tuple(v) for k, v in raw.get("backends", {}).items()}

    @property
    def reason(self):
        """The one reason that was counted, once (P9)."""
        assert list(self.reasons.values()) == [1], f"not one reason: {self.reasons}"
        return next(iter(self.reasons))

    @property
    def backend(self):
        assert len(self.backends) == 1, self.raw
        return next(iter(self.backends))

    def __repr__(self):
        return f"Result({self.raw})"


class Recording:
    """What a progrun was asked and what it answered, in a file of its own."""

    def __init__(self):
        directory = os.environ.get("LIMPET_RECORD")
        name = os.environ.get("PYTEST_CURRENT_TEST", "progrun").split("::")[0]
        path = directory and pathlib.Path(directory) / f"{pathlib.Path(name).stem}.jsonl"
        self.file = path and open(path, "w", encoding="utf-8")

    def add(self, *lines):
        if self.file:
            self.file.writelines(f"{line.rstrip()}\n" for line in lines)
            self.file.flush()


class Progrun:
    """A running progrun, alone in its network namespace."""

    def __init__(self):
        self.recording = Recording()
        self.process = subprocess.Popen([str(BUILD / "tests/progrun")], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.request(op="ifindex", name="lo")  # it is in its namespace when it answers

    def request(self, **request):
        asked = json.dumps(request)
        self.process.stdin.write(asked + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "progrun is gone"
        self.recording.add(asked, line)
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def ip(self, *args):
        """Runs `ip ARGS` in its network namespace; its JSON, or None."""
        return self.tool("ip", *args)

    def tool(self, *args):
        net = f"--net=/proc/{self.process.pid}/ns/net"
        self.recording.add(json.dumps({"tool": args}))
        out = subprocess.run(["nsenter", net, *args], check=True, stdout=subprocess.PIPE,
                             text=True).stdout
        return json.loads(out) if out.startswith("[") else None

    def add_veth(self, name):
        """A veth pair NAME and NAMEp, up; returns the ifindex of NAME."""
        self.ip("link", "add", name, "mtu", "9000", "type", "veth", "peer", "name", name + "p",
                "mtu", "9000")
        for end in (name, name + "p"):
            self.ip("link", "set", end, "addrgenmode", "none", "up")
        return self.request(op="ifindex", name=name)["ifindex"]

    def run(self, packets, ifindex=1, meta=0, live=False, metadata=b""):
        """`metadata`: what is in front of each frame; `meta`: as many zeros."""
        packets = [bytes(p).hex() for p in packets]
        more = {"metadata": metadata.hex()} if metadata else {"meta": meta}
        answer = self.request(op="run", packets=packets, ifindex=ifindex, live=live, **more)
        return [Result(r) for r in answer["results"]]

    def run_one(self, packet, **where):
        return self.run([packet], **where)[0]

    def flood(self, packet, times, ifindex=1):
        """One packet many times; the reasons that rose."""
        answer = self.request(op="flood", packet=bytes(packet).hex(), times=times, ifindex=ifindex)
        return answer["reasons"]

    def state(self, backend, alive, incarnation=1):
        self.request(op="state", backend=backend, flags=1 if alive else 0, incarnation=incarnation)
    def records(self):
        """(how many records there are, whether they are those of the last time)"""
        answer = self.request(op="records")
        return answer["records"], answer["same"]

    def counters(self):
        return self.request(op="counters")

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def outer_sum(saddr, daddr):
    """abi.h: sum of the constant words, as they stand in memory, of the outer IPv4 header."""
    from ipaddress import ip_address
    header = bytes.fromhex("4500" "4000" "4000")  # version and IHL; DF; TTL 64
    header += ip_address(saddr).packed + ip_address(daddr).packed
    return sum(int.from_bytes(header[i:i + 2], sys.byteorder) for i in range(0, len(header), 2))


def hop(backend, ifindex, saddr="10.9.0.1", daddr="10.9.0.2", mtu=9000, tags=(), keep_tags=False,
        dst="02:00:00:00:0b:01", src="02:00:00:00:0b:02", link_bits=0, **more):
    v6 = ":" in daddr
    return {"backend": backend, "ifindex": ifindex, "mtu": mtu, "v6": v6,
            "keep_tags": keep_tags, "tags": [list(t) for t in tags], "dst": dst, "src": src,
            "saddr": saddr, "daddr": daddr, "outer_sum": 0 if v6 else outer_sum(saddr, daddr),
            "link_bits": link_bits, **more}


def rule(address, first, last=None, protocol=TCP, vip=1, pool=1, forward=IPIP, affinity=SOURCE,
         mask=None, flags=0, **more):
    if mask is None:
        mask = 64 if ":" in address else 32
    return {"address": address, "protocol": protocol, "first": first,
            "last": first if last is None else last, "vip": vip, "pool": pool,
            "forward": forward, "affinity": affinity, "mask": mask, "flags": flags,
            **more}


def reply(backend, first, last=None, vip_address=None, target=0, **more):
    """A rule for what comes from a backend's port: it becomes the VIP's address and port."""
    return rule(backend, first, last, forward=NAT, flags=REPLY | more.pop("flags", 0),
                rewrite=vip_address, target=target, **more)


def pool(number, slots=None, table=None, prev=None):
    """`slots` None: a pool without a table. `prev` None: all slots are settled; or what
    all slots have: the backend from which they move, or an enum lp_slot_state."""
    entry = {"pool": number, "table": 0 if slots is None else (table or number)}
    if slots is not None:
        entry["slots"] = list(slots)
    if prev is not None:
        entry["prev"] = prev
    return entry


def policy(prefix, admit, vip=0, ifindex=0):
    """A key of the trie; vip 0: of the interface."""
    address, bits = prefix.split("/")
    return {"vip": vip, "ifindex": ifindex, "address": address, "bits": int(bits), "admit": admit}


def scenario(rules, pools, backends, seed=SEED, policies=(), **more):
    return {"seed": seed, "rules": rules, "pools": pools, "backends": backends,
            "policy": list(policies), **more}
