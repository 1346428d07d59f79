"""The node's view: it looks only while it is shown, says what it cannot see, and is whole at every size."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.app import UpgradeConsoleApp
from console.errors import JournalError
from console.text import UntrustedText
from screens.node import NodeScreen
from screens.overview import OverviewScreen
from tests import fakes
from tests.pilot import screen_text, settled, until, until_screen
from tests.session_fakes import FakeSession


@pytest.mark.anyio
async def test_it_looks_only_while_it_is_shown_and_reads_the_disk_when_the_journal_grew() -> None:
    session = FakeSession(fakes.go())
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await settled(pilot)
        assert session.looks == 0
        await pilot.press("4")
        await until(pilot, lambda: "app" in screen_text(app) and "v0.2.0      next" in screen_text(app), "the view")
        screen = app.screen
        assert isinstance(screen, NodeScreen)
        assert session.storage_reads == 1
        session.journal = (replace(session.journal[0], number=99), *session.journal)
        screen.look_again()
        await until(pilot, lambda: session.storage_reads == 2, "the disk read again")
        looks = session.looks
        screen.look_again()
        await until(pilot, lambda: session.looks == looks + 1, "one more look")
        assert session.storage_reads == 2
        await pilot.press("1")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen), "the overview")
        assert not screen.looking
        await pilot.press("4")
        await until_screen(pilot, "NodeScreen")
        await until(pilot, lambda: screen.looking, "looking again")


@pytest.mark.anyio
async def test_what_is_chosen_is_told_in_full_and_stays_chosen() -> None:
    session = FakeSession(fakes.go())
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("4")
        await until(pilot, lambda: "sha256 abab" in screen_text(app), "the generation's detail")
        await pilot.press("down")
        await until(pilot, lambda: "manifest cdcdcd…cdcdcd, 3 signatures" in screen_text(app), "the next one's")
        await pilot.press("tab")
        await until(pilot, lambda: "rollback point, not a backup" in screen_text(app), "the point's detail")
        newer = replace(session.storage.points[0], name=UntrustedText("crossing-2"), sentence="newer")
        session.storage = replace(session.storage, points=(newer, *session.storage.points))
        session.journal = (replace(session.journal[0], number=99), *session.journal)
        screen = app.screen
        assert isinstance(screen, NodeScreen)
        screen.look_again()
        await until(pilot, lambda: "crossing-2" in screen_text(app), "the newer point")
        chosen = screen.chosen_point
        assert chosen is not None
        assert chosen.name == "arming-1"


@pytest.mark.anyio
async def test_of_the_past_nothing_inside_the_node_is_known() -> None:
    session = FakeSession(fakes.idle(), fakes.go())
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("4")
        await until(pilot, lambda: "hash recorded" in screen_text(app), "the generations")
        await pilot.press("comma")
        await until(pilot, lambda: "is not known of the past" in screen_text(app), "why nothing is there")
        assert "hash recorded" not in screen_text(app)
        assert "65536" not in screen_text(app)
        assert app.screen.check_action("command", ("stop",)) is None


@pytest.mark.anyio
async def test_a_journal_that_cannot_be_read_is_told_where_it_would_stand() -> None:
    session = FakeSession(fakes.go(), error=JournalError("the journal is damaged"))
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("4")
        await until(pilot, lambda: "the journal is damaged" in screen_text(app), "the reason")
        assert "ARMED" in screen_text(app)
