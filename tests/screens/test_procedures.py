"""Procedures by keyboard, on a real engine in a folder: begun, answered, stopped, gone on with, and refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from console.app import UpgradeConsoleApp
from console.errors import SettingsError
from console.model import RunState
from console.procedures.desk import Desk
from console.procedures.run_journal import begin_journal
from console.procedures.step import Parameter, Procedure
from screens.bindings import PAST_REASON
from screens.details import DetailsScreen
from screens.plan import PlanScreen
from screens.procedures import ProceduresScreen
from screens.whole_text import WholeTextScreen
from tests import fakes, procedure_fakes
from tests.console.procedures.bench import World, action, check, story
from tests.console.recording.test_recorder import at
from tests.pilot import alone, screen_text, settled, until, until_screen
from tests.screens.test_travelling import fed
from tests.session_fakes import FakeSession
from widgets.procedure_table import ProcedureTable
from widgets.step_table import StepTable
from widgets.timeline_panel import TimelinePanel

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def _procedures(
    session: FakeSession, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[tuple[Pilot[Any], ProceduresScreen]]:
    app = UpgradeConsoleApp(session)
    async with app.run_test(size=size, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("7")
        await until_screen(pilot, "ProceduresScreen")
        screen = app.screen
        assert isinstance(screen, ProceduresScreen)
        await until(pilot, lambda: screen._shown is not None or screen._problem, "the procedures")
        yield pilot, screen


def _text(pilot: Pilot[Any]) -> str:
    return screen_text(pilot.app)


async def _says(pilot: Pilot[Any], *words: str) -> None:
    await until(pilot, lambda: all(word in _text(pilot) for word in words), f"{words}")


async def _confirm(
    pilot: Pilot[Any], key: str = "y", typed: dict[str, str] | None = None, *, closes: bool = False
) -> None:
    """Confirm the plan that is open; it closes by itself where the steps show what comes of it."""
    await until(pilot, lambda: isinstance(pilot.app.screen, PlanScreen), "the plan")
    plan = pilot.app.screen
    assert isinstance(plan, PlanScreen)
    await until(pilot, lambda: plan.armed, "a plan that can be confirmed")
    for field, value in (typed or {}).items():
        plan.query_one(f"#{field}", Input).value = value
    await alone(pilot, key)
    await until(pilot, lambda: plan._succeeded, "its answer")
    if closes:
        await pilot.press("escape")
    await until_screen(pilot, "ProceduresScreen")


def _desk(folder: Path, session: FakeSession, *procedures: Procedure) -> Desk:
    session.desk = procedure_fakes.FakeDesk(folder, procedures, hands=session.hands)
    return session.desk


async def test_a_run_is_begun_answered_stopped_and_gone_on_with(tmp_path: Path) -> None:
    session, world = FakeSession(fakes.go()), World()
    desk = _desk(tmp_path, session, story(world))
    async with _procedures(session) as (pilot, screen):
        await _says(pilot, "no runs yet", "For tests.", "Steps of story")
        assert screen.refusal_of(_action(screen, "answer_run")) == "No run is chosen."
        await pilot.press("g")
        await until(pilot, lambda: isinstance(pilot.app.screen, DetailsScreen), "the parameters")
        await pilot.press("enter")
        await _confirm(pilot)
        await _says(pilot, "? waiting", "Are you sure?", "a answers, d says no", "copy is done")
        assert world.done == ["copy"]
        assert "drives a run already" in screen.refusal_of(_action(screen, "begin_run"))
        assert "driven now" in screen.refusal_of(_action(screen, "give_up_run"))
        await pilot.press("d")
        await _confirm(pilot, "enter", {"reason": "the team is asleep"})
        await _says(pilot, "! stopped", "said no: the team is asleep", "g goes on with it")
        await pilot.press("g")
        await _confirm(pilot)
        await _says(pilot, "a answers, d says no")
        await pilot.press("a")
        await _confirm(pilot)
        await _says(pilot, "Swap?")
        await pilot.press("a")
        await until(pilot, lambda: isinstance(pilot.app.screen, PlanScreen), "the dangerous one")
        await _says(pilot, "undo it", "testnet")
        assert world.done == ["copy"]
        await _confirm(pilot, "enter", {"typed": "testnet"})
        await until(pilot, lambda: world.done == ["copy", "swap.a"], "the first swap")
        await _says(pilot, "Swap?")
        await pilot.press("s")
        await _says(pilot, "g goes on with it")
        (left,) = desk.unfinished()
        assert (left.run.state, left.run.reason) == (RunState.WAITING, f"{left.run.by} stopped it")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, WholeTextScreen), "the run whole")
        await _says(pilot, "story on testnet")
        await pilot.press("escape")
        await pilot.press("tab")
        await until(pilot, lambda: screen.query_one(StepTable).has_focus, "the steps")
        assert screen.query_one(StepTable).chosen == "swap.b"
        await pilot.press("home", "down", "enter")
        await _says(pilot, "✓ pass copy is done")
        await pilot.press("escape", "ctrl+s")
        await until(pilot, lambda: session.saved, "the record")
        assert any("copy is done" in line for line in next(iter(session.saved.values())))
        await pilot.press("x")
        await _confirm(pilot, "enter", {"reason": "the plan was cancelled"}, closes=True)
        await _says(pilot, "✗ given up")
        assert desk.unfinished() == ()


def _action(screen: ProceduresScreen, name: str) -> Any:
    return next(entry for entry in screen.actions if entry.id == name)


async def test_leaving_the_console_stops_what_it_drives(tmp_path: Path) -> None:
    session, world = FakeSession(fakes.go()), World()
    desk = _desk(tmp_path, session, replace(story(world), parameters=()))
    async with _procedures(session) as (pilot, screen):
        await pilot.press("g")
        await _confirm(pilot)
        await _says(pilot, "a answers, d says no")
        await pilot.press("1")
        await until_screen(pilot, "OverviewScreen")
        assert screen._driving.alive
    (left,) = desk.unfinished()
    assert (left.run.state, left.run.reason) == (RunState.WAITING, "the console was left")


async def test_optional_steps_are_left_out_and_a_dry_run_needs_no_answers(tmp_path: Path) -> None:
    session, world = FakeSession(fakes.go()), World(broken={"one"})
    steps = (check(world, "one", optional=True), action(world, "two"))
    desk = _desk(tmp_path, session, Procedure("own", "Own", "For tests.", lambda _a, _i: steps))
    async with _procedures(session) as (pilot, screen):
        await pilot.press("w")
        await _says(pilot, "dry run", "Would do: Does two.", "✓ done")
        await until(pilot, lambda: not screen._driving.alive, "the end of its thread")
        assert world.done == []
        await pilot.press("home", "g")
        await _confirm(pilot)
        await _says(pilot, "! stopped", "one is bad", "mend it")
        await pilot.press("k")
        await _confirm(pilot, "enter", {"reason": "known"})
        await until(pilot, lambda: world.done == ["two"], "the step behind it")
        await _says(pilot, "left it out: known")
        assert desk.unfinished() == ()


async def test_what_another_process_drives_is_followed_and_not_touched(tmp_path: Path) -> None:
    session = FakeSession(fakes.go())
    _desk(tmp_path, session, story(World()))
    lines = [{"id": "one", "kind": "action", "title": "Do one", "optional": True, "asks": False, "looks": True}]
    held = begin_journal(
        tmp_path, "story-20251009T080000-0000", at=fakes.NOW, procedure="story", network="testnet", node="",
        arguments=[], items=[], dry=False, by="kim", digest="0" * 64, steps=lines,
    )  # fmt: skip
    held.append("begun", at=fakes.NOW, step="one", by="kim")
    async with _procedures(session) as (pilot, screen):
        await _says(pilot, "● running", "● now")
        await pilot.press("home")
        await _says(pilot, "kim runs it elsewhere")
        for name in ("begin_run", "answer_run", "skip_step", "stop_run", "give_up_run"):
            assert screen.refusal_of(_action(screen, name)), name
        held.append(
            "ended", at=fakes.NOW, step="one", outcome="pass", sentence="it was done", evidence=[], go_on="",
            started_at=fakes.NOW, by="kim",
        )  # fmt: skip
        await _says(pilot, "it was done")
        held.close()
        # Killed here, it is there to be gone on with.
        await _says(pilot, "! stopped", "g goes on with it")


async def test_the_past_shows_how_far_each_run_was_then(tmp_path: Path) -> None:
    session = FakeSession(at(0))
    _desk(tmp_path, session, story(World()))
    lines = [{"id": "one", "kind": "action", "title": "Do one", "optional": True, "asks": False, "looks": True}]
    run = begin_journal(
        tmp_path, "story-20251009T080000-0000", at=fakes.NOW + 1, procedure="story", network="testnet", node="",
        arguments=[], items=[], dry=False, by="kim", digest="0" * 64, steps=lines,
    )  # fmt: skip
    run.append("begun", at=fakes.NOW + 2, step="one", by="kim")
    run.append(
        "ended", at=fakes.NOW + 4, step="one", outcome="pass", sentence="it was done", evidence=[], go_on="",
        started_at=fakes.NOW + 2, by="kim",
    )  # fmt: skip
    run.append("done", at=fakes.NOW + 5)
    run.close()
    async with _procedures(session) as (pilot, screen):
        await _says(pilot, "✓ done")
        await fed(pilot, session, at(3), at(6))
        await pilot.press("comma")
        await _says(pilot, "PAST", "● running")
        await pilot.press("up")
        await _says(pilot, "● now", "● step 1 of 1: Do one")
        assert "runs it elsewhere" not in _text(pilot)
        assert screen.refusal_of(_action(screen, "begin_run")) == PAST_REASON
        await pilot.press("comma")
        await _says(pilot, "no runs yet")
        await pilot.press("end")
        await _says(pilot, "✓ done")


async def test_read_only_shows_it_all_and_begins_nothing(tmp_path: Path) -> None:
    session = FakeSession(fakes.go(), read_only=True)
    async with _procedures(session, (160, 48)) as (pilot, screen):
        await _says(pilot, "4 runs", "9 days old", "Rolling upgrade")
        for name in ("begin_run", "dry_run", "give_up_run"):
            assert "read-only" in screen.refusal_of(_action(screen, name)), name
        await pilot.press("t")
        panel = screen.query_one(TimelinePanel)
        await until(pilot, lambda: panel.display and "T-24h" in _text(pilot), "the timeline")
        assert not screen.query_one(StepTable).display
        assert screen.query_one(ProcedureTable).row_count == 6


async def test_what_is_wrong_with_own_steps_is_said_in_the_view() -> None:
    session = FakeSession(fakes.go())

    async def refused() -> Desk:
        raise SettingsError("procedures/mine.toml, line 4, kind: must be one of check", next_step="mend that line")

    session.procedures = refused  # type: ignore[method-assign]
    async with _procedures(session) as (pilot, screen):
        await _says(pilot, "! procedures/mine.toml, line 4")
        assert screen.refusal_of(_action(screen, "begin_run")) == "No procedure is chosen."


async def test_a_parameter_that_is_refused_is_said_before_anything_is_begun(tmp_path: Path) -> None:
    session, world = FakeSession(fakes.go()), World()
    needed = (Parameter("release", "name of the staged release"), Parameter("note", "a sentence", ""))
    desk = _desk(tmp_path, session, replace(story(world), parameters=needed))
    async with _procedures(session) as (pilot, _screen):
        await pilot.press("g")
        await until(pilot, lambda: isinstance(pilot.app.screen, DetailsScreen), "the parameters")
        await _says(pilot, "release: name of the staged release", "note: a sentence; may stay empty")
        pilot.app.screen.query(Input).first().value = "password = x"
        await pilot.press("enter", "enter")
        await _says(pilot, "looks like a secret")
        assert desk.runs() == ((), ())
