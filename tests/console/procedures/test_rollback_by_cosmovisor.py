"""An upgrade under Cosmovisor taken back: `current` and plan file, killed anywhere, and refused where it is a guess."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from console.errors import ConsoleError
from console.files import sha256_of, switch_link
from console.model import Outcome, RunState, Snapshot, StepKind
from console.node.cosmovisor.upgrade_info import PlanFile, write_applied, write_plan
from console.operations.kept_backups import backups_folder
from console.operations.kept_files import all_kept
from console.operations.node_alone import alone
from console.procedures import chain_by_cosmovisor
from console.procedures.desk import Desk
from console.procedures.rollback import ROLLBACK
from console.procedures.run_context import Place
from tests.console.node import nodes
from tests.console.node.cosmos_nodes import write_daemon
from tests.console.procedures.bench import Hands, Killed, dies_at, yes
from tests.console.procedures.on_disk import H, OnDisk, ScriptedUnit, beside_the_unit, on_disk
from tests.console.procedures.scripted import ScriptedContext, run_step, run_steps

pytestmark = pytest.mark.anyio

GIVEN = {"why": "it ends at once", "way": "cosmovisor", "unit": "noded"}
PLAN = PlanFile("v2", H, "")


class Layout:
    """The node's home as Cosmovisor leaves it at a crossing whose new program ends at once."""

    def __init__(self, on: OnDisk) -> None:
        self.on = on
        self.root = on.home / "cosmovisor"
        self.link = self.root / "current"
        self.plan = on.home / "data" / "upgrade-info.json"
        self.upgrades = self.root / "upgrades"
        self.environment = {"DAEMON_HOME": str(on.home), "DAEMON_NAME": nodes.DAEMON}
        on.unit = ScriptedUnit(self.link / "bin" / nodes.DAEMON, on.home)

    def crossed(self) -> None:
        """Switched, recorded, and H not executed."""
        shutil.rmtree(self.upgrades, ignore_errors=True)
        self.staged("v2", PLAN)
        self.plan.unlink(missing_ok=True)
        write_plan(self.plan, PLAN)
        switch_link(self.link, "upgrades/v2")
        self.on.stored(H - 1)
        self.on.chain.height, self.on.chain.app_height = H, H - 1

    def staged(self, name: str, applied: PlanFile | None = None) -> None:
        """Another generation, with its record where it ran."""
        write_daemon(self.upgrades / name / "bin" / nodes.DAEMON, self.on.home, name)
        if applied is not None:
            write_applied(self.upgrades / name, applied)

    def context(self, **more: str) -> ScriptedContext:
        return self.on.context(ROLLBACK, **GIVEN, **more)

    @property
    def aside(self) -> list[Path]:
        return sorted(self.upgrades.glob(".v2-*-at-rollback"))

    def is_back(self, to: str = "genesis") -> bool:
        return os.readlink(self.link) == to and not self.plan.exists() and not (self.upgrades / "v2").exists()


@asynccontextmanager
async def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Layout]:
    for name in [name for name in os.environ if name.startswith(("DAEMON_", "COSMOVISOR_"))]:
        monkeypatch.delenv(name)
    async with on_disk(tmp_path, monkeypatch) as on:
        found = Layout(on)
        unit = SimpleNamespace(environment=found.environment)
        monkeypatch.setattr(chain_by_cosmovisor, "load_unit", lambda _name: unit)
        monkeypatch.setattr(chain_by_cosmovisor, "own_process", lambda _node: None)
        found.crossed()
        yield found


def desk_of(on: OnDisk, folder: Path) -> Desk:
    async def read() -> Snapshot:
        raise AssertionError("nothing here reads the chain")

    return Desk(Place(on.network, on.node, folder, read, time.time), (ROLLBACK,))


def hands() -> Hands:
    return Hands({"rollback.stop": yes("testnet")})


async def test_what_ran_before_is_current_again_and_cosmovisor_finds_nothing_to_switch_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with layout(tmp_path, monkeypatch) as home:
        plan = home.plan.read_bytes()
        new = sha256_of(home.upgrades / "v2" / "bin" / nodes.DAEMON)
        await home.on.unit.start()
        home.environment["DAEMON_ALLOW_DOWNLOAD_BINARIES"] = "true"
        home.plan.with_name("upgrade-info.json.batch").write_text("[]")
        done = await run_steps(ROLLBACK, home.context())
        assert [*done] == [step.id for step in ROLLBACK.steps(GIVEN, ())]
        assert {name: each.outcome for name, each in done.items() if each.outcome is not Outcome.PASS} == {
            "rollback.parked": Outcome.WARN
        }
        assert home.is_back()
        assert not await home.on.unit.running()
        # Nothing is lost: the plan in the backups, the generation beside its place.
        kept = all_kept(backups_folder(home.on.network, "chain"))
        assert [each.copy("upgrade-info.json").read_bytes() for each in kept] == [plan]
        assert [sha256_of(each / "bin" / nodes.DAEMON) for each in home.aside] == [new]
        parked = done["rollback.parked"]
        assert "skips this upgrade on more than 2/3 of the power" in parked.sentence
        said = "\n".join(parked.evidence)
        for words in (
            f"--unsafe-skip-upgrades {H}`",
            "DAEMON_ALLOW_DOWNLOAD_BINARIES is true",
            "upgrade-info.json.batch is there",
            str(kept[0].copy("upgrade-info.json")),
            str(home.aside[0]),
        ):
            assert words in said
        # Once more: nothing says which upgrade is meant, and nothing is guessed.
        again = await run_step(ROLLBACK, home.context(), "rollback.generation")
        assert again.outcome is Outcome.FAIL
        assert "nothing says which upgrade is meant" in again.sentence
        # And not where Cosmovisor did not come as far as its switch.
        home.crossed()
        switch_link(home.link, "genesis")
        early = await run_steps(ROLLBACK, home.context())
        assert (early["rollback.generation"].outcome, early["rollback.parked"].outcome) == (Outcome.WARN, Outcome.WARN)
        assert home.is_back()


async def test_what_ran_before_is_read_from_the_records_and_else_has_to_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with layout(tmp_path, monkeypatch) as home:
        home.staged("v1.1", PlanFile("v1.1", 20))
        home.staged("v1.2", PlanFile("v1.2", 50))
        found = await run_step(ROLLBACK, home.context(), "rollback.generation")
        assert found.sentence.startswith("upgrades/v1.2 leads back")
        home.staged("v3")
        open_one = await run_step(ROLLBACK, home.context(), "rollback.generation")
        assert (open_one.outcome, open_one.sentence) == (Outcome.FAIL, "the home does not say what ran before v2")
        assert "--to" in open_one.go_on
        for wrong in ("v2", "upgrades/v2", "v9", "..", "../../other"):
            refused = await run_step(ROLLBACK, home.context(to=wrong), "rollback.generation")
            assert refused.outcome is Outcome.FAIL, wrong
        (home.upgrades / "v1.1" / "bin" / nodes.DAEMON).unlink()
        assert (await run_step(ROLLBACK, home.context(to="v1.1"), "rollback.generation")).outcome is Outcome.FAIL
        # Before 1.7.0 the link is absolute, and it stays so.
        switch_link(home.link, str(home.upgrades / "v2"))
        done = await run_steps(ROLLBACK, home.context(to="v1.2"))
        assert done["rollback.parked"].outcome is Outcome.WARN
        assert home.is_back(str(home.upgrades / "v1.2"))


async def test_a_home_that_does_not_say_which_upgrade_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with layout(tmp_path, monkeypatch) as home:
        for content, says in ((b'{"name":"v2","hei', "is cut off"), (b"[]", "holds no JSON object")):
            home.plan.write_bytes(content)
            found = await run_step(ROLLBACK, home.context(), "rollback.generation")
            assert (found.outcome, says in found.sentence) == (Outcome.FAIL, True)
        # The plan of an earlier upgrade.
        write_plan(home.plan, PlanFile("v1.1", 20))
        older = await run_step(ROLLBACK, home.context(), "rollback.generation")
        assert (older.outcome, "is of a later one" in older.sentence) == (Outcome.FAIL, True)
        # Gone: the record beside the binary says it too.
        home.plan.unlink()
        done = await run_steps(ROLLBACK, home.context())
        assert done["rollback.parked"].outcome is Outcome.WARN
        assert home.is_back()
        home.link.unlink()
        missing = await run_step(ROLLBACK, home.context(), "rollback.generation")
        assert (missing.outcome, "points at no generation" in missing.sentence) == (Outcome.FAIL, True)


@pytest.mark.parametrize("stored", [H, None, H - 2])
async def test_executed_not_known_or_below_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: int | None
) -> None:
    async with layout(tmp_path, monkeypatch) as home:
        home.on.stored(stored)
        context = home.context()
        done = await run_steps(ROLLBACK, context)
        assert [*done] == ["rollback.generation", "rollback.zone"]
        assert done["rollback.zone"].outcome is Outcome.FAIL
        # Nor by who goes on by hand, at either of the two that change something.
        for step in ("rollback.keep", "rollback.back", "rollback.hide"):
            forced = await run_step(ROLLBACK, context, step)
            assert forced.outcome is (Outcome.PASS if step == "rollback.keep" else Outcome.FAIL)
        assert os.readlink(home.link) == "upgrades/v2"
        assert home.plan.exists()
        assert not home.aside


async def test_others_that_hold_the_node_or_change_it_stop_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with layout(tmp_path, monkeypatch) as home:
        context = home.context()
        with alone(home.on.node, "test"):
            held = await run_step(ROLLBACK, context, "rollback.generation")
        assert (held.outcome, held.go_on) == (Outcome.FAIL, "begin again without --way")
        await run_steps(ROLLBACK, context, until="rollback.back")
        # An orphan that Cosmovisor left behind.
        async with beside_the_unit(home.link / "bin" / nodes.DAEMON, home.on.home) as orphan:
            refused = await run_step(ROLLBACK, context, "rollback.back")
        assert (refused.outcome, f"process {orphan}" in refused.sentence) == (Outcome.FAIL, True)
        # The plan file stays where `current` still leads forward: the new program could not load its stores.
        early = await run_step(ROLLBACK, context, "rollback.hide")
        assert (early.outcome, home.plan.exists()) == (Outcome.FAIL, True)
        assert (await run_step(ROLLBACK, context, "rollback.back")).outcome is Outcome.PASS
        write_plan(home.plan, PlanFile("v2", H, "other words"))
        with pytest.raises(ConsoleError, match="was changed since it was kept"):
            await run_step(ROLLBACK, context, "rollback.hide")
        assert home.plan.exists()


async def test_killed_at_any_row_it_is_gone_on_with_and_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.fsync", lambda _descriptor: None)
    # Looked through for real by the other tests: here a hundred times over it would be most of the time.
    monkeypatch.setattr("console.procedures.not_executed.foreign_holders", lambda *_given, **_more: ())
    async with layout(tmp_path, monkeypatch) as home:
        on = home.on
        await on.unit.start()
        with dies_at(monkeypatch, 0, after=False) as rows:
            whole = await desk_of(on, tmp_path / "whole").start("rollback", GIVEN, hands())
        assert whole.run.state is RunState.DONE
        assert rows[0] > 2 * len(ROLLBACK.steps(GIVEN, ()))
        folder = backups_folder(on.network, "chain")
        for point in range(2, rows[0] + 1):
            for after in (False, True):
                shutil.rmtree(folder)
                home.crossed()
                if not await on.unit.running():
                    await on.unit.start()
                desk = desk_of(on, tmp_path / f"{point}-{after}")
                with dies_at(monkeypatch, point, after=after), pytest.raises(Killed):
                    await desk.start("rollback", GIVEN, hands())
                # What a start would find now is never the new program without its plan.
                assert os.readlink(home.link) == "genesis" or home.plan.exists(), (point, after)
                for left in desk.unfinished():
                    assert (await desk.go_on(left.run.id, hands())).run.state is RunState.DONE
                assert home.is_back(), (point, after)
                assert not await on.unit.running()
                kept = all_kept(folder)
                assert [[*each.files] for each in kept] == [["upgrade-info.json"]], (point, after)
                assert len(home.aside) == 1


async def test_a_dry_run_changes_nothing_and_says_what_it_would_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with layout(tmp_path, monkeypatch) as home:
        await home.on.unit.start()
        desk = desk_of(home.on, tmp_path / "runs")
        progress = await desk.start("rollback", GIVEN, hands(), dry=True)
        found = {each.step: each.finding for each in desk.reading(progress.run.id).progress.run.records}
        assert {each.outcome for each in found.values()} <= {Outcome.PASS, Outcome.SKIP, Outcome.WARN}
        assert {*found} == {step.id for step in ROLLBACK.steps(GIVEN, ())}
        assert await home.on.unit.running()
        assert os.readlink(home.link) == "upgrades/v2"
        assert home.plan.exists()
        assert not all_kept(backups_folder(home.on.network, "chain"))


def test_each_action_says_how_one_gets_back_and_the_dangerous_one_is_typed() -> None:
    actions = [step for step in ROLLBACK.steps(GIVEN, ()) if step.kind is StepKind.ACTION]
    assert all(step.undo and step.done is not None for step in actions)
    assert [step.id for step in actions if step.typed is not None] == ["rollback.stop"]
