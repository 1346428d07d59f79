"""A moment of a session, and what was known then: what time travel and replay show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.model.snapshot import Snapshot

if TYPE_CHECKING:
    from console.model.node_inside import InsideReading


@dataclass(frozen=True, slots=True)
class Moment:
    """One Snapshot of a session, by its place."""

    number: int
    """Counted from 1 in the order of taking; older moments are thinned out, so that numbers may be missing."""
    time: float
    """Unix seconds at which it was taken."""
    event: bool
    """Whether something changed that an operator would want to find again."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What was known at a moment."""

    moment: Moment
    snapshot: Snapshot
    lines: tuple[tuple[str, str], ...]
    """The newest log lines of then as (source, text), oldest first."""
    inside: InsideReading | None = None
    """The node from inside; None where nobody looked."""
