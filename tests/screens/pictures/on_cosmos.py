"""Votes and proposals of a Cosmos chain, through its own daemon."""

from __future__ import annotations

from functools import partial
from typing import Any

from textual.pilot import Pilot

from console.operations.chain_messages import vote_message
from console.text import untrusted
from screens.ballot import BallotScreen
from screens.propose_upgrade import ProposeUpgradeScreen
from screens.review import ReviewScreen
from tests import chain_fakes
from tests.console.operations.test_proposal_draft import a_draft
from tests.screens.pictures.scene import Scene, State, keys, stage
from tests.screens.pictures.stages import HOSTILE, session
from tests.screens.pictures.ways import armed, fill, opened, then
from tests.screens.test_hostile_tour import HostileSession

VOTED = stage(lambda: session(chain_fakes.shown(chain_fakes.voting())))
HOSTILE_VOTE = stage(lambda: HostileSession(HOSTILE, chain_fakes.shown(chain_fakes.voting())))
BALLOT = then(keys("2", "enter"), opened("ProposalScreen"), keys("t"), opened("BallotScreen"))
PROPOSE = then(keys("p"), opened("ProposeUpgradeScreen"))
DRAFTED = a_draft(
    path="/home/op/runs/verify-network/files/revert-proposal.json",
    kind="cosmos",
    takes_back=untrusted("v2.0.0"),
    fields={
        "name": "revert-v2.0.0",
        "height": "190000",
        "info": "",
        "title": "Revert v2.0.0",
        "summary": "v2.0.0, applied at height 1300, is taken back by another upgrade.",
        "deposit": "",
    },
    missing={
        "state": "whether the release of before can read the state as it is now: ask its makers before you propose it",
        "handler": "an upgrade handler revert-v2.0.0 in the release: x/upgrade runs nothing without one",
        "deposit": "the deposit, and who pays it",
        "binaries": "how everybody gets the release of before: write it into Info, or agree on it",
    },
)
FILLED = {f"field_{name}": value for name, value in chain_fakes.FIELDS.items()}


async def from_draft(pilot: Pilot[Any]) -> None:
    """The form with a revert upgrade, of which four things are missing."""
    pilot.app.call_later(pilot.app.proposing.open, DRAFTED)  # type: ignore[attr-defined]
    await opened("ProposeUpgradeScreen")(pilot)


async def reviewing(pilot: Pilot[Any]) -> None:
    """Open the review of a vote."""
    message = vote_message(42, "yes", about="Upgrade to v2.0.0")
    made = pilot.app.session  # type: ignore[attr-defined]
    await pilot.app.push_screen(ReviewScreen(made, lambda: message))


SCENES = (
    Scene(BallotScreen, State.USUAL, VOTED, "it would pass now", BALLOT),
    Scene(BallotScreen, State.HOSTILE, HOSTILE_VOTE, "Vote on proposal 42", BALLOT),
    Scene(ReviewScreen, State.USUAL, VOTED, "y signs and sends", then(reviewing, armed), "message"),
    Scene(ProposeUpgradeScreen, State.USUAL, VOTED, "Propose an upgrade on", PROPOSE),
    Scene(ProposeUpgradeScreen, State.USUAL, VOTED, "well formed", then(PROPOSE, fill(**FILLED)), "filled"),
    Scene(
        ProposeUpgradeScreen,
        State.ERROR,
        stage(partial(session, chain_fakes.shown(chain_fakes.voting()))),
        "press Read…",
        then(PROPOSE, fill(**{**FILLED, "field_manifest": "/home/op/release.json"})),
    ),
    Scene(ProposeUpgradeScreen, State.USUAL, VOTED, "! missing", from_draft, "draft"),
    Scene(ProposeUpgradeScreen, State.HOSTILE, HOSTILE_VOTE, "Propose an upgrade on", PROPOSE),
)
