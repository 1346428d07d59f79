"""What every application of ours wears: the themes, both walls, pictures without foreign hosts (DESIGN §3, §9)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from rich.console import RenderableType
from rich.text import Text
from textual import events, on
from textual._compositor import ChopsUpdate
from textual.actions import ActionParseResult
from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.command import CommandPalette
from textual.content import Content
from textual.css.query import NoMatches
from textual.dom import DOMNode
from textual.filter import LineFilter
from textual.screen import Screen
from textual.widget import MountError
from textual.widgets import Input

from console.actions import ACTIONS, PALETTE, key_name
from screens.cropped import CroppedUpdate
from screens.driver import TerminalDriver
from screens.quiet import Quiet
from screens.theme import textual_theme
from themes import DEFAULT_THEME, FEW_COLOURS_THEME, load_themes
from widgets.ascii_alone import AsciiAlone
from widgets.second_wall import SecondWall
from widgets.too_small import LEAST_COLUMNS

EXIT_HANGUP = 128 + signal.SIGHUP
EXIT_TERMINATED = 128 + signal.SIGTERM

if TYPE_CHECKING:
    from console.console_settings import ConsoleSettings
    from console.crash import Circumstances

PRESSED_KEPT = 40
"""Actions that the report of a crash tells."""
_REPORTED = frozenset({*(entry.id for entry in (*ACTIONS, PALETTE)), "confirm", "cancel", "export", "choose"})

_FOREIGN = re.compile(r"[ \t]*(?:@font-face \{.*?\}|<!-- Generated with .*?-->)\n?", re.DOTALL)
"""Fonts by URL and the generator's address in Textual's SVG; without them the viewer's monospace is drawn."""


class DressedApp(App[int]):
    """An application that ends with an exit code.

    Args:
        settings: The theme, and what else the operator chose; a theme that cannot be used falls back to the default,
            and is reported once.
        theme_folders: Further folders with theme files.
    """

    ESCAPE_TO_MINIMIZE = False
    TITLE = "upgrade-console"
    # The palette's magnifier is an emoji of two columns; everything else is one column per symbol.
    CSS: ClassVar[str] = "CommandPalette SearchIcon { display: none; }"

    def __init__(self, settings: ConsoleSettings, theme_folders: Iterable[Path] = ()) -> None:
        loaded = load_themes(theme_folders)
        # Under NO_COLOR an RGB theme becomes RGB greys; the terminal's own colours are the honest answer.
        wanted = FEW_COLOURS_THEME if os.environ.get("NO_COLOR") is not None else settings.theme or DEFAULT_THEME
        chosen, problem = loaded.choose(wanted)
        super().__init__(driver_class=TerminalDriver, ansi_color=True if chosen.ansi else None)
        self.animation_level = "none"
        self.HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (LEAST_COLUMNS, "-narrow"), (100, "-wide")]
        self.VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-tall")]
        self.theme_problems = (*loaded.problems, *([problem] if problem else []))
        """Sentences about themes that could not be used; to be told once."""
        foreign = set(self.available_themes)
        for values in loaded.themes.values():
            self.register_theme(textual_theme(values))
        self.theme = chosen.name
        for name in foreign:
            self.unregister_theme(name)
        self.settings = settings
        self.badge = Content("")
        """The network and what is at stake there, for the titles of dialogs; empty where nothing is."""
        self._walls: list[LineFilter] = [SecondWall(), *([AsciiAlone()] if settings.ascii else [])]
        self.quiet = Quiet()
        """When a person last pressed something; dialogs ask it."""
        self._pressed: deque[tuple[float, str]] = deque(maxlen=PRESSED_KEPT)

    async def on_event(self, event: events.Event) -> None:
        # Before anybody answers it: whether a key came alone is known from all of them.
        if isinstance(event, events.Key | events.MouseDown) and not event.is_forwarded:
            self.quiet.heard(event.time)
        await super().on_event(event)

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        name = action.partition("(")[0].rpartition(".")[2] if isinstance(action, str) else action[1]
        # By name alone, and only what the registry knows: what is typed into a field is nobody's business.
        if name in _REPORTED:
            self._pressed.append((monotonic(), name))
        return await super().run_action(action, default_namespace, namespaces)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """The second wall before all others, then what the terminal cannot draw."""
        return [*self._walls, *super().get_line_filters()]

    def get_key_display(self, binding: Binding) -> str:
        """The footer names a key as help, palette and documentation do."""
        return key_name(binding.key)

    def export_screenshot(self, *, title: str | None = None, simplify: bool = False) -> str:
        """The screen as SVG; who opens the picture fetches nothing, so it names no foreign host."""
        picture = _FOREIGN.sub("", super().export_screenshot(title=title, simplify=simplify))
        # Some viewers drop the blanks at both ends of a text, and every column after them moves.
        return picture.replace("<svg ", '<svg xml:space="preserve" ', 1)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """None: the palette lists the registry."""
        return ()

    def tell(self, sentence: str, *, severity: str = "information") -> None:
        """Say a sentence in a corner; never as markup."""
        timeout = 20.0 if severity == "error" else 8.0
        self.notify(sentence, severity=severity, timeout=timeout, markup=False)  # type: ignore[arg-type]

    # A crash

    def circumstances(self) -> Circumstances:
        """What is going on, for the report of a crash."""
        from console.crash import Circumstances

        now = monotonic()
        return Circumstances(
            network="",
            view=self.current_mode,
            screens=tuple(type(screen).__name__ for screen in self.screen_stack),
            size=(self.size.width, self.size.height),
            pressed=tuple((now - at, name) for at, name in self._pressed),
        )

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        super()._display(screen, CroppedUpdate.of(renderable) if isinstance(renderable, ChopsUpdate) else renderable)

    def _handle_exception(self, error: Exception) -> None:
        # What is half made when the console is left comes apart, and nobody sees it: no crash.
        if self._exit and isinstance(getattr(error, "error", error), MountError | NoMatches):
            return
        super()._handle_exception(error)

    def _print_error_renderables(self) -> None:
        # The terminal may be what is gone.
        with contextlib.suppress(OSError):
            super()._print_error_renderables()

    def _fatal_error(self) -> None:
        # Textual prints the traceback with local variables, which may hold what nobody should read (facts/tui.md §0.7).
        self._exit_renderables.append(Text(self._last_words(self._exception or sys.exc_info()[1])))
        self._close_messages_no_wait()

    def _last_words(self, error: BaseException | None) -> str:
        # Imported only now: the first frame does not wait for it.
        from console.crash import report, summary, write_report

        if error is None:
            return "The console crashed. Nodes, controllers and the upgrade go on."
        error = getattr(error, "error", error)
        sentence = f"The console crashed: {summary(error)}\nNodes, controllers and the upgrade go on."
        try:
            path = write_report(error, self.circumstances())
        except OSError as problem:
            return f"{sentence} No report could be written ({problem.strerror}), here it is:\n\n" + report(
                error, self.circumstances()
            )
        return f"{sentence} Open the console again to go on. A report without secrets is in\n{path}"

    # Leaving

    def leave(self, code: int) -> None:
        """End the application with this exit code."""
        self.exit(code, return_code=code)

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        for number, code in ((signal.SIGTERM, EXIT_TERMINATED), (signal.SIGHUP, EXIT_HANGUP)):
            try:
                loop.add_signal_handler(number, self.leave, code)
            except (NotImplementedError, RuntimeError, ValueError):
                # Not the main thread: whoever runs the loop handles its signals.
                return

    def on_unmount(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)

    @on(CommandPalette.Opened)
    def _still_the_palette(self) -> None:
        # Idle is no byte: not even a cursor's.
        for field in self.screen.query(Input):
            field.cursor_blink = False

    def on_terminal_driver_gone(self) -> None:
        """Leave: the hang-up may be ignored here, or was never sent."""
        self.leave(EXIT_HANGUP)
