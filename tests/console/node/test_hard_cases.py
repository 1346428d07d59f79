"""Hard cases of the controller: what a kill, a full disk, a stranger or an operator at the wrong moment must not do."""

from __future__ import annotations

import asyncio
import errno
import json
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from console.errors import JournalError, NodeError
from console.model import Crossing, NodeStatus, Preparation, ProposalStatus, Verdict
from console.node.controller import Controller
from console.node.generation import Generations
from console.node.journal import Journal
from console.node.restoring import DataSwap, Step
from console.node.rollback_point import RollbackPoint, RollbackPoints
from console.node.runtime.shim import ShimRuntime
from tests.console.node import nodes
from tests.console.node.bench import Bench, armed, armed_and_ready, asked, crossing, until
from tests.console.node.fakes import OTHERS, proposal

pytestmark = pytest.mark.anyio


def journal_of(bench: Bench) -> Journal:
    return Journal(bench.state_dir / "journal.db")


def generations_of(bench: Bench) -> Generations:
    return Generations(bench.home, nodes.DAEMON)


async def halted_by_operator(bench: Bench, *states: Crossing, **changes: object) -> None:
    """Halt and stop; then lead the journal on as a controller does that is killed there, nobody having said stop."""
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        bench.halt()
        await until(controller, crossing(Crossing.HALTED))
        await asked(controller, "stop")
    journal = journal_of(bench)
    attempt = journal.latest_attempt()
    assert attempt is not None
    attempt = journal.change(attempt, verdict=Verdict.CROSS)
    for state in states:
        attempt = journal.change(attempt, crossing=state, left="genesis")
    journal.change(attempt, **changes)
    journal.set_meta("stopped_by_operator", "")
    journal.close()


async def started_new(bench: Bench, controller: Controller) -> NodeStatus:
    await armed_and_ready(bench, controller)
    bench.amend(verdict=Verdict.CROSS, frozen_at=96)
    bench.halt()
    return await until(controller, lambda status: crossing(Crossing.STARTING)(status) and status.pid is not None)


async def committed(bench: Bench, controller: Controller) -> None:
    await started_new(bench, controller)
    bench.chain.height = 103
    await until(controller, crossing(Crossing.COMMITTED))


async def some_steps(bench: Bench, controller: Controller, end: Callable[[NodeStatus], bool], reads: int) -> NodeStatus:
    """Go on until `end`, or until plans were read so many times more."""
    until_reads = bench.chain.reads + reads
    return await until(controller, lambda status: end(status) or bench.chain.reads >= until_reads)


async def test_a_pre_upgrade_that_fails_when_it_is_done_again_parks_with_the_old_binary_in_place(bench: Bench) -> None:
    await halted_by_operator(bench, Crossing.QUIESCED, Crossing.BACKED_UP)
    # Killed between the flip and the journal's word for it.
    generations_of(bench).switch(generations_of(bench).generation("v0.2.0"))
    script = bench.home / "cosmovisor" / "once.sh"
    script.write_text("#!/bin/sh\nexit 1\n")
    script.chmod(0o755)
    bench.set(custom_preupgrade="once.sh")
    async with bench.controller() as controller:
        await until(controller, crossing(Crossing.PARKED))
        assert bench.generation() == "genesis"


async def test_a_release_whose_preflight_is_not_done_does_not_cross(bench: Bench) -> None:
    waits = "--version) while [ ! -f {home}/go ]; do sleep 0.02; done; exit 3;;"
    script = nodes.OBEDIENT.replace("--version) echo {version}; exit 0;;", waits)
    bench.sha256 = nodes.write_binary(bench.given, bench.home, script)
    async with bench.controller() as controller:
        bench.chain.armed_at = dict.fromkeys(OTHERS, 51)
        bench.plan()
        await until(controller, armed)
        bench.amend(verdict=Verdict.CROSS, frozen_at=96)
        bench.halt()
        await until(controller, lambda status: "not staged" in status.note)
        giving = asyncio.create_task(controller.commands.add_upgrade("v0.2.0", bench.given))
        try:
            status = await some_steps(bench, controller, crossing(Crossing.STARTING), 15)
        finally:
            (bench.home / "go").touch()
            with suppress(NodeError):
                await giving
        assert status.attempt is not None
        assert status.attempt.crossing is Crossing.HALTED


async def test_a_node_that_was_seen_beyond_return_while_paused_is_not_rolled_back(bench: Bench) -> None:
    async with bench.controller() as controller:
        await started_new(bench, controller)
        await controller.commands.pause("a look at it")
        # RocksDB's height cannot be read from outside.
        (bench.home / "fendermint" / "data" / "app.json").unlink()
        bench.chain.height = 110
        await until(controller, lambda status: status.app_height == 110)
        nodes.say(bench.home, "exit 1")
        await until(controller, lambda status: status.pid is None)
        await controller.commands.resume()
        status = await until(controller, lambda s: s.attempt is not None and s.attempt.crossing.waits_for_operator)
    assert status.attempt is not None
    assert (status.attempt.crossing, status.generation) == (Crossing.NEEDS_OPERATOR, "v0.2.0")


async def test_a_node_that_missed_its_halt_is_not_swapped(bench: Bench) -> None:
    nodes.application_at(bench.home, 60)
    async with bench.controller() as controller:
        await until(controller, lambda status: status.height == 60)
        await controller.commands.backup("mine")
        bench.chain.height = 98
        await until(controller, lambda status: status.height == 98)
        bench.plan()
        await until(controller, lambda status: status.attempt is not None)
        await controller.commands.add_upgrade("v0.2.0", bench.given)
        bench.amend(verdict=Verdict.CROSS, frozen_at=96)
        bench.chain.height = 101
        await until(controller, crossing(Crossing.MISSED_HALT))
        kept = next((bench.node.points_dir / "mine" / "tree").rglob("app.json"))
        kept.unlink()
        with pytest.raises(NodeError):
            await controller.commands.resync("missed it", from_genesis=False)
        with pytest.raises(NodeError, match="missed"):
            await controller.commands.swap("v0.2.0", "perhaps this helps")


async def test_no_node_runs_on_half_restored_data(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    real = DataSwap._advance
    refused: list[Path] = []

    def advance(self: DataSwap, folder: Path, step: Step) -> None:
        if folder.parent.name == "cometbft" and not refused:
            refused.append(folder)
            raise OSError(errno.EIO, "the disk is tired")
        real(self, folder, step)

    async with bench.controller() as controller:
        await until(controller, lambda status: status.pid is not None)
        await controller.commands.backup("mine")
        monkeypatch.setattr(DataSwap, "_advance", advance)
        with pytest.raises(NodeError, match="half done"):
            await controller.commands.restore("mine", "as it was")
        bench.plan()
        status = await some_steps(bench, controller, lambda status: status.pid is not None, 30)
        assert status.pid is None or not (bench.node.points_dir / "swap.json").exists()


async def test_no_data_is_restored_under_a_node_that_somebody_started_by_hand(bench: Bench) -> None:
    async with bench.controller() as controller:
        await until(controller, lambda status: status.pid is not None)
        await controller.commands.backup("mine")
        await asked(controller, "stop")
        command = [str(nodes.genesis(bench.home).binary), "node", "start", "--home", str(bench.home)]
        count = len(nodes.starts(bench.home))
        by_hand = subprocess.Popen(command)
        try:
            await until(controller, lambda _: len(nodes.starts(bench.home)) > count)
            with pytest.raises(NodeError, match=str(by_hand.pid)):
                await controller.commands.restore("mine", "as it was")
        finally:
            by_hand.kill()
            by_hand.wait()


async def test_a_start_that_the_disk_refuses_is_not_tried_at_every_look(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: ShimRuntime, spec: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ShimRuntime, "_write_spec", full)
    bench.plan()
    async with bench.controller() as controller:
        await some_steps(bench, controller, lambda _: False, 20)
    journal = journal_of(bench)
    runs = journal.runs(100)
    journal.close()
    assert len(runs) <= 4
    assert all(run.ended_at is not None for run in runs)


async def test_an_end_is_noticed_although_a_look_at_the_lock_failed_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ShimRuntime.lock_held
    refuse: list[bool] = []

    def lock_held(self: ShimRuntime) -> bool:
        if refuse:
            refuse.clear()
            raise OSError(errno.EMFILE, "Too many open files")
        return real(self)

    async with bench.controller() as controller:
        await until(controller, lambda status: status.pid is not None)
        monkeypatch.setattr(ShimRuntime, "lock_held", lock_held)
        refuse.append(True)
        nodes.say(bench.home, "exit 3")
        await until(controller, lambda _: len(nodes.starts(bench.home)) > 1, 6.0)


async def test_no_swap_by_hand_leads_back_behind_a_committed_upgrade(bench: Bench) -> None:
    async with bench.controller() as controller:
        await committed(bench, controller)
        with pytest.raises(NodeError):
            await controller.commands.swap("genesis", "the new one is slow")
    assert nodes.starts(bench.home)[-1] == "v0.2.0 0"


async def test_a_node_that_has_not_signed_since_its_upgrade_arms_for_the_next_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def without_us(height: int) -> frozenset[str]:
        return frozenset(OTHERS)

    monkeypatch.setattr(bench.chain, "verified_commit", without_us)
    async with bench.controller() as controller:
        await started_new(bench, controller)
        bench.chain.height = 103
        await until(controller, crossing(Crossing.PROBATION))
        bench.chain.height = 150
        bench.chain.armed_at = dict.fromkeys(OTHERS, 141)
        second = proposal(id=2, name="v0.3.0", target_height=200, proposed_at=140, scheduled_at=140)
        bench.chain.proposals = [second, *bench.chain.proposals]
        status = await some_steps(bench, controller, armed_for_second, 60)
        assert armed_for_second(status)


def armed_for_second(status: NodeStatus) -> bool:
    return status.attempt is not None and status.attempt.proposal_id == 2 and armed(status)


async def test_the_chains_abort_is_learned_after_the_operator_crossed_without_a_verdict(bench: Bench) -> None:
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        bench.halt()
        await until(controller, crossing(Crossing.HALTED))
        await controller.commands.resume(cross="I was told so")
        await until(controller, crossing(Crossing.STARTING))
        bench.amend(verdict=Verdict.ABORT, status=ProposalStatus.ABORTED, frozen_at=96)
        status = await some_steps(bench, controller, learned_abort, 20)
        assert learned_abort(status)


def learned_abort(status: NodeStatus) -> bool:
    return status.attempt is not None and status.attempt.verdict is Verdict.ABORT


async def test_a_start_at_needs_operator_never_runs_the_old_binary_over_a_breaking_upgrade(bench: Bench) -> None:
    # The loop breaker takes the place of FLIPPED_BACK, after the flip.
    way = (Crossing.QUIESCED, Crossing.BACKED_UP, Crossing.SWITCHED, Crossing.ROLLBACK, Crossing.RESTORED)
    await halted_by_operator(bench, *way, crossing=Crossing.NEEDS_OPERATOR)
    async with bench.controller() as controller:
        await until(controller, lambda status: status.state == "NEEDS_OPERATOR")
        with pytest.raises(NodeError):
            await asked(controller, "start")
    assert nodes.starts(bench.home) == ["v0.1.5 0", "v0.1.5 100"]


async def test_a_second_try_does_not_join_a_node_that_somebody_started_by_hand(bench: Bench) -> None:
    async with bench.controller() as controller:
        await started_new(bench, controller)
        count = len(nodes.starts(bench.home))
        nodes.say(bench.home, "exit 1")
        await until(controller, crossing(Crossing.SWITCHED))
        (bench.home / "say").unlink()
        command = [str(nodes.genesis(bench.home).binary), "node", "start", "--home", str(bench.home)]
        by_hand = subprocess.Popen(command)
        try:
            await until(controller, lambda _: len(nodes.starts(bench.home)) > count)
            status = await until(controller, lambda s: s.pid is not None or "process" in s.note)
            assert status.pid is None
        finally:
            by_hand.kill()
            by_hand.wait()


async def test_a_journal_that_is_full_for_a_moment_is_no_failed_pre_upgrade(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Journal.record_outcome
    refused: list[str] = []

    def record(self: Journal, kind: str, *arguments: Any, **detail: Any) -> None:
        if kind == "pre-upgrade" and not refused:
            refused.append(kind)
            raise JournalError("the journal cannot be written: database or disk is full")
        real(self, kind, *arguments, **detail)

    monkeypatch.setattr(Journal, "record_outcome", record)
    script = bench.home / "cosmovisor" / "pre.sh"
    script.write_text("#!/bin/sh\nexit 0\n")
    script.chmod(0o755)
    bench.set(custom_preupgrade="pre.sh")
    with suppress(BaseExceptionGroup):
        async with bench.controller() as controller:
            await armed_and_ready(bench, controller)
            bench.amend(verdict=Verdict.CROSS, frozen_at=96)
            bench.halt()
            await until(controller, lambda _: bool(refused))
            await some_steps(bench, controller, crossing(Crossing.PARKED), 5)
    journal = journal_of(bench)
    attempt = journal.latest_attempt()
    journal.close()
    assert attempt is not None
    assert attempt.crossing is not Crossing.PARKED


async def test_a_new_binary_that_fails_beside_a_damaged_point_calls_the_operator(bench: Bench) -> None:
    async with bench.controller() as controller:
        await started_new(bench, controller)
        (bench.node.points_dir / "crossing-1" / "manifest.json").write_text("{")
        nodes.say(bench.home, "exit 1")
        await until(controller, lambda status: status.attempt is not None and status.attempt.tries_left == 0)
        status = await some_steps(bench, controller, crossing(Crossing.NEEDS_OPERATOR), 20)
        assert status.alarm


async def test_a_rollback_that_the_disk_refuses_is_not_tried_at_every_look(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def restore(self: RollbackPoints, point: RollbackPoint) -> None:
        tries.append(point.name)
        raise NodeError("no space left on device")

    monkeypatch.setattr(RollbackPoints, "restore", restore)
    async with bench.controller() as controller:
        await started_new(bench, controller)
        with suppress(NodeError):
            await controller.commands.rollback("it does not come up")
        await some_steps(bench, controller, lambda _: False, 15)
    assert len(tries) <= 4


async def test_a_second_backup_of_the_same_name_is_not_the_first_one(bench: Bench) -> None:
    async with bench.controller() as controller:
        await until(controller, lambda status: status.app_height == 60)
        await controller.commands.backup("mine")
        bench.chain.height = 80
        await until(controller, lambda status: status.app_height == 80)
        with suppress(NodeError):
            assert (await controller.commands.backup("mine")).app_height == 80


async def test_other_bytes_do_not_replace_those_of_a_ready_plan_without_force(tmp_path: Path) -> None:
    bench = Bench(tmp_path, shape="cosmos")
    (bench.home / "data").mkdir()
    (bench.home / "data" / "priv_validator_state.json").write_text(json.dumps(nodes.SIGNER_STATE))
    script = nodes.OBEDIENT.replace("--version)", "--version|version)")
    bench.sha256 = nodes.write_binary(bench.given, bench.home, script)
    other = bench.given.with_name("other")
    nodes.write_binary(other, bench.home, script, "other")
    bench.chain.proposals = [proposal(id=100, release_hash="", halts_itself=True, verdict=Verdict.CROSS)]
    try:
        async with bench.controller() as controller:
            await until(controller, lambda status: status.attempt is not None)
            await controller.commands.add_upgrade("v0.2.0", bench.given)
            await until(controller, ready)
            with pytest.raises(NodeError, match="other bytes"):
                await controller.commands.add_upgrade("v0.2.0", other)
            attempt = controller.status().attempt
            assert attempt is not None
            assert attempt.generation_hash == bench.sha256
    finally:
        await bench.end()


def ready(status: NodeStatus) -> bool:
    return status.attempt is not None and status.attempt.preparation is Preparation.READY


async def test_a_controller_that_ends_while_it_arms_leaves_the_node_running(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = RollbackPoints.take
    taking, go = threading.Event(), threading.Event()

    def take(self: RollbackPoints, *arguments: Any, **details: Any) -> RollbackPoint:
        taking.set()
        assert go.wait(10)
        return real(self, *arguments, **details)

    monkeypatch.setattr(RollbackPoints, "take", take)
    async with bench.controller() as controller:
        bench.chain.armed_at = dict.fromkeys(OTHERS, 51)
        bench.plan()
        await until(controller, lambda _: taking.is_set())
        # What is going on may be finished, within the grace that a service has.
        asyncio.get_running_loop().call_later(0.2, go.set)
    go.set()
    assert bench.node_runs()
