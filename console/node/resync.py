"""Bringing back a node that executed H under old rules, to before H, its live signer state kept (DESIGN §4)."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable

from console.errors import JournalError, NodeError
from console.model import Arming, Attempt, Crossing, Verdict
from console.node.attempts import AttemptBook
from console.node.generation import Generations
from console.node.journal import Journal
from console.node.replay import first_to_cross, plan_of
from console.node.rollback_point import RollbackPoints
from console.node.runs import NodeRuns

_LOG = logging.getLogger(__name__)

_KEY = "resync"
_GENESIS = ""
_RETRY_S = 5.0


class Resyncer:
    """Takes the state back, then lets the old binary come to H again, armed.

    Args:
        journal: Where the decision is durable before the data is touched.
        book: The attempt.
        runs: The node's runs.
        generations: To put the old binary in place.
        points: Rollback points and the data folders.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        journal: Journal,
        book: AttemptBook,
        runs: NodeRuns,
        generations: Generations,
        points: RollbackPoints,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._not_before = 0.0
        self._journal = journal
        self._book = book
        self._runs = runs
        self._generations = generations
        self._points = points

    def begin(self, reason: str, *, from_genesis: bool) -> None:
        """Decide it, durably.

        Args:
            reason: The operator's words; may be empty.
            from_genesis: Set the data aside and replay everything, instead of starting from the arming rollback point.

        Raises:
            NodeError: This node did not miss its halt, there is no rollback point from before it, or a binary that
                a replay needs is not here.
        """
        attempt = self._book.attempt
        if attempt is None or attempt.crossing is not Crossing.MISSED_HALT:
            raise NodeError("this node did not miss its halt", safe="nothing was changed")
        first: Attempt | None = None
        if from_genesis:
            point, first = _GENESIS, first_to_cross(self._journal.attempts(200), attempt, self._generations)
            generation = self._generations.current().name if first is None else first.left
        else:
            point = self._point_before(attempt)
            generation = self._old_generation(point)
        wanted = {
            "attempt": attempt.id,
            "point": point,
            "generation": generation,
            "reason": reason,
            "first": 0 if first is None else first.id,
        }
        self._journal.set_meta(_KEY, json.dumps(wanted))
        self._not_before = 0.0

    def _point_before(self, attempt: Attempt) -> str:
        # The binary that missed the halt is the right one until then; an older point belongs to an older binary.
        current = self._generations.current().sha256
        points = [
            point
            for point in self._points.all()
            if point.app_height is not None and point.app_height < attempt.target_height and point.exe_sha256 == current
        ]
        if not points:
            raise NodeError(
                f"there is no rollback point from before height {attempt.target_height}",
                safe="nothing was changed",
                next_step="replay from genesis with `upgrade-console node resync --from-genesis`",
            )
        best = max(points, key=lambda point: point.app_height or 0)
        self._points.verify(best, full=False)
        return best.name

    def _old_generation(self, point_name: str) -> str:
        point = self._points.find(point_name)
        return self._generations.current().name if point is None else point.generation

    @property
    def under_way(self) -> bool:
        """Whether a resync was decided and is not done: the node must not be started before. Raises JournalError."""
        return bool(self._journal.meta(_KEY))

    async def go_on(self) -> None:
        """Do what was decided; each step may be done again after a kill.

        Raises:
            NodeError: A step failed; it is tried again.
            JournalError: What was decided cannot be read.
        """
        text = self._journal.meta(_KEY)
        if not text or self._clock() < self._not_before:
            return
        # A step that fails may cost a copy of everything: not at every look.
        self._not_before = self._clock() + _RETRY_S
        try:
            wanted = json.loads(text)
            attempt_id, name, generation = int(wanted["attempt"]), str(wanted["point"]), str(wanted["generation"])
            first_id = int(wanted.get("first", 0))
        except (ValueError, KeyError, TypeError) as error:
            raise JournalError(f"the journal's word on a resync is not understood: {text!r}") from error
        attempt = self._book.attempt
        # While a halt was missed nobody else takes up a plan.
        crosses_again = bool(first_id) and attempt is not None and attempt.id > attempt_id
        if attempt is None or (attempt.id != attempt_id and not crosses_again):
            self._journal.set_meta(_KEY, "")
            raise NodeError("a resync was decided for another upgrade, and is dropped", safe="nothing was changed")
        await self._runs.stop()
        if not self._runs.quiet:
            raise NodeError("a process of this node still lives", safe="its data was not touched")
        await self._runs.look_for_foreign(0.0)
        if attempt.crossing is Crossing.MISSED_HALT:
            height = await asyncio.to_thread(self._take_back, name)
            self._journal.observe_restored(min(height, attempt.target_height - 1))
        self._generations.switch(self._generations.generation(generation))
        if attempt.crossing is Crossing.MISSED_HALT and first_id:
            attempt = self._cross_again(first_id, str(wanted.get("reason") or "resync"))
        elif attempt.crossing is Crossing.MISSED_HALT:
            attempt = self._book.lead_on(
                wanted.get("reason") or "resync",
                crossing=Crossing.NONE,
                arming=Arming.WAITING_TURN,
                note="brought back to before its halt: catching up",
            )
        if first_id:
            # It was acted on before; at a halt in the past nobody should have to be asked.
            attempt = self._book.change(verdict=Verdict.CROSS)
        self._journal.arm(attempt)
        self._journal.set_meta(_KEY, "")

    def _cross_again(self, first_id: int, reason: str) -> Attempt:
        """Take up the first upgrade once more: the first start must be armed for it, not for the one that was missed.

        Raises:
            NodeError: The journal does not know it any more.
        """
        first = next((entry for entry in self._journal.attempts(200) if entry.id == first_id), None)
        if first is None:
            raise NodeError(f"the journal has no upgrade number {first_id} any more", safe="the node is down")
        self._journal.record("led-on", first, reason=reason)
        return self._book.take_up(plan_of(first), first.origin)

    def _take_back(self, name: str) -> int:
        """Put older data in place; returns the height at which its application stands."""
        if not name:
            aside = self._points.set_aside()
            _LOG.info("the data was set aside to %s: replaying from genesis", aside)
            return 0
        point = self._points.find(name)
        if point is None:
            raise NodeError(f"the rollback point {name} is gone", safe="the data was not touched")
        self._points.restore(point)
        _LOG.info("restored the rollback point %s, height %s", name, point.app_height)
        return point.app_height or 0
