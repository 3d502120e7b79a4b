# SPDX-License-Identifier: GPL-2.0
"""`limpet config plan`, `apply` and `show`: what is told of a file is what it then does."""

import collections
import copy
import json
import re
import time

import pytest

from agent import configuration, services, vip
from conftest import address
from curl import Load, fetch, homes
from test_connections import PORT, Talk
from test_follow import until
from test_reload import changing
from topology import client_addresses, vip4


@pytest.fixture
def ways(site, agent, tmp_path):
    """limpetd with three of the four backends, and a file with all of them."""
    more = configuration(site.network)
    less = copy.deepcopy(more)
    for pool in less["pools"].values():
        pool["backends"].pop()
    agent.start(less)
    return agent, less, more, tmp_path / "new.yaml"


def put(path, config):
    path.write_text(json.dumps(config, indent=1))
    return path


def plan(agent, path, *options):
    done = agent.limpet("--json", "config", "plan", path, *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def moved_in_log(agent, mark):
    """Slots that moved, by pool, as the log has it, of all steps together."""
    moved = collections.Counter()
    for pool, slots in re.findall(r"pool=(\S+) slots_moved=(\d+)", agent.log_since(mark)):
        moved[pool] += int(slots)
    return moved


def test_a_plan_changes_nothing(ways):
    agent, _, more, path = ways
    before = agent.status()
    mark = agent.mark()
    told = agent.tell("config", "plan", put(path, more))
    assert "+ backend web4/b4: address: 10.1.0.14" in told
    assert "+ backend web6/b4" in told
    assert re.search(r"^web4 +stays +\d{5} +2\d\.\d%$", told, re.M)
    assert "Nothing was changed" in told
    assert changing(agent.status()) == changing(before)
    assert moved_in_log(agent, mark) == {}


def test_what_is_told_is_what_happens(ways):
    """Slot by slot, where nothing has to be waited for: another weight."""
    agent, less, _, path = ways
    less["pools"]["web4"]["backends"][0]["weight"] = 200  # of 100 each
    document = plan(agent, put(path, less))
    told = {pool["pool"]: pool["slots_moved"] for pool in document["pools"]}
    assert told["web6"] == 0 and told["web4"] > 65536 / 6 - 700
    mark = agent.mark()
    applied = json.loads(agent.tell("--json", "config", "apply", path))
    assert applied["applied"] is True and applied["plan"] == document["plan"]
    assert moved_in_log(agent, mark) == {"web4": told["web4"]}


def test_a_new_backend(ways):
    """Told as if it answered at once. It gets its slots when it does; before that a few
    slots may move for it, and some of them back."""
    agent, _, more, path = ways
    document = plan(agent, put(path, more))
    told = {pool["pool"]: pool["slots_moved"] for pool in document["pools"]}
    assert document["total"]["connections"]["broken"] == 0
    assert document["total"]["clients"]["moved"] == 0
    assert document["worst_vip"] in ("www4", "www6")
    assert document["moved_share"] == pytest.approx(max(told.values()) / 65536)
    mark = agent.mark()
    agent.tell("config", "apply", path)
    for family in (4, 6):
        agent.wait_state("b4", "up", f"web{family}")
        slots = agent.backend("b4", f"web{family}")["slots"]
        assert slots <= told[f"web{family}"] <= moved_in_log(agent, mark)[f"web{family}"]
        assert told[f"web{family}"] < slots + 100


def test_a_slow_start_is_told_as_a_whole(ways):
    """What a new backend will have in the end; at first it has a part of it."""
    agent, _, more, path = ways
    for pool in more["pools"].values():
        pool["slow_start"] = "5s"
    time.sleep(6)  # without anybody who has served for so long nobody starts slowly
    told = {p["pool"]: p["slots_moved"] for p in plan(agent, put(path, more))["pools"]}
    assert told["web4"] > 65536 / 4 - 700
    agent.tell("config", "apply", path)
    agent.wait_state("b4", "up")
    assert agent.backend("b4")["slots"] < told["web4"] / 2
    until(lambda: told["web4"] - 100 < agent.backend("b4")["slots"] <= told["web4"], "all slots")


def test_applying_breaks_nothing(site, ways):
    agent, _, more, path = ways
    before = homes(site.client, address(4), client_addresses(4))
    with Load(site.client, address(4), client_addresses(4)) as load:
        printed = agent.tell("config", "apply", put(path, more))
        agent.wait_state("b4", "up")
    assert "In force: generation" in printed and "+ backend web4/b4" in printed
    assert load.failed == []
    assert homes(site.client, address(4), client_addresses(4)) == before


def test_the_limit(ways):
    """A quarter of the slots is more than 10 and less than 30 per cent."""
    agent, less, more, path = ways
    before = agent.status()
    put(path, more)
    for action in ("plan", "apply"):
        done = agent.limpet("config", action, path, "--max-moved", "10%")
        assert done.returncode == 1
        assert "+ backend web4/b4" in done.stdout  # the plan, all the same
        assert re.search(
            r"config \w+: VIP www[46]: 2\d(\.\d+)?% of its clients .*allowed: 10%.*"
            r"nothing was changed",
            done.stderr,
        )
        assert json.loads(agent.limpet("--json", "config", action, path, "--max-moved=10%").stdout)["refused"]
    assert changing(agent.status()) == changing(before)
    assert agent.limpet("config", "plan", path, "--max-moved", "30%").returncode == 0
    assert agent.limpet("config", "apply", path, "--max-moved", "30%").returncode == 0
    assert agent.backend("b4")
    # What is the same moves nobody, whatever the limit.
    assert agent.limpet("config", "apply", path, "--max-moved", "0%").returncode == 0
    assert agent.limpet("config", "apply", put(path, less), "--max-moved", "0.5%").returncode == 1


@pytest.mark.parametrize("limit", ["10", "0.1", "-1%", "101%", "%", "ten%", "10%%", ""])
def test_wrong_limits(ways, limit):
    agent, _, more, path = ways
    done = agent.limpet("config", "plan", put(path, more), "--max-moved", limit)
    assert done.returncode == 2
    assert limit in done.stderr and "--max-moved" in done.stderr


def test_the_plan_that_was_made_and_no_other(ways):
    """Whatever changed in between: a backend's state, the file, the configuration."""
    agent, _, more, path = ways
    planned = plan(agent, put(path, more))["plan"]
    assert plan(agent, path)["plan"] == planned
    agent.tell("backend", "drain", "web4/b1")
    done = agent.limpet("config", "apply", path, "--planned", planned)
    assert done.returncode == 1
    assert planned in done.stderr and "nothing was changed" in done.stderr
    assert len(agent.backends()) == 3

    planned = plan(agent, path)["plan"]
    other = copy.deepcopy(more)
    other["vips"]["www4"]["idle_timeout"] = "10m"
    assert agent.limpet("config", "apply", put(path, other), "--planned", planned).returncode == 1
    assert agent.limpet("config", "apply", put(path, more), "--planned", planned).returncode == 0
    assert agent.limpet("config", "apply", path, "--planned", planned).returncode == 1


def test_a_wrong_file(ways):
    """The words that `config check` has, and nothing changes."""
    agent, _, more, path = ways
    more["vips"]["www4"]["pool"] = "nowhere"
    put(path, more)
    before = agent.status()
    expected = agent.limpet("config", "check", path).stderr
    assert "nowhere" in expected
    for action in ("plan", "apply"):
        done = agent.limpet("config", action, path)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", expected)
    missing = agent.limpet("config", "plan", path.with_name("missing.yaml"))
    assert missing.returncode == 1 and "missing.yaml" in missing.stderr
    more["vips"]["www4"]["pool"] = "web4"
    more["interfaces"].append({"name": "eth7"})
    done = agent.limpet("config", "apply", put(path, more))
    assert done.returncode == 1 and '"eth7"' in done.stderr
    assert changing(agent.status()) == changing(before)


def test_connections_that_would_break(site, agent, tmp_path):
    """A thousand of them, of which the audit follows one in 64. Of two hundred clients it
    may well follow none: which ones hangs on the seed and their addresses alone, so with
    this one it always follows some."""
    config = configuration(site.network, services(ports=(PORT,)), seed="plan")
    agent.start(config)
    talk = Talk(site, 0)
    try:
        sources = client_addresses(4, 200)
        talk.client.ask("open", [[source, vip4(), PORT, "echo"] for source in sources * 5])
        path = tmp_path / "new.yaml"
        del config["vips"]["www4"]
        document = plan(agent, put(path, config))
        www4 = next(v for v in document["vips"] if v["vip"] == "www4")
        assert (www4["change"], www4["moved_share"]) == ("removed", 1.0)
        live = www4["connections"]
        # 3.9 standard deviations of what is estimated: once in ten thousand it is outside.
        assert abs(live["live"] - 1000) <= 2 * max(live["live_error"], 502)
        assert live["live"] > 0 and live["broken"] == live["live"]
        assert live["broken_error"] == live["live_error"]
        assert www4["clients"]["moved"] == www4["clients"]["live"] > 0
        text = agent.tell("config", "plan", path)
        assert re.search(r"^Would break: \d+ ±\d+ connections; would move: \d+ ±\d+ clients", text, re.M)
        assert re.search(r"^www4 +removed +100\.0% ", text, re.M)

        # A backend that leaves: its connections stay for a while, its clients do not.
        config["vips"] = services(ports=(PORT,))
        gone = config["pools"]["web4"]["backends"].pop()["name"]
        document = plan(agent, put(path, config))
        www4 = next(v for v in document["vips"] if v["vip"] == "www4")
        assert www4["connections"]["broken"] == 0
        assert www4["connections"]["leaving"] <= www4["connections"]["touched"]
        # Of 250 connections the audit may follow none: once in fifty it does.
        known = agent.backend(gone, "web4")["connections"]
        assert (www4["connections"]["leaving"] > 0) == (known > 0)
        assert www4["clients"]["moved"] == www4["clients"]["touched"]
        assert set(talk.client.ask("close")) == {None}  # planning has not touched them
    finally:
        talk.end()


def test_a_large_configuration(ways):
    """More than fits into the first pages of a request; and into the datapath as it is."""
    agent, _, more, path = ways
    more["pools"]["many"] = {
        "backends": [
            {"name": f"backend-number-{n}", "address": f"10.{n // 65536}.{n // 256 % 256}.{n % 256}"}
            for n in range(3000)
        ]
    }
    assert put(path, more).stat().st_size > 200000
    document = plan(agent, path)
    assert document["grows"] is True
    assert sum(change["thing"] == "backend" for change in document["changes"]) == 3002
    assert len(agent.tell("config", "plan", path).splitlines()) > 3000


def test_show(ways):
    """What is in force, what the file says, and the difference; a restart goes back."""
    agent, less, more, path = ways
    more["vips"]["www4"]["idle_timeout"] = "10m"
    desired = agent.config_file.read_text()
    assert agent.tell("config", "show") == agent.tell("config", "show", "--running")
    assert agent.tell("config", "show", "--desired").strip() == desired.strip()
    assert "no difference" in agent.tell("config", "show", "--diff")

    printed = agent.tell("config", "apply", put(path, more))
    assert "goes back to it" in printed
    assert agent.tell("config", "show").strip() == path.read_text().strip()
    assert agent.tell("config", "show", "--desired").strip() == desired.strip()
    agent.wait_state("b4", "up")
    agent.tell("backend", "offline", "web4/b2", "--deadline", "1h")
    text = agent.tell("config", "show", "--diff")
    assert str(path) in text and str(agent.config_file) in text
    assert "- backend web4/b4" in text
    assert "~ vip www4: idle_timeout: 10m -> (default)" in text
    assert re.search(r"web4/b2: offline, an operator's decision; deadline in (1h|59m\d+s)", text)
    document = json.loads(agent.tell("--json", "config", "show", "--diff"))
    assert [d["backend"] for d in document["departures"]] == ["b2"]
    agent.tell("backend", "weight", "web4/b3", 7)
    assert "web4/b3: up, an operator's weight" in agent.tell("config", "show", "--diff")

    agent.config_file.write_text(path.read_text())
    assert "no difference" in agent.tell("config", "show", "--diff")
    agent.config_file.write_text("pools: [")
    done = agent.limpet("config", "show", "--diff")
    assert done.returncode == 1 and str(agent.config_file) in done.stderr
    agent.write(less)
    agent.tell("reload")
    assert "no difference" in agent.tell("config", "show", "--diff")
    assert [b["leaving"] for b in agent.backends() if b["name"] == "b4"] == [True]


def test_show_takes_one_of_three(ways):
    agent = ways[0]
    done = agent.limpet("config", "show", "--running", "--diff")
    assert done.returncode == 2 and "only one of" in done.stderr


def test_what_the_api_refuses(ways):
    agent = ways[0]
    text = agent.config_file.read_text()
    for body, words in (
        ({}, '"text"'),
        ({"text": 1}, '"text": must be text'),
        ([], "not a JSON object"),
        ({"text": text, "max_moved": 2}, '"max_moved"'),
        ({"text": text, "max_moved": "5%"}, '"max_moved"'),
        ({"text": text, "plan": 5}, '"plan"'),
        ({"text": text, "file": []}, '"file"'),
    ):
        for action in ("plan", "apply"):
            status, answer = agent.ask("POST", f"/v1/config/{action}", body)
            assert (status, words in answer["error"]) == (400, True), (body, answer)
    status, answer = agent.ask("POST", "/v1/config/plan", {"text": "seed: [", "file": "mine"})
    assert status == 422 and answer["error"].startswith("mine:1:")
    status, answer = agent.ask("POST", "/v1/config/apply", {"text": text, "plan": "0"})
    assert status == 409 and '"0"' in answer["error"]
    assert agent.ask("GET", "/v1/config/plan")[0] == 405


def test_a_vip_that_moves_to_another_pool(site, agent, tmp_path):
    """Every client of it gets another server: no slot of either pool moves."""
    config = configuration(site.network, {**services(), "more": vip(vip4(1))})
    config["pools"]["other"] = {"backends": [config["pools"]["web4"]["backends"].pop()]}
    agent.start(config)
    homes(site.client, vip4(1), client_addresses(4, 60))
    config["vips"]["more"]["pool"] = "other"
    path = put(tmp_path / "new.yaml", config)
    document = plan(agent, path)
    assert all(pool["slots_moved"] == 0 for pool in document["pools"])
    shares = {v["vip"]: v["moved_share"] for v in document["vips"]}
    assert shares == {"more": 1.0, "www4": 0.0, "www6": 0.0}
    assert agent.limpet("config", "apply", path, "--max-moved", "99.9999%").returncode == 1
    agent.tell("config", "apply", path)
    assert {a.body for a in fetch(site.client, vip4(1), client_addresses(4, 10))} == {"b4"}
