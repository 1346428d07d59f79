"""The base of text widgets: draws only what changed, and never as markup."""

from __future__ import annotations

from itertools import takewhile

from rich.cells import cell_len
from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip
from textual.visual import Visual
from textual.widget import Widget

GOOD = "$text-success"
BAD = "$text-error"
WARN = "$text-warning"
MUTED = "$foreground-muted"
STRONG = "bold"
"""Styles of a text; each stands beside a word that says the same without colour."""


class Drawn(Widget):
    """A text of fixed size. `draw` writes only those rows to the terminal that changed (facts/tui.md C3)."""

    DEFAULT_CSS = "Drawn { height: auto; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes, markup=False)
        self._drawn = Content("")
        self._headed: Content | None = None

    @property
    def content(self) -> Content:
        """What is shown."""
        return self._drawn

    def render(self) -> Content:
        """The text as it is drawn."""
        return self._drawn

    def draw(self, content: Content) -> bool:
        """Show this content; its size must not depend on it (use CSS heights). Returns whether it changed."""
        if self._drawn.is_same(content):
            return False
        before, self._drawn = self._drawn, content
        rows = self._changed_rows(before, content)
        if rows is None:
            self.refresh()
        elif rows:
            self.refresh(*rows)
        return True

    def head(self, title: Content) -> None:
        """Show this title in the rule above."""
        if self._headed is None or not self._headed.is_same(title):
            self._headed = title
            self.border_title = title

    def _changed_rows(self, before: Content, after: Content) -> list[Region] | None:
        """The part of each row that differs, up to its last difference; None while nothing was drawn yet."""
        width, height = self.size
        if not self.is_mounted or not width or not height:
            return None
        old, new = (
            Visual.to_strips(self, content, width, height, self.visual_style, pad=True) for content in (before, after)
        )
        if len(old) != len(new):
            return None
        regions: list[Region] = []
        for row, (was, now) in enumerate(zip(old, new, strict=True)):
            if was != now:
                regions.append(Region(0, row, _differ_until(was, now, width), 1))
        return regions


def _differ_until(was: Strip, now: Strip, width: int) -> int:
    """Columns from the left after which two rows are the same."""
    old, new = list(was), list(now)
    same = 0
    while old and new and old[-1] == new[-1]:
        same += cell_len(old.pop().text)
        new.pop()
    if old and new and old[-1].style == new[-1].style:
        alike = takewhile(lambda pair: pair[0] == pair[1], zip(reversed(old[-1].text), reversed(new[-1].text)))  # noqa: B905
        same += cell_len("".join(character for character, _ in alike))
    return max(1, width - same)


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
