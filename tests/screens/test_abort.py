"""The network's abort on the screen: signed once, counted as lines come, and nobody goes back before 2/3 agree."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Button, Input

from console.app import UpgradeConsoleApp
from console.operations.node_abort import NetworkAbort, abort_case
from screens.abort import MAX_FILE, AbortScreen
from screens.plan import PlanScreen
from tests import fakes
from tests.console.operations.homes import a_network
from tests.console.operations.test_node_abort import Control, a_halted, line
from tests.pilot import alone, screen_text, settled, until, until_screen
from tests.session_fakes import FakeSession

pytestmark = pytest.mark.anyio


def halted(folder: Path, session: FakeSession) -> tuple[NetworkAbort, Control]:
    """At a halt with four validators of 40, 30, 20 and 10 power; ours has 40."""
    node, control = a_halted(folder), Control()
    made = NetworkAbort(abort_case(a_network(node), node), node, control, session.hands, None)
    session.abort = made
    return made, control


@asynccontextmanager
async def _opened(session: FakeSession) -> AsyncIterator[tuple[Pilot[Any], AbortScreen]]:
    app = UpgradeConsoleApp(session)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("B")
        await until_screen(pilot, "AbortScreen")
        screen = app.screen
        assert isinstance(screen, AbortScreen)
        yield pilot, screen


async def _says(pilot: Pilot[Any], *words: str) -> None:
    await until(pilot, lambda: all(each in screen_text(pilot.app) for each in words), f"{words}")


async def _plan(pilot: Pilot[Any]) -> PlanScreen:
    await until(pilot, lambda: isinstance(pilot.app.screen, PlanScreen) and pilot.app.screen.armed, "the plan")
    plan = pilot.app.screen
    assert isinstance(plan, PlanScreen)
    return plan


async def test_signed_counted_and_gone_back_together(tmp_path: Path) -> None:
    session = FakeSession(fakes.halted())
    made, control = halted(tmp_path, session)
    others = tmp_path / "lines.txt"
    others.write_text(f"{line(made.case, 2)}\nhello\n", "utf-8")
    async with _opened(session) as (pilot, screen):
        await _says(pilot, "Abort of v2", "67 of 100 power", "0 of 100 power agrees")
        back = screen.query_one("#go-back", Button)
        assert back.disabled
        screen.query_one("#sign", Button).press()
        await _plan(pilot)
        await alone(pilot, "y")
        await until(pilot, lambda: pilot.app.screen is screen, "the abort again")
        await _says(pilot, "40 of 100 power agrees", "✓ Signed. The line is in /home/op/exports/abort-statement")
        (own,) = session.saved["abort-statement"]
        assert own.startswith("abort1.")
        field = screen.query_one("#lines", Input)
        field.focus()
        field.value = str(others)
        await pilot.press("enter")
        await _says(pilot, "60 of 100 power agrees")
        assert field.value == ""
        assert back.disabled
        # As a terminal pastes: all at once, the line that is there already among them.
        field.post_message(events.Paste(f"{own}\n{line(made.case, 3)}\n"))
        await _says(pilot, "1 new line; 4 in all", "70 of 100 power agrees")
        assert control.reasons == []
        back.press()
        plan = await _plan(pilot)
        plan.query_one("#reason", Input).value = "a panic in the migration"
        plan.query_one("#typed", Input).value = "devnet"
        await alone(pilot, "enter")
        plan.query_one("#typed", Input).focus()
        await alone(pilot, "enter")
        await until(pilot, lambda: control.reasons, "the deed")
        (reason,) = control.reasons
        assert reason.endswith("a panic in the migration")


async def test_bad_lines_and_files_are_sentences_and_what_came_is_kept(tmp_path: Path) -> None:
    session = FakeSession(fakes.halted())
    made, control = halted(tmp_path, session)
    large = tmp_path / "large"
    large.write_bytes(b"x" * (MAX_FILE + 1))
    async with _opened(session) as (pilot, screen):
        field = screen.query_one("#lines", Input)
        field.focus()
        for name, words in ((str(tmp_path / "none"), "there is no"), (str(large), "larger")):
            field.value = name
            await pilot.press("enter")
            await _says(pilot, words)
        field.post_message(events.Paste("\x1b[2Jnot a line\n" * 3 + line(made.case, 1)))
        await _says(pilot, "30 of 100 power agrees", "Not counted: line 1")
        await pilot.press("escape")
        await until_screen(pilot, "OverviewScreen")
        await pilot.press("B")
        await until_screen(pilot, "AbortScreen")
        await _says(pilot, "30 of 100 power agrees")
    assert control.reasons == []


async def test_where_nothing_can_be_aborted_the_key_says_why() -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.idle()))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("B")
        await _says(pilot, "knows of no upgrade")
