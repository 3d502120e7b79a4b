# SPDX-License-Identifier: GPL-2.0
"""What limpetd refuses, and that its words help. It exits with 1, and what runs
already goes on."""

import re
import subprocess

import pytest

from agent import configuration
from conftest import address
from curl import homes
from pins import swap_word
from topology import client_addresses


def serves(site):
    return homes(site.client, address(4), client_addresses(4, 5))


def test_a_second_agent_in_the_same_run_directory(site, www, agents):
    second = agents.make(site, run_dir=www.run_dir)
    code, words = second.refuse(configuration(site.network))
    assert code == 1
    assert "another limpetd is running" in words and str(www.process.pid) in words
    assert not second.pin_dir.exists()
    assert www.status() and serves(site)


def test_a_second_agent_with_the_same_pins(site, www, agents):
    second = agents.make(site, pin_dir=www.pin_dir)
    code, words = second.refuse(configuration(site.network))
    assert code == 1
    assert "another limpetd is using it" in words and str(www.pin_dir) in words
    assert www.status() and serves(site)


def test_a_second_agent_on_the_same_interface(site, www, agents):
    """Directories of its own, and all the same not its interface."""
    second = agents.make(site)
    code, words = second.refuse(configuration(site.network))
    assert code == 1
    assert '"eth0" has another XDP program' in words
    assert not second.pin_dir.exists()
    assert serves(site)


# Offsets in struct lp_control.
ABI, BACKENDS_MAX = 0, 24


def test_pins_of_another_version(site, www):
    www.kill()
    ours = swap_word(www.pin_dir, ABI, 77)
    code, words = www.refuse()
    assert code == 1
    assert "ABI version 77" in words and f"rm -r {www.pin_dir}" in words
    assert "Nothing was changed" in words
    assert serves(site)  # the other version's datapath
    assert swap_word(www.pin_dir, ABI, ours) == 77
    www.start()
    assert "adopted=yes" in www.log_since()


def test_upgrade_to_another_abi(site, www):
    """As the words say, and docs/operations.md: the pins of the other version are removed, and
    this one starts at once. What operators decided has to be decided again."""
    www.tell("backend", "drain", "web4/b1")
    assert "web4/b1" in www.tell("config", "show", "--diff")
    www.end()
    swap_word(www.pin_dir, ABI, 77)
    code, words = www.refuse()
    assert code == 1
    command = re.search(r'"(rm -r [^"]+)"', words)[1]
    assert subprocess.run(command.split(), check=False).returncode == 0
    assert not www.pin_dir.exists()
    mark = www.mark()
    www.start()
    assert "ready" in www.log_since(mark) and "adopted=no" in www.log_since(mark)
    assert serves(site)
    assert www.backend("b1")["state"] == "up"
    www.tell("backend", "drain", "web4/b1")
    assert www.backend("b1")["state"] == "drain"


def test_versions_are_told(www):
    """What an operator compares before an upgrade."""
    ours = subprocess.run(
        [www.program, "--version"], capture_output=True, text=True, check=True
    ).stdout  # fmt: skip
    abi = www.get("/v1/version")["abi"]
    assert re.fullmatch(rf"limpetd \S+ \(ABI {abi}\)\n", ours)
    assert f"(ABI {abi}, pid {www.process.pid})" in www.tell("version")


def test_pins_that_do_not_fit_together(site, www):
    """Sizes in the control block that its maps do not have."""
    www.kill()
    assert swap_word(www.pin_dir, BACKENDS_MAX, 123) != 123
    code, words = www.refuse()
    assert code == 1 and "does not have the size" in words
    assert serves(site)


@pytest.mark.parametrize("name", ["records", "slot_times"])
def test_pins_that_are_incomplete(site, www, name):
    www.kill()
    (www.pin_dir / "maps" / name).unlink()
    code, words = www.refuse()
    assert code == 1 and "incomplete" in words and f"maps/{name}:" in words
    assert serves(site)


def test_no_such_interface(site, agent):
    code, words = agent.refuse(configuration(site.network, interfaces=[{"name": "eth9"}]))
    assert code == 1
    assert 'no interface "eth9"' in words and "eth0" in words
    assert not agent.pin_dir.exists()


@pytest.mark.parametrize(
    ("dropped", "named"),
    [
        ("net_admin", ["CAP_NET_ADMIN"]),
        ("bpf,-sys_admin", ["CAP_BPF"]),
        ("perfmon,-sys_admin", ["CAP_PERFMON"]),
        ("bpf,-perfmon,-sys_admin,-net_admin", ["CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"]),
    ],
)
def test_no_capability(site, agent, dropped, named):
    drop = ["setpriv", f"--bounding-set=-{dropped}", f"--inh-caps=-{dropped}"]
    code, words = agent.refuse(configuration(site.network), prefix=drop)
    assert code == 1
    assert "missing capabilities: " + ", ".join(named) in words
    assert not agent.pin_dir.exists()


@pytest.mark.parametrize("mode", ["auto", "native", "generic"])
def test_another_xdp_program(site, build, agent, mode):
    site.network.attach_pass(site.balancer, "eth0")
    try:
        code, words = agent.refuse(
            configuration(site.network, interfaces=[{"name": "eth0", "mode": mode}])
        )
        assert code == 1
        assert '"eth0" has another XDP program' in words and "xdp off" in words
        assert not agent.pin_dir.exists()
        assert site.balancer.link()["xdp"]["prog"]["name"] == "pass"
    finally:
        site.balancer.ip("link set dev eth0 xdp off")


def test_a_pin_directory_elsewhere(site, agents, tmp_path):
    agent = agents.make(site, pin_dir=tmp_path / "pins")
    code, words = agent.refuse(configuration(site.network))
    assert code == 1 and "not on a BPF file system" in words


def test_a_broken_configuration(site, agent):
    config = configuration(site.network)
    config["vips"]["www4"]["pool"] = "nowhere"
    code, words = agent.refuse(config)
    assert code == 1
    assert f"{agent.config_file}:" in words and '"nowhere"' in words
    assert not agent.pin_dir.exists()


def test_no_configuration(agent):
    code, words = agent.refuse()
    assert code == 1 and str(agent.config_file) in words


def test_wrong_usage(build):
    done = subprocess.run(
        [build / "limpetd", "--confg", "x"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "--confg" in done.stderr
