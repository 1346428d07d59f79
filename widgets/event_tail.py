"""The last events: the newest at the foot, what happened to many at once in one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content

from widgets.drawn import BAD, GOOD, MUTED, WARN, stacked
from widgets.moments import UNKNOWN, count, time_of_day
from widgets.panel import RowsPanel

if TYPE_CHECKING:
    from console.model import Event

_SIGNS = {"good": ("✓", GOOD), "bad": ("✗", BAD), "warn": ("!", WARN), "": ("·", MUTED)}
_NAMED = 3
"""Names that one line holds; of more only the first ones and how many more."""


@dataclass(frozen=True, slots=True)
class EventLine:
    """One line of the list."""

    when: str
    """Time of day when it was seen here; the block for what the chain had recorded before."""
    sign: str
    style: str
    text: str


def event_lines(history: tuple[Event, ...], rows: int) -> list[EventLine]:
    """The newest events as at most `rows` lines, oldest first; a run of the same is one line."""
    runs: list[list[Event]] = []
    for event in reversed(history):
        if runs and _same(runs[-1][-1], event):
            runs[-1].append(event)
        elif len(runs) == rows:
            break
        else:
            runs.append([event])
    return [_line(run[::-1]) for run in reversed(runs)]


def _same(one: Event, other: Event) -> bool:
    return bool(one.subject and other.subject) and (one.kind, one.words) == (other.kind, other.words)


def _line(run: list[Event]) -> EventLine:
    newest = run[-1]
    when = time_of_day(newest.moment) if newest.moment else f"at {count(newest.height)}" if newest.height else UNKNOWN
    names = list(dict.fromkeys(event.subject for event in run))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED + 1 else ""
    named = ", ".join(names[:_NAMED] if more else names) + more
    return EventLine(when, *_SIGNS[newest.tone], text=f"{named} {newest.words}".strip())


class EventTail(RowsPanel):
    """As many of the newest events as fit."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._history: tuple[Event, ...] = ()

    def show(self, history: tuple[Event, ...]) -> None:
        """Draw the newest of these events, oldest first."""
        self._history = history
        self._redraw()

    def _redraw(self) -> None:
        self.head(Content("Last events"))
        rows = self.size.height
        if rows <= 0:
            return
        lines = event_lines(self._history, rows)
        if not lines:
            self.draw(Content.styled("Nothing happened yet.", MUTED))
            return
        width = max(len(line.when) for line in lines)
        self.draw(
            stacked(
                *(
                    Content.assemble((line.when.ljust(width), MUTED), " ", (line.sign, line.style), " ", line.text)
                    for line in lines
                )
            )
        )
