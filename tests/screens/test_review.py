"""The one screen on which things are signed, and the ways to it."""

from __future__ import annotations

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Button, Input

from console.app import UpgradeConsoleApp
from console.errors import ChainError, SignerError
from console.model import Proposal, ProposalStatus
from screens.details import DetailsScreen
from screens.proposal import ProposalScreen
from screens.review import ReviewScreen, coins
from screens.vote import VoteScreen
from tests import governance_fakes as votes
from tests.pilot import alone, screen_text, settled, until
from tests.session_fakes import FakeSession

pytestmark = pytest.mark.anyio


async def _proposal(pilot: Pilot[int]) -> None:
    await settled(pilot)
    await pilot.press("2")
    await pilot.pause()
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, ProposalScreen), "the proposal in full")
    screen = pilot.app.screen
    assert isinstance(screen, ProposalScreen)
    await until(pilot, lambda: screen.governance is not None, "its votes")


async def _press(pilot: Pilot[int], selector: str) -> None:
    pilot.app.screen.query_one(selector, Button).focus()
    await pilot.press("enter")


async def _review(pilot: Pilot[int]) -> ReviewScreen:
    await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen), "the review")
    screen = pilot.app.screen
    assert isinstance(screen, ReviewScreen)
    return screen


async def _armed(pilot: Pilot[int], review: ReviewScreen) -> None:
    await until(pilot, lambda: not review.query_one("#confirm", Button).disabled, "the armed review")


async def _vote(pilot: Pilot[int], side: str) -> ReviewScreen:
    await _proposal(pilot)
    await pilot.press("t")
    await until(pilot, lambda: isinstance(pilot.app.screen, VoteScreen) and pilot.app.screen.focused, "the vote")
    assert pilot.app.screen.focused is pilot.app.screen.query_one("#cancel")
    await _press(pilot, f"#{side}")
    return await _review(pilot)


async def test_a_vote_is_reviewed_whole_and_sent_once() -> None:
    session = FakeSession(votes.voted_on())
    session.warnings = ("your balance covers it twice, not three times",)
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        review = await _vote(pilot, "no")
        await _armed(pilot, review)
        text = screen_text(app)
        for piece in (
            "Votes NO on proposal 2 (v0.3.0)",
            "vote(id=2, support=False)",
            votes.REGISTRY,
            "devnet, chain id 31337",
            "(voter_key)",
            "nonce      12",
            "at most 180,000",
            "at most 0.00036",
            "your balance covers it twice",
        ):
            assert piece in text
        assert review.focused is review.query_one("#cancel")
        assert session.sent == []
        await alone(pilot, "y")
        await until(pilot, lambda: "In block 1,236:" in screen_text(app), "the block")
        assert "0x7a7a7a" in screen_text(app)
        assert "Export" not in screen_text(app)
        await pilot.press("y", "x", "escape")
        await until(pilot, lambda: isinstance(app.screen, ProposalScreen), "the proposal again")
    assert [(call.function, call.args) for call in session.sent] == [("vote", (2, False))]
    assert session.exported == []


async def test_keys_typed_ahead_sign_nothing() -> None:
    session = FakeSession(votes.voted_on())
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        session.review_answer.clear()
        review = await _vote(pilot, "yes")
        await pilot.press("y", "tab", "y", "y")
        assert review.query_one("#confirm", Button).disabled
        session.review_answer.set()
        await _armed(pilot, review)
        assert session.sent == []


async def test_it_is_exported_instead_and_nothing_is_sent() -> None:
    session = FakeSession(votes.voted_on())
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await _armed(pilot, await _vote(pilot, "yes"))
        await pilot.press("a")
        await until(pilot, lambda: "t410f" in screen_text(app), "both forms")
        await pilot.press("x")
        await until(pilot, lambda: "to /home/op/vote-12.json. Nothing was sent." in screen_text(app), "the path")
    assert session.sent == []
    assert [call.function for call in session.exported] == ["vote"]


async def test_what_cannot_be_reviewed_cannot_be_signed() -> None:
    session = FakeSession(votes.voted_on())
    session.review_error = ChainError("two endpoints disagree", next_step="ask a third")
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        review = await _vote(pilot, "yes")
        await until(pilot, lambda: "✗ two endpoints disagree; ask a third." in screen_text(app), "the reason")
        await pilot.press("y", "x")
        assert review.query_one("#confirm", Button).disabled
    assert (session.sent, session.exported) == ([], [])


async def test_a_signature_that_failed_can_be_tried_again_and_nothing_closes_meanwhile() -> None:
    session = FakeSession(votes.voted_on(), error=None)
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        review = await _vote(pilot, "yes")
        await _armed(pilot, review)
        session.error = SignerError("the passphrase is wrong", safe="nothing was sent")
        session.answer.clear()
        await alone(pilot, "y")
        await until(pilot, lambda: session.sent, "the first try")
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen is review
        session.answer.set()
        await until(pilot, lambda: "the passphrase is wrong; nothing was sent." in screen_text(app), "the reason")
        session.error = None
        await alone(pilot, "y")
        await until(pilot, lambda: "In block 1,236" in screen_text(app), "the block")
    assert len(session.sent) == 2


async def _rollback(pilot: Pilot[int]) -> ReviewScreen:
    await _proposal(pilot)
    await pilot.press("b")
    await until(pilot, lambda: isinstance(pilot.app.screen, DetailsScreen), "the reason's field")
    await pilot.press("enter")
    await until(pilot, lambda: "✗" in screen_text(pilot.app), "the refusal")
    await pilot.press(*"it crashed", "enter")
    return await _review(pilot)


ROLLED_BACK = votes.shown(votes.crossed(contracts_at=1230), height=1302)


async def test_a_dangerous_one_wants_the_networks_name() -> None:
    session = FakeSession(ROLLED_BACK)
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        review = await _rollback(pilot)
        await _armed(pilot, review)
        field = review.query_one("#typed", Input)
        await pilot.press("y", "enter")
        await until(pilot, lambda: "exactly" in screen_text(app), "the refusal")
        assert session.sent == []
        field.value = ""
        await pilot.press(*"devnet")
        await alone(pilot, "enter")
        await until(pilot, lambda: session.sent, "the call")
    assert [(call.function, call.args) for call in session.sent] == [("rollback", (2, "it crashed"))]


async def test_a_name_typed_ahead_or_pasted_confirms_nothing() -> None:
    session = FakeSession(ROLLED_BACK)
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        session.review_answer.clear()
        review = await _rollback(pilot)
        await pilot.press(*"devnet", "enter")
        session.review_answer.set()
        await _armed(pilot, review)
        field = review.query_one("#typed", Input)
        assert field.value == ""
        field.focus()
        app.post_message(events.Paste("devnet"))
        await pilot.pause()
        assert field.value == ""
        # Pasted as keys, with the Enter in the same burst.
        for key in (*"devnet", "enter"):
            app.post_message(events.Key(key, key if len(key) == 1 else "\r"))
        await until(pilot, lambda: "came in a burst" in screen_text(app), "the answer")
        await pilot.pause()
    assert session.sent == []


async def test_what_was_typed_for_a_call_is_kept() -> None:
    app = UpgradeConsoleApp(FakeSession(votes.shown(votes.scheduled())))
    async with app.run_test() as pilot:
        await _proposal(pilot)
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, DetailsScreen), "the fields")
        await pilot.press(*"abc", "escape")
        await until(pilot, lambda: isinstance(app.screen, ProposalScreen), "the proposal")
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, DetailsScreen), "the fields again")
        assert app.screen.query_one("#detail-hash", Input).value == "abc"


@pytest.mark.parametrize(
    ("proposal", "height", "key", "function"),
    [
        (votes.voting(no_power=14), 1234, "f", "finalize"),
        (votes.approved(votes.TWO_READY), 2401, "z", "expire"),
        (votes.voting(yes_power=0, no_power=0), 1234, "c", "cancel"),
        (votes.scheduled(), 1234, "e", "executeContracts"),
        (votes.scheduled(contracts_at=1230, status=ProposalStatus.CANCELLED), 1234, "u", "undoContracts"),
    ],
)
async def test_each_verb_reviews_its_own_function(proposal: Proposal, height: int, key: str, function: str) -> None:
    session = FakeSession(votes.shown(proposal, height=height))
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await _proposal(pilot)
        await pilot.press(key)
        await _armed(pilot, await _review(pilot))
    assert [call.function for call in session.reviewed] == [function]


async def test_running_an_initialiser_wants_the_name() -> None:
    app = UpgradeConsoleApp(FakeSession(votes.shown(votes.calls_alone())))
    async with app.run_test() as pilot:
        await _proposal(pilot)
        await pilot.press("e")
        review = await _review(pilot)
        assert review.query("#typed")


def test_coins_are_exact() -> None:
    assert [coins(wei) for wei in (0, 1, 10**18, 360_000_000_000_000, 123 * 10**17)] == [
        "0",
        "0.000000000000000001",
        "1",
        "0.00036",
        "12.3",
    ]
