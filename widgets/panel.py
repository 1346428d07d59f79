"""A text under a rule that carries its title: what a view is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from widgets.drawn import Drawn

if TYPE_CHECKING:
    from console.model import Snapshot


class Panel(Drawn):
    """A text with a title; its lines wrap."""

    DEFAULT_CSS = """
    Panel {
        border-top: solid $border-blurred;
        border-title-style: bold;
        border-title-color: $foreground;
        padding: 0 1;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._headed: Content | None = None

    def head(self, title: Content) -> None:
        """Show this title in the rule above."""
        if self._headed is None or not self._headed.is_same(title):
            self._headed = title
            self.border_title = title


class SnapshotPanel(Panel):
    """A panel that draws a Snapshot at a moment, and both again where its size changes."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._snapshot: Snapshot | None = None
        self._now = 0.0

    def show(self, snapshot: Snapshot | None, now: float) -> None:
        """Draw it at `now`, Unix seconds."""
        self._snapshot, self._now = snapshot, now
        self._redraw()


class RowsPanel(Panel):
    """A text with a title, each line of which stays one row."""

    DEFAULT_CSS = "RowsPanel { text-wrap: nowrap; text-overflow: ellipsis; }"
