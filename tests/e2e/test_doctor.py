# SPDX-License-Identifier: GPL-2.0
"""`limpet doctor`: each thing that bites is made to be there, and is found; where it
is not, it is not. Nothing is found on the healthy networks of the other tests."""

import json
import os
import subprocess
import time

import pytest

from agent import configuration, pools_of, services, vip
from topology import vip4, vip6

SEVERITIES = ("problem", "warning", "note", "ok")


class Report:
    """What doctor said, as its JSON."""

    def __init__(self, done):
        assert done.returncode in (0, 1), done.stderr
        self.code = done.returncode
        self.document = json.loads(done.stdout)
        self.findings = self.document["findings"]

    def of(self, check, severity=None):
        return [
            finding
            for finding in self.findings
            if finding["check"] == check and severity in (None, finding["severity"])
        ]

    def one(self, check, severity, *words):
        """The only finding of that check and severity; it says these words."""
        found = self.of(check, severity)
        assert len(found) == 1, self.findings
        for word in words:
            assert word in " ".join(found[0].values()), found[0]
        return found[0]


def doctor(agent, *args):
    return Report(agent.limpet("--json", "doctor", *args))


@pytest.fixture
def here(site, agent):
    """The report on a healthy one-armed network and its limpetd."""
    agent.start(configuration(site.network))
    return lambda: doctor(agent)


def test_nothing_bites_on_a_healthy_network(here):
    report = here()
    assert report.code == 0 and report.document["problems"] == 0, report.findings
    for check in ("kernel", "agents", "interface", "xdp", "rp_filter", "neighbour", "vip_local",
                  "records", "room", "forwarding"):  # fmt: skip
        assert [f["severity"] for f in report.of(check)] == ["ok"], (check, report.findings)
    # It is a veth, whose other end is the switch's.
    assert "ethtool -K" in report.one("checksum", "note")["fix"]


def test_every_finding_is_complete(here, site):
    site.balancer.sysctl("net.ipv4.conf.eth0.rp_filter=1")
    try:
        report = here()
    finally:
        site.balancer.sysctl("net.ipv4.conf.eth0.rp_filter=0")
    for finding in report.findings:
        assert finding["severity"] in SEVERITIES and finding["what"]
        if finding["severity"] in ("warning", "problem"):
            assert finding["why"] and finding["fix"], finding
        assert not any("\n" in text for text in finding.values())
    counts = [len([f for f in report.findings if f["severity"] == s]) for s in SEVERITIES]
    assert counts == [report.document[key] for key in ("problems", "warnings", "notes", "ok")]
    order = [SEVERITIES.index(f["severity"]) for f in report.findings]
    assert order == sorted(order), "the worst come first"


def test_text_says_the_same(site, agent):
    agent.start(configuration(site.network))
    site.balancer.add_addresses(f"{vip4()}/32", device="lo")
    try:
        done = agent.limpet("doctor")
    finally:
        site.balancer.ip(f"address delete {vip4()}/32 dev lo")
    assert done.returncode == 0 and done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].startswith("warning  this host itself has the address of VIP www4 (203.0.113.10)")
    assert lines[1].startswith("         why: ") and lines[2].startswith("         fix: ")
    assert f"ip address delete {vip4()}/32" in lines[2]
    assert lines[-1].startswith("0 problems, 1 warning, ")


# --- the host and its interfaces ----------------------------------------------------------


def test_generic_mode(site, agent):
    """Where native is refused: an MTU that XDP in the driver does not take."""
    config = configuration(site.network, interfaces=[{"name": "eth0", "mode": "generic"}])
    agent.start(config)
    report = doctor(agent)
    assert "as configured" in report.one("xdp", "note")["what"]
    # The same program, and nobody has asked for generic mode.
    config["interfaces"] = [{"name": "eth0", "mode": "auto"}]
    agent.write(config)
    agent.hang_up()
    found = doctor(agent).one("xdp", "warning", "eth0", "not native", "veth")
    assert "mode: native" in found["fix"]


def test_the_program_is_missing(site, agent):
    agent.start(configuration(site.network))
    assert doctor(agent).one("xdp", "ok")
    site.balancer.run("bpftool", "link", "detach", "pinned", agent.pin_dir / "links/eth0")
    report = doctor(agent)
    assert report.code == 1
    report.one("xdp", "problem", "eth0", "is not on it", "limpet reload")
    # And when somebody else's is there instead.
    site.network.attach_pass(site.balancer, "eth0")
    try:
        doctor(agent).one("xdp", "problem", "another program", "bpftool net")
    finally:
        site.balancer.ip("link set dev eth0 xdp off")


@pytest.mark.parametrize("scope", ["all", "eth0"])
def test_strict_rp_filter_one_armed(here, site, scope):
    site.balancer.sysctl(f"net.ipv4.conf.{scope}.rp_filter=1")
    try:
        found = here().one("rp_filter", "note", "eth0", "strict")
        assert found["fix"] == "sysctl -w net.ipv4.conf.eth0.rp_filter=2"
        site.balancer.run(*found["fix"].split(" "))
        assert here().one("rp_filter", "ok")
    finally:
        site.balancer.sysctl("net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.eth0.rp_filter=0")


def test_strict_rp_filter_two_armed(two_armed, agents):
    agent = agents.make(two_armed)
    agent.start(configuration(two_armed.network))
    two_armed.balancer.sysctl("net.ipv4.conf.eth1.rp_filter=1")
    try:
        report = doctor(agent)
    finally:
        two_armed.balancer.sysctl("net.ipv4.conf.eth1.rp_filter=0")
    report.one("rp_filter", "warning", "eth1", "net.ipv4.conf.eth1.rp_filter=2")
    report.one("rp_filter", "ok", "eth0")


def test_an_interface_that_is_gone(fresh_site, agents):
    agent = agents.make(fresh_site)
    agent.start(configuration(fresh_site.network))
    fresh_site.balancer.ip("link delete eth0")
    report = doctor(agent)
    assert report.code == 1
    report.one("interface", "problem", "eth0: there is no such interface")


def test_an_interface_that_is_down(fresh_site, agents):
    agent = agents.make(fresh_site)
    agent.start(configuration(fresh_site.network))
    fresh_site.network.switch.ip("link set balancer down")
    report = doctor(agent)
    assert report.code == 1
    report.one("interface", "problem", "eth0 is down", "its other end")
    report.one("route", "problem", "the interface to web4/b1, web4/b2", "is down")


def test_checksums_of_a_veth(fresh_site, agents):
    """Its other end is in the same namespace, and leaves checksums to the card."""
    balancer = fresh_site.balancer
    balancer.ip(
        "link add v0 type veth peer name v1", "link set v0 up", "link set v1 up",
        "address add 192.0.2.1/24 dev v0",
    )  # fmt: skip
    agent = agents.make(fresh_site)
    agent.start(configuration(fresh_site.network, interfaces=[{"name": "eth0"}, {"name": "v0"}]))
    found = doctor(agent).one("checksum", "warning", "v0", "v1")
    assert found["fix"] == "there: ethtool -K v1 tx off"
    balancer.plain_veth("v1")
    report = doctor(agent)
    assert not report.of("checksum", "warning") and report.one("checksum", "ok", "v0", "v1")


def test_queues(fresh_site, agents):
    """A veth can have as many queues as it was made with; it uses one of them."""
    balancer = fresh_site.balancer
    cpus = os.cpu_count()
    if cpus < 2:
        pytest.skip("one CPU needs no more than one queue")
    balancer.ip(
        f"link add q0 numtxqueues {cpus} numrxqueues {cpus} type veth "
        f"peer name q1 numtxqueues {cpus} numrxqueues {cpus}",
        "link set q0 up", "link set q1 up",
    )  # fmt: skip
    balancer.run("ethtool", "-L", "q0", "rx", 1, "tx", 1)
    agent = agents.make(fresh_site)
    agent.start(configuration(fresh_site.network, interfaces=[{"name": "eth0"}, {"name": "q0"}]))
    found = [f for f in doctor(agent).of("queues", "note") if f["what"].startswith("q0")]
    assert [f["what"] for f in found] == [f"q0: 1 receive queue for {cpus} CPUs"]
    assert found[0]["fix"] == f"ethtool -L q0 rx {cpus}"
    balancer.run("ethtool", "-L", "q0", "tx", cpus)  # XDP wants no fewer of those
    balancer.run(*found[0]["fix"].split(" "))
    assert doctor(agent).one("queues", "ok", "q0")


# --- the ways --------------------------------------------------------------------------------


def test_a_vip_of_this_host(here, site):
    site.balancer.add_addresses(f"{vip4()}/32", f"{vip6()}/128", device="lo")
    try:
        report = here()
    finally:
        site.balancer.ip(f"address delete {vip4()}/32 dev lo", f"address delete {vip6()}/128 dev lo")
    found = report.one("vip_local", "warning", f"www4 ({vip4()}), www6 ({vip6()})")
    assert found["fix"].startswith(f"ip address delete {vip4()}/32 dev")
    assert [f["severity"] for f in here().of("vip_local")] == ["ok"]


def wait_failed(agent, name, timeout=20):
    """The kernel asks three times, a second apart."""
    deadline = time.monotonic() + timeout
    while agent.backend(name)["next_hop"]["state"] != "neighbour does not answer":
        assert time.monotonic() < deadline, agent.backend(name)
        time.sleep(0.1)


def test_a_neighbour_that_does_not_answer(site, agent):
    pools = pools_of(site.network)
    pools["web4"]["backends"].append({"name": "nobody", "address": "10.1.0.200"})
    agent.start(configuration(site.network, pools=pools))
    wait_failed(agent, "nobody")
    report = doctor(agent)
    assert report.code == 1
    found = report.one("neighbour", "problem", "web4/nobody does not answer", "ping 10.1.0.200")
    assert "web4/b1" not in found["what"]


def test_no_route_to_a_backend(site, agent):
    pools = pools_of(site.network)
    pools["web4"]["backends"].append({"name": "far", "address": "192.0.2.7"})
    pools["web6"]["backends"].append({"name": "far", "address": "2001:db8:bad::7"})
    agent.start(configuration(site.network, pools=pools))
    report = doctor(agent)
    assert report.code == 1
    report.one("route", "problem", "no route to web4/far, web6/far", "ip route get 192.0.2.7")


def test_a_backend_of_this_host(site, agent):
    pools = pools_of(site.network)
    pools["web4"]["backends"].append({"name": "self", "address": site.balancer.v4})
    agent.start(configuration(site.network, pools=pools))
    report = doctor(agent)
    assert report.code == 1
    report.one("route", "problem", "this host itself has the address of web4/self")


@pytest.mark.parametrize(("mode", "extra"), [("ipip", (20, 40)), ("gue", (28, 48))])
def test_mtu_of_tunnels(fresh_site, agents, mode, extra):
    agent = agents.make(fresh_site)
    agent.start(configuration(fresh_site.network, services(forward=mode)))
    report = doctor(agent)
    found = report.of("mtu", "warning")
    assert len(found) == 2, report.findings
    for finding, overhead, pool in zip(found, extra, ("web4", "web6")):
        assert f"packets above {1500 - overhead} bytes" in finding["what"]
        assert f"{mode} to {pool}/b1, {pool}/b2" in finding["what"]
        assert f"ip link set dev eth0 mtu {1500 + overhead}" in finding["fix"]
    lan = fresh_site.balancer
    lan.ip(f"link set dev eth0 mtu {1500 + extra[1]}")  # what it says mends both
    assert [f["severity"] for f in doctor(agent).of("mtu")] == ["ok"]
    lan.ip("link set dev eth0 mtu 1500")
    lan.ip(f"route replace 10.1.0.0/24 dev eth0 mtu 1300 src {lan.v4}")
    found = [f["what"] for f in doctor(agent).of("mtu")]
    assert len(found) == 2 and f"packets above {1300 - extra[0]} bytes" in found[0] + found[1]


def test_mtu_is_enough(two_armed, agents):
    """Clients come in by an interface with an MTU that leaves room for the tunnel."""
    agent = agents.make(two_armed)
    agent.start(configuration(two_armed.network, services(forward="gue"),
                              interfaces=[{"name": "eth0"}]))  # fmt: skip
    assert len(doctor(agent).of("mtu", "warning")) == 2
    two_armed.balancer.ip("link set dev eth0 mtu 1452")
    try:
        report = doctor(agent)
        assert [f["severity"] for f in report.of("mtu")] == ["ok"], report.findings
        two_armed.balancer.ip("link set dev eth1 mtu 1300")
        found = doctor(agent).of("mtu", "problem")
        assert len(found) == 2 and "IPv6 clients cannot send less" in found[0]["why"]
    finally:
        two_armed.balancer.ip("link set dev eth1 mtu 1500", "link set dev eth0 mtu 1500")


def test_mtu_of_the_path(two_armed, agents):
    """What the kernel has learned of the path to a backend behind a router."""
    agent = agents.make(two_armed)
    pools = {"far": {"backends": [{"name": "b", "address": "192.0.2.9"}]}}
    vips = {"www": vip(vip4(), pool="far", forward="ipip")}
    two_armed.balancer.ip(
        f"route add 192.0.2.0/24 via {two_armed.backends[0].v4} mtu 1400",
    )
    try:
        agent.start(configuration(two_armed.network, vips, pools))
        doctor(agent).one("mtu", "warning", "packets above 1380 bytes", "MTU 1400 of eth1")
    finally:
        two_armed.balancer.ip("route delete 192.0.2.0/24")


# --- without limpetd --------------------------------------------------------------------------


def offline(agent, config):
    """doctor --config in the balancer's namespace."""
    agent.write(config)
    return subprocess.run(
        agent.namespace.command(
            agent.build / "limpet", "--json", "doctor", "--config", agent.config_file
        ),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        timeout=60, check=False,
    )  # fmt: skip


def test_without_limpetd(site, agent):
    report = Report(offline(agent, configuration(site.network)))
    assert report.code == 0, report.findings
    report.one("agents", "note", "limpetd does not run")
    report.one("xdp", "note", "eth0 has no program yet", "veth")
    report.one("neighbour", "ok", "8 backends")


def test_neighbours_without_limpetd(site, agent):
    """Nobody has asked for them before; doctor does, and waits."""
    pools = pools_of(site.network)
    pools["web4"]["backends"].append({"name": "nobody", "address": "10.1.0.201"})
    report = Report(offline(agent, configuration(site.network, pools=pools)))
    assert report.code == 1
    report.one("neighbour", "problem", "web4/nobody does not answer")


def test_a_file_while_limpetd_runs(site, agent, agents):
    agent.start(configuration(site.network))
    other = agents.make(site)
    report = Report(offline(other, configuration(site.network)))
    report.one("agents", "note", f"pid {agent.process.pid}", "was not asked")
    report.one("xdp", "note", "eth0 has a program", "native")


def test_two_limpetds(fresh_site, agents):
    first, second = agents.make(fresh_site), agents.make(fresh_site)
    fresh_site.balancer.ip("link add v0 type veth peer name v1", "link set v0 up", "link set v1 up")
    first.start(configuration(fresh_site.network))
    assert doctor(first).one("agents", "ok")
    second.start(configuration(fresh_site.network, interfaces=[{"name": "v0"}]))
    doctor(first).one("agents", "warning", "2 limpetds", str(second.process.pid))


def test_a_namespace_that_cannot_be_entered(site, agent):
    """limpetd is in the balancer's, and doctor may not go there."""
    agent.start(configuration(site.network))
    report = Report(
        subprocess.run(
            ["setpriv", "--bounding-set=-all", "--inh-caps=-all", agent.build / "limpet",
             "--socket", agent.socket, "--json", "doctor"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=60, check=False,
        )  # fmt: skip
    )
    report.one("namespace", "warning", "cannot be entered")
    assert not report.of("interface") and not report.of("neighbour")
    assert report.one("records", "ok")  # limpetd's own numbers are there all the same


def test_a_broken_file(site, agent):
    config = configuration(site.network)
    config["vips"]["www4"]["pool"] = "nowhere"
    done = offline(agent, config)
    assert done.returncode == 1 and done.stdout == ""
    assert '"nowhere"' in done.stderr


def test_nobody_to_ask(agent):  # the agent of this test is not started
    done = agent.limpet("doctor")
    assert done.returncode == 1 and done.stdout == ""
    assert "limpetd does not run" in done.stderr and "doctor --config FILE" in done.stderr


def test_wrong_usage(agent):
    done = agent.limpet("doctor", "eth0")
    assert done.returncode == 2 and '"eth0"' in done.stderr
