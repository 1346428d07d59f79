"""A plan is confirmed by who read it: not by keys typed ahead, pasted or held down, and by the whole name only."""

from __future__ import annotations

import time

import pytest
from textual import events
from textual.content import Content
from textual.pilot import Pilot
from textual.widgets import Button, Input

from console.app import UpgradeConsoleApp
from console.errors import NodeError
from screens.plan import PlanScreen
from screens.quiet import SETTLES_AFTER_S, Quiet
from tests import fakes
from tests.pilot import alone, screen_text, settled, silence, until
from tests.session_fakes import FakeSession
from widgets.plan_rows import Plan, PlanCheck

pytestmark = pytest.mark.anyio

PLAN = Plan(
    title="Swap the binary",
    effect=("v0.2.0 becomes current.",),
    label="Swap",
    network="devnet",
    node="node1",
    undo="Swap back.",
    checks=(PlanCheck("staged", True), PlanCheck("more than 2/3 would stay", False), PlanCheck("disk", None)),
)


class Done:
    """An operation that counts."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.error: NodeError | None = None

    async def __call__(self, reason: str) -> str:
        self.reasons.append(reason)
        if self.error is not None:
            raise self.error
        return "It is done."


async def _open(pilot: Pilot[int], screen: PlanScreen) -> UpgradeConsoleApp:
    app = await settled(pilot)
    await app.push_screen(screen)
    await until(pilot, lambda: screen.armed, "the armed plan")
    await pilot.pause()
    return app


async def test_a_single_key_confirms_when_it_comes_alone() -> None:
    done = Done()
    screen = PlanScreen(PLAN, done)
    async with UpgradeConsoleApp(FakeSession(fakes.go())).run_test() as pilot:
        app = await _open(pilot, screen)
        text = screen_text(app)
        for piece in (
            "v0.2.0 becomes current.",
            "network    devnet",
            "to undo    Swap back.",
            "✗ FAILED  more than",
        ):
            assert piece in text
        assert screen.focused is screen.query_one("#cancel")
        # Pasted as keys into a terminal without bracketed paste: nothing of it confirms.
        for key in "maybe yes":
            app.post_message(events.Key("space" if key == " " else key, key))
        await until(pilot, lambda: "came in a burst" in screen_text(app), "the refusal")
        await until(pilot, lambda: not screen.busy, "the end of the burst")
        screen.say(Content(""))
        await until(pilot, lambda: "came in a burst" not in screen_text(app), "another try")
        # The first key of a paste has silence before it, and none behind it.
        await silence(pilot)
        for key in "yes":
            app.post_message(events.Key(key, key))
        await until(pilot, lambda: "came in a burst" in screen_text(app), "the refusal")
        await until(pilot, lambda: not screen.busy, "the end of the burst")
        assert done.reasons == []
        await alone(pilot, "y")
        await until(pilot, lambda: "It is done." in screen_text(app), "the answer")
        await pilot.press("y", "enter")
        await until(pilot, lambda: app.screen is not screen, "the overview")
    assert done.reasons == [""]


async def test_a_key_that_is_held_down_arms_nothing() -> None:
    done = Done()
    screen = PlanScreen(PLAN, done)
    async with UpgradeConsoleApp(FakeSession(fakes.go())).run_test() as pilot:
        app = await settled(pilot)
        await app.push_screen(screen)
        # The timer runs out while y is still held.
        app.quiet.heard(time.monotonic() + 0.5)
        screen._when_quiet()
        assert not screen.armed
        await until(pilot, lambda: screen.armed, "the armed plan")
        assert done.reasons == []
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is not screen, "the overview")
    assert done.reasons == []


async def test_a_reason_and_a_name_are_typed_and_the_name_is_exact() -> None:
    from dataclasses import replace

    done = Done()
    done.error = NodeError("no such point")
    screen = PlanScreen(replace(PLAN, typed="node1", typed_is="node's name", reason=True), done)
    async with UpgradeConsoleApp(FakeSession(fakes.go())).run_test() as pilot:
        app = await _open(pilot, screen)
        assert screen.focused is screen.query_one("#reason")
        await alone(pilot, "enter")
        await until(pilot, lambda: "A reason is needed" in screen_text(app), "the refusal")
        await pilot.press(*"worn", "enter")
        await until(pilot, lambda: screen.focused is screen.query_one("#typed"), "the name's field")
        app.post_message(events.Paste("node1"))
        for wrong in ("Node1", "node1 ", "node"):
            screen.query_one("#typed", Input).value = wrong
            await alone(pilot, "enter")
            await until(pilot, lambda: "Type the node's name, node1, exactly" in screen_text(app), "the refusal")
            screen.say(screen.body())
        assert done.reasons == []
        screen.query_one("#typed", Input).value = "node1"
        await alone(pilot, "enter")
        await until(pilot, lambda: "no such point." in screen_text(app), "the error")
        assert not screen.query_one("#confirm", Button).disabled
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is not screen, "the overview")
    assert done.reasons == ["worn"]


def test_alone_is_what_had_silence_before_it() -> None:
    quiet = Quiet()
    quiet.heard(10.0)
    assert quiet.alone
    quiet.heard(10.0 + SETTLES_AFTER_S / 2)
    assert not quiet.alone
    quiet.heard(11.0)
    assert quiet.alone
    assert (quiet.count, quiet.since(11.5)) == (3, 0.5)
