"""What this session saw so far, in bounded memory: the last events, and how a few numbers went. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.model.events import Event
    from console.model.snapshot import Snapshot, Upgrade

MOST_SAMPLES = 60
"""Samples of a trend that are kept."""


@dataclass(frozen=True, slots=True)
class Trend:
    """How one number went, oldest first."""

    every_s: float
    """Seconds from one sample to the next, at least."""
    values: tuple[float, ...] = ()
    sampled_at: float = 0.0
    """Unix seconds of the newest sample."""

    def after(self, value: float | None, moment: float) -> Trend:
        """With a sample at `moment` (Unix seconds), unless it is unknown or the last one is too young."""
        if value is None or moment < self.sampled_at + self.every_s:
            return self
        return replace(self, values=(*self.values, value)[-MOST_SAMPLES:], sampled_at=moment)


@dataclass(frozen=True, slots=True)
class Course:
    """Events, and trends of what says more as a line than as a number."""

    events: tuple[Event, ...] = ()
    """Oldest first."""
    block_s: Trend = Trend(0.0)
    """Seconds between blocks, one sample for each time that the chain moved."""
    answer_s: Trend = Trend(2.0)
    """Seconds that an endpoint took to answer."""
    ready: Trend = Trend(60.0)
    """Share of power that is ready for the current proposal, 0 to 1."""
    turnout: Trend = Trend(30.0)
    """Share of the bonded tokens that voted on the current proposal of x/gov, 0 to 1."""
    peers: Trend = Trend(10.0)
    """Peers of the best connected node."""

    def until(self, moment: float) -> Course:
        """Without the events that were seen after `moment`, Unix seconds; trends stay as they are."""
        return replace(self, events=tuple(event for event in self.events if event.moment <= moment))

    def after(self, before: Snapshot | None, snapshot: Snapshot) -> Course:
        """This course when one more Snapshot came.

        Args:
            before: The one before; None for the first.
            snapshot: The newest.
        """
        # Imported here: an empty course is there before the first frame.
        from console.model.events import events_between, remembered

        at, chain, upgrade = snapshot.taken_at, snapshot.chain, snapshot.upgrade
        peers = max((node.peers for node in chain.nodes if node.reachable), default=None) if chain else None
        signalled = upgrade is not None and not upgrade.proposal.halts_itself
        counted = signalled and upgrade is not None and upgrade.total_power > 0 and upgrade.proposal.status.open
        return replace(
            self,
            events=remembered(self.events, events_between(before, snapshot)),
            block_s=self.block_s.after(_interval(before, snapshot), at),
            answer_s=self.answer_s.after(None if chain is None else chain.answer_s, at),
            ready=self.ready.after(upgrade.ready_power / upgrade.total_power if upgrade and counted else None, at),
            turnout=self.turnout.after(_turnout(upgrade), at),
            peers=self.peers.after(peers, at),
        )


def _turnout(upgrade: Upgrade | None) -> float | None:
    from console.model.plan import ProposalStatus

    ballot = None if upgrade is None else upgrade.proposal.ballot
    if upgrade is None or ballot is None or not ballot.bonded or upgrade.proposal.status is not ProposalStatus.VOTING:
        return None
    return min(1.0, ballot.tally.turnout / ballot.bonded)


def _interval(before: Snapshot | None, after: Snapshot) -> float | None:
    """Seconds per block between two Snapshots, by the times in headers; None while the chain stands."""
    if before is None or before.chain is None or after.chain is None:
        return None
    blocks = after.chain.height - before.chain.height
    earlier, later = before.chain.block_time_unix, after.chain.block_time_unix
    if blocks <= 0 or earlier is None or later is None or later <= earlier:
        return None
    return (later - earlier) / blocks
