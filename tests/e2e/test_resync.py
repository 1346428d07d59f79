"""Nodes that come late: they missed their halt and cross it after all, or sync from genesis over every halt."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import tomlkit

from tests.e2e import judge
from tests.e2e.devnet import COMMAND, Devnet, running

pytestmark = [pytest.mark.e2e, pytest.mark.soak, pytest.mark.xdist_group("resync")]

FAST = ("--block-time", "300ms", "--freeze-blocks", "14")
POWERS = "20,20,20,5,5"
"""The network crosses without the last two."""
MAJORITY = ("node1", "node2", "node3")
FULL = "node1-full"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    with running(tmp_path_factory.mktemp("resync") / "net", *FAST, "--powers", POWERS) as devnet:
        yield devnet


def test_two_nodes_that_missed_their_halt_cross_it_later_and_sign_again(network: Devnet) -> None:
    """node4's controller was off; node5 was disarmed by its operator."""
    network.does("node4", "backup", "before")
    assert network.verb("stop-controller", "node4").code == 0
    height = network.propose(80)
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


def test_a_fresh_full_node_crosses_the_upgrades_of_the_past_in_order(network: Devnet, tmp_path: Path) -> None:
    if network.node("node1")["version"] == "v0.1.5":
        network.propose(80)
        network.eventually("all are committed", network.all_are("COMMITTED"))
    build = network.add_release("v0.3.0", rules=3)
    second = network.propose_build(build, 75)
    network.eventually("the second one begins", lambda: judge.last_run(network, "node1")["generation"] == "v0.3.0")
    network.eventually("all are committed", network.all_are("COMMITTED"))
    begins = judge.first_heights(network, "node1")
    assert list(begins) == ["v0.1.5", "v0.2.0", "v0.3.0"]
    assert begins["v0.3.0"] == second

    home = tmp_path / "full"
    made = network.does("node1", "full-node", "--home", str(home))
    assert made["generations"] == ["genesis", "v0.2.0", "v0.3.0"]
    table = tomlkit.parse(made["settings"])["nodes"][FULL]
    assert table["address"] not in {node["address"] for node in network.status()["nodes"]}
    settings = network.folder / "network.toml"
    document = tomlkit.parse(settings.read_text())
    document["nodes"][FULL] = table
    settings.write_text(tomlkit.dumps(document))
    key = json.loads((home / "cometbft" / "config" / "priv_validator_key.json").read_text())
    assert key["address"] == made["consensus_address"]

    # Nobody offers the bytes of the past any more: what the full node runs was copied.
    for version in ("v0.2.0", "v0.3.0"):
        (network.folder / "releases" / version / "subnetd").unlink()
    with controller_of(network, FULL):
        answers = network.state_dir("node1").with_name(FULL) / "run" / "control.sock"
        network.eventually("its controller answers", answers.exists)
        network.eventually("it runs the newest", lambda: network.told(FULL)["generation"] == "v0.3.0")
        network.eventually("it is committed", lambda: network.told(FULL)["state"] == "COMMITTED")
        tip = network.status()["height"]
        network.eventually("it follows the chain", lambda: (network.told(FULL)["height"] or 0) > tip)

    entries = judge.lines(home / "executed.jsonl")
    assert [entry["height"] for entry in entries] == list(range(1, len(entries) + 1)), "each block once, in order"
    for entry in entries:
        wanted = next(version for version, first in reversed(begins.items()) if first <= entry["height"])
        assert entry["version"] == wanted, f"height {entry['height']}"
    hashes = {entry["height"]: entry["app_hash"] for entry in entries}
    for height in (*(first for first in begins.values()), second - 1, tip):
        assert hashes[height] == judge.same_app_hash(network, ["node1"], height)
    assert not (home / "signed.jsonl").read_text(), "it is no validator and says nothing"
    judge.nobody_signed_twice(network)


@contextlib.contextmanager
def controller_of(network: Devnet, name: str) -> Iterator[None]:
    """A controller that the devnet did not start; its node is stopped by the devnet's end."""
    command = [*COMMAND, "node", "run", "--network", "devnet", "--dir", str(network.folder), "--node", name]
    environment = {**os.environ, "UPGRADE_CONSOLE_DEVNET": str(network.folder)}
    log = network.folder / "logs" / f"{name}-controller.log"
    with log.open("ab") as stream:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=environment, start_new_session=True
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
