# SPDX-License-Identifier: GPL-2.0
"""Packets for a VIP that cannot go on: size, which its sender is told; backend, next hop, room."""
import os

import pytest

import harness
import icmp_packets as icmp
import packets
from harness import DSR, GUE, IPIP, TCP, UDP

# What is added to a packet, by mode and family of the backend.
EXTRA = {(DSR, 4): 0, (DSR, 6): 0, (IPIP, 4): 20, (IPIP, 6): 40, (GUE, 4): 28, (GUE, 6): 48}
# dsr leaves the family as it is.
WAYS = [(mode, backend_family, family) for mode, backend_family in EXTRA for family in (4, 6)
        if mode != DSR or family == backend_family]
TUNNEL = {4: ("10.9.0.1", "10.9.0.2"), 6: ("2001:db8:e::1", "2001:db8:e::2")}
# What fits into one buffer: a page of 4096 bytes less head and tail room.
FRAME_MAX = 4096 - 256 - 320


def one_vip(progrun, mode=IPIP, backend_family=4, slots=(1,), family=4, protocol=TCP, **hop):
    saddr, daddr = TUNNEL[backend_family]
    progrun.request(op="limpet", scenario=harness.scenario(
        [harness.rule(packets.VIP[family], 80, protocol=protocol, forward=mode)],
        [harness.pool(1, slots)],
        [harness.hop(1, hop.pop("ifindex", progrun.here), saddr, daddr, **hop)]))


def payload(family, protocol, size):
    """A packet of `size` bytes, IP header included."""
    bare = len(packets.packet(family, protocol))
    return packets.packet(family, protocol, b"\x5a" * (size - bare))


@pytest.mark.parametrize("protocol", (TCP, UDP))
@pytest.mark.parametrize("tags", ("untagged", "qinq"))
@pytest.mark.parametrize("mode,backend_family,family", WAYS)
def test_mtu_exact_and_one_over(progrun, mode, backend_family, family, tags, protocol):
    mtu = 1400
    one_vip(progrun, mode, backend_family, family=family, protocol=protocol, mtu=mtu,
            keep_tags=True)
    head = packets.l2(packets.TAGS[tags], packets.ip_type(family))
    fits = mtu - EXTRA[mode, backend_family]
    frames = [head + payload(family, protocol, fits + more) for more in (-1, 0, 1, 2)]
    # Padding is not part of the packet.
    frames.append(frames[1] + bytes(100))
    results = progrun.run(frames, ifindex=progrun.here)
    assert [r.reason for r in results] == ["forward_tx", "forward_tx", "answer_too_big",
                                           "answer_too_big", "forward_tx"]
    for index in (2, 3):
        check_told(results[index], family, frames[index][len(head):], fits, packets.TAGS[tags])
    assert len(results[1].packet) == len(head) + mtu


def check_told(result, family, original, mtu, tags=()):
    """By the VIP, with what is left for the client of the MTU."""
    assert result.verdict == "XDP_TX" and not result.vips and not result.backends
    packets.assert_frame(result.packet, icmp.answered(family, icmp.told(
        family, original, icmp.TOO_BIG[family], mtu, packets.VIP[family], packets.CLIENT[family]),
        tags))


@pytest.mark.parametrize("mtu", (1280, 1300, 1320, 1500, 3000))
@pytest.mark.parametrize("mode,backend_family,family", WAYS)
def test_ipv6_is_told_no_less_than_1280(progrun, mode, backend_family, family, mtu):
    """Nobody would believe it (RFC 8201); a packet of 1,280 bytes that does not fit is lost."""
    one_vip(progrun, mode, backend_family, family=family, mtu=mtu)
    fits = mtu - EXTRA[mode, backend_family]
    least = max(fits, 1280) if family == 6 else fits
    for size in (fits + 1, least, least + 1):
        original = payload(family, TCP, size)
        frame = packets.l2((), packets.ip_type(family)) + original
        result = progrun.run_one(frame, ifindex=progrun.here)
        if size <= fits:
            assert result.reason == "forward_tx"
        elif size <= least:
            assert (result.reason, result.packet) == ("drop_too_big", frame)
        else:
            assert result.reason == "answer_too_big"
            check_told(result, family, original, least)


@pytest.mark.parametrize("flags", (0, "DF"), ids=("may be fragmented", "DF"))
def test_ipv4_is_told_with_and_without_df(progrun, flags):
    """limpet does not fragment; senders can."""
    one_vip(progrun, protocol=UDP, mtu=1400)
    original = bytes(packets.ip_header(4, flags=flags) / packets.l4_header(UDP)
                     / packets.Raw(bytes(1400)))
    check_told(progrun.run_one(packets.l2() + original, ifindex=progrun.here), 4, original, 1380)


@pytest.mark.parametrize("family", (4, 6))
def test_headers_behind_ip_are_quoted_as_they_came(progrun, family):
    one_vip(progrun, family=family, mtu=1400)
    rest = bytes(packets.l4_header(TCP) / packets.Raw(bytes(range(256)) * 6))
    if family == 4:
        original = bytes(packets.IP(src=packets.CLIENT[4], dst=packets.VIP[4], proto=TCP,
                                    options=[packets.IPOption_NOP()] * 40) / packets.Raw(rest))
    else:
        original = bytes(packets.ip_header(6, nh=60) / packets.Raw(
            bytes((TCP, 1)) + b"\1\x0c" + bytes(12) + rest))
    frame = packets.l2((), packets.ip_type(family)) + original
    check_told(progrun.run_one(frame, ifindex=progrun.here), family, original, 1380)


@pytest.mark.parametrize("family", (4, 6))
def test_nobody_to_be_told(progrun, family):
    """Nothing goes to all, to many, or to nobody."""
    one_vip(progrun, family=family, protocol=UDP, mtu=1400)
    frames = [packets.l2((), packets.ip_type(family), dst=mac) + payload(family, UDP, 1500)
              for mac in ("ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01")]
    for src in {4: ("0.0.0.0", "127.0.0.1", "224.0.0.5", "255.255.255.255"),
                6: ("::", "::1", "ff02::5")}[family]:
        frames.append(packets.frame(family=family, protocol=UDP, src=src, payload=bytes(1500)))
    for frame in frames:
        result = progrun.run_one(frame, ifindex=progrun.here)
        assert (result.reason, result.verdict) == ("drop_too_big", "XDP_DROP")
        assert result.packet == frame


@pytest.mark.parametrize("family", (4, 6))
def test_no_room_for_what_is_to_be_told(progrun, family):
    one_vip(progrun, family=family, mtu=1400)
    frame = packets.l2((), packets.ip_type(family)) + payload(family, TCP, 1500)
    result = progrun.run_one(frame, ifindex=progrun.here, meta=216)
    assert (result.reason, result.packet) == ("drop_too_big", frame)


def test_telling_is_limited(progrun):
    """LP_ICMP_ERRORS_BURST at once; what fits does not suffer."""
    if os.environ.get("LIMPET_RECORD"):
        pytest.skip("the number is not the same twice")
    one_vip(progrun, protocol=UDP, mtu=1400)
    frames = [packets.l2() + payload(4, UDP, 1500)] * 2000
    results = progrun.run(frames, ifindex=progrun.here)
    reasons = [result.reason for result in results]
    assert reasons[:50] == ["answer_too_big"] * 50
    assert 50 <= reasons.count("answer_too_big") < 2000
    dropped = [r for r in results if r.reason == "drop_icmp_rate"]
    assert len(dropped) == 2000 - reasons.count("answer_too_big")
    assert all(r.verdict == "XDP_DROP" and r.packet == frames[0] for r in dropped)
    good = progrun.run_one(packets.l2() + payload(4, UDP, 1300), ifindex=progrun.here)
    assert good.reason == "forward_tx"


@pytest.mark.parametrize("mode,backend_family,family", WAYS)
def test_largest_frames(progrun, mode, backend_family, family):
    one_vip(progrun, mode, backend_family, family=family, mtu=9000)
    inner = payload(family, TCP, FRAME_MAX - harness.ETH_HLEN)
    result = progrun.run_one(packets.l2((), packets.ip_type(family)) + inner, ifindex=progrun.here)
    assert result.reason == "forward_tx"
    assert result.packet[-len(inner):] == inner
    assert len(result.packet) == FRAME_MAX + EXTRA[mode, backend_family]
    assert result.vips == {1: (1, FRAME_MAX)}


def check_drop(progrun, reason, family=4, **run):
    frame = packets.frame(family=family)
    result = progrun.run_one(frame, ifindex=progrun.here, **run)
    assert (result.verdict, result.reason) == ("XDP_DROP", reason)
    assert result.packet == frame
    assert not result.vips and not result.backends


@pytest.mark.parametrize("slots", (None, (0,)), ids=("no table", "empty slots"))
@pytest.mark.parametrize("family", (4, 6))
def test_no_backend(progrun, family, slots):
    one_vip(progrun, slots=slots, family=family)
    check_drop(progrun, "drop_no_backend", family)


@pytest.mark.parametrize("mode", (DSR, IPIP, GUE))
@pytest.mark.parametrize("family", (4, 6))
def test_no_next_hop(progrun, family, mode):
    one_vip(progrun, mode, family, family=family, ifindex=0)
    check_drop(progrun, "drop_no_next_hop", family)


@pytest.mark.parametrize("mode,backend_family,family", [way for way in WAYS if way[0] != DSR])
def test_no_room(progrun, mode, backend_family, family):
    """Metadata in front of the packet takes its headroom, as some drivers do."""
    one_vip(progrun, mode, backend_family, family=family)
    check_drop(progrun, "drop_no_room", family, meta=216)
    # And with a little of it, all is well.
    frame = packets.frame(family=family)
    assert progrun.run_one(frame, ifindex=progrun.here, meta=4).reason == "forward_tx"


def test_dsr_needs_no_room(progrun):
    one_vip(progrun, DSR)
    frame = packets.frame()
    assert progrun.run_one(frame, ifindex=progrun.here, meta=216).reason == "forward_tx"


def test_dsr_needs_room_for_tags(progrun):
    one_vip(progrun, DSR, tags=((0x88a8, 1), (0x8100, 2)))
    check_drop(progrun, "drop_no_room", meta=216)
