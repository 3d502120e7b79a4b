# SPDX-License-Identifier: GPL-2.0
"""Packets for a VIP that cannot go on: size, backend, next hop, room."""
import pytest

import harness
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
    assert [r.reason for r in results] == ["forward_tx", "forward_tx", "drop_too_big",
                                           "drop_too_big", "forward_tx"]
    for index in (2, 3):
        assert results[index].verdict == "XDP_DROP"
        assert results[index].packet == frames[index]
        assert not results[index].vips and not results[index].backends
    assert len(results[1].packet) == len(head) + mtu


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
