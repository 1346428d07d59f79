"""What is watched beside the upgrade itself: how long the node is down, how it does, how late it is, and its key."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from console.errors import JournalError
from console.model import Attempt, Crossing, PlanOrigin
from console.node.health import HealthReport, StartProgress, failed_start, follow_start
from console.node.health_table import HealthReading
from console.node.health_watch import HealthWatch
from console.node.journal import Journal
from console.node.key_elsewhere import REMEDY, KeyWatch
from console.node.late import LateUpgrader
from console.node.runs import NodeRuns
from console.node.shape import NodeShape
from console.ports.chain import ConsensusReading, PeerView
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

LEFT_BEHIND_S = 30.0
"""Seconds for which others are past H, and this node is not, before the operator is called."""


class AfterUpgrade:
    """Calls the operator when something takes too long or goes wrong, and stops what may not go on.

    Args:
        settings: The node's settings of the moment.
        journal: Where events go.
        shape: Where the node's data and its signer state are.
        clock: Monotonic seconds: the clock of the day may jump.
        now: Unix seconds, for what the journal says of earlier lives of the controller.
    """

    def __init__(
        self,
        settings: Callable[[], NodeSettings],
        journal: Journal,
        shape: NodeShape,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._clock = clock
        self._key = KeyWatch(journal, shape, now)
        self._health = HealthWatch(settings, journal, shape, self._key, clock)
        self._late = LateUpgrader(journal)
        self._down_since: float | None = None
        self._down_said = 0
        self._behind_since: float | None = None
        self._behind_said = 0
        self._start: StartProgress | None = None
        self._start_run = 0
        self.alarm = ""
        """Why the operator is called; empty when nobody is."""
        self.report: HealthReport | None = None
        """The health of the run that goes on, None when none does."""

    @property
    def highest_peer(self) -> int | None:
        """Highest height that any other endpoint told lately."""
        return self._health.highest_peer

    # --- looking: in a task of its own, which no step waits for ---

    async def watch(
        self,
        attempt: Callable[[], Attempt | None],
        runs: NodeRuns,
        consensus: Callable[[], ConsensusReading | None],
        peers: PeerView,
    ) -> None:
        """Look at the node and its peers until cancelled. Raises JournalError."""
        while True:
            try:
                await self.look(attempt(), runs, consensus(), peers)
            except JournalError:
                raise
            except Exception:
                # An answer from outside must not end the one who supervises the node.
                _LOG.exception("the node's health cannot be read")
            await asyncio.sleep(self._health.pace_s(attempt()))

    async def look(
        self, attempt: Attempt | None, runs: NodeRuns, consensus: ConsensusReading | None, peers: PeerView
    ) -> None:
        """Look once: at most one question to each peer. Raises JournalError."""
        await self._health.look(attempt, runs, consensus, peers)

    # --- before something is started ---

    async def before_start(self, exe_sha256: str, attempt: Attempt | None, height: int | None, peers: PeerView) -> None:
        """Whether anything that is watched here speaks against a start.

        Args:
            exe_sha256: Of what would be started.
            attempt: The newest one.
            height: Last executed height of this node.
            peers: Whom to ask about our key; not asked after a downtime as short as a halt.

        Raises:
            KeyElsewhere: Our key is used elsewhere.
            NodeError: The old release's grace period is over.
        """
        self._late.refuse(attempt, exe_sha256, height)
        await self._key.before_start(peers)

    def failed_start(self, attempt: Attempt, runs: NodeRuns, consensus: ConsensusReading | None) -> str:
        """Why the start that goes on has failed although the process lives; empty while it has not.

        A node that replays many blocks goes on as long as its application moves (facts/ipc.md §1.7).
        """
        live, now = runs.live, self._clock()
        if live is None:
            return ""
        if self._start is None or self._start_run != live.run_id:
            # By the run's own age: the controller may have come later.
            self._start, self._start_run = StartProgress(now - runs.age_s), live.run_id
        app_height = None if consensus is None else consensus.app_height
        reading = HealthReading(at=now, alive=True, answered=consensus is not None, app_height=app_height)
        self._start = follow_start(self._start, reading)
        startup_s = self._settings().startup_timeout_s
        found = failed_start(self._start, now=now, target_height=attempt.target_height, startup_s=startup_s)
        return "" if found is None else found.sentence

    # --- in each step ---

    async def stop_what_may_not_run(self, attempt: Attempt | None, runs: NodeRuns, height: int | None) -> None:
        """Stop a node that would go on under rules that its network left, and one whose key is used elsewhere.

        Called before anything is started; what is found is durable first.

        Args:
            attempt: The newest one.
            runs: What runs.
            height: Last executed height of this node.

        Raises:
            JournalError: It could not be journalled.
        """
        if runs.live is None and self._key.found:
            self._journal.set_meta("needs_operator", f"{self._key.found}; {REMEDY}")
        run = runs.run
        if (
            attempt is not None
            and attempt.crossing is Crossing.MISSED_HALT
            and runs.live is not None
            and run is not None
            and run.exe_sha256 != attempt.generation_hash
        ):
            self._journal.record("stopped", attempt, why=attempt.note)
            _LOG.warning("stopped: %s", attempt.note)
            await runs.stop()
        await self._late.step(attempt, runs, height, self._health.block_time_s)

    async def step(
        self, attempt: Attempt | None, runs: NodeRuns, consensus: ConsensusReading | None, peers: PeerView
    ) -> None:
        """Judge what was seen. Raises JournalError."""
        self.report = self._health.judge(attempt)
        reasons = [self._key.suspicion, self._left_behind(attempt), *self._of_health(attempt)]
        reasons += [self._downtime(attempt), self._late.alarm]
        self.alarm = "; ".join(reason for reason in reasons if reason)

    def _of_health(self, attempt: Attempt | None) -> list[str]:
        report = self.report
        if report is None:
            return []
        # While STARTING the crosser counts it as a failed try; later there is nothing left to try.
        starting = attempt is not None and attempt.crossing is Crossing.STARTING
        failed = report.failed_try
        return [*report.call_operator, *([failed] if failed and not starting else [])]

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

    def _left_behind(self, attempt: Attempt | None) -> str:
        """Others have committed H + 1, and this node is not past H: it is alone in its zone (DESIGN §4)."""
        newest = self._health.highest_peer
        if (
            attempt is None
            or attempt.crossing not in _DOWN
            # A swap by hand is of this node alone: the network goes on anyway.
            or attempt.origin is PlanOrigin.OPERATOR
            or newest is None
            or newest <= attempt.target_height
        ):
            self._behind_since = None
            if self._behind_said:
                self._journal.record("left-behind-over", attempt)
                self._behind_said = 0
            return ""
        now = self._clock()
        if self._behind_since is None:
            self._behind_since = now
        if now - self._behind_since < LEFT_BEHIND_S:
            return ""
        sentence = f"the network went on without this node: it is at height {newest}, past {attempt.target_height}"
        if self._behind_said != attempt.id:
            self._behind_said = attempt.id
            self._journal.record("left-behind", attempt, newest=newest, state=attempt.crossing.value)
            _LOG.warning("%s", sentence)
        return sentence
