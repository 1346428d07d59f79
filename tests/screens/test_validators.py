"""The validators: order, filter, the chosen one in full, and ten thousand of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from console.app import UpgradeConsoleApp
from console.errors import ChainError
from console.model import Choice, ProposalStatus, SigningRecord, Snapshot, Stance, events
from console.text import UntrustedText
from screens.validators import ValidatorsScreen
from tests import fakes
from tests import governance_fakes as votes
from tests.crowd import crowd
from tests.pilot import screen_text, settled, until, until_screen
from tests.session_fakes import FakeSession
from widgets import dashboard, readiness_rows
from widgets.dashboard import DashboardTable
from widgets.row_table import ORDERED_AT_ONCE

pytestmark = pytest.mark.anyio


def stances() -> tuple[Stance, ...]:
    """A vote and a failure, and silence before it."""
    failed = fakes.said(1, ready=False, failure=3)
    return (
        Stance(2, UntrustedText("v0.3.0"), ProposalStatus.VOTING, Choice.YES, 1195, failed),
        Stance(1, UntrustedText("v0.2.0"), ProposalStatus.EXECUTED, Choice.NONE, 0, None),
    )


async def _opened(pilot: Pilot[int]) -> DashboardTable:
    app = await settled(pilot)
    await pilot.press("3")
    await until_screen(pilot, "ValidatorsScreen")
    await pilot.pause()
    return app.screen.query_one(DashboardTable)


def names(table: DashboardTable) -> list[str]:
    """The first names as they stand there."""
    rows = (table.render_line(y).text.split() for y in range(1, min(table.row_count, table.size.height - 1) + 1))
    return [row[1] for row in rows]


async def test_narrow_order_filter_and_one_in_full() -> None:
    session = FakeSession(fakes.partly_ready())
    session.said_before = stances()
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        table = await _opened(pilot)
        assert names(table) == ["node1", "node2", "node3", "node4"]
        await pilot.press("down", "O")
        assert names(table) == ["node4", "node3", "node2", "node1"]
        assert table.chosen == fakes.ADDRESSES[1]
        assert "ready first, reversed" in screen_text(app)
        for _order in range(5):
            await pilot.press("o")
        assert "by silence" in screen_text(app)
        await pilot.press("o")
        assert names(table)[0] == "node1"

        await pilot.press("slash", *"!hash|node4", "enter")
        await pilot.pause()
        assert names(table) == ["node1", "node2"]
        assert "2 of 4 without 'hash|node4'" in screen_text(app)
        await pilot.press("slash", "left_square_bracket")
        await pilot.pause()
        assert "nothing is filtered" in screen_text(app)
        assert len(names(table)) == 4
        await pilot.press("escape")
        assert table.chosen == fakes.ADDRESSES[1]

        # Nothing is read of anybody who is not looked at.
        assert session.records_asked == []
        await pilot.press("enter")
        await until(pilot, lambda: "38 of 40 from block 1,194" in screen_text(app), "the record")
        text = screen_text(app)
        for piece in (
            fakes.ADDRESSES[1],
            "t410f",
            f"{2:040X}",
            "10 of 40 · 25%, in consensus",
            "10 of 40 · 25%, in the registry",
        ):
            assert piece in text
        for piece in ("v0.1.5 at block 1,234, answers", "as http://127.0.0.1:26657", "voted yes at 1,195", "not ready"):
            assert piece in text
        assert "nothing said" in text
        assert "Ready for" not in text
        assert session.records_asked == [f"{2:040X}"]
        await pilot.press("escape")
        await until(pilot, lambda: "Ready for" in screen_text(app), "the table")
        assert isinstance(app.screen, ValidatorsScreen)
        assert table.has_focus


async def test_wide_beside_the_table_and_read_again_with_each_height() -> None:
    session = FakeSession(fakes.partly_ready(), error=ChainError("no endpoint answers"))
    session.signing_record = SigningRecord((), "", "no endpoint answers: nothing is known")
    app = UpgradeConsoleApp(session)
    async with app.run_test(size=(160, 40)) as pilot:
        table = await _opened(pilot)
        await until(pilot, lambda: "not known: no endpoint answers" in screen_text(app), "the reason")
        assert "nothing is known" in screen_text(app)
        await pilot.press("down")
        await until(pilot, lambda: fakes.ADDRESSES[1] in screen_text(app), "the next one")
        await until(pilot, lambda: session.records_asked == [f"{1:040X}", f"{2:040X}"], "its record")
        session.error = None
        session.signing_record = fakes.a_signing_record()
        assert session.feed is not None
        session.feed.put_nowait(replace(fakes.partly_ready(), height=1235))
        await until(pilot, lambda: "38 of 40" in screen_text(app), "the new record")
        await until(pilot, lambda: "Nothing was proposed yet." in screen_text(app), "what it said")
        session.feed.put_nowait(fakes.chain_down())
        await until(pilot, lambda: "No validator is chosen" in screen_text(app), "nobody")
        assert table.row_count == 0
        await pilot.press("enter", "o", "O")


@pytest.fixture
def in_the_loop(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """What was asked of each of many validators in the thread of the screen, where it would hold up every key."""
    found: set[str] = set()

    def watch(owner: object, name: str, many: Callable[..., int]) -> None:
        before = getattr(owner, name)

        def watching(*values: Any) -> object:
            if threading.current_thread() is threading.main_thread() and many(*values) > ORDERED_AT_ONCE:
                found.add(name)
            return before(*values)

        monkeypatch.setattr(owner, name, watching)

    def in_chain(snapshot: Snapshot | None) -> int:
        return len(snapshot.chain.validators) if snapshot is not None and snapshot.chain is not None else 0

    watch(dashboard, "in_order", lambda snapshot, *_: in_chain(snapshot))
    watch(readiness_rows, "in_order", len)
    watch(events, "events_between", lambda _before, after: in_chain(after))
    return found


async def test_ten_thousand(in_the_loop: set[str]) -> None:
    session = FakeSession(crowd(10_000, ready=3))
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        table = await _opened(pilot)
        await until(pilot, lambda: table.settled and table.row_count == 10_000, "the order")
        assert names(table)[:4] == ["validator0", "validator1", "validator2", "validator3"]
        await pilot.press("end")
        last = table.chosen
        assert "     11 <0.1%" in table.render_line(table.size.height - 1).text
        assert session.feed is not None
        session.feed.put_nowait(crowd(10_000, ready=10_000, height=1235))
        await until(pilot, lambda: "Ready: 10,000 · pending: 0" in screen_text(app), "the new Snapshot")
        await until(pilot, lambda: table.settled, "the new order")
        assert table.chosen == last
        await pilot.press("slash", *"r99[0-3]$", "enter")
        await until(pilot, lambda: table.settled and table.row_count == 4, "the filter")
        await pilot.press("1")
        await until_screen(pilot, "OverviewScreen")
        await until(pilot, lambda: screen_text(app).count("validato…") == 6, "those with the most power")
    assert in_the_loop == set()


async def test_a_click_on_a_heading_orders() -> None:
    app = UpgradeConsoleApp(FakeSession(votes.waiting_for_readiness()))
    async with app.run_test() as pilot:
        table = await _opened(pilot)
        for field, words in (("name", "by name"), ("name", "by name, reversed"), ("share", "by power"), ("x", "power")):
            table.order_by(field)
            await pilot.pause()
            assert words in screen_text(app)
