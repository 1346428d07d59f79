"""A text whole, where a row has no room for it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content

from screens.sized import Dialog
from widgets.searched_text import SearchedText


class WholeTextScreen(Dialog[None]):
    """A title and lines that scroll; any of the keys that close, close.

    Args:
        title: What it is.
        lines: The text.
        copied: What `y` sends to the terminal's clipboard.
    """

    CSS_PATH = "whole_text.tcss"
    AUTO_FOCUS = "#whole"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "back", show=False),
        Binding("y", "copy", show=False),
    ]

    def __init__(self, title: str, lines: tuple[Content, ...], copied: str) -> None:
        super().__init__()
        self._title = title
        self._lines = lines
        self._copied = copied

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = Content(self._title)
            box.border_subtitle = Content("y copies · Esc closes")
            yield SearchedText(id="whole")

    def on_mount(self) -> None:
        self.query_one(SearchedText).show(self._lines)

    def action_copy(self) -> None:
        """Send the text to the terminal's clipboard; whether it arrives, nobody is told (facts/tui.md A2)."""
        self.app.copy_to_clipboard(self._copied)
        self.notify("Sent to the terminal's clipboard.", markup=False)

    def action_back(self) -> None:
        """Close."""
        self.dismiss(None)
