"""Rolls over a fleet without machines: order, the rule of power, stops, lost ways, and settings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from console.errors import ConsoleError, ControllerDown, InputError, NodeError
from console.model import Arming, Crossing, Finding, Outcome, StepKind
from console.model.roll_lease import LEASE_S
from console.procedures.configuration import CONFIGURATION
from console.procedures.patch import PATCH
from console.procedures.rolling import ROLLING
from console.procedures.step import Procedure
from console.procedures.taking_down import lease_of
from console.text import untrusted
from tests import fakes
from tests.console.procedures.fleet import FILE, LOST, FakeNetwork, FakeNode, FleetContext, fleet_of, seen
from tests.console.procedures.scripted import accepted

pytestmark = pytest.mark.anyio


class Roll:
    """One run over a fake fleet, step by step as the engine does it."""

    def __init__(
        self, fleet: FakeNetwork, folder: Path, procedure: Procedure, given: Mapping[str, str], run: str = "a-run"
    ) -> None:
        self.fleet = fleet
        self.procedure = procedure
        self.context = FleetContext(fleet, folder / run, accepted(procedure, given))
        self.context.run = run
        self.items: tuple[str, ...] = ()
        self.found: dict[str, Finding] = {}

    async def begin(self) -> None:
        assert self.procedure.items is not None
        self.items = await self.procedure.items(self.context)

    async def begin_again(self) -> None:
        """Settle who it goes over, a second time where the first one lost its way: nothing was begun by then."""
        try:
            await self.begin()
        except ControllerDown:
            await self.begin()

    async def go(self) -> tuple[str, Finding]:
        """Go on until a step fails; the last step, and what it found. A step that failed is tried again."""
        if not self.items:
            await self.begin()
        name, finding = "", None
        for step in self.procedure.steps(self.context.arguments, self.items):
            if step.id in self.found and self.found[step.id].outcome is not Outcome.FAIL:
                continue
            if step.work is None:
                assert step.kind is StepKind.CONFIRMATION
                assert step.typed is not None
                assert step.typed(self.context) == "testnet"
                continue
            self.context.item = step.item
            try:
                finding = await step.work(self.context)
            except ConsoleError as error:
                finding = Finding(Outcome.FAIL, untrusted(error.what), (), error.next_step)
            name, self.found[step.id] = step.id, finding
            if finding.outcome is Outcome.FAIL:
                break
        assert finding is not None
        return name, finding


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeNetwork]:
    found = fleet_of(big=30, middle=25, small=20, sentry=0)
    found.strangers = {"X": 40}
    with seen(found, monkeypatch):
        yield found


@pytest.fixture
def release(tmp_path: Path) -> dict[str, str]:
    file = tmp_path / "v1.0.1"
    file.write_bytes(b"#!/bin/sh\n")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return {"name": "v1.0.1", "binary": str(file), "checksum": f"sha256:{digest}"}


async def test_the_smallest_first_and_never_a_third(
    fleet: FakeNetwork, tmp_path: Path, release: dict[str, str]
) -> None:
    roll = Roll(fleet, tmp_path, ROLLING, release)
    name, finding = await roll.go()
    assert (name, finding.outcome, finding.sentence) == ("roll.all", Outcome.PASS, "all 4 nodes run v1.0.1")
    assert fleet.taken == [("sentry", 0), ("small", 20), ("middle", 25), ("big", 30)]
    assert [node.done for node in fleet.nodes.values()] == [["stage", "swap"]] * 4
    steps = [step.id for step in ROLLING.steps(roll.context.arguments, roll.items)]
    # Every node has the bytes before the first one is taken down.
    assert max(steps.index(f"{each}.stage") for each in roll.items) < steps.index("sentry.swap")


async def test_only_the_nodes_that_are_named(fleet: FakeNetwork, tmp_path: Path, release: dict[str, str]) -> None:
    roll = Roll(fleet, tmp_path, ROLLING, {**release, "nodes": "big, small"})
    await roll.go()
    assert [name for name, _ in fleet.taken] == ["small", "big"]
    with pytest.raises(ConsoleError, match="no node 'other'"):
        await Roll(fleet, tmp_path, ROLLING, {**release, "nodes": "other"}).begin()
    with pytest.raises(ValueError, match="each once"):
        accepted(ROLLING, {**release, "nodes": "big,big"})
    # What is no file is refused before there is a run.
    for path in ("", "/nonexistent", str(Path(release["binary"]).parent)):
        with pytest.raises(ValueError, match="a file of this machine"):
            accepted(ROLLING, {**release, "binary": path})


async def test_others_that_are_down_count(fleet: FakeNetwork, tmp_path: Path, release: dict[str, str]) -> None:
    roll = Roll(fleet, tmp_path, ROLLING, release)
    fleet.silent = {"X"}
    name, finding = await roll.go()
    assert name == "roll.fleet"
    assert "40 of 115 power would be down with sentry" in finding.sentence
    fleet.silent = set()
    fleet.nodes["middle"].staged = {}
    # It goes down between two nodes.
    swap = fleet.nodes["small"].swap

    async def swap_and_fail(name: str, reason: str, *, lease: str = "") -> object:
        status = await swap(name, reason, lease=lease)
        fleet.silent = {"X"}
        return status

    fleet.nodes["small"].swap = swap_and_fail  # type: ignore[assignment, method-assign]
    name, finding = await roll.go()
    assert name == "middle.swap"
    assert "65 of 115 power would be down with middle" in finding.sentence
    assert fleet.nodes["middle"].done == ["stage"]
    fleet.silent = set()
    assert (await roll.go())[0] == "roll.all"


async def test_a_validator_of_a_third_is_never_taken(
    tmp_path: Path, release: dict[str, str], fleet: FakeNetwork
) -> None:
    fleet.nodes["big"].power = 100
    name, finding = await Roll(fleet, tmp_path, ROLLING, release).go()
    assert name == "roll.fleet"
    assert "big holds 100 of 185 power, a third or more" in finding.sentence
    assert fleet.taken == []


async def test_it_stops_at_the_first_that_does_not_come_back(
    fleet: FakeNetwork, tmp_path: Path, release: dict[str, str]
) -> None:
    fleet.nodes["small"].breaks = True
    roll = Roll(fleet, tmp_path, ROLLING, release)
    name, finding = await roll.go()
    assert name == "small.back"
    assert "small did not come back: it is PARKED" in finding.sentence
    assert "--node small" in finding.go_on
    assert [name for name, _ in fleet.taken] == ["sentry", "small"]


async def test_jailed_in_the_middle_is_noticed(fleet: FakeNetwork, tmp_path: Path, release: dict[str, str]) -> None:
    swap = fleet.nodes["small"].swap

    async def swap_and_jail(name: str, reason: str, *, lease: str = "") -> object:
        status = await swap(name, reason, lease=lease)
        fleet.nodes["small"].jailed = True
        return status

    fleet.nodes["small"].swap = swap_and_jail  # type: ignore[assignment, method-assign]
    roll = Roll(fleet, tmp_path, ROLLING, release)
    name, finding = await roll.go()
    assert name == "small.back"
    assert finding.sentence.startswith("the roll stops at small: the chain jailed the validator")
    assert "tx slashing unjail --chain-id test-1" in finding.go_on
    assert "then go on with this run" in finding.go_on
    assert fleet.nodes["middle"].done == ["stage"]
    # Looked at again before anybody had it released: nothing is taken down.
    assert (await roll.go())[0] == "small.back"
    assert fleet.nodes["middle"].done == ["stage"]
    fleet.nodes["small"].jailed = False
    assert (await roll.go())[0] == "roll.all"
    assert [node.done.count("swap") for node in fleet.nodes.values()] == [1, 1, 1, 1]


async def test_one_that_is_jailed_before_the_roll_is_said_and_rolled_as_one_without_a_vote(
    fleet: FakeNetwork, tmp_path: Path, release: dict[str, str]
) -> None:
    fleet.nodes["small"].jailed = True
    roll = Roll(fleet, tmp_path, ROLLING, release)
    assert (await roll.go())[0] == "roll.all"
    looked = roll.found["roll.fleet"]
    assert (looked.outcome, "small: the chain jailed the validator" in looked.sentence) == (Outcome.WARN, True)
    assert "tx slashing unjail" in looked.go_on


async def test_a_lost_way_is_gone_on_with_and_nothing_is_done_twice(
    fleet: FakeNetwork, tmp_path: Path, release: dict[str, str]
) -> None:
    fleet.nodes["small"].cut = True
    roll = Roll(fleet, tmp_path, ROLLING, release)
    name, finding = await roll.go()
    assert (name, finding.outcome) == ("small.swap", Outcome.FAIL)
    assert "--resume" in finding.go_on
    assert (await roll.go())[0] == "roll.all"
    assert [node.done.count("swap") for node in fleet.nodes.values()] == [1, 1, 1, 1]


async def test_an_upgrade_in_hand_is_left_alone(fleet: FakeNetwork, tmp_path: Path, release: dict[str, str]) -> None:
    fleet.nodes["big"].plan = fakes.attempt(arming=Arming.ARMED)
    name, finding = await Roll(fleet, tmp_path, ROLLING, release).go()
    assert name == "roll.fleet"
    assert "big is left alone: it is armed for v0.2.0 at height 1,300" in finding.sentence
    fleet.nodes["big"].plan = replace(fakes.attempt(), crossing=Crossing.STARTING)
    assert "is crossing on it (STARTING)" in (await Roll(fleet, tmp_path, ROLLING, release).go())[1].sentence
    assert fleet.taken == []


async def test_other_bytes_of_that_name_are_never_replaced(
    fleet: FakeNetwork, tmp_path: Path, release: dict[str, str]
) -> None:
    fleet.nodes["middle"].staged = {"v1.0.1": "ff" * 32}
    name, finding = await Roll(fleet, tmp_path, ROLLING, release).go()
    assert name == "middle.stage"
    assert "middle has other bytes as v1.0.1" in finding.sentence
    assert fleet.taken == []


async def test_a_wrong_file_a_node_that_is_down_and_a_chain_that_stands(
    fleet: FakeNetwork, tmp_path: Path, release: dict[str, str]
) -> None:
    wrong = {**release, "checksum": f"sha256:{'0' * 64}"}
    name, finding = await Roll(fleet, tmp_path, ROLLING, wrong).go()
    assert name == "roll.release"
    assert "has sha256" in finding.sentence
    fleet.decided_at -= 300
    name, finding = await Roll(fleet, tmp_path, ROLLING, release).go()
    assert name == "roll.fleet"
    assert "the chain stands: its newest block is 5m" in finding.sentence
    fleet.decided_at += 300
    fleet.stands = True
    name, finding = await Roll(fleet, tmp_path, ROLLING, release).go()
    assert name == "sentry.swap"
    assert "no block came after height" in finding.sentence
    assert fleet.taken == []
    fleet.nodes["big"].pid = None
    with pytest.raises(NodeError, match="big does not run"):
        await Roll(fleet, tmp_path, ROLLING, release).begin()
    with pytest.raises(InputError, match="no node is named"):
        await Roll(fleet_of(), tmp_path, ROLLING, release).begin()


# --- patch and configuration ---


async def test_a_patch_shows_what_it_made_of_the_settings(
    fleet: FakeNetwork, tmp_path: Path, release: dict[str, str]
) -> None:
    swap = fleet.nodes["small"].swap

    async def swap_and_rewrite(name: str, reason: str, *, lease: str = "") -> object:
        fleet.nodes["small"].values |= {"moniker": "rewritten", "mempool.size": "5000"}
        return await swap(name, reason, lease=lease)

    fleet.nodes["small"].swap = swap_and_rewrite  # type: ignore[assignment, method-assign]
    roll = Roll(fleet, tmp_path, PATCH, release)
    assert (await roll.go())[0] == "roll.all"
    changed = roll.found["small.settings-after"]
    assert changed.outcome is Outcome.WARN
    assert list(changed.evidence) == [f"{FILE}: mempool.size: — → 5000", f"{FILE}: moniker: val → rewritten"]
    assert roll.found["big.settings-after"].sentence == "no setting of big differs from before"


async def test_settings_are_tuned_node_by_node(fleet: FakeNetwork, tmp_path: Path) -> None:
    wanted = f"keep_points=5; {FILE}:p2p.max_num_inbound_peers=80"
    roll = Roll(fleet, tmp_path, CONFIGURATION, {"set": wanted, "why": "more peers"})
    fleet.nodes["big"].values["p2p.max_num_inbound_peers"] = "80"
    fleet.nodes["middle"].cut = True
    name, finding = await roll.go()
    assert (name, finding.outcome) == ("middle.restart", Outcome.FAIL)
    name, finding = await roll.go()
    assert (name, finding.outcome) == ("big.settings-after", Outcome.PASS)
    # What is so already is not set, and what holds at once restarts nothing.
    assert fleet.nodes["big"].done == ["set"]
    assert roll.found["big.restart"].outcome is Outcome.SKIP
    assert roll.found["big.back"].outcome is Outcome.SKIP
    assert fleet.taken == [("sentry", 0), ("small", 20), ("middle", 25)]
    assert all(node.values["p2p.max_num_inbound_peers"] == "80" for node in fleet.nodes.values())
    difference = list(roll.found["roll.difference"].evidence)
    assert "small: keep_points: 2 → 5 (at once)" in difference
    assert f"small: {FILE}: p2p.max_num_inbound_peers: 40 → 80 (from the node's next start)" in difference


async def test_what_else_differs_afterwards_is_said(fleet: FakeNetwork, tmp_path: Path) -> None:
    restart = fleet.nodes["small"].restart

    async def restart_and_rewrite(*, lease: str = "") -> object:
        fleet.nodes["small"].settings["keep_points"] = "9"
        return await restart(lease=lease)

    fleet.nodes["small"].restart = restart_and_rewrite  # type: ignore[assignment, method-assign]
    roll = Roll(fleet, tmp_path, CONFIGURATION, {"set": f"{FILE}:moniker=x", "why": "a name"})
    await roll.go()
    assert roll.found["small.settings-after"].outcome is Outcome.WARN
    assert "keep_points: 2 → 9" in roll.found["small.settings-after"].evidence


async def test_a_key_that_one_node_lacks_ends_it_before_anything_is_set(fleet: FakeNetwork, tmp_path: Path) -> None:
    del fleet.nodes["big"].values["moniker"]
    roll = Roll(fleet, tmp_path, CONFIGURATION, {"set": f"{FILE}:moniker=x", "why": "a name"})
    name, finding = await roll.go()
    assert (name, finding.outcome) == ("roll.difference", Outcome.FAIL)
    assert all(node.done == [] for node in fleet.nodes.values())


async def test_a_wait_goes_on_while_a_way_is_lost(fleet: FakeNetwork, tmp_path: Path, release: dict[str, str]) -> None:
    status = fleet.nodes["small"].status
    lost = iter([True] * 3)

    async def sometimes() -> object:
        if fleet.nodes["small"].generation == "v1.0.1" and next(lost, False):
            raise ControllerDown("SSH to small is lost")
        return await status()

    fleet.nodes["small"].status = sometimes  # type: ignore[assignment, method-assign]
    roll = Roll(fleet, tmp_path, ROLLING, release)
    assert (await roll.go())[0] == "roll.all"
    assert roll.context.told.count("SSH to small is lost; it is asked again") == 3


async def test_two_rolls_at_once_take_one_node_down_at_a_time(
    fleet: FakeNetwork, tmp_path: Path, release: dict[str, str]
) -> None:
    rolling = Roll(fleet, tmp_path, ROLLING, {**release, "nodes": "sentry,small"}, "rolling-1")
    patch = Roll(fleet, tmp_path, PATCH, {**release, "nodes": "middle"}, "patch-2")
    tuning = Roll(
        fleet, tmp_path, CONFIGURATION, {"set": f"{FILE}:moniker=x", "why": "a name", "nodes": "big"}, "config-3"
    )
    tuning.context.person = untrusted("bob")
    found: dict[str, tuple[str, Finding]] = {}
    swap = fleet.nodes["small"].swap

    async def swap_while_others_try(name: str, reason: str, *, lease: str = "") -> object:
        status = await swap(name, reason, lease=lease)
        for each in (patch, tuning):
            found[each.context.run] = await each.go()
        return status

    fleet.nodes["small"].swap = swap_while_others_try  # type: ignore[assignment, method-assign]
    assert (await rolling.go())[0] == "roll.all"
    # Not one of them got as far as its first node.
    for name, finding in found.values():
        assert name == "roll.fleet"
        assert finding.sentence.startswith("another roll is under way: alice takes small down in run rolling-1@")
        assert "its lease ends by itself in" in finding.go_on
    assert (fleet.nodes["middle"].done, fleet.nodes["big"].done) == ([], [])
    # It has given back what it had.
    assert (await patch.go())[0] == "roll.all"
    assert (await tuning.go())[1].outcome is Outcome.PASS
    assert [name for name, _ in fleet.taken] == ["sentry", "small", "middle", "big"]


async def test_a_roll_that_began_before_is_refused_at_its_next_node(
    fleet: FakeNetwork, tmp_path: Path, release: dict[str, str]
) -> None:
    roll = Roll(fleet, tmp_path, ROLLING, {**release, "nodes": "small"}, "rolling-1")
    other = Roll(fleet, tmp_path, ROLLING, {**release, "nodes": "middle"}, "rolling-2")
    add_upgrade = fleet.nodes["small"].add_upgrade

    async def stage_while_another_goes_down(name: str, binary: Path, *, force: bool = False) -> object:
        status = await add_upgrade(name, binary, force=force)
        lease = lease_of(other.context, "middle")
        await lease.take()
        return status

    fleet.nodes["small"].add_upgrade = stage_while_another_goes_down  # type: ignore[assignment, method-assign]
    name, finding = await roll.go()
    assert (name, finding.outcome) == ("small.swap", Outcome.FAIL)
    assert "alice takes middle down in run rolling-2@" in finding.sentence
    assert fleet.taken == []
    # Nobody comes back to that one: its lease runs out, and this one goes on.
    fleet.clock += LEASE_S
    assert (await roll.go())[0] == "roll.all"


async def test_a_lease_whose_way_was_lost_keeps_others_waiting_and_then_ends(
    fleet: FakeNetwork, tmp_path: Path, release: dict[str, str]
) -> None:
    fleet.nodes["small"].cut = True
    roll = Roll(fleet, tmp_path, ROLLING, {**release, "nodes": "small"}, "rolling-1")
    other = Roll(fleet, tmp_path, ROLLING, {**release, "nodes": "middle"}, "rolling-2")
    assert (await roll.go())[0] == "small.swap"
    name, finding = await other.go()
    assert name == "roll.fleet"
    assert "takes small down in run rolling-1@" in finding.sentence
    fleet.clock += LEASE_S
    assert (await other.go())[0] == "roll.all"
    assert (await roll.go())[0] == "roll.all"


async def test_a_node_that_says_that_it_is_out_counts_before_the_commits_tell(
    fleet: FakeNetwork, tmp_path: Path, release: dict[str, str]
) -> None:
    roll = Roll(fleet, tmp_path, ROLLING, {**release, "nodes": "middle"})
    fleet.nodes["small"].says_out = "stop is under way"
    name, finding = await roll.go()
    assert name == "middle.swap"
    assert "45 of 115 power would be down with middle" in finding.sentence
    assert "small is out: stop is under way" in finding.evidence
    assert fleet.taken == []
    fleet.nodes["small"].says_out = ""
    assert (await roll.go())[0] == "roll.all"


async def test_controllers_that_are_not_heard(fleet: FakeNetwork, tmp_path: Path, release: dict[str, str]) -> None:
    roll = Roll(fleet, tmp_path, ROLLING, {**release, "nodes": "small"})
    fleet.unheard = {"big", "middle"}
    name, finding = await roll.go()
    assert name == "roll.fleet"
    assert "2 of 4 controllers of the fleet answer, and more than half have to" in finding.sentence
    assert "nothing is heard of big, middle" in finding.sentence
    fleet.unheard = {"big"}
    assert (await roll.go())[0] == "roll.all"
    assert any(line.startswith("big was not heard: SSH to val is lost") for line in roll.found["small.swap"].evidence)


async def test_a_node_that_somebody_else_swapped_is_left_alone(
    fleet: FakeNetwork, tmp_path: Path, release: dict[str, str]
) -> None:
    roll = Roll(fleet, tmp_path, ROLLING, {**release, "nodes": "small,middle"})
    swap = fleet.nodes["small"].swap

    async def swap_beside_somebody(name: str, reason: str, *, lease: str = "") -> object:
        fleet.nodes["middle"].generation = "v9"
        return await swap(name, reason, lease=lease)

    fleet.nodes["small"].swap = swap_beside_somebody  # type: ignore[assignment, method-assign]
    name, finding = await roll.go()
    assert name == "middle.swap"
    assert "middle runs v9, and ran genesis when this roll began: somebody else changed it" in finding.sentence
    assert [name for name, _ in fleet.taken] == ["small"]


class Lossy:
    """The way to one node, which is lost at one question, before the controller hears it or after it has done it."""

    def __init__(self, node: FakeNode, method: str, *, heard: bool, turn: int) -> None:
        self._node = node
        self._method = method
        self._heard = heard
        self._left = turn

    def __getattr__(self, name: str) -> object:
        found = getattr(self._node, name)
        if name != self._method:
            return found

        async def asked(*given: object, **more: object) -> object:
            self._left -= 1
            if self._left:
                return await found(*given, **more)
            if self._heard:
                await found(*given, **more)
            raise LOST

        return asked


@pytest.mark.parametrize("heard", [True, False])
@pytest.mark.parametrize("turn", [1, 2, 3])
@pytest.mark.parametrize("method", ["status", "consensus", "lease", "end_lease", "generations", "add_upgrade", "swap"])
async def test_a_way_that_is_lost_at_any_question_of_a_roll(
    fleet: FakeNetwork, tmp_path: Path, release: dict[str, str], method: str, turn: int, heard: bool
) -> None:
    roll = Roll(fleet, tmp_path, ROLLING, {**release, "nodes": "small,middle"})
    await _through(roll, fleet, "small", method, heard=heard, turn=turn)
    assert [fleet.nodes[name].done for name in ("small", "middle", "big")] == [["stage", "swap"], ["stage", "swap"], []]


@pytest.mark.parametrize("heard", [True, False])
@pytest.mark.parametrize("turn", [1, 2])
@pytest.mark.parametrize("method", ["config", "node_files", "node_values", "config_set", "node_values_set", "restart"])
async def test_a_way_that_is_lost_at_any_question_of_a_configuration_change(
    fleet: FakeNetwork, tmp_path: Path, method: str, turn: int, heard: bool
) -> None:
    given = {"set": f"keep_points=5; {FILE}:moniker=x", "why": "a name", "nodes": "small,middle"}
    roll = Roll(fleet, tmp_path, CONFIGURATION, given)
    await _through(roll, fleet, "small", method, heard=heard, turn=turn)
    for name in ("small", "middle"):
        assert sorted(fleet.nodes[name].done) == ["restart", "set", "set file"]


async def _through(roll: Roll, fleet: FakeNetwork, node: str, method: str, *, heard: bool, turn: int) -> None:
    """Go on until it is through: at most one stop, with the sentence of a lost way, and a way on."""
    fleet.nodes[node] = cast(FakeNode, Lossy(fleet.nodes[node], method, heard=heard, turn=turn))
    await roll.begin_again()
    _, finding = await roll.go()
    if finding.outcome is Outcome.FAIL:
        assert finding.sentence.startswith("SSH to val is lost"), finding
        assert "--resume" in finding.go_on
        _, finding = await roll.go()
    assert finding.outcome is Outcome.PASS, finding
