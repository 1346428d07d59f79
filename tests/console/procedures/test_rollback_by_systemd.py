"""An upgrade by hand over a unit taken back: while H is not executed, killed anywhere, and refused otherwise."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from console.errors import ConsoleError
from console.files import sha256_of
from console.model import Outcome, RunState, Snapshot, StepKind
from console.operations.kept_backups import backups_folder
from console.operations.kept_files import all_kept, keep_files
from console.operations.node_alone import LOCK_NAME, alone
from console.procedures.chain_upgrade import CHAIN_UPGRADE
from console.procedures.desk import Desk
from console.procedures.rollback import ROLLBACK
from console.procedures.run_context import Place
from tests import fakes
from tests.console.node import nodes
from tests.console.node.test_level_db import MADE
from tests.console.procedures.bench import Hands, Killed, dies_at, yes
from tests.console.procedures.on_disk import H, OnDisk, on_disk
from tests.console.procedures.scripted import ScriptedContext, run_step, run_steps

pytestmark = pytest.mark.anyio

GIVEN = {"why": "it ends at once", "way": "systemd", "unit": "noded"}


def back(on: OnDisk, **more: str) -> ScriptedContext:
    return on.context(ROLLBACK, **GIVEN, **more)


def hands() -> Hands:
    return Hands({"rollback.stop": yes("testnet")})


def desk_of(on: OnDisk, folder: Path) -> Desk:
    async def read() -> Snapshot:
        raise AssertionError("nothing here reads the chain")

    return Desk(Place(on.network, on.node, folder, read, time.time), (ROLLBACK,))


async def test_the_old_program_is_back_and_the_node_stays_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_disk(tmp_path, monkeypatch) as on:
        folder = on.replaced()
        on.chain.height, on.chain.app_height = H, H - 1
        await on.unit.start()
        context = back(on)
        done = await run_steps(ROLLBACK, context)
        assert [step.id for step in ROLLBACK.steps(GIVEN, ())] == [*done]
        assert {name: each.outcome for name, each in done.items() if each.outcome is not Outcome.PASS} == {
            "rollback.parked": Outcome.WARN
        }
        assert sha256_of(on.binary) == on.old
        assert not await on.unit.running()
        parked = done["rollback.parked"]
        assert any(f"--unsafe-skip-upgrades {H}" in line for line in parked.evidence)
        assert "crosses with a fixed release" in parked.go_on
        # What was in place is kept, and nobody takes it for what leads back.
        kept = all_kept(backups_folder(on.network, "chain"))
        assert [each.name.partition("-")[2] for each in kept] == ["at-rollback", f"before-{H}"]
        assert kept[0].files["binary"].sha256 == on.sha256
        again = await run_step(ROLLBACK, back(on), "rollback.backup")
        assert (again.outcome, again.sentence) == (Outcome.WARN, "the kept program is the one in place")
        named = await run_step(ROLLBACK, back(on, backup=kept[0].name), "rollback.backup")
        assert named.outcome is Outcome.FAIL
        assert "leads forward" in named.go_on
        shutil.rmtree(folder)
        with pytest.raises(ConsoleError, match="there is no whole backup of the chain"):
            await run_step(ROLLBACK, back(on), "rollback.backup")


@pytest.mark.parametrize(
    ("stored", "says"),
    [
        (H, f"this node executed height {H}: the program of before {H} cannot run on its data"),
        (H + 7, f"this node executed height {H + 7}"),
        (None, f"it is not known whether this node executed height {H}"),
        (H - 2, f"the application is at height {H - 2}, and its halt was at {H - 1}"),
    ],
)
async def test_executed_or_not_known_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: int | None, says: str
) -> None:
    async with on_disk(tmp_path, monkeypatch) as on:
        on.replaced()
        on.stored(stored)
        context = back(on)
        done = await run_steps(ROLLBACK, context)
        assert list(done) == ["rollback.backup", "rollback.zone"]
        assert done["rollback.zone"].sentence.startswith(says)
        # Nor where it was stopped meanwhile by somebody who went on by hand.
        forced = await run_step(ROLLBACK, context, "rollback.back")
        assert (forced.outcome, forced.sentence) == (Outcome.FAIL, done["rollback.zone"].sentence)
        assert sha256_of(on.binary) == on.sha256


async def test_what_runs_is_asked_and_once_stopped_only_its_database_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_disk(tmp_path, monkeypatch) as on:
        on.replaced()
        await on.unit.start()
        on.chain.height, on.chain.app_height = H + 1, H
        refused = await run_steps(ROLLBACK, back(on))
        assert refused["rollback.zone"].outcome is Outcome.FAIL
        assert await on.unit.running()
        # It was at H - 1 when it was asked, and executed H before it was stopped.
        on.chain.height, on.chain.app_height = H, H - 1
        on.stored(H)
        context = back(on)
        done = await run_steps(ROLLBACK, context)
        assert done["rollback.stop"].outcome is Outcome.PASS
        assert done["rollback.back"].outcome is Outcome.FAIL
        assert f"this node executed height {H}" in done["rollback.back"].sentence
        assert sha256_of(on.binary) == on.sha256


async def test_a_node_that_does_not_answer_is_looked_at_once_it_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_disk(tmp_path, monkeypatch) as on:
        on.replaced()
        await on.unit.start()
        monkeypatch.setattr("console.procedures.rollback_by_systemd.heights_or_none", _silence)
        done = await run_steps(ROLLBACK, back(on))
        assert done["rollback.zone"].outcome is Outcome.WARN
        assert "may be executing H now" in done["rollback.zone"].sentence
        assert done["rollback.parked"].outcome is Outcome.WARN
        assert sha256_of(on.binary) == on.old


async def _silence(_url: str) -> None:
    return None


async def test_the_database_of_a_real_sdk_is_what_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_disk(tmp_path, monkeypatch) as on:
        with tarfile.open(MADE) as archive:
            archive.extractall(on.home / "data", filter="data")
        (on.home / "data" / "db").rename(on.home / "data" / "application.db")
        on.replaced("1700000000-before-301")
        on.stored(None)
        zone = (await run_steps(ROLLBACK, back(on), until="rollback.stop"))["rollback.zone"]
        assert (zone.outcome, zone.sentence) == (
            Outcome.PASS,
            "height 301 is not executed: the application is at 300",
        )


async def test_others_that_hold_the_node_stop_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_disk(tmp_path, monkeypatch) as on:
        on.replaced()
        context = back(on)
        with alone(on.node, "test"):
            held = await run_step(ROLLBACK, context, "rollback.backup")
        assert held.outcome is Outcome.FAIL
        assert (held.go_on, (on.node.state_dir / LOCK_NAME).exists()) == ("begin again without --way", True)
        assert (await run_steps(ROLLBACK, context, until="rollback.back"))["rollback.keep"].outcome is Outcome.PASS
        # Started by hand beside the unit.
        other = subprocess.Popen([on.binary, "start", "--home", on.home], start_new_session=True)
        try:
            refused = await run_step(ROLLBACK, context, "rollback.back")
        finally:
            os.killpg(other.pid, signal.SIGKILL)
            other.wait()
        assert refused.outcome is Outcome.FAIL
        assert f"process {other.pid}" in refused.sentence
        assert sha256_of(on.binary) == on.sha256
        on.unit.stubborn = True
        on.chain.height, on.chain.app_height = H, H - 1
        await on.unit.start()
        with pytest.raises(ConsoleError, match="it was not killed, and nothing was replaced"):
            await run_step(ROLLBACK, context, "rollback.stop")


async def test_killed_at_any_row_it_is_gone_on_with_and_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.fsync", lambda _descriptor: None)
    async with on_disk(tmp_path, monkeypatch) as on:
        on.replaced()
        on.chain.height, on.chain.app_height = H, H - 1
        await on.unit.start()
        with dies_at(monkeypatch, 0, after=False) as rows:
            whole = await desk_of(on, tmp_path / "whole").start("rollback", GIVEN, hands())
        assert whole.run.state is RunState.DONE
        assert rows[0] > 2 * len(ROLLBACK.steps(GIVEN, ()))
        folder = backups_folder(on.network, "chain")
        for point in range(2, rows[0] + 1):
            for after in (False, True):
                shutil.rmtree(folder)
                on.binary.write_bytes((on.home / "cosmovisor" / "genesis" / "bin" / nodes.DAEMON).read_bytes())
                on.replaced()
                if not await on.unit.running():
                    await on.unit.start()
                desk = desk_of(on, tmp_path / f"{point}-{after}")
                with dies_at(monkeypatch, point, after=after), pytest.raises(Killed):
                    await desk.start("rollback", GIVEN, hands())
                for left in desk.unfinished():
                    assert (await desk.go_on(left.run.id, hands())).run.state is RunState.DONE
                assert sha256_of(on.binary) == on.old, (point, after)
                assert not await on.unit.running()
                # Nothing is kept twice, and what was in place is what it was.
                kept = all_kept(folder)
                assert [each.name.partition("-")[2] for each in kept] == ["at-rollback", f"before-{H}"], (point, after)
                assert kept[0].files["binary"].sha256 == on.sha256


async def test_a_dry_run_changes_nothing_and_says_what_it_would_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_disk(tmp_path, monkeypatch) as on:
        on.replaced()
        on.chain.height, on.chain.app_height = H, H - 1
        await on.unit.start()
        desk = desk_of(on, tmp_path / "runs")
        progress = await desk.start("rollback", GIVEN, hands(), dry=True)
        found = {each.step: each.finding for each in desk.reading(progress.run.id).progress.run.records}
        assert {each.outcome for each in found.values()} <= {Outcome.PASS, Outcome.SKIP, Outcome.WARN}
        assert {*found} == {step.id for step in ROLLBACK.steps(GIVEN, ())}
        assert await on.unit.running()
        assert sha256_of(on.binary) == on.sha256
        assert len(all_kept(backups_folder(on.network, "chain"))) == 1


async def test_a_backup_of_something_else_and_one_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_disk(tmp_path, monkeypatch) as on:
        keep_files(backups_folder(on.network, "chain") / "1700000000-mine", {"binary": on.binary}, "by hand", fakes.NOW)
        odd = await run_step(ROLLBACK, back(on), "rollback.backup")
        assert (odd.outcome, odd.sentence) == (Outcome.FAIL, "1700000000-mine keeps no upgrade's program")
        name = on.replaced().name
        monkeypatch.setattr("shutil.disk_usage", lambda _path: shutil._ntuple_diskusage(9, 9, 0))
        with pytest.raises(ConsoleError, match="MiB are needed"):
            await run_step(ROLLBACK, back(on, backup=name), "rollback.backup")


async def test_the_way_of_a_controller_is_not_taken_where_a_unit_runs_the_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_disk(tmp_path, monkeypatch) as on:
        on.node = dataclasses.replace(on.node, unit="noded")
        for procedure, step, given in (
            (ROLLBACK, "rollback.zone", {"why": "it ends at once"}),
            (CHAIN_UPGRADE, "upgrade.controller", {}),
        ):
            found = await run_step(procedure, on.context(procedure, **given), step)
            assert (found.outcome, found.go_on) == (Outcome.FAIL, "begin again with --way systemd")
        # And its unit need not be named again.
        on.replaced()
        done = await run_steps(ROLLBACK, on.context(ROLLBACK, why="it ends at once", way="systemd"))
        assert done["rollback.parked"].outcome is Outcome.WARN


def test_each_action_says_how_one_gets_back_and_the_dangerous_one_is_typed() -> None:
    steps = ROLLBACK.steps(GIVEN, ())
    actions = [step for step in steps if step.kind is StepKind.ACTION]
    assert all(step.undo and step.done is not None for step in actions)
    assert [step.id for step in actions if step.typed is not None] == ["rollback.stop"]
