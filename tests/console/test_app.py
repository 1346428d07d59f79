"""The application: first frame, leaving, signals, crash, walls, themes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import RenderableType
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Button

from console.app import UpgradeConsoleApp
from console.console_settings import ConsoleSettings
from console.errors import ChainError, SettingsError
from console.model import Snapshot
from screens.acting import EXIT_KEPT, EXIT_STOP_DEVNET
from screens.leave import QuitScreen
from screens.overview import OverviewScreen
from screens.propose import ProposeScreen
from tests import fakes
from tests.hostile import HOSTILE, hostile
from tests.pilot import screen_text, settled, until, until_screen
from tests.session_fakes import FakeSession
from tests.widgets.test_second_wall import harmless
from themes import load_themes

pytestmark = pytest.mark.anyio


async def test_the_first_frame_comes_before_any_snapshot_is_asked_for() -> None:
    frames: list[int] = []

    class Watched(FakeSession):
        async def snapshots(self) -> AsyncIterator[Snapshot]:
            frames.append(len(screen_text(app).strip()))
            async for each in super().snapshots():
                yield each

    session = Watched(fakes.go())
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await settled(pilot)
    assert frames[0] > 200


async def test_the_first_frame_is_whole() -> None:
    frames: list[str] = []

    class Watched(UpgradeConsoleApp):
        def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
            if renderable is not None:
                frames.append(screen_text(self))
            super()._display(screen, renderable)

    app = Watched(FakeSession(fakes.go()))
    async with app.run_test() as pilot:
        await settled(pilot)
    for text in ("connecting", "Connecting", "go or no-go", "Nothing happened yet", "not known yet", "HALT", "Quit"):
        assert text.casefold() in frames[0].casefold()


async def test_nothing_is_drawn_when_nothing_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    session = FakeSession(fakes.idle())
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await settled(pilot)
        drawn: list[str] = []
        for widget in app.screen.walk_children(Widget):
            monkeypatch.setattr(widget, "refresh", lambda *_a, name=widget.id, **_k: drawn.append(str(name)))
        session.clock += 1
        app._tick()
        assert session.feed is not None
        session.feed.put_nowait(fakes.idle())
        await until(pilot, lambda: session.feed is not None and session.feed.empty(), "the same snapshot again")
        await pilot.pause()
        assert drawn == []
        session.clock += 6
        app._tick()
        await pilot.pause()
        assert drawn == ["status"]


async def test_quitting_a_devnet_asks_and_keeps_it_by_default() -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.go()))
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, QuitScreen), "the question")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen), "the overview again")
        # Typed ahead in one burst: the safe answer.
        await pilot.press("q", "enter")
        await until(pilot, lambda: not app.is_running, "the end")
    assert (app.return_value, app.return_code) == (EXIT_KEPT, 0)


async def test_quitting_a_devnet_with_stop() -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.go()))
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("ctrl+q")
        await until(pilot, lambda: isinstance(app.screen, QuitScreen), "the question")
        await pilot.press("ctrl+q")
        assert sum(isinstance(screen, QuitScreen) for screen in app.screen_stack) == 1
        await pilot.press("right", "enter")
        await until(pilot, lambda: not app.is_running, "the end")
    assert (app.return_value, app.return_code) == (EXIT_STOP_DEVNET, EXIT_STOP_DEVNET)


async def test_a_read_only_console_cannot_stop_the_devnet() -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.go(), read_only=True))
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, QuitScreen), "the question")
        assert app.screen.query_one("#stop", Button).disabled


async def test_other_networks_are_left_at_once() -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.go(), network="calibration"))
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running, "the end")
    assert app.return_value == EXIT_KEPT


@pytest.mark.parametrize("where", ["overview", "form"])
async def test_ctrl_c_changes_nothing(where: str) -> None:
    session = FakeSession(fakes.go())
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await settled(pilot)
        if where == "form":
            await pilot.press("p")
            await until(pilot, lambda: isinstance(app.screen, ProposeScreen), "the form")
        before = app.screen
        await pilot.press("ctrl+c")
        await pilot.pause()
        assert app.is_running
        assert app.screen is before
    assert (session.proposed, session.node_actions) == ([], [])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
async def test_signals_end_it_in_order(number: signal.Signals, code: int) -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.go()))
    async with app.run_test() as pilot:
        await settled(pilot)
        os.kill(os.getpid(), number)
        await until(pilot, lambda: not app.is_running, "the end")
    assert (app.return_value, app.return_code) == (code, code)
    assert signal.getsignal(number) is signal.SIG_DFL


async def test_a_crash_returns_1_and_leaves_a_report_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    class Crashing(FakeSession):
        async def snapshots(self) -> AsyncIterator[Snapshot]:
            private_key = "0x" + "5ec7e7" * 10
            yield fakes.go()
            assert self.feed is None
            self.feed = asyncio.Queue()
            await self.feed.get()
            if private_key:
                raise ZeroDivisionError("a mistake in the code")

    session = Crashing()
    app = UpgradeConsoleApp(session)

    async def crash() -> None:
        async with app.run_test() as pilot:
            await until(pilot, lambda: session.feed, "the first snapshot")
            await pilot.press("2", "slash", *"typed")
            assert session.feed is not None
            session.feed.put_nowait(fakes.go())
            await until(pilot, lambda: not app.is_running, "the end")

    with pytest.raises(Exception, match="a mistake in the code"):
        await crash()
    assert app.return_code == 1
    shown = capsys.readouterr().err
    assert "The console crashed: ZeroDivisionError: a mistake in the code" in shown
    assert "Traceback" not in shown
    (path,) = (tmp_path / "upgrade-console" / "crashes").iterdir()
    assert path.name in "".join(shown.split())
    text = path.read_text("utf-8")
    assert "network devnet, view proposals, 80×24" in text
    assert [line.split()[-1] for line in text.splitlines() if line.startswith("  ") and len(line.split()) == 2][:2] == [
        "show_proposals",
        "filter",
    ]
    for piece in (shown, text):
        assert "5ec7e7" * 10 not in piece
        assert "typed" not in piece


async def test_settings_that_cannot_be_used_end_it_with_their_sentence() -> None:
    class Refused(FakeSession):
        async def snapshots(self) -> AsyncGenerator[Snapshot, None]:
            raise SettingsError("network a: kind 'b' is not supported")
            yield

    app = UpgradeConsoleApp(Refused())
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.return_code is not None, "its end")
    assert app.return_code == 1
    assert "kind 'b'" in str(app.refused_by)


async def test_losing_the_observer_is_said_and_is_no_exit() -> None:
    class Ending(FakeSession):
        async def snapshots(self) -> AsyncIterator[Snapshot]:
            yield fakes.go()
            raise ChainError("no endpoint is left")

    app = UpgradeConsoleApp(Ending())
    async with app.run_test(notifications=True) as pilot:
        await until(pilot, lambda: app._notifications, "the sentence")
        assert "no endpoint is left" in next(iter(app._notifications)).message
        assert app.is_running


async def _drawn(pilot: Pilot[int], app: UpgradeConsoleApp, shown: Snapshot) -> None:
    await until(pilot, lambda: app.snapshot == shown, "the snapshot")


@pytest.mark.parametrize("first_wall", [True, False])
async def test_hostile_text_neither_crashes_nor_reaches_the_terminal(first_wall: bool) -> None:
    session = FakeSession(fakes.idle(), log=[("node", text) for text in HOSTILE])
    app = UpgradeConsoleApp(session)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await settled(pilot)
        assert session.feed is not None
        # Behind the first wall, which has tests of its own, a few are enough.
        for text in HOSTILE[:: 4 if first_wall else 1]:
            shown = hostile(text, first_wall=first_wall)
            session.feed.put_nowait(shown)
            await _drawn(pilot, app, shown)
            await pilot.pause()
            assert harmless(screen_text(app).replace("\n", "")), ascii(text)
            await app.switch_mode("proposals" if app.current_mode == "overview" else "overview")
            await pilot.pause()
            assert harmless(screen_text(app).replace("\n", "")), ascii(text)
        await app.switch_mode("logs")
        await pilot.pause()
        assert harmless(screen_text(app).replace("\n", ""))
        await app.switch_mode("overview")
        await pilot.press("n")  # refused with a foreign sentence
        await pilot.pause()
        assert harmless(screen_text(app).replace("\n", ""))
        shown = replace(shown, node_problem="")
        session.feed.put_nowait(shown)
        await _drawn(pilot, app, shown)
        for key, kind in (("n", "NodeMenuScreen"), ("r", "PlanScreen"), ("p", "ProposeScreen")):
            await app.switch_mode("overview")
            await pilot.press(key)
            await until_screen(pilot, kind)
            await pilot.pause()
            assert harmless(screen_text(app).replace("\n", ""))
            await pilot.press("escape")
        assert app.is_running


@given(text=st.text(st.characters(), max_size=300))
@settings(derandomize=True, deadline=None, max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_drawn_harmlessly(text: str) -> None:
    async def draw() -> None:
        app = UpgradeConsoleApp(FakeSession(hostile(text, first_wall=False), log=[("node", text)]))
        async with app.run_test() as pilot:
            await settled(pilot)
            await app.switch_mode("proposals")
            await pilot.pause()
            assert harmless(screen_text(app).replace("\n", ""))
            await app.switch_mode("overview")
            await pilot.pause()
            assert harmless(screen_text(app).replace("\n", ""))

    asyncio.run(draw())


async def test_themes_can_be_switched_while_running() -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.partly_ready()))
    async with app.run_test() as pilot:
        await settled(pilot)
        for theme in sorted(app.available_themes):
            app.theme = theme
            await pilot.pause()
            assert "hash does not match" in screen_text(app)
        assert set(app.available_themes) == set(load_themes().themes)


async def test_a_broken_theme_falls_back_and_is_reported_once(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('name = "mine"\nprimary = "blue-ish"')
    app = UpgradeConsoleApp(FakeSession(fakes.go()), ConsoleSettings(theme="mine"), [tmp_path])
    async with app.run_test(notifications=True) as pilot:
        await settled(pilot)
        assert app.theme == "dark"
        messages = [note.message for note in app._notifications]
        assert len(messages) == 2
        assert "mine.toml" in messages[0]
        assert "'mine'" in messages[1]


async def test_no_colour_means_the_terminals_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = UpgradeConsoleApp(FakeSession(fakes.partly_ready()))
    async with app.run_test() as pilot:
        await settled(pilot)
        assert app.theme == "sixteen"
        strips = app.screen._compositor.render_strips(app.size)
        styles = [segment.style for strip in strips for segment in strip if segment.style]
        colours = {style.color for style in styles if style.color}
        assert all(colour.is_default for colour in colours)
