# SPDX-License-Identifier: GPL-2.0
"""
A network with routers on both sides of the balancer, each of which can be told that what
lies behind it takes no more than so many bytes:

    client ── outer ── balancer ── inner ──┬── b1
                                           └── b2

Dual stack; answers of backends come back by the same way. Backends have VIPs' addresses
only while serve_vips() says so (tunnels); with nat they know of none.
"""

import hashlib
import secrets
import socket
import threading
import time

from datagrams import in_namespace
from topology import SYSCTLS, VIPS, VIPS4, VIPS6, Namespace, run, vip4, vip6

NETS4 = {"client": "10.8.0.", "outer": "10.9.0.", "inner": "10.7.0.", "lan": "10.1.0."}
NETS6 = {name: f"2001:db8:{n}::" for name, n in (("client", 8), ("outer", 9), ("inner", 7), ("lan", 1))}
DEFAULTS = ("0.0.0.0/0", "::/0")


class Routed:
    """Use with `with`."""

    def __init__(self, pass_program):
        prefix = f"lpr-{secrets.token_hex(3)}-"
        self.pass_program = pass_program
        self.client, self.outer, self.balancer, self.inner = hosts = [
            Namespace(prefix + role, role) for role in ("client", "outer", "balancer", "inner")
        ]
        self.backends = [Namespace(prefix + role, role) for role in ("b1", "b2")]
        self.interfaces = [{"name": "eth0"}, {"name": "eth1"}]
        self._all = [*hosts, *self.backends]

    def __enter__(self):
        try:
            self._up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for namespace in self._all:
            try:
                run(["ip", "netns", "delete", namespace.name])
            except Exception:  # pylint: disable=broad-except
                pass  # was never made

    # --- up -------------------------------------------------------------------------

    def _up(self):
        for namespace in self._all:
            run(["ip", "netns", "add", namespace.name])
            namespace.sysctl(*SYSCTLS)
            namespace.ip("link set lo up")
        for router in (self.outer, self.balancer, self.inner):
            router.sysctl("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
                          "net.ipv4.conf.all.send_redirects=0", "net.ipv4.icmp_ratelimit=0",
                          "net.ipv6.icmp.ratelimit=0")
        self._cable(self.client, "eth0", self.outer, "eth0", "client")
        self._cable(self.balancer, "eth0", self.outer, "eth1", "outer")
        self._cable(self.balancer, "eth1", self.inner, "eth0", "inner")
        for router, device in ((self.outer, "eth1"), (self.inner, "eth0")):
            router.ip(f"link set dev {device} xdpdrv obj {self.pass_program} sec xdp.frags")
        self._lan()
        self._routes()

    def _veth(self, host, device, peer, far):
        run(["ip", "-batch", "-"], input=f"link add {device} netns {host.name} type veth peer name "
            f"{far} netns {peer.name}\n")
        for namespace, name in ((host, device), (peer, far)):
            namespace.plain_veth(name)
            namespace.ip(f"link set {name} up")

    def _cable(self, host, device, router, far, net):
        """The host is number 1 of the net, the router number 2."""
        self._veth(host, device, router, far)
        for number, namespace, name in ((1, host, device), (2, router, far)):
            namespace.add_addresses(f"{NETS4[net]}{number}/24", f"{NETS6[net]}{number}/64", device=name)
        host.v4, host.v6 = f"{NETS4[net]}1", f"{NETS6[net]}1"  # of the balancer: at last, eth1's

    def _lan(self):
        self.inner.ip("link add br0 type bridge mcast_snooping 0", "link set br0 up")
        self.inner.add_addresses(f"{NETS4['lan']}1/24", f"{NETS6['lan']}1/64", device="br0")
        for n, backend in enumerate(self.backends, start=11):
            self._veth(backend, "eth0", self.inner, backend.role)
            self.inner.ip(f"link set {backend.role} master br0")
            backend.v4, backend.v6 = f"{NETS4['lan']}{n}", f"{NETS6['lan']}{n}"
            backend.add_addresses(f"{backend.v4}/24", f"{backend.v6}/64")
            backend.sysctl("net.ipv4.conf.all.arp_ignore=1")

    def _routes(self):
        def route(namespace, net4, net6, via):
            namespace.ip(f"route add {net4} via {NETS4[via[0]]}{via[1]}",
                         f"route add {net6} via {NETS6[via[0]]}{via[1]}")
        route(self.client, *DEFAULTS, ("client", 2))
        route(self.outer, *DEFAULTS, ("outer", 1))
        route(self.balancer, *DEFAULTS, ("outer", 2))
        route(self.balancer, f"{NETS4['lan']}0/24", f"{NETS6['lan']}/64", ("inner", 2))
        route(self.inner, *DEFAULTS, ("inner", 1))
        for backend in self.backends:
            route(backend, *DEFAULTS, ("lan", 1))
        # Nobody has these addresses; so that nothing goes in circles.
        self.balancer.ip(f"route add blackhole {VIPS4}", f"route add blackhole {VIPS6}")

    # --- what tests change ------------------------------------------------------------

    def serve_vips(self, serve):
        """Do backends have the VIPs' addresses?"""
        word = "replace" if serve else "delete"
        for backend in self.backends:
            backend.ip(*(f"address {word} {vip4(n)}/32 dev lo" for n in range(VIPS)),
                       *(f"address {word} {vip6(n)}/128 dev lo nodad" for n in range(VIPS)))

    def narrow(self, before=None, behind=None):
        """Routers take no more than this towards the client, towards the backends; None: all.
        Whatever hosts have learned is forgotten."""
        self._narrow(self.outer, "eth0", [self.client], before)
        self._narrow(self.inner, "br0", self.backends, behind)
        for namespace in self._all:
            namespace.run("ip", "-4", "route", "flush", "cache")
            namespace.run("ip", "-6", "route", "flush", "cache")

    def wait_mtu(self, agent, mtu, timeout=10):
        """Until limpetd knows the MTU of the interface towards the backends."""
        deadline = time.monotonic() + timeout
        while {i["name"]: i["mtu"] for i in agent.get("/v1/interfaces")["interfaces"]}["eth1"] != mtu:
            assert time.monotonic() < deadline, "limpetd has not seen the MTU"
            time.sleep(0.02)
        time.sleep(0.5)  # and has written it for packets

    @staticmethod
    def _narrow(router, device, hosts, mtu):
        for host in hosts:
            lock = f" mtu lock {mtu}" if mtu else ""
            router.ip(f"route replace {host.v4}/32 dev {device}{lock}",
                      f"route replace {host.v6}/128 dev {device}{lock}")


class Transfers:
    """A TCP service on all backends, whatever address it is asked by: what it is sent it
    answers with a digest, what it is asked for it sends. Use with `with`."""

    LENGTH = 300000

    def __init__(self, network, port):
        self.port = port
        self._listeners = []
        for backend in network.backends:
            self._listeners += in_namespace(backend, self._listen)
        self._threads = [threading.Thread(target=self._serve, args=(s,)) for s in self._listeners]

    def _listen(self):
        sockets = []
        for family, any_ in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((any_, self.port))
            sock.listen(64)
            sockets.append(sock)
        return sockets

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        for listener in self._listeners:
            listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for listener in self._listeners:
            listener.close()

    @classmethod
    def data(cls):
        return b"".join(hashlib.sha256(str(n).encode()).digest() for n in range(cls.LENGTH // 32 + 1))[:cls.LENGTH]

    @classmethod
    def _serve(cls, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # at the end
            with connection:
                connection.settimeout(20)
                try:
                    if connection.recv(1) == b"D":
                        connection.sendall(cls.data())
                    else:
                        connection.sendall(hashlib.sha256(_all(connection)).digest())
                except OSError:
                    pass  # its client sees it too

    def _connect(self, client, address):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET

        def connect():
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.settimeout(10)
            sock.connect((address, self.port))
            return sock
        return in_namespace(client, connect)

    def download(self, client, address):
        """Does the client get all of it?"""
        with self._connect(client, address) as sock:
            sock.sendall(b"D")
            return _all(sock) == self.data()

    def upload(self, client, address):
        with self._connect(client, address) as sock:
            sock.sendall(b"U" + self.data())
            sock.shutdown(socket.SHUT_WR)
            return _all(sock) == hashlib.sha256(self.data()).digest()


def _all(sock):
    pieces = []
    while True:
        piece = sock.recv(65536)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
