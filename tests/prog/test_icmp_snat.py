# SPDX-License-Identifier: GPL-2.0
"""
ICMP errors about connections whose source is translated, both ways: both sides of the quote
change, by the connection's entry. What is expected is built anew by scapy.
"""
import random

import pytest

import icmp_packets as icmp
import packets
from harness import TCP
from test_icmp_nat import CLIENT_PORT, INSIDE, ROUTER, cuts, error
from test_nat import BACKEND, FAMILIES, PROTOCOLS, client
from test_snat import OWN_ADDRESS, PORT, TARGET, Talk, routed, snat  # noqa: F401 pylint: disable=unused-import


@pytest.fixture
def talk(snat, family, protocol):  # noqa: F811
    """A connection that stands, with the port that the backend knows."""
    talk = Talk(snat, family, protocol, sport=CLIENT_PORT, port=PORT)
    talk.open()
    assert talk.seen[0] == OWN_ADDRESS[family] and talk.seen[2:] == (BACKEND[family], TARGET)
    return talk


def untouched(talk, result, frame):
    assert result.packet == frame and not result.vips and not result.backends
    assert len(talk.world.entries()) == 1


@FAMILIES
@PROTOCOLS
@pytest.mark.parametrize("speaker", ("client", "router"))
def test_to_the_backend(talk, family, protocol, speaker):
    """About a reply: the backend reads of what it sent, to whom it sent it."""
    rnd, vip = random.Random(f"{family} {protocol}"), packets.VIP[family]
    came_from = talk.client if speaker == "client" else ROUTER[family]
    goes_from = OWN_ADDRESS[family] if speaker == "client" else ROUTER[family]
    before = talk.world.entries()
    for kind in icmp.ERRORS[family]:
        payload, rest = rnd.randbytes(rnd.randrange(60)), rnd.randrange(1500)
        there = icmp.segment(family, protocol, vip, talk.client, PORT, CLIENT_PORT, payload)
        behind = icmp.segment(family, protocol, BACKEND[family], OWN_ADDRESS[family], TARGET,
                              talk.seen[1], payload)
        for cut in cuts(family, len(there), rnd):
            result = talk.world.run(error(family, kind, rest, came_from, vip, there[:cut], 57))
            assert (result.reason, result.verdict) == ("forward_icmp", "XDP_TX")
            packets.assert_frame(result.packet, packets.l2(
                (), packets.ip_type(family), "02:00:00:00:0b:00", "02:00:00:00:0b:02")
                + error(family, kind, rest, goes_from, BACKEND[family], behind[:cut], 56))
    assert [e["flags"] for e in talk.world.entries()] == [e["flags"] for e in before]


@FAMILIES
@PROTOCOLS
@pytest.mark.parametrize("speaker", ("backend", "router"))
def test_to_the_client(talk, family, protocol, speaker):
    """About its own packet, as it came behind limpet: the client reads of what it sent."""
    rnd, vip = random.Random(f"back {family} {protocol}"), packets.VIP[family]
    came_from = BACKEND[family] if speaker == "backend" else INSIDE[family]
    goes_from = vip if speaker == "backend" else INSIDE[family]
    for kind in icmp.ERRORS[family]:
        payload, rest = rnd.randbytes(rnd.randrange(60)), rnd.randrange(1500)
        behind = icmp.segment(family, protocol, OWN_ADDRESS[family], BACKEND[family],
                              talk.seen[1], TARGET, payload)
        there = icmp.segment(family, protocol, talk.client, vip, CLIENT_PORT, PORT, payload)
        for cut in cuts(family, len(behind), rnd):
            result = talk.world.run(error(family, kind, rest, came_from, OWN_ADDRESS[family],
                                          behind[:cut], 64))
            assert (result.reason, result.verdict) == ("forward_reply", "XDP_TX")
            assert result.packet[14:] == error(family, kind, rest, goes_from, talk.client,
                                               there[:cut], 63)


@FAMILIES
@PROTOCOLS
def test_what_no_entry_knows(talk, family, protocol):
    """Forged errors reach nobody, and change nothing: about another port, client, address."""
    vip, own, other = packets.VIP[family], OWN_ADDRESS[family], client(family, "there")
    kind = icmp.UNREACHABLE[family]
    for src, dst, sport, dport, to, reason in (
            (vip, talk.client, PORT, CLIENT_PORT + 1, vip, "drop_icmp"),
            (vip, other, PORT, CLIENT_PORT, vip, "drop_icmp"),
            (own, BACKEND[family], talk.seen[1] ^ 1, TARGET, own, "pass_not_tcp_udp"),
            (own, BACKEND[family], talk.seen[1], TARGET + 1, own, "pass_not_tcp_udp"),
            (own, INSIDE[family], talk.seen[1], TARGET, own, "pass_not_tcp_udp")):
        quoted = icmp.segment(family, protocol, src, dst, sport, dport)
        packet = error(family, kind, 0, ROUTER[family], to, quoted, 64)
        result = talk.world.run(packet)
        assert result.reason == reason
        untouched(talk, result, packets.l2((), packets.ip_type(family)) + packet)


@FAMILIES
@pytest.mark.parametrize("protocol", (TCP,))
def test_an_error_does_not_end_a_connection(talk, family, protocol):
    """Nor begins one: what it quotes is not what its client says."""
    entry = talk.world.entry()
    for _ in range(3):
        quoted = icmp.segment(family, protocol, packets.VIP[family], talk.client, PORT, CLIENT_PORT)
        talk.world.run(error(family, icmp.UNREACHABLE[family], 0, talk.client, packets.VIP[family],
                             quoted, 64))
    assert talk.world.entry()[:2] == entry[:2]
    assert talk.up("A").reason == "forward_tx"
