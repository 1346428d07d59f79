"""Plans and halts of a chain that stops its nodes by itself, as its node's files and the chain together tell them."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from console.model import Attempt, Crossing, NodeRun, PlanOrigin, Proposal, ProposalStatus
from console.node.chain_halt import (
    ChainHalt,
    ChainHalts,
    HaltSigns,
    Standing,
    chain_plan,
    ended_at_halt,
    says_needed,
    standing,
    too_early,
)
from console.node.cosmovisor.batch import next_plan, read_batch
from console.node.cosmovisor.skip_heights import skip_heights
from console.node.cosmovisor.upgrade_info import FILE_NAME, write_plan
from console.node.cosmovisor.watch import DATA_FOLDER
from console.node.generation import Generations
from console.node.journal import Journal
from console.node.plan_file import note_written_ahead
from console.node.runs import NodeRuns
from console.ports.chain import ConsensusReading, PlanReading
from console.settings import NodeSettings
from console.text import untrusted

_LOG = logging.getLogger(__name__)

_LASTING_S = 5.0
"""Seconds for which a node stands at H without a plan file before that alone is a halt: its disk may be full."""
_FROM_FILE = "plan_from_file"


class HaltWatch:
    """Watches one node's plan file, and says when the node stands at its halt, or ended there.

    Args:
        settings: The node's settings of the moment.
        journal: Keeps which attempt came from the file alone.
        halts: The plan file; None for a node that its chain does not stop.
        runs: What runs.
        generations: To know an upgrade that was done.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        settings: Callable[[], NodeSettings],
        journal: Journal,
        halts: ChainHalts | None,
        runs: NodeRuns,
        generations: Generations,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._halts = halts
        self._runs = runs
        self._generations = generations
        self._clock = clock
        self._reading: PlanReading | None = None
        self._there_since: tuple[int, float] | None = None
        self._batch_trouble = ""

    @property
    def watches(self) -> bool:
        """Whether there is a file to watch."""
        return self._halts is not None

    async def changes(self) -> AsyncIterator[None]:
        """Yields each time that the file may have changed; ends at once where there is none."""
        if self._halts is not None:
            async for _ in self._halts.changes():
                yield

    # --- plans ---

    def plans(self, reading: PlanReading | None, attempt: Attempt | None) -> PlanReading | None:
        """What the chain shows together with what is in the file.

        A plan that only the file had is withdrawn when the file has it no more.

        Args:
            reading: What the chain shows, None when that is not known.
            attempt: The open attempt.
        """
        self._reading = reading
        if self._halts is None:
            return reading
        halt = self._halts.look()
        if attempt is not None and self._is_gone(attempt, halt):
            gone = chain_plan(attempt.name, attempt.target_height, untrusted(""), ProposalStatus.CANCELLED)
            return _with(reading, gone)
        if halt is None or not self._to_come(halt) or not self._counts(halt):
            return reading
        if not self._told(halt):
            self._keep_from_file(halt)
        return _with(reading, halt.proposal())

    def _is_gone(self, attempt: Attempt, halt: ChainHalt | None) -> bool:
        if attempt.crossing is not Crossing.NONE or attempt.origin is not PlanOrigin.CHAIN:
            return False
        if halt is not None and halt.names(attempt):
            return False
        kept = self._journal.meta(_FROM_FILE)
        return kept == _word(str(attempt.name), attempt.target_height) and self._told_of(attempt) is None

    def _keep_from_file(self, halt: ChainHalt) -> None:
        word = _word(str(halt.name), halt.height)
        if self._journal.meta(_FROM_FILE) != word:
            self._journal.set_meta(_FROM_FILE, word)

    def _to_come(self, halt: ChainHalt) -> bool:
        """Whether the file is not of an upgrade of before."""
        if self._generations.current().name == self._generations.folder_of_plan(halt.name):
            return False
        executed = self._runs.application_height()
        if executed is not None:
            return executed < halt.height
        # Nothing is known of the node yet: what lay there when it was started may be years old.
        run = self._runs.run
        return run is not None and self._written_in(run, halt)

    def _counts(self, halt: ChainHalt) -> bool:
        """Whether the file says more than the chain."""
        told = self._of_chain(halt)
        if told is None:
            return True
        # As the chain tells it, it is whole: an operator's plan says no binaries, and may have another spelling.
        return told.status is ProposalStatus.CANCELLED and not halt.by_operator

    def _of_chain(self, halt: ChainHalt) -> Proposal | None:
        proposals = () if self._reading is None else self._reading.proposals
        return next((entry for entry in proposals if halt.is_told_as(entry)), None)

    def _told(self, halt: ChainHalt) -> bool:
        told = self._of_chain(halt)
        return told is not None and told.status is ProposalStatus.SCHEDULED

    def _told_of(self, attempt: Attempt) -> Proposal | None:
        halt = ChainHalt(attempt.name, attempt.target_height, untrusted(""), 0.0, by_operator=False)
        return self._of_chain(halt)

    def skips(self, height: int) -> bool:
        """Whether the operator wants no upgrade at a height."""
        settings = self._settings()
        return height in settings.skip_upgrade_heights or skip_heights(settings.arguments).skips(height)

    def write_next_of_batch(self, attempt: Attempt | None) -> None:
        """Write the next plan of `upgrade-info.json.batch` ahead, when the one before is done (facts/cosmos.md §1.9).

        Args:
            attempt: The open attempt: while there is one, the file is its.

        Raises:
            JournalError: It could not be kept that the plan is no sign of a halt; nothing was written.
        """
        executed = self._runs.application_height()
        if self._halts is None or attempt is not None or executed is None:
            return
        there = self._halts.look()
        if there is not None and there.height > executed:
            return
        path = self._settings().home / DATA_FOLDER / FILE_NAME
        plans = read_batch(path.with_name(f"{FILE_NAME}.batch"))
        plan = next_plan(plans, executed) if isinstance(plans, tuple) else None
        if plan is None:
            return
        try:
            note_written_ahead(self._journal, plan.name, plan.height)
            write_plan(path, plan)
            note_written_ahead(self._journal, plan.name, plan.height, path.stat().st_mtime_ns)
        except OSError as error:
            if str(error) != self._batch_trouble:
                self._batch_trouble = str(error)
                _LOG.warning("the next plan of the batch is not written: %s", error)
            return
        _LOG.info("%s plans %s for height %d, from the batch", path, plan.shown_name, plan.height)

    # --- halts ---

    async def at_halt(
        self,
        attempt: Attempt | None,
        consensus: ConsensusReading | None,
        ask: Callable[[], Awaitable[ConsensusReading | None]],
    ) -> bool:
        """Whether the run that goes on stands at the open attempt's halt (facts/cosmos.md §4.4: it lives on there).

        Args:
            attempt: The open attempt.
            consensus: The latest reading of this run, None when there is none.
            ask: Reads our node now; None when it does not answer.
        """
        run, live = self._runs.run, self._runs.live
        if self._halts is None or attempt is None or run is None or live is None:
            return False
        if attempt.origin is not PlanOrigin.CHAIN or attempt.crossing is not Crossing.NONE:
            return False
        if run.exe_sha256 == attempt.generation_hash or self.skips(attempt.target_height):
            return False
        signs = self._signs(attempt, run, _heights_of(consensus), log=None)
        found = standing(signs, lasting=self._lasting(signs, run))
        if found is Standing.ASK:
            heights = _heights_of(await ask())
            log = self._runs.log_of_run() if heights is None else None
            if self._runs.live is not live:
                return False
            found = standing(self._signs(attempt, run, heights, log=log), lasting=False)
        return found is Standing.AT_HALT

    def _lasting(self, signs: HaltSigns, run: NodeRun) -> bool:
        if not signs.at_height:
            self._there_since = None
            return False
        if self._there_since is None or self._there_since[0] != run.id:
            self._there_since = run.id, self._clock()
        return self._clock() - self._there_since[1] >= _LASTING_S

    def ended_at_halt(self, attempt: Attempt | None, run: NodeRun, log: bytes) -> bool:
        """Whether a run that ended by itself ended at the open attempt's halt."""
        if self._halts is None or attempt is None or attempt.origin is not PlanOrigin.CHAIN:
            return False
        if self.skips(attempt.target_height):
            return False
        observation, observed = self._journal.observation, self._journal.run_observed()
        heights: tuple[int | None, int | None] | None = None
        if observation is not None and observed is not None and observed.id == run.id:
            heights = observation.height, observation.app_height
        stored = self._runs.application_height()
        if observation is None or stored != observation.app_height:
            # What the stopped node's own database says; a reading of another run says nothing of this one.
            heights = (None if heights is None else heights[0]), stored
        return ended_at_halt(self._signs(attempt, run, heights, log=log))

    def runs_too_early(self, attempt: Attempt | None) -> bool:
        """Whether the new binary, alive or not, refuses to run because the chain has not come to its upgrade."""
        run = self._runs.run
        if self._halts is None or attempt is None or attempt.origin is not PlanOrigin.CHAIN or run is None:
            return False
        if attempt.crossing is not Crossing.STARTING or run.exe_sha256 != attempt.generation_hash:
            return False
        return too_early(self._runs.log_of_run(), str(attempt.name))

    def _written_in(self, run: NodeRun, halt: ChainHalt) -> bool:
        """Whether the file was written since the run began, whatever was done to the clock of the day meanwhile."""
        if halt.written_at >= run.started_at:
            return True
        live = self._runs.live
        # A living process is as old as the machine's own count of seconds says.
        return live is not None and live.run_id == run.id and halt.written_at >= time.time() - self._runs.age_s

    def _signs(
        self, attempt: Attempt, run: NodeRun, heights: tuple[int | None, int | None] | None, *, log: bytes | None
    ) -> HaltSigns:
        """Args: `log` is None where it is not worth reading."""
        halt = None if self._halts is None else self._halts.look()
        named = halt is not None and halt.names(attempt)
        by_operator = halt is not None and named and halt.by_operator
        told = self._told_of(attempt)
        return HaltSigns(
            height=attempt.target_height,
            wrote_file=halt is not None and named and not by_operator and self._written_in(run, halt),
            said_so=log is not None and says_needed(log, str(attempt.name), attempt.target_height),
            block_height=None if heights is None else heights[0],
            app_height=None if heights is None else heights[1],
            told=told is not None and told.status is ProposalStatus.SCHEDULED,
            by_operator=by_operator,
        )


def _heights_of(consensus: ConsensusReading | None) -> tuple[int | None, int | None] | None:
    return None if consensus is None else (consensus.height, consensus.app_height)


def _with(reading: PlanReading | None, plan: Proposal) -> PlanReading:
    """The reading with one more plan, first, in the place of one of the same height."""
    if reading is None:
        return PlanReading(plan.target_height, (plan,), None)
    others = tuple(entry for entry in reading.proposals if entry.id != plan.id)
    return PlanReading(reading.height, (plan, *others), reading.readiness)


def _word(name: str, height: int) -> str:
    return json.dumps([name.lower(), height])
