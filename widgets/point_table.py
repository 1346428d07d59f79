"""The rollback points of this machine's node: of which height, how old, what they cost, whether they are whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.content import Content

from console.model import PointOnDisk
from console.text import duration, size
from widgets.drawn import STRONG
from widgets.moments import UNKNOWN, count
from widgets.row_table import Column, RowTable


@dataclass(frozen=True, slots=True)
class PointRow:
    """What the table shows of one rollback point."""

    key: str
    name: str
    state: str
    height: str
    age: str
    cost: str
    method: str
    whole: str
    generation: str
    tone: str


def point_rows(points: tuple[PointOnDisk, ...], now: float, kept: str = "") -> tuple[PointRow, ...]:
    """The rows, newest first.

    Args:
        points: As read.
        now: Unix seconds.
        kept: Name of the point of the crossing that goes on; empty for none.
    """
    return tuple(_row(each, now, kept) for each in points)


def _row(point: PointOnDisk, now: float, kept: str) -> PointRow:
    return PointRow(
        key=point.name,
        name=point.name,
        state=_state(point, kept),
        height=count(point.app_height),
        age=_age(point, now),
        cost=_cost(point),
        method={"reflink": "shared", "hardlink": "shared", "copy": "copied"}.get(point.method, UNKNOWN),
        whole=UNKNOWN if point.apparent_bytes is None else size(point.apparent_bytes),
        generation=point.generation or UNKNOWN,
        tone="muted" if point.set_aside else "" if point.complete else "bad",
    )


def _state(point: PointOnDisk, kept: str) -> str:
    if point.set_aside:
        return "set aside"
    if not point.complete:
        return "damaged"
    return "in use" if kept and point.name == kept else "complete"


def _age(point: PointOnDisk, now: float) -> str:
    if point.taken_at is None:
        return UNKNOWN
    seconds = max(0.0, now - point.taken_at)
    # Nothing here is a matter of seconds, and none may move.
    return "<1m" if seconds < 60 else f"{int(seconds) // 60}m" if seconds < 3600 else duration(seconds)


def _cost(point: PointOnDisk) -> str:
    if point.own_bytes is None:
        return UNKNOWN
    return size(point.own_bytes) if point.exact else f"≤{size(point.own_bytes)}"


def point_detail(point: PointOnDisk) -> Content:
    """All that is known of one rollback point in a sentence or two."""
    return Content.assemble((str(point.name), STRONG), "  ", point.sentence)


class PointTable(RowTable[PointRow]):
    """Up and Down choose one."""

    RIGHT: ClassVar[frozenset[str]] = frozenset({"height", "cost", "age", "whole"})

    def columns_for(self, width: int) -> tuple[Column, ...]:
        fixed: tuple[Column, ...] = (("cost", "cost", 11), ("age", "age", 8))
        if width >= 50:
            fixed = (("state", "is", 10), ("height", "height", 11), *fixed)
        if width >= 76:
            fixed = (*fixed, ("method", "bytes", 7), ("whole", "holds", 11))
        taken = sum(column for _, _, column in fixed)
        return (("name", "rollback point", max(10, min(40, width - taken))), *fixed)
