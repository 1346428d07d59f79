"""How the console looks: every screen and dialog, with a fixed clock in UTC.

After a change that is meant: `pytest tests/screens/test_pictures.py --snapshot-update`, and look at each picture.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Checkbox, Input

from console.app import UpgradeConsoleApp
from console.console_settings import ConsoleSettings
from console.model import Snapshot, Verdict
from console.operations.governance import halt_call, vote_call
from screens.plan import PlanScreen
from screens.review import ReviewScreen
from tests import fakes
from tests import governance_fakes as votes
from tests.fakes import HASH, URL, FakeSession
from tests.hostile import hostile
from tests.pilot import screen_text, settled, until
from tests.screens.test_bring_up import BringingSession
from tests.screens.test_validators import stances
from widgets.choice_field import ChoiceField

Compare = Callable[..., bool]
SMALL, MIDDLE, LARGE = (80, 24), (120, 40), (160, 48)
FILLED = {"name": "v0.2.0", "height": "1400", "url": URL, "hash": HASH}

OVERVIEWS: dict[str, tuple[Snapshot, tuple[int, int]]] = {
    "idle": (fakes.idle(), SMALL),
    "no_go": (fakes.partly_ready(), SMALL),
    "unproven": (fakes.unproven(), SMALL),
    "go": (fakes.go(), SMALL),
    "go_middle": (fakes.go(), MIDDLE),
    "no_go_large": (fakes.partly_ready(), LARGE),
    "abort": (fakes.frozen(Verdict.ABORT), SMALL),
    "halted": (fakes.halted(), SMALL),
    "quorum": (fakes.waiting_for_quorum(), SMALL),
    "quorum_middle": (fakes.voting_on_the_next_block(), MIDDLE),
    "aborted_halt": (fakes.aborted_at_the_halt(), SMALL),
    "verifying": (fakes.verifying(), SMALL),
    "parked": (fakes.parked(), SMALL),
    "committed": (fakes.committed(), SMALL),
    "stale": (fakes.stale(), SMALL),
    "chain_down": (fakes.chain_down(), SMALL),
    "node_down": (fakes.node_down(), SMALL),
    "called": (fakes.called(), SMALL),
    "hostile": (hostile("[@click=app.quit]\x1b[2Jquit[/] [/nope \u202e x"), SMALL),
}


def after(*keys: str) -> Callable[[Pilot[Any]], Awaitable[None]]:
    """Wait until all is drawn, then press the keys one by one."""

    async def run(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        for key in keys:
            await pilot.press(key)
            await pilot.pause()

    return run


@pytest.mark.parametrize("name", OVERVIEWS)
def test_overview(snap_compare: Compare, name: str) -> None:
    shown, size = OVERVIEWS[name]
    assert snap_compare(UpgradeConsoleApp(FakeSession(shown)), terminal_size=size, run_before=after())


@pytest.mark.parametrize("theme", ["light", "sixteen"])
def test_theme(snap_compare: Compare, theme: str) -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.partly_ready(), read_only=True), ConsoleSettings(theme=theme))
    assert snap_compare(app, run_before=after())


GOVERNED: dict[str, tuple[Snapshot, tuple[str, ...], tuple[int, int], str]] = {
    # Snapshot, keys, size, and what stands there when all is drawn.
    "proposals": (votes.voted_on(), ("2",), SMALL, "at 75% ready"),
    "proposals_large": (votes.voted_on(), ("2",), LARGE, "Proposed at"),
    "proposal": (votes.voted_on(), ("2", "enter"), SMALL, "EXPEDITED vote"),
    "proposal_votes": (votes.voted_on(), ("2", "enter", "pagedown"), SMALL, "2 of the 3 that stop it"),
    "proposal_large": (votes.voted_on(), ("2", "enter"), LARGE, "we cannot follow it in time"),
    "proposal_addresses": (votes.voted_on(), ("2", "enter", "a"), LARGE, "we cannot follow it in time"),
    "proposal_rollback": (votes.rolling_back(), ("2", "enter"), LARGE, "Roll back"),
    "waiting_for_a_vote": (votes.voted_on(), (), SMALL, "NOT YET"),
    "waiting_for_readiness": (votes.waiting_for_readiness(), (), SMALL, "NOT YET"),
    "readiness": (votes.waiting_for_readiness(), ("3",), SMALL, "Ready: 2"),
    "readiness_large": (votes.waiting_for_readiness(), ("3",), LARGE, "protocol 3"),
    "validator": (votes.voted_on(), ("3", "enter"), SMALL, "voted yes"),
    "readiness_addresses": (votes.waiting_for_readiness(), ("3", "a", "a"), SMALL, "t410f"),
    "vote": (votes.voted_on(), ("2", "enter", "t"), SMALL, "is signed"),
    "replace": (votes.shown(votes.scheduled()), ("2", "enter", "x"), SMALL, "arming stays"),
    "cuts": (votes.voted_on(), ("2", "enter", "d"), SMALL, "INITIALISER"),
    "cuts_large": (votes.voted_on(), ("2", "enter", "d"), LARGE, "412 more lines"),
    "emergency": (votes.voted_on(), ("f9",), SMALL, "2 of the 3 approvals"),
    "emergency_chain_down": (fakes.chain_down(), ("f9",), SMALL, "does not answer"),
    "unlocking": (votes.voted_on(), ("ctrl+l", "ctrl+l"), SMALL, "Press y to unlock"),
    "emergency_locked": (votes.voted_on(), ("ctrl+l", "f9"), SMALL, "2 of the 3 approvals"),
    "contested": (votes.contested(), (), SMALL, "ENDPOINTS DISAGREE"),
}


@pytest.mark.parametrize("name", GOVERNED)
def test_governed(snap_compare: Compare, name: str) -> None:
    shown, keys, size, words = GOVERNED[name]

    async def run(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        for key in keys:
            stack = len(pilot.app.screen_stack)
            await pilot.press(key)
            if key == "f9" or (key == "enter" and name != "validator"):
                await until(pilot, lambda stack=stack: len(pilot.app.screen_stack) > stack, "the next screen")  # type: ignore[misc]
            if key == "enter" and name != "validator":
                await until(pilot, lambda: getattr(pilot.app.screen, "governance", None) is not None, "the votes")
            await pilot.pause()
        await until(pilot, lambda: words in screen_text(_app(pilot)), words)
        await pilot.pause()

    session = FakeSession(shown)
    session.said_before = stances()
    session.governances[2] = votes.governance(rolled=name == "proposal_rollback")
    assert snap_compare(UpgradeConsoleApp(session), terminal_size=size, run_before=run)


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("dangerous", [False, True])
def test_review(snap_compare: Compare, size: tuple[int, int], dangerous: bool) -> None:
    session = FakeSession(votes.voted_on())
    session.warnings = ("its signer keeps this key in plain text",) if dangerous else ()

    async def run(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        call = halt_call(votes.voting(), 3, "it leaks") if dangerous else vote_call(votes.voting(), support=True)
        screen = ReviewScreen(session, lambda: call, dangerous=dangerous)
        await pilot.app.push_screen(screen)
        await until(pilot, lambda: not screen.query_one("#confirm", Button).disabled, "the armed review")
        await pilot.pause()

    assert snap_compare(UpgradeConsoleApp(session), terminal_size=size, run_before=run)


def test_stopping_the_node_in_an_emergency(snap_compare: Compare) -> None:
    async def run(pilot: Pilot[Any]) -> None:
        await after("f9")(pilot)
        await until(pilot, lambda: not pilot.app.screen.query_one("#stop", Button).disabled, "the choices")
        pilot.app.screen.query_one("#stop", Button).focus()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, PlanScreen), "the confirm step")
        await until(pilot, lambda: not pilot.app.screen.query_one("#confirm", Button).disabled, "the armed dialog")
        await pilot.pause()

    assert snap_compare(UpgradeConsoleApp(FakeSession(fakes.go())), run_before=run)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_proposing_both(snap_compare: Compare, size: tuple[int, int]) -> None:
    async def run(pilot: Pilot[Any]) -> None:
        await after("p")(pilot)
        await until(pilot, lambda: pilot.app.screen.query("#field-name"), "the form")
        form = pilot.app.screen
        form.query_one("#field-what", ChoiceField).choose("both")
        form.query_one("#field-schedule", ChoiceField).choose("readiness")
        form.query_one("#field-expedited", Checkbox).value = True
        for field, value in {"name": "v0.3.0", "url": URL, "hash": HASH, "calls": "/home/op/cut.json"}.items():
            form.query_one(f"#field-{field}", Input).value = value
        await pilot.pause()
        form.query_one("#field-expedited").focus()
        await until(pilot, lambda: "EXPEDITED" in screen_text(_app(pilot)), "the end of the form")
        await pilot.pause()

    assert snap_compare(UpgradeConsoleApp(FakeSession(fakes.idle())), terminal_size=size, run_before=run)


def test_release(snap_compare: Compare) -> None:
    async def run(pilot: Pilot[Any]) -> None:
        await after("2", "v")(pilot)
        await until(pilot, lambda: "What was checked" in screen_text(_app(pilot)), "the release")
        await pilot.pause()

    assert snap_compare(UpgradeConsoleApp(FakeSession(fakes.go())), terminal_size=SMALL, run_before=run)


def test_node_menu_of_an_unproven_release(snap_compare: Compare) -> None:
    assert snap_compare(UpgradeConsoleApp(FakeSession(fakes.unproven())), run_before=after("n"))


def _pressed(pilot: Pilot[Any]) -> bool:
    return any(button.has_class("-active") for screen in pilot.app.screen_stack for button in screen.query(Button))


def test_taking_an_unproven_release(snap_compare: Compare) -> None:
    async def run(pilot: Pilot[Any]) -> None:
        await after("n")(pilot)
        await pilot.press("f")
        await until(pilot, lambda: isinstance(pilot.app.screen, PlanScreen), "the confirm step")
        await until(pilot, lambda: not pilot.app.screen.query_one("#confirm", Button).disabled, "the armed dialog")
        await until(pilot, lambda: not _pressed(pilot), "the end of the button's flash")
        await pilot.pause()

    assert snap_compare(UpgradeConsoleApp(FakeSession(fakes.unproven())), run_before=run)


@pytest.mark.parametrize(
    ("name", "keys"),
    [("logs", "5"), ("audit", "6"), ("quit", "q"), ("node_menu", "n"), ("copy", "y")],
)
def test_screen_of_a_key(snap_compare: Compare, name: str, keys: str) -> None:
    assert snap_compare(UpgradeConsoleApp(FakeSession(fakes.go())), run_before=after(keys))


def test_help_narrowed_by_typing(snap_compare: Compare) -> None:
    # Narrowed, so that not every new key is a new picture.
    assert snap_compare(UpgradeConsoleApp(FakeSession(fakes.idle())), run_before=after("question_mark", *"ready"))


def test_propose_with_a_problem(snap_compare: Compare) -> None:
    async def fill(pilot: Pilot[Any]) -> None:
        await after("p")(pilot)
        await until(pilot, lambda: pilot.app.screen.query("#field-name"), "the form")
        for field, value in {**FILLED, "hash": "abc"}.items():
            pilot.app.screen.query_one(f"#field-{field}", Input).value = value
        await until(pilot, lambda: "123 blocks ahead" in screen_text(_app(pilot)), "the height's facts")
        await pilot.pause()

    assert snap_compare(UpgradeConsoleApp(FakeSession(fakes.go())), run_before=fill)


def test_bring_up_failed(snap_compare: Compare) -> None:
    async def failed(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "port 20001 is taken" in screen_text(_app(pilot)), "the reason")
        await pilot.pause()

    assert snap_compare(UpgradeConsoleApp(BringingSession(failures=1)), run_before=failed)


def _app(pilot: Pilot[Any]) -> UpgradeConsoleApp:
    assert isinstance(pilot.app, UpgradeConsoleApp)
    return pilot.app
