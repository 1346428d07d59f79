"""The list of proposals, one in full, and what the footer offers at each of its stations."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from console.app import UpgradeConsoleApp
from console.errors import ChainError
from console.model import Proposal, ProposalStatus, Verdict
from screens.cuts import CutsScreen
from screens.proposal import ProposalScreen
from screens.proposal_verbs import VERBS, verb_refusal
from screens.proposals import ProposalsScreen
from tests import fakes
from tests import governance_fakes as votes
from tests.pilot import screen_text, settled, until, until_screen
from tests.session_fakes import FakeSession
from widgets.proposal_table import ProposalTable
from widgets.searched_text import SearchedText

pytestmark = pytest.mark.anyio


async def _list(pilot: Pilot[int]) -> ProposalTable:
    app = await settled(pilot)
    await pilot.press("2")
    await until_screen(pilot, "ProposalsScreen")
    await pilot.pause()
    return app.screen.query_one(ProposalTable)


async def _open(pilot: Pilot[int]) -> ProposalScreen:
    await _list(pilot)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, ProposalScreen), "the proposal in full")
    screen = pilot.app.screen
    assert isinstance(screen, ProposalScreen)
    await until(pilot, lambda: screen.proposal is not None, "the proposal")
    return screen


async def test_the_list_is_filtered_sorted_and_keeps_its_cursor() -> None:
    shown = votes.shown(votes.calls_alone(), votes.voting(), fakes.proposal(fakes.ALL_READY))
    session = FakeSession(shown)
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        table = await _list(pilot)
        await pilot.press("down")
        assert table.chosen_id == 2
        await pilot.press("o", "o")
        await until(pilot, lambda: "Proposals, by height" in screen_text(app), "the order")
        assert table.chosen_id == 2
        await pilot.press("slash")
        await until(pilot, lambda: app.screen.query_one("#filter", Input).has_focus, "the filter")
        await pilot.press(*"vot")
        await until(pilot, lambda: table.row_count == 1, "one row")
        assert "1 of 3 match 'vot'" in screen_text(app)
        await pilot.press(*"xyz")
        await until(pilot, lambda: "No proposal matches" in screen_text(app), "no row")
        await pilot.press("escape")
        await until(pilot, lambda: table.row_count == 3, "all rows")
        assert isinstance(app.screen, ProposalsScreen)


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_the_list_says_what_a_height_waits_for(size: tuple[int, int]) -> None:
    app = UpgradeConsoleApp(FakeSession(votes.voted_on()))
    async with app.run_test(size=size) as pilot:
        await _list(pilot)
        text = screen_text(app)
        for piece in ("at 75% ready", "voting", "v0.3.0 !", "executed", "1,100"):
            assert piece in text
        assert ("Proposed at" in text) == (size[0] > 100)
        assert app.screen.query_one(ProposalTable).max_scroll_x == 0


async def test_a_proposal_in_full_asks_again_only_when_its_row_changed() -> None:
    session = FakeSession(votes.voted_on())
    app = UpgradeConsoleApp(session)
    async with app.run_test(size=(160, 60)) as pilot:
        await _open(pilot)
        await until(pilot, lambda: "we cannot follow it in time" in screen_text(app), "the council's words")
        assert session.governance_asked == [2]
        assert session.feed is not None
        session.feed.put_nowait(replace(votes.voted_on(), height=1236))
        await until(pilot, lambda: "in 54 blocks" in screen_text(app), "the new height")
        assert session.governance_asked == [2]
        more = votes.shown(votes.voting(yes_power=30), height=1237)
        session.governances[2] = votes.governance(halts=())
        session.feed.put_nowait(more)
        await until(pilot, lambda: "0 of the 3 that stop it" in screen_text(app), "the new approvals")
        assert session.governance_asked == [2, 2]
        await pilot.press("escape")
        await until_screen(pilot, "ProposalsScreen")


async def test_it_says_why_votes_are_not_known() -> None:
    session = FakeSession(votes.voted_on(), error=ChainError("no endpoint answers"))
    app = UpgradeConsoleApp(session)
    async with app.run_test(size=(160, 60)) as pilot:
        await _open(pilot)
        await until(pilot, lambda: "not known: no endpoint answers" in screen_text(app), "the reason")
        assert "yes 20 of 40 power" in screen_text(app)


async def test_addresses_are_shown_in_both_forms() -> None:
    app = UpgradeConsoleApp(FakeSession(votes.voted_on()))
    async with app.run_test() as pilot:
        await _open(pilot)
        assert "t410f" not in screen_text(app)
        await pilot.press("a")
        await until(pilot, lambda: "t410focmxs4gfdajnyoqbbr6qdniobul5y6oirvks3ia" in screen_text(app), "the other form")
        await pilot.press("a")
        await until(pilot, lambda: "t410f" not in screen_text(app), "one form again")


STATIONS: dict[str, tuple[Proposal, int, set[str]]] = {
    "no vote yet": (votes.voting(yes_power=0, no_power=0), 1234, {"vote", "cancel"}),
    "voted on": (votes.voting(), 1234, {"vote"}),
    "lost": (votes.voting(no_power=14), 1234, {"vote", "finalize"}),
    "ran out": (votes.voting(), 1291, {"finalize"}),
    "approved": (votes.approved(votes.TWO_READY), 1234, {"replace"}),
    "ready": (votes.approved(fakes.ALL_READY), 1234, {"replace", "schedule"}),
    "deadline over": (votes.approved(votes.TWO_READY), 2401, {"replace", "expire"}),
    "scheduled": (votes.scheduled(fakes.ALL_READY), 1234, {"replace", "execute"}),
    "calls made": (votes.scheduled(fakes.ALL_READY, contracts_at=1230), 1234, {"replace"}),
    "frozen": (votes.scheduled(fakes.ALL_READY), 1295, set()),
    "halted": (votes.crossed(contracts_at=1230), 1300, {"rollback"}),
    "crossed, calls after": (votes.crossed(contracts_first=False), 1302, {"rollback", "execute"}),
    "too late": (votes.crossed(contracts_at=1230), 1801, {"rollback", "expire"}),
    "aborted": (
        votes.scheduled(status=ProposalStatus.ABORTED, verdict=Verdict.ABORT, contracts_at=1230),
        1302,
        {"undo"},
    ),
    "calls alone": (votes.calls_alone(), 1234, {"execute"}),
    "calls alone, made": (votes.calls_alone(status=ProposalStatus.EXECUTED, contracts_at=1230), 1234, set()),
    "the chain's own": (votes.scheduled(halts_itself=True), 1234, set()),
}


@pytest.mark.parametrize("name", STATIONS)
def test_what_can_be_done_at_each_station(name: str) -> None:
    proposal, height, possible = STATIONS[name]
    refusals = {verb: verb_refusal(verb, proposal, height) for verb in VERBS}
    assert {verb for verb, refusal in refusals.items() if not refusal} == possible
    assert all(refusal.endswith(".") for refusal in refusals.values() if refusal)


SHORT, LONG = "frozen", ("lost", "ready", "scheduled", "crossed, calls after")
"""Stations with nothing to do and with the most; what is possible at each is a pure table, tested above."""


@pytest.mark.parametrize(
    "name", [name if name in {SHORT, *LONG} else pytest.param(name, marks=pytest.mark.soak) for name in STATIONS]
)
async def test_the_footer_offers_what_can_be_done_and_shows_all_of_it(name: str) -> None:
    proposal, height, possible = STATIONS[name]
    app = UpgradeConsoleApp(FakeSession(votes.shown(proposal, height=height)))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await _open(pilot)
        await until(pilot, lambda: screen.governance is not None, "the answer")
        await pilot.pause()
        last = screen_text(app).splitlines()[-1]
        words = {"vote": "Vote", "finalize": "Finalize", "schedule": "Schedule", "execute": "Execute", "undo": "Undo"}
        words |= {"replace": "Replace", "rollback": "Roll back", "cancel": "Cancel", "expire": "Expire"}
        assert {verb for verb, word in words.items() if f" {word} " in last} == possible
        assert "HALT" in last


async def test_a_key_that_does_not_fit_says_why() -> None:
    app = UpgradeConsoleApp(FakeSession(votes.voted_on()))
    async with app.run_test(notifications=True) as pilot:
        screen = await _open(pilot)
        for key in ("s", "u"):
            await pilot.press(key)
            await pilot.pause()
            assert app.screen is screen
        notes = [note.message for note in app._notifications]
        assert notes[0] == "Only an approved proposal gets its height, and this one is voting."
        assert "nothing to take back" in notes[1]


async def test_read_only_shows_the_verbs_and_refuses_them() -> None:
    session = FakeSession(votes.voted_on(), read_only=True)
    app = UpgradeConsoleApp(session)
    async with app.run_test(notifications=True) as pilot:
        screen = await _open(pilot)
        await pilot.press("t", "f9")
        await pilot.pause()
        assert app.screen is screen
        assert "Vote" in screen_text(app).splitlines()[-1]
        assert len(app._notifications) == 2
    assert session.reviewed == []


async def test_linked_calls_are_read_searched_and_left() -> None:
    app = UpgradeConsoleApp(FakeSession(votes.voted_on()))
    async with app.run_test() as pilot:
        screen = await _open(pilot)
        await until(pilot, lambda: screen.governance is not None, "what is linked")
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, CutsScreen), "the diff")
        await until(pilot, lambda: "IT RUNS AN INITIALISER" in screen_text(app), "the review")
        view = app.screen.query_one(SearchedText)
        await pilot.press("slash", *"push", "enter")
        await until(pilot, lambda: "1 of 3" in screen_text(app), "the hits")
        await pilot.press("n")
        await until(pilot, lambda: "2 of 3" in screen_text(app), "the next")
        await pilot.press("N", "N")
        await until(pilot, lambda: view.place == 3, "around the beginning")
        assert "PUSH2 0x0fb4" in screen_text(app)
        await pilot.press("a", "home")
        await until(pilot, lambda: "t410f" in screen_text(app), "both forms")
        await pilot.press("escape")
        assert isinstance(app.screen, CutsScreen)
        await pilot.press("escape")
        await until_screen(pilot, "ProposalScreen")


async def test_a_review_that_cannot_be_read_says_why() -> None:
    session = FakeSession(votes.voted_on())
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        screen = await _open(pilot)
        await until(pilot, lambda: screen.governance is not None, "what is linked")
        session.error = ChainError("no endpoint answers")
        await pilot.press("d")
        await until(pilot, lambda: "✗ no endpoint answers." in screen_text(app), "the reason")
