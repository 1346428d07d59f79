"""The base of text widgets: draws only what changed, and never as markup."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

GOOD = "$text-success"
BAD = "$text-error"
WARN = "$text-warning"
MUTED = "$foreground-muted"
STRONG = "bold"
"""Styles of a text; each stands beside a word that says the same without colour."""


class Drawn(Static):
    """A text of fixed size. `draw` writes nothing to the terminal when nothing changed (facts/tui.md C3)."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(Content(""), markup=False, id=id, classes=classes)
        self._drawn: Content | None = None
        self._headed: Content | None = None

    def draw(self, content: Content) -> bool:
        """Show this content; its size must not depend on it (use CSS heights). Returns whether it changed."""
        if self._drawn is not None and self._drawn.is_same(content):
            return False
        self._drawn = content
        self.update(content, layout=False)
        return True

    def head(self, title: Content) -> None:
        """Show this title in the rule above."""
        if self._headed is None or not self._headed.is_same(title):
            self._headed = title
            self.border_title = title


class Grown(Drawn):
    """A text as high as it is long; what stands below moves only when it changed."""

    DEFAULT_CSS = "Grown { height: auto; }"

    def draw(self, content: Content) -> bool:
        """Show this content. Returns whether it changed."""
        if not super().draw(content):
            return False
        # Textual 8.2.8 keeps the former height when a layout passed between two changes that nobody had handled yet:
        # it counts only the first of them, and its measures are kept by that count.
        self._layout_updates += 1
        self.refresh(layout=True)
        return True


def stacked(*lines: Content | str) -> Content:
    """Lines under each other; a `str` is plain text, never markup."""
    return Content("\n").join([Content(line) if isinstance(line, str) else line for line in lines])
