"""The lease that this controller grants to one roll at a time (docs/fleet.md).

A roll asks every controller of its fleet before it takes a node down, and the one whose node it is does not obey
without it. It ends by itself, since an operator may never come back. After a restart of the controller the last one
is taken to hold for its whole length again: who held it is durable, when it was renewed is not.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

from console.errors import HeldByOther, JournalError, NodeError
from console.model import Crossing, NodeStatus
from console.model.roll_lease import LEASE_S, RollLease
from console.ports.chain import ConsensusReading

_LOG = logging.getLogger(__name__)

_META = "roll_lease"
_NOTHING = "nothing was changed"
_TAKES_DOWN = frozenset(
    {"stop", "restart", "swap", "backup", "restore", "rollback", "arm", "disarm", "resync", "abort"}
)
"""Commands that end the node's process, or may."""


class LeaseJournal(Protocol):
    """Where it is durable who has it. All raise JournalError."""

    def meta(self, key: str) -> str | None: ...
    def set_meta(self, key: str, value: str) -> None: ...
    def record(self, kind: str, attempt: None = None, **detail: Any) -> None: ...


def machine_clock() -> float:
    """Seconds of this machine, those in which it was suspended with them."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class RollLeases:
    """One controller's lease.

    Args:
        journal: Where it is durable who has it.
        clock: Seconds that never go back.
    """

    def __init__(self, journal: LeaseJournal, clock: Callable[[], float] = machine_clock) -> None:
        self._journal = journal
        self._clock = clock
        self._held = _kept(journal.meta(_META))
        self._until = clock() + LEASE_S

    def holder(self) -> RollLease | None:
        """Who has it now; None for nobody."""
        held = self._held
        if held is None:
            return None
        left = self._until - self._clock()
        if left <= 0:
            # It has ended, whether that can be written down or not.
            with suppress(JournalError):
                self._forget("lease-ran-out", held)
            return None
        return replace(held, left_s=left)

    def ask(self, wish: RollLease) -> RollLease | None:
        """Grant it, or renew it, where nobody else has it; who has it afterwards.

        Args:
            wish: Who wants it, with the seconds for which; a renewal may shorten it.

        Raises:
            JournalError: It cannot be made durable, and is not granted.
        """
        held = self.holder()
        if wish.left_s <= 0 or (held is not None and held.id != wish.id):
            return held
        if held is None or (held.node, held.own) != (wish.node, wish.own):
            told = {"id": wish.id, "by": wish.by, "node": wish.node, "own": wish.own}
            self._journal.set_meta(_META, json.dumps(told))
            self._journal.record("lease-granted", id=wish.id, by=wish.by, node=wish.node)
        self._held = wish
        self._until = self._clock() + min(wish.left_s, LEASE_S)
        return self.holder()

    def end(self, lease: str) -> None:
        """Take it back from who is through with it; anybody else's stays. Raises JournalError."""
        held = self.holder()
        if held is not None and held.id == lease:
            self._forget("lease-given-back", held)

    def require(self, lease: str, what: str) -> None:
        """Refuse a command that takes the node down, unless it may: by this lease, or by hand while nobody has one.

        Args:
            lease: The id of the lease under which it is asked for; empty for a command by hand.
            what: The command.

        Raises:
            HeldByOther: A roll takes a node of the fleet down now.
            NodeError: The lease has ended, or is for another node.
        """
        held = self.holder()
        if not lease and held is not None:
            raise HeldByOther(
                f"{what} is refused while {held.words}: more power could be down than the chain can spare",
                safe=_NOTHING,
                next_step="do it when that is through; if nobody goes on with it, that is in"
                f" {max(1.0, held.left_s):.0f} s (`node stop` is obeyed at any time)",
            )
        if lease and (held is None or held.id != lease or not held.own):
            other = "" if held is None or held.id == lease else f": {held.words}"
            raise NodeError(
                f"the lease of {lease} to take this node down has ended{other}",
                safe=_NOTHING,
                next_step="go on with the run: the fleet is asked again",
            )

    def _forget(self, kind: str, held: RollLease) -> None:
        self._held = None
        self._journal.set_meta(_META, "")
        self._journal.record(kind, id=held.id, by=held.by, node=held.node)


def why_out(status: NodeStatus, seen: ConsensusReading | None, in_hand: str) -> str:
    """Why a node does not sign now or soon will not, one phrase; empty where it does.

    A commit tells it two blocks later: whoever counts power has to know before.

    Args:
        status: The node's.
        seen: Its latest reading; None for none.
        in_hand: The command that acts on it now; empty for none.
    """
    attempt = status.attempt
    if in_hand in _TAKES_DOWN:
        return f"{in_hand} is under way"
    if attempt is not None and attempt.crossing is not Crossing.NONE and not attempt.crossing.ended:
        return f"{attempt.name} is under way ({status.state})"
    if status.pid is None:
        return f"it does not run ({status.state})"
    if seen is None:
        return "it does not answer its controller"
    return f"it catches up, at height {seen.height:,}" if seen.catching_up else ""


def _kept(text: str | None) -> RollLease | None:
    """What was durable. What is not understood counts as somebody's: it ends by itself."""
    if not text:
        return None
    try:
        found = json.loads(text)
        return RollLease(str(found["id"]), str(found["by"]), str(found["node"]), found["own"] is True, 0.0)
    except (ValueError, KeyError, TypeError):
        _LOG.warning("the lease in the journal is not understood; nobody gets one for %g s", LEASE_S)
        return RollLease("unknown", "somebody", "a node", False, 0.0)
