"""The way back on a real network: a start that fails, a pause, a dead controller, and an abort that all agree on."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e import judge
from tests.e2e.devnet import Devnet, running

pytestmark = [pytest.mark.e2e, pytest.mark.soak, pytest.mark.xdist_group("way-back")]

FAST = ("--block-time", "300ms", "--freeze-blocks", "14")
UNKNOWN_RULES = 9
"""A release of these answers `--version` and its settings, and does not start."""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    with running(tmp_path_factory.mktemp("way-back") / "net", *FAST) as devnet:
        yield devnet


def test_one_start_fails_one_node_is_paused_and_one_controller_dies_on_the_same_night(network: Devnet) -> None:
    """node2 is paused before its halt, node3's controller is killed after it, and node4's new binary cannot start."""
    second = network.asks("node1", "run")
    assert second.code == 1
    holder = (network.state_dir("node1") / "controller.lock").read_text().strip()
    assert f"another controller of this node runs already, pid {holder}" in second.err

    height = network.propose(85)
    network.eventually("all are armed", network.all_are("ARMED"))
    a_point_is_taken_and_put_back_while_armed(network, "node1", height)
    network.does("node2", "config", "set", "max_downtime=3s", "--reason", "a short night")
    assert network.does("node2", "pause", "--reason", "looking at the release")["paused"] == "looking at the release"
    assert network.verb("stop-controller", "node3").code == 0
    fault = {"UPGRADE_CONSOLE_FAULT": "after-waiting_for_quorum:1"}
    assert network.verb("start-controller", "node3", environment=fault).code == 0
    key = network.home("node4") / "cometbft" / "config" / "node_key.json"
    away = key.rename(key.with_suffix(".away"))
    assert network.status()["height"] < height - 1, "too late for this story"

    network.eventually("node1 waits for the others", network.all_are("WAITING_FOR_QUORUM", "node1"))
    network.eventually("node2 calls its operator", lambda: "down for more than 3s" in network.told("node2")["alarm"])
    paused = network.asks("node2", "status").out
    assert "Node node2: HALTED" in paused
    assert "automation is paused (looking at the release) at HALTED" in paused
    assert "node resume" in paused
    the_killed_controller_takes_its_living_node_again(network, "node3")
    network.eventually("node4 is parked", network.all_are("PARKED", "node4"))
    assert network.status()["height"] == height, "20 of 40 power must not make a block"

    resumed = network.does("node2", "resume")
    assert resumed["paused"] == ""
    three = ("node1", "node2", "node3")
    network.eventually("30 of 40 are committed", network.all_are("COMMITTED", *three))
    the_parked_node_stands_at_its_halt_on_the_old_binary(network, "node4", height)
    away.rename(key)
    network.does("node4", "swap", "v0.2.0", "--reason", "the key file is back")
    network.eventually("node4 is committed too", network.all_are("COMMITTED"))
    tip = network.status()["height"]
    network.eventually("node4 signs again", lambda: judge.signs_again(network, "node4", tip))

    for name in (*three, "node4"):
        judge.crossed(network, name, height)
        judge.halted_with_code_2(network, name, height)
    judge.nobody_signed_twice(network)
    judge.same_app_hash(network, [*three, "node4"], height + 1)
    path = judge.states_entered(network, "node4", height)
    once = ["SWITCHED", "STARTING"]
    back = ["SWITCHED", "ROLLBACK", "RESTORED", "FLIPPED_BACK", "PARKED"]
    again = ["QUIESCED", "BACKED_UP", *once, "WAITING_FOR_QUORUM", "PROBATION", "COMMITTED"]
    assert path == ["HALTED", "QUIESCED", "BACKED_UP", *once * 3, *back, *again]


def a_point_is_taken_and_put_back_while_armed(network: Devnet, name: str, height: int) -> None:
    """`backup` and `restore` of a running node: stopped for it, and started again armed as it was."""
    before = network.told(name)["pid"]
    taken = network.does(name, "backup", "by-hand")
    assert taken["point"]["complete"]
    assert (taken["halt_height"], taken["state"]) == (height, "ARMED")
    assert taken["pid"] not in {None, before}
    mark = judge.signer_mark(network, name)
    refused = network.asks(name, "restore", "by-hand")
    assert refused.code == 1
    assert "needs a reason" in refused.err
    restored = network.does(name, "restore", "by-hand", "--reason", "to see that it works")
    assert (restored["halt_height"], restored["state"]) == (height, "ARMED")
    assert judge.signer_mark(network, name) >= mark
    assert "by-hand" in {point["name"] for point in network.does(name, "list")["points"]}


def the_killed_controller_takes_its_living_node_again(network: Devnet, name: str) -> None:
    network.eventually(f"{name}'s controller is gone", lambda: judge.events(network, name)[-1] == "waiting_for_quorum")
    alive = network.node(name)["pid"]
    assert alive is not None
    assert network.verb("start-controller", name).code == 0
    assert (network.node(name)["pid"], network.told(name)["state"]) == (alive, "WAITING_FOR_QUORUM")


def the_parked_node_stands_at_its_halt_on_the_old_binary(network: Devnet, name: str, height: int) -> None:
    parked = network.told(name)
    assert (parked["state"], parked["pid"], parked["height"]) == ("PARKED", None, height - 1)
    assert (network.home(name) / "cosmovisor" / "current").readlink() == Path("genesis")
    assert "node_key.json" in parked["alarm"], "why the new binary failed belongs into the alarm"
    refused = network.asks(name, "start")
    assert refused.code == 1
    assert f"the old binary would execute height {height}" in refused.err
    for way_on in ("node swap", "node abort"):
        assert way_on in refused.err
    assert network.told(name)["pid"] is None


def test_a_release_that_starts_nowhere_is_aborted_by_more_than_two_thirds(network: Devnet, tmp_path: Path) -> None:
    names = [node["name"] for node in network.status()["nodes"]]
    before = {node["version"] for node in network.status()["nodes"]}
    assert len(before) == 1, f"the story before has left {before}"
    (old,) = before
    build = network.add_release("v0.3.0", UNKNOWN_RULES)
    height = network.propose_build(build, 75)
    network.eventually("every node is parked", network.all_are("PARKED"), deadline_s=120)

    guide = network.asks("node1", "abort")
    assert guide.code == 0
    assert "27 of 40 power" in guide.out
    with ThreadPoolExecutor() as pool:
        said = list(pool.map(lambda name: network.does(name, "abort", "--statement")["statement"], names))
    addresses = {node["name"]: node["address"] for node in network.status()["nodes"]}

    def with_lines(name: str, count: int) -> tuple[int, str]:
        pasted = tmp_path / f"lines-{count}"
        pasted.write_text("\n".join(said[:count]) + "\n")
        given = ("--with", str(pasted), "--reason", "it starts nowhere", "--yes-network", "devnet")
        ran = network.asks(name, "abort", *given)
        return ran.code, ran.out + ran.err

    code, words = with_lines("node1", 2)
    assert code == 1
    missing = words.partition("Missing")[2].splitlines()[0]
    assert addresses["node3"] in missing
    assert addresses["node4"] in missing
    assert addresses["node1"] not in missing
    assert "20 of 40 power is not more than 2/3" in words
    assert network.states() == dict.fromkeys(names, "PARKED")

    for name in names:
        code, words = with_lines(name, 3)
        assert code == 0, words
    network.eventually("all go on with the old binary", network.all_are("RESUMED_OLD"))
    network.eventually("the chain goes on", network.past(height + 3))
    for name in names:
        last = judge.last_run(network, name)
        assert last["halt_height"] == 0
        assert {version for version, _ in judge.executed(network, name)[height]} == {old}
        path = judge.states_entered(network, name, height)
        assert path[-3:] == ["FLIPPED_BACK", "PARKED", "RESUMED_OLD"]
    judge.nobody_signed_twice(network)
    judge.same_app_hash(network, names, height + 2)
    late = network.asks("node1", "abort")
    assert late.code == 1
    assert "no crossing is going on" in late.err
