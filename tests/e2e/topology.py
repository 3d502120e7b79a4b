# SPDX-License-Identifier: GPL-2.0
"""
Networks for the end-to-end tests and the demo, made of network namespaces:

    one-armed                           two-armed

    client --+                          client ---- balancer
             |                                         |
    balancer-+-switch                   backends --- switch
             |
    backends-+

The client's own link has CLIENT; the addresses that its requests come from
(client_addresses()) are on its loopback interface, as if it were the router of
a whole Internet. Backends have all VIP addresses on theirs, and answer clients
directly. Everything is dual stack.
"""

import json
import secrets
import subprocess

LAN4, LAN6 = "10.1.0.", "2001:db8:1::"  # balancer and backends
LINK4, LINK6 = "10.9.0.", "2001:db8:9::"  # two-armed: client and balancer
CLIENTS4, CLIENTS6 = "198.51.100.0/24", "2001:db8:c::/48"
VIPS4, VIPS6 = "203.0.113.0/24", "2001:db8:f::/64"
FIRST_VIP, VIPS = 10, 10
CLIENTS = 240
FIRST_BACKEND = 11
BACKENDS = ("b1", "b2", "b3", "b4")

SYSCTLS = (
    "net.ipv4.conf.all.rp_filter=0",
    "net.ipv4.conf.default.rp_filter=0",
    "net.ipv6.conf.all.accept_dad=0",  # addresses work at once
    "net.ipv6.conf.default.accept_dad=0",
    "net.ipv6.conf.default.router_solicitations=0",
)


def vip4(n=0):
    """Address number n of the VIPs."""
    return f"203.0.113.{FIRST_VIP + n}"


def vip6(n=0):
    return f"2001:db8:f::{FIRST_VIP + n}"


def client_addresses(family, count=60, first=1):
    """Sources of requests, numbers `first` on of CLIENTS; in IPv6 each in a /64 of its
    own, which is one client."""
    numbers = range(first, first + count)
    assert numbers[-1] <= CLIENTS
    if family == 4:
        return [f"198.51.100.{n}" for n in numbers]
    return [f"2001:db8:c:{n:x}::1" for n in numbers]


def new_addresses(family, count=60):
    """Clients that client_addresses() does not name by itself: nobody knows them."""
    return client_addresses(family, count, first=61)


class CommandFailed(Exception):
    """A command that builds the network failed; the text is its own."""


def run(command, **options):
    """Runs a command to its end; its output in the exception if it fails."""
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=None if "input" in options else subprocess.DEVNULL,
        text=True,
        timeout=60,
        **options,
    )
    if done.returncode:
        raise CommandFailed(f"{' '.join(map(str, command))}: {done.stdout.strip()}")
    return done.stdout


class Namespace:
    """One network namespace: a host."""

    def __init__(self, name, role):
        self.name = name
        self.role = role
        self.v4 = self.v6 = None  # addresses on the link to the others

    def command(self, *args):
        """The command line that runs args in here. `ip netns exec` would mount
        /sys anew, and hide the BPF file system with it."""
        return ["nsenter", f"--net=/run/netns/{self.name}", *map(str, args)]

    def run(self, *args, **options):
        return run(self.command(*args), **options)

    def popen(self, *args, **options):
        """Starts a process in here that gets no signals from the terminal."""
        return subprocess.Popen(
            self.command(*args), stdin=subprocess.DEVNULL, start_new_session=True, **options
        )

    def ip(self, *lines):
        """Runs `ip` for each line: "address add ..."."""
        run(["ip", "-n", self.name, "-batch", "-"], input="".join(f"{line}\n" for line in lines))

    def link(self, name="eth0"):
        """What `ip` knows of an interface, as a dictionary."""
        return json.loads(run(["ip", "-n", self.name, "-d", "-j", "link", "show", "dev", name]))[0]

    def sysctl(self, *settings):
        self.run("sysctl", "-qw", *settings)

    def plain_veth(self, name="eth0"):
        """No offloads: frames that XDP passes on have to have their checksums."""
        self.run("ethtool", "-K", name, "tx", "off", "tso", "off", "gso", "off")

    def add_addresses(self, *addresses, device="eth0"):
        self.ip(
            *(
                f"address add {address} dev {device}" + (" nodad" if ":" in address else "")
                for address in addresses
            )
        )


class Network:
    """The whole network. Use up() and down(), or `with`."""

    def __init__(self, pass_program, two_armed=False, prefix=None, backends=BACKENDS):
        """pass_program: the compiled pass.bpf.c. prefix: of the names of namespaces,
        random if None. backends: their names."""
        self.pass_program = pass_program
        self.two_armed = two_armed
        self.prefix = prefix or f"lpt-{secrets.token_hex(3)}-"
        self.client = self._namespace("client")
        self.balancer = self._namespace("balancer")
        self.switch = self._namespace("switch")
        self.backends = [self._namespace(name) for name in backends]
        self._made = []

    def _namespace(self, role):
        return Namespace(self.prefix + role, role)

    def __enter__(self):
        try:
            self.up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, *_):
        self.down()

    @property
    def interfaces(self):
        """Where the balancer gets packets, as the configuration has it."""
        names = ("eth0", "eth1") if self.two_armed else ("eth0",)
        return [{"name": name} for name in names]

    @property
    def lan(self):
        """The balancer's interface towards the backends."""
        return "eth1" if self.two_armed else "eth0"

    # --- up ---------------------------------------------------------------------

    def up(self):
        for namespace in (self.client, self.balancer, self.switch, *self.backends):
            self._made.append(namespace)  # first: down() minds none that is not there
            run(["ip", "netns", "add", namespace.name])
            namespace.sysctl(*SYSCTLS)
            namespace.ip("link set lo up")
        self.switch.ip("link add br0 type bridge mcast_snooping 0", "link set br0 up")
        if self.two_armed:
            self._connect_client()
        else:
            self.plug(self.client, 1)
        self.plug(self.balancer, 2, self.lan)
        for n, backend in enumerate(self.backends):
            self.plug(backend, FIRST_BACKEND + n)
        self._route()
        self._add_services()

    def plug(self, namespace, number, device="eth0"):
        """A cable from the namespace to the switch, and the host's address `number`."""
        port = namespace.role
        run(
            ["ip", "-batch", "-"],
            input=f"link add {device} netns {namespace.name} type veth "
            f"peer name {port} netns {self.switch.name}\n",
        )
        namespace.v4, namespace.v6 = f"{LAN4}{number}", f"{LAN6}{number}"
        namespace.plain_veth(device)
        self.switch.plain_veth(port)
        self.switch.ip(f"link set {port} master br0 up")
        if namespace is self.balancer:
            self.attach_pass(self.switch, port)
        namespace.ip(f"link set {device} up")
        namespace.add_addresses(f"{namespace.v4}/24", f"{namespace.v6}/64", device=device)

    def attach_pass(self, namespace, device):
        namespace.ip(f"link set dev {device} xdpdrv obj {self.pass_program} sec xdp.frags")

    def _connect_client(self):
        run(
            ["ip", "-batch", "-"],
            input=f"link add eth0 netns {self.client.name} type veth "
            f"peer name eth0 netns {self.balancer.name}\n",
        )
        for number, namespace in enumerate((self.client, self.balancer), start=1):
            namespace.plain_veth()
            namespace.ip("link set eth0 up")
            namespace.add_addresses(f"{LINK4}{number}/24", f"{LINK6}{number}/64")
        self.attach_pass(self.client, "eth0")
        self.client.v4, self.client.v6 = f"{LINK4}1", f"{LINK6}1"
        self.balancer.sysctl("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")

    def _route(self):
        """Clients reach VIPs through the balancer, answers go straight back."""
        if self.two_armed:
            to_vip4, to_vip6 = f"{LINK4}2", f"{LINK6}2"
            back4, back6 = self.balancer.v4, self.balancer.v6
        else:
            to_vip4, to_vip6 = self.balancer.v4, self.balancer.v6
            back4, back6 = self.client.v4, self.client.v6
        self.client.ip(f"route add {VIPS4} via {to_vip4}", f"route add {VIPS6} via {to_vip6}")
        if self.two_armed:
            self.client.ip(
                f"route add {LAN4}0/24 via {to_vip4}", f"route add {LAN6}/64 via {to_vip6}"
            )
        for backend in self.backends:
            backend.ip(f"route add {CLIENTS4} via {back4}", f"route add {CLIENTS6} via {back6}")
        self.route_balancer()

    def route_balancer(self):
        """The balancer's routes; they have to be made again with its interfaces."""
        lines = [
            f"route replace {CLIENTS4} via {self.client.v4}",
            f"route replace {CLIENTS6} via {self.client.v6}",
        ]
        self.balancer.ip(*lines)

    def _add_services(self):
        self.client.add_addresses(
            *(f"{a}/32" for a in client_addresses(4, CLIENTS)),
            *(f"{a}/128" for a in client_addresses(6, CLIENTS)),
            device="lo",
        )
        for backend in self.backends:
            backend.sysctl(
                "net.ipv4.conf.all.arp_ignore=1",
                "net.ipv4.conf.all.arp_announce=2",
                "net.ipv4.conf.eth0.arp_notify=1",  # a new MAC address is told to all,
                "net.ipv6.conf.eth0.ndisc_notify=1",  # as servers and bonds do
            )
            backend.add_addresses(
                *(f"{vip4(n)}/32" for n in range(VIPS)),
                *(f"{vip6(n)}/128" for n in range(VIPS)),
                device="lo",
            )

    # --- down -------------------------------------------------------------------

    def down(self):
        """Removes all namespaces that up() made; processes in them are their owners'."""
        while self._made:
            namespace = self._made.pop()
            subprocess.run(
                ["ip", "netns", "delete", namespace.name],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )
