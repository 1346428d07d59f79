"""The audit as a table: when, who, what about, and in words; and one entry whole."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.content import Content

from console.model import AuditEntry, AuditKind
from widgets.drawn import BAD, MUTED, stacked
from widgets.panel import RowsPanel
from widgets.row_table import Column, RowTable

_WIDE = 110
"""Columns from which the whole date is shown."""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """An entry as it is drawn."""

    key: str
    tone: str
    moment: str
    clock: str
    origin: str
    kind: str
    words: str


def audit_rows(entries: Sequence[AuditEntry]) -> tuple[AuditRow, ...]:
    """The rows of these entries, in their order."""
    return tuple(_row(entry) for entry in entries)


def _row(entry: AuditEntry) -> AuditRow:
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.at))
    attempt = "" if entry.attempt is None else f"#{entry.attempt} "
    return AuditRow(
        key=entry.key,
        tone="bad" if not entry.good else "muted" if entry.kind is AuditKind.OTHER else "",
        moment=moment,
        clock=moment[5:],
        origin="controller" if entry.origin == "controller" else "by hand",
        # A sign beside the colour: what went wrong is seen without it.
        kind=("! " if not entry.good else "  ") + entry.kind.value,
        words=attempt + entry.words,
    )


class AuditTable(RowTable[AuditRow]):
    """The timeline, newest last; at the newest row, new ones are followed."""

    TONED: ClassVar[frozenset[str]] = frozenset({"kind", "words"})

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(cursor=True, id=id)

    def columns_for(self, width: int) -> tuple[Column, ...]:
        """Columns for a table of `width` columns."""
        moment: Column = ("moment", "When", 20) if width >= _WIDE else ("clock", "When", 15)
        rest = width - moment[2] - 11 - 11
        return (moment, ("origin", "Who", 11), ("kind", "  About", 11), ("words", "What", max(10, rest)))

    def show(self, rows: tuple[AuditRow, ...]) -> None:
        """Show these rows; whoever looks at the newest one goes on to the newest."""
        follows = self.cursor_row >= self.row_count - 1
        self.show_rows(rows)
        if follows and rows:
            # Once the table is as high as its rows: before that it cannot scroll so far.
            self.call_after_refresh(self.move_cursor, len(rows) - 1)


def entry_lines(entry: AuditEntry) -> tuple[Content, ...]:
    """Everything that is known of an entry, a line each."""
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.at))
    known = [("when", moment), ("upgrade", "" if entry.attempt is None else f"#{entry.attempt}"), *entry.detail]
    width = max(len(name) for name, _words in known) + 2
    return tuple(Content.assemble((f"{name:<{width}}", MUTED), words) for name, words in known if words)


class AuditDetail(RowsPanel):
    """The entry under the cursor, as much of it as fits."""

    def show(self, entry: AuditEntry | None) -> None:
        """Draw it."""
        self.head(Content("Entry · Enter shows it whole" if entry is not None else "Entry"))
        if entry is None:
            self.draw(Content(""))
            return
        lines = entry_lines(entry)
        if not entry.good:
            lines = (Content.styled(f"! {entry.words}", BAD), *lines)
        self.draw(stacked(*lines[: max(1, self.size.height)]))
