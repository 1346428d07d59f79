"""The timeline of an upgrade, T−7 d to T+1 h, as a panel: what is done, due now or late."""

from __future__ import annotations

import time

from textual.content import Content

from console.model import Due, TimelineEntry, coordination_of
from console.text import duration
from widgets.drawn import BAD, GOOD, MUTED, STRONG, WARN, stacked
from widgets.panel import SnapshotPanel

_SIGNS = {
    Due.DONE: ("✓", GOOD),
    Due.NOW: ("●", STRONG),
    Due.LATER: ("·", MUTED),
    Due.LATE: ("!", BAD),
    Due.UNKNOWN: ("?", WARN),
}


class TimelinePanel(SnapshotPanel):
    """The timeline at the moment that is shown, an entry a row."""

    DEFAULT_CSS = "TimelinePanel { text-wrap: nowrap; text-overflow: ellipsis; }"

    def _redraw(self) -> None:
        if self._snapshot is None:
            self.head(Content("Timeline"))
            self.draw(Content("Waiting for the first answer."))
            return
        told = coordination_of(self._snapshot, self._now)
        self.head(Content("Timeline" + (f" of {told.upgrade}" if told.upgrade else "")))
        self.draw(stacked(Content.styled(told.sentence, MUTED), *(_line(each, self._now) for each in told.entries)))


def _line(entry: TimelineEntry, now: float) -> Content:
    sign, style = _SIGNS[entry.due]
    at = "" if entry.at is None else time.strftime("%m-%d %H:%M", time.localtime(entry.at))
    left = ""
    if entry.at is not None and entry.due is not Due.DONE:
        left = f"in {duration(entry.at - now)}" if entry.at >= now else f"{duration(now - entry.at)} ago"
    return Content.assemble(
        (f"{sign} {entry.due.value:<8}", style),
        f"{entry.offset:<8}{at:<12}{left:<12}{entry.title}",
        (f" · {entry.words}", MUTED),
    )
