"""Every dialog: what it asks, what stands there while nobody answers, what it says when it is refused."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from textual.command import CommandPalette
from textual.pilot import Pilot

from console.errors import NodeError
from console.model import NodeCommand, NodeStatus
from console.node.discovery import Finding, Level
from console.operations.first_look import FirstLook
from console.welcome_app import WelcomeApp
from screens.bring_up import BringUpScreen
from screens.copy import CopyScreen
from screens.emergency import EmergencyScreen
from screens.help import HelpScreen
from screens.leave import QuitScreen
from screens.node_menu import NodeMenuScreen
from screens.plan import PlanScreen
from screens.release import ReleaseScreen
from screens.unlock import UnlockScreen
from screens.welcome import WelcomeScreen
from screens.whole_text import WholeTextScreen
from tests import fakes, node_fakes
from tests import governance_fakes as votes
from tests.screens.pictures.impossible import IMPOSSIBLE
from tests.screens.pictures.scene import Scene, Stage, State, Way, keys, nothing_yet, stage
from tests.screens.pictures.stages import (
    HOSTILE,
    STAGES,
    USUAL,
    VOTED,
    SilentSession,
    let_go,
    session,
)
from tests.screens.pictures.ways import armed, choose, opened, pressed, then
from tests.screens.test_bring_up import BringingSession
from tests.screens.test_hostile_tour import HostileSession
from tests.screens.test_welcome import FIRST, FULL
from tests.screens.test_welcome import HOSTILE as HOSTILE_LOOK
from tests.session_fakes import FakeSession

REFUSED_BY_A_STRANGER = stage(lambda: HostileSession(HOSTILE, node_fakes.controller_down()))
LOCKED = stage(lambda: FakeSession(votes.voted_on(), locked=True))
UNPROVEN = stage(partial(session, fakes.unproven()))
STOPPING = then(keys("f9"), opened("EmergencyScreen"), choose("#stop"), opened("PlanScreen"), armed)


# The emergency, and stopping a node

_CHOICES = {
    State.USUAL: "stops signing and stays down",
    State.EMPTY: "stops signing and stays down",
    State.LOADING: "Nothing is known of a node yet",
    State.STALE: "stops signing",
    State.DISCONNECTED: "no controller answers",
    State.ERROR: "stops signing",
    State.HALTED: "does not run",
    State.WAITING_FOR_QUORUM: "stops signing",
    State.NEEDS_OPERATOR: "stops signing",
    State.HOSTILE: "stops signing",
}
EMERGENCY = [
    *(Scene(EmergencyScreen, state, STAGES[state], words, keys("f9")) for state, words in _CHOICES.items()),
    Scene(EmergencyScreen, State.USUAL, VOTED, "2 of the 3 approvals", keys("f9"), "vote"),
    Scene(
        EmergencyScreen,
        State.USUAL,
        LOCKED,
        "The console is locked",
        keys("f9"),
        "locked",
    ),
    Scene(
        EmergencyScreen,
        State.DISCONNECTED,
        stage(partial(session, fakes.chain_down())),
        "does not answer",
        keys("f9"),
        "chain_down",
    ),
]


class RefusingNode(FakeSession):
    """Its controller refuses what it is asked to do."""

    async def node_command(self, command: NodeCommand) -> NodeStatus:
        raise NodeError("the controller is busy with a crossing", safe="the node goes on as it is", next_step="wait")


def _plan_in(state: State, words: str, *way: Way, made: Stage | None = None, name: str = "") -> Scene:
    return Scene(PlanScreen, state, made or STAGES[state], words, then(*way), name)


_MENU_STOP = (keys("n"), opened("NodeMenuScreen"), keys("x"), opened("PlanScreen"))
PLANS = [
    _plan_in(State.USUAL, "to stop", STOPPING, name="emergency_stop"),
    _plan_in(State.USUAL, "Type why", keys("n", "f"), opened("PlanScreen"), armed, made=UNPROVEN, name="unproven"),
    _plan_in(State.USUAL, "to signal", keys("r"), opened("PlanScreen"), armed, name="ready"),
    _plan_in(
        State.USUAL,
        "STOPPED_BY_OPERATOR",
        STOPPING,
        pressed("enter", typed="devnet"),
        made=stage(partial(session, fakes.go())),
        name="done",
    ),
    _plan_in(
        State.LOADING,
        "Working",
        STOPPING,
        pressed("enter", typed="devnet"),
        made=stage(lambda: SilentSession(fakes.go()), over=let_go),
    ),
    _plan_in(
        State.ERROR,
        "busy with a crossing",
        STOPPING,
        pressed("enter", typed="devnet"),
        made=stage(lambda: RefusingNode(fakes.go())),
    ),
    _plan_in(State.STALE, "to stop", *_MENU_STOP, armed),
    _plan_in(State.WAITING_FOR_QUORUM, "to stop", *_MENU_STOP, armed),
    _plan_in(State.NEEDS_OPERATOR, "to stop", *_MENU_STOP, armed),
    _plan_in(State.HOSTILE, "to stop", *_MENU_STOP, armed),
]

MENUS = [
    Scene(NodeMenuScreen, state, STAGES[state], "Enter or the letter", keys("n"))
    for state in State
    if state not in IMPOSSIBLE[NodeMenuScreen]
]
MENUS.append(Scene(NodeMenuScreen, State.USUAL, UNPROVEN, "Enter or the letter", keys("n"), "unproven"))


# What only shows

RELEASE = keys("2", "v")
SHOWN = [
    Scene(ReleaseScreen, State.USUAL, USUAL, "What was checked", RELEASE),
    Scene(ReleaseScreen, State.EMPTY, STAGES[State.EMPTY], "No plan was taken up", RELEASE),
    Scene(
        ReleaseScreen,
        State.LOADING,
        stage(lambda: SilentSession(fakes.go()), over=let_go),
        "The controller looks at it",
        RELEASE,
    ),
    Scene(ReleaseScreen, State.ERROR, STAGES[State.ERROR], "HTTP 502", RELEASE),
    Scene(ReleaseScreen, State.HOSTILE, STAGES[State.HOSTILE], "What it says", RELEASE),
    # Narrowed, so that not every new key is a new picture.
    Scene(HelpScreen, State.USUAL, USUAL, "ready", keys("question_mark", *"ready")),
    Scene(HelpScreen, State.EMPTY, USUAL, "No key and no word", keys("question_mark", *"xyzzy")),
    Scene(HelpScreen, State.DISCONNECTED, STAGES[State.DISCONNECTED], "Not now", keys("question_mark", *"ready")),
    Scene(HelpScreen, State.HOSTILE, REFUSED_BY_A_STRANGER, "Not now", keys("question_mark", *"machine")),
    Scene(CommandPalette, State.USUAL, USUAL, "Theme: light", keys("ctrl+p", *"light")),
    Scene(CommandPalette, State.EMPTY, USUAL, "No matches", keys("ctrl+p", *"xyzzy")),
    Scene(CommandPalette, State.DISCONNECTED, STAGES[State.DISCONNECTED], "not now", keys("ctrl+p", *"ready")),
    Scene(CommandPalette, State.HOSTILE, REFUSED_BY_A_STRANGER, "not now", keys("ctrl+p", *"now")),
    Scene(CopyScreen, State.USUAL, USUAL, "chain id", keys("y")),
    Scene(CopyScreen, State.USUAL, USUAL, "Sent to the clipboard", keys("y", "enter"), "sent"),
    Scene(CopyScreen, State.LOADING, STAGES[State.LOADING], "own validator's address", keys("y")),
    Scene(CopyScreen, State.HOSTILE, STAGES[State.HOSTILE], "chain id", keys("y")),
    Scene(WholeTextScreen, State.USUAL, USUAL, "y copies", keys("6", "enter")),
    Scene(WholeTextScreen, State.HOSTILE, STAGES[State.HOSTILE], "y copies", keys("5", "up", "enter")),
]


# Coming and going


def welcome(look: Callable[[], FirstLook], over: Way = nothing_yet) -> Stage:
    """The welcome, with what is found on the machine."""
    return Stage(lambda: WelcomeApp(look=look), opened("WelcomeScreen"), over)


LOOKED = threading.Event()
"""Set when the look at the machine may come to its end."""


def _looking() -> FirstLook:
    LOOKED.wait()
    return FIRST


async def _look_no_more(pilot: Pilot[Any]) -> None:
    LOOKED.set()


UNREADABLE = replace(
    FIRST,
    findings=(Finding(Level.FAIL, "settings", "/home/op/.config/c.toml: line 3 is no TOML"),),
)


ENDS = [
    Scene(QuitScreen, State.USUAL, USUAL, "Keep it running", keys("q")),
    Scene(
        QuitScreen,
        State.USUAL,
        stage(lambda: FakeSession(fakes.go(), read_only=True)),
        "Keep it running",
        keys("q"),
        "read_only",
    ),
    Scene(UnlockScreen, State.USUAL, LOCKED, "to unlock", then(keys("ctrl+l"), armed)),
    Scene(BringUpScreen, State.LOADING, stage(BringingSession, opened("BringUpScreen")), "starting four nodes"),
    Scene(
        BringUpScreen,
        State.ERROR,
        stage(partial(BringingSession, failures=1), opened("BringUpScreen")),
        "port 20001 is taken",
    ),
    Scene(WelcomeScreen, State.USUAL, welcome(lambda: FULL), "Open calib"),
    Scene(WelcomeScreen, State.USUAL, welcome(lambda: FULL), "gaiad", keys("down", "down"), "proposed"),
    Scene(WelcomeScreen, State.EMPTY, welcome(lambda: FIRST), "Try it"),
    Scene(WelcomeScreen, State.LOADING, welcome(_looking, _look_no_more), "Looking at what"),
    Scene(WelcomeScreen, State.ERROR, welcome(lambda: UNREADABLE), "no TOML"),
    Scene(WelcomeScreen, State.HOSTILE, welcome(lambda: HOSTILE_LOOK), "/home/", keys("down", "down")),
]


SCENES = (*EMERGENCY, *PLANS, *MENUS, *SHOWN, *ENDS)
