# SPDX-License-Identifier: GPL-2.0
"""
Both sides translated: packet in, packet out, and what is remembered in between. What is
expected is built by scapy from the fields, checksums and all.
"""
import itertools
import random
import time

import pytest

import harness
import packets
from harness import SNAT, TCP, UDP
from test_nat import BACKEND, FAMILIES, MACS, OWN, PROTOCOLS, add_routes, build, client

OTHER_BACKEND = {4: "10.1.0.12", 6: "2001:db8:1::12"}
OWN_ADDRESS = {4: "10.1.0.1", 6: "2001:db8:1::1"}  # the hop's: what VIP 1 has
LIST = {4: ["10.1.0.201", "10.1.0.202"], 6: ["2001:db8:1::201", "2001:db8:1::202"]}  # VIP 2's
LISTED = {4: "203.0.113.77", 6: "2001:db8:a::77"}
PORT, TARGET, SAME = 443, 4443, 80
IDLE = 600
OWN_PORTS = (32768, 60999)
CLOSING, CONFIRMED, OPENING = 1, 2, 4  # lp_return's word
REPLIED, CLIENT_FIN, SERVER_FIN, SENT = 1, 2, 4, 8
ANSWERED = REPLIED | SENT  # of TCP
HALF_OPEN_S, CLOSING_S = 60, 60
ALIVE, OFFLINE = 1, 2


def rules(idle=IDLE, flags=0):
    for family, protocol in itertools.product((4, 6), (TCP, UDP)):
        def to(address, number, first, target=0):
            return harness.rule(address[family], first, first, protocol, forward=SNAT, vip=number,
                                pool=family, target=target, idle_timeout=idle, flags=flags,
                                affinity=harness.TCP_AFFINITY)
        yield from (to(packets.VIP, 1, PORT, TARGET), to(packets.VIP, 1, SAME),
                    to(LISTED, 1 + family, SAME))


class World:
    """A progrun with the scenario, and one packet after the other through it."""

    def __init__(self, progrun, slots=(0,), **more):
        self.progrun = progrun
        hops, pools = [], []
        for family in (4, 6):
            for n, address in enumerate((BACKEND, OTHER_BACKEND)):
                hops.append(harness.hop(family * 10 + n, progrun.here, OWN_ADDRESS[family],
                                        address[family], dst=f"02:00:00:00:0b:{n:02x}"))
            pools.append(harness.pool(family, [family * 10 + n for n in slots]))
        policies = [harness.policy(prefix, True, 0, ifindex) for prefix in ("0.0.0.0/0", "::/0")
                    for ifindex in (progrun.here, progrun.there)]
        given = {"entries": 1024, "own_ports": OWN_PORTS, "policies": policies,
                 "snat": [{"vip": 1 + f, "addresses": LIST[f]} for f in (4, 6)],
                 "rules": list(rules()), **more}
        progrun.request(op="limpet", scenario=harness.scenario(given.pop("rules"), pools, hops,
                                                               **given))

    def run(self, packet, ifindex=None):
        frame = packets.l2((), packets.ip_type(packet[0] >> 4)) + packet
        return self.progrun.run_one(frame, ifindex=ifindex or self.progrun.here)

    def entries(self):
        return self.progrun.request(op="entries")["entries"]

    def entry(self):
        """The only one: flags, state, seconds left."""
        (entry,) = self.entries()
        return entry["flags"], entry["state"], entry["left"]

    def move(self, family, slots):
        self.progrun.request(op="move", pool={"pool": family, "table": 8,
                                              "slots": [family * 10 + n for n in slots]})


@pytest.fixture(scope="module")
def routed(progrun):
    add_routes(progrun)
    return progrun


@pytest.fixture
def snat(routed):
    return World(routed)


def fields(packet):
    """(source, port, destination, port) of a packet that came out."""
    ip = packets.Ether(packet)
    ip = ip[packets.IP] if packets.IP in ip else ip[packets.IPv6]
    l4 = ip.payload
    return ip.src, l4.sport, ip.dst, l4.dport


class Talk:
    """A connection: packets of both of its ends, with sequence numbers that fit."""

    def __init__(self, world, family=4, protocol=TCP, sport=40000, port=SAME, vip=None, src=None):
        self.world, self.family, self.protocol = world, family, protocol
        self.client, self.sport = src or client(family, "here"), sport
        self.vip, self.port = vip or packets.VIP[family], port
        self.seq, self.isn = 1000, 5_000_000
        self.seen = None  # how the backend sees it: its (source, port, address, port)

    def up(self, flags="A", payload=b"", **fields_):
        l4 = {}
        if self.protocol == TCP:
            l4 = {"flags": flags, "ack": self.isn + 1 if "A" in flags else 0, **fields_}
        packet = build(self.family, self.protocol, self.client, self.vip, self.sport, self.port,
                       payload, **l4)
        result = self.world.run(packet)
        if result.verdict == "XDP_TX":
            self.seen = fields(result.packet)
        return result

    def down(self, flags="A", payload=b"", **fields_):
        source, port, address, target = self.seen
        l4 = {}
        if self.protocol == TCP:
            l4 = {"flags": flags, "ack": 1001, "seq": self.isn + ("S" not in flags), **fields_}
        result = self.world.run(build(self.family, self.protocol, address, source, target, port,
                                      payload, **l4))
        if "S" in flags and self.protocol == TCP:
            self.isn = l4["seq"]
        return result

    def open(self):
        assert self.up("S").reason == "forward_tx"
        assert self.down("SA", seq=5_000_000).reason == "forward_reply"
        assert self.up("A").reason == "forward_tx"
        return self


def payloads():
    rnd = random.Random("snat")
    return [rnd.randbytes(n) for n in (0, 1, 2, 63, 500, 1400)]


# --- what is written -------------------------------------------------------------------------


@FAMILIES
@PROTOCOLS
@pytest.mark.parametrize("port,target", [(PORT, TARGET), (SAME, SAME)])
def test_to_a_backend_and_back(snat, family, protocol, port, target):
    peer, own = client(family, "here"), OWN_ADDRESS[family]
    kind = packets.ip_type(family)
    for i, payload in enumerate(payloads()):
        sport = 20000 + i
        result = snat.run(build(family, protocol, peer, packets.VIP[family], sport, port, payload,
                                57, tos=i))
        assert (result.reason, result.verdict) == ("forward_tx", "XDP_TX")
        assert result.backends == {family * 10: (1, 14 + len(build(
            family, protocol, peer, own, 1, 1, payload)))}
        packets.assert_frame(result.packet, packets.l2(
            (), kind, "02:00:00:00:0b:00", "02:00:00:00:0b:02")
            + build(family, protocol, own, BACKEND[family], sport, target, payload, 56, tos=i))
        result = snat.run(build(family, protocol, BACKEND[family], own, target, sport, payload, 64,
                                tos=i & 0xfc))
        assert (result.reason, result.verdict) == ("forward_reply", "XDP_TX")
        packets.assert_frame(result.packet, packets.l2((), kind, MACS["here"], OWN["here"]) + build(
            family, protocol, packets.VIP[family], peer, port, sport, payload, 63, tos=i & 0xfc))


@FAMILIES
@pytest.mark.parametrize("way", ("elsewhere", "nobody"))
def test_a_reply_that_the_stack_sends(snat, family, way):
    """Translated, and otherwise as it came."""
    peer = client(family, way)
    assert snat.run(build(family, UDP, peer, packets.VIP[family], 20000, SAME, b"x")).reason
    result = snat.run(build(family, UDP, BACKEND[family], OWN_ADDRESS[family], SAME, 20000, b"y"))
    assert (result.reason, result.verdict) == ("pass_reply", "XDP_PASS")
    packets.assert_frame(result.packet, packets.l2((), packets.ip_type(family)) + build(
        family, UDP, packets.VIP[family], peer, SAME, 20000, b"y"))


def test_udp_without_a_checksum_stays_so(snat):
    result = snat.run(build(4, UDP, client(4, "here"), packets.VIP[4], 20000, SAME, b"x", chksum=0))
    assert packets.Ether(result.packet)[packets.UDP].chksum == 0


# --- ports and addresses -----------------------------------------------------------------------


@FAMILIES
@PROTOCOLS
def test_no_two_connections_share_a_port(snat, family, protocol):
    """Many clients with one and the same source port."""
    seen = {}
    for n in range(200):
        peer = {4: f"198.51.101.{n + 1}", 6: f"2001:db8:c1::{n + 1:x}"}[family]
        result = snat.run(build(family, protocol, peer, packets.VIP[family], 20000, SAME, b"",
                                **({"flags": "S"} if protocol == TCP else {})))
        assert result.reason == "forward_tx"
        seen[fields(result.packet)] = peer
    assert len(seen) == 200
    assert (OWN_ADDRESS[family], 20000, BACKEND[family], SAME) in seen, "the first one keeps it"
    for (source, port, address, target), peer in seen.items():
        assert port >= 1024 and not OWN_PORTS[0] <= port <= OWN_PORTS[1]
        result = snat.run(build(family, protocol, address, source, target, port, b""))
        assert fields(result.packet) == (packets.VIP[family], SAME, peer, 20000)


@FAMILIES
def test_a_port_of_the_hosts_own_is_not_kept(snat, family):
    result = snat.run(build(family, UDP, client(family, "here"), packets.VIP[family], 40000, SAME,
                            b""))
    assert not OWN_PORTS[0] <= fields(result.packet)[1] <= OWN_PORTS[1]


@FAMILIES
def test_a_privileged_port_is_not_kept(snat, family):
    result = snat.run(build(family, UDP, client(family, "here"), packets.VIP[family], 53, SAME, b""))
    assert fields(result.packet)[1] >= 1024


@FAMILIES
def test_addresses_of_a_list_take_turns(snat, family):
    """One port serves a client on each of them; all ports are theirs to use."""
    seen = set()
    for n in range(2):
        peer = {4: f"198.51.101.{n + 1}", 6: f"2001:db8:c1::{n + 1:x}"}[family]
        result = snat.run(build(family, UDP, peer, LISTED[family], 40000, SAME, b""))
        seen.add(fields(result.packet)[:2])
    assert len(seen) == 2
    assert {address for address, _ in seen} <= set(LIST[family])
    many = set()
    for n in range(64):
        result = snat.run(build(family, UDP, client(family, "here"), LISTED[family], 2000 + n, SAME,
                                b""))
        many.add(fields(result.packet)[0])
    assert many == set(LIST[family])


def test_without_an_address_nothing_is_sent(routed):
    hops = [harness.hop(1, routed.here, "0.0.0.0", BACKEND[4])]
    rule = harness.rule(packets.VIP[4], SAME, SAME, UDP, forward=SNAT, idle_timeout=IDLE)
    routed.request(op="limpet", scenario=harness.scenario([rule], [harness.pool(1, [1])], hops,
                                                          entries=8))
    frame = packets.frame(protocol=UDP, dport=SAME)
    assert routed.run_one(frame, ifindex=routed.here).reason == "drop_snat_address"


# --- the life of an entry -----------------------------------------------------------------------


@FAMILIES
def test_tcp_opens_lives_and_closes(snat, family):
    talk = Talk(snat, family)
    talk.up("S")
    assert snat.entry()[:2] == (OPENING, 0)
    assert HALF_OPEN_S <= snat.entry()[2] <= HALF_OPEN_S + 6
    talk.down("SA", seq=5_000_000)
    assert snat.entry()[:2] == (OPENING, ANSWERED)
    talk.up("A")
    assert snat.entry()[:2] == (CONFIRMED, ANSWERED)
    assert IDLE <= snat.entry()[2] <= IDLE * 17 / 16 + 3
    talk.up("FA")
    assert snat.entry()[:2] == (CONFIRMED, ANSWERED | CLIENT_FIN)
    assert snat.entry()[2] >= IDLE, "one side may still have much to say"
    talk.down("FA")
    assert snat.entry()[:2] == (CONFIRMED | CLOSING, ANSWERED | CLIENT_FIN | SERVER_FIN)
    assert snat.entry()[2] <= CLOSING_S + 6
    assert talk.up("A").reason == "forward_tx", "the last acknowledgement"
    assert snat.entry()[2] <= CLOSING_S + 6


@pytest.mark.parametrize("first", ("client", "server"))
def test_both_have_to_end_it(snat, first):
    talk = Talk(snat).open()
    ends = (talk.up, talk.down) if first == "client" else (talk.down, talk.up)
    ends[0]("FA")
    assert not snat.entry()[0] & CLOSING
    ends[1]("FA")
    assert snat.entry()[0] & CLOSING


def test_a_new_connection_from_a_closed_ones_port(snat):
    talk = Talk(snat, sport=20000).open()  # which no host has for its own
    talk.up("FA")
    talk.down("FA")
    seen = talk.seen
    assert talk.up("S").reason == "forward_tx"
    assert talk.seen == seen, "its port is its own"
    assert snat.entry()[:2] == (OPENING, 0)
    talk.down("SA", seq=77)
    talk.up("A")
    assert snat.entry()[:2] == (CONFIRMED, ANSWERED)


def test_an_acknowledgement_of_something_else_confirms_nothing(snat):
    """Who invents the client's address does not know what the backend has said."""
    talk = Talk(snat)
    talk.up("S")
    assert talk.up("A").reason == "forward_tx"
    assert snat.entry()[0] == OPENING, "no answer yet"
    talk.down("SA", seq=5_000_000)
    for ack in (0, 1, 5_000_000, 5_000_001 + (1 << 16), 1 << 31):
        talk.up("A", ack=ack)
        assert snat.entry()[0] == OPENING, ack
    talk.up("A", ack=5_000_001 + 1460)
    assert snat.entry()[0] == CONFIRMED


NEAR, STEP = 1 << 20, 1 << 16  # bpf/snat.h: SNAT_NEAR_RST, SNAT_SENT_STEP


def test_a_reset_of_the_backends_ends_it(snat):
    talk = Talk(snat).open()
    assert talk.down("R").reason == "forward_reply"
    assert snat.entry()[0] & CLOSING


@pytest.mark.parametrize("isn", (5_000_000, (1 << 32) - 2, 1000))
def test_a_reset_from_elsewhere_ends_nothing(snat, isn):
    """The client's stack ignores it (RFC 5961), so the connection lives on."""
    talk = Talk(snat)
    talk.up("S")
    talk.down("SA", seq=isn)
    talk.up("A")
    for off in (NEAR, 1 << 31, -NEAR - 1):
        for flags in ("R", "RA"):
            assert talk.down(flags, seq=(isn + off) % (1 << 32)).reason == "forward_reply"
            assert snat.entry()[:2] == (CONFIRMED, ANSWERED), (off, flags)
    assert snat.entry()[2] >= IDLE
    talk.down("R", seq=(isn - NEAR) % (1 << 32))
    assert snat.entry()[0] & CLOSING


def test_where_the_backend_is_moves_with_what_it_sends(snat):
    """A long answer, none of which is acknowledged by anything new, past 4 GiB."""
    talk = Talk(snat).open()
    at = talk.isn + 1
    for _ in range(((1 << 32) + 10 * NEAR) // (NEAR - 1)):
        at += NEAR - 1
        talk.down("A", seq=at % (1 << 32))
    talk.down("R", seq=(at - NEAR - 1) % (1 << 32))
    talk.down("R", seq=(at + NEAR) % (1 << 32))
    assert not snat.entry()[0] & CLOSING
    talk.down("A", seq=(at + STEP - 1) % (1 << 32))  # not worth a note
    talk.down("R", seq=(at + NEAR) % (1 << 32))
    assert not snat.entry()[0] & CLOSING
    talk.down("R", seq=(at + NEAR - 1) % (1 << 32))
    assert snat.entry()[0] & CLOSING


@pytest.mark.parametrize("flags", ("A", "SA", "FA", "PA"))
def test_nobody_moves_it_elsewhere(snat, flags):
    """Neither where the backend is, nor what it waits for."""
    talk = Talk(snat).open()
    talk.down("A", ack=1_000_000)
    isn = talk.isn
    talk.down(flags, seq=1 << 31, ack=1 << 30)
    talk.isn = isn
    talk.down("R", seq=1 << 31)
    talk.up("R", seq=1 << 30)
    assert not snat.entry()[0] & CLOSING
    talk.up("R", seq=1_000_000)
    assert snat.entry()[0] & CLOSING


def test_a_reset_of_a_backend_that_knows_of_nothing(snat):
    """Where it is is not known before it has said anything else."""
    talk = Talk(snat, sport=20000)
    talk.up("PA", b"data")
    talk.down("R", seq=123)
    assert snat.entry()[0] & CLOSING


def test_a_reset_of_the_clients_ends_it_if_it_is_in_the_window(snat):
    talk = Talk(snat).open()
    talk.down("A", ack=1_000_000)
    for seq in (999_999, 1_000_000 + (1 << 20), 0, 1 << 31):
        assert talk.up("R", seq=seq).reason == "forward_tx"
        assert not snat.entry()[0] & CLOSING, seq
    talk.up("R", seq=1_000_100)
    assert snat.entry()[0] & CLOSING


def test_a_refused_connection_is_soon_over(snat):
    talk = Talk(snat)
    talk.up("S")
    talk.down("RA")
    assert snat.entry()[0] & CLOSING


def test_udp_is_confirmed_when_its_client_goes_on(snat):
    talk = Talk(snat, protocol=UDP, sport=20000)
    talk.up()
    talk.up()
    assert snat.entry()[:2] == (OPENING, 0)
    talk.down()
    assert snat.entry()[:2] == (OPENING, REPLIED)
    talk.up()
    assert snat.entry()[:2] == (CONFIRMED, REPLIED)
    assert snat.entry()[2] >= IDLE


def test_what_is_silent_for_too_long_is_forgotten(routed):
    world = World(routed, rules=list(rules(idle=1)))
    talk = Talk(world, protocol=UDP, sport=20000)
    for _ in range(2):
        talk.up()
        talk.down()
    assert talk.down().reason == "forward_reply"
    time.sleep(4.1)
    assert not world.entries()
    assert talk.down().reason == "pass_not_vip"


def test_what_is_used_stays(routed):
    """By either side alone: twice its life, in steps of less."""
    for side in ("up", "down"):
        world = World(routed, rules=list(rules(idle=2)))
        talk = Talk(world, protocol=UDP, sport=20000)
        talk.up()
        talk.down()
        talk.up()
        for _ in range(8):
            time.sleep(0.8)
            assert getattr(talk, side)().reason.startswith("forward"), side
        assert talk.down().reason == "forward_reply" and talk.up().reason == "forward_tx"
        assert len(world.entries()) == 1


def test_in_the_middle_of_a_flow_the_port_is_the_clients(snat):
    """After entries were lost, connections go on (N3)."""
    talk = Talk(snat, sport=20000)
    assert talk.up("PA", b"data").reason == "forward_tx"
    assert talk.seen[1] == 20000
    assert snat.entry()[:2] == (0, 0)
    talk.down("A")
    talk.up("A")
    assert snat.entry()[:2] == (CONFIRMED, ANSWERED)


def test_a_stray_that_its_backend_does_not_know(snat):
    talk = Talk(snat)
    talk.up("PA", b"data")
    assert talk.down("R").reason == "forward_reply", "its client is told"
    assert snat.entry()[0] == CLOSING


def test_the_end_of_nothing(snat):
    assert Talk(snat).up("R").reason == "drop_snat_stray"
    assert not snat.entries()


# --- who decides --------------------------------------------------------------------------------


@FAMILIES
@PROTOCOLS
def test_an_entry_decides_for_its_connection(snat, family, protocol):
    talk = Talk(snat, family, protocol, sport=20000)
    talk.up("S")
    seen = talk.seen
    snat.move(family, [1])
    assert talk.up("A").backend == family * 10
    assert talk.seen == seen
    other = Talk(snat, family, protocol, sport=20001)
    assert other.up("S").backend == family * 10 + 1
    assert other.seen[2] == OTHER_BACKEND[family]


@pytest.mark.parametrize("state", [{"flags": 0, "incarnation": 1}, {"flags": ALIVE, "incarnation": 2}])
def test_a_dead_backend_has_no_entries(snat, state):
    talk = Talk(snat).open()
    snat.move(4, [1])
    snat.progrun.request(op="state", backend=40, **state)
    assert talk.up("A").backend == 41


def test_an_opening_packet_does_not_go_to_an_offline_backend(snat):
    talk = Talk(snat)
    talk.up("S")
    other = Talk(snat, sport=41000).open()
    snat.move(4, [1])
    snat.progrun.request(op="state", backend=40, flags=ALIVE | OFFLINE, incarnation=1)
    assert talk.up("S").backend == 41
    assert other.up("A").backend == 40


# --- what must not pass -------------------------------------------------------------------------


@FAMILIES
@PROTOCOLS
def test_a_stray_reply_goes_to_the_stack_as_it_came(snat, family, protocol):
    """The host's own connections to a backend come back like that; nobody's are nobody's."""
    talk = Talk(snat, family, protocol, sport=20000)
    talk.up("S")
    source, port, address, target = talk.seen
    strangers = [(address, source, target, port + 1), (address, source, target + 1, port),
                 (OTHER_BACKEND[family], source, target, port), (address, client(family, "here"),
                                                                 target, port)]
    for src, dst, sport, dport in strangers:
        packet = build(family, protocol, src, dst, sport, dport, b"x")
        result = snat.run(packet)
        assert (result.reason, result.verdict) == ("pass_not_vip", "XDP_PASS")
        packets.assert_frame(result.packet, packets.l2((), packets.ip_type(family)) + packet)


def test_a_reply_of_the_other_protocol(snat):
    talk = Talk(snat, protocol=UDP, sport=20000)
    talk.up()
    talk.protocol = TCP
    assert talk.down().reason == "pass_not_vip"


@FAMILIES
def test_reject_sources_holds_for_replies(routed, family):
    """Who claims to be a backend from outside is not translated, and changes nothing."""
    reject = {4: "10.0.0.0/8", 6: "2001:db8:1::/48"}[family]
    world = World(routed, rules=list(rules(flags=harness.GUARDED)),
                  policies=[harness.policy(reject, False, 0, routed.there),
                            harness.policy("0.0.0.0/0", True, 0, routed.here),
                            harness.policy("::/0", True, 0, routed.here)])
    talk = Talk(world, family).open()
    source, port, address, target = talk.seen
    packet = build(family, TCP, address, source, target, port, b"", flags="R")
    assert world.run(packet, ifindex=routed.there).reason == "drop_spoofed"
    assert world.entry()[0] == CONFIRMED
    assert world.run(packet).reason == "forward_reply"


# --- floods and ends ----------------------------------------------------------------------------


def test_a_flood_of_opening_packets_moves_no_connection(routed):
    """16 places: five connections that live, and hundreds that open."""
    world = World(routed, entries=2)
    talks = [Talk(world, sport=40000 + n).open() for n in range(5)]
    reasons = set()
    for n in range(400):
        reasons.add(Talk(world, sport=2000 + n, src=f"198.51.101.{n % 250}").up("S").reason)
    assert reasons <= {"forward_tx", "drop_snat_entries"}
    assert "forward_tx" in reasons
    for talk in talks:
        seen = talk.seen
        assert talk.up("A").reason == "forward_tx" and talk.seen == seen
        assert talk.down("A").reason == "forward_reply"
    assert sum(bool(e["flags"] & CONFIRMED) for e in world.entries()) == 5


def few_ports(routed, first=1100):
    """Ports 1024 to `first` - 1 of the hop's address only."""
    return World(routed, own_ports=(first, 65535))


def open_many(world, n):
    """Those of n clients that got a port."""
    talks = []
    for i in range(n):
        talk = Talk(world, src=f"198.51.101.{i + 1}", sport=40000 + i)
        if talk.up("S").reason == "forward_tx":
            talk.down("SA", seq=5_000_000)
            talk.up("A")
            talks.append(talk)
    return talks


def test_ports_run_out(routed):
    """Of one backend: its connections live on, other backends and other addresses take more."""
    world = few_ports(routed, 1028)
    talks = open_many(world, 60)
    assert len(talks) == 4
    assert {talk.seen[1] for talk in talks} == {1024, 1025, 1026, 1027}
    assert Talk(world, sport=50000).up("S").reason == "drop_snat_ports"
    for talk in talks:
        assert talk.up("A").reason == "forward_tx" and talk.down("A").reason == "forward_reply"
    assert Talk(world, sport=50000, vip=LISTED[4]).up("S").reason == "forward_tx"
    assert Talk(world, sport=50000, family=6).up("S").reason == "forward_tx"
    world.move(4, [1])
    assert Talk(world, sport=50000).up("S").backend == 41


def test_half_open_ones_make_room_for_those_that_open(routed):
    world = few_ports(routed, 1028)
    for n in range(60):
        assert Talk(world, src=f"198.51.101.{n + 1}", sport=40000 + n).up("S").reason == "forward_tx"
    assert len(world.entries()) == 4
    talk = Talk(world, sport=50000).open()
    assert talk.up("A").reason == "forward_tx"


def test_who_has_lost_its_port_does_not_use_it(routed):
    """Its next packet gets another one, or none; nobody else's."""
    world = few_ports(routed, 1028)
    first = Talk(world, sport=50000)
    first.up("S")
    assert len(open_many(world, 60)) == 4
    assert all(entry["flags"] & CONFIRMED for entry in world.entries())
    assert first.up("S").reason == "drop_snat_ports"
    assert first.up("A").reason == "drop_snat_ports"


def test_a_stray_takes_no_port_of_one_that_opens(routed):
    world = few_ports(routed, 1028)
    for n in range(4):
        Talk(world, src=f"198.51.101.{n + 1}", sport=1024 + n).up("S")
    assert len(world.entries()) == 4
    assert Talk(world, sport=50000).up("A").reason == "drop_snat_ports"
