"""Another view is one frame: nothing is styled, laid out or mounted for it, and what nobody looks at is not drawn."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import pytest
from textual import events
from textual._compositor import CompositorUpdate, LayoutUpdate
from textual.app import App, UnknownModeError
from textual.color import Color
from textual.css.stylesheet import Stylesheet
from textual.geometry import Size
from textual.screen import Screen
from textual.widget import Widget

from console.actions import MODE_NAMES
from console.app import UpgradeConsoleApp
from screens.mode import ModeScreen
from screens.node import NodeScreen
from screens.overview import OverviewScreen
from screens.proposals import ProposalsScreen
from screens.validators import ValidatorsScreen
from tests import fakes
from tests.pilot import screen_text, settled, until, until_screen
from tests.session_fakes import FakeSession
from widgets.travel_line import TravelLine
from widgets.working import begin

pytestmark = pytest.mark.anyio

KEYS = "123456"


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often something was styled, laid out or mounted, a whole frame drawn of a view, and a view given values."""
    counted: Counter[str] = Counter()

    def count(owner: type, name: str) -> None:
        before = getattr(owner, name)

        def counting(self: object, *values: object, **named: object) -> object:
            counted[name] += 1
            return before(self, *values, **named)

        monkeypatch.setattr(owner, name, counting)

    def display(self: UpgradeConsoleApp, screen: Screen[None], update: object) -> None:
        if isinstance(update, LayoutUpdate) and screen is self.screen:
            counted[type(screen).__name__] += 1
            if screen_text(self).startswith(" PAST "):
                counted["of the past"] += 1
        elif isinstance(update, CompositorUpdate) and screen is self.screen:
            counted["in part"] += 1

    count(Stylesheet, "apply")
    count(Screen, "_refresh_layout")
    count(App, "_register")
    count(OverviewScreen, "draw")
    monkeypatch.setattr(UpgradeConsoleApp, "_display", display)
    return counted


async def test_a_view_that_was_made_is_shown_in_one_frame(work: Counter[str]) -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.go()))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        work.clear()
        await app.make_views()
        assert set(app._screen_stacks) == set(MODE_NAMES)
        # Nothing of them was seen, and none of them looks at anything yet.
        assert {name for name in work if name.endswith("Screen")} <= {"OverviewScreen"}
        node = app._screen_stacks["node"][0]
        assert isinstance(node, NodeScreen)
        assert not node.looking
        for key in KEYS:
            await pilot.press(key)
            await pilot.pause(0.05)
        for key, name in zip(KEYS[1:], ("Proposals", "Validators", "Node", "Logs", "Audit"), strict=True):
            await pilot.press("1")
            await until_screen(pilot, "OverviewScreen")
            await pilot.pause()
            work.clear()
            await pilot.press(key)
            await until(pilot, lambda name=name: work[f"{name}Screen"], name)  # type: ignore[misc]
            assert work[f"{name}Screen"] == 1
            assert (work["apply"], work["_refresh_layout"], work["_register"]) == (0, 0, 0), key


async def test_keys_in_a_burst_draw_only_the_last_view(work: Counter[str]) -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.go()))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await app.make_views()
        await pilot.pause()
        work.clear()
        for key in "2345136":
            app.post_message(events.Key(key, key))
        await until(pilot, lambda: work["AuditScreen"], "the last of them")
        frames = {name: count for name, count in work.items() if name.endswith("Screen")}
        assert frames == {"AuditScreen": 1}
        with pytest.raises(UnknownModeError):
            app.switch_mode("nowhere")


async def test_what_is_not_shown_is_drawn_when_it_is(work: Counter[str]) -> None:
    session = FakeSession(fakes.go())
    app = UpgradeConsoleApp(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("4")
        await until_screen(pilot, "NodeScreen")
        await pilot.pause()
        work.clear()
        assert session.feed is not None
        shown = fakes.go()
        assert shown.chain is not None
        for height in range(1260, 1270):
            later = replace(shown, height=height, chain=replace(shown.chain, height=height))
            session.feed.put_nowait(later)
            await until(pilot, lambda later=later: app.snapshot is later, "the block")  # type: ignore[misc]
        assert work["draw"] == 0
        # In its first frame, not in one after it.
        await pilot.press("1")
        await until(pilot, lambda: work["OverviewScreen"], "the overview")
        assert (work["OverviewScreen"], work["draw"]) == (1, 1)
        assert "1,269" in screen_text(app)


async def test_a_view_takes_theme_and_size_that_changed_while_another_was_shown() -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.go()))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await app.make_views()
        await pilot.press("3")
        await until_screen(pilot, "ValidatorsScreen")
        await pilot.press("1")
        app.theme = "light"
        await pilot.resize_terminal(140, 40)
        await until(pilot, lambda: app.screen.styles.background == Color.parse("#fafbfc"), "the other theme")
        await pilot.press("3")
        await until(pilot, lambda: isinstance(app.screen, ValidatorsScreen), "the validators")
        screen = app.screen
        await until(pilot, lambda: screen.has_class("-wide", "-tall"), "its classes for the size")
        assert screen.styles.background == Color.parse("#fafbfc")
        await until(pilot, lambda: "consensus" in screen_text(app), "the chosen one beside the table")
        assert screen_text(app).splitlines()[-1].startswith(" F9 HALT ")
        # Back to the first size while another is shown: what it was made for is no longer what it was shown at.
        await pilot.press("1")
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: app.screen.has_class("-narrow", "-short"), "the overview in the first size")
        await pilot.press("3")
        await until(
            pilot, lambda: screen.is_current and screen.has_class("-narrow", "-short"), "the validators as well"
        )


async def test_every_frame_of_the_past_says_so_and_only_the_view_that_is_shown_is_dressed_for_it(
    work: Counter[str],
) -> None:
    session = FakeSession(fakes.go())
    app = UpgradeConsoleApp(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await app.make_views()
        assert session.feed is not None
        session.feed.put_nowait(later := replace(fakes.go(), height=1260))
        await until(pilot, lambda: app.snapshot is later, "the block")
        assert app._recorder is not None
        await app._recorder.caught_up()
        await pilot.press("comma")
        await until(pilot, lambda: app.past is not None, "the past")
        await pilot.pause()
        assert [screen for screen in app._screens.values() if screen.query(TravelLine)] == [app.screen]
        work.clear()
        await pilot.press("3")
        await until(pilot, lambda: work["ValidatorsScreen"], "the validators of then")
        assert work["of the past"] == work["ValidatorsScreen"]
        await pilot.press("end")
        await until(pilot, lambda: app.past is None, "the present")
        work.clear()
        await pilot.press("1")
        await until(pilot, lambda: work["OverviewScreen"], "the overview of now")
        assert work["of the past"] == 0
        assert screen_text(app).splitlines()[-1].startswith(" F9 HALT ")


async def test_it_is_left_in_the_middle_of_making_views_without_a_crash() -> None:
    for turns in (1, 3, 9, 27):
        app = UpgradeConsoleApp(FakeSession(fakes.go()))
        async with app.run_test(size=(20, 5)) as pilot:
            await settled(pilot)
            begin(app, app.make_views)
            for _turn in range(turns):
                await asyncio.sleep(0)
            app.leave(129)
            while not app._exit:
                await asyncio.sleep(0)
        assert app.return_code == 129


async def test_leaving_while_a_view_is_half_made_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.idle()))

    async def half(self: ModeScreen, widgets: list[Widget]) -> None:
        await self.mount(widgets[0])
        app.leave(0)

    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        monkeypatch.setattr(ModeScreen, "mount_composed_widgets", half)
        app.push_screen(ProposalsScreen(app.session))
        # Not by the pilot, which would wait for a view that never comes.
        while not app._exit:
            await asyncio.sleep(0.01)
    assert app.return_code == 0


async def test_sizes_that_overtake_each_other_do_not_chase_each_other_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    laid_out: list[Size] = []
    lay_out = Screen._refresh_layout

    def counted(screen: Screen[object], size: Size | None = None, scroll: bool = False) -> None:
        if size is not None:
            laid_out.append(size)
            assert len(laid_out) < 40, laid_out
        lay_out(screen, size, scroll)

    app = UpgradeConsoleApp(FakeSession(fakes.go()))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("question_mark")
        await until_screen(pilot, "HelpScreen")
        behind, dialog = app.screen_stack
        await pilot.pause()
        monkeypatch.setattr(Screen, "_refresh_layout", counted)
        for screen in (behind, dialog):
            # What a window that is dragged sends while this is busy: two sizes, and something else between them.
            for size in (Size(40, 10), Size(100, 30), Size(80, 24)):
                screen.post_message(events.Resize(size, size))
                screen.call_later(lambda: None)
        await pilot.pause()
        assert {behind.size, dialog.size} == {Size(80, 24)}
        # Nothing was laid out for a size that the terminal no longer has.
        assert set(laid_out) <= {Size(80, 24)}


async def test_a_key_for_a_busy_view_does_nothing_to_the_dialog_that_overtook_it() -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.go()))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        view = app.screen
        await pilot.press("f9")
        await until_screen(pilot, "EmergencyScreen")
        late = events.Key("escape", None)
        view._forward_event(late)
        await pilot.pause()
        assert type(app.screen).__name__ == "EmergencyScreen"
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is view, "the view again")
