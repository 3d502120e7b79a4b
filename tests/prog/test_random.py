# SPDX-License-Identifier: GPL-2.0
"""Random packets: whatever comes, each gets one verdict, and all are counted (P9)."""
import random

import pytest

import harness
import packets
from harness import DSR, GUE, IPIP, TCP, UDP

VERDICTS = {"pass": "XDP_PASS", "drop": "XDP_DROP", "forward_tx": "XDP_TX",
            "forward_redirect": "XDP_REDIRECT", "answer": "XDP_TX"}
COUNT = 4000


@pytest.fixture(scope="module")
def vips(progrun):
    rules, backends = [], []
    for number, mode in enumerate((DSR, IPIP, GUE), 1):
        for family in (4, 6):
            for protocol in (TCP, UDP):
                rules.append(harness.rule(packets.VIP[family], number * 100, number * 100 + 50,
                                          protocol, number, number, mode))
        backends.append(harness.hop(number, progrun.here if number < 3 else progrun.there,
                                    mtu=600))
    progrun.request(op="limpet", scenario=harness.scenario(
        rules, [harness.pool(n, [n, 0] if n == 2 else [n]) for n in (1, 2, 3)], backends))
    return progrun


def good(rnd):
    family, protocol = rnd.choice((4, 6)), rnd.choice((TCP, UDP))
    src = None if rnd.random() < .5 else (f"198.51.100.{rnd.randrange(256)}" if family == 4
                                          else f"2001:db8::{rnd.randrange(65536):x}")
    tags = rnd.choice([*packets.TAGS.values()])
    inner = packets.packet(family, protocol, rnd.randbytes(rnd.randrange(700)), rnd.randrange(256),
                           rnd.randrange(65536), rnd.choice((100, 120, 200, 250, 300, 333, 80, 0)),
                           src=src)
    return packets.l2(tags, packets.ip_type(family)) + inner + bytes(rnd.choice((0, 0, 7)))


def mutate(rnd, frame):
    """A few bytes of the headers changed, or the end cut off."""
    frame = bytearray(frame)
    for _ in range(rnd.randrange(4)):
        at = min(int(rnd.expovariate(1 / 25)), len(frame) - 1)
        frame[at] = rnd.choice((0, 1, 4, 6, 17, 44, 0x45, 0x60, 0x81, 0xff, rnd.randrange(256)))
    if rnd.random() < .2:
        frame = frame[:rnd.randrange(harness.ETH_HLEN, len(frame) + 1)]
    return bytes(frame)


def noise(rnd):
    return rnd.randbytes(rnd.randrange(harness.ETH_HLEN, 1500))


def totals(progrun):
    return sum(progrun.counters()["reasons"].values())


@pytest.mark.parametrize("kind", ("noise", "good", "mutated"))
@pytest.mark.parametrize("seed", range(3))
def test_every_packet_is_counted_once(vips, kind, seed):
    rnd = random.Random(f"{kind} {seed}")
    make = {"noise": lambda: noise(rnd), "good": lambda: good(rnd),
            "mutated": lambda: mutate(rnd, good(rnd))}[kind]
    frames = [make() for _ in range(COUNT if kind == "mutated" else COUNT // 8)]
    before = totals(vips)
    results = vips.run(frames, ifindex=vips.here)
    assert totals(vips) - before == len(frames)
    for frame, result in zip(frames, results):
        reason = result.reason
        group = reason if reason.startswith("forward") else reason.split("_")[0]
        assert result.verdict == VERDICTS[group], frame.hex()
        if group in ("pass", "drop"):
            assert result.packet == frame, frame.hex()
            assert not result.vips and not result.backends
        elif group == "answer":
            assert result.packet != frame, frame.hex()
            assert not result.vips and not result.backends
        else:
            assert list(result.vips.values()) == [(1, len(frame))]
            assert list(result.backends.values()) == [(1, len(frame))]
    if kind != "noise":
        # The mix is one: all ways are walked, or this would prove little.
        assert {"forward_tx", "forward_redirect", "answer_too_big", "drop_too_big",
                "drop_no_backend", "pass_not_vip"} <= {r.reason for r in results}
