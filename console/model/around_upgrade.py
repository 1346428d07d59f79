"""The close watch around an upgrade: from H−100 to an hour after H everything is looked at more often. Pure.

It begins and ends by itself. Who looks more often: the console's observer, the controller's health, and the alert rules
of `console.monitoring`, which have the same bounds in their own language.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.model.success_rule import reached, seconds_past
from console.text import duration

if TYPE_CHECKING:
    from console.model.snapshot import ChainView, Snapshot

BEFORE_BLOCKS = 100
AFTER_S = 3600.0
"""Seconds after H."""


@dataclass(frozen=True, slots=True)
class CloseWatch:
    """A close watch that goes on."""

    target_height: int
    """H."""
    blocks_left: int
    """Until H; 0 once it is reached."""
    ends_in_s: float | None
    """Seconds until it ends; None before H, and where the time of a block is not known."""

    @property
    def sentence(self) -> str:
        """For the operator, without a full stop."""
        if self.blocks_left:
            return f"watched closely: {self.blocks_left} blocks before H, until an hour after it"
        if self.ends_in_s is None:
            return "watched closely until an hour after H"
        return f"watched closely for another {duration(self.ends_in_s)}"


def close_watch_of(snapshot: Snapshot) -> CloseWatch | None:
    """The close watch that a Snapshot asks for; None outside of one."""
    if snapshot.chain is None or snapshot.height is None:
        return None
    return close_watch(snapshot.chain, snapshot.height, snapshot.taken_at)


def close_watch(chain: ChainView, height: int, now: float) -> CloseWatch | None:
    """The close watch at a moment; None outside of one.

    Args:
        chain: With the proposals.
        height: Of the chain.
        now: Unix seconds.
    """
    ahead = [
        each.target_height - height
        for each in chain.proposals
        if each.status.open and each.has_height and 0 < each.target_height - height <= BEFORE_BLOCKS
    ]
    if ahead:
        return CloseWatch(height + min(ahead), min(ahead), None)
    last = reached(chain)
    if last is None:
        return None
    past_s = seconds_past(chain, last.target_height, now)
    if past_s is None:
        return CloseWatch(last.target_height, 0, None) if height - last.target_height <= BEFORE_BLOCKS else None
    return CloseWatch(last.target_height, 0, AFTER_S - past_s) if past_s < AFTER_S else None
