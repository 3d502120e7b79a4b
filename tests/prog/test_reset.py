# SPDX-License-Identifier: GPL-2.0
"""
A TCP RST for whom nobody alive has answered: packet in, RST out. What is expected is built
by scapy from the fields, checksums and all. Which packet belongs to a dead backend is the
model's matter (tests/model); here are the cases one by one.
"""
import itertools
import random
import struct
import time

import pytest

import harness
import packets
from harness import DSR, GUE, IPIP, NAT, ORPHANED, RESIDUAL, TCP, TCP_AFFINITY, UDP

FAMILIES = pytest.mark.parametrize("family", (4, 6))
BACKEND = {4: "10.9.0.2", 6: "2001:db8:e::2"}
OWN = {4: "10.9.0.1", 6: "2001:db8:e::1"}
MTU = 9000
RESET, REROUTE = 80, 81  # ports of the VIPs
RATE, BURST = 10000, 20000  # LP_RESET_RATE, LP_RESET_BURST


def site(progrun, prev=ORPHANED, forward=DSR, affinity=TCP_AFFINITY, cur=1):
    """Both VIPs on backend `cur`; 2 is another one. Slots are as `prev` says."""
    rules = [harness.rule(packets.VIP[family], port, protocol=protocol, vip=number,
                          pool=family, forward=forward, affinity=affinity, idle_timeout=600,
                          flags=harness.RESET if port == RESET else 0)
             for family, protocol, (number, port) in itertools.product(
                 (4, 6), (TCP, UDP), enumerate((RESET, REROUTE), 1))]
    hops = [harness.hop(family * 10 + n, progrun.here, OWN[family], BACKEND[family][:-1] + f"{n + 1}",
                        mtu=MTU, dst=f"02:00:00:00:0b:{n:02x}", keep_tags=True) | {"pool": family}
            for family in (4, 6) for n in (1, 2)]
    pools = [harness.pool(family, [family * 10 + cur], prev=prev) for family in (4, 6)]
    progrun.request(op="limpet", scenario=harness.scenario(rules, pools, hops))


def segment(family, flags, seq=1000, ack=0, payload=b"", sport=40000, dport=RESET, src=None,
            tos=0, options=()):
    head = packets.ip_header(family, src, None, tos)
    head /= packets.TCP(sport=sport, dport=dport, seq=seq, ack=ack, flags=flags, options=options)
    return bytes(head / packets.Raw(payload) if payload else head)


def framed(family, inner, tags=()):
    return packets.l2(tags, packets.ip_type(family)) + inner


def rst(family, flags, seq, ack, tags=(), sport=40000, dport=RESET, src=None, tos=0):
    """The RST that is expected, but for padding."""
    src = src or packets.CLIENT[family]
    if family == 4:
        head = packets.IP(src=packets.VIP[4], dst=src, tos=tos, id=0, flags="DF", ttl=64)
    else:
        head = packets.IPv6(src=packets.VIP[6], dst=src, tc=tos, hlim=64)
    head /= packets.TCP(sport=dport, dport=sport, seq=seq, ack=ack, flags=flags, window=0)
    out = packets.l2(tags, packets.ip_type(family), packets.CLIENT_MAC, packets.BALANCER_MAC)
    return out + bytes(head)


def assert_reset(progrun, frame, want):
    """The frame is answered by `want`, padded to 60 bytes where it had them itself."""
    result = progrun.run_one(frame, ifindex=progrun.here)
    assert (result.verdict, result.reason) == ("XDP_TX", "reset_sent")
    packets.assert_frame(result.packet, want + bytes(max(0, min(len(frame), 60) - len(want))))
    assert not result.vips and not result.backends


# Flags of a segment, and what the RST says: (seq, ack, flags) from (seq, ack, length).
SEGMENTS = {
    "A": lambda seq, ack, length: (ack, 0, "R"),
    "PA": lambda seq, ack, length: (ack, 0, "R"),
    "FA": lambda seq, ack, length: (ack, 0, "R"),
    "SA": lambda seq, ack, length: (ack, 0, "R"),
    "UAEC": lambda seq, ack, length: (ack, 0, "R"),
    "F": lambda seq, ack, length: (0, (seq + length + 1) % 2**32, "RA"),
    "P": lambda seq, ack, length: (0, (seq + length) % 2**32, "RA"),
    "": lambda seq, ack, length: (0, (seq + length) % 2**32, "RA"),
}


@FAMILIES
@pytest.mark.parametrize("tags", packets.TAGS)
def test_numbers(progrun, family, tags):
    """RFC 9293 section 3.10.7.1, with numbers that wrap, data, TCP options and a tail."""
    site(progrun)
    rnd = random.Random(f"reset {family} {tags}")
    came = packets.TAGS[tags]
    for flags, says in SEGMENTS.items():
        for length, options, tail in itertools.product((0, 1, 1400), ((), [("NOP", None)] * 40),
                                                       (b"", b"tail" * 9)):
            seq, ack = rnd.choice((0, 2**32 - 1, rnd.randrange(2**32))), rnd.randrange(2**32)
            tos = rnd.randrange(256)
            frame = framed(family, segment(family, flags, seq, ack, rnd.randbytes(length), tos=tos,
                                           options=options), came) + tail
            say = says(seq, ack, length)
            assert_reset(progrun, frame, rst(family, say[2], say[0], say[1], came, tos=tos & 0xfc))


@FAMILIES
def test_options_and_extensions_are_left_out(progrun, family):
    site(progrun)
    tcp = bytes(packets.TCP(sport=40000, dport=RESET, seq=7, ack=99, flags="A"))
    if family == 4:
        inner = bytes(packets.ip_header(4, options=[packets.IPOption_NOP()] * 8, proto=6) /
                      packets.Raw(tcp))
    else:
        inner = bytes(packets.ip_header(6, nh=0) / packets.Raw(b"\x06\x01" + bytes(14) + tcp))
    assert_reset(progrun, framed(family, inner), rst(family, "R", 99, 0))


@FAMILIES
@pytest.mark.parametrize("forward", (DSR, IPIP, GUE, NAT))
@pytest.mark.parametrize("affinity", (harness.SOURCE, TCP_AFFINITY), ids=("source", "tcp"))
def test_every_forwarding_mode(progrun, family, forward, affinity):
    """A RST for what is orphaned; what opens and what follows it goes on, as if nothing were."""
    site(progrun, forward=forward, affinity=affinity)
    frame = framed(family, segment(family, "PA", ack=4711, payload=b"GET"))
    assert_reset(progrun, frame, rst(family, "R", 4711, 0))
    for flags in ("S", "A", "PA", "FA"):
        result = progrun.run_one(framed(family, segment(family, flags, sport=40001)),
                                 ifindex=progrun.here)
        assert (result.reason, result.backend) == ("forward_tx", family * 10 + 1), flags
    # The first one is orphaned still, and may open a connection like anybody else.
    assert_reset(progrun, frame, rst(family, "R", 4711, 0))
    for flags in ("S", "A"):
        result = progrun.run_one(framed(family, segment(family, flags)), ifindex=progrun.here)
        assert (result.reason, result.backend) == ("forward_tx", family * 10 + 1), flags


@FAMILIES
@pytest.mark.parametrize("what", ("RST", "RST with ACK", "UDP", "reroute"))
def test_who_gets_none(progrun, family, what):
    """They go on to the slot's backend."""
    site(progrun)
    inner = {"RST": lambda: segment(family, "R"), "RST with ACK": lambda: segment(family, "RA"),
             "UDP": lambda: packets.packet(family, UDP, b"x", dport=RESET),
             "reroute": lambda: segment(family, "PA", dport=REROUTE)}[what]()
    result = progrun.run_one(framed(family, inner), ifindex=progrun.here)
    assert (result.reason, result.backend) == ("forward_tx", family * 10 + 1)
    assert result.packet[harness.ETH_HLEN:] == inner  # dsr


@FAMILIES
@pytest.mark.parametrize("prev,backend", [(None, 1), (RESIDUAL, 1), ("other", 2)],
                         ids=("settled", "residual", "moving"))
def test_other_slots_reset_nobody(progrun, family, prev, backend):
    """A packet that no record knows: only of an orphaned slot it is known to be nobody's."""
    site(progrun, family * 10 + 2 if prev == "other" else prev)
    result = progrun.run_one(framed(family, segment(family, "PA")), ifindex=progrun.here)
    assert (result.reason, result.backend) == ("forward_tx", family * 10 + backend)


@FAMILIES
def test_a_past_that_has_just_died(progrun, family):
    """Before the agent has come to the slot."""
    site(progrun, family * 10 + 2)
    progrun.state(family * 10 + 2, alive=False)
    assert_reset(progrun, framed(family, segment(family, "PA", ack=5)), rst(family, "R", 5, 0))


@FAMILIES
@pytest.mark.parametrize("prev", (ORPHANED, "other"), ids=("orphaned", "moving"))
@pytest.mark.parametrize("death", ("dead", "another life"))
def test_records_of_a_life_that_is_over(progrun, family, prev, death):
    """A connection of backend 1 that has a record, and backend 1 dies; it may be back."""
    number = family * 10 + 1
    site(progrun, family * 10 + 2 if prev == "other" else prev)
    opening = framed(family, segment(family, "S"))
    data = framed(family, segment(family, "PA", ack=77))
    for frame in (opening, data):
        assert progrun.run_one(frame, ifindex=progrun.here).backend == number
    progrun.state(number, alive=death != "dead", incarnation=2)
    assert_reset(progrun, data, rst(family, "R", 77, 0))
    if death == "dead":
        return
    # The same addresses and ports again: a connection of the other life.
    for frame in (opening, data):
        assert progrun.run_one(frame, ifindex=progrun.here).backend == number


def from_port(template, sport):
    """The same segment of IPv4 from another port; limpet looks at no checksum of those it
    forwards."""
    at = harness.ETH_HLEN + 20
    return template[:at] + struct.pack("!H", sport) + template[at + 2:]


def test_who_lost_a_record_in_a_flood_is_not_reset(progrun):
    """P7, T8: more opening packets than the table (8,192 records) has room for. Handshakes lose
    their half-open records to others; their slots are not orphaned any more then."""
    site(progrun)
    opening, ack, data = (framed(4, segment(4, flags)) for flags in ("S", "A", "PA"))
    mine, orphans = range(1000, 1400), range(50000, 50400)
    for sport in mine[::2]:  # established before the flood: nothing of it evicts them
        progrun.run([from_port(frame, sport) for frame in (opening, ack)], ifindex=progrun.here)
    for sport in mine[1::2]:
        progrun.run_one(from_port(opening, sport), ifindex=progrun.here)
    told = progrun.run([from_port(data, sport) for sport in orphans], ifindex=progrun.here)
    assert {result.reason for result in told} == {"reset_sent"}
    for n in range(16):  # of other sources
        flood = framed(4, segment(4, "S", src=f"198.51.100.{100 + n}"))
        progrun.run([from_port(flood, sport) for sport in range(2000, 3500)], ifindex=progrun.here)
    after = progrun.run([from_port(data, sport) for sport in mine], ifindex=progrun.here)
    assert {(result.reason, result.backend) for result in after} == {("forward_tx", 41)}
    told = progrun.run([from_port(data, sport) for sport in orphans], ifindex=progrun.here)
    assert {result.reason for result in told} == {"reset_sent", "forward_tx"}


@pytest.mark.parametrize("source", ("0.1.2.3", "127.0.0.1", "224.0.0.1", "255.255.255.255", "::",
                                    "ff02::1"))
def test_sources_that_are_no_host(progrun, source):
    family = 6 if ":" in source else 4
    site(progrun)
    frame = framed(family, segment(family, "A", src=source))
    result = progrun.run_one(frame, ifindex=progrun.here)
    assert (result.verdict, result.reason) == ("XDP_DROP", "reset_withheld")


@pytest.mark.parametrize("which", ("destination", "source"))
def test_frames_for_many(progrun, which):
    site(progrun)
    many = {"destination": {"dst": "ff:ff:ff:ff:ff:ff"}, "source": {"src": "01:00:5e:00:00:01"}}
    frame = packets.l2((), 0x0800, **many[which]) + segment(4, "A")
    result = progrun.run_one(frame, ifindex=progrun.here)
    assert (result.verdict, result.reason) == ("XDP_DROP", "reset_withheld")


@FAMILIES
@pytest.mark.parametrize("words", (0, 4, 6, 15))
def test_data_offset_that_lies(progrun, family, words):
    """A TCP header that is shorter than one, or longer than its packet."""
    site(progrun)
    inner = bytearray(segment(family, "A", ack=3))
    inner[(20 if family == 4 else 40) + 12] = words << 4
    result = progrun.run_one(framed(family, bytes(inner)), ifindex=progrun.here)
    assert (result.verdict, result.reason) == ("XDP_DROP", "drop_bad_header")


def test_a_flood_gets_so_many(progrun):
    """P7: no more than the bucket holds and what flows into it; the rest is dropped."""
    site(progrun)
    frame = framed(4, segment(4, "A"))
    began = time.monotonic()
    reasons = progrun.flood(frame, BURST * 3, ifindex=progrun.here)
    seconds = time.monotonic() - began
    assert set(reasons) <= {"reset_sent", "reset_withheld"}
    assert sum(reasons.values()) == BURST * 3
    cpus = 2 if reasons["reset_sent"] > BURST + RATE * (int(seconds) + 1) else 1
    assert BURST <= reasons["reset_sent"] <= cpus * (BURST + RATE * (int(seconds) + 1))
    print(f"{reasons} in {seconds:.2f} s")


def test_checksum_oracle():
    """The RSTs that are expected here have right checksums, by arithmetic of their own."""
    def total(data):
        words = struct.unpack(f"!{len(data) // 2}H", data)
        value = sum(words)
        while value >> 16:
            value = (value & 0xffff) + (value >> 16)
        return value
    frame = rst(4, "RA", 1, 2)[harness.ETH_HLEN:harness.ETH_HLEN + 40]
    assert total(frame[:20]) == 0xffff
    assert total(frame[12:20] + struct.pack("!HH", 6, 20) + frame[20:]) == 0xffff
    frame = rst(6, "R", 1, 2)[harness.ETH_HLEN:]
    assert total(frame[8:40] + struct.pack("!HH", 6, 20) + frame[40:]) == 0xffff
