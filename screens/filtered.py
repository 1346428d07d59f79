"""The base of views with a filter: `/` opens it, Enter keeps it, Escape ends it."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.widgets import Input

from screens.mode import ModeScreen
from widgets.narrowing import Narrowing


def filter_field(placeholder: str) -> Input:
    """The field that a filtered view composes above its footer."""
    return Input(placeholder=placeholder, id="filter", compact=True)


class FilteredScreen(ModeScreen):
    """A view whose lines or rows are filtered as the operator types."""

    FILTERED: ClassVar[str] = ""
    """Selector of what is filtered: it has the keys while nobody types."""

    def apply_filter(self, narrowing: Narrowing) -> None:
        """Show only what the filter keeps."""
        raise NotImplementedError

    def on_mount(self) -> None:
        field = self.query_one("#filter", Input)
        field.cursor_blink = False
        field.display = False

    def action_filter(self) -> None:
        """Open the filter."""
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    def action_back(self) -> None:
        """End the filter if there is one, else go back to the overview."""
        field = self.query_one("#filter", Input)
        if field.display:
            field.value = ""
            field.display = False
            self.query_one(self.FILTERED).focus()
        else:
            super().action_back()

    @on(Input.Changed, "#filter")
    def filter_typed(self, event: Input.Changed) -> None:
        """Show only what matches."""
        self.apply_filter(Narrowing(event.value))

    @on(Input.Submitted, "#filter")
    def keep_filter(self) -> None:
        """Keep the filter and give the keys back."""
        self.query_one(self.FILTERED).focus()
