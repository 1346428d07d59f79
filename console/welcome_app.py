"""The application that opens when no network is chosen: it finds one, proposes settings, or offers the devnet.

Call `console.terminal.prepare_environment` before this is imported: Textual reads its settings at import.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from console.console_settings import DEFAULTS, ConsoleSettings
from console.operations.first_look import FirstLook, look_around
from console.operations.networks import ProposedTable, write, written
from screens.dressed import DressedApp
from screens.welcome import WelcomeScreen


class WelcomeApp(DressedApp):
    """Ends with 0; `chosen` then says what is to be opened.

    Args:
        settings: Theme, keys and what else the operator chose.
        theme_folders: Further folders with theme files.
        look: Looks at this machine; blocks.
    """

    def __init__(
        self,
        settings: ConsoleSettings = DEFAULTS,
        theme_folders: Iterable[Path] = (),
        look: Callable[[], FirstLook] = look_around,
    ) -> None:
        super().__init__(settings, theme_folders)
        self.set_keymap(dict(settings.keymap))
        self._look = look
        self.chosen: tuple[str, Path | None] | None = None
        """Name of the network to open, and the devnet's folder where it is not the usual one; None to leave."""

    def on_mount(self) -> None:
        for sentence in self.theme_problems:
            self.tell(sentence, severity="warning")
        self.push_screen(WelcomeScreen(self._look, _write))

    def on_welcome_screen_opened(self, event: WelcomeScreen.Opened) -> None:
        """Leave, so that it can be opened."""
        self.chosen = (event.network, event.folder)
        self.exit(0)

    def action_quit_console(self) -> None:
        """Leave, and open nothing."""
        self.exit(0)

    async def action_quit(self) -> None:
        """Textual's own Ctrl+Q."""
        self.action_quit_console()

    def action_help_quit(self) -> None:
        """Ctrl+C: a word on how to leave."""
        self.tell("Press q to leave.")


def _write(table: ProposedTable) -> Path:
    return write(written([table]))
