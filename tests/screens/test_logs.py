"""The logs by keyboard: follow, hold, filter, search, levels, times, whole lines, files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from console.app import UpgradeConsoleApp
from console.errors import InputError
from console.log_store import LogStore
from screens.logs import LogsScreen
from screens.overview import OverviewScreen
from screens.whole_text import WholeTextScreen
from tests import fakes
from tests.fakes import NOW
from tests.pilot import screen_text, settled, until, until_screen
from tests.session_fakes import FakeSession
from widgets.log_view import LogView
from widgets.travel_line import Past

pytestmark = pytest.mark.anyio


def _session(lines: int = 0) -> FakeSession:
    session = FakeSession(fakes.go())
    if lines:
        session.store = LogStore({}, session.now)
        for number in range(lines):
            level = {0: "E", 5: "W", 7: "D"}.get(number % 10, "I")
            session.store.add(
                "node", f"{level}[2025-10-09|08:{number // 60 % 60:02d}:{number % 60:02d}] block {number}"
            )
    return session


@asynccontextmanager
async def _logs(session: FakeSession, size: tuple[int, int] = (80, 24)) -> AsyncIterator[tuple[Pilot[Any], LogView]]:
    app = UpgradeConsoleApp(session)
    async with app.run_test(size=size, notifications=True) as pilot:
        await settled(pilot, lines=False)
        await pilot.press("5")
        await until_screen(pilot, "LogsScreen")
        view = app.screen.query_one(LogView)
        await until(pilot, lambda: view.total or (view._note is not None and view._note.plain), "the log")
        yield pilot, view


async def _typed(pilot: Pilot[Any], key: str, name: str, text: str) -> None:
    await pilot.press(key)
    field = pilot.app.screen.query_one(f"#{name}", Input)
    await until(pilot, lambda: field.has_focus, f"the focus of {name}")
    field.value = text
    await pilot.press("enter")
    await until(pilot, lambda: not field.display, f"the end of {name}")


def _text(pilot: Pilot[Any]) -> str:
    assert isinstance(pilot.app, UpgradeConsoleApp)
    return screen_text(pilot.app)


async def test_follow_hold_and_follow_again() -> None:
    session = _session(200)
    assert session.store is not None
    async with _logs(session) as (pilot, view):
        await until(pilot, lambda: "block 199" in _text(pilot), "the newest line")
        assert "following" in _text(pilot)
        await pilot.press("space")
        session.store.add("node", "late")
        await until(pilot, lambda: "1 new" in _text(pilot), "word of the new line")
        assert "late" not in _text(pilot)
        assert "HELD at line 200 of 201" in _text(pilot)
        await pilot.press("up", "up")
        assert view.cursor == 197
        assert "> 08:03:17" in _text(pilot).replace(">08", "> 08")
        await pilot.press("space")
        await until(pilot, lambda: "late" in _text(pilot) and "following" in _text(pilot), "the new line")
        await pilot.press("home")
        await until(pilot, lambda: view.cursor == 0 and "block 0" in _text(pilot), "the first line")
        await pilot.press("pagedown", "pagedown")
        await until(pilot, lambda: view.cursor == 2 * (view.rows - 1), "two screens down")
        await pilot.press("end")
        await until(pilot, lambda: view.following and "late" in _text(pilot), "the end")
        session.store.add("node", "later")
        await until(pilot, lambda: "later" in _text(pilot), "a line that comes while followed")


async def test_filter_levels_and_logs_keep_the_place() -> None:
    session = _session(200)
    assert session.store is not None
    session.store.add("controller", "2025-10-09T09:00:00 INFO    signalled ready")
    async with _logs(session) as (pilot, view):
        await pilot.press("up", "up", "up", "up")
        assert view.cursor_entry is not None
        assert view.cursor_entry.text.endswith("block 196")
        await _typed(pilot, "slash", "filter", "block 1.5")
        await until(pilot, lambda: view.total == 10, "the lines that match")
        assert view.cursor_entry.text.endswith("block 195") or view.cursor_entry.text.endswith("block 185")
        assert "10 lines with 'block 1.5'" in _text(pilot)
        await _typed(pilot, "slash", "filter", "!block")
        await until(pilot, lambda: view.total == 1, "the lines that do not match")
        await _typed(pilot, "slash", "filter", "block (")
        await until(pilot, lambda: "all is shown" in _text(pilot) and view.total == 201, "the broken pattern told")
        await pilot.press("escape")
        await until(pilot, lambda: "no filter (/)" in _text(pilot), "the end of the filter")
        for count in (181, 40, 20):
            await pilot.press("l")
            await until(pilot, lambda count=count: view.total == count, f"{count} lines")  # type: ignore[misc]
        assert "errors only" in _text(pilot)
        await pilot.press("l", "o")
        await until(pilot, lambda: view.total == 200 and "the node's log only" in _text(pilot), "one log")
        await pilot.press("o")
        await until(pilot, lambda: view.total == 1 and "signalled ready" in _text(pilot), "the other")
        await pilot.press("o", "escape")
        await until_screen(pilot, "OverviewScreen")


async def test_search_goes_to_the_newest_hit_and_on() -> None:
    async with _logs(_session(200)) as (pilot, view):
        await _typed(pilot, "s", "search", "block .*7$")
        await until(pilot, lambda: view.cursor == 197, "the newest hit")
        await until(pilot, lambda: "20 of 20 found" in _text(pilot), "the count")
        await pilot.press("N")
        await until(pilot, lambda: view.cursor == 187, "the hit before")
        await pilot.press("n")
        await until(pilot, lambda: view.cursor == 197, "the next hit")
        await pilot.press("n")
        await until(pilot, lambda: view.cursor == 7, "the first hit, around the end")
        await _typed(pilot, "s", "search", "nobody said this")
        await until(pilot, lambda: "No line that is shown holds" in _text(pilot), "that there is none")
        assert view.cursor == 7
        await pilot.press("escape")
        await until(pilot, lambda: "no search (s)" in _text(pilot), "the end of the search")
        assert isinstance(pilot.app.screen, LogsScreen)


async def test_times_wrap_whole_lines_and_a_file() -> None:
    session = _session(100)
    assert session.store is not None
    session.store.add("node", "E[2025-10-09|08:40:00] " + "long " * 600)
    async with _logs(session) as (pilot, view):
        await _typed(pilot, "g", "moment", "08:01:05")
        await until(pilot, lambda: view.cursor == 65, "the line of that time")
        await pilot.press("g")
        await until(pilot, lambda: isinstance(pilot.app.focused, Input), "the field")
        await pilot.press("x", "enter")
        await until(pilot, lambda: "no moment" in _text(pilot), "what a moment is")
        await pilot.press("escape", "end")
        await until(pilot, lambda: view.following, "the end")
        assert "08:40:00" in _text(pilot)
        await pilot.press("t")
        await until(pilot, lambda: "08:40:00" not in _text(pilot), "no times")
        before = _text(pilot).count("long")
        await pilot.press("w")
        await until(pilot, lambda: _text(pilot).count("long") > 2 * before, "the wrapped line")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, WholeTextScreen), "the whole line")
        await until(pilot, lambda: _text(pilot).count("long") > 200, "all of it")
        await pilot.press("escape", "l", "l", "l")
        await until(pilot, lambda: view.total == 11, "the errors")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "11 lines written to" in _text(pilot), "the path")
        assert len(session.saved["log"][-1]) > 3000
        session.error = InputError("the lines cannot be written to /x: No space left on device")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "No space left" in _text(pilot), "why it was not written")


async def test_no_node_and_no_line() -> None:
    session = FakeSession(fakes.node_down(), log=())
    session.store = None
    async with _logs(session) as (pilot, _view):
        assert "There is no log" in _text(pilot)
        await pilot.press("up", "down", "end", "enter", "l", "o", "n", "ctrl+s", "space")
        await pilot.press("escape", "escape")
        assert isinstance(pilot.app.screen, LogsScreen | OverviewScreen)


async def test_the_log_as_it_was_and_lines_without_files() -> None:
    session = _session(200)
    async with _logs(session) as (pilot, view):
        app = pilot.app
        assert isinstance(app, UpgradeConsoleApp)
        then = NOW - 3200 + 60
        app.past = Past(time=then, place=1, total=2, held=True, speed=1.0, replay=False)
        app.now = then
        await until(pilot, lambda: view.total == 61, "the lines of then")
        assert view.cursor_entry is not None
        assert view.cursor_entry.at <= then
    session.store = None
    async with _logs(session) as (pilot, view):
        await until(pilot, lambda: view.total == len(fakes.LOG) and "signalled ready" in _text(pilot), "the tail")


@pytest.mark.parametrize("size", [(20, 5), (1, 1), (160, 48)])
async def test_hostile_lines_at_any_size(size: tuple[int, int]) -> None:
    session = FakeSession(fakes.go(), log=[("node", "[@click=app.quit]\x1b[2J \u202e[/] \u4e2d" + "y" * 5000)] * 60)
    session.clock = NOW
    async with _logs(session, size) as (pilot, _view):
        await pilot.press("w", "up", "pageup", "t", "right", "left", "w")
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "<U+001B>[2J" in _text(pilot), "the line made safe")
        assert "\x1b" not in _text(pilot)
