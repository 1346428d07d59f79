"""What is watched from the halt on: how long the node is down, how it does afterwards, and how late it is."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from console.model import Attempt, Crossing
from console.node.journal import Journal
from console.node.runs import NodeRuns
from console.ports import ConsensusReading, PeerView
from console.settings import NodeSettings
from console.text import duration

_LOG = logging.getLogger(__name__)

_DOWN = frozenset(
    {
        Crossing.HALTED,
        Crossing.QUIESCED,
        Crossing.BACKED_UP,
        Crossing.SWITCHED,
        Crossing.STARTING,
        Crossing.WAITING_FOR_QUORUM,
        Crossing.ROLLBACK,
        Crossing.RESTORED,
        Crossing.FLIPPED_BACK,
    }
)
"""Where the node does not take part in consensus."""


class AfterUpgrade:
    """Calls the operator when something takes too long or goes wrong; nothing is forced.

    Args:
        settings: The node's settings of the moment.
        journal: Where events go.
        clock: Monotonic seconds: the clock of the day may jump.
    """

    def __init__(
        self, settings: Callable[[], NodeSettings], journal: Journal, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._clock = clock
        self._down_since: float | None = None
        self._down_said = 0
        self.alarm = ""
        """Why the operator is called; empty when nobody is."""

    async def step(
        self, attempt: Attempt | None, runs: NodeRuns, consensus: ConsensusReading | None, peers: PeerView
    ) -> None:
        """Look once. Raises JournalError."""
        self.alarm = self._downtime(attempt)

    def _downtime(self, attempt: Attempt | None) -> str:
        """Past `max_downtime` the operator is called (strategy document §2.1)."""
        if attempt is None or attempt.crossing not in _DOWN:
            self._down_since = None
            return ""
        now = self._clock()
        if self._down_since is None:
            self._down_since = now
        limit_s = self._settings().max_downtime_s
        down_s = now - self._down_since
        if not limit_s or down_s <= limit_s:
            return ""
        if self._down_said != attempt.id:
            self._down_said = attempt.id
            self._journal.record("max-downtime", attempt, state=attempt.crossing.value, seconds=int(down_s))
            _LOG.warning("down for more than %s at %s", duration(limit_s), attempt.crossing.value)
        return f"down for more than {duration(limit_s)}, at {attempt.crossing.value}"
