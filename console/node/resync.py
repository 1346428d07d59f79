"""Bringing back a node whose state is not the network's, its live signer state kept (DESIGN §4).

It executed H under old rules, or another binary than the network's did its blocks: then all of them are replayed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable

from console.errors import JournalError, NodeError
from console.model import Arming, Attempt, Crossing, PlanOrigin, Verdict
from console.node.attempts import AttemptBook
from console.node.generation import Generations
from console.node.journal import Journal
from console.node.replay import first_to_cross, plan_of
from console.node.rollback_point import RollbackPoints
from console.node.runs import NodeRuns

_LOG = logging.getLogger(__name__)

_BETWEEN_UPGRADES = frozenset({Crossing.NONE, Crossing.COMMITTED, Crossing.RESUMED_OLD})
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
            NodeError: There is nothing to go back behind, no rollback point from before the missed halt, or a binary
                that a replay needs is not here.
        """
        attempt = self._book.attempt
        missed = attempt if attempt is not None and attempt.crossing is Crossing.MISSED_HALT else None
        first: Attempt | None = None
        if from_genesis:
            if missed is None:
                self._refuse_replay(attempt)
            point, first = _GENESIS, first_to_cross(self._journal.attempts(200), missed, self._generations)
            if missed is None and first is not None and self._book.open is not None:
                raise NodeError(
                    f"the replay would cross {first.name} again while {self._book.open.name} is open",
                    safe="nothing was changed",
                    next_step="wait until that upgrade is over, or its halt was missed",
                )
            generation = self._generations.current().name if first is None else first.left
        elif missed is None:
            raise NodeError(
                "this node did not miss its halt",
                safe="nothing was changed",
                next_step="what another binary made of its state is replayed with `node resync --from-genesis`",
            )
        else:
            point = self._point_before(missed)
            generation = self._old_generation(point)
        wanted = {
            "attempt": 0 if attempt is None else attempt.id,
            "point": point,
            "generation": generation,
            "reason": reason,
            "first": 0 if first is None else first.id,
        }
        self._journal.set_meta(_KEY, json.dumps(wanted))
        self._not_before = 0.0

    def _refuse_replay(self, attempt: Attempt | None) -> None:
        """Refuse a replay without a missed halt where it cannot come to a good end. Raises NodeError."""
        if attempt is not None and attempt.crossing not in _BETWEEN_UPGRADES:
            raise NodeError(
                f"a crossing is going on ({attempt.crossing.value}): it has to end first", safe="nothing was changed"
            )
        chains = (each for each in self._journal.attempts(200) if each.origin is not PlanOrigin.REGISTRY)
        if any(each.crossing is Crossing.COMMITTED for each in chains):
            raise NodeError(
                "an upgrade was crossed here that no registry knows, so that a replay would not stop for it",
                safe="nothing was changed",
                next_step="set up a fresh home with the binary of genesis, or restore a state by state sync",
            )

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
        found = 0 if attempt is None else attempt.id
        missed = attempt is not None and attempt.crossing is Crossing.MISSED_HALT
        # Until the data is back nobody takes up a plan; then the first upgrade may be taken up again.
        crosses_again = bool(first_id) and found > attempt_id
        if found != attempt_id and not crosses_again:
            self._journal.set_meta(_KEY, "")
            raise NodeError("a resync was decided for another upgrade, and is dropped", safe="nothing was changed")
        await self._runs.stop()
        if not self._runs.quiet:
            raise NodeError("a process of this node still lives", safe="its data was not touched")
        await self._runs.look_for_foreign(0.0)
        if not crosses_again and not wanted.get("back"):
            height = await asyncio.to_thread(self._take_back, name)
            limit = attempt.target_height - 1 if attempt is not None and missed else height
            self._journal.observe_restored(min(height, limit))
            self._journal.set_meta(_KEY, json.dumps({**wanted, "back": True}))
        self._generations.switch(self._generations.generation(generation))
        if first_id and not crosses_again:
            self._cross_again(first_id, str(wanted.get("reason") or "resync"))
        elif missed:
            attempt = self._book.lead_on(
                wanted.get("reason") or "resync",
                crossing=Crossing.NONE,
                arming=Arming.WAITING_TURN,
                note="brought back to before its halt: catching up",
            )
        if first_id:
            # It was acted on before; at a halt in the past nobody should have to be asked.
            attempt = self._book.change(verdict=Verdict.CROSS)
        if attempt is not None and (first_id or missed):
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
