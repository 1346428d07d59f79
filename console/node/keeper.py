"""Keeping the node running: what its ends mean, and what is started again and how (DESIGN §4)."""

from __future__ import annotations

import logging
from collections.abc import Callable

from console.errors import NodeError
from console.model import Crossing, PlanOrigin, Verdict
from console.node.arming import Armer
from console.node.attempts import AttemptBook
from console.node.evidence import HALT_EXIT_CODE, last_words
from console.node.exits import ExitMeaning, Judgement, RunEnd, judge, missed_halt, too_early_words
from console.node.faults import FaultPoints
from console.node.generation import Generations
from console.node.halt_watch import HaltWatch
from console.node.journal import TRIES, Journal
from console.node.restarts import Restarts
from console.node.runs import NodeRuns
from console.node.signer_guard import SignerStateError
from console.ports.chain import ConsensusReading
from console.settings import NodeSettings

_LOG = logging.getLogger(__name__)

CROSSER_DECIDES = frozenset(
    {
        Crossing.HALTED,
        Crossing.QUIESCED,
        Crossing.BACKED_UP,
        Crossing.SWITCHED,
        Crossing.STARTING,
        Crossing.ROLLBACK,
        Crossing.RESTORED,
        Crossing.FLIPPED_BACK,
    }
)
"""Where only the crosser starts the node: which binary, and that it is not armed, belongs to the state."""


class Keeper:
    """Keeps one node running outside the crossing.

    Args:
        settings: The node's settings of the moment.
        journal: Where what was decided is durable.
        book: The attempt.
        runs: The node's runs.
        generations: To find the binary that runs.
        armer: Says what a start is armed for.
        faults: Fault points around each judgement.
        halts: Says what ended at its chain's halt.
    """

    def __init__(
        self,
        settings: Callable[[], NodeSettings],
        journal: Journal,
        book: AttemptBook,
        runs: NodeRuns,
        generations: Generations,
        armer: Armer,
        faults: FaultPoints,
        halts: HaltWatch,
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._book = book
        self._runs = runs
        self._generations = generations
        self._armer = armer
        self._faults = faults
        self._halts = halts
        self._restarts = Restarts()

    def judge_end(self) -> None:
        """Judge the end of a run and act on it, if there is one; after a kill before the end of this, again.

        Raises:
            JournalError: The end is still there to be judged.
        """
        if self._runs.unjudged is None:
            return
        run, record, log = self._runs.unjudged
        self._faults.reach("before-judged")
        end = RunEnd(
            exe_sha256=run.exe_sha256,
            halt_height=run.halt_height,
            exit_code=None if record is None else record.code,
            # The shim knows whether it was told to stop; the journal only that we were about to tell it.
            asked=self._journal.end_asked(run.id) if record is None else record.asked,
            log=log,
            app_height=self._runs.application_height(),
            companion="" if record is None else record.first,
            companion_code=None if record is None else record.codes.get(record.first),
            chain_halt=self._halts.ended_at_halt(self._book.open, run, log),
        )
        judgement = judge(end, self._book.open, restart_on_error=self._settings().restart_on_error)
        _LOG.info("the node ended: %s (%s)", judgement.meaning.value, judgement.why)
        self._journal.record("end-judged", self._book.open, meaning=judgement.meaning.name, why=judgement.why)
        self._act_on(judgement, end)
        self._faults.reach("after-judged")
        if judgement.meaning is ExitMeaning.NEXT_HALT:
            # Judged again, for the upgrade of that halt.
            return
        self._runs.judged()

    def _act_on(self, judgement: Judgement, end: RunEnd) -> None:
        match judgement.meaning:
            case ExitMeaning.HALTED:
                self._book.change(crossing=Crossing.HALTED, note="")
            case ExitMeaning.MISSED_HALT:
                self._book.change(crossing=Crossing.MISSED_HALT, note=judgement.why)
            case ExitMeaning.FAILED_TRY:
                self._act_on_failed_try(judgement.why, end.log)
            case ExitMeaning.NEXT_HALT:
                self._end_caught_up(end)
            case ExitMeaning.TOO_EARLY:
                self._give_up_too_early(judgement.why)
            case ExitMeaning.SAME_RUN_AGAIN | ExitMeaning.CRASHED:
                self._plan_restart(judgement.why)
            case ExitMeaning.STAYS_DOWN:
                hint = " (a usage error or a panic, not a halt)" if end.exit_code == HALT_EXIT_CODE else ""
                self._journal.set_meta("stays_down", f"the node ended with {judgement.why}{hint} and stays down")
            case ExitMeaning.ASKED:
                pass

    def _act_on_failed_try(self, why: str, log: bytes) -> None:
        attempt = self._book.open
        if attempt is not None and attempt.beyond_return:
            # Forward only: it is started again as any node that crashed, and never rolled back.
            self._plan_restart(_told(why, log))
        else:
            self._book.change(crossing=Crossing.SWITCHED, note=f"the new binary ended with {_told(why, log)}")

    def _end_caught_up(self, end: RunEnd) -> None:
        """The new binary executed everything up to the next halt: each block's app hash was that of the network."""
        attempt = self._book.open
        assert attempt is not None, "there is no attempt without a new binary"
        if attempt.crossing is Crossing.STARTING:
            self._book.change(crossing=Crossing.WAITING_FOR_QUORUM, new_app_height=end.halt_height - 1)
        self._book.change(crossing=Crossing.PROBATION, beyond_return=True)
        self._book.change(crossing=Crossing.COMMITTED, note=f"caught up to the halt before {end.halt_height}")

    async def end_too_early(self) -> None:
        """Stop a new binary that lives and refuses to work: no other try of it would end otherwise."""
        attempt = self._book.open
        await self._runs.stop()
        if attempt is not None:
            self._give_up_too_early(too_early_words(attempt))

    def _give_up_too_early(self, why: str) -> None:
        # The chain stops every old binary at its plan, so that this one may go on: it executes nothing that is wrong.
        self._book.change(verdict=Verdict.ABORT, crossing=Crossing.SWITCHED, tries_left=0, note=why)

    def _plan_restart(self, why: str) -> None:
        if too_many := self._restarts.crashed(why):
            self._journal.set_meta("needs_operator", too_many)

    def notice_passed_height(self, consensus: ConsensusReading | None) -> None:
        """End an attempt whose H was executed without a halt: by the right release, or by the wrong one.

        Args:
            consensus: The latest reading of the present run, None when there is none.
        """
        attempt = self._book.open
        run = self._runs.run
        if attempt is None or attempt.crossing is not Crossing.NONE or run is None:
            return
        height = self._runs.application_height() if consensus is None else consensus.app_height
        if height is None or not attempt.has_height or height < attempt.target_height:
            return
        if attempt.verdict is Verdict.ABORT:
            self._book.change(
                crossing=Crossing.RESUMED_OLD, note="the verdict was ABORT; this node was not armed and went on"
            )
        elif attempt.verdict is Verdict.CROSS and run.exe_sha256 == attempt.generation_hash:
            # Switched by hand, or a journal that was lost: what is left is the proof.
            if consensus is not None:
                self._book.change(crossing=Crossing.WAITING_FOR_QUORUM, note="the release runs here already")
        elif attempt.origin is PlanOrigin.CHAIN:
            self._book.change(
                crossing=Crossing.RESUMED_OLD, note="the chain went on past the plan's height: it was skipped"
            )
        elif attempt.verdict is Verdict.CROSS and not attempt.breaking:
            self._book.change(
                crossing=Crossing.RESUMED_OLD, note="the upgrade is not breaking; this node was not ready and went on"
            )
        elif missed_halt(attempt, height):
            self._book.change(
                crossing=Crossing.MISSED_HALT,
                note=f"height {attempt.target_height} ran under old rules: this node was not armed",
            )

    async def keep_running(self) -> None:
        """Start the node when nothing speaks against it: after our own start, and after a crash. Raises NodeError."""
        attempt = self._book.attempt
        if self._runs.live is not None or self._journal.meta("stays_down") or not self._restarts.due:
            return
        if attempt is not None and (attempt.crossing in CROSSER_DECIDES or attempt.crossing.waits_for_operator):
            return
        try:
            await self.start_current()
        except SignerStateError as error:
            self._journal.set_meta("needs_operator", str(error))
            raise
        except NodeError as error:
            self._plan_restart(str(error))
            raise

    async def start_by_operator(self) -> None:
        """Start the node with everything forgotten that kept it down; in a crossing that is left to the crosser.

        Raises:
            NodeError: It was not started.
        """
        self._journal.set_meta("needs_operator", "")
        self._journal.set_meta("stays_down", "")
        self._restarts.forget()
        attempt = self._book.attempt
        if (
            attempt is not None
            and attempt.crossing is Crossing.NEEDS_OPERATOR
            and self._generations.current().sha256 == attempt.generation_hash
        ):
            attempt = self._book.lead_on("start", crossing=Crossing.SWITCHED, tries_left=TRIES, note="")
        if attempt is None or attempt.crossing not in CROSSER_DECIDES:
            await self.start_current()

    async def start_current(self) -> None:
        """Start the current generation, armed as the journal and the open plan say. Raises NodeError."""
        generation = self._generations.current()
        if self._runs.live is None:
            await self._runs.start(generation, self._armer.for_start(automatic=self._settings().automatic))


def _told(why: str, log: bytes) -> str:
    """The end with the program's own last words: who is called at night should not have to look for them."""
    words = last_words(log)
    return f"{why}: {words}" if words else why
