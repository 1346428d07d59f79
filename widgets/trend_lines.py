"""How a few numbers went, a line each: what a number alone does not say."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.content import Content

from console import model
from console.text import percent
from widgets.drawn import MUTED, stacked
from widgets.moments import UNKNOWN
from widgets.panel import Panel

if TYPE_CHECKING:
    from console.model import Course, Trend

BARS = "▁▂▃▄▅▆▇█"
_HEAD = 16
"""Columns before a line: its name and the newest number."""


def sparkline(values: tuple[float, ...], width: int, *, low: float | None = None, high: float | None = None) -> str:
    """The newest values as bars, one column each, the newest at the right.

    Args:
        values: Oldest first.
        width: Columns at most.
        low: What the lowest bar stands for; the least of the values where it is not given.
        high: What the highest bar stands for; the greatest of the values where it is not given.
    """
    shown = values[-width:] if width > 0 else ()
    if not shown:
        return ""
    floor = min(shown) if low is None else low
    span = (max(shown) if high is None else high) - floor
    if span <= 0:
        return BARS[0] * len(shown)
    return "".join(BARS[min(len(BARS) - 1, max(0, int((value - floor) / span * len(BARS))))] for value in shown)


class TrendLines(Panel):
    """Block interval, the endpoint's answer, ready power and peers."""

    DEFAULT_CSS = """
    TrendLines {
        text-wrap: nowrap;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._course = model.Course()
        self._by_gov = False

    def show(self, course: Course, *, by_gov: bool = False) -> None:
        """Draw the trends; of a chain whose x/gov decides the turnout of its vote, else what is ready."""
        self._course, self._by_gov = course, by_gov
        self._redraw()

    def _redraw(self) -> None:
        self.head(Content("Trends"))
        course, width = self._course, self.size.width - _HEAD
        if width <= 0:
            return
        third = ("voted", course.turnout) if self._by_gov else ("ready", course.ready)
        self.draw(
            stacked(
                _line("block", course.block_s, lambda value: f"{value:.2f} s", width),
                _line("RPC", course.answer_s, lambda value: f"{1000 * value:.0f} ms", width),
                _line(*third, lambda value: percent(round(1000 * value), 1000), width, high=1.0),
                _line("peers", course.peers, lambda value: f"{value:.0f}", width),
            )
        )


def _line(name: str, trend: Trend, words: Callable[[float], str], width: int, *, high: float | None = None) -> Content:
    newest = words(trend.values[-1]) if trend.values else UNKNOWN
    return Content.assemble((f"{name:<6}", MUTED), f"{newest:>8}  ", sparkline(trend.values, width, low=0.0, high=high))
