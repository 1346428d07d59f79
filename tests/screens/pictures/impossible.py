"""Which states a screen cannot be in, with the reason: there every screen has no picture, and everywhere else one."""

from __future__ import annotations

from typing import Any

from textual.command import CommandPalette
from textual.screen import Screen

from screens.abort import AbortScreen
from screens.audit import AuditScreen
from screens.ballot import BallotScreen
from screens.bring_up import BringUpScreen
from screens.copy import CopyScreen
from screens.cuts import CutsScreen
from screens.details import DetailsScreen
from screens.fleet import FleetScreen
from screens.help import HelpScreen
from screens.leave import QuitScreen
from screens.logs import LogsScreen
from screens.node_menu import NodeMenuScreen
from screens.plan import PlanScreen
from screens.procedures import ProceduresScreen
from screens.proposal import ProposalScreen
from screens.propose import ProposeScreen
from screens.propose_upgrade import ProposeUpgradeScreen
from screens.release import ReleaseScreen
from screens.review import ReviewScreen
from screens.unlock import UnlockScreen
from screens.vote import VoteScreen
from screens.welcome import WelcomeScreen
from screens.whole_text import WholeTextScreen
from tests.screens.pictures.scene import State

Reasons = dict[State, str]

_OF_ONE_MOMENT = "it is about what it was opened for; how chain and node stand is told by the view below"
_OF_FILES = "it shows files of this machine, whatever the chain does; its status line is that of every view"
_AGED = frozenset({State.STALE, State.HALTED, State.WAITING_FOR_QUORUM, State.NEEDS_OPERATOR})
_OURS = "every word of it is ours"
_ASKS_NOBODY = "it asks nobody: what it shows is known when it opens"


def _not(reason: str, *states: State) -> Reasons:
    return dict.fromkeys(states, reason)


_UNMOVED = _not(_OF_ONE_MOMENT, *_AGED)
_UNASKED = _not(_ASKS_NOBODY, State.LOADING, State.ERROR, State.DISCONNECTED)

IMPOSSIBLE: dict[type[Screen[Any]], Reasons] = {
    AbortScreen: {
        **_not("it goes by this node's journal, which answers while nobody else does", *_AGED, State.DISCONNECTED),
        State.LOADING: "the count of no line is there when it opens",
        State.EMPTY: "its key is refused where nothing can be aborted",
    },
    AuditScreen: _not(_OF_FILES, State.STALE, State.HALTED, State.WAITING_FOR_QUORUM),
    ProceduresScreen: _not(_OF_FILES, *_AGED),
    LogsScreen: {
        **_not(_OF_FILES, State.STALE, State.HALTED, State.WAITING_FOR_QUORUM),
        State.LOADING: "it shows what is read so far a tenth of a second after it opens",
    },
    FleetScreen: _not("it shows what controllers say; how the chain stands is told by its status line", *_AGED),
    BringUpScreen: {
        **_not("nothing of the network is known before it is up", *_AGED, State.DISCONNECTED),
        **_not("it opens with the first step of the start", State.USUAL, State.EMPTY),
        State.HOSTILE: "steps and refusals are our own devnet's words",
    },
    BallotScreen: {**_UNMOVED, **_UNASKED, State.EMPTY: "it opens on a proposal under vote"},
    CommandPalette: {
        **_UNMOVED,
        **_not(_ASKS_NOBODY, State.LOADING, State.ERROR),
    },
    CopyScreen: {
        **_UNMOVED,
        **_not(_ASKS_NOBODY, State.ERROR, State.DISCONNECTED),
        State.EMPTY: "its key is refused where there is nothing to copy",
    },
    CutsScreen: {
        **_UNMOVED,
        State.EMPTY: "its key is refused where no call is linked",
        State.DISCONNECTED: "an endpoint that does not answer is a refused question: the error",
    },
    DetailsScreen: {
        **_UNMOVED,
        **_not(_ASKS_NOBODY, State.LOADING, State.DISCONNECTED),
        State.EMPTY: "its fields are empty when it opens: the usual",
    },
    HelpScreen: {**_UNMOVED, **_not(_ASKS_NOBODY, State.LOADING, State.ERROR)},
    NodeMenuScreen: {
        State.STALE: "it is about the node, which answers while the chain does not",
        State.LOADING: "its key does nothing before a node is known",
        State.DISCONNECTED: "its key is refused with the reason while no controller answers",
        State.ERROR: _ASKS_NOBODY,
    },
    PlanScreen: {
        State.EMPTY: "a plan always has an effect",
        State.DISCONNECTED: "what cannot be asked for opens no plan; what fails then is the error",
        State.HALTED: "a halted node is not stopped; its menu says so",
    },
    ProposalScreen: {
        State.EMPTY: "it opens on a proposal that is there",
        State.DISCONNECTED: "it opens on a proposal that is there; unanswered questions are the error",
    },
    ProposeScreen: _not("the form is that of a chain which stands: the halted", State.WAITING_FOR_QUORUM),
    ProposeUpgradeScreen: _not(
        "what it says of the chain is said as in the registry's form, which has the picture",
        *_AGED,
        State.EMPTY,
        State.LOADING,
        State.DISCONNECTED,
    ),
    QuitScreen: {
        **_UNMOVED,
        **_UNASKED,
        State.EMPTY: "it always has its three answers",
        State.HOSTILE: _OURS,
    },
    ReleaseScreen: {**_UNMOVED, State.DISCONNECTED: "its key is refused while no controller answers"},
    ReviewScreen: {
        **_UNMOVED,
        State.EMPTY: "it opens on one call",
        State.DISCONNECTED: "an endpoint that does not answer is a refused question: the error",
    },
    UnlockScreen: {**_UNMOVED, **_UNASKED, State.EMPTY: "it always has its question", State.HOSTILE: _OURS},
    VoteScreen: {**_UNMOVED, **_UNASKED, State.EMPTY: "it opens on a proposal under vote"},
    WelcomeScreen: {
        **_not("no network is chosen yet", *_AGED, State.DISCONNECTED),
    },
    WholeTextScreen: {**_UNMOVED, **_UNASKED, State.EMPTY: "it opens on a line that is there"},
}
"""Why there is no picture of a screen in a state; every other combination has one."""
