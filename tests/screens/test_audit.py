"""The audit by keyboard: newest last, narrowed, one kind, one entry whole, a file, and what cannot be read."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from console.app import UpgradeConsoleApp
from console.model import AuditCheck, AuditReading
from screens.audit import AuditScreen
from screens.whole_text import WholeTextScreen
from tests import fakes
from tests.fakes import NOW
from tests.pilot import screen_text, settled, until, until_screen
from tests.session_fakes import FakeSession
from widgets.audit_table import AuditTable
from widgets.travel_line import Past

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def _audit(
    session: FakeSession, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[tuple[Pilot[Any], AuditTable]]:
    app = UpgradeConsoleApp(session)
    async with app.run_test(size=size, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("6")
        await until_screen(pilot, "AuditScreen")
        screen = app.screen
        assert isinstance(screen, AuditScreen)
        await until(pilot, lambda: screen._shown is not None, "the timeline")
        yield pilot, screen.query_one(AuditTable)


def _text(pilot: Pilot[Any]) -> str:
    assert isinstance(pilot.app, UpgradeConsoleApp)
    return screen_text(pilot.app)


async def test_the_timeline_is_followed_narrowed_and_written() -> None:
    session = FakeSession(fakes.go())
    async with _audit(session) as (pilot, table):
        await until(pilot, lambda: table.chosen == "e5", "the newest entry")
        many = tuple(replace(fakes.audit_entries()[0], key=f"m{number}", at=NOW - 900) for number in range(60))
        session.audited.reading = AuditReading((*many, *fakes.audit_entries()), ())
        await until(pilot, lambda: table.row_count == 66 and table.scroll_offset.y == table.max_scroll_y, "its place")
        session.audited.reading = AuditReading(fakes.audit_entries(), ())
        await until(pilot, lambda: "in block 1205" in _text(pilot) and table.chosen == "e5", "few entries")
        text = _text(pilot)
        for words in ("vote(id=1, support=true): in block 1205", "! error", "by hand", "#1 verdict: verdict CROSS"):
            assert words in text
        newer = replace(fakes.audit_entries()[0], key="e6", words="staged: generation v2", at=NOW)
        session.audited.reading = AuditReading((*fakes.audit_entries(), newer), ())
        await until(pilot, lambda: table.chosen == "e6", "the newer entry")
        await pilot.press("up", "up")
        session.audited.reading = AuditReading((*fakes.audit_entries(), newer, replace(newer, key="e7")), ())
        await until(pilot, lambda: table.row_count == 8, "one more")
        assert table.chosen == "e4"
        await pilot.press("l", "l")
        await until(pilot, lambda: table.row_count == 1 and "operator only" in _text(pilot), "one kind")
        assert "method pause, who op" in _text(pilot)
        for _ in range(7):
            await pilot.press("l")
        await until(pilot, lambda: table.row_count == 8, "all kinds again")
        await pilot.press("slash")
        field = pilot.app.screen.query_one("#filter", Input)
        await until(pilot, lambda: field.has_focus, "the filter")
        field.value = "!controller"
        await until(pilot, lambda: table.row_count == 1, "what is not of the controller")
        await pilot.press("enter", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, WholeTextScreen), "the entry whole")
        await until(pilot, lambda: fakes.HASH in _text(pilot), "its hash")
        await pilot.press("escape")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "1 entries written to" in _text(pilot), "the path")
        assert json.loads(session.saved["audit"][0])["detail"]["signed by"] == fakes.PROPOSER
        await pilot.press("escape")
        await until(pilot, lambda: table.row_count == 8, "the end of the filter")
        await pilot.press("v")
        await until(pilot, lambda: "✓ the journal of node1 is whole: 5 rows" in _text(pilot), "what was found")
        await pilot.press("escape")
        session.audited.checked = AuditCheck((), ("the journal of node1: row 3 was changed",))
        await pilot.press("v")
        await until(pilot, lambda: "✗ the journal of node1: row 3 was changed" in _text(pilot), "what is wrong")
        assert "are not whole" in _text(pilot)


async def test_what_cannot_be_read_is_told_and_the_past_has_no_future() -> None:
    session = FakeSession(fakes.go())
    session.audited.reading = AuditReading(fakes.audit_entries(), ("the journal /x/journal.db cannot be read.",), True)
    async with _audit(session) as (pilot, table):
        await until(pilot, lambda: "! the journal /x/journal.db cannot be read." in _text(pilot), "the problem")
        app = pilot.app
        assert isinstance(app, UpgradeConsoleApp)
        then = NOW - 600 + 130
        app.past = Past(time=then, place=1, total=2, held=True, speed=1.0, replay=False)
        app.now = then
        await until(pilot, lambda: table.row_count == 3, "what had happened by then")


@pytest.mark.parametrize("size", [(20, 5), (120, 40)])
async def test_nothing_yet_and_hostile_entries_at_any_size(size: tuple[int, int]) -> None:
    session = FakeSession(fakes.go())
    session.audited.reading = AuditReading((), ())
    async with _audit(session, size) as (pilot, table):
        await pilot.press("enter", "l", "up", "end")
        await pilot.resize_terminal(80, 24)
        await until(
            pilot, lambda: "No entry passes" in _text(pilot) or "signed on this machine" in _text(pilot), "a word"
        )
        bad = replace(fakes.audit_entries()[2], words="[@click=app.quit]q[/] [/nope \u4e2d" + "x" * 300)
        session.audited.reading = AuditReading(tuple(replace(bad, key=f"e{number}") for number in range(9)), ())
        for _ in range(8):
            await pilot.press("l")
        await until(pilot, lambda: "[@click=app.quit]q[/]" in _text(pilot) and table.row_count == 9, "the entries")
