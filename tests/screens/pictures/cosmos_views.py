"""The views on a Cosmos chain: its vote, its plan, its halt, and who is jailed."""

from __future__ import annotations

from collections.abc import Callable

from console.model import Snapshot
from screens.overview import OverviewScreen
from screens.proposal import ProposalScreen
from screens.proposals import ProposalsScreen
from screens.validators import ValidatorsScreen
from tests import cosmos_fakes as cosmos
from tests.screens.pictures.scene import BOTH, LARGE, SMALL, Scene, Stage, State, keys, stage
from tests.session_fakes import FakeSession


def _on(make: Callable[[], Snapshot]) -> Stage:
    return stage(lambda: FakeSession(make(), network="virtengine", log=()))


_VOTED, _SCHEDULED, _HALTED = _on(cosmos.voted), _on(cosmos.scheduled), _on(lambda: cosmos.halted(1))
_OPENED = keys("2", "down", "enter")

SCENES = [
    Scene(OverviewScreen, State.USUAL, _VOTED, "the vote is open", keys("1"), "cosmos_vote", BOTH),
    Scene(OverviewScreen, State.USUAL, _SCHEDULED, "the chain stops by itself", keys("1"), "cosmos_plan", BOTH),
    Scene(OverviewScreen, State.WAITING_FOR_QUORUM, _HALTED, "CROSSING", keys("1"), "cosmos", (SMALL, LARGE)),
    Scene(ProposalsScreen, State.USUAL, _VOTED, "Turnout", keys("2"), "cosmos", (*BOTH, LARGE)),
    Scene(
        ProposalScreen, State.USUAL, _VOTED, "it would pass now", keys("2", "down", "enter"), "cosmos", (*BOTH, LARGE)
    ),
    Scene(ValidatorsScreen, State.USUAL, _SCHEDULED, "1 jailed", keys("3"), "cosmos", (*BOTH, LARGE)),
    Scene(ValidatorsScreen, State.USUAL, _SCHEDULED, "operator", keys("3", "enter"), "cosmos_detail", (SMALL,)),
]
