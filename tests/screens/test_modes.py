"""The top-level views: keys, footers, refusals, help, palette."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from textual.widgets import Button, Input

from console.actions import ACTIONS, MODE_NAMES, VIEW_NAMES, action
from console.app import REDUCED_TICK_S, VIEWS, UpgradeConsoleApp, view_class
from console.console_settings import ConsoleSettings
from console.hand_lock import READ_ONLY
from console.model import Standing
from screens.bindings import refusal
from screens.help import HelpScreen
from screens.logs import LogsScreen
from screens.mode import ModeScreen
from screens.overview import OverviewScreen
from screens.plan import PlanScreen
from screens.proposal import ProposalScreen
from screens.propose import ProposeScreen
from tests import fakes
from tests.pilot import screen_text, settled, until, until_screen
from tests.session_fakes import FakeSession
from widgets.proposal_table import ProposalTable

pytestmark = pytest.mark.anyio


async def test_keys_switch_views_and_escape_goes_back() -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.go()))
    async with app.run_test() as pilot:
        await settled(pilot)
        for key, name in (("2", "ProposalsScreen"), ("5", "LogsScreen"), ("1", "OverviewScreen"), ("5", "LogsScreen")):
            await pilot.press(key)
            await until_screen(pilot, name)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen), "the overview")
        await pilot.press("escape")
        assert isinstance(app.screen, OverviewScreen)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_footer_shows_all_its_keys(size: tuple[int, int]) -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.go()))
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        for mode in MODE_NAMES:
            await app.switch_mode(mode)
            labels = [entry.label for entry in ACTIONS if mode in entry.footer]
            shown = partial(_all_in_the_last_line, app, labels)
            await until(pilot, shown, f"{mode}: {labels}")


def _all_in_the_last_line(app: UpgradeConsoleApp, labels: list[str]) -> bool:
    last = screen_text(app).splitlines()[-1]
    # Whatever has the focus, HALT is at the left.
    return last.startswith(" F9 HALT ") and all(f" {label} " in last for label in labels)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (160, 48), (60, 16), (20, 5), (1, 1)])
async def test_any_size_is_survived(size: tuple[int, int]) -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.partly_ready()))
    async with app.run_test(size=size) as pilot:
        await settled(pilot, lines=False)
        if size == (20, 5):
            shown = screen_text(app).splitlines()
            for line, words in zip(shown, ("20×5 is too small", "Needs 60×16.", "F9 HALT · q Quit"), strict=False):
                assert line.strip().startswith(words)
            await pilot.press("f9")
            await until_screen(pilot, "EmergencyScreen")
            await until(pilot, lambda: not app.screen.query_one("#stop", Button).disabled, "what is known")
            await pilot.press("right", "right")
            await until(pilot, lambda: "[ Stop my node…" in screen_text(app), "the choice that has the focus")
            await pilot.press("escape")
        # A storm of sizes, as a tiling terminal makes them.
        for columns in (1, 300, 20, 79, 61, 2):
            await pilot.resize_terminal(columns, max(1, columns // 4))
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        await until(pilot, lambda: "too small" not in screen_text(app), "the view")
        text = screen_text(app)
        for word in ("NO-GO", "ready 20 of 40 power, 27 needed", "blocks", "node4", "hash does not match", "pid"):
            assert word in text


async def test_read_only_says_why_and_changes_nothing() -> None:
    session = FakeSession(fakes.go(), read_only=True)
    app = UpgradeConsoleApp(session)
    async with app.run_test(notifications=True) as pilot:
        await settled(pilot)
        assert "READ-ONLY" in screen_text(app)
        for key in ("p", "r", "n"):
            # One each: on a busy machine the first is gone by the time of the third.
            app.clear_notifications()
            await pilot.press(key)
            await pilot.pause()
            assert isinstance(app.screen, OverviewScreen)
            assert [note.message for note in app._notifications] == [READ_ONLY]
        assert "Propose" in screen_text(app).splitlines()[-1]
        assert app.check_action("propose", ()) is None
        assert app.check_action("help", ()) is True
    assert (session.proposed, session.readied, session.node_actions) == ([], [], [])


async def test_help_lists_every_key_names_refusals_and_is_narrowed_by_typing() -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.idle()))
    async with app.run_test(size=(80, 40)) as pilot:
        await settled(pilot)
        await pilot.press("question_mark")
        await until(pilot, lambda: "Everywhere" in screen_text(app), "help")
        assert isinstance(app.screen, HelpScreen)
        text = "\n".join(str(line) for line in app.screen.whole())
        for entry in ACTIONS:
            if "overview" in entry.modes:
                assert entry.label in text
        assert "No upgrade is scheduled" in text
        await pilot.press(*"quorum")
        await until(pilot, lambda: "Everywhere" not in screen_text(app), "what holds the text")
        assert "without it no block" in screen_text(app)
        await pilot.press("escape", *"propose")
        await until(pilot, lambda: "a form that checks" in screen_text(app), "the key that holds the text")
        assert "quorum" not in screen_text(app)
        await pilot.press(*" nothing")
        await until(pilot, lambda: "No key and no word" in screen_text(app), "that there is none")
        await pilot.press("escape", "tab")
        await until(pilot, lambda: "app hash:" in screen_text(app), "the words")
        top = screen_text(app)
        await pilot.press("pagedown")
        await until(pilot, lambda: screen_text(app) != top, "the words further down")
        await pilot.press("tab", "question_mark")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen), "the overview again")


def test_why_an_action_is_refused() -> None:
    session = FakeSession()
    assert refusal(action("ready"), session, fakes.go(), None) == ""
    assert "No controller" in refusal(action("ready"), session, fakes.node_down(), None)
    assert "no controller answers" in refusal(action("node_menu"), session, fakes.node_down(), None)
    for asked in ("ready", "node_menu", "show_release"):
        assert refusal(action(asked), session, None, None) == "Nothing is known of a node yet."
    assert refusal(action("propose"), session, None, None) == ""
    assert refusal(action("quit_console"), FakeSession(read_only=True), None, None) == ""


async def test_the_palette_finds_actions_of_the_registry() -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.go()))
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("ctrl+p")
        await pilot.press(*"logs")
        await until(pilot, lambda: "Logs (5)" in screen_text(app), "the command")
        assert not app.screen.query_one(Input).cursor_blink
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, LogsScreen), "the logs")
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, ProposeScreen), "the form")
        await pilot.press("ctrl+p")
        await until(pilot, lambda: "HALT (F9)" in screen_text(app), "what works over a form")
        assert "Theme: light" in screen_text(app)
        assert "Logs (5)" not in screen_text(app)


async def test_the_cursor_stays_on_its_proposal_when_a_newer_one_appears() -> None:
    first = fakes.proposal(fakes.ALL_READY)
    older = fakes.snapshot(fakes.chain(1250, (first,), fakes.ALL_READY), None)
    newer_one = fakes.proposal(id=2, name="v0.3.0", target_height=2000)
    newer = fakes.snapshot(fakes.chain(1251, (newer_one, first), fakes.ALL_READY), None)
    session = FakeSession(older)
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("2")
        await until(pilot, lambda: fakes.HASH in screen_text(app), "the whole hash")
        assert session.feed is not None
        session.feed.put_nowait(newer)
        table = app.screen.query_one(ProposalTable)
        await until(pilot, lambda: table.row_count == 2, "both proposals")
        assert table.chosen_id == 1
        await pilot.press("up")
        await until(pilot, lambda: "Proposal 2: v0.3.0" in screen_text(app), "the newer one's detail")


def test_every_view_explains_itself() -> None:
    kinds: list[type[ModeScreen]] = [*(view_class(mode) for mode in VIEWS), ProposalScreen]
    assert {kind.MODE for kind in kinds} == set(VIEW_NAMES)
    for kind in kinds:
        assert len(kind.EXPLANATION) > 60


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_a_notice_moves_no_panel_above_it(size: tuple[int, int]) -> None:
    session = FakeSession(fakes.go())
    app = UpgradeConsoleApp(session)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        names = ("countdown", "go", "readiness", "node")
        before = {name: app.screen.query_one(f"#{name}").region for name in names}
        base = fakes.go()
        assert session.feed is not None
        session.feed.put_nowait(replace(base, chain_problem="1 of 4 nodes does not answer: node4 " * 4))
        await until(pilot, lambda: "does not answer" in screen_text(app), "the notice")
        await pilot.pause()
        assert {name: app.screen.query_one(f"#{name}").region for name in names} == before
        assert "exit code" in screen_text(app)


async def test_a_mainnet_is_told_apart_on_views_and_dialogs() -> None:
    session = FakeSession(fakes.go(), network="hub")
    session.standing = Standing("mainnet")
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await settled(pilot)
        for keys, where in (((), " MAINNET hub "), (("f9",), "EMERGENCY on MAINNET hub"), (("p",), "on MAINNET hub")):
            await pilot.press(*keys)
            await until(pilot, lambda where=where: where in screen_text(app), where)  # type: ignore[misc]
            await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen), "the overview")
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, PlanScreen), "the plan")
        await until(pilot, lambda: screen_text(app).count(" MAINNET hub ") == 2, "the badge in its title as well")


async def test_reduced_motion_moves_the_clocks_seldom() -> None:
    for reduced, seconds in ((True, REDUCED_TICK_S), (False, 1.0)):
        app = UpgradeConsoleApp(FakeSession(fakes.go()), ConsoleSettings(reduced_motion=reduced))
        async with app.run_test() as pilot:
            await settled(pilot)
            assert [timer._interval for timer in app._timers if timer.name == "tick"] == [seconds]
