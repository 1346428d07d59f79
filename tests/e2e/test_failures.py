"""What goes wrong on a real upgrade night, and what each node does then."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import tomlkit

from tests.e2e import judge
from tests.e2e.devnet import Devnet

pytestmark = pytest.mark.e2e


def give_wrong_bytes(devnet: Devnet, *names: str) -> None:
    """Point nodes at a mirror that serves other bytes under the release's name, and restart their controllers."""
    wrong = devnet.folder / "releases" / "wrong"
    wrong.mkdir(exist_ok=True)
    (wrong / "subnetd").write_text("#!/bin/sh\nexit 0\n")
    settings = devnet.folder / "network.toml"
    document = tomlkit.parse(settings.read_text())
    base = devnet.status()["releases"][1]["url"].rsplit("/", 2)[0]
    for name in names:
        document["nodes"][name]["mirror"] = f"{base}/wrong"
    settings.write_text(tomlkit.dumps(document))
    for name in names:
        assert devnet.verb("stop-controller", name).code == 0
        assert devnet.verb("start-controller", name).code == 0


def test_wrong_bytes_for_one_validator(devnet: Devnet) -> None:
    devnet.up()
    give_wrong_bytes(devnet, "node4")
    height = devnet.propose()
    address = devnet.node("node4")["address"]

    def said(viewer: str) -> str | None:
        # On a machine under load the chain may not have answered this one question.
        entries = devnet.seen_by(viewer)["validators"]
        failures = [entry["failure"] for entry in entries if entry["address"] == address]
        return failures[0] if failures else None

    for viewer in ("node1", "node4"):
        devnet.eventually(
            f"{viewer}'s console names the failure",
            lambda v=viewer: said(v) == "hash does not match",  # type: ignore[misc]
        )
    devnet.eventually("it arms all the same", lambda: judge.last_run(devnet, "node4")["halt_height"] == height)

    three = ("node1", "node2", "node3")
    devnet.eventually("30 of 40 cross", devnet.all_are("COMMITTED", *three))
    devnet.eventually("it waits at its halt", devnet.all_are("HALTED", "node4"))
    judge.halted_with_code_2(devnet, "node4", height)
    assert max(judge.executed(devnet, "node4")) == height - 1
    assert Path(devnet.home("node4") / "cosmovisor" / "current").readlink() == Path("genesis")
    assert "add-upgrade" in devnet.call("node", "status", "--node", "node4").out

    wrong = devnet.folder / "releases" / "wrong" / "subnetd"
    refused = devnet.call("node", "add-upgrade", "v0.2.0", str(wrong), "--node", "node4")
    assert refused.code == 1
    assert "sha256" in refused.err
    right = devnet.folder / "releases" / "v0.2.0" / "subnetd"
    given = devnet.call("node", "add-upgrade", "v0.2.0", str(right), "--node", "node4")
    assert given.code == 0, given.err
    devnet.eventually("it joins", devnet.all_are("COMMITTED"))
    for name in (*three, "node4"):
        judge.crossed(devnet, name, height)
    judge.nobody_signed_twice(devnet)
    judge.same_app_hash(devnet, [*three, "node4"], height + 1)


def test_two_of_four_not_ready_abort(devnet: Devnet) -> None:
    devnet.up()
    give_wrong_bytes(devnet, "node3", "node4")
    height = devnet.propose()
    devnet.eventually("two are not ready", lambda: devnet.upgrade("node1").get("ready_power") == 20)
    assert devnet.seen_by("node1")["upgrade"]["go"] is False
    devnet.eventually("all resume the old binary", devnet.all_are("RESUMED_OLD"))
    devnet.eventually("the chain goes on", devnet.past(height + 3))
    upgrade = devnet.seen_by("node2")["upgrade"]
    assert (upgrade["verdict"], upgrade["status"]) == ("abort", "aborted")
    names = [node["name"] for node in devnet.status()["nodes"]]
    for name in names:
        judge.halted_with_code_2(devnet, name, height)
        last = judge.last_run(devnet, name)
        assert (last["generation"], last["halt_height"]) == ("genesis", 0)
        assert {version for runs in judge.executed(devnet, name).values() for version, _ in runs} == {"v0.1.5"}
    judge.nobody_signed_twice(devnet)
    judge.same_app_hash(devnet, names, height + 1)


@pytest.mark.soak
def test_one_controller_off_before_arming_and_one_after(devnet: Devnet) -> None:
    """30 of 40 are ready and armed; node3 is never armed, node4 halts and nobody brings it back for a while."""
    devnet.up()
    assert devnet.verb("stop-controller", "node3").code == 0
    # Long enough that node4's controller is off before H, on a busy machine too.
    height = devnet.propose(lead=70)
    armed = ("node1", "node2", "node4")
    devnet.eventually("three are armed", devnet.all_are("ARMED", *armed))
    address = devnet.node("node4")["address"]

    def on_chain() -> bool:
        entries = devnet.seen_by("node1")["validators"]
        return any(entry["address"] == address and entry["armed"] and entry["ready"] for entry in entries)

    devnet.eventually("node4 said that it is armed", on_chain)
    assert devnet.verb("stop-controller", "node4").code == 0
    assert devnet.status()["height"] < height - 1, "too late for this story"

    devnet.eventually(
        "two cross and wait for power", devnet.all_are("WAITING_FOR_QUORUM", "node1", "node2"), deadline_s=60
    )
    behind = devnet.node("node4")
    assert (behind["pid"], behind["last_exit_code"]) == (None, 2)
    assert devnet.verb("start-controller", "node4").code == 0
    devnet.eventually("three are committed", devnet.all_are("COMMITTED", *armed))

    # With the chain back, node3 meets the app hash of the new rules.
    devnet.eventually("node3 stops", lambda: devnet.node("node3")["pid"] is None)
    devnet.eventually("even without its controller it is shown", devnet.all_are("MISSED_HALT", "node3"))
    assert devnet.verb("start-controller", "node3").code == 0
    devnet.eventually("node3 is shown as MISSED_HALT", devnet.all_are("MISSED_HALT", "node3"))
    assert devnet.node("node3")["last_exit_code"] == 1
    refused = devnet.call("node", "start", "--node", "node3")
    assert refused.code == 1
    assert "old rules" in refused.err
    for name in armed:
        judge.crossed(devnet, name, height)
    judge.nobody_signed_twice(devnet)


def test_a_killed_node_comes_back_and_a_second_controller_is_refused(devnet: Devnet) -> None:
    devnet.up()
    before = devnet.node("node1")["pid"]
    os.kill(before, signal.SIGKILL)
    devnet.eventually("node1 runs again", lambda: devnet.node("node1")["pid"] not in {None, before})
    second = devnet.call("node", "run", "--node", "node1")
    assert second.code == 1
    assert "another controller" in second.err
    assert "pid" in second.err
    again = devnet.verb("up", "--background")
    assert again.code == 1
    assert "already" in again.err
    assert devnet.verb("down").code == 0
    tip = devnet.status()["height"]
    devnet.up()
    devnet.eventually("the same chain goes on", devnet.past(tip + 1))
    judge.nobody_signed_twice(devnet)
