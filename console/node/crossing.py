"""The crossing: from the halt to the new binary, or back to the old one (DESIGN §4)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

from console.errors import ChainError, JournalError, NodeError
from console.model import Attempt, Crossing, FailureCode, PlanOrigin, Preparation, Verdict
from console.node.attempts import AttemptBook
from console.node.generation import Generations
from console.node.generation_folders import Generation
from console.node.journal import TRIES
from console.node.returning import Returner
from console.node.rollback_point import RollbackPoints
from console.node.runs import FOREIGN_S, HAND_OVER_LOOK_S, NodeRuns
from console.node.shape import NodeShape
from console.node.signer_guard import SignerStateError
from console.ports.chain import ConsensusReading, PeerView
from console.settings import NodeSettings

_LOG = logging.getLogger(__name__)

_RETRY_S = 5.0
"""Seconds between two tries of a step that failed and may be done again."""
_PROOF_S = 0.5
"""Seconds between two looks for the proof: each costs a few requests."""
_TRY_PAUSES_S = (0.0, 1.0, 3.0)
"""Seconds before the first, second and third start of the new binary."""

_SIGNS_WITHIN_BLOCKS = 40
"""Blocks after H within which our signature is waited for."""

_LED_BACK = frozenset(
    {Crossing.QUIESCED, Crossing.BACKED_UP, Crossing.SWITCHED, Crossing.STARTING, Crossing.WAITING_FOR_QUORUM}
)
"""Where a verdict ABORT that is learned late still leads back."""

_NO_WAY_BACK = frozenset({Crossing.COMMITTED, Crossing.RESUMED_OLD, Crossing.MISSED_HALT})

PreUpgrade = Callable[[Attempt, Generation], Awaitable[None]]
"""Runs the new binary's pre-upgrade before the switch; raises NodeError when it fails."""

FailedStart = Callable[[Attempt, ConsensusReading | None], str]
"""Why the start that goes on has failed although the process lives; empty while it has not."""


class Crosser:
    """Takes the open attempt from HALTED to its end.

    Args:
        settings: The node's settings of the moment.
        book: The attempt.
        runs: The node's runs.
        generations: The layout on disk and its switch.
        points: Rollback points.
        peers: Consensus as our node and its peers show it.
        returner: The way back.
        pre_upgrade: What runs before the switch.
        shape: What kind of node it is.
        failed_start: Judges a start that goes on.
        held_back: Why the new binary is not to run yet; empty when nothing speaks against it.
        clock: Monotonic seconds.
        next_halt: H that the new binary is armed for, 0 for none: the network may be past the next upgrade too.
        skips: Whether the operator wants no upgrade at a height, on a chain that stops its nodes by itself.
    """

    def __init__(
        self,
        settings: Callable[[], NodeSettings],
        book: AttemptBook,
        runs: NodeRuns,
        generations: Generations,
        points: RollbackPoints,
        peers: PeerView,
        returner: Returner,
        pre_upgrade: PreUpgrade,
        shape: NodeShape,
        failed_start: FailedStart,
        held_back: Callable[[Attempt], str] = lambda attempt: "",
        clock: Callable[[], float] = time.monotonic,
        next_halt: Callable[[Attempt], int] = lambda attempt: 0,
        skips: Callable[[int], bool] = lambda height: False,
    ) -> None:
        self._settings = settings
        self._book = book
        self._runs = runs
        self._generations = generations
        self._points = points
        self._peers = peers
        self._returner = returner
        self._pre_upgrade = pre_upgrade
        self._shape = shape
        self._failed_start = failed_start
        self._next_halt = next_halt
        self._skips = skips
        self._held_back = held_back
        self._clock = clock
        self._not_before = 0.0
        self._waits_for: Crossing | None = None

    def hurry(self) -> None:
        """Forget pauses: the operator has changed something."""
        self._not_before = 0.0

    async def step(self, consensus: ConsensusReading | None) -> None:
        """Go on as far as possible; every state is durable before its side effect.

        Args:
            consensus: The latest reading of our own node in its present run, None when there is none.

        Raises:
            NodeError: A step failed; the attempt is where it was.
        """
        while True:
            attempt = self._book.attempt
            if attempt is None or attempt.crossing is Crossing.NONE:
                return
            attempt = self._heed_skip(attempt)
            if attempt.crossing.ended:
                return
            if self._runs.unjudged is not None:
                # How the run ended decides first what follows.
                return
            if self._waits_for is not attempt.crossing:
                self._waits_for, self._not_before = None, 0.0
            if self._clock() < self._not_before:
                return
            try:
                if attempt.verdict is Verdict.ABORT and attempt.crossing in _LED_BACK:
                    self._returner.abort_by_verdict(attempt)
                else:
                    await self._one(attempt, consensus)
            except NodeError:
                # What failed may cost a copy of everything: not at every look.
                self._pause(attempt, _RETRY_S)
                raise
            if self._book.attempt is None or self._book.attempt.crossing is attempt.crossing:
                return

    def _heed_skip(self, attempt: Attempt) -> Attempt:
        """The operator skips this upgrade: on a Cosmos chain a network that goes back does it so, and tells nobody.

        Once a commit of H + 1 is seen there is no way back that it could mean. Raises JournalError.
        """
        if attempt.origin is not PlanOrigin.CHAIN or attempt.verdict is not Verdict.CROSS or attempt.beyond_return:
            return attempt
        if attempt.crossing in _NO_WAY_BACK or not self._skips(attempt.target_height):
            return attempt
        note = f"the settings skip the upgrade at height {attempt.target_height}"
        return self._book.change(verdict=Verdict.ABORT, note=note)

    async def _one(self, attempt: Attempt, consensus: ConsensusReading | None) -> None:
        match attempt.crossing:
            case Crossing.HALTED:
                await self._leave_halt(attempt)
            case Crossing.QUIESCED:
                await self._back_up(attempt)
            case Crossing.BACKED_UP:
                await self._switch(attempt)
            case Crossing.SWITCHED:
                await self._try_new(attempt)
            case Crossing.STARTING:
                await self._await_replay(attempt, consensus)
            case Crossing.WAITING_FOR_QUORUM:
                await self._await_commit(attempt, consensus)
            case Crossing.PROBATION:
                await self._prove(attempt, consensus)
            case Crossing.ROLLBACK | Crossing.RESTORED | Crossing.FLIPPED_BACK:
                await self._returner.step(attempt)

    def _pause(self, attempt: Attempt, seconds: float) -> None:
        self._waits_for, self._not_before = attempt.crossing, self._clock() + seconds

    # --- from the halt to the switch ---

    async def _leave_halt(self, attempt: Attempt) -> None:
        if attempt.verdict is Verdict.ABORT:
            why = attempt.note if attempt.origin is PlanOrigin.CHAIN and attempt.note else "the verdict is ABORT"
            await self._returner.resume_old(f"{why}: the old binary goes on, halt cleared")
        elif attempt.verdict is Verdict.NONE:
            self._book.change(note="halted; the verdict is not known yet, asking the network")
        elif attempt.preparation is not Preparation.READY:
            # Staged, verified and checked before anything is stopped or switched (DESIGN §4.3).
            self._book.change(note=f"halted before {attempt.target_height}; {_what_is_missing(attempt)}")
        elif why := self._held_back(attempt):
            self._book.change(note=f"halted before {attempt.target_height}; {why}")
        else:
            await self._quiesce(attempt)

    async def _quiesce(self, attempt: Attempt) -> None:
        # Verified when it was staged, and again by descriptor before it runs; this look overlaps with the stop.
        checking = asyncio.gather(
            asyncio.to_thread(self._generations.staged, attempt.generation, attempt.generation_hash),
            self._runs.look_for_foreign(HAND_OVER_LOOK_S),
        )
        try:
            with suppress(NodeError):
                self._runs.prepare(self._generations.generation(attempt.generation))
            # A node of a chain that stops by itself lives on at its halt (facts/cosmos.md §4.4).
            await self._runs.stop()
        finally:
            staged, _ = await checking
        if staged is None:
            self._book.change(
                preparation=Preparation.PLANNED,
                note="the staged bytes are not the verified ones any more: fetching them again",
            )
        elif self._runs.quiet:
            self._book.change(crossing=Crossing.QUIESCED, left=self._generations.current().name, note="")

    async def _back_up(self, attempt: Attempt) -> None:
        delay_s = self._settings().restart_delay_s
        if delay_s and self._waits_for is not attempt.crossing:
            self._pause(attempt, delay_s)
            return
        if attempt.without_point or not self._settings().backup_enabled:
            without = attempt.without_point or "backup_enabled is off"
            self._book.change(crossing=Crossing.BACKED_UP, without_point=without)
            return
        name = f"crossing-{attempt.id}"
        left = self._generations.generation(attempt.left) if attempt.left else self._generations.current()
        stored = self._shape.application_height()
        try:
            await asyncio.to_thread(
                self._points.take,
                name,
                app_height=stored if stored is not None else self._height_at_halt(attempt),
                generation=left.name,
                exe_sha256=left.sha256,
            )
        except (NodeError, OSError) as error:
            self._pause(attempt, _RETRY_S)
            raise NodeError(
                f"there is no rollback point yet: {error}",
                safe="the old binary is in place and the node is down, at its halt",
                next_step="free space, or cross without one with "
                '`upgrade-console node resume --without-rollback-point "REASON"`',
            ) from error
        self._book.change(crossing=Crossing.BACKED_UP, rollback_point=name, left=left.name, note="")

    def _height_at_halt(self, attempt: Attempt) -> int | None:
        """Where the application stands when its database cannot be read: at H-1, if its halt was proven."""
        seen = self._runs.application_height()
        if attempt.origin is PlanOrigin.OPERATOR or attempt.new_app_height or (seen or 0) >= attempt.target_height:
            return seen
        return attempt.target_height - 1

    async def _switch(self, attempt: Attempt) -> None:
        generation = self._generations.generation(attempt.generation)
        try:
            await self._pre_upgrade(attempt, generation)
        except JournalError:
            raise
        except NodeError as error:
            # After a kill behind the flip the new one may be in place already.
            if attempt.left:
                self._generations.switch(self._generations.generation(attempt.left))
            self._book.change(
                crossing=Crossing.PARKED,
                note=f"pre-upgrade failed, nothing was switched and the node is down: {error}",
            )
            return
        self._generations.switch(generation)
        self._book.change(crossing=Crossing.SWITCHED)

    # --- the new binary ---

    async def _try_new(self, attempt: Attempt) -> None:
        if attempt.tries_left <= 0:
            self._returner.give_up(attempt, attempt.note or "it did not start")
            return
        pause = _TRY_PAUSES_S[min(max(0, len(_TRY_PAUSES_S) - attempt.tries_left), len(_TRY_PAUSES_S) - 1)]
        if pause and self._waits_for is not attempt.crossing:
            self._pause(attempt, pause)
            return
        self._book.change(crossing=Crossing.STARTING, tries_left=attempt.tries_left - 1)
        await self._start_new(attempt)

    async def _start_new(self, attempt: Attempt) -> None:
        try:
            generation = self._generations.generation(attempt.generation)
            # Only the first start follows a node that kept everybody else out.
            first = attempt.tries_left >= TRIES
            looked_s = HAND_OVER_LOOK_S if first else FOREIGN_S
            await self._runs.start(generation, self._next_halt(attempt), looked_within_s=looked_s)
        except JournalError:
            raise
        except SignerStateError as error:
            self._book.change(crossing=Crossing.NEEDS_OPERATOR, note=str(error))
        except NodeError as error:
            # Nothing was executed, so it says nothing of the new binary.
            self._book.change(crossing=Crossing.SWITCHED, tries_left=attempt.tries_left, note=str(error))
            self._pause(replace(attempt, crossing=Crossing.SWITCHED), _RETRY_S)

    async def _await_replay(self, attempt: Attempt, consensus: ConsensusReading | None) -> None:
        if self._runs.live is None:
            # The controller was killed between the decision and the start: that try is spent.
            self._book.change(crossing=Crossing.SWITCHED, note="a start was interrupted")
        elif consensus is not None and consensus.app_height >= _height_of_a_start(attempt):
            self._book.change(crossing=Crossing.WAITING_FOR_QUORUM, new_app_height=consensus.app_height, note="")
        elif why := self._failed_start(attempt, consensus):
            _LOG.warning("the new binary did not come up: %s", why)
            await self._runs.stop()
            self._book.change(crossing=Crossing.SWITCHED, note=f"the new binary did not come up: {why}")

    async def _await_commit(self, attempt: Attempt, consensus: ConsensusReading | None) -> None:
        if consensus is None or consensus.height <= attempt.target_height:
            return
        try:
            await self._peers.verified_commit(attempt.target_height + 1)
        except ChainError as error:
            _LOG.info("no verified commit after the upgrade yet: %s", error)
            self._pause(attempt, _PROOF_S)
            return
        self._book.change(crossing=Crossing.PROBATION, beyond_return=True, note="")

    async def _prove(self, attempt: Attempt, consensus: ConsensusReading | None) -> None:
        """COMMITTED: beyond return, our signature in a commit, our app hash the network's (DESIGN §4).

        A node that is no validator, or that is still catching up, has no signature to show.
        """
        if consensus is None or consensus.app_height <= attempt.target_height + 1:
            return
        self._pause(attempt, _PROOF_S)
        try:
            signers = await self._peers.verified_commit(consensus.app_height)
            await self._peers.agreed_app_hash(attempt.target_height)
        except ChainError as error:
            _LOG.info("not proven yet: %s", error)
            return
        signs = consensus.own_power > 0 and not consensus.catching_up
        if not signs or (consensus.own_address or self._settings().address) in signers:
            self._book.change(crossing=Crossing.COMMITTED, note="")
        elif consensus.app_height > attempt.target_height + _SIGNS_WITHIN_BLOCKS:
            # Why it does not sign is another matter, which must not keep the next plan out.
            note = f"crossed, but its own signature was not seen within {_SIGNS_WITHIN_BLOCKS} blocks"
            self._book.change(crossing=Crossing.COMMITTED, note=note)


def _height_of_a_start(attempt: Attempt) -> int:
    """The height at which a new binary has come up: H is replayed, but a swap by hand waits for the network's next."""
    return attempt.target_height - (attempt.origin is PlanOrigin.OPERATOR)


def _what_is_missing(attempt: Attempt) -> str:
    """Why a halted node does not cross yet, and what the operator can do."""
    if attempt.preparation is Preparation.STAGED:
        return "the new release is being checked"
    if attempt.failure_code == FailureCode.PREFLIGHT_FAILED:
        return (
            "the new release does not run on this machine, see the log: mend it, "
            "or cross with another one (`upgrade-console node swap NAME`)"
        )
    return f"the new release is not staged: give its bytes with `upgrade-console node add-upgrade {attempt.name} FILE`"
