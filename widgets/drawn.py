"""The base of text widgets: draws only what changed, and never as markup."""

from __future__ import annotations

from collections.abc import Callable
from itertools import takewhile

from rich.cells import cell_len
from rich.segment import Segment
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
    """A text of fixed size. `draw` writes to the terminal only what changed of each row (facts/tui.md C3)."""

    DEFAULT_CSS = "Drawn { height: auto; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes, markup=False)
        self._drawn = Content("")
        self._strips: tuple[object, list[Strip]] = (None, [])
        """The rows of what is shown, with the size and style that they are of."""

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

    def on_resize(self) -> None:
        self._redraw()

    def _redraw(self) -> None:
        """Draw what was given for the size of now; for texts that depend on it."""

    def _changed_rows(self, before: Content, after: Content) -> list[Region] | None:
        """The part of each row from its first to its last difference; None while nothing was drawn yet."""
        width, height = self.size
        if not self.is_mounted or not width or not height:
            return None
        style = self.visual_style
        form = (width, height, style)
        kept, old = self._strips
        if kept != form:
            old = Visual.to_strips(self, before, width, height, style, pad=True)
        new = Visual.to_strips(self, after, width, height, style, pad=True)
        self._strips = (form, new)
        if len(old) != len(new):
            return None
        regions: list[Region] = []
        for row, (was, now) in enumerate(zip(old, new, strict=True)):
            if was != now:
                regions.append(_difference(was, now, row, width))
        return regions


def _difference(was: Strip, now: Strip, row: int, width: int) -> Region:
    """From the first to the last column in which two rows differ."""
    old, new = list(was), list(now)
    right = _alike(old[::-1], new[::-1], lambda text: text[::-1])
    left = _alike(old, new, lambda text: text)
    return Region(left, row, max(1, width - right - left), 1) if left < width else Region(0, row, width, 1)


def _alike(old: list[Segment], new: list[Segment], read: Callable[[str], str]) -> int:
    """Columns that two rows have in common from where they are read."""
    columns = 0
    for was, now in zip(old, new, strict=False):
        if was == now:
            columns += cell_len(was.text)
            continue
        if was.style == now.style:
            same = takewhile(lambda pair: pair[0] == pair[1], zip(read(was.text), read(now.text), strict=False))
            columns += cell_len("".join(character for character, _ in same))
        break
    return columns


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
