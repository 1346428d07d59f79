"""The controller's journal as a timeline: what was entered when, and why; newest first."""

from __future__ import annotations

from textual.content import Content

from console.model import Arming, Crossing, JournalEntry, Preparation
from console.text import with_short_hashes
from widgets.drawn import BAD, GOOD, MUTED, STRONG, WARN, stacked
from widgets.moments import time_of_day
from widgets.panel import RowsPanel

_STATES = {state.value.lower(): state for kind in (Preparation, Arming, Crossing) for state in kind if state.value}
_BAD = {"failed", "missed_halt", "needs_operator", "parked", "rollback"}
_GOOD = {"committed", "ready", "armed"}


class JournalLines(RowsPanel):
    """As many of the newest entries as there are rows."""

    DEFAULT_CSS = "JournalLines.-words { text-wrap: wrap; text-overflow: fold; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._entries: tuple[JournalEntry, ...] | None = None
        self._problem = ""

    def show(self, entries: tuple[JournalEntry, ...] | None, problem: str = "") -> None:
        """Draw these entries, newest first; or why there are none. None: it was not read yet."""
        self._entries, self._problem = entries, problem
        self._redraw()

    def _redraw(self) -> None:
        self.head(Content("Journal, newest first"))
        # A refusal is a sentence to its end, an entry one row.
        self.set_class(not self._entries, "-words")
        if not self._entries:
            none = "Not read yet." if self._entries is None else "Nothing is journalled yet."
            self.draw(Content.styled(self._problem or none, WARN if self._problem else MUTED))
            return
        self.draw(stacked(*(journal_line(entry) for entry in self._entries[: max(1, self.size.height)])))


def journal_line(entry: JournalEntry) -> Content:
    """One entry: its time, the states in capitals or what happened, and why."""
    words = entry.kind.split("+")
    entered = all(word in _STATES for word in words)
    style = BAD if not _BAD.isdisjoint(words) else GOOD if not _GOOD.isdisjoint(words) else STRONG if entered else ""
    kind = " ".join(word.upper() for word in words) if entered else entry.kind
    return Content.assemble(
        (f"{time_of_day(entry.at)}  ", MUTED), (kind, style), f"  {with_short_hashes(entry.detail)}"
    )
