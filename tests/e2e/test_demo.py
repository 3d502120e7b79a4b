# SPDX-License-Identifier: GPL-2.0
"""`make demo` runs, checks what it says, and leaves nothing behind."""

import os
import pathlib
import signal
import subprocess
import time

import pytest

import conftest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEMO = ROOT / "scripts" / "demo"
STATE = pathlib.Path("/run/limpet-demo")


def remains():
    """What a demo has on the machine."""
    namespaces = [str(path) for path in pathlib.Path("/run/netns").glob("limpet-demo-*")]
    return namespaces + [str(STATE)] * STATE.exists()


@pytest.fixture
def nothing_there(build):
    conftest.require()
    if remains():
        pytest.skip("a demo is up on this machine: scripts/demo --down ends it")


def start(build, **environment):
    return subprocess.Popen(
        [DEMO],
        env={**os.environ, "LIMPET_BUILD": str(build), **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_it_runs(nothing_there, build):
    demo = start(build, KEEP="")
    output = demo.communicate(timeout=60)[0]
    assert demo.returncode == 0, output
    assert output.count("  ok  ") >= 15 and "wrong" not in output
    assert "\033" not in output  # no colour but on a terminal
    assert remains() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after", [0.5, 2.5])
def test_interrupted_it_leaves_nothing(nothing_there, build, number, after):
    demo = start(build)
    first = demo.stdout.readline()  # python has started, which takes its time on a busy machine
    time.sleep(after)
    demo.send_signal(number)
    output = first + demo.communicate(timeout=30)[0]
    assert demo.returncode == 130, output
    assert "interrupted" in output
    assert remains() == []


def test_it_can_be_kept(nothing_there, build):
    """KEEP=1: it is up, there is no second one, and --down takes it away."""
    demo = start(build, KEEP="1")
    try:
        output = demo.communicate(timeout=60)[0]
        assert demo.returncode == 0, output
        assert "scripts/demo --down" in output
        second = start(build)
        assert "a demo is up already" in second.communicate(timeout=30)[0]
        assert second.returncode == 1
        shown = subprocess.run(
            [build / "limpet", "--socket", STATE / "run" / "api.sock", "status"],
            stdout=subprocess.PIPE, text=True, check=True,
        ).stdout  # fmt: skip
        assert "web4" in shown and "4 up" in shown
    finally:
        if demo.poll() is None:
            demo.send_signal(signal.SIGINT)
            demo.communicate(timeout=30)
        subprocess.run([DEMO, "--down"], stdout=subprocess.DEVNULL, check=True, timeout=30)
    assert remains() == []


@pytest.mark.parametrize(
    "path", sorted((ROOT / "docs" / "examples").glob("*.yaml")), ids=lambda path: path.name
)
def test_examples_are_right(build, path):
    done = subprocess.run(
        [build / "limpetd", "--config", path, "--check"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
