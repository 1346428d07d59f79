"""The lease of a roll: what a controller grants to one roll at a time, so that two never take nodes down together."""

from __future__ import annotations

from dataclasses import dataclass

LEASE_S = 90.0
"""Seconds for which a controller grants it at most: so long a roll whose operator is gone keeps others waiting."""


@dataclass(frozen=True, slots=True)
class RollLease:
    """Who takes down which node of a fleet, and for how long nobody else does."""

    id: str
    """The run and the machine that it is led from: `rolling-20261129T100000-4f2a@desk`."""
    by: str
    """Who leads it."""
    node: str
    """The node that is taken down, as the leader's settings call it."""
    own: bool
    """Whether that is the node of the controller that says it."""
    left_s: float
    """Seconds until it ends by itself; 0 asks who has it and wants none."""

    @property
    def words(self) -> str:
        """`jane takes node3 down in run rolling-…@desk`."""
        return f"{self.by} takes {self.node} down in run {self.id}"


@dataclass(frozen=True, slots=True)
class LeaseAnswer:
    """What a controller answers to who asks for its lease."""

    holder: RollLease | None
    """Who has it now: whoever asked, where it was granted; None for nobody."""
    out: str
    """Why its own node does not take part in consensus now or soon will not, one phrase; empty where it does."""
    consensus_address: str
    """Of its node's key, 40 upper-case hex digits; empty where it is not known."""

    def refused(self, lease: str) -> RollLease | None:
        """Who else has it; None for nobody."""
        return self.holder if self.holder is not None and self.holder.id != lease else None
