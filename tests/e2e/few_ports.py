# SPDX-License-Identifier: GPL-2.0
"""
A site whose VIPs with forward snat have few ports: the host keeps nearly all to itself
(ip_local_port_range), so that there are PORTS of each address of its own for each port of
each backend. Backends are Strangers of test_snat.py.
"""

import contextlib
import time

from agent import configuration, pools_of, vip
from calls import Exchange
from conftest import address
from test_snat import DNS, OWN4, OWN6, TALK, Strangers

PORTS, FIRST = 48, 1024
IDLE_S = 30  # no longer than a closed connection's port rests
FULL, OTHER, LISTED, QUIET = 2, 3, 4, 5  # numbers of VIPs' addresses


def services():
    """Of each family: towards the first backend, the second one, the first from addresses of
    the VIP's own, all of them at other ports, and the second with a long silence."""
    found = {}
    for family, own in ((4, OWN4), (6, OWN6)):
        def snat(number, pool, ports, family=family, **more):
            return vip(address(family, number), ports=ports, pool=f"{pool}{family}", forward="snat",
                       affinity="tcp", **{"idle_timeout": f"{IDLE_S}s", **more})
        found[f"full{family}"] = snat(FULL, "first", [TALK])
        found[f"other{family}"] = snat(OTHER, "second", [TALK])
        found[f"listed{family}"] = snat(LISTED, "first", [TALK], snat_addresses=own)
        found[f"www{family}"] = snat(0, "web", ["443:8080"])
        found[f"quiet{family}"] = snat(QUIET, "second", [TALK], idle_timeout="120s")
        found[f"dns{family}"] = snat(QUIET, "second", [f"53:{DNS}"], protocol="udp",
                                     idle_timeout="120s")
    return found


def build(site):
    """Checks are direct: connections of the host's own, to the very port that is exhausted."""
    checks = {"talk": {"type": "tcp", "port": TALK, "interval": "1s", "timeout": "1s", "rise": 1,
                       "fall": 5}}
    pools = pools_of(site.network)
    for n, name in enumerate(("first", "second")):
        for family in (4, 6):
            whole = pools[f"web{family}"]
            pools[f"{name}{family}"] = {"backends": whole["backends"][n : n + 1], "check": "talk"}
    return configuration(site.network, services(), pools, checks=checks)


@contextlib.contextmanager
def few_ports(site, agents):
    """limpetd there, ready."""
    strangers = Strangers(site)
    strangers.up()
    was = site.balancer.run("sysctl", "-n", "net.ipv4.ip_local_port_range")
    site.balancer.sysctl(f"net.ipv4.ip_local_port_range={FIRST + PORTS} 65535")
    agent = agents.make(site)
    try:
        agent.start(build(site))
        yield agent
    finally:
        agent.close()
        site.balancer.sysctl(f"net.ipv4.ip_local_port_range={' '.join(was.split())}")
        strangers.down()


@contextlib.contextmanager
def exchange_of(site, agent, family):
    """Servers on the first two backends, found usable by their checks."""
    with Exchange(site.backends[:2], family, TALK) as exchange:
        for name, backend in (("first", site.backends[0]), ("second", site.backends[1])):
            wait_for(lambda: agent.backend(backend.role, f"{name}{family}")["state"] == "up",
                     "the backends are up")
        yield exchange


def wait_for(condition, what, timeout=30):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.2)


def host(namespace, family):
    return namespace.v4 if family == 4 else namespace.v6


def speak(calls):
    for call in calls:
        call.speak()
