"""Copying: a list of what can be copied in a view, sent to the terminal's clipboard by OSC 52, and shown whole."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from console.text import shortened
from screens.sized import Dialog
from widgets.copyable import Copyable
from widgets.drawn import GOOD, MUTED, STRONG, stacked

_LABEL = 34
"""Columns of a label in the list."""


class CopyScreen(Dialog[None]):
    """Lists texts; Enter sends the chosen one to the clipboard.

    No terminal answers whether it took it, so it says that it was sent, and shows the whole text for the mouse.

    Args:
        entries: What can be copied, at least one.
    """

    CSS_PATH = "modal.tcss"
    AUTO_FOCUS = "#copyable"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,y", "close", show=False),
        Binding("c", "send", show=False),
    ]

    def __init__(self, entries: tuple[Copyable, ...]) -> None:
        super().__init__()
        self._entries = entries

    def compose(self) -> ComposeResult:
        with Vertical(classes="box", id="copy-box") as box:
            box.border_title = Content("Copy")
            box.border_subtitle = Content("Enter sends it to the clipboard · Esc closes")
            yield OptionList(*(Option(self._line(entry)) for entry in self._entries), id="copyable", markup=False)
            yield Static(Content(""), markup=False, id="whole")
            yield Static(Content(""), markup=False, id="result", classes="result")

    def _line(self, entry: Copyable) -> Content:
        room = max(12, min(self.app.size.width, 100) - _LABEL - 8)
        return Content(f"{shortened(entry.label, _LABEL):<{_LABEL}}  {shortened(entry.text, room)}")

    @property
    def _chosen(self) -> Copyable:
        return self._entries[self.query_one(OptionList).highlighted or 0]

    @on(OptionList.OptionHighlighted)
    def show_whole(self) -> None:
        """Show the chosen text to its end."""
        self.query_one("#whole", Static).update(Content.styled(self._chosen.text, STRONG))
        self.query_one("#result", Static).update(Content(""))

    @on(OptionList.OptionSelected)
    def action_send(self) -> None:
        """Send the chosen text to the clipboard."""
        self.app.copy_to_clipboard(self._chosen.text)
        self.query_one("#result", Static).update(
            stacked(
                Content.assemble(("✓ ", GOOD), f"Sent to the clipboard: {self._chosen.label}."),
                Content.styled("A terminal that does not take it (OSC 52) has the text above for selection.", MUTED),
            )
        )

    def action_close(self) -> None:
        """Go back."""
        self.dismiss(None)
