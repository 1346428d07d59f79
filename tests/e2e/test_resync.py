"""Nodes that missed their halt come back to before it, by their rollback point or from genesis, and cross after all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import judge
from tests.e2e.devnet import Devnet, running

pytestmark = pytest.mark.e2e

FAST = ("--block-time", "300ms", "--freeze-blocks", "16")
POWERS = "20,20,20,5,5"
"""The network crosses without the last two."""
MAJORITY = ("node1", "node2", "node3")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    with running(tmp_path_factory.mktemp("resync") / "net", *FAST, "--powers", POWERS) as devnet:
        yield devnet


def test_two_nodes_that_missed_their_halt_cross_it_later_and_sign_again(network: Devnet) -> None:
    """node4's controller was off; node5 was disarmed by its operator."""
    network.does("node4", "backup", "before")
    assert network.verb("stop-controller", "node4").code == 0
    height = network.propose(network.lead(70))
    network.eventually("the others are armed", network.all_are("ARMED", *MAJORITY, "node5"))
    unreasoned = network.asks("node5", "disarm")
    assert unreasoned.code == 1
    assert "needs a reason" in unreasoned.err
    disarmed = network.does("node5", "disarm", "--reason", "the release is not trusted here")
    assert (disarmed["halt_height"], disarmed["upgrade"]["arming"]) == (0, "DISARMED")
    assert network.status()["height"] < height - 1, "too late for this story"

    network.eventually("60 of 70 are committed", network.all_are("COMMITTED", *MAJORITY))
    network.eventually("node5 is stopped", network.all_are("MISSED_HALT", "node5"))
    network.eventually("node4 meets another app hash", lambda: network.node("node4")["pid"] is None)
    assert network.verb("start-controller", "node4").code == 0
    network.eventually("node4 is judged", network.all_are("MISSED_HALT", "node4"))
    not_needed = network.asks("node1", "resync", "--reason", "a mistake")
    assert not_needed.code == 1
    assert "did not miss its halt" in not_needed.err

    late = ("node4", "node5")
    marks = {name: judge.signer_mark(network, name) for name in late}
    assert {name: max(judge.executed(network, name)) for name in late} == dict.fromkeys(late, height)
    network.does("node4", "resync", "--reason", "its controller was off")
    network.does("node5", "resync", "--from-genesis", "--reason", "the release is good after all")
    for name in late:
        network.eventually(f"{name} is committed", network.all_are("COMMITTED", name))
        assert judge.signer_mark(network, name) >= marks[name]
    tip = network.status()["height"]
    for name in late:
        network.eventually(f"{name} signs again", lambda name=name: judge.signs_again(network, name, tip))  # type: ignore[misc]

    data = [folder / "data" for folder in (Path("cometbft"), Path("fendermint"))]
    for name in late:
        judge.halted_with_code_2(network, name, height)
        judge.executed_with(network, name, ("v0.1.5", 1), ("v0.2.0", height))
        kept = [entry for folder in data for entry in (network.home(name) / folder).parent.glob("data.*")]
        assert kept, "the data of before is kept"
    first = {name: [entry["height"] for entry in judge.lines(network.home(name) / "executed.jsonl")] for name in late}
    assert first["node5"].count(1) == 2, "node5 replayed everything"
    assert first["node4"].count(1) == 1, "node4 did not"
    judge.nobody_signed_twice(network)
    judge.same_app_hash(network, [*MAJORITY], height + 1)
