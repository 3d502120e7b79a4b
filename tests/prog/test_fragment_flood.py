# SPDX-License-Identifier: GPL-2.0
"""
Floods of fragments: what they fill has a fixed size, and nothing but fragments is in it
(P7). Not replayed on other kernels: how many are held depends on the clock.
"""
import ipaddress
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import time

import pytest

import fragments
import harness
import packets
from harness import IPIP, SNAT, TCP, TCP_AFFINITY, UDP
from test_snat import CONFIRMED, OWN_ADDRESS as OWN, fields
from test_nat import BACKEND

LP_FRAGMENTS = 2048 * 8  # LP_FRAGMENT_BUCKETS * LP_WAYS of abi.h
LP_HELD_PER_S = 512
AGAIN = (0x6c7068656c647631).to_bytes(8, sys.byteorder)  # LP_HELD_MARK
BACKENDS = 8


@pytest.fixture
def vip(progrun):
    """Loaded anew for each test, with an empty table: of records of one second any may be
    pushed out, so that a flood just before would count."""
    rules = [harness.rule(packets.VIP[family], 80, protocol=protocol, affinity=TCP_AFFINITY,
                          forward=IPIP) for family in (4, 6) for protocol in (TCP, UDP)]
    progrun.request(op="limpet", scenario=harness.scenario(
        rules, [harness.pool(1, range(1, 1 + BACKENDS))],
        [harness.hop(n, progrun.here, daddr=f"10.9.0.{n}") for n in range(1, 1 + BACKENDS)]))
    return progrun


def frame(inner):
    return packets.l2((), packets.ip_type(packets.family_of(inner))) + inner


def packed(text):
    return ipaddress.ip_address(text).packed


def family_address(family, packet):
    """Where it goes."""
    return packet[30:34] if family == 4 else packet[38:54]


def datagram(family, sport, number, src=None, size=200):
    inner = packets.packet(family=family, protocol=UDP, sport=sport, src=src, payload=bytes(size))
    return [frame(part) for part in fragments.cut(inner, 64, number)]


def run(vip, frames, **where):
    return vip.run(frames, ifindex=vip.here, **where)


def first_fragments(rnd, count):
    """Each of another packet: random source, identification and port. By hand: scapy is slow."""
    good = datagram(4, 1, 1)[0]
    for _ in range(count):
        out = bytearray(good)
        out[18:20] = rnd.randbytes(2)
        out[26:30] = b"\x0b" + rnd.randbytes(3)
        out[34:36] = rnd.randbytes(2)
        yield bytes(out)


def known(vip, parts):
    """Does a later fragment find its record? It is not held a second time."""
    return run(vip, parts[1:2], metadata=AGAIN)[0].reason == "forward_tx"


def records(vip):
    """(memory of all maps, what bpftool finds in the record table)"""
    used, ids = 0, set()
    for info in pathlib.Path(f"/proc/{vip.process.pid}/fdinfo").iterdir():
        fields = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        if "map_id" in fields:
            used += int(fields["memlock"])
            ids.add(int(fields["map_id"]))
    for number in ids:
        shown = json.loads(subprocess.run(["bpftool", "-j", "map", "show", "id", str(number)],
                                          check=True, stdout=subprocess.PIPE).stdout)
        if shown["name"] == "records":
            dump = subprocess.run(["bpftool", "map", "dump", "id", str(number)], check=True,
                                  stdout=subprocess.PIPE, text=True).stdout
            return used, [line for line in dump.splitlines() if "fingerprint" in line
                          and not line.rstrip(", ").endswith(": 0")]
    raise AssertionError("there is no map of records")


def test_a_flood_of_first_fragments(vip):
    """Twice what the table holds. What is remembered of connections is as it was, the flood's
    own newest ones are known, and who was pushed out is dropped, not sent elsewhere."""
    victim = datagram(4, 50000, 4711)
    homes = [result.backend for result in run(vip, victim)]
    whole = frame(packets.packet(protocol=UDP, sport=50000, payload=bytes(200)))
    assert set(homes) == {run(vip, [whole])[0].backend}
    memory, before = records(vip)
    rnd = random.Random("flood")
    for _ in range(2 * LP_FRAGMENTS // 1024):
        results = run(vip, list(first_fragments(rnd, 1024)))
        assert {result.reason for result in results} == {"forward_tx"}
    assert records(vip) == (memory, before)
    later = {result.reason for result in run(vip, victim[1:])}
    assert later in ({"forward_tx"}, {"drop_fragment_early"})
    # A datagram whose fragments come one behind the other is whole in the middle of a flood.
    for n in range(64):
        parts = datagram(4, 51000 + n, n)
        results = run(vip, [*list(first_fragments(rnd, 16)), *parts])[16:]
        assert len({result.backend for result in results}) == 1
        assert {result.reason for result in results} == {"forward_tx"}
    assert run(vip, [whole])[0].backend == homes[0]


def test_the_table_holds_what_it_says(vip):
    """Half of its capacity by name: all but the few whose bucket was full are known."""
    parts = [datagram(6, 1 + n % 60000, 100000 + n) for n in range(1024)]
    assert {result.reason for result in run(vip, [part[0] for part in parts])} == {"forward_tx"}
    assert all(known(vip, part) for part in parts)


def test_later_fragments_are_held_at_a_bounded_rate(vip):
    """Without first ones: so many a second on each CPU, the rest is dropped at once."""
    rnd, frames = random.Random("later"), []
    good = datagram(4, 1, 1)[1]
    for _ in range(6000):
        out = bytearray(good)
        out[18:20] = rnd.randbytes(2)
        out[26:30] = b"\x0c" + rnd.randbytes(3)
        frames.append(bytes(out))
    cpus, begin = len(os.sched_getaffinity(0)), time.monotonic()
    results = run(vip, frames)
    seconds = time.monotonic() - begin + 2  # two of them may only be touched
    reasons = [result.reason for result in results]
    assert set(reasons) == {"drop_fragment_early", "drop_fragment"}
    assert reasons.count("drop_fragment_early") <= cpus * seconds * LP_HELD_PER_S
    assert reasons.count("drop_fragment") > 6000 - cpus * seconds * LP_HELD_PER_S
    assert all(result.verdict == "XDP_DROP" for result in results)


@pytest.fixture
def entries(progrun):
    """The same with entries, 4,096 of them."""
    rules, hops, pools = [], [], []
    for family in (4, 6):
        rules += [harness.rule(packets.VIP[family], 80, protocol=protocol, forward=SNAT, pool=family,
                               idle_timeout=600) for protocol in (TCP, UDP)]
        hops.append(harness.hop(family, progrun.here, OWN[family], BACKEND[family]))
        pools.append(harness.pool(family, [family]))
    policies = [harness.policy(prefix, True, 0, progrun.here) for prefix in ("0.0.0.0/0", "::/0")]
    progrun.request(op="limpet", scenario=harness.scenario(rules, pools, hops, entries=512,
                                                           policies=policies))
    return progrun


def talk(vip, family, protocol, payload, back=False, seen=None, number=None, **l4):
    """A packet of the connection that the flood is beside, whole or in fragments of 64 bytes."""
    ends = (seen[2], seen[0], seen[3], seen[1]) if back else (packets.CLIENT[family],
                                                              packets.VIP[family], 50000, 80)
    src, dst, sport, dport = ends
    head = packets.ip_header(family, src, dst) / packets.l4_header(protocol, sport, dport, **l4)
    inner = bytes(head / packets.Raw(payload))
    return run(vip, [frame(part) for part in (fragments.cut(inner, 64, number) if number else [inner])])


@pytest.mark.parametrize("family", (4, 6))
@pytest.mark.parametrize("protocol", (TCP, UDP))
def test_a_flood_beside_an_established_connection(entries, family, protocol):
    """Of first fragments that each open a connection, of later ones of nobody, and of fragments
    to the address that all leave from. The connection goes on, whole and in fragments."""
    rnd, tcp = random.Random("beside"), protocol == TCP
    (opened,) = talk(entries, family, protocol, b"1", **({"flags": "S"} if tcp else {}))
    seen = fields(opened.packet)
    talk(entries, family, protocol, b"2", True, seen, **({"flags": "SA", "seq": 5000} if tcp else {}))
    talk(entries, family, protocol, b"3", **({"flags": "A", "ack": 5001} if tcp else {}))
    payload, got = bytes(300), set()
    for n in range(12):
        firsts = list(first_fragments(rnd, 600))
        later = [bytes(f[:20]) + b"\0\x10" + f[22:] for f in first_fragments(rnd, 100)]
        replies = [f[:26] + packed(BACKEND[4]) + packed(OWN[4]) + f[34:]
                   for f in first_fragments(rnd, 100)]
        got |= {result.reason for result in run(entries, firsts + later + replies)}
        more = {"flags": "A", "ack": 5001 + n} if tcp else {}
        for number in (None, 7000 + n):
            results = talk(entries, family, protocol, payload, number=number, **more)
            assert {result.reason for result in results} == {"forward_tx"}
            assert fields(results[0].packet) == seen
            results = talk(entries, family, protocol, payload, True, seen, number, **more)
            assert {result.reason for result in results} == {"pass_reply"}, "there is no route"
            assert {family_address(family, result.packet) for result in results} == {
                packed(packets.CLIENT[family])}
    assert {"forward_tx", "pass_not_vip"} <= got
    assert got <= {"forward_tx", "pass_not_vip", "drop_fragment_early", "drop_fragment",
                   "drop_snat_ports", "drop_snat_entries"}
    (kept,) = (entry for entry in entries.request(op="entries")["entries"]
               if entry["client_port"] == 50000 and entry["flags"] & CONFIRMED)
    assert kept["left"] >= 600


@pytest.mark.parametrize("family", (4, 6))
def test_overlapping_and_repeated_fragments_harm_no_other(vip, family):
    """A packet's fragments in thousands of wrong ways; another one's, of the same client, in
    between."""
    rnd = random.Random(family)
    mine = datagram(family, 52000, 1)
    home = run(vip, mine[:1])[0].backend
    for _ in range(40):
        crafted = []
        for _ in range(25):
            part = bytearray(rnd.choice(datagram(family, rnd.randrange(1, 65536), 2)))
            at = 20 if family == 4 else 56
            word = struct.unpack_from("!H", part, at)[0]
            keep = 0xe000 if family == 4 else 1
            struct.pack_into("!H", part, at, word & keep | rnd.randrange(0x1fff) & ~7 & ~keep)
            crafted.append(bytes(part))
        results = run(vip, [*crafted, mine[1]])
        assert (results[-1].reason, results[-1].backend) == ("forward_tx", home)
