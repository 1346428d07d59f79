"""How the console looks: every screen and dialog, with a fixed clock in UTC.

After a change that is meant: `pytest tests/screens/test_pictures.py --snapshot-update`, and look at each picture.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input

from console.app import UpgradeConsoleApp
from console.model import Snapshot, Verdict
from screens.confirm import ConfirmScreen, ReasonScreen
from tests import fakes
from tests.fakes import HASH, URL, FakeSession
from tests.hostile import hostile
from tests.pilot import screen_text, settled, until
from tests.screens.test_bring_up import BringingSession

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
    app = UpgradeConsoleApp(FakeSession(fakes.partly_ready(), read_only=True), theme)
    assert snap_compare(app, run_before=after())


@pytest.mark.parametrize("size", [SMALL, MIDDLE])
def test_proposals(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(UpgradeConsoleApp(FakeSession(fakes.go())), terminal_size=size, run_before=after("2"))


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
        # By keyboard: what the mouse hovers over, and the flash of a pressed button, would be a matter of time.
        pilot.app.screen.query_one("#unproven", Button).focus()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReasonScreen), "the confirm step")
        await until(pilot, lambda: not pilot.app.screen.query_one("#confirm", Button).disabled, "the armed dialog")
        await until(pilot, lambda: not _pressed(pilot), "the end of the button's flash")
        await pilot.pause()

    assert snap_compare(UpgradeConsoleApp(FakeSession(fakes.unproven())), run_before=run)


@pytest.mark.parametrize(
    ("name", "keys"), [("logs", "3"), ("help", "question_mark"), ("quit", "q"), ("node_menu", "n")]
)
def test_screen_of_a_key(snap_compare: Compare, name: str, keys: str) -> None:
    assert snap_compare(UpgradeConsoleApp(FakeSession(fakes.go())), run_before=after(keys))


def test_propose_with_a_problem(snap_compare: Compare) -> None:
    async def fill(pilot: Pilot[Any]) -> None:
        await after("p")(pilot)
        await until(pilot, lambda: pilot.app.screen.query("#field-name"), "the form")
        for field, value in {**FILLED, "hash": "abc"}.items():
            pilot.app.screen.query_one(f"#field-{field}", Input).value = value
        await until(pilot, lambda: "123 blocks ahead" in screen_text(_app(pilot)), "the height's facts")
        await pilot.pause()

    assert snap_compare(UpgradeConsoleApp(FakeSession(fakes.go())), run_before=fill)


def test_confirm(snap_compare: Compare) -> None:
    async def ask(pilot: Pilot[Any]) -> None:
        await after("p")(pilot)
        await until(pilot, lambda: pilot.app.screen.query("#field-name"), "the form")
        form = pilot.app.screen
        for field, value in FILLED.items():
            form.query_one(f"#field-{field}", Input).value = value
        await until(pilot, lambda: not form.query_one("#submit", Button).disabled, "the open way")
        form.query_one("#submit", Button).focus()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen), "the confirm step")
        await until(pilot, lambda: not pilot.app.screen.query_one("#confirm", Button).disabled, "the armed dialog")
        await pilot.pause()

    assert snap_compare(UpgradeConsoleApp(FakeSession(fakes.go())), run_before=ask)


def test_bring_up_failed(snap_compare: Compare) -> None:
    async def failed(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "port 20001 is taken" in screen_text(_app(pilot)), "the reason")
        await pilot.pause()

    assert snap_compare(UpgradeConsoleApp(BringingSession(failures=1)), run_before=failed)


def _app(pilot: Pilot[Any]) -> UpgradeConsoleApp:
    assert isinstance(pilot.app, UpgradeConsoleApp)
    return pilot.app
