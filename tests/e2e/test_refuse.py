# SPDX-License-Identifier: GPL-2.0
"""What limpetd refuses, and that its words help. It exits with 1, and what runs
already goes on."""

import json
import subprocess
import sys

import pytest

from agent import configuration
from conftest import address
from curl import homes
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


def patch_control(pin_dir, offset, value):
    """Writes a 32-bit word into the pinned control block, as another version would."""
    path = pin_dir / "maps" / "control"
    shown = subprocess.run(
        ["bpftool", "-j", "map", "lookup", "pinned", path, "key", "0", "0", "0", "0"],
        stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    old = [int(byte, 16) for byte in json.loads(shown.stdout)["value"]]
    new = bytearray(old)
    new[offset : offset + 4] = value
    subprocess.run(
        ["bpftool", "map", "update", "pinned", path, "key", "0", "0", "0", "0", "value"]
        + [str(byte) for byte in new],
        check=True,
    )


def word(value):
    return value.to_bytes(4, sys.byteorder)


def test_pins_of_another_version(site, www):
    www.kill()
    patch_control(www.pin_dir, 0, word(77))
    code, words = www.refuse()
    assert code == 1
    assert "ABI version 77" in words and str(www.pin_dir) in words and "remove" in words
    assert serves(site)  # the other version's datapath
    patch_control(www.pin_dir, 0, word(1))
    www.start()
    assert "adopted=yes" in www.log_since()


def test_pins_that_do_not_fit_together(site, www):
    """Sizes in the control block that its maps do not have."""
    www.kill()
    patch_control(www.pin_dir, 24, word(123))
    code, words = www.refuse()
    assert code == 1 and "does not have the size" in words
    assert serves(site)


def test_pins_that_are_incomplete(site, www):
    www.kill()
    (www.pin_dir / "maps" / "backends").unlink()
    code, words = www.refuse()
    assert code == 1 and "incomplete" in words and "backends" in words
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
