# SPDX-License-Identifier: GPL-2.0
"""
ICMP with real stacks: pings, path MTU discovery through limpet in both directions and on
both sides of it, traceroute, and errors that are forged.
"""

import random
import re
import shutil
import socket
import struct

import pytest

from agent import configuration, vip
from datagrams import in_namespace
from routed import Routed, Transfers
from test_forward import Decap
from topology import vip4, vip6

PORT = 8080
IP_MTU_DISCOVER, IP_PMTUDISC_DONT = 10, 0  # linux/in.h
# Number of the VIPs' addresses: nat; then tunnels by mode and family of the backend.
MODES = {"nat": 0, "ipip4": 1, "ipip6": 2, "gue4": 3, "gue6": 4}
OVERHEAD = {"nat": 0, "ipip4": 20, "ipip6": 40, "gue4": 28, "gue6": 48}
SILENT, HOSTS = 5, 6  # ping: drop, ping: pass


def address(family, n):
    return vip4(n) if family == 4 else vip6(n)


def services():
    vips = {}
    for family in (4, 6):
        vips[f"nat-{family}"] = vip(address(family, 0), ports=[f"80:{PORT}", 443], forward="nat",
                                    pool=f"web{family}", affinity="tcp")
        vips[f"dns-{family}"] = vip(address(family, 0), ports=["53:5353"], forward="nat",
                                    protocol="udp", pool=f"web{family}", affinity="tcp")
    for mode, n in MODES.items():
        if n:
            vips[mode] = vip(vip4(n), vip6(n), ports=[PORT], forward=mode[:-1], affinity="tcp",
                             pool=f"web{mode[-1]}")
    vips["silent"] = vip(vip4(SILENT), vip6(SILENT), forward="ipip", ping="drop")
    vips["hosts"] = vip(vip4(HOSTS), vip6(HOSTS), forward="ipip", ping="pass")
    return vips


class Site:
    def __init__(self, network, agent, transfers):
        self.network = network
        self.client = network.client
        self.agent = agent
        self.transfers = transfers

    def reasons(self):
        return self.agent.status()["reasons"]

    def rose(self, before):
        return {name: n - before[name] for name, n in self.reasons().items() if n != before[name]}

    def port(self, mode):
        return 80 if mode == "nat" else PORT


@pytest.fixture(scope="module")
def routed(request, build, module_agents):
    if not shutil.which("traceroute"):
        pytest.skip("missing programs: traceroute (make deps-test installs it)")
    decaps = []
    with Routed(build / "tests/e2e/pass.bpf.o") as network:
        agent = module_agents.make(network)
        try:
            network.serve_vips(True)
            for backend in network.backends:
                decaps.append(Decap(backend, network.balancer, build))
                decaps[-1].start()
            agent.start(configuration(network, services()))
            with Transfers(network, PORT) as transfers:
                yield Site(network, agent, transfers)
        finally:
            agent.close()
            for decap in decaps:
                decap.close()


@pytest.fixture
def wide(routed):
    """Nothing is narrow, before and after."""
    routed.network.narrow()
    yield routed
    routed.network.narrow()


# --- pings ----------------------------------------------------------------------------

def ping(site, target, *options):
    """(requests, answers)"""
    done = site.client.popen("ping", "-n", "-q", "-c", "5", "-i", "0.05", "-W", "1", *options,
                             target, stdout=-1, text=True)
    out, _ = done.communicate(timeout=30)
    sent, received = re.search(r"(\d+) packets transmitted, (\d+) received", out).groups()
    return int(sent), int(received)


@pytest.mark.parametrize("mode", MODES)
def test_ping(wide, mode, family):
    before = wide.reasons()
    for size in ("0", "56", "1400"):
        assert ping(wide, address(family, MODES[mode]), "-s", size) == (5, 5)
    assert wide.rose(before)["answer_ping"] == 15


def test_ping_drop_and_pass(wide, family):
    before = wide.reasons()
    assert ping(wide, address(family, SILENT)) == (5, 0)
    assert wide.rose(before)["drop_ping"] == 5
    assert ping(wide, address(family, HOSTS)) == (5, 0)  # the host has not got the address
    bits = 32 if family == 4 else 128
    wide.network.balancer.add_addresses(f"{address(family, HOSTS)}/{bits}", device="lo")
    try:
        assert ping(wide, address(family, HOSTS)) == (5, 5)
    finally:
        wide.network.balancer.ip(f"address delete {address(family, HOSTS)}/{bits} dev lo")
    assert wide.rose(before)["pass_ping"] == 10


# --- path MTU -------------------------------------------------------------------------

def transfers(family, mtu):
    """Modes that can carry it: IPv6 wants 1,280 bytes inside a tunnel too."""
    return [mode for mode in MODES if family == 4 or mtu - OVERHEAD[mode] >= 1280]


@pytest.mark.parametrize("mtu", (1280, 1400))
@pytest.mark.parametrize("mode", MODES)
def test_narrow_towards_the_client(wide, mode, family, mtu):
    """The router tells the VIP, which is whichever backend sent it."""
    site = wide
    site.network.narrow(before=mtu)
    site.transfers.port = site.port(mode)
    before = site.reasons()
    for _ in range(6):  # some of them on each backend
        assert site.transfers.download(site.client, address(family, MODES[mode]))
        assert site.transfers.upload(site.client, address(family, MODES[mode]))
    rose = site.rose(before)
    assert rose["forward_icmp"] >= 1 and "drop_icmp" not in rose, rose
    client = site.client.v4 if family == 4 else site.client.v6
    learned = [f"mtu {mtu}" in backend.run("ip", "route", "get", client)
               for backend in site.network.backends]
    assert any(learned), "no backend has learned the path's MTU"


@pytest.mark.parametrize("mtu", (1280, 1400))
@pytest.mark.parametrize("mode", MODES)
def test_narrow_towards_the_backends(wide, mode, family, mtu):
    """nat: the router tells the client, by way of limpet. Tunnels: it tells limpet, which
    tells the client what is left."""
    site = wide
    if mode not in transfers(family, mtu):
        pytest.skip(f"IPv6 does not fit into {mode} on a path of {mtu} bytes")
    site.network.narrow(behind=mtu)
    site.transfers.port = site.port(mode)
    before = site.reasons()
    target = address(family, MODES[mode])
    for _ in range(4):
        assert site.transfers.upload(site.client, target)
        assert site.transfers.download(site.client, target)
    rose = site.rose(before)
    if mode != "nat":
        assert rose.get("answer_tunnel", 0) + rose.get("pass_tunnel", 0) >= 1, rose
    assert f"mtu {mtu - OVERHEAD[mode]}" in site.client.run("ip", "route", "get", target)


@pytest.mark.parametrize("mtu", (1400, 1450))
@pytest.mark.parametrize("mode", MODES)
def test_narrow_interface_of_limpets_own(wide, mode, family, mtu):
    """The MTU of the interface towards the backends: limpet says so itself."""
    site, balancer = wide, wide.network.balancer
    site.transfers.port = site.port(mode)
    target = address(family, MODES[mode])
    balancer.ip(f"link set eth1 mtu {mtu}")
    try:
        site.network.wait_mtu(site.agent, mtu)
        before = site.reasons()
        for _ in range(3):
            assert site.transfers.upload(site.client, target)
        assert site.rose(before)["answer_too_big"] >= 1
        assert f"mtu {mtu - OVERHEAD[mode]}" in site.client.run("ip", "route", "get", target)
    finally:
        balancer.ip("link set eth1 mtu 1500")
        site.network.wait_mtu(site.agent, 1500)


def test_datagrams_that_may_be_fragmented(wide):
    """Without DF, limpet says the same: Linux believes it, and will fragment by itself."""
    site, balancer, mtu = wide, wide.network.balancer, 1400

    def open_socket():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
        sock.connect((vip4(0), 53))
        return sock
    balancer.ip(f"link set eth1 mtu {mtu}")
    try:
        site.network.wait_mtu(site.agent, mtu)
        before = site.reasons()
        with in_namespace(site.client, open_socket) as sock:
            sock.send(bytes(1450))
            assert site.rose(before)["answer_too_big"] == 1
        assert f"mtu {mtu}" in site.client.run("ip", "route", "get", vip4(0))
    finally:
        balancer.ip("link set eth1 mtu 1500")
        site.network.wait_mtu(site.agent, 1500)


def test_narrow_interface_towards_the_client(wide, family):
    """nat: what limpet cannot send to the client is the stack's, which tells the backend."""
    site = wide
    client = site.client.v4 if family == 4 else site.client.v6
    via = "10.9.0.2" if family == 4 else "2001:db8:9::2"
    bits = 32 if family == 4 else 128
    site.transfers.port = 80
    site.network.balancer.ip(f"route add {client}/{bits} via {via} mtu lock 1300")
    try:
        before = site.reasons()
        for _ in range(6):
            assert site.transfers.download(site.client, address(family, 0))
        assert site.rose(before)["pass_router"] >= 1
    finally:
        site.network.balancer.ip(f"route delete {client}/{bits} via {via}")


# --- traceroute -----------------------------------------------------------------------

def traceroute(site, target, *options):
    """Who answers at each hop."""
    out = site.client.run("traceroute", "-n", "-q", "1", "-w", "2", "-m", "6", *options, target)
    return [line.split()[1] for line in out.splitlines()[1:]]


@pytest.mark.parametrize("options", (("-T", "-p", "80"), ("-U", "-p", "53")), ids=("tcp", "udp"))
def test_traceroute(wide, family, options):
    """Through nat: the routers are themselves, limpet and the backend are the VIP."""
    target = address(family, 0)
    outer, inner = ("10.8.0.2", "10.7.0.2") if family == 4 else ("2001:db8:8::2", "2001:db8:7::2")
    before = wide.reasons()
    assert traceroute(wide, target, *options) == [outer, target, inner, target]
    rose = wide.rose(before)
    assert rose["answer_ttl"] == 1 and "drop_ttl" not in rose, rose


def test_a_closed_port_is_told_at_once(wide, family):
    """The backend's port unreachable arrives as the VIP's: a connected socket hears of it."""
    def ask():
        sock = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
        sock.settimeout(5)
        sock.connect((address(family, 0), 53))
        return sock
    with in_namespace(wide.client, ask) as sock:
        sock.send(b"anybody?")
        with pytest.raises(ConnectionRefusedError):
            sock.recv(100)


# --- forged errors --------------------------------------------------------------------

def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def forged(rnd, target):
    """An error for a VIP about a packet that it never sent: wrong port, wrong client, no VIP
    in the quote, or a quote cut off."""
    port = rnd.choice((80, 443, PORT, 53, rnd.randrange(1, 65536)))
    source = rnd.choice((target, target, target, "203.0.113.200", "192.0.2.9"))
    client = f"10.8.0.{rnd.randrange(1, 255)}"
    quoted = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 1500, 1, 0x4000, 60, rnd.choice((6, 6, 17, 1)), 0,
                         socket.inet_aton(source), socket.inet_aton(client))
    quoted += struct.pack("!HHI", port, rnd.randrange(65536), rnd.randrange(1 << 32))
    quoted = quoted[:rnd.choice((28, 28, 28, 27, 20, 5))]
    kind = rnd.choice(((3, 4), (3, 3), (11, 0), (12, 0)))
    bare = struct.pack("!BBHI", *kind, 0, rnd.choice((68, 576, 1200, 0, 65535))) + quoted
    return bare[:2] + struct.pack("!H", checksum(bare)) + bare[4:]


def test_forged_errors_harm_nobody(wide):
    """Thousands of them: transfers go on at their full size, nothing is remembered."""
    site, rnd = wide, random.Random("forged")
    raw = in_namespace(site.client, lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW,
                                                          socket.IPPROTO_ICMP))
    targets = [vip4(n) for n in MODES.values()]
    records = site.agent.get("/v1/status")["records"]["made"]
    before = site.reasons()
    with raw:
        for round_ in range(8):
            for _ in range(1000):
                target = rnd.choice(targets)
                raw.sendto(forged(rnd, target), (target, 0))
            mode = list(MODES)[round_ % len(MODES)]
            site.transfers.port = site.port(mode)
            assert site.transfers.upload(site.client, vip4(MODES[mode]))
            assert site.transfers.download(site.client, vip4(MODES[mode]))
    rose = site.rose(before)
    assert rose["drop_icmp"] > 1000 and rose["pass_not_vip"] > 500 and rose["forward_icmp"] > 100
    assert site.agent.get("/v1/status")["records"]["made"] == records
    for mode, n in MODES.items():
        learned = re.findall(r"mtu (\d+)", site.client.run("ip", "route", "get", vip4(n)))
        assert learned in ([], [str(1500 - OVERHEAD[mode])])
