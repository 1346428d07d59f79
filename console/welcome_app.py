"""The application that opens when no network is chosen: it finds one, proposes settings, or offers the devnet.

Call `console.terminal.prepare_environment` before this is imported: Textual reads its settings at import.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from console.operations.first_look import FirstLook, look_around
from console.operations.networks import ProposedTable, write, written
from screens.dressed import DressedApp
from screens.welcome import WelcomeScreen


class WelcomeApp(DressedApp):
    """Ends with 0; `chosen` then says what is to be opened.

    Args:
        theme: A theme's name.
        theme_folders: Further folders with theme files.
        keymap: Other keys for actions, as `console.keymap.checked_keymap` gives them.
        look: Looks at this machine; blocks.
    """

    def __init__(
        self,
        theme: str = "dark",
        theme_folders: Iterable[Path] = (),
        keymap: Mapping[str, str] | None = None,
        look: Callable[[], FirstLook] = look_around,
    ) -> None:
        super().__init__(theme, theme_folders)
        self.set_keymap(dict(keymap or {}))
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
