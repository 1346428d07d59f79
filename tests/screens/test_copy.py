"""Copying by key: the list, the whole text, and what goes to the terminal."""

from __future__ import annotations

import base64

import pytest

from console.app import UpgradeConsoleApp
from screens.copy import CopyScreen
from screens.overview import OverviewScreen
from tests import fakes
from tests import governance_fakes as votes
from tests.fakes import HASH
from tests.pilot import screen_text, settled, until, until_screen
from tests.session_fakes import FakeSession
from widgets.copyable import Copyable
from widgets.point_table import PointTable

pytestmark = pytest.mark.anyio


async def test_a_hash_is_copied_whole_and_shown_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.go()))
    async with app.run_test() as pilot:
        await settled(pilot)
        assert app._driver is not None
        written: list[str] = []
        monkeypatch.setattr(app._driver, "write", written.append)
        await pilot.press("y")
        await until(pilot, lambda: HASH in screen_text(app), "the whole hash")
        await pilot.press("enter")
        await until(pilot, lambda: "Sent to the clipboard: release hash" in screen_text(app), "that it was sent")
        assert app.clipboard == HASH
        assert f"\x1b]52;c;{base64.b64encode(HASH.encode()).decode()}\a" in written
        await pilot.press("down", "down")
        await until(pilot, lambda: "Sent" not in screen_text(app), "another text")
        assert "\n│ 1300" in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen), "the overview")


async def test_each_view_offers_what_is_under_its_cursor_first() -> None:
    app = UpgradeConsoleApp(FakeSession(votes.voted_on()))
    async with app.run_test() as pilot:
        await settled(pilot)
        for key, there, first, text in (
            ("2", "Proposal 2", "release hash of proposal 2", ""),
            ("3", "node1", "address of node", "0x"),
            ("4", "genesis", "sha256 of generation genesis", "ab" * 32),
            ("5", "signalled", "line of the controller log", "signalled ready at height 1210"),
            ("6", "journal", "whole entry", '{"key": '),
        ):
            await pilot.press(key)
            await until(pilot, lambda there=there: there in screen_text(app), there)  # type: ignore[misc]
            await pilot.press("y")
            await until_screen(pilot, "CopyScreen")
            assert isinstance(app.screen, CopyScreen)
            chosen = app.screen._chosen
            assert chosen.label.startswith(first)
            assert text in chosen.text
            await pilot.press("y")
            await until(pilot, lambda: not isinstance(app.screen, CopyScreen), "the view again")
        await pilot.press("4", "tab")
        await until(pilot, lambda: isinstance(app.focused, PointTable), "the table of rollback points")
        await pilot.press("y")
        await until_screen(pilot, "CopyScreen")
        assert isinstance(app.screen, CopyScreen)
        assert app.screen._chosen == Copyable("name of rollback point arming-1", "arming-1")
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, CopyScreen), "the view again")
        await pilot.press("2", "enter")
        await until_screen(pilot, "ProposalScreen")
        await pilot.press("y")
        await until_screen(pilot, "CopyScreen")


async def test_a_line_of_the_log_that_is_cut_on_the_screen_is_copied_whole() -> None:
    line = "panic: " + "stack " * 1000 + "end"
    app = UpgradeConsoleApp(FakeSession(fakes.go(), log=(("node", line),)))
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("5")
        await until(pilot, lambda: "panic" in screen_text(app), "the line")
        await pilot.press("y")
        await until_screen(pilot, "CopyScreen")
        assert isinstance(app.screen, CopyScreen)
        assert app.screen._chosen == Copyable("line of the node log", line)


async def test_what_is_not_known_is_not_copied() -> None:
    session = FakeSession()
    session.own_address = ""
    app = UpgradeConsoleApp(session)
    async with app.run_test(notifications=True) as pilot:
        await pilot.pause()
        await pilot.press("y")
        await until(pilot, lambda: "Nothing is known yet" in screen_text(app), "the reason")
        assert isinstance(app.screen, OverviewScreen)
