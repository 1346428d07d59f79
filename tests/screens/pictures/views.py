"""The views: each in every state, then what is to be seen in one of them alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from textual.pilot import Pilot

from console.app import UpgradeConsoleApp
from console.console_settings import ConsoleSettings
from console.model import Snapshot, Verdict
from console.operations.replay_session import ReplaySession
from console.recording.file import load
from screens.audit import AuditScreen
from screens.fleet import FleetScreen
from screens.logs import LogsScreen
from screens.mode import ModeScreen
from screens.node import NodeScreen
from screens.overview import OverviewScreen
from screens.procedures import ProceduresScreen
from screens.proposal import ProposalScreen
from screens.proposals import ProposalsScreen
from screens.validators import ValidatorsScreen
from tests import fakes, node_fakes
from tests import governance_fakes as votes
from tests.console.recording.test_recorder import at
from tests.pilot import settled, until
from tests.recorded.record import HERE
from tests.screens.pictures.impossible import IMPOSSIBLE
from tests.screens.pictures.scene import BOTH, LARGE, SMALL, Scene, Size, Stage, State, Way, keys, known, stage
from tests.screens.pictures.stages import STAGES, VOTED, session
from tests.screens.test_travelling import fed
from tests.session_fakes import FakeSession

_EACH: dict[type[ModeScreen], tuple[str, str, dict[State, str]]] = {
    OverviewScreen: (
        "1",
        "This node: node1",
        {
            State.LOADING: "Waiting for the first answer",
            State.DISCONNECTED: "No node here",
            State.ERROR: "stale 40s",
            State.HOSTILE: "NO-GO",
        },
    ),
    ProposalsScreen: (
        "2",
        "readiness ready",
        {
            State.EMPTY: "There is no proposal yet",
            State.LOADING: "Waiting for the first answer",
            State.DISCONNECTED: "none of 4 endpoints",
        },
    ),
    ValidatorsScreen: (
        "3",
        "power, 27 needed",
        {
            State.EMPTY: "Nothing is proposed",
            State.LOADING: "Waiting for the first answer",
            State.DISCONNECTED: "Readiness",
        },
    ),
    NodeScreen: (
        "4",
        "412.0 GiB free",
        {State.LOADING: "Not known yet", State.DISCONNECTED: "No node is set up", State.ERROR: "HTTP 502"},
    ),
    LogsScreen: (
        "5",
        "committed state",
        {
            State.EMPTY: "No line yet",
            State.DISCONNECTED: "There is no log",
            State.ERROR: "Permission denied",
            State.HOSTILE: "2 lines",
        },
    ),
    AuditScreen: (
        "6",
        "6 entries",
        {
            State.EMPTY: "Nothing was decided",
            State.LOADING: "When",
            State.ERROR: "malformed",
        },
    ),
    ProceduresScreen: (
        "7",
        "4 runs",
        {
            State.EMPTY: "no runs yet",
            State.LOADING: "are being read",
            State.ERROR: "holds no whole line",
            State.HOSTILE: "1 run",
        },
    ),
    FleetScreen: (
        "8",
        "12 nodes",
        {
            State.EMPTY: "No node of this network",
            State.LOADING: "are being asked",
            State.DISCONNECTED: "no controller answers for node1",
            State.ERROR: "HTTP 502",
        },
    ),
}
"""The key of each view, what stands there when it is drawn, and what else in some states."""

IN_EVERY_STATE = [
    Scene(screen, state, STAGES[state], words.get(state, usual), keys(key))
    for state in State
    for screen, (key, usual, words) in _EACH.items()
    if state not in IMPOSSIBLE.get(screen, {})
]


def _overview(
    name: str, shown: Snapshot, words: str, state: State = State.USUAL, sizes: tuple[Size, ...] = BOTH
) -> Scene:
    return Scene(OverviewScreen, state, stage(partial(FakeSession, shown)), words, name=name, sizes=sizes)


_TIMELINE = stage(partial(session, fakes.go()))
TIMELINE = [Scene(ProceduresScreen, State.USUAL, _TIMELINE, "T-24h", keys("7", "t"), name="timeline")]

OVERVIEWS = [
    _overview("no_go", fakes.partly_ready(), "NO-GO", sizes=(*BOTH, LARGE)),
    _overview("unproven", fakes.unproven(), "NO-GO"),
    _overview("abort", fakes.frozen(Verdict.ABORT), "ABORT"),
    _overview("voting", fakes.voting_on_the_next_block(), "votes", State.WAITING_FOR_QUORUM),
    _overview("aborted_halt", fakes.aborted_at_the_halt(), "ABORT", State.HALTED),
    _overview("verifying", fakes.verifying(), "confirmed"),
    _overview("parked", fakes.parked(), "did not start in 3 tries", State.NEEDS_OPERATOR),
    _overview("committed", fakes.committed(), "confirmed"),
    _overview("chain_down", fakes.chain_down(), "none of 4 endpoints", State.DISCONNECTED),
    _overview("node_down", fakes.node_down(), "no controller answers", State.DISCONNECTED),
    _overview("before_a_vote", votes.voted_on(), "NOT YET"),
    _overview("before_readiness", votes.waiting_for_readiness(), "NOT YET"),
    _overview("contested", votes.contested(), "ENDPOINTS DISAGREE", State.ERROR),
    _overview("too_small", fakes.go(), "too small", sizes=((50, 12),)),
]


def _themed(name: str) -> Stage:
    def make() -> UpgradeConsoleApp:
        return UpgradeConsoleApp(FakeSession(fakes.partly_ready(), read_only=True), ConsoleSettings(theme=name))

    return Stage(make, known)


THEMES = [
    Scene(OverviewScreen, State.USUAL, _themed(name), "READ-ONLY", name=f"theme_{name}", sizes=(SMALL,))
    for name in ("light", "sixteen")
]

READINESS = stage(partial(session, votes.waiting_for_readiness()))
LISTS = [
    Scene(ProposalsScreen, State.USUAL, VOTED, "at 75% ready", keys("2"), "vote", (*BOTH, LARGE)),
    Scene(ValidatorsScreen, State.USUAL, READINESS, "Ready: 2", keys("3"), "readiness", (*BOTH, LARGE)),
    Scene(ValidatorsScreen, State.USUAL, READINESS, "t410f", keys("3", "a", "a"), "addresses", (SMALL,)),
    Scene(ValidatorsScreen, State.USUAL, VOTED, "voted yes", keys("3", "enter"), "opened"),
]


def _rolling_back() -> FakeSession:
    made = session(votes.rolling_back())
    made.governances[2] = votes.governance(rolled=True)
    return made


OPENED = [
    Scene(ProposalScreen, State.USUAL, stage(_rolling_back), "Roll back", keys("2", "enter"), "rolling_back", (LARGE,)),
    Scene(
        ProposalScreen,
        State.USUAL,
        stage(partial(session, votes.voted_on())),
        "we cannot follow it in time",
        keys("2", "enter", "a"),
        "addresses",
        (LARGE,),
    ),
]


def _node(name: str, state: State, shown: Snapshot, words: str, dress: Callable[[FakeSession], None]) -> Scene:
    def make() -> FakeSession:
        made = session(shown, node="down" if shown.node is not None and shown.node.pid is None else "running")
        dress(made)
        return made

    return Scene(NodeScreen, state, stage(make), words, keys("4"), name)


def _seen_as_another(made: FakeSession) -> None:
    made.tree = node_fakes.hidden()


def _without_a_node(made: FakeSession) -> None:
    made.node_error = fakes.no_node()


def _as_it_is(_made: FakeSession) -> None:
    """Nothing more."""


NODES = [
    _node("stopped", State.USUAL, node_fakes.stopped(), "STOPPED_BY_OPERATOR", _as_it_is),
    _node("parked", State.NEEDS_OPERATOR, node_fakes.parked(), "PARKED", _as_it_is),
    _node(
        "controller_down", State.DISCONNECTED, node_fakes.controller_down(), "no controller answers", _seen_as_another
    ),
    _node("none", State.EMPTY, fakes.node_down(), "no node of network devnet", _without_a_node),
]


def _held(*pressed: str) -> Way:
    """Go back and forth once there are moments to go to."""

    async def run(pilot: Pilot[Any]) -> None:
        app = pilot.app
        assert isinstance(app, UpgradeConsoleApp)
        await until(pilot, lambda: app.past is not None or app._recorder is not None, "the first moment")
        if isinstance(app.session, FakeSession):
            await settled(pilot)
            await fed(pilot, app.session, *(at(second) for second in range(1, 8)), at(31, fakes.frozen()))
        for key in pressed:
            place = app.past.place if app.past is not None else 0
            await pilot.press(key)
            await until(pilot, lambda place=place: app.past is not None and app.past.place != place, key)  # type: ignore[misc]
        await pilot.pause()

    return run


TRAVELS = [
    Scene(
        OverviewScreen,
        State.USUAL,
        stage(lambda: FakeSession(replace(at(0), height=1277))),
        "PAST",
        _held("comma", "comma"),
        "past",
    ),
    Scene(
        OverviewScreen,
        State.USUAL,
        # From its end: at its beginning it runs.
        Stage(lambda: UpgradeConsoleApp(ReplaySession(load(HERE / "upgrade.jsonl"))), lambda pilot: pilot.pause()),
        "REPLAY",
        _held("end", *["less_than_sign"] * 7),
        "replay",
    ),
]

SCENES = (*TIMELINE, *IN_EVERY_STATE, *OVERVIEWS, *THEMES, *LISTS, *OPENED, *NODES, *TRAVELS)
