"""Votes, deposits and proposals of a Cosmos chain on the screen: the same keys as of a registry, through its daemon."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input

from console.app import UpgradeConsoleApp
from console.errors import DaemonError
from console.model import ProposalStatus, Tally
from screens.ballot import BallotScreen
from screens.details import DetailsScreen
from screens.proposal import ProposalScreen
from screens.proposal_verbs import VERBS, verb_refusal
from screens.propose_upgrade import ProposeUpgradeScreen
from screens.review import ReviewScreen
from tests import chain_fakes, governance_fakes
from tests.pilot import alone, screen_text, settled, until
from tests.session_fakes import FakeSession

pytestmark = pytest.mark.anyio


async def opened(pilot: Pilot[int]) -> None:
    await settled(pilot)
    await pilot.press("2")
    await pilot.pause()
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, ProposalScreen), "the proposal in full")


async def press(pilot: Pilot[int], selector: str) -> None:
    pilot.app.screen.query_one(selector, Button).focus()
    await pilot.press("enter")


async def reviewed(pilot: Pilot[int]) -> ReviewScreen:
    await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen), "the review")
    screen = pilot.app.screen
    assert isinstance(screen, ReviewScreen)
    await until(pilot, lambda: not screen.query_one("#confirm", Button).disabled, "the armed review")
    return screen


async def test_a_vote_shows_the_tally_as_it_moves_and_is_sent_by_the_daemon() -> None:
    session = FakeSession(chain_fakes.shown(chain_fakes.voting()))
    session.warnings = ("the node is catching up",)
    app = UpgradeConsoleApp(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, BallotScreen) and app.screen.focused is not None, "the vote")
        text = screen_text(app)
        for piece in ("Upgrade to v2.0.0", "yes 88.8%", "turnout 41.8%", "it would pass now", "in 1h 30m"):
            assert piece in text, text
        less = chain_fakes.ballot(tally=Tally(yes=1, no=2_000_000, veto=3_000_000))
        app.snapshot = chain_fakes.shown(chain_fakes.voting(ballot=less))
        await until(pilot, lambda: "it would fail now" in screen_text(app), "the tally moves")
        await press(pilot, "#no-with-veto")
        review = await reviewed(pilot)
        text = screen_text(app)
        for piece in (
            "Votes NO WITH VETO on proposal 42 (Upgrade to v2.0.0)",
            "message    @type: /cosmos.gov.v1.MsgVote",
            "1876uve, for at most 75,002 gas",
            "validator of the file keyring of virtengined",
            "the node is catching up",
        ):
            assert piece in text, text
        assert session.messages_sent == []
        await alone(pilot, "y")
        await until(pilot, lambda: "In block 1,240" in screen_text(app), "the vote is in a block")
        assert review.outcome is not None
        assert [message.command for message in session.messages_sent] == [("gov", "vote", "42", "no_with_veto")]


async def test_a_split_vote_is_asked_for_its_shares() -> None:
    session = FakeSession(chain_fakes.shown(chain_fakes.voting()))
    app = UpgradeConsoleApp(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, BallotScreen) and app.screen.focused is not None, "the vote")
        await press(pilot, "#split")
        await until(pilot, lambda: isinstance(app.screen, DetailsScreen), "the shares")
        app.screen.query_one("#detail-shares", Input).value = "yes=0.7,no=0.2"
        await pilot.press("enter")
        await until(pilot, lambda: "the shares come to 0.9; they have to come to 1" in screen_text(app), "the refusal")
        app.screen.query_one("#detail-shares", Input).value = "yes=0.7,no=0.3"
        await pilot.press("enter")
        await reviewed(pilot)
        assert "Votes 70 % YES, 30 % NO on proposal 42 (Upgrade to v2.0.0)" in screen_text(app)
        await alone(pilot, "y")
        await until(pilot, lambda: "In block 1,240" in screen_text(app), "the vote is in a block")
        (sent,) = session.messages_sent
        assert sent.command == ("gov", "weighted-vote", "42", "yes=0.7,no=0.3")


async def test_a_deposit_starts_with_what_is_missing_and_a_refusal_of_the_daemon_is_told() -> None:
    session = FakeSession(chain_fakes.shown(chain_fakes.depositing()))
    session.review_error = DaemonError("virtengined refused: out of funds", safe="nothing was sent")
    app = UpgradeConsoleApp(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        # Nobody votes yet, so its key is not in the footer.
        assert "t Vote" not in screen_text(app)
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, DetailsScreen), "the deposit")
        assert "6,000,000 uve more opens the vote" in screen_text(app)
        assert app.screen.query_one("#detail-amount", Input).value == "6000000uve"
        await press(pilot, "#review")
        await until(pilot, lambda: "out of funds" in screen_text(app), "the refusal")
        assert session.messages[0].command == ("gov", "deposit", "42", "6000000uve")


async def test_an_upgrade_is_proposed_by_a_form_of_its_own() -> None:
    session = FakeSession(
        chain_fakes.shown(),
        problems=lambda fields: {} if fields.get("deposit") else {"deposit": "the deposit is missing"},
    )
    app = UpgradeConsoleApp(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, ProposeUpgradeScreen), "the form")
        form = app.screen
        assert isinstance(form, ProposeUpgradeScreen)
        for name, value in chain_fakes.FIELDS.items():
            form.query_one(f"#field-{name}", Input).value = value
        await until(pilot, lambda: not form.query_one("#submit", Button).disabled, "all is well")
        assert form.fields() == chain_fakes.FIELDS | {"cancels": "no", "expedited": "no"}
        await press(pilot, "#submit")
        review = await reviewed(pilot)
        assert "Proposes v2.0.0, with 10000000uve as deposit." in screen_text(app)
        await alone(pilot, "y")
        await until(pilot, lambda: "as proposal 43" in screen_text(app), "it is in a block")
        assert review.outcome is not None
        await pilot.press("escape")
        await until(pilot, lambda: "Proposal 43 (v2.0.0) is on the chain" in screen_text(app), "what came of it")
        assert session.proposed == [form.fields()]


async def test_a_manifest_is_read_before_it_is_proposed() -> None:
    session = FakeSession(chain_fakes.shown(), problems=lambda _: {})
    app = UpgradeConsoleApp(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, ProposeUpgradeScreen), "the form")
        form = app.screen
        form.query_one("#field-manifest", Input).value = "/home/op/release.json"
        await until(pilot, lambda: "press Read…" in screen_text(app), "it has to be read")
        assert form.query_one("#submit", Button).disabled
        session.error = DaemonError("the manifest is for another chain")
        await press(pilot, "#read-manifest")
        await until(pilot, lambda: "is for another chain" in screen_text(app), "why it cannot be used")
        session.error = None
        # A button takes no second press while it shows the first.
        read = form.query_one("#read-manifest", Button)
        await until(pilot, lambda: not read.has_class("-active"), "the button is ready")
        await press(pilot, "#read-manifest")
        await until(pilot, lambda: form.query_one("#field-name", Input).value == "v0.3.0", "its name")
        assert not form.query_one("#submit", Button).disabled


def test_only_what_x_gov_has_can_be_done_with_its_proposals() -> None:
    open_ones = {verb for verb in VERBS if not verb_refusal(verb, chain_fakes.voting(), 1234)}
    assert open_ones == {"vote", "deposit", "cancel"}
    assert {verb for verb in VERBS if not verb_refusal(verb, chain_fakes.depositing(), 1234)} == {"deposit", "cancel"}
    scheduled = chain_fakes.voting(status=ProposalStatus.SCHEDULED)
    assert "another proposal" in verb_refusal("cancel", scheduled, 1234)
    assert all(verb_refusal(verb, scheduled, 1234) for verb in VERBS)
    assert "no deposit" in verb_refusal("deposit", governance_fakes.voting(), 1234)
