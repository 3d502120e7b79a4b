# SPDX-License-Identifier: GPL-2.0
"""
The life of limpetd under packets that are numbered one by one: whatever it does, or is
done to it, not one is lost (P8) and none goes elsewhere (P1).
"""

import copy
import json
import os
import re
import signal
import socket
import subprocess
import time

import pytest

from agent import configuration, vip
from datagrams import Receivers, Sequence
from topology import client_addresses, run, vip4, vip6

PORT = 5000


def target(family):
    return vip4() if family == 4 else vip6()


def config_of(site):
    return configuration(
        site.network,
        {
            f"udp{family}": vip(
                target(family), ports=[PORT], pool=f"web{family}", protocol="udp", affinity="tcp"
            )
            for family in (4, 6)
        },
    )


@pytest.fixture
def udp(site, agent):
    agent.start(config_of(site))
    return agent


@pytest.fixture
def packets(site, udp, family):
    """A Sequence that runs when it is entered."""
    with Receivers(site.backends, [vip4(), vip6()], PORT) as receivers:
        yield Sequence(site.client, receivers, target(family), client_addresses(family, 10), PORT)


def program(site):
    """The number of the program on the balancer's interface."""
    return site.balancer.link()["xdp"]["prog"]["id"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_ended_and_started(udp, packets, number):
    with packets:
        for _ in range(5):
            udp.end(number)
            time.sleep(0.1)  # packets alone
            udp.start()
    packets.check()


def test_the_program_is_upgraded(site, udp, packets):
    """Each start loads the program anew and puts it in the place of the one that runs,
    which then is gone."""
    programs = [program(site)]
    packets.least = 3000
    with packets:
        for _ in range(20):
            udp.kill()
            udp.start()
            programs.append(program(site))
    packets.check()
    assert len(set(programs)) == len(programs)
    known = {entry["id"] for entry in json.loads(run(["bpftool", "-j", "prog", "list"]))}
    assert not known & set(programs[:-1])


def test_hung_up(site, udp, packets):
    """Reloads with VIPs, pools and weights that come and go; with files that are wrong;
    and with one that the maps have to grow for."""
    config = config_of(site)
    with packets:
        for i in range(12):
            changed = copy.deepcopy(config)
            changed["pools"]["web4"]["backends"][i % 4]["weight"] = 10 + i
            changed["vips"][f"more{i}"] = vip(vip4(1), ports=[1000 + i])
            if i % 4 == 3:
                changed["vips"]["wrong"] = vip(vip4(1), pool="nowhere")
            if i == 8:
                for n in range(60):
                    changed["pools"][f"large{n}"] = changed["pools"]["web4"]
                    changed["vips"][f"large{n}"] = vip(f"192.0.2.{n + 1}", pool=f"large{n}")
            udp.write(changed)
            udp.hang_up()
    packets.check()
    log = udp.log_since()
    refused = re.findall("reload refused.*", log)
    assert len(refused) == 3 and all("nowhere" in words for words in refused), refused
    assert log.count("info: configuration loaded file=") == 10


def test_two_hang_ups_in_a_row(site, udp, packets):
    """The second comes while the first is being done: the end is that of the last file."""
    config = config_of(site)
    with packets:
        for i in range(25):
            mark = udp.mark()
            for port in (2000 + i, 3000 + i):
                config["vips"]["more"] = vip(vip4(1), ports=[port])
                udp.write(config)
                os.kill(udp.process.pid, signal.SIGHUP)
            udp.wait_log("configuration loaded file=", mark)
            deadline = time.monotonic() + 5
            while udp.get("/v1/vips/more")["ports"] != [f"{3000 + i}"]:
                assert time.monotonic() < deadline, udp.get("/v1/vips/more")["ports"]
                time.sleep(0.02)
    packets.check()


# --- a supervisor ----------------------------------------------------------------------


class Supervisor:
    """Listens as systemd does, to an abstract socket: limpetd is in another network
    namespace, which has its own of them, so a path it is."""

    def __init__(self, directory):
        self.path = directory / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))

    def until(self, pattern, timeout=10):
        """Datagrams up to the one that has it."""
        said = []
        deadline = time.monotonic() + timeout
        while not said or not re.search(pattern, said[-1]):
            self._socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                said.append(self._socket.recv(4096).decode())
            except TimeoutError:
                raise AssertionError(f"{pattern}: not said, but {said}") from None
        return said

    def close(self):
        self._socket.close()


@pytest.fixture
def supervisor(tmp_path):
    made = Supervisor(tmp_path)
    yield made
    made.close()


def test_a_supervisor_is_told(site, agent, supervisor):
    agent.environment = {"NOTIFY_SOCKET": str(supervisor.path), "WATCHDOG_USEC": "200000"}
    agent.start(config_of(site))
    assert supervisor.until("READY=1")[-1] == "READY=1\nSTATUS=2 VIPs, 2 pools"
    start = time.monotonic()
    for _ in range(10):
        supervisor.until("^WATCHDOG=1$")
    assert 0.5 < time.monotonic() - start < 5  # ten times 100 ms
    os.kill(agent.process.pid, signal.SIGHUP)
    said = supervisor.until("READY=1")
    assert any(re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", text) for text in said)
    os.kill(agent.process.pid, signal.SIGSTOP)  # hangs: no more signs of life
    time.sleep(0.3)
    with pytest.raises(AssertionError, match="not said"):
        supervisor.until("MARK", timeout=0.1)  # what was said before
    with pytest.raises(AssertionError, match=r"but \[\]"):
        supervisor.until("WATCHDOG", timeout=0.5)
    os.kill(agent.process.pid, signal.SIGCONT)
    supervisor.until("WATCHDOG")
    os.kill(agent.process.pid, signal.SIGTERM)
    supervisor.until("^STOPPING=1$")
    agent.process.wait(10)


# --- trouble around it -----------------------------------------------------------------


@pytest.fixture
def full_disk(tmp_path):
    """A directory on a file system without room."""
    directory = tmp_path / "full"
    directory.mkdir()
    run(["mount", "-t", "tmpfs", "-o", "size=16k,mode=0755", "none", directory])
    with open(directory / "filler", "wb") as file:
        try:
            file.write(b"x" * (64 << 10))
            file.flush()
        except OSError:
            pass
    yield directory
    run(["umount", "-l", directory])


def test_a_full_disk(site, agents, full_disk):
    """Lock and socket need no room, the process number does without, and so do log
    lines."""
    agent = agents.make(site, run_dir=full_disk)
    agent.start(config_of(site))
    assert "No space left on device" in agent.log_since()
    assert agent.status()["vips"]
    second = agents.make(site, run_dir=full_disk)
    code, words = second.refuse(config_of(site))
    assert code == 1 and "another limpetd is running there;" in words
    agent.kill()
    log, agent.log_file = agent.log_file, full_disk / "filler"
    with open(agent.log_file, "ab") as full:
        agent.process = agent.namespace.popen(*agent._command(), stdout=full, stderr=full)
    agent.log_file = log
    deadline = time.monotonic() + 10
    while True:
        try:
            assert agent.status()["vips"]
            break
        except (OSError, AssertionError):
            assert agent.running and time.monotonic() < deadline
            time.sleep(0.05)


def test_a_full_map(site, udp, packets):
    """As many proxies as are allowed, in both halves of the map at once; one more is
    refused before anything is changed."""
    config = config_of(site)
    for n in range(8):
        config["vips"][f"many{n}"] = vip(vip4(2 + n), ports=[80])
        config["vips"][f"many{n}"]["affinity"]["proxies"] = [
            f"10.{64 + n}.{i >> 8}.{i & 255}/32" for i in range(4096)
        ]
    with packets:
        for port in (81, 82, 83):
            config["vips"]["many7"]["ports"] = [port]
            udp.write(config)
            udp.tell("reload")
            assert udp.get("/v1/vips/many7")["ports"] == [str(port)]
        generation = udp.status()["generation"]
        config["vips"]["more"] = vip(vip4(1), ports=[80])
        config["vips"]["more"]["affinity"]["proxies"] = ["192.0.2.1"]
        udp.write(config)
        udp.hang_up()
        assert "32769 proxies with those before" in udp.log_since()
        assert udp.status()["generation"] == generation
    packets.check()


def test_a_clock_that_jumps(site, agent, tmp_path):
    """A drain of ten minutes takes ten minutes, whatever the time of day does."""
    fault = tmp_path / "fault"
    fault.write_text("")
    agent.program = agent.build / "tests/life/limpetd"
    agent.environment = {"LIMPET_FAULT": str(fault)}
    agent.start(config_of(site))
    agent.tell("backend", "drain", "web4/b1", "--deadline", "10m")
    for seconds in (86400, 31536000, 0):
        fault.write_text(f"clock {seconds}")
        mark = agent.mark()
        agent.hang_up()
        agent.wait_log("clock jumped_s=", mark)
        time.sleep(1.2)  # a tick that could carry it out
        assert agent.backend("b1")["state"] == "drain"
    agent.kill()
    agent.start()
    backend = agent.backend("b1")
    assert backend["state"] == "drain"
    assert 500 < backend["deadline_at"] - time.time() <= 600


# --- the log -------------------------------------------------------------------------


def test_who_changed_what(site, udp):
    done = subprocess.Popen(
        [udp.build / "limpet", "--socket", udp.socket, "backend", "drain", "web4/b1"],
        user=0, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.wait() == 0
    log = udp.log_since()
    assert re.search(
        rf"info: api method=POST path=/v1/backends/web4/b1 uid=0 pid={done.pid} status=200 body=.*drain",
        log,
    )
    assert re.search(
        r'info: pool=web4 slots_moved=\d+ slots=65536 why="operator drained web4/b1"', log
    )
    mark = udp.mark()
    status, _ = udp.ask("POST", "/v1/backends/web4/nobody", {"action": "drain"})
    assert status == 404
    refused = udp.log_since(mark)
    assert f"uid=0 pid={os.getpid()} status=404 error=\"there is no backend" in refused
    udp.ask("GET", "/v1/status")
    assert udp.log_since(mark) == refused  # who only looks is not logged


def test_a_line_that_comes_again_and_again(site, udp):
    mark = udp.mark()
    for _ in range(150):
        udp.ask("POST", "/v1/backends/web4/nobody", {"action": "drain\x1b[2J\n"})
    assert udp.log_since(mark).count("info: api method=POST") == 100
    assert "\x1b" not in udp.log_since(mark)


def test_the_socket_has_a_group_and_a_mode(site, agents):
    agent = agents.make(site)
    agent.start(config_of(site), "--socket-group", "daemon", "--socket-mode", "0600")
    status = os.stat(agent.socket)
    assert (status.st_gid, status.st_mode & 0o777) == (1, 0o600)
    agent.kill()
    agent.start(None, "--socket-group", "12345")
    status = os.stat(agent.socket)
    assert (status.st_gid, status.st_mode & 0o777) == (12345, 0o660)
    agent.kill()
    for option, value in (("--socket-group", "nosuchgroup"), ("--socket-mode", "999")):
        done = subprocess.run(
            agent.namespace.command(*agent._command(option, value)),
            capture_output=True, text=True, check=False, timeout=20,
        )  # fmt: skip
        assert done.returncode in (1, 2) and f'{option} "{value}"' in done.stderr
