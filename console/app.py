"""The life of the console: what it follows, signals, a crash, and leaving (DESIGN §2, §3, §9).

Call `console.terminal.prepare_environment` before this is imported: Textual reads its settings at import.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from textual.theme import Theme

from console.actions import MODE_NAMES, actions_of
from console.console_settings import DEFAULTS, ConsoleSettings
from console.errors import ConsoleError, SettingsError
from console.tidying import Tidying
from screens.acting import EXIT_KEPT
from screens.bindings import refusal
from screens.driver import TerminalDriver
from screens.travelling import TravellingApp
from widgets.log_tail import TAIL_LINES, safe_line
from widgets.working import begin

if TYPE_CHECKING:
    from console.model import Snapshot
    from console.ports.session import Session, Timeline
    from console.recording.file import RecordingFile
    from console.recording.format import Header
    from console.recording.recorder import Recorder
    from screens.attention import Attention
    from screens.mode import ModeScreen
    from widgets.log_tail import LogLine

REDUCED_TICK_S = 5.0
"""Seconds between two steps of the clocks on the screen, with reduced motion; else one."""
TOLD_S = 0.95
"""Seconds for which the time that a Snapshot brought is new enough: each second is drawn once, not twice."""
LOG_BATCH_S = 0.25
"""Seconds for which log lines are gathered before they are drawn at once (facts/tui.md C4)."""
VIEWS_AFTER_S = 0.5
"""Seconds from the first frame until the other views are made, before anybody has pressed their keys."""

VIEWS: Mapping[str, tuple[str, str]] = {
    "overview": ("screens.overview", "OverviewScreen"),
    "proposals": ("screens.proposals", "ProposalsScreen"),
    "validators": ("screens.validators", "ValidatorsScreen"),
    "node": ("screens.node", "NodeScreen"),
    "logs": ("screens.logs", "LogsScreen"),
    "audit": ("screens.audit", "AuditScreen"),
    "procedures": ("screens.procedures", "ProceduresScreen"),
    "fleet": ("screens.fleet", "FleetScreen"),
}
"""Module and class of each view, in the order of their keys; imported when it is first shown, or in quiet before."""
_OPENED = ("emergency", "help", "palette", "proposing", "node_menu", "node_plan", "flows")
"""Screens that keys open over a view, the most urgent first."""


def _import_screens() -> None:
    for module in (*(f"screens.{name}" for name in _OPENED), *(module for module, _name in VIEWS.values())):
        import_module(module)


def view_class(mode: str) -> type[ModeScreen]:
    """The view of a mode."""
    module, name = VIEWS[mode]
    kind: type[ModeScreen] = getattr(import_module(module), name)
    return kind


class UpgradeConsoleApp(TravellingApp):
    """The console. It shows and asks; it owns nothing that a crash could take along (DESIGN §1).

    Args:
        session: Operations, Snapshots, logs and the clock of one network.
        settings: Theme, keys and what else the operator chose.
        theme_folders: Further folders with theme files; what cannot be used is reported once.
        file: What the session shows is written there as well; None for nowhere.
        speed: Seconds of then in a second of now, for a recording that is shown again.
    """

    DEFAULT_MODE: ClassVar[str] = "overview"

    def __init__(
        self,
        session: Session,
        settings: ConsoleSettings = DEFAULTS,
        theme_folders: Iterable[Path] = (),
        *,
        file: RecordingFile | None = None,
        speed: float = 1.0,
    ) -> None:
        super().__init__(session, settings, theme_folders)
        self.speed = speed
        self._file = file
        self._recorder: Recorder | None = None
        self._live_lines: tuple[LogLine, ...] = ()
        self._screens: dict[str, ModeScreen] = {}
        self._pending_lines: list[LogLine] = []
        self._attention: Attention | None = None
        self._tidying = Tidying(monotonic())
        self._refused: frozenset[str] = frozenset()
        self.refused_by: ConsoleError | None = None
        """Why the console ended by itself; None where it did not."""
        self.now = self.live_now = session.now()
        for mode in MODE_NAMES:
            self.add_mode(mode, partial(self._view, mode))

    def _view(self, mode: str) -> ModeScreen:
        kind = view_class(mode)
        screen = kind(self.session)
        screen.keymap = self.keys
        screen.data_bind(UpgradeConsoleApp.snapshot, UpgradeConsoleApp.now, UpgradeConsoleApp.log_lines)
        screen.data_bind(UpgradeConsoleApp.course)
        self._screens[mode] = screen
        return screen

    def on_mount(self) -> None:
        self.theme_changed_signal.subscribe(self, self._redraw_themes)
        for sentence in self.theme_problems:
            self.tell(sentence, severity="warning")
        if self.session.bringing_up_devnet:
            self._bring_up()
        else:
            # The first frame comes before the first byte of network traffic.
            self.call_after_refresh(self._start_following)

    # What comes in

    def timeline(self) -> Timeline | None:
        if self.session.recording is not None:
            return self.session.recording
        return None if self._recorder is None else self._recorder.history

    def _start_following(self) -> None:
        if not self.is_headless:
            self.set_timer(VIEWS_AFTER_S, partial(begin, self, self._make_rest, name="views"), name="views")
        if self.session.recording is not None:
            self.run_on()
        else:
            begin(self, self._follow, name="follow")

    async def _make_rest(self) -> None:
        """What the first frame did not wait for, so that the first key that needs it need not either."""
        await asyncio.to_thread(_import_screens)
        await self.make_views()

    async def _follow(self) -> None:
        # In a thread: keys and drawing go on.
        await asyncio.to_thread(import_module, "console.recording.recorder")
        from console.recording.recorder import Recorder

        self._recorder = Recorder(self._file, partial(self.tell, severity="error"), self._header)
        begin(self, self._recorder.run, name="recorder")
        if self._file is not None:
            from console.recording.beside import Beside

            begin(self, Beside(self.session, self._recorder).run, name="beside")
            self.tell(f"This session is recorded to {self._file.path}")
        await asyncio.to_thread(import_module, "screens.attention")
        from screens.attention import Attention

        if isinstance(self._driver, TerminalDriver):
            self._attention = Attention(self.settings, self.session.network, self._driver)
        begin(self, self._follow_snapshots, name="snapshots")
        begin(self, self._follow_logs, name="logs")
        self.set_interval(REDUCED_TICK_S if self.settings.reduced_motion else 1.0, self._tick, name="tick")

    async def _follow_snapshots(self) -> None:
        try:
            async for snapshot in self.session.snapshots():
                # In a thread: what happened since the one before is asked of each of up to ten thousand validators.
                self.live_course = await asyncio.to_thread(self.live_course.after, self.live, snapshot)
                self.live_now = self.session.now()
                self.live = snapshot
                if self._recorder is not None:
                    self._recorder.snapshot(snapshot)
                self._go_on()
                if self._attention is not None:
                    await self._attention.look(snapshot)
        except SettingsError as error:
            # Only now all of them were read.
            self.refused_by = error
            self.leave(1)
        except ConsoleError as error:
            self.tell(f"No more news of chain and node: {error}", severity="error")

    async def _follow_logs(self) -> None:
        try:
            async for source, text in self.session.log_lines():
                if not self._pending_lines:
                    self.set_timer(LOG_BATCH_S, self._flush_lines, name="log batch")
                self._pending_lines.append(safe_line(source, text))
        except ConsoleError as error:
            self._pending_lines.append(safe_line("console", str(error)))
            self._flush_lines()

    def _flush_lines(self) -> None:
        self._live_lines = (*self._live_lines, *self._pending_lines)[-TAIL_LINES:]
        if self._recorder is not None:
            self._recorder.lines(self.session.now(), tuple(self._pending_lines))
        self._pending_lines.clear()
        if self.past is None:
            self.log_lines = self._live_lines

    def _tick(self) -> None:
        self.lock_when_idle()
        self._tidying.look_if_quiet(monotonic(), self.quiet.since(monotonic()))
        self.live_now = self.session.now()
        if self.past is not None:
            self.tell_present()
        elif abs(self.live_now - self.now) >= TOLD_S:
            self.now = self.live_now

    def _go_on(self) -> None:
        """Show what is new, unless the past is looked at."""
        if self.past is None:
            self.show_present()
        else:
            self.tell_present()

    def show_present(self) -> None:
        self.course = self.live_course
        self.now, self.snapshot, self.log_lines = self.live_now, self.live, self._live_lines

    def _header(self) -> Header:
        from console.recording.format import Header

        return Header(self.session.network, self.session.own_address, self.session.standing)

    def watch_snapshot(self, snapshot: Snapshot | None) -> None:
        # The footer is drawn again only when an action became possible or impossible.
        refused = frozenset(
            entry.id
            for mode in VIEWS
            for entry in actions_of(mode)
            if refusal(entry, self.session, snapshot, self.past)
        )
        if refused != self._refused:
            self._refused = refused
            self.refresh_bindings()

    # Leaving

    def _bring_up(self) -> None:
        from screens.bring_up import BringUp, BringUpScreen

        assert isinstance(self.session, BringUp)
        self.push_screen(BringUpScreen(self.session, self.session.network), self._brought_up)

    def _brought_up(self, up: bool | None) -> None:
        if up:
            self._start_following()
        else:
            self.leave(EXIT_KEPT)

    def _redraw_themes(self, _theme: Theme) -> None:
        for screen in self._screens.values():
            if screen.is_mounted:
                screen.call_after_refresh(screen.redraw_theme)
