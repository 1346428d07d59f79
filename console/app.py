"""The Textual application: modes, themes, the two walls, and leaving (DESIGN §2, §3, §9).

Call `console.terminal.prepare_environment` before this is imported: Textual reads its settings at import.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from rich.segment import Segments
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.command import Provider
from textual.filter import LineFilter
from textual.reactive import var
from textual.screen import Screen
from textual.theme import Theme

from console.actions import MODE_NAMES, PALETTE, actions_of
from console.actions import action as registered
from console.errors import ConsoleError
from console.model import Snapshot
from console.ports import Session
from console.settings import DEVNET
from screens.addresses import prefix_of
from screens.bindings import bindings_everywhere, refusal
from screens.bring_up import BringUp, BringUpScreen
from screens.cuts import CutsScreen
from screens.driver import TerminalDriver
from screens.emergency import EmergencyChoice, EmergencyScreen, confirm_stop
from screens.flows import Flows
from screens.help import HelpEntry, HelpScreen
from screens.leave import Leaving, QuitScreen
from screens.logs import LogsScreen
from screens.mode import ModeScreen
from screens.node_menu import NodeChoice, NodeMenuScreen, confirm_node_action, confirm_ready, confirm_unproven
from screens.overview import OverviewScreen
from screens.palette import ConsoleCommands
from screens.proposal import ProposalScreen
from screens.proposals import ProposalsScreen
from screens.propose import ProposeScreen
from screens.readiness import ReadinessScreen
from screens.release import ReleaseScreen
from screens.terminal import DrawnTerminal
from screens.theme import textual_theme
from themes import NO_COLOUR_THEME, load_themes
from widgets.emergency_words import stoppable
from widgets.log_view import MAX_LINES, LogLine, safe_line
from widgets.second_wall import SecondWall

EXIT_KEPT = 0
"""Left; whatever runs goes on."""
EXIT_STOP_DEVNET = 10
"""Left, and the operator wants the devnet stopped: the command line does that."""
EXIT_HANGUP = 128 + signal.SIGHUP
EXIT_TERMINATED = 128 + signal.SIGTERM

_FOREIGN = re.compile(r"[ \t]*(?:@font-face \{.*?\}|<!-- Generated with .*?-->)\n?", re.DOTALL)
"""Fonts by URL and the generator's address in Textual's SVG; without them the viewer's monospace is drawn."""

LOG_BATCH_S = 0.25
"""Seconds for which log lines are gathered before they are drawn at once (facts/tui.md C4)."""


class UpgradeConsoleApp(App[int]):
    """The console. It shows and asks; it owns nothing that a crash could take along (DESIGN §1).

    Args:
        session: Operations, Snapshots, logs and the clock of one network.
        theme: A theme's name; one that cannot be used falls back to the default, and is reported once.
        theme_folders: Further folders with theme files.
        keymap: Other keys for actions, as `console.keymap.checked_keymap` gives them.
    """

    DEFAULT_MODE: ClassVar[str] = "overview"
    COMMANDS: ClassVar[set[type[Provider]]] = {ConsoleCommands}  # type: ignore[assignment]
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = PALETTE.key
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_everywhere()]
    ESCAPE_TO_MINIMIZE = False
    TITLE = "upgrade-console"
    # The palette's magnifier is an emoji of two columns; everything else is one column per symbol.
    CSS = "CommandPalette SearchIcon { display: none; }"

    snapshot: var[Snapshot | None] = var(None)
    """The newest picture of chain and node; None before the first."""
    now: var[float] = var(0.0)
    """Unix seconds, set once a second and with each Snapshot."""
    log_lines: var[tuple[LogLine, ...]] = var(())
    """The newest lines of both logs, oldest first."""

    def __init__(
        self,
        session: Session,
        theme: str = "dark",
        theme_folders: Iterable[Path] = (),
        keymap: Mapping[str, str] | None = None,
    ) -> None:
        loaded = load_themes(theme_folders)
        # Under NO_COLOR an RGB theme becomes RGB greys; the terminal's own colours are the honest answer.
        wanted = NO_COLOUR_THEME if os.environ.get("NO_COLOR") is not None else theme
        chosen, problem = loaded.choose(wanted)
        super().__init__(driver_class=TerminalDriver, ansi_color=True if chosen.ansi else None)
        self.session = session
        self.animation_level = "none"
        self._keys = dict(keymap or {})
        self.set_keymap(self._keys)
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]
        self.VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-tall")]
        self._problems = (*loaded.problems, *([problem] if problem else []))
        foreign = set(self.available_themes)
        for values in loaded.themes.values():
            self.register_theme(textual_theme(values))
        self.theme = chosen.name
        for name in foreign:
            self.unregister_theme(name)
        self._wall = SecondWall()
        self._screens: dict[str, ModeScreen] = {}
        self._pending_lines: list[LogLine] = []
        self._draft: dict[str, str] = {}
        session.lend_terminal(DrawnTerminal(self))
        self._flows = Flows(self, session, lambda: prefix_of(self.snapshot))
        self._refused: frozenset[str] = frozenset()
        self.now = session.now()
        for mode in MODE_NAMES:
            self.add_mode(mode, lambda mode=mode: self._screens[mode])  # type: ignore[misc]

    def on_load(self) -> None:
        # Bound here, in the application's own context: a mode is first opened from a screen's key handler.
        for kind in (OverviewScreen, ProposalsScreen, ReadinessScreen, LogsScreen):
            screen: ModeScreen = kind(self.session)
            screen.keymap = self._keys
            screen.data_bind(UpgradeConsoleApp.snapshot, UpgradeConsoleApp.now, UpgradeConsoleApp.log_lines)
            self._screens[screen.MODE] = screen

    def on_mount(self) -> None:
        self._listen_to_signals()
        self.theme_changed_signal.subscribe(self, self._redraw_themes)
        for sentence in self._problems:
            self._tell(sentence, severity="warning")
        if self.session.bringing_up_devnet and isinstance(self.session, BringUp):
            self.push_screen(BringUpScreen(self.session, self.session.network), self._brought_up)
        else:
            # The first frame comes before the first byte of network traffic.
            self.call_after_refresh(self._start_following)

    # What comes in

    def _start_following(self) -> None:
        self.run_worker(self._follow_snapshots(), name="snapshots", exit_on_error=True)
        self.run_worker(self._follow_logs(), name="logs", exit_on_error=True)
        self.set_interval(1.0, self._tick, name="tick")

    async def _follow_snapshots(self) -> None:
        try:
            async for snapshot in self.session.snapshots():
                self.now = self.session.now()
                self.snapshot = snapshot
        except ConsoleError as error:
            self._tell(f"No more news of chain and node: {error}", severity="error")

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
        self.log_lines = (*self.log_lines, *self._pending_lines)[-MAX_LINES:]
        self._pending_lines.clear()

    def _tick(self) -> None:
        self.now = self.session.now()

    def watch_snapshot(self, snapshot: Snapshot | None) -> None:
        # The footer is drawn again only when an action became possible or impossible.
        refused = frozenset(
            entry.id for mode in self._screens for entry in actions_of(mode) if refusal(entry, self.session, snapshot)
        )
        if refused != self._refused:
            self._refused = refused
            self.refresh_bindings()

    # Actions of the registry

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey out what is refused now; it stays visible."""
        try:
            entry = registered(action)
        except KeyError:
            return True
        return None if refusal(entry, self.session, self.snapshot) else True

    def action_show_overview(self) -> None:
        """Switch to the overview."""
        self.switch_mode("overview")

    def action_show_proposals(self) -> None:
        """Switch to the proposals."""
        self.switch_mode("proposals")

    def action_show_readiness(self) -> None:
        """Switch to the readiness of every validator."""
        self.switch_mode("readiness")

    def action_show_logs(self) -> None:
        """Switch to the logs."""
        self.switch_mode("logs")

    def on_proposals_screen_opened(self, event: ProposalsScreen.Opened) -> None:
        """Open one proposal in full."""
        if self._is_open(ProposalScreen):
            return
        screen = ProposalScreen(self.session, event.proposal_id)
        screen.keymap = self._keys
        screen.data_bind(UpgradeConsoleApp.snapshot, UpgradeConsoleApp.now)
        self.push_screen(screen)

    def on_proposal_screen_wanted(self, event: ProposalScreen.Wanted) -> None:
        """Do what is wanted with a proposal: asked, reviewed, then signed."""
        if event.verb == "show_calls":
            title = f"Linked calls of proposal {event.proposal.id}: {event.proposal.name}"
            ask = partial(self.session.linked_reviews, event.proposal.id)
            self.push_screen(CutsScreen(title, ask, prefix_of(self.snapshot)))
        else:
            self._flows.begin(event.verb, event.proposal)

    def action_advertise(self) -> None:
        """Tell the network which release this validator runs."""
        self._flows.advertise(self.snapshot)

    def action_emergency(self) -> None:
        """Open the two choices of an emergency, over whatever is open."""
        # In the application's own context, where its reactives can be bound.
        self.call_later(self._open_emergency)

    def _open_emergency(self) -> None:
        if self._is_open(EmergencyScreen):
            return
        screen = EmergencyScreen(self.session)
        screen.data_bind(UpgradeConsoleApp.snapshot, UpgradeConsoleApp.now)
        self.push_screen(screen, self._emergency_chosen)

    def _emergency_chosen(self, choice: EmergencyChoice | None) -> None:
        proposal = stoppable(self.snapshot)
        node = self.snapshot.node if self.snapshot is not None else None
        if choice == "halt" and proposal is not None:
            self._flows.halt(proposal)
        elif choice == "stop" and node is not None:
            self.push_screen(confirm_stop(self.session, node, self.snapshot))

    def action_propose(self) -> None:
        """Open the propose form."""
        # In the application's own context, where its reactives can be bound.
        self.call_later(self._open_propose)

    def _open_propose(self) -> None:
        if self._is_open(ProposeScreen):
            return
        screen = ProposeScreen(self.session, self._draft)
        screen.data_bind(UpgradeConsoleApp.snapshot, UpgradeConsoleApp.now)
        self.push_screen(screen)

    def action_ready(self) -> None:
        """Ask before signalling readiness by hand."""
        snapshot = self.snapshot
        if snapshot is None or snapshot.node is None or snapshot.upgrade is None:
            return
        proposal = snapshot.upgrade.proposal
        self.push_screen(confirm_ready(self.session, snapshot.node, proposal.id, proposal.name))

    def action_show_release(self) -> None:
        """Show what is verified of the planned release."""
        # In the application's own context, where its reactives can be bound.
        self.call_later(self._open_release)

    def _open_release(self) -> None:
        if self._is_open(ReleaseScreen):
            return
        screen = ReleaseScreen(self.session)
        screen.data_bind(UpgradeConsoleApp.snapshot)
        self.push_screen(screen)

    def action_node_menu(self) -> None:
        """Open the node's menu."""
        node = self.snapshot.node if self.snapshot is not None else None
        if node is None or self._is_open(NodeMenuScreen):
            return

        def chosen(wanted: NodeChoice | None) -> None:
            if wanted == "unproven":
                self.push_screen(confirm_unproven(self.session, node))
            elif wanted is not None:
                self.push_screen(confirm_node_action(self.session, node, wanted))

        self.push_screen(NodeMenuScreen(node), chosen)

    def action_help(self) -> None:
        """Explain the current view."""
        screen = self.screen
        if not isinstance(screen, ModeScreen):
            return
        entries = (*screen.actions, PALETTE)
        self.push_screen(
            HelpScreen(
                screen.MODE.capitalize(),
                screen.EXPLANATION,
                tuple(HelpEntry(entry, screen.refusal_of(entry)) for entry in entries),
            )
        )

    def action_quit_console(self) -> None:
        """Leave; on a devnet ask first whether it goes on."""
        if self._is_open(BringUpScreen) or self.session.network != DEVNET:
            self._leave(EXIT_KEPT)
        elif not self._is_open(QuitScreen):
            self.push_screen(QuitScreen(read_only=self.session.read_only), self._left)

    async def action_quit(self) -> None:
        """Textual's own Ctrl+Q, from any screen."""
        self.action_quit_console()

    def action_help_quit(self) -> None:
        """Ctrl+C: nothing happens but a word on how to leave."""
        self._tell("Press q, or Ctrl+Q in a form, to leave the console.")

    def _left(self, leaving: Leaving | None) -> None:
        if leaving is not None:
            self._leave(EXIT_KEPT if leaving == "keep" else EXIT_STOP_DEVNET)

    def _brought_up(self, up: bool | None) -> None:
        if up:
            self._start_following()
        else:
            self._leave(EXIT_KEPT)

    def _leave(self, code: int) -> None:
        self.exit(code, return_code=code)

    # The terminal

    def on_terminal_driver_gone(self) -> None:
        """Leave: no hang-up may have been sent, or it is ignored here."""
        self._leave(EXIT_HANGUP)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """The second wall before all others."""
        return [self._wall, *super().get_line_filters()]

    def export_screenshot(self, *, title: str | None = None, simplify: bool = False) -> str:
        """The screen as SVG; who opens the picture fetches nothing, so it names no foreign host."""
        picture = _FOREIGN.sub("", super().export_screenshot(title=title, simplify=simplify))
        # Some viewers drop the blanks at both ends of a text, and every column after them moves.
        return picture.replace("<svg ", '<svg xml:space="preserve" ', 1)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """None: the palette lists the registry."""
        return ()

    def _fatal_error(self) -> None:
        # Imported here, as Textual does: with pygments it is 17 ms that the first frame would wait for.
        import rich
        from rich.traceback import Traceback

        # Textual prints local variables, which may hold what nobody should read (facts/tui.md §0.7).
        traceback = Traceback(show_locals=False, width=None, suppress=[rich])
        self._exit_renderables.append(Segments(self.console.render(traceback, self.console.options)))
        self._close_messages_no_wait()

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number, code in ((signal.SIGTERM, EXIT_TERMINATED), (signal.SIGHUP, EXIT_HANGUP)):
            try:
                loop.add_signal_handler(number, self._leave, code)
            except (NotImplementedError, RuntimeError, ValueError):
                # Not the main thread: whoever runs the loop handles its signals.
                return

    def on_unmount(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)

    def _redraw_themes(self, _theme: Theme) -> None:
        for screen in self._screens.values():
            if screen.is_mounted:
                screen.call_after_refresh(screen.redraw_theme)

    def _is_open(self, kind: type[Screen[Any]]) -> bool:
        return any(isinstance(screen, kind) for screen in self.screen_stack)

    def _tell(self, sentence: str, *, severity: str = "information") -> None:
        timeout = 20.0 if severity == "error" else 8.0
        self.notify(sentence, severity=severity, timeout=timeout, markup=False)  # type: ignore[arg-type]
