"""The operator's hand: what each command does at each place, what it refuses, and that it is in the journal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from console.errors import NodeError
from console.files import sha256_of
from console.model import Arming, Crossing, Verdict
from console.node.controller import Controller
from console.node.generation import Generations
from console.node.journal import Journal
from tests.console.node import nodes
from tests.console.node.bench import Bench, armed, armed_and_ready, asked, crossing, until
from tests.console.node.fakes import OWN

pytestmark = pytest.mark.anyio

FAILING = (
    '#!/bin/sh\ncase "$1" in --version) echo v0.2.0; exit 0;; esac\necho "$$ bad 0" >> {home}/starts.log\nexit 1\n'
)


def kinds(bench: Bench) -> list[str]:
    journal = Journal(bench.state_dir / "journal.db", read_only=True)
    try:
        return [event["kind"] for event in journal.events()]
    finally:
        journal.close()


async def parked(bench: Bench, controller: Controller) -> None:
    """A new binary that never lives: rolled back and parked."""
    bench.sha256 = nodes.write_binary(bench.given, bench.home, FAILING)
    await armed_and_ready(bench, controller)
    bench.amend(verdict=Verdict.CROSS, frozen_at=96)
    bench.halt()
    await until(controller, crossing(Crossing.PARKED))


def third_release(bench: Bench, folder: Path) -> tuple[Path, str]:
    """Another release that lives."""
    binary = folder / "v0.2.1"
    return binary, nodes.write_binary(binary, bench.home, version="v0.2.1")


def stage(bench: Bench, name: str, binary: Path) -> None:
    Generations(bench.home, nodes.DAEMON).stage_file(name, binary, sha256_of(binary), "given in a test")


async def test_what_is_paused_waits_at_the_halt_and_goes_on_afterwards(bench: Bench) -> None:
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        await controller.commands.pause("looking at the disks")
        bench.amend(verdict=Verdict.CROSS, frozen_at=96)
        bench.halt()
        status = await until(controller, crossing(Crossing.HALTED))
        reads = bench.chain.reads
        status = await until(controller, lambda _: bench.chain.reads > reads + 3)
        assert (status.state, status.paused) == ("HALTED", "looking at the disks")
        await controller.commands.resume()
        await until(controller, crossing(Crossing.STARTING))
    assert {"operator-pause", "operator-resume"} <= set(kinds(bench))


async def test_a_parked_node_crosses_with_another_release_for_the_same_height(bench: Bench, tmp_path: Path) -> None:
    async with bench.controller() as controller:
        await parked(bench, controller)
        third, sha256 = third_release(bench, tmp_path)
        with pytest.raises(NodeError, match=r"v0\.2\.1"):
            await controller.commands.swap("v0.2.1", "not there yet")
        stage(bench, "v0.2.1", third)
        with pytest.raises(NodeError, match="needs a typed reason"):
            await controller.commands.swap("v0.2.1", " ")
        assert controller.status().state == "PARKED"
        await controller.commands.swap("v0.2.1", "the fixed build")
        bench.chain.height = 103
        status = await until(controller, crossing(Crossing.COMMITTED))
    assert status.generation == "v0.2.1"
    assert status.exe_sha256 == sha256
    assert nodes.starts(bench.home)[-1] == "v0.2.1 0"


async def test_a_parked_nodes_old_binary_goes_on_when_the_network_aborted(bench: Bench) -> None:
    async with bench.controller() as controller:
        await parked(bench, controller)
        with pytest.raises(NodeError, match="parked"):
            await asked(controller, "start")
        await controller.commands.abort("30 of 40 power agreed")
        status = await until(controller, crossing(Crossing.RESUMED_OLD))
        assert (status.generation, status.halt_height) == ("genesis", 0)
        assert status.pid is not None
    assert nodes.starts(bench.home)[-1] == "v0.1.5 0"


async def test_an_abort_while_the_new_binary_waits_brings_back_the_data_of_the_halt(bench: Bench) -> None:
    data = bench.home / "fendermint" / "data"
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        bench.amend(verdict=Verdict.CROSS, frozen_at=96)
        bench.halt()
        await until(controller, crossing(Crossing.STARTING))
        bench.chain.app_height = 100
        await until(controller, crossing(Crossing.WAITING_FOR_QUORUM))
        (data / "migrated").write_text("by the new binary")
        nodes.application_at(bench.home, 100)
        signer = bench.home / "cometbft" / "data" / "priv_validator_state.json"
        signer.write_text(json.dumps({"height": "101", "round": 2, "step": 3}))
        with pytest.raises(NodeError, match="may only go back if the network aborts"):
            await controller.commands.rollback("alone")
        await controller.commands.abort("30 of 40 power agreed")
        status = await until(controller, crossing(Crossing.RESUMED_OLD))
    assert status.generation == "genesis"
    assert not (data / "migrated").exists()
    assert json.loads((data / "app.json").read_text()) == {"height": 99}
    assert json.loads(signer.read_text())["height"] == "101"


async def test_nothing_leads_back_once_the_network_has_committed(bench: Bench) -> None:
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        bench.amend(verdict=Verdict.CROSS, frozen_at=96)
        bench.halt()
        await until(controller, crossing(Crossing.STARTING))
        bench.chain.height = 103
        await until(controller, crossing(Crossing.COMMITTED))
        for command in (controller.commands.rollback, controller.commands.abort):
            with pytest.raises(NodeError, match="nothing was changed"):
                await command("too late")
        with pytest.raises(NodeError, match="nothing was changed"):
            await controller.commands.restore("crossing-1", "too late")
    assert bench.generation() == "v0.2.0"


async def test_a_swap_by_hand_takes_a_point_and_is_proven(bench: Bench, tmp_path: Path) -> None:
    third, _ = third_release(bench, tmp_path)
    async with bench.controller() as controller:
        await until(controller, lambda status: status.app_height == 60)
        stage(bench, "v0.2.1", third)
        await controller.commands.swap("v0.2.1", "a hot fix that breaks nothing")
        bench.chain.height = 64
        status = await until(controller, crossing(Crossing.COMMITTED))
        assert status.attempt is not None
        assert (status.generation, status.attempt.rollback_point) == ("v0.2.1", "crossing-1")
    assert nodes.starts(bench.home) == ["v0.1.5 0", "v0.2.1 0"]


async def test_after_a_swap_by_hand_that_failed_the_old_binary_goes_on_by_a_start(bench: Bench, tmp_path: Path) -> None:
    """Nobody else is concerned: the network never left the rules of the old binary."""
    third = tmp_path / "v0.2.1"
    nodes.write_binary(third, bench.home, FAILING)
    async with bench.controller() as controller:
        await until(controller, lambda status: status.app_height == 60)
        stage(bench, "v0.2.1", third)
        await controller.commands.swap("v0.2.1", "too early")
        status = await until(controller, crossing(Crossing.PARKED))
        assert status.alarm.endswith("or back to the old binary with `node start`")
        await asked(controller, "start")
        status = await until(controller, crossing(Crossing.RESUMED_OLD))
    assert (status.generation, status.alarm) == ("genesis", "")
    assert nodes.starts(bench.home)[-1] == "v0.1.5 0"


async def test_a_swap_to_bytes_that_do_not_run_here_stops_nothing(bench: Bench, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\nexit 3\n")
    async with bench.controller() as controller:
        before = await until(controller, lambda status: status.app_height == 60)
        stage(bench, "broken", broken)
        with pytest.raises(NodeError, match="nothing was stopped"):
            await controller.commands.swap("broken", "try it")
        after = controller.status()
    assert (after.pid, after.attempt) == (before.pid, None)


async def test_a_disarmed_node_is_not_armed_again_by_itself(bench: Bench) -> None:
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        await controller.commands.disarm("we stay out of this one")
        reads = bench.chain.reads
        status = await until(controller, lambda _: bench.chain.reads > reads + 3)
        assert status.attempt is not None
        assert (status.attempt.arming, status.halt_height) == (Arming.DISARMED, 0)
    async with bench.controller() as controller:
        status = await until(controller, lambda status: status.pid is not None)
        assert status.halt_height == 0
        await controller.commands.arm("we are in again")
        await until(controller, armed)
    assert nodes.starts(bench.home) == ["v0.1.5 0", "v0.1.5 100", "v0.1.5 0", "v0.1.5 100"]


async def test_arming_by_hand_needs_no_turn(bench: Bench) -> None:
    bench.chain.armed_at = {}
    bench.plan()
    async with bench.controller() as controller:
        await until(controller, lambda status: status.attempt is not None and status.app_height == 60)
        await controller.commands.arm("the others wait for us")
        await until(controller, lambda status: armed(status) and OWN in bench.chain.armed_at)


async def test_a_backup_restarts_what_ran_as_it_was_and_can_be_put_back(bench: Bench) -> None:
    data = bench.home / "fendermint" / "data"
    nodes.application_at(bench.home, 60)
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        point = await controller.commands.backup("before lunch")
        assert controller.status().halt_height == 100
        nodes.application_at(bench.home, 70)
        (data / "later").write_text("x")
        await controller.commands.restore(point.name, "after lunch")
        assert controller.status().halt_height == 100
    assert json.loads((data / "app.json").read_text()) == {"height": 60}
    assert not (data / "later").exists()


async def test_a_node_that_missed_its_halt_comes_back_before_it_and_crosses(bench: Bench) -> None:
    nodes.application_at(bench.home, 60)
    async with bench.controller() as controller:
        await until(controller, lambda status: status.app_height == 60)
        await controller.commands.backup("early")
        await asked(controller, "stop")
    bench.chain.network_up = True
    nodes.application_at(bench.home, 100)
    bench.chain.height = 120
    bench.chain.armed_at = {}
    bench.plan(verdict=Verdict.CROSS, frozen_at=96)
    signer = bench.home / "cometbft" / "data" / "priv_validator_state.json"
    signer.write_text(json.dumps({"height": "101", "round": 0, "step": 3}))
    bench.chain.app_height = 100
    async with bench.controller() as controller:
        with pytest.raises(NodeError):
            await controller.commands.resync("it did not miss anything yet", from_genesis=False)
        await asked(controller, "start")
        await until(controller, crossing(Crossing.MISSED_HALT))
        bench.chain.app_height = 60
        await controller.commands.resync("we were asleep", from_genesis=False)
        status = await until(controller, armed)
        assert (status.halt_height, status.app_height) == (100, 60)
    assert json.loads(signer.read_text())["height"] == "101"
    assert nodes.starts(bench.home)[-1] == "v0.1.5 100"
