"""An upgrade by headless verbs alone, with a controller killed exactly at the halt."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console.notify.receivers import Webhook, urls_file, webhook
from tests.e2e import judge
from tests.e2e.devnet import Devnet
from tests.e2e.evm import fresh_evm

pytestmark = pytest.mark.e2e


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    """A webhook that the controllers of this devnet tell."""
    with webhook() as hook:
        urls = urls_file(tmp_path, f"hook=json://127.0.0.1:{hook.port}/")
        settings = tmp_path / "config" / "upgrade-console" / "config.toml"
        settings.parent.mkdir(parents=True)
        settings.write_text(f'[notify]\nurls = "{urls}"\n[notify.services.hook]\nnetworks = ["devnet"]\n', "utf-8")
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        yield hook


def test_four_validators_cross_and_one_controller_is_killed_at_the_halt(
    devnet: Devnet, tmp_path: Path, told: Webhook
) -> None:
    devnet.up()
    assert devnet.verb("stop-controller", "node2").code == 0
    fault = {"UPGRADE_CONSOLE_FAULT": "after-halted:1"}
    assert devnet.verb("start-controller", "node2", environment=fault).code == 0
    height = devnet.propose()
    names = [node["name"] for node in devnet.status()["nodes"]]
    upgrade = devnet.seen_by("node1")["upgrade"]
    assert (upgrade["name"], upgrade["target_height"], upgrade["status"]) == ("v0.2.0", height, "scheduled")

    devnet.eventually("all four are armed", devnet.all_are("ARMED"))
    devnet.eventually("all four said so", lambda: devnet.upgrade("node3").get("armed_power") == 40)
    seen = devnet.seen_by("node3")
    assert (seen["upgrade"]["go"], seen["upgrade"]["no_go_reasons"]) == (True, [])
    assert seen["upgrade"]["ready_power"] == 40
    assert all(entry["ready"] and entry["armed"] for entry in seen["validators"])

    others = [name for name in names if name != "node2"]
    devnet.eventually("three cross", devnet.all_are("COMMITTED", *others))
    assert judge.events(devnet, "node2")[-1] == "halted"
    assert devnet.node("node2")["state"] == "HALTED"
    assert devnet.verb("start-controller", "node2").code == 0
    devnet.eventually("all four are committed", devnet.all_are("COMMITTED"))
    devnet.eventually("the chain is past H+3", devnet.past(height + 3))
    devnet.eventually("the registry says executed", lambda: devnet.upgrade("node1").get("status") == "executed")

    release = devnet.status()["releases"][1]["sha256"]
    for name in names:
        judge.halted_with_code_2(devnet, name, height)
        judge.crossed(devnet, name, height)
        judge.disk_journal_and_hashes_agree(devnet, name, release)
        assert devnet.node(name)["last_exit_code"] == 2
        assert devnet.node(name)["version"] == "v0.2.0"
    judge.nobody_signed_twice(devnet)
    judge.same_app_hash(devnet, names, height)
    judge.same_app_hash(devnet, names, height + 1)
    replay_gives_the_same_state(devnet, names, height, tmp_path)
    each_thing_was_told_once(devnet, told, names, height)


def each_thing_was_told_once(devnet: Devnet, told: Webhook, names: list[str], height: int) -> None:
    """Of the network by one controller, of each node by its own, also by the one that was killed in between."""
    expected = {
        f"Proposal 1 v0.2.0 was made for block {height:,}.",
        f"Proposal 1 v0.2.0 is scheduled: nodes stop before block {height:,}.",
        "The verdict on v0.2.0 is CROSS: the nodes cross.",
        f"The network went on past block {height:,} with v0.2.0.",
        *(f"{name} stopped before block {height:,} for v0.2.0." for name in names),
        *(f"{name} runs v0.2.0, and the upgrade is committed." for name in names),
    }

    def lines() -> list[str]:
        return [line for each in told.came for line in str(each["message"]).splitlines()]

    devnet.eventually("everything was told", lambda: expected <= set(lines()))
    assert {line: lines().count(line) for line in expected} == dict.fromkeys(expected, 1)
    assert sum(line.startswith(f"Nodes stop before block {height:,} for v0.2.0") for line in lines()) == 1


def replay_gives_the_same_state(devnet: Devnet, names: list[str], height: int, folder: Path) -> None:
    """Each node's blocks, replayed from genesis by the old and then the new release, end in the same app hashes."""
    releases = devnet.folder / "releases"
    tip = height + 2
    for name in names:
        state = folder / f"replay-{name}"
        state.mkdir()
        with fresh_evm(devnet.folder / "evm" / "genesis.json", state / "evm") as url:
            for version, until in (("v0.1.5", height - 1), ("v0.2.0", tip)):
                command = [str(releases / version / "subnetd"), "replay", "--home", str(devnet.home(name))]
                command += ["--until", str(until), "--evm", url, "--state", str(state)]
                done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
                assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1].split() == [str(tip), judge.same_app_hash(devnet, [name], tip)]


def test_a_headless_verb_starts_nothing(devnet: Devnet) -> None:
    ran = devnet.call("status", "--json")
    assert (ran.code, ran.out) == (1, "")
    assert f"upgrade-console devnet up --background --dir {devnet.folder}" in ran.err
    assert not devnet.folder.exists()
    assert sys.platform == "linux"
