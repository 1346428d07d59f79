"""Node actions and readiness by hand: confirmed, carried out, answered in place."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.widgets import Button, Input

from console.app import UpgradeConsoleApp
from console.errors import NodeError
from console.model import NodeCommand, NodeVerb
from screens.node import NodeScreen
from screens.node_menu import NodeMenuScreen
from screens.overview import OverviewScreen
from screens.plan import PlanScreen
from tests import fakes
from tests.pilot import alone, screen_text, settled, until
from tests.session_fakes import FakeSession

pytestmark = pytest.mark.anyio


def unboxed(app: UpgradeConsoleApp) -> str:
    """What stands on the screen as one line, without the rules of boxes."""
    return " ".join(screen_text(app).replace("│", " ").split())


async def test_stopping_the_node() -> None:
    session = FakeSession(fakes.go())
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NodeMenuScreen), "the menu")
        await pilot.press("s")
        await until(pilot, lambda: "✗ The node runs already, as process 41234." in screen_text(app), "why not")
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, PlanScreen), "the confirm step")
        assert session.node_actions == []
        await until(pilot, lambda: not app.screen.query_one("#confirm", Button).disabled, "the armed dialog")
        assert "it signs nothing, and no automation" in screen_text(app)
        assert "✗ FAILED" in screen_text(app)
        assert "30 of 40 power would stay" in screen_text(app)
        await pilot.press(*session.network)
        await alone(pilot, "enter")
        await until(pilot, lambda: "node1 is STOPPED_BY_OPERATOR." in screen_text(app), "the answer")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen), "the overview")
    assert session.node_actions == ["stop"]


async def test_readiness_refused_by_the_chain_can_be_tried_again() -> None:
    session = FakeSession(fakes.go(), error=NodeError("node1 has not staged v0.2.0", next_step="wait for STAGED"))
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, PlanScreen), "the confirm step")
        await until(pilot, lambda: not app.screen.query_one("#confirm", Button).disabled, "the armed dialog")
        await alone(pilot, "y")
        await until(pilot, lambda: "node1 has not staged v0.2.0; wait for STAGED." in screen_text(app), "the error")
        await until(pilot, lambda: not app.screen.query_one("#confirm", Button).disabled, "another try")
        session.error = None
        await alone(pilot, "y")
        await until(pilot, lambda: "is signalled ready for proposal 1" in screen_text(app), "the answer")
    assert session.readied == [1, 1]


async def test_three_presses_open_one_menu() -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.go()))
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("n", "n", "n")
        await pilot.pause()
        assert sum(isinstance(screen, NodeMenuScreen) for screen in app.screen_stack) == 1


async def test_a_journals_word_is_marked_and_offers_no_node_menu() -> None:
    base = fakes.committed()
    app = UpgradeConsoleApp(FakeSession(replace(base, node_problem="no controller answers in /run")))
    async with app.run_test() as pilot:
        await settled(pilot)
        text = screen_text(app)
        assert "its journal ◷ says COMMITTED" in text
        assert "✓ this node is COMMITTED" not in text
        assert "Journal of node1 ◷" in text
        await pilot.press("n")
        await until(pilot, lambda: "no controller answers in /run" in screen_text(app), "the reason")
        assert isinstance(app.screen, OverviewScreen)


async def test_a_halt_of_a_moment_stays_readable() -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.waiting_for_quorum()))
    async with app.run_test() as pilot:
        await settled(pilot)
        assert "✓ halted" in screen_text(app)


async def test_an_unproven_release_is_taken_with_a_typed_reason_only() -> None:
    session = FakeSession(fakes.unproven())
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await settled(pilot)
        assert "proof in   35h55m" in screen_text(app)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NodeMenuScreen), "the menu")
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, PlanScreen), "the confirm step")
        await until(pilot, lambda: "calibration executed it" in screen_text(app), "the proof")
        await pilot.press("y", "y")
        await until(pilot, lambda: not app.screen.query_one("#confirm", Button).disabled, "the armed dialog")
        assert session.commands == []
        app.screen.query_one("#reason", Input).value = "  "
        await pilot.press("enter")
        await until(pilot, lambda: "A reason is needed" in screen_text(app), "the refusal")
        assert session.commands == []
        app.screen.query_one("#reason", Input).value = "calibration is gone"
        await pilot.press("x", "backspace", "enter")
        await until(pilot, lambda: "came in a burst" in screen_text(app), "the second refusal")
        await alone(pilot, "enter")
        await until(pilot, lambda: "it is armed in its turn" in screen_text(app), "the answer")
    assert session.commands == [NodeCommand(NodeVerb.ARM_UNPROVEN, "calibration is gone")]


async def test_a_refusal_of_an_unproven_release_is_told_in_place() -> None:
    session = FakeSession(fakes.unproven(), error=NodeError("no plan waits for a proof here"))
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NodeMenuScreen), "the menu")
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, PlanScreen), "the confirm step")
        await until(pilot, lambda: not app.screen.query_one("#confirm", Button).disabled, "the armed dialog")
        await pilot.press("w", "h", "y")
        await alone(pilot, "enter")
        await until(pilot, lambda: "no plan waits for a proof here." in screen_text(app), "the error")
    assert session.commands == [NodeCommand(NodeVerb.ARM_UNPROVEN, "why")]


async def test_where_nothing_is_to_be_proven_the_menu_says_so_and_leads_to_nothing() -> None:
    session = FakeSession(fakes.go())
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NodeMenuScreen), "the menu")
        await pilot.press("f")
        await until(pilot, lambda: "✗ No plan waits for a proof on another network." in screen_text(app), "why not")
        await pilot.press("down", "down", "enter")
        assert isinstance(app.screen, NodeMenuScreen | PlanScreen)
        await pilot.press("escape")
    assert session.commands == []


async def test_what_needs_a_choice_leads_from_the_menu_to_the_tables() -> None:
    session = FakeSession(fakes.committed())
    app = UpgradeConsoleApp(session)
    async with app.run_test(notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NodeMenuScreen), "the menu")
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, NodeScreen), "the node's view")
        assert [note.message for note in app._notifications] == [
            "Choose it in its table with Tab, Up and Down, then press Enter."
        ]


async def test_the_letters_of_the_view_lead_to_plans_and_say_why_not() -> None:
    session = FakeSession(fakes.idle())
    app = UpgradeConsoleApp(session)
    async with app.run_test(notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("4")
        await until(pilot, lambda: session.storage_reads and isinstance(app.screen, NodeScreen), "the view")
        await until(pilot, lambda: "hash recorded" in screen_text(app), "the generations")
        await pilot.press("s")
        await pilot.press("enter")
        await pilot.pause()
        assert [note.message for note in app._notifications] == [
            "The node runs already, as process 41234.",
            "Generation genesis is the current one already.",
        ]
        assert app.screen.check_action("command", ("start",)) is None
        assert app.screen.check_action("command", ("stop",)) is True
        assert app.screen.check_action("command", ("swap",)) is None
        await pilot.press("down")
        await until(pilot, lambda: app.screen.check_action("command", ("swap",)) is True, "another generation")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PlanScreen), "the plan")
        await until(pilot, lambda: not app.screen.query_one("#confirm", Button).disabled, "the armed dialog")
        assert "genesis → v0.2.0" in screen_text(app)
        await pilot.press("w", "h", "y", "enter")
        await pilot.press(*"devnet")
        await alone(pilot, "enter")
        await until(pilot, lambda: session.commands, "the command")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, NodeScreen), "the view again")
        await pilot.press("tab", "enter")
        await until(pilot, lambda: isinstance(app.screen, PlanScreen), "the plan of a restore")
        assert "arming-1: rollback point, not a backup" in unboxed(app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, NodeScreen), "the view again")
        await pilot.press("down", "enter")
        await pilot.pause()
        assert "has no whole manifest" in [note.message for note in app._notifications][-1]
    assert session.commands == [NodeCommand(NodeVerb.SWAP, "why", "v0.2.0")]
