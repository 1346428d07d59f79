"""A long text that scrolls and is searched: lines are wrapped here, so that a hit is found again on the screen."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content

from widgets.drawn import STRONG, Grown


class SearchedText(VerticalScroll):
    """Shows lines; `search` marks those that hold a text, `step` goes from one to the next."""

    DEFAULT_CSS = """
    SearchedText {
        scrollbar-size-vertical: 1;
        /* Rows are wrapped to the room beside the bar before it is there. */
        scrollbar-gutter: stable;
        & > Grown { text-wrap: nowrap; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: tuple[Content, ...] = ()
        self._wrapped: list[Content] = []
        self._needle = ""
        self._at = 0

    def compose(self) -> ComposeResult:
        yield Grown()

    @property
    def hits(self) -> list[int]:
        """Rows that hold the text; none without one."""
        wanted = self._needle.casefold()
        return [row for row, line in enumerate(self._wrapped) if wanted in line.plain.casefold()] if wanted else []

    @property
    def place(self) -> int:
        """Number of the hit that is shown, from 1; 0 when there is none."""
        return self._at + 1 if self.hits else 0

    def show(self, lines: tuple[Content, ...]) -> None:
        """Show these lines."""
        self._lines = lines
        self._wrap()

    def search(self, needle: str) -> None:
        """Mark the rows that hold a text and go to the first; empty marks none."""
        self._needle = needle.strip()
        self._at = 0
        self._draw()
        self._go()

    def step(self, by: int) -> None:
        """Go `by` hits on, around the end."""
        if hits := self.hits:
            self._at = (self._at + by) % len(hits)
            self._draw()
            self._go()

    def on_resize(self, event: events.Resize) -> None:
        self._wrap()

    def _wrap(self) -> None:
        width = self.scrollable_content_region.width
        if width <= 0:
            return
        self._wrapped = [piece for line in self._lines for piece in (line.wrap(width) if line.plain else [line])]
        self._draw()

    def _draw(self) -> None:
        hits = self.hits
        current = hits[self._at] if hits else -1
        rows = []
        for row, line in enumerate(self._wrapped):
            style = f"{STRONG} reverse" if row == current else "underline" if row in hits else ""
            rows.append(line.stylize(style) if style else line)
        self.query_one(Grown).draw(Content("\n").join(rows))

    def _go(self) -> None:
        if hits := self.hits:
            self.call_after_refresh(self.scroll_to, y=max(0, hits[self._at] - 2), animate=False)
