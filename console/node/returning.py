"""The way back: roll back to PARKED, or the old binary goes on when the network aborted (DESIGN §4, zones)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from console.errors import NodeError
from console.model import Attempt, Crossing, Verdict
from console.node.attempts import AttemptBook
from console.node.generation import Generations
from console.node.rollback_point import RollbackPoint, RollbackPoints
from console.node.runs import NodeRuns
from console.node.shape import NodeShape
from console.node.signer_guard import SignerStateError
from console.node.zones import Refusal, ZoneFacts, may_abort, may_roll_back, nothing_to_roll_back
from console.settings import NodeSettings

_LOG = logging.getLogger(__name__)

_BEFORE_FLIP = frozenset({Crossing.QUIESCED, Crossing.BACKED_UP})
_NOT_ABORTED = frozenset({Crossing.NONE, Crossing.COMMITTED, Crossing.RESUMED_OLD, Crossing.MISSED_HALT})
"""Where no crossing goes on that could be aborted."""


class Returner:
    """Leads an attempt back.

    Args:
        settings: The node's settings of the moment.
        book: The attempt.
        runs: The node's runs.
        generations: The layout on disk and its switch.
        points: Rollback points.
        shape: What kind of node it is.
    """

    def __init__(
        self,
        settings: Callable[[], NodeSettings],
        book: AttemptBook,
        runs: NodeRuns,
        generations: Generations,
        points: RollbackPoints,
        shape: NodeShape,
    ) -> None:
        self._settings = settings
        self._book = book
        self._runs = runs
        self._generations = generations
        self._points = points
        self._shape = shape

    # --- decisions ---

    def give_up(self, attempt: Attempt, why: str) -> None:
        """No try of the new binary is left: by zone, automatically where that is allowed. Raises JournalError."""
        refusal = self._refusal(attempt)
        if refusal:
            self._book.change(
                crossing=Crossing.NEEDS_OPERATOR,
                note=f"the new binary failed ({why}) and is not rolled back: {refusal}; everything is kept as it is",
            )
        else:
            self._book.change(crossing=Crossing.ROLLBACK, note=why)

    def _refusal(self, attempt: Attempt) -> str:
        if not self._settings().rollback_on_failure:
            return "rollback_on_failure is off"
        if not attempt.left:
            return "which binary ran before is not known"
        if attempt.without_point:
            return f"there is no rollback point ({attempt.without_point})"
        found = may_roll_back(self._facts(attempt), network_aborts=False, automatic=True)
        return found.why if isinstance(found, Refusal) else ""

    def roll_back(self, reason: str) -> Attempt:
        """The operator's rollback, where the zone allows it. Raises NodeError."""
        attempt = self._book.attempt
        may = {Crossing.SWITCHED, Crossing.STARTING, Crossing.WAITING_FOR_QUORUM, Crossing.PROBATION}
        on_new = attempt is not None and self._on_new(attempt)
        if attempt is None or attempt.crossing not in may | {Crossing.NEEDS_OPERATOR} or not on_new:
            raise NodeError(nothing_to_roll_back(attempt, on_new=on_new), safe="nothing was changed")
        found = may_roll_back(self._facts(attempt), network_aborts=attempt.verdict is Verdict.ABORT, automatic=False)
        if isinstance(found, Refusal):
            raise NodeError(f"this node is not rolled back: {found.why}", safe="nothing was changed")
        return self._book.lead_on(reason, crossing=Crossing.ROLLBACK, note=f"rolled back by the operator: {reason}")

    def abort(self, reason: str) -> Attempt:
        """The network has agreed to abort: back to the old binary, which then goes on. Raises NodeError.

        Args:
            reason: Who agreed, for the journal; that more than 2/3 do was checked before.
        """
        attempt = self._book.attempt
        if attempt is None or attempt.crossing in _NOT_ABORTED:
            raise NodeError(
                "no crossing is going on here that could be aborted",
                safe="nothing was changed",
                next_step="before the halt the chain itself decides",
            )
        if not self._on_new(attempt):
            # The new binary has not run since the halt, or was rolled back already: the application is where it was.
            if attempt.crossing in {Crossing.PARKED, Crossing.NEEDS_OPERATOR, Crossing.QUIESCED, Crossing.BACKED_UP}:
                note = f"the network aborted: {reason}"
                return self._book.lead_on(reason, verdict=Verdict.ABORT, crossing=Crossing.RESUMED_OLD, note=note)
            return self._book.lead_on(reason, verdict=Verdict.ABORT)
        found = may_abort(self._facts(attempt), agreed=True)
        if isinstance(found, Refusal):
            raise NodeError(f"this node does not go back: {found.why}", safe="nothing was changed")
        if attempt.crossing in {Crossing.ROLLBACK, Crossing.RESTORED}:
            return self._book.lead_on(reason, verdict=Verdict.ABORT)
        return self._book.lead_on(
            reason, verdict=Verdict.ABORT, crossing=Crossing.ROLLBACK, note=f"the network aborted: {reason}"
        )

    def abort_by_verdict(self, attempt: Attempt) -> None:
        """The chain's verdict is ABORT, and this node had gone on without knowing it. Raises JournalError."""
        aborted = f"the verdict is ABORT ({attempt.note})" if attempt.note else "the verdict is ABORT"
        if not self._on_new(attempt):
            self._book.change(crossing=Crossing.HALTED if attempt.crossing in _BEFORE_FLIP else Crossing.NEEDS_OPERATOR)
            return
        found = may_abort(self._facts(attempt), agreed=True)
        if isinstance(found, Refusal):
            self._book.change(crossing=Crossing.NEEDS_OPERATOR, note=f"{aborted}, but {found.why}")
        else:
            self._book.change(crossing=Crossing.ROLLBACK, note=f"{aborted}: back to the old binary")

    def may_start_old(self, attempt: Attempt) -> bool:
        """Whether a parked node's old binary may go on: the network aborted, or the release breaks nothing."""
        return attempt.verdict is Verdict.ABORT or not attempt.breaking

    def _on_new(self, attempt: Attempt) -> bool:
        return bool(attempt.left) and self._generations.current().name == attempt.generation

    def _facts(self, attempt: Attempt) -> ZoneFacts:
        point = self._point(attempt)
        return ZoneFacts(
            target_height=attempt.target_height,
            stored_app_height=self._shape.application_height() if self._runs.live is None else None,
            new_run_app_height=self._highest_of_new(attempt),
            commit_seen=attempt.beyond_return,
            complete_point=point is not None and point.app_height == attempt.target_height - 1,
        )

    def _highest_of_new(self, attempt: Attempt) -> int | None:
        """Highest height that any run of the new binary was seen at since it is in place."""
        seen = (attempt.new_app_height or None, self._runs.height_seen_of(attempt.generation_hash))
        return max((height for height in seen if height is not None), default=None)

    def _point(self, attempt: Attempt) -> RollbackPoint | None:
        try:
            return self._points.find(attempt.rollback_point) if attempt.rollback_point else None
        except NodeError as error:
            # A damaged point is none; what is decided without it is decided all the same.
            _LOG.warning("the rollback point %s cannot be used: %s", attempt.rollback_point, error)
            return None

    # --- deeds ---

    async def step(self, attempt: Attempt) -> None:
        """One step of the way back. Raises NodeError: the attempt is where it was."""
        match attempt.crossing:
            case Crossing.ROLLBACK:
                await self._restore(attempt)
            case Crossing.RESTORED:
                self._generations.switch(self._generations.generation(attempt.left))
                self._book.change(crossing=Crossing.FLIPPED_BACK)
            case Crossing.FLIPPED_BACK if attempt.verdict is Verdict.ABORT:
                await self.resume_old("the network aborted: the old binary goes on, halt cleared")
            case Crossing.FLIPPED_BACK:
                self._book.change(crossing=Crossing.PARKED, note=f"stopped, on the old binary; {attempt.note}")

    async def _restore(self, attempt: Attempt) -> None:
        await self._runs.stop()
        if not self._runs.quiet:
            return
        await self._runs.look_for_foreign(0.0)
        try:
            point = await asyncio.to_thread(self._whole_point, attempt)
        except NodeError as error:
            self._book.change(crossing=Crossing.NEEDS_OPERATOR, note=f"nothing was restored: {error}")
            return
        if point is not None:
            try:
                await asyncio.to_thread(self._points.restore, point)
                self._runs.stands_at(attempt.target_height - 1)
            except SignerStateError as error:
                self._book.change(crossing=Crossing.NEEDS_OPERATOR, note=str(error))
                return
            except OSError as error:
                raise NodeError(
                    f"the rollback point cannot be restored: {error}",
                    safe="the point is whole and the restore goes on where it stopped",
                    next_step="free space or mend the disk",
                ) from error
        self._book.change(crossing=Crossing.RESTORED, new_app_height=0)

    def _whole_point(self, attempt: Attempt) -> RollbackPoint | None:
        """The rollback point, checked; None when the attempt has none. Raises NodeError: it is gone or damaged."""
        point = self._point(attempt)
        if point is not None:
            self._points.verify(point, full=False)
        elif attempt.rollback_point:
            raise NodeError(f"the rollback point {attempt.rollback_point} is gone", safe="the data is as it was")
        return point

    async def resume_old(self, note: str) -> None:
        """Let the old binary go on without a halt. Raises NodeError: it was decided but could not be started."""
        await self._runs.stop()
        attempt = self._book.change(crossing=Crossing.RESUMED_OLD, note=note)
        old = self._generations.generation(attempt.left) if attempt.left else self._generations.current()
        self._generations.switch(old)
        await self._runs.start(old, 0)
