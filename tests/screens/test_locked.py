"""The lock at run time: a badge, reasons, a deliberate way back, and an emergency that does not wait for it."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot
from textual.widgets import Button

from console.app import UpgradeConsoleApp
from console.hand_lock import READ_ONLY
from screens.bindings import LOCKED_REASON
from screens.details import DetailsScreen
from screens.emergency import EmergencyScreen
from screens.overview import OverviewScreen
from screens.plan import PlanScreen
from screens.propose import ProposeScreen
from screens.review import ReviewScreen
from screens.unlock import UnlockScreen
from tests import governance_fakes as votes
from tests.pilot import alone, screen_text, settled, until, until_screen
from tests.session_fakes import FakeSession

pytestmark = pytest.mark.anyio


async def _armed(pilot: Pilot[int]) -> PlanScreen:
    await until(pilot, lambda: isinstance(pilot.app.screen, PlanScreen), "the plan")
    screen = pilot.app.screen
    assert isinstance(screen, PlanScreen)
    await until(pilot, lambda: screen.armed, "the armed plan")
    return screen


async def test_locked_by_key_and_unlocked_by_a_dialog() -> None:
    session = FakeSession(votes.voted_on())
    app = UpgradeConsoleApp(session)
    async with app.run_test(notifications=True) as pilot:
        await settled(pilot)
        assert "LOCKED" not in screen_text(app)
        await pilot.press("ctrl+l")
        await until(pilot, lambda: "LOCKED" in screen_text(app).splitlines()[0], "the badge")
        assert [note.message for note in app._notifications] == [LOCKED_REASON]
        app.clear_notifications()
        for key in ("p", "r", "n"):
            await pilot.press(key)
            await pilot.pause()
            assert isinstance(app.screen, OverviewScreen)
        assert {note.message for note in app._notifications} == {LOCKED_REASON}
        assert app.check_action("propose", ()) is None
        # Every view has the badge, also one that is opened later.
        await pilot.press("2")
        await until(pilot, lambda: "LOCKED" in screen_text(app).splitlines()[0], "the badge of the proposals")
        await pilot.press("ctrl+l", "ctrl+l")
        await _armed(pilot)
        assert sum(isinstance(screen, UnlockScreen) for screen in app.screen_stack) == 1
        await pilot.press("escape")
        await until_screen(pilot, "ProposalsScreen")
        assert session.hands.locked
        await pilot.press("ctrl+l")
        await _armed(pilot)
        await alone(pilot, "y")
        await until(pilot, lambda: not app.locked, "the unlocked console")
        await until(pilot, lambda: "LOCKED" not in screen_text(app), "no badge")
        assert session.hands.free


async def test_a_dialog_that_is_open_when_it_locks_changes_nothing() -> None:
    session = FakeSession(votes.voted_on(), lock_after_s=600.0)
    app = UpgradeConsoleApp(session)
    async with app.run_test(notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, ProposeScreen), "the form")
        app.lock_when_idle()
        assert session.hands.free
        app._opened_at -= 601.0
        app.lock_when_idle()
        # A key was pressed just now.
        assert session.hands.free
        app.quiet._last -= 601.0
        app.lock_when_idle()
        assert session.hands.locked
        await pilot.press("ctrl+l")
        await _armed(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ProposeScreen), "the form again")
        assert session.hands.locked


async def test_the_typed_name_of_an_emergency_unlocks() -> None:
    session = FakeSession(votes.voted_on(), locked=True)
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("f9")
        await until(pilot, lambda: isinstance(app.screen, EmergencyScreen), "the choices")
        await until(pilot, lambda: "The console is locked: the name that you type" in screen_text(app), "the word")
        await until(pilot, lambda: not app.screen.query_one("#halt", Button).disabled, "what is known")
        app.screen.query_one("#halt", Button).focus()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, DetailsScreen), "why")
        await pilot.press("3", "enter", *"leak", "enter")
        review = await _armed(pilot)
        assert isinstance(review, ReviewScreen)
        await until(pilot, lambda: "to unlock the console and" in screen_text(app), "what Enter does")
        await pilot.press(*session.network)
        assert session.hands.locked
        await alone(pilot, "enter")
        await until(pilot, lambda: session.sent, "the approval")
        await until(pilot, lambda: not app.locked, "the badge is gone")
    assert [call.function for call in session.sent] == ["approveEmergencyHalt"]


async def test_read_only_names_the_verbs_of_an_emergency_and_is_never_unlocked() -> None:
    session = FakeSession(votes.voted_on(), read_only=True)
    app = UpgradeConsoleApp(session)
    async with app.run_test(notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("f9")
        await pilot.press("ctrl+l")
        await until(pilot, lambda: len(app._notifications) == 2, "both reasons")
        first, second = (note.message for note in app._notifications)
        assert "upgrade-console --network devnet halt --stop-node" in first
        assert second == READ_ONLY
        assert isinstance(app.screen, OverviewScreen)
        # Over a dialog too: nobody may think that the key is broken.
        app.clear_notifications()
        await pilot.press("question_mark")
        await until_screen(pilot, "HelpScreen")
        await pilot.press("f9")
        await until(pilot, lambda: len(app._notifications) == 1, "the reason")
