"""Votes and proposals of a Cosmos chain, through its own daemon."""

from __future__ import annotations

from functools import partial
from typing import Any

from textual.pilot import Pilot

from console.operations.chain_messages import vote_message
from screens.ballot import BallotScreen
from screens.propose_upgrade import ProposeUpgradeScreen
from screens.review import ReviewScreen
from tests import chain_fakes
from tests.screens.pictures.scene import Scene, State, keys, stage
from tests.screens.pictures.stages import HOSTILE, session
from tests.screens.pictures.ways import armed, fill, opened, then
from tests.screens.test_hostile_tour import HostileSession

VOTED = stage(lambda: session(chain_fakes.shown(chain_fakes.voting())))
HOSTILE_VOTE = stage(lambda: HostileSession(HOSTILE, chain_fakes.shown(chain_fakes.voting())))
BALLOT = then(keys("2", "enter"), opened("ProposalScreen"), keys("t"), opened("BallotScreen"))
PROPOSE = then(keys("p"), opened("ProposeUpgradeScreen"))
FILLED = {f"field_{name}": value for name, value in chain_fakes.FIELDS.items()}


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
    Scene(ProposeUpgradeScreen, State.HOSTILE, HOSTILE_VOTE, "Propose an upgrade on", PROPOSE),
)
