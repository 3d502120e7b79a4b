# SPDX-License-Identifier: GPL-2.0
"""
`limpet decap` for real: two namespaces, a balancer that sends tunnel packets and
a backend with the VIP on its loopback, where a server has to get them.
"""
import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import time

import pytest

import harness
import packets
from packets import IP, IPv6, Raw
from scapy.layers.inet import UDP
from scapy.layers.l2 import Ether

LIMPET = str(harness.BUILD / "limpet")
PORT = 5353
BALANCER = {4: "10.77.0.1", 6: "2001:db8:77::1"}
OTHER = {4: "10.77.0.9", 6: "2001:db8:77::9"}
BACKEND = {4: "10.77.0.2", 6: "2001:db8:77::2"}
LATER = {4: "10.77.0.3", 6: "2001:db8:77::3"}
MAC = {"balancer": "02:00:00:00:77:01", "backend": "02:00:00:00:77:02"}
FAMILIES = pytest.mark.parametrize("family", (4, 6))
CLONE_NEWNET = 0x40000000
ETH_P_ALL = 3


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


class Namespace:
    def __init__(self, name):
        self.name = name
        run("ip", "netns", "add", name)
        self.path = f"/run/netns/{name}"

    def command(self, *args):
        # Not `ip netns exec`: that one hides /sys/fs/bpf.
        return ["nsenter", f"--net={self.path}", *args]

    def run(self, *args):
        return run(*self.command(*args))

    @contextlib.contextmanager
    def inside(self):
        """Sockets made within belong to the namespace."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/self/ns/net", encoding="ascii") as home, \
                open(self.path, encoding="ascii") as there:
            assert libc.setns(there.fileno(), CLONE_NEWNET) == 0
            try:
                yield
            finally:
                assert libc.setns(home.fileno(), CLONE_NEWNET) == 0

    def delete(self):
        run("ip", "netns", "del", self.name)


def bits(address, host):
    return f"{address}/{host if host else (24 if '.' in address else 64)}"


@pytest.fixture(scope="module")
def net():
    if os.geteuid() != 0:
        pytest.skip("namespaces and XDP need root")
    pair = [Namespace(f"lpdecap{os.getpid()}{end}") for end in "ab"]
    try:
        connect(*pair)
        yield pair
    finally:
        for namespace in pair:
            namespace.delete()


def connect(balancer, backend):
    balancer.run("ip", "link", "add", "tun0", "address", MAC["balancer"], "type", "veth", "peer",
                 "name", "eth0", "address", MAC["backend"], "netns", backend.name)
    for namespace, name, addresses in ((balancer, "tun0", BALANCER), (backend, "eth0", BACKEND)):
        for family in (4, 6):
            namespace.run("ip", "addr", "add", bits(addresses[family], 0), "dev", name,
                          *(["nodad"] if family == 6 else []))
        namespace.run("ip", "link", "set", name, "up")
        namespace.run("ip", "link", "set", "lo", "up")
    for family in (4, 6):
        backend.run("ip", "addr", "add", bits(packets.VIP[family], 32 if family == 4 else 128),
                    "dev", "lo")
        backend.run("ip", "route", "add", "default", "via", BALANCER[family])


@pytest.fixture
def wire(net):
    """Sends frames from the balancer to the backend, and sees what comes back."""
    with net[0].inside():
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        sock.bind(("tun0", ETH_P_ALL))
    with sock:
        yield sock


@pytest.fixture
def servers(net):
    """The backend's UDP servers on the VIPs, by family."""
    found = {}
    with net[1].inside():
        for family, kind in ((4, socket.AF_INET), (6, socket.AF_INET6)):
            found[family] = socket.socket(kind, socket.SOCK_DGRAM)
            found[family].bind((packets.VIP[family], PORT))
            found[family].settimeout(5)
    yield found
    for sock in found.values():
        sock.close()


class Decap:
    """A `limpet decap` in the foreground on the backend."""

    def __init__(self, namespace, *options):
        self.process = subprocess.Popen(namespace.command(LIMPET, "decap", "eth0", *options),
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.said = ""
        while "attached" not in self.said:
            line = self.process.stderr.readline()
            assert line, f"limpet decap is gone: {self.said}"
            self.said += line

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=10)
        assert self.process.returncode == 0, err
        return counters(out)


def counters(table):
    rows = [line.split() for line in table.splitlines()[1:]]
    return {row[0]: int(row[1]) for row in rows}


@contextlib.contextmanager
def decapsulating(namespace, *options):
    decap = Decap(namespace, *options)
    try:
        yield decap
    finally:
        if decap.process.poll() is None:
            decap.process.kill()
            decap.process.communicate()


def everyone():
    return ",".join(BALANCER.values())


def tunnel(outer, inside, text, gue=False, src=BALANCER, dst=BACKEND):
    """A frame: client's datagram to the VIP, inside a tunnel packet."""
    inner = packets.ip_header(inside) / UDP(sport=4000, dport=PORT) / Raw(text.encode())
    head = (IP if outer == 4 else IPv6)(src=src[outer], dst=dst[outer])
    if gue:
        head /= UDP(sport=50000, dport=6080)
    elif outer == 4:
        head.proto = {4: 4, 6: 41}[inside]
    else:
        head.nh = {4: 4, 6: 41}[inside]
    ether = Ether(src=MAC["balancer"], dst=MAC["backend"])
    built = bytearray(bytes(ether / head / Raw(bytes(inner))))
    if gue:
        at = 14 + (20 if outer == 4 else 40) + 6
        built[at:at + 2] = b"\0\0"
    return bytes(built)


WAYS = [(outer, inside, gue) for outer in (4, 6) for inside in (4, 6) for gue in (False, True)]


@pytest.mark.parametrize("mode", ("--native", "--generic"))
def test_the_server_gets_what_came_through_the_tunnel(net, wire, servers, mode):
    with decapsulating(net[1], "--from", everyone(), mode) as decap:
        assert mode[2:] in decap.said
        for outer, inside, gue in WAYS:
            text = f"{outer} {inside} {gue}"
            wire.send(tunnel(outer, inside, text + " intruder", gue, src=OTHER))
            wire.send(tunnel(outer, inside, text, gue))
            data, client = servers[inside].recvfrom(2000)
            assert data.decode() == text
            assert client[:2] == (packets.CLIENT[inside], 4000)
        seen = decap.stop()
    assert seen["decapsulated"] == len(WAYS)
    assert seen["drop_source"] == len(WAYS)
    assert seen["drop_malformed"] == seen["drop_ecn"] == 0


def test_the_answer_goes_straight_to_the_client(net, wire, servers):
    """As the VIP, without a tunnel."""
    with decapsulating(net[1], "--from", BALANCER[4]) as decap:
        wire.send(tunnel(4, 4, "question"))
        data, client = servers[4].recvfrom(2000)
        servers[4].sendto(b"answer to " + data, client)
        deadline = time.monotonic() + 5
        wire.settimeout(5)
        while time.monotonic() < deadline:
            frame = Ether(wire.recv(2000))
            if UDP in frame and frame[UDP].dport == 4000:
                break
        assert (frame[IP].src, frame[IP].dst) == (packets.VIP[4], packets.CLIENT[4])
        assert bytes(frame[UDP].payload) == b"answer to question"
        decap.stop(signal.SIGTERM)


def attached(namespace):
    return "xdp" in json.loads(namespace.run("ip", "-j", "link", "show", "eth0"))[0]


def test_without_it_nothing_arrives(net, wire, servers):
    """The tests above prove something: no device of this kernel does the work."""
    assert not attached(net[1])
    servers[4].settimeout(0.3)
    wire.send(tunnel(4, 4, "nobody there"))
    with pytest.raises(socket.timeout):
        servers[4].recvfrom(2000)


@FAMILIES
def test_addresses_are_followed(net, wire, servers, family):
    """An address that the backend gets while it runs is one of its own, until it goes."""
    def arrives(wanted):
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            wire.send(tunnel(family, 4, "later", dst=LATER))
            servers[4].settimeout(0.05)
            with contextlib.suppress(socket.timeout):
                servers[4].recvfrom(2000)
                if wanted:
                    return True
                continue
            if not wanted:
                return False
        return not wanted

    change = ["ip", "addr", "add", bits(LATER[family], 0), "dev", "eth0"]
    with decapsulating(net[1], "--from", everyone()):
        assert not arrives(False)
        net[1].run(*change, *(["nodad"] if family == 6 else []))
        try:
            assert arrives(True)
        finally:
            net[1].run("ip", "addr", "del", *change[3:])
        assert not arrives(False)


def test_local_is_the_whole_list(net, wire, servers):
    with decapsulating(net[1], "--from", BALANCER[4], "--local", f"10.1.2.3,{LATER[4]}") as decap:
        wire.send(tunnel(4, 4, "to the interface's address"))
        wire.send(tunnel(4, 4, "to the other", dst=LATER))
        data, _ = servers[4].recvfrom(2000)
        assert data == b"to the other"
        assert decap.stop()["decapsulated"] == 1


def test_addresses_of_lo_end_no_tunnels_unless_named(net, wire, servers):
    """A VIP is there for what is inside. Who wants it as an end can say so."""
    for options, wanted in ([], 0), (["--local", packets.VIP[4]], 1):
        with decapsulating(net[1], "--from", BALANCER[4], *options) as decap:
            wire.send(tunnel(4, 4, "to the VIP itself", dst=packets.VIP))
            wire.send(tunnel(4, 6, "fence", dst=packets.VIP if options else BACKEND))
            assert servers[6].recvfrom(2000)[0] == b"fence"
            assert decap.stop()["decapsulated"] == 1 + wanted


def test_another_gue_port(net, wire, servers):
    with decapsulating(net[1], "--from", BALANCER[4], "--gue-port", "7777") as decap:
        frame = Ether(tunnel(4, 4, "port", gue=True))
        wire.send(bytes(frame))
        frame[UDP].dport = 7777
        wire.send(bytes(frame))
        assert servers[4].recvfrom(2000)[0] == b"port"
        assert decap.stop()["decapsulated"] == 1


# --- pinned ---------------------------------------------------------------------------

@pytest.fixture
def pin_dir():
    path = f"/sys/fs/bpf/lpdecap{os.getpid()}"
    yield path
    for directory, _, files in os.walk(path, topdown=False):
        for name in files:
            os.unlink(os.path.join(directory, name))
        os.rmdir(directory)


def limpet(namespace, *args):
    return subprocess.run(namespace.command(LIMPET, *args), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=20)


def test_pinned_it_stays(net, wire, servers, pin_dir):
    where = ["--pin-dir", pin_dir]
    pinned = limpet(net[1], "decap", "eth0", "--from", BALANCER[4], "--pin", *where)
    assert pinned.returncode == 0, pinned.stderr
    wire.send(tunnel(4, 4, "pinned"))
    wire.send(tunnel(4, 4, "intruder", src=OTHER))
    assert servers[4].recvfrom(2000)[0] == b"pinned"

    table = limpet(net[1], "decap", "eth0", "--stats", *where)
    assert table.returncode == 0
    assert counters(table.stdout)["decapsulated"] == 1
    document = json.loads(limpet(net[1], "--json", "decap", "eth0", "--stats", *where).stdout)
    assert document["interface"] == "eth0"
    assert document["packets"]["drop_source"] == 1
    assert set(document["packets"]) == set(counters(table.stdout))

    again = limpet(net[1], "decap", "eth0", "--from", BALANCER[4], "--pin", *where)
    assert again.returncode == 1 and "has an XDP program already" in again.stderr
    assert attached(net[1])

    assert limpet(net[1], "decap", "eth0", "--off", *where).returncode == 0
    for _ in range(100):  # the kernel lets go of the link in its own time
        if not attached(net[1]):
            break
        time.sleep(0.05)
    assert not attached(net[1])
    for verb in ("--off", "--stats"):
        gone = limpet(net[1], "decap", "eth0", verb, *where)
        assert gone.returncode == 1
        assert gone.stderr == ("limpet decap: interface \"eth0\" has no pinned decapsulation "
                               f"(in {pin_dir})\n")


def test_another_program_is_not_replaced(net, wire, servers, pin_dir):
    with decapsulating(net[1], "--from", BALANCER[4]):
        for more in ([], ["--generic"], ["--pin", "--pin-dir", pin_dir]):
            second = limpet(net[1], "decap", "eth0", "--from", BALANCER[4], *more)
            assert second.returncode == 1
            assert 'interface "eth0" has an XDP program already' in second.stderr
            assert "warning" not in second.stderr
        assert limpet(net[1], "decap", "eth0", "--stats", "--pin-dir", pin_dir).returncode == 1
        wire.send(tunnel(4, 4, "still the first"))
        assert servers[4].recvfrom(2000)[0] == b"still the first"


def test_auto_falls_back_to_generic_with_a_warning(net):
    """lo has no native XDP."""
    command = net[1].command(LIMPET, "decap", "lo", "--from", BALANCER[4])
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as process:
        first, second = process.stderr.readline(), process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
    assert first == ("limpet decap: warning: no native XDP (interface \"lo\": its driver has no "
                     "native XDP); generic is slower\n")
    assert "attached to lo (generic)" in second
    assert process.returncode == 0


# --- errors ----------------------------------------------------------------------------

WRONG = {
    "": "INTERFACE is missing",
    "eth0": "--from ADDRESS is missing",
    "eth0 --from 10.0.0.300": '"10.0.0.300": no IPv4 or IPv6 address',
    "eth0 --from 10.0.0.1,": '"": no IPv4 or IPv6 address',
    "eth0 --from 10.0.0.1/32": '"10.0.0.1/32": no IPv4 or IPv6 address',
    "eth0 --from ::ffff:10.0.0.1": '"::ffff:10.0.0.1": no IPv4 or IPv6 address',
    "eth0 --from 10.0.0.1 --local x": '"x": no IPv4 or IPv6 address',
    "eth0 --from": '"--from" needs an argument',
    "eth0 --from 10.0.0.1 --gue-port 0": '--gue-port "0": no port (1 to 65535)',
    "eth0 --from 10.0.0.1 --gue-port 6080x": '--gue-port "6080x": no port (1 to 65535)',
    "eth0 --from 10.0.0.1 --bogus": '"--bogus": no such option',
    "eth0 --from 10.0.0.1 eth1": '"eth1": one argument too many',
    "eth0 --from 10.0.0.1 --native --generic": "--native and --generic exclude each other",
    "eth0 --stats --off": "--stats and --off exclude each other",
    "eth0 --stats --from 10.0.0.1": "--stats and --off go with --pin-dir only",
    "eth0 --off --pin": "--stats and --off go with --pin-dir only",
    "../eth0 --off": '"../eth0": not the name of an interface',
    ".. --off": '"..": not the name of an interface',
    "a-name-of-16-byt --off": '"a-name-of-16-byt": not the name of an interface',
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_usage(net, line):
    done = limpet(net[1], "decap", *line.split())
    assert done.stderr == f"limpet decap: {WRONG[line]}; see limpet decap --help\n"
    assert (done.returncode, done.stdout) == (2, "")


def test_no_such_interface(net):
    done = limpet(net[1], "decap", "nowhere0", "--from", "10.0.0.1")
    assert done.stderr == 'limpet decap: there is no interface "nowhere0"\n'
    assert done.returncode == 1


def test_no_capabilities(net):
    done = subprocess.run(net[1].command("setpriv", "--bounding-set=-all", LIMPET, "decap", "eth0",
                                         "--from", "10.0.0.1"), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=20)
    assert done.stderr == ("limpet decap: this needs root, or CAP_NET_ADMIN, CAP_BPF and "
                           "CAP_PERFMON\n")
    assert done.returncode == 1


def test_pins_need_a_bpf_file_system(net, tmp_path):
    done = limpet(net[1], "decap", "eth0", "--from", "10.0.0.1", "--pin", "--pin-dir",
                  str(tmp_path))
    assert done.returncode == 1 and "BPF file system" in done.stderr
    assert not attached(net[1])


def test_help_says_how_to_set_the_backend_up(net):
    done = limpet(net[1], "decap", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("dev lo", "rp_filter", "--from", "--pin", "--off", "--stats", "CAP_BPF"):
        assert word in done.stdout
