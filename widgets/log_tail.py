"""The newest log lines on the overview."""

from __future__ import annotations

import re

from textual.content import Content

from console.text import untrusted
from widgets.drawn import MUTED, stacked
from widgets.panel import RowsPanel

TAIL_LINES = 200
"""Lines that are kept for the tail; the log itself is read from its files."""

LogLine = tuple[str, str]
"""(source, text), source being `node` or `controller`."""

_SHORT = {"controller": "ctrl"}


def source_word(source: str) -> str:
    """The source in a column of four."""
    return f"{_SHORT.get(source, source)[:4]:<4}"


def safe_line(source: str, text: str) -> LogLine:
    """A line as it may be shown: a log is a file, so its text is foreign."""
    from console.log_store import MAX_LINE

    return str(untrusted(source, 16)), str(untrusted(text.expandtabs(), MAX_LINE))


_MOMENT = re.compile(r"^(?:[A-Z]\[)?\d{4}-\d\d-\d\d[T| ](\d\d:\d\d:\d\d)(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?\]?\s+")
"""The date and time with which controllers and nodes begin a line."""


def tail_line(text: str) -> str:
    """A line for a place where columns are few: of its moment only the time of day is left."""
    return _MOMENT.sub(r"\1 ", text)


def newest(lines: tuple[LogLine, ...], rows: int) -> list[LogLine]:
    """The newest `rows` lines, oldest first; of node lines that differ in numbers only the newest stands for all.

    A node that says the same of every block would otherwise push out the controller's few words in seconds.
    """
    kept: list[LogLine] = []
    said: set[str] = set()
    for source, text in reversed(lines):
        if source != "controller":
            shape = " ".join(word for word in text.split() if not any(sign.isdigit() for sign in word))
            if shape in said:
                continue
            said.add(shape)
        kept.append((source, text))
        if len(kept) == rows:
            break
    return kept[::-1]


class LogTail(RowsPanel):
    """The newest lines, as many as fit; no scrolling, and what repeats itself stands there once."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: tuple[LogLine, ...] = ()

    def show(self, lines: tuple[LogLine, ...]) -> None:
        """Draw the tail of these lines, oldest first."""
        self._lines = lines
        self._redraw()

    def _redraw(self) -> None:
        self.head(Content("Log (5 shows all)"))
        rows = self.size.height
        if rows <= 0:
            return
        if not self._lines:
            self.draw(Content.styled("No line yet.", MUTED))
            return
        self.draw(
            stacked(
                *(
                    Content.assemble((source_word(source), MUTED), " ", tail_line(text))
                    for source, text in newest(self._lines, rows)
                )
            )
        )
