# SPDX-License-Identifier: GPL-2.0
"""
What limpetd has given up when it runs, and that everything works without. All other
tests run under the same filter and with the same capabilities; here they are looked at
from outside, and limpetd is started with no more than its unit gives it.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest

from agent import configuration
from conftest import HERE, address
from curl import homes
from topology import client_addresses

UNIT = HERE.parents[1] / "scripts/systemd/limpetd.service"

NAMES = {
    "CAP_CHOWN": 0, "CAP_KILL": 5, "CAP_SETGID": 6, "CAP_SETUID": 7, "CAP_NET_ADMIN": 12,
    "CAP_SYS_ADMIN": 21, "CAP_PERFMON": 38, "CAP_BPF": 39,
}  # fmt: skip
SERVICE = {"CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN", "CAP_KILL"}


def bits(names):
    return sum(1 << NAMES[name] for name in names)


def status_of(path):
    """/proc/.../status as a dictionary."""
    lines = (pathlib.Path(path) / "status").read_text().splitlines()
    return {key: value.strip() for key, value in (line.split(":", 1) for line in lines)}


def children(pid):
    """Of limpetd: the process that starts programs, and programs."""
    text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def unit(key):
    """All words of a key of the unit."""
    return [
        word
        for line in UNIT.read_text().splitlines()
        if line.startswith(f"{key}=")
        for word in line.partition("=")[2].split()
    ]


def with_exec(site, command, **check):
    config = configuration(site.network)
    config["checks"] = {"c": {"type": "exec", "command": command, "interval": "1s", **check}}
    for pool in config["pools"].values():
        pool["check"] = "c"
    return config


def test_what_it_has(www):
    for task in pathlib.Path(f"/proc/{www.process.pid}/task").iterdir():
        status = status_of(task)
        for key in ("CapEff", "CapPrm", "CapBnd"):
            assert int(status[key], 16) == bits(SERVICE), key
        for key in ("CapInh", "CapAmb"):
            assert int(status[key], 16) == 0, key
        assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1")
    assert "running without it" not in www.log_since()


def test_what_starts_programs(site, www):
    """No network capabilities, nothing of the datapath: two capabilities, its own end of
    a socket, and the output of the log."""
    (spawner,) = children(www.process.pid)
    proc = pathlib.Path(f"/proc/{spawner}")
    assert (proc / "comm").read_text() == "limpetd-spawner\n"
    assert int(status_of(proc)["CapEff"], 16) == bits({"CAP_SETUID", "CAP_SETGID"})
    assert len(os.listdir(proc / "fd")) == 4
    www.kill()
    deadline = time.monotonic() + 5
    while proc.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert homes(site.client, address(4), client_addresses(4, 3))


def test_it_can_be_told_to_go_without_the_filter(site, agent):
    agent.start(configuration(site.network), "--no-seccomp")
    status = status_of(f"/proc/{agent.process.pid}")
    assert status["Seccomp"] == "0" and int(status["CapEff"], 16) == bits(SERVICE)


def test_a_program_has_nothing_of_it(site, agent):
    """Of limpetd's capabilities, filter, groups and descriptors."""
    words = "grep -E 'Cap(Eff|Prm)|Seccomp:|^Groups' /proc/self/status | tr -d '\\t\\n'; ls /proc/self/fd | tr -d '\\n'"
    for user in ("nobody", "root"):
        agent.start(with_exec(site, ["/bin/sh", "-c", words], user=user))
        deadline = time.monotonic() + 10
        while not (last := agent.backend("b1")["check"]["last"]):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        group = "65534" if user == "nobody" else "0"
        assert re.fullmatch(
            rf"Groups:{group} ?CapPrm:0{{16}}CapEff:0{{16}}Seccomp:0(Seccomp_filters:0)?0123", last
        ), last
        agent.kill()


def test_the_spawner_dies(site, agent):
    """Checks are not made then, which says nothing about backends; and it is said."""
    agent.start(with_exec(site, ["/bin/true"]))
    agent.wait_state("b1", "up")
    spawner = min(children(agent.process.pid))
    mark = agent.mark()
    os.kill(spawner, signal.SIGKILL)
    agent.wait_log("not checked: limpetd's process that starts programs has died", mark)
    assert agent.backend("b1")["state"] == "up"
    assert agent.status()["vips"]


def test_a_file_that_is_not_for_it(site, www):
    """A reload reads as little as a start: no capability overrules the file's mode."""
    www.config_file.chmod(0)
    os.chown(www.config_file, 65534, 65534)
    mark = www.mark()
    www.hang_up()
    assert "reload refused" in www.log_since(mark)
    assert "Permission denied" in www.log_since(mark)
    www.kill()
    code, words = www.refuse()
    assert code == 1 and "Permission denied" in words


# --- the unit ------------------------------------------------------------------------


def test_the_unit_is_strict_enough():
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not there (package systemd)")
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=29", UNIT],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    level = re.search(r"exposure level for limpetd.service: ([0-9.]+)", done.stdout)
    assert level, done.stderr
    assert float(level[1]) < 3.0 and done.returncode == 0


def test_the_unit_is_understood():
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not there (package systemd)")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", UNIT], capture_output=True, text=True, check=False
    )
    complaints = [
        line
        for line in done.stderr.splitlines()
        if UNIT.name in line and "is not executable" not in line  # it is not installed here
    ]
    assert complaints == []


CONFINED = """
set -e
for path in {read_only}; do mount --bind $path $path; mount -o remount,bind,ro $path; done
mount -o remount,bind,ro /
mount --bind {bpf} {bpf}
mount --bind {run} {run}
mount -o remount,bind,rw {run}
exec setpriv --no-new-privs --bounding-set=-all,{capabilities} --inh-caps=-all "$@"
"""


def test_it_runs_confined_as_by_its_unit(site, agent, tmp_path):
    """With the unit's capabilities, and with nothing that can be written but what the
    unit names: it starts, forwards, checks as another user, reloads, and ends."""
    capabilities = unit("CapabilityBoundingSet")
    assert set(capabilities) == SERVICE | {"CAP_SETUID", "CAP_SETGID"}
    assert unit("ReadWritePaths") == ["/sys/fs/bpf"] and unit("ProtectSystem") == ["strict"]
    agent.write(with_exec(site, ["/bin/sh", "-c", "id -un"]))
    agent.run_dir.mkdir()
    script = CONFINED.format(
        read_only=" ".join(["/tmp", "/usr", "/etc", "/var"]),
        bpf="/sys/fs/bpf",
        run=agent.run_dir,
        capabilities=",".join("+" + name.removeprefix("CAP_").lower() for name in capabilities),
    )
    mark = agent.mark()
    with open(agent.log_file, "ab") as log:
        agent.process = agent.namespace.popen(
            "unshare", "-m", "sh", "-c", script, "sh", *agent._command(), stdout=log, stderr=log
        )
    agent.wait_log("ready version=", mark)
    agent.wait_log(r'backend=web4/b1|""|ready', mark)
    assert homes(site.client, address(4), client_addresses(4, 10))
    deadline = time.monotonic() + 10
    while agent.backend("b1")["check"]["last"] != "nobody":
        assert time.monotonic() < deadline, agent.backend("b1")["check"]
        time.sleep(0.02)
    agent.tell("reload")
    root = f"/proc/{agent.process.pid}/root"
    assert os.statvfs(root + "/etc").f_flag & os.ST_RDONLY
    assert os.statvfs(root + "/").f_flag & os.ST_RDONLY
    assert not os.statvfs(root + str(agent.run_dir)).f_flag & os.ST_RDONLY
    assert int(status_of(f"/proc/{agent.process.pid}")["CapEff"], 16) == bits(SERVICE)
    assert agent.end(signal.SIGTERM) == 0


def test_it_is_installed(build, tmp_path):
    """The unit and the group, where systemd looks for them."""
    done = subprocess.run(
        ["make", "-C", HERE.parents[1], "install", f"O={build}", f"DESTDIR={tmp_path}", "PREFIX=/opt/x"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    installed = (tmp_path / "opt/x/lib/systemd/system/limpetd.service").read_text()
    assert "ExecStart=/opt/x/sbin/limpetd " in installed and "/opt/x/bin/limpet reload" in installed
    assert (tmp_path / "opt/x/sbin/limpetd").stat().st_mode & 0o111
    assert "g limpet" in (tmp_path / "opt/x/lib/sysusers.d/limpet.conf").read_text()
