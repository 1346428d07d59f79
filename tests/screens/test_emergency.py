"""F9: from everywhere, two separate choices, each by the network's name, each without the other half."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input

from console.app import UpgradeConsoleApp
from console.model import Snapshot
from screens.details import DetailsScreen
from screens.emergency import EmergencyScreen
from screens.review import ReviewScreen
from tests import fakes
from tests import governance_fakes as votes
from tests.pilot import alone, screen_text, settled, until
from tests.session_fakes import FakeSession
from widgets.emergency_words import halt_refusal, halt_words, stays_without, stop_warning

pytestmark = pytest.mark.anyio


async def _open(pilot: Pilot[int]) -> EmergencyScreen:
    await pilot.press("f9")
    await until(pilot, lambda: isinstance(pilot.app.screen, EmergencyScreen), "the two choices")
    screen = pilot.app.screen
    assert isinstance(screen, EmergencyScreen)
    await until(pilot, lambda: screen.snapshot is not None, "what is known")
    await pilot.pause()
    return screen


PLACES: tuple[tuple[str, ...], ...] = (
    (),
    ("2",),
    ("2", "slash", "x"),
    ("2", "enter"),
    ("2", "enter", "t"),
    ("2", "enter", "d"),
    ("5", "slash"),
    ("3",),
    ("p",),
    ("n",),
    ("question_mark",),
    ("q",),
    ("ctrl+p",),
    ("3", "g"),
)
"""What is pressed on the overview before the emergency's key."""


async def test_it_opens_from_everywhere_and_gives_everything_back() -> None:
    app = UpgradeConsoleApp(FakeSession(votes.voted_on()))
    async with app.run_test() as pilot:
        await settled(pilot)
        overview = app.screen
        for keys in PLACES:
            for key in keys:
                await pilot.press(key)
                await pilot.pause()
            before = app.screen
            assert (before is overview) == (not keys), keys
            await pilot.press("f9", "f9")
            screen = await _open(pilot)
            assert sum(isinstance(each, EmergencyScreen) for each in app.screen_stack) == 1, keys
            assert screen.focused is screen.query_one("#cancel"), keys
            await pilot.press("escape")
            await until(pilot, lambda before=before: app.screen is before, "what was open")  # type: ignore[misc]
            for _ in keys:
                await pilot.press("escape")
            await pilot.press("1")
            await until(pilot, lambda: app.screen is overview, "the overview")


async def test_the_council_approves_with_code_words_and_name() -> None:
    session = FakeSession(votes.voted_on())
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await settled(pilot)
        screen = await _open(pilot)
        await until(pilot, lambda: "2 of the 3 approvals" in screen_text(app), "the approvals so far")
        screen.query_one("#halt", Button).focus()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, DetailsScreen), "why")
        await pilot.press("9", "enter", *"it leaks", "enter")
        await until(pilot, lambda: "the code must be a number from 1 to 5" in screen_text(app), "the refusal")
        app.screen.query_one("#detail-code", Input).value = "3"
        app.screen.query_one("#detail-text", Input).focus()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ReviewScreen), "the review")
        review = app.screen
        assert isinstance(review, ReviewScreen)
        await until(pilot, lambda: not review.query_one("#confirm", Button).disabled, "the armed review")
        await pilot.press(*"devnet")
        await alone(pilot, "enter")
        await until(pilot, lambda: session.sent, "the approval")
    assert [(call.function, call.args) for call in session.sent] == [("approveEmergencyHalt", (2, 3, "it leaks"))]
    assert session.node_actions == []


async def _stop(pilot: Pilot[int], session: FakeSession) -> None:
    screen = await _open(pilot)
    screen.query_one("#stop", Button).focus()
    await pilot.press("enter")
    await until(pilot, lambda: pilot.app.screen.query("#typed"), "the confirm step")
    confirm = pilot.app.screen
    await until(pilot, lambda: not confirm.query_one("#confirm", Button).disabled, "the armed dialog")
    await pilot.press(*session.network)
    await alone(pilot, "enter")
    await until(pilot, lambda: session.node_actions, "the stop")


async def test_the_node_is_stopped_without_a_chain() -> None:
    session = FakeSession(fakes.chain_down())
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await settled(pilot)
        screen = await _open(pilot)
        assert "The chain does not answer" in screen_text(app)
        assert screen.query_one("#halt", Button).disabled
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, EmergencyScreen), "the overview")
        await _stop(pilot, session)
    assert session.node_actions == ["stop"]
    assert session.reviewed == []


async def test_the_upgrade_is_cancelled_without_a_node() -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.node_down()))
    async with app.run_test() as pilot:
        await settled(pilot)
        screen = await _open(pilot)
        assert screen.query_one("#stop", Button).disabled
        assert "no controller answers for node1" in screen_text(app)
        screen.query_one("#halt", Button).focus()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, DetailsScreen), "why")


async def test_it_warns_when_the_chain_would_stop() -> None:
    shown = fakes.go()
    assert shown.chain is not None
    silent = replace(shown.chain, nodes=fakes.node_heights(1277, (1277,) * 4, down=(3,)))
    session = FakeSession(replace(shown, chain=silent))
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await settled(pilot)
        await _open(pilot)
        assert "THE WHOLE CHAIN STOPS" in screen_text(app)


def test_power_that_stays() -> None:
    chain = fakes.go().chain
    stays = stays_without(chain, fakes.ADDRESSES[0].lower())
    assert stays is not None
    assert (stays.power, stays.own, stays.total, stays.enough) == (30, 10, 40, True)
    assert stays_without(chain, "0x" + "1" * 40) is None
    assert stays_without(None, fakes.ADDRESSES[0]) is None
    assert "not known here" in stop_warning(fakes.chain_down(), fakes.ADDRESSES[0])


def test_what_is_old_is_said_with_its_age() -> None:
    stale = fakes.stale()
    assert stop_warning(stale, fakes.ADDRESSES[0]).startswith("◷ read 34s ago: 30 of 40 power would stay")
    assert stop_warning(fakes.go(), fakes.ADDRESSES[0], fakes.NOW).startswith("30 of 40")
    proposal = fakes.proposal()
    assert halt_words(proposal, stale, fakes.NOW, 3).startswith("◷ read 34s ago: v0.2.0")
    assert halt_words(proposal, fakes.go(), fakes.NOW + 40, 3).startswith("◷ read 40s ago: v0.2.0")


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (None, "Waiting for the first answer"),
        (fakes.chain_down(), "does not answer"),
        (fakes.idle(), "No upgrade is open"),
        (fakes.committed(), "No upgrade is open"),
        (fakes.frozen(), "frozen since block 1,295"),
    ],
)
def test_why_nobody_can_cancel(shown: Snapshot | None, words: str) -> None:
    assert words in halt_refusal(shown)
    assert halt_refusal(fakes.go()) == ""
