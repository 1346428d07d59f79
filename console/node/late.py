"""A node that went on with the old release past H: says what is left of its grace period, and stops at its end."""

from __future__ import annotations

import json
import logging

from console.errors import NodeError
from console.model import Attempt, Crossing, PlanOrigin, Verdict
from console.node.grace import LateAction, late, stop_height
from console.node.journal import Journal
from console.node.runs import NodeRuns

_LOG = logging.getLogger(__name__)

_SAID = "late_said"
_LOUD = frozenset({50, 10, 1, 0})
"""Marks from which on the operator is called: that H has come is an event only."""


def late_attempt(attempts: tuple[Attempt, ...]) -> Attempt | None:
    """The compatible upgrade that this node did not take and whose grace period runs, None when there is none.

    Args:
        attempts: Newest first. One that is under way comes first, one that crossed ends the older ones.
    """
    found: list[Attempt] = []
    for position, attempt in enumerate(attempts):
        if attempt.crossing is Crossing.COMMITTED:
            break
        if attempt.crossing not in {Crossing.NONE, Crossing.RESUMED_OLD}:
            if position == 0:
                return None
            continue
        if (
            attempt.crossing is Crossing.RESUMED_OLD
            and attempt.verdict is Verdict.CROSS
            and not attempt.breaking
            and attempt.origin is PlanOrigin.REGISTRY
            and attempt.has_height
            and attempt.grace_blocks > 0
        ):
            found.append(attempt)
    return min(found, key=lambda each: each.target_height + each.grace_blocks, default=None)


class LateUpgrader:
    """Follows the grace period of one node.

    Args:
        journal: What was said already, and why the node stays down.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._known: tuple[int, Crossing] | None = None
        self._late: Attempt | None = None
        self.alarm = ""
        """What the operator is told; empty while nothing presses."""

    async def step(
        self, attempt: Attempt | None, runs: NodeRuns, height: int | None, block_time_s: float | None
    ) -> None:
        """Say what is due, once each, and stop the node at the end of the period; after a kill, again.

        Args:
            attempt: The newest one.
            runs: What runs.
            height: Last executed height of this node, None when not known.
            block_time_s: Seconds per block, None when not known.

        Raises:
            JournalError: It could not be journalled.
        """
        mine = self._of(attempt)
        run = runs.run
        if mine is None or height is None or run is None or run.exe_sha256 == mine.generation_hash:
            self.alarm = ""
            return
        found = late(
            target_height=mine.target_height,
            grace_blocks=mine.grace_blocks,
            breaking=mine.breaking,
            height=height,
            block_time_s=block_time_s,
            already_said=self._said(mine),
        )
        if found.say is not None:
            self._journal.record("late-upgrader", mine, mark=found.say, left=found.blocks_left, why=found.sentence)
            self._journal.set_meta(_SAID, json.dumps({"attempt": mine.id, "said": sorted(found.said)}))
            _LOG.warning("%s", found.sentence)
        self.alarm = found.sentence if found.said & _LOUD else ""
        if found.action is LateAction.STOP:
            self.alarm = _over(mine)
            if runs.live is not None or not self._journal.meta("stays_down"):
                # Durable first: whoever finds the node running past the period stops it again.
                self._journal.set_meta("stays_down", self.alarm)
            if runs.live is not None:
                self._journal.record("stopped", mine, why=self.alarm)
                await runs.stop()

    def refuse(self, attempt: Attempt | None, exe_sha256: str, height: int | None) -> None:
        """Refuse to start the old release after its period.

        Raises:
            NodeError: It is over.
            JournalError: It could not be journalled.
        """
        mine = self._of(attempt)
        if mine is None or height is None or exe_sha256 == mine.generation_hash:
            return
        if height + 1 >= stop_height(mine.target_height, mine.grace_blocks, breaking=mine.breaking):
            # The operator's start has cleared it, and the next controller may know an older height than this one.
            self._journal.set_meta("stays_down", _over(mine))
            raise NodeError(
                _over(mine), safe="it was not started", next_step=f"`upgrade-console node swap {mine.name}`"
            )

    def _of(self, attempt: Attempt | None) -> Attempt | None:
        """Looked up once per state of the newest attempt: this is asked many times a second."""
        if attempt is None or attempt.crossing not in {Crossing.NONE, Crossing.RESUMED_OLD}:
            return None
        key = (attempt.id, attempt.crossing)
        if key != self._known:
            self._known = key
            self._late = late_attempt(self._journal.attempts())
        return self._late

    def _said(self, attempt: Attempt) -> frozenset[int]:
        try:
            document = json.loads(self._journal.meta(_SAID) or "{}")
            return frozenset(document["said"]) if document.get("attempt") == attempt.id else frozenset()
        except (ValueError, KeyError, TypeError, AttributeError):
            # Said once more is better than not at all.
            return frozenset()


def _over(attempt: Attempt) -> str:
    last = stop_height(attempt.target_height, attempt.grace_blocks, breaking=attempt.breaking) - 1
    return (
        f"the grace period of {attempt.name} ended with height {last}: "
        "the old release is stopped, and this node needs that one to go on"
    )
