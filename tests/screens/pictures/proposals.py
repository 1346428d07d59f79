"""A proposal and everything that is done with one: opened, voted on, reviewed, proposed."""

from __future__ import annotations

from functools import partial
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Checkbox

from console.errors import ChainError
from console.operations.governance import halt_call, vote_call
from screens.cuts import CutsScreen
from screens.details import DetailsScreen
from screens.proposal import ProposalScreen
from screens.propose import ProposeScreen
from screens.review import ReviewScreen
from screens.vote import VoteScreen
from tests import fakes
from tests import governance_fakes as votes
from tests.console.operations.test_proposal_draft import a_draft
from tests.fakes import HASH, URL
from tests.screens.pictures.impossible import IMPOSSIBLE
from tests.screens.pictures.scene import BOTH, LARGE, Scene, State, Way, keys, stage
from tests.screens.pictures.stages import (
    HOSTILE,
    STAGES,
    VOTED,
    SilentSession,
    let_go,
    refused,
    session,
)
from tests.screens.pictures.ways import armed, choose, fill, opened, pressed, then
from tests.screens.test_hostile_tour import HostileSession
from tests.session_fakes import FakeSession
from widgets.choice_field import ChoiceField

FILLED = {"name": "v0.2.0", "height": "1400", "url": URL, "hash": HASH}
HOSTILE_VOTE = stage(lambda: HostileSession(HOSTILE, votes.voted_on()))
SILENT_VOTE = stage(lambda: SilentSession(votes.voted_on()), over=let_go)
FAILING_VOTE = stage(lambda: refused(session(votes.voted_on())))
PROPOSAL = then(keys("2", "enter"), opened("ProposalScreen"))


PROPOSALS = [
    Scene(ProposalScreen, State.USUAL, VOTED, "EXPEDITED vote", PROPOSAL, "vote", (*BOTH, LARGE)),
    Scene(ProposalScreen, State.USUAL, VOTED, "2 of the 3 that stop it", then(PROPOSAL, keys("pagedown")), "below"),
    Scene(ProposalScreen, State.LOADING, SILENT_VOTE, "Proposal 2", then(PROPOSAL, keys("pagedown"))),
    Scene(ProposalScreen, State.ERROR, FAILING_VOTE, "HTTP 502", then(PROPOSAL, keys("pagedown"))),
    Scene(ProposalScreen, State.HOSTILE, HOSTILE_VOTE, "Proposal 2", PROPOSAL),
    *(
        Scene(ProposalScreen, state, STAGES[state], "Proposal 1", PROPOSAL)
        for state in (State.USUAL, State.STALE, State.HALTED, State.WAITING_FOR_QUORUM, State.NEEDS_OPERATOR)
    ),
]
VOTE = [
    Scene(VoteScreen, State.USUAL, VOTED, "is signed", then(PROPOSAL, keys("t"))),
    Scene(VoteScreen, State.HOSTILE, HOSTILE_VOTE, "is signed", then(PROPOSAL, keys("t"))),
]
SCHEDULED = stage(partial(session, votes.shown(votes.scheduled())))
REPLACE = then(PROPOSAL, keys("x"), opened("DetailsScreen"))
DETAILS = [
    Scene(DetailsScreen, State.USUAL, SCHEDULED, "arming stays", REPLACE),
    Scene(DetailsScreen, State.ERROR, SCHEDULED, "✗", then(REPLACE, fill(detail_hash="abc"), choose("#review"))),
    Scene(
        DetailsScreen,
        State.HOSTILE,
        stage(lambda: HostileSession(HOSTILE, votes.shown(votes.scheduled()))),
        "Enter goes on",
        REPLACE,
    ),
]
CALLS = then(PROPOSAL, keys("d"))
CUTS = [
    Scene(CutsScreen, State.USUAL, VOTED, "INITIALISER", CALLS),
    Scene(CutsScreen, State.LOADING, SILENT_VOTE, "The chain is asked", CALLS),
    Scene(CutsScreen, State.ERROR, FAILING_VOTE, "HTTP 502", CALLS),
    Scene(CutsScreen, State.HOSTILE, HOSTILE_VOTE, "Linked calls", CALLS),
]


def reviewing(*, dangerous: bool) -> Way:
    """Open the review of a vote, or of an approval to stop the upgrade."""

    async def way(pilot: Pilot[Any]) -> None:
        call = halt_call(votes.voting(), 3, "it leaks") if dangerous else vote_call(votes.voting(), support=True)
        made = pilot.app.session  # type: ignore[attr-defined]
        await pilot.app.push_screen(ReviewScreen(made, lambda: call, dangerous=dangerous))

    return way


def _warned() -> FakeSession:
    made = session(votes.voted_on())
    made.warnings = ("its signer keeps this key in plain text",)
    return made


def _unreviewed() -> FakeSession:
    made = session(votes.voted_on())
    made.review_error = ChainError("execution reverted: NotCouncil", safe="nothing was signed", next_step="use its key")
    return made


REVIEWS = [
    Scene(ReviewScreen, State.USUAL, VOTED, "y signs and sends", then(reviewing(dangerous=False), armed)),
    Scene(
        ReviewScreen,
        State.USUAL,
        stage(_warned),
        "Type devnet",
        then(reviewing(dangerous=True), armed),
        "dangerous",
    ),
    Scene(
        ReviewScreen,
        State.USUAL,
        stage(partial(session, votes.voted_on())),
        "In block",
        then(reviewing(dangerous=False), pressed("y")),
        "signed",
    ),
    Scene(ReviewScreen, State.LOADING, SILENT_VOTE, "The chain is asked", reviewing(dangerous=False)),
    Scene(ReviewScreen, State.ERROR, stage(_unreviewed), "NotCouncil", reviewing(dangerous=False)),
    Scene(ReviewScreen, State.HOSTILE, HOSTILE_VOTE, "y signs", then(reviewing(dangerous=False), armed)),
]


# Proposing

DRAFTED = a_draft(
    path="/home/op/runs/verify-network/files/revert-proposal.json",
    missing={
        "state": "whether the release of before can read the state as it is now: ask its makers before you propose it",
        "url": "where everybody gets the release of before",
    },
)
PROPOSE = then(keys("p"), opened("ProposeScreen"))


async def both(pilot: Pilot[Any]) -> None:
    """A release and calls at once, scheduled by readiness, expedited; the end of the form is in sight."""
    form = pilot.app.screen
    form.query_one("#field-what", ChoiceField).choose("both")
    form.query_one("#field-schedule", ChoiceField).choose("readiness")
    form.query_one("#field-expedited", Checkbox).value = True
    await fill(field_name="v0.3.0", field_url=URL, field_hash=HASH, field_calls="/home/op/cut.json")(pilot)
    form.query_one("#field-expedited").focus()


def _filled(**changes: str) -> Way:
    return fill(**{f"field_{name}": value for name, value in {**FILLED, **changes}.items()})


async def from_draft(pilot: Pilot[Any]) -> None:
    """The form with a revert upgrade, of which two things are missing."""
    pilot.app.call_later(pilot.app.proposing.open, DRAFTED)  # type: ignore[attr-defined]
    await opened("ProposeScreen")(pilot)


PROPOSING = [
    *(
        Scene(ProposeScreen, state, STAGES[state], "Propose an upgrade on", PROPOSE)
        for state in State
        if state is not State.ERROR and state not in IMPOSSIBLE[ProposeScreen]
    ),
    Scene(
        ProposeScreen,
        State.USUAL,
        stage(partial(session, fakes.go())),
        "123 blocks ahead",
        then(PROPOSE, _filled()),
        "filled",
    ),
    Scene(
        ProposeScreen,
        State.ERROR,
        stage(partial(session, fakes.go())),
        "123 blocks ahead",
        then(PROPOSE, _filled(hash="abc")),
    ),
    Scene(ProposeScreen, State.USUAL, stage(partial(session, fakes.idle())), "EXPEDITED", then(PROPOSE, both), "both"),
    Scene(ProposeScreen, State.USUAL, stage(partial(session, fakes.committed())), "! missing", from_draft, "draft"),
]


SCENES = (*PROPOSALS, *VOTE, *DETAILS, *CUTS, *REVIEWS, *PROPOSING)
