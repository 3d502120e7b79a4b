# SPDX-License-Identifier: GPL-2.0
"""
Fixtures. The networks and their servers live as long as the session; each test
has its own limpetd. Everything is taken away at the end of its scope, whether
tests pass, fail or are interrupted (SIGINT and SIGTERM alike).

$LIMPET_BUILD is the directory of the binaries (default: build).
"""

import os
import pathlib
import secrets
import shutil
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
# pylint: disable=wrong-import-position
import interrupts  # noqa: E402
from agent import Agent, configuration, services  # noqa: E402
from servers import Nginx  # noqa: E402
from topology import Network, vip4, vip6  # noqa: E402

BUILD = (HERE.parents[1] / os.environ.get("LIMPET_BUILD", "build")).resolve()
TOOLS = ("ip", "nsenter", "iperf3", "dnsmasq", "dig", "ethtool", "sysctl", "nginx", "curl", "bpftool", "setpriv", "ping", "openssl")


def pytest_configure():
    interrupts.install()


def require():
    """Skips where these tests cannot run, and says why."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces and XDP need root")
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        pytest.skip(f"missing programs: {', '.join(missing)} (make deps-test installs them)")


class Site:
    """A network with a web server on each backend."""

    def __init__(self, network, directory):
        self.network = network
        self.client = network.client
        self.balancer = network.balancer
        self.backends = network.backends
        self.servers = {
            backend.role: Nginx(backend, directory / backend.role, backend.role)
            for backend in network.backends
        }

    def start(self):
        for server in self.servers.values():
            server.start(wait=False)
        for server in self.servers.values():
            server.wait()

    def heal(self):
        """Whatever a test broke works again."""
        for server in self.servers.values():
            server.sick = False
            if not server.running:
                server.start()

    def stop(self):
        for server in self.servers.values():
            server.stop()


@pytest.fixture(scope="session")
def build():
    """The directory of the binaries."""
    for name in ("limpetd", "limpet", "tests/e2e/pass.bpf.o"):
        if not (BUILD / name).exists():
            pytest.fail(f"{BUILD / name} is not there: make tools")
    return BUILD


def _site(build_dir, directory, **options):
    with Network(build_dir / "tests/e2e/pass.bpf.o", **options) as network:
        site = Site(network, directory)
        try:
            site.start()
            yield site
        finally:
            site.stop()


@pytest.fixture(scope="session")
def one_armed(request, tmp_path_factory):
    require()
    yield from _site(request.getfixturevalue("build"), tmp_path_factory.mktemp("one"))


@pytest.fixture(scope="session")
def two_armed(request, tmp_path_factory):
    require()
    yield from _site(
        request.getfixturevalue("build"), tmp_path_factory.mktemp("two"), two_armed=True
    )


@pytest.fixture
def fresh_site(request, tmp_path):
    """A one-armed network of its own, for tests that change it."""
    require()
    yield from _site(request.getfixturevalue("build"), tmp_path / "site")


@pytest.fixture
def site(one_armed):
    """The one-armed network, healthy before and after."""
    yield one_armed
    one_armed.heal()


class Agents:
    """Makes limpetds and ends them."""

    def __init__(self, build_dir, directory):
        self.build = build_dir
        self.directory = directory
        self.agents = []

    def make(self, site_, pin_dir=None, run_dir=None):
        name = secrets.token_hex(4)
        agent = Agent(
            site_.balancer,
            self.build,
            self.directory / name,
            pin_dir or f"/sys/fs/bpf/limpet-test-{name}",
            run_dir,
        )
        self.agents.append(agent)
        return agent

    def close(self):
        while self.agents:
            self.agents.pop().close()


@pytest.fixture
def agents(build, tmp_path):
    maker = Agents(build, tmp_path)
    yield maker
    maker.close()


@pytest.fixture(scope="module")
def module_agents(request, tmp_path_factory):
    require()
    maker = Agents(request.getfixturevalue("build"), tmp_path_factory.mktemp("agents"))
    yield maker
    maker.close()


@pytest.fixture
def agent(site, agents):
    """A limpetd that is not running yet."""
    return agents.make(site)


@pytest.fixture
def www(site, agent):
    """limpetd with the VIPs www4 and www6 of source affinity, on ports 80 and 8080, and
    pools without checks."""
    agent.start(configuration(site.network, services(ports=(80, 8080))))
    return agent


def address(family, n=0):
    return vip4(n) if family == 4 else vip6(n)


@pytest.fixture(params=[4, 6], ids=["IPv4", "IPv6"])
def family(request):
    return request.param
