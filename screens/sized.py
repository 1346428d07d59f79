"""Screens that are laid out for the terminal as it is now, whatever sizes it had on the way."""

from __future__ import annotations

from typing import TypeVar

from textual import events
from textual.geometry import Size
from textual.screen import ModalScreen, Screen

Answer = TypeVar("Answer")


class SizedScreen(Screen[Answer]):
    """A screen that takes no size that is no more.

    Textual 8.2.8 lays a screen out for every size that it is told, and tells it that size once more. With two of them
    on their way, each calls the other back for ever, in a loop that nothing else ever gets a turn of.
    """

    def _screen_resized(self, size: Size) -> None:
        # Also called of what stands behind a dialog.
        super()._screen_resized(self.app.size)

    async def _on_resize(self, event: events.Resize) -> None:
        if event.size != self.app.size:
            # The application tells the newest one after this.
            event.stop()
            event.prevent_default()


class Dialog(ModalScreen[Answer], SizedScreen[Answer]):
    """A dialog: it covers what stands below and may be dismissed with an answer."""
