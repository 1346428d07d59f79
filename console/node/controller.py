"""The controller: drives one node through its life and its upgrades (DESIGN §4). Persist, then act."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from console.errors import ConsoleError, JournalError
from console.model import Crossing, NodeStatus, Proposal
from console.node.advertising import Advertiser
from console.node.aftermath import Aftermath
from console.node.arming import Armer
from console.node.attempts import AttemptBook
from console.node.calls_in_turn import CallsInTurn
from console.node.crossing import Crosser
from console.node.disarming import Disarmer
from console.node.faults import FaultPoints
from console.node.halt_watch import HaltWatch
from console.node.journal import Journal
from console.node.keeper import Keeper
from console.node.membership import keep_membership
from console.node.metrics.gauges import Known
from console.node.next_plan import crossed
from console.node.operator_commands import PAUSED, STOPPED_BY_OPERATOR, Commands
from console.node.parent_bound import ParentBounds
from console.node.parts import Parts
from console.node.preparation import Preparer
from console.node.readings import Readings
from console.node.resync import Resyncer
from console.node.retention import Retention
from console.node.returning import Returner
from console.node.roll_lease import RollLeases
from console.node.rollout import NOTHING_DEMANDED, ProofDemand, Rollout
from console.node.runs import NodeRuns
from console.node.speaker import Speaker
from console.node.start_ahead import StartAhead
from console.node.state_rollback import StateRollback
from console.node.status import StatusTeller
from console.ports.chain import ConsensusReading, HeightBound, PeerView, PlanReading, PlanSource, Signals
from console.settings import NodeSettings

_LOG = logging.getLogger(__name__)

_RECORD_S = 2.0
"""Seconds in which the end of a node is recorded, if the disk has room."""
_LAST_STEP_S = 90.0
"""Seconds that a step may take when we are told to end: a stop of the node has its own grace."""
_FIRST_LOOK_S = 3.0
"""Seconds that the first start of the node waits for the network's plans: it may have to start armed."""


class Controller:
    """One node's controller.

    Args:
        settings: The node's settings of the moment; what lies where is read from them once.
        journal: Its journal.
        plans: Where plans come from.
        peers: Consensus as our node and others show it.
        signals: What is said to the chain.
        parts: The pieces that differ between nodes.
        block_time_s: Expected seconds per block, for the pace of polling only.
        changed: Called when the status may have changed.
        faults: Fault points.
        proof: What another network has to have done with a release before this node arms for it.
        above: What the network above allows; None where there is none.
    """

    def __init__(
        self,
        settings: Callable[[], NodeSettings],
        journal: Journal,
        plans: PlanSource,
        peers: PeerView,
        signals: Signals,
        parts: Parts,
        *,
        block_time_s: float | None,
        changed: Callable[[], None],
        faults: FaultPoints,
        proof: ProofDemand = NOTHING_DEMANDED,
        above: HeightBound | None = None,
    ) -> None:
        node = settings()
        self._settings = settings
        self._journal = journal
        self._peers = peers
        self._changed = changed
        self._wake = asyncio.Event()
        self._gone_since: float | None = None
        self._began = time.monotonic()
        self._shape = shape = parts.shape
        self._generations = generations = parts.generations
        self._points = points = parts.points
        self._book = book = AttemptBook(journal, self._notify, generations.folder_of_plan)
        self._runs = runs = NodeRuns(
            journal,
            parts.runtime,
            shape,
            self._notify,
            faults,
            refuse_foreign=parts.refuse_foreign,
            before_start=self._before_start,
            set_halt=parts.set_halt,
            settle_data=self._settle_data,
            extra_environment=lambda: settings().environment,
            grace_s=lambda: settings().shutdown_grace_s,
            skip_heights=lambda: settings().skip_upgrade_heights,
        )
        self._readings = Readings(
            settings,
            plans,
            peers,
            runs,
            book,
            generations,
            journal,
            block_time_s=block_time_s or 1.0,
            changed=self._wake.set,
            run=parts.command,
            version_command=shape.version_command(),
        )
        self._preparer = Preparer(
            book,
            generations,
            node.state_dir / "downloads",
            settings,
            shape,
            parts.releases,
            changed,
            parts.manifests,
        )
        self._rollout = rollout = Rollout(proof, settings, book, generations)
        self._above = ParentBounds(above, book, journal, self._notify)
        self._armer = Armer(settings, book, runs, generations, journal, shape, points, rollout, parts.command)
        self._start_ahead = StartAhead(book, runs, generations, parts.pre_upgrades)
        returner = Returner(settings, book, runs, generations, points, shape)
        self._watch_after = after = parts.after_upgrade
        self._crosser = Crosser(
            settings,
            book,
            runs,
            generations,
            points,
            peers,
            returner,
            parts.pre_upgrades.run,
            shape,
            lambda attempt, consensus: after.failed_start(attempt, runs, consensus),
            held_back=rollout.holds_crossing,
            next_halt=lambda attempt: self._armer.for_new_binary(attempt, self._readings.plans),
            skips=lambda height: self._halts.skips(height),
        )
        self._halts = halts = HaltWatch(settings, journal, parts.chain_halts, runs, generations)
        self._keeper = Keeper(settings, journal, book, runs, generations, self._armer, faults, halts)
        self._speaker = Speaker(node.address, book, journal, runs, peers, signals, rollout, self._notify)
        self._calls = CallsInTurn(node.address, settings, book, journal, signals, self._notify)
        self._advertiser = Advertiser(node.address, settings, book, runs, generations, journal, signals)
        self._disarmer = Disarmer(node.address, book, runs, generations, journal, points, self._armer)
        self._aftermath = aftermath = Aftermath(book, journal, returner)
        self._teller = StatusTeller(
            settings,
            journal,
            book,
            runs,
            generations,
            self._readings,
            self._preparer,
            rollout,
            self._armer,
            after,
            aftermath,
            self._above,
        )
        self._retention = Retention(settings, journal, book, runs, points)
        self._resyncer = Resyncer(journal, book, runs, generations, points)
        self.leases = RollLeases(journal)
        self.commands = Commands(
            journal,
            book,
            runs,
            generations,
            points,
            self._preparer,
            self._armer,
            self._keeper,
            self._crosser,
            returner,
            self._resyncer,
            rollout,
            StateRollback(settings, journal, book, runs, generations, shape, parts.command),
            self.leases,
            self._notify,
        )

    async def run(self) -> None:
        """Work until cancelled; the node goes on without us.

        Raises:
            NodeError: The node's lock is held by a process that is not ours.
            JournalError: The journal cannot be written.
        """
        await self._runs.adopt()
        if self._runs.live is None:
            # A restore that was cut short left data on its way.
            await asyncio.to_thread(self._points.finish_restore)
        self.commands.adopted.set()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._readings.watch_plans())
                tasks.create_task(self._readings.watch_consensus())
                tasks.create_task(self._readings.watch_version())
                tasks.create_task(self._rollout.watch())
                tasks.create_task(self._above.watch())
                tasks.create_task(self._drive())
                tasks.create_task(
                    self._watch_after.watch(
                        lambda: self._book.attempt, self._runs, self._readings.consensus, self._peers
                    )
                )
                if self._halts.watches:
                    tasks.create_task(self._watch_chain_halt())
        finally:
            await self._preparer.close()
            await self._speaker.close()
            await self._calls.close()
            await self._advertiser.close()
            await self._runs.close()

    def status(self) -> NodeStatus:
        """The node's status now; reads no file but the switch of the generations."""
        return self._teller.status()

    def known(self) -> Known:
        """What is measured: everything of it was read and decided before."""
        return Known(
            status=self.status(),
            plans=self._readings.plans,
            consensus=self._readings.consensus(),
            highest_peer=self._watch_after.highest_peer,
            address=self._settings().address,
            automatic=self._settings().automatic,
            contested=bool(self._readings.contested),
        )

    # --- loops ---

    async def _settle_data(self) -> None:
        """Finish a restore that was cut: no node runs on data of two times."""
        if self._points.restore_pending:
            await asyncio.to_thread(self._points.finish_restore)

    async def _before_start(self, exe_sha256: str) -> None:
        height = self._runs.application_height()
        await self._watch_after.before_start(exe_sha256, self._book.attempt, height, self._peers)

    def _notify(self) -> None:
        self._readings.end_rest()
        self._wake.set()
        self._changed()

    async def _watch_chain_halt(self) -> None:
        async for _ in self._halts.changes():
            self._readings.look_now()
            self._wake.set()

    async def _drive(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            step = asyncio.ensure_future(self._guarded_step())
            try:
                await asyncio.shield(step)
            except asyncio.CancelledError:
                # We are to end: not between a stop of the node and its start, which belongs to it.
                await asyncio.wait({step}, timeout=_LAST_STEP_S)
                step.cancel()
                raise

    async def _guarded_step(self) -> None:
        """One step; what goes wrong is said and tried again, since the node must not be left alone for it."""
        told = self._teller
        async with self.commands.acting:
            try:
                await self._step()
                told.trouble, told.unwritable = "", False
            except Exception as error:
                known = isinstance(error, ConsoleError | OSError)
                trouble = str(error) if known else f"the controller failed: {type(error).__name__}: {error}"
                if trouble != told.trouble:
                    _LOG.warning("%s", trouble, exc_info=None if known else error)
                told.trouble, told.unwritable = trouble, isinstance(error, JournalError)
                self._changed()

    async def _step(self) -> None:
        self._make_room_for_the_end()
        reading = self._halts.plans(self._readings.plans, self._book.open)
        proposal: Proposal | None = None
        if reading is not None:
            self._begin_at_genesis(reading)
            current = self._generations.current()
            executed = self._runs.application_height()
            proposal = self._book.follow(reading, current.sha256, executed, current.manifest)
            if proposal is not None:
                self._book.learn_verdict(proposal)
                keep_membership(self._journal, reading, proposal)
                self._book.note_enough_ready(proposal)
        rolled_back: Proposal | None = None
        if reading is not None:
            self._rollout.look(reading, proposal)
            rolled_back = self._aftermath.look(reading)
        if self._runs.unjudged is not None:
            if not self._readings.asked:
                return
            self._keeper.judge_end()
            if self._runs.unjudged is not None:
                # It belongs to the next upgrade, which is taken up first.
                return
        if self._resyncer.under_way:
            await self._resyncer.go_on()
        if self._journal.meta(STOPPED_BY_OPERATOR):
            # Still running when we were killed between the word and the deed.
            await self._runs.stop()
            return
        if self._journal.meta("needs_operator"):
            return
        consensus = self._readings.consensus()
        self._keeper.notice_passed_height(consensus)
        height = self._runs.application_height() if consensus is None else consensus.app_height
        await self._watch_after.stop_what_may_not_run(self._book.attempt, self._runs, height)
        if self._journal.meta("needs_operator"):
            return
        if self._readings.asked or time.monotonic() - self._began >= _FIRST_LOOK_S:
            await self._keeper.keep_running()
        if self._settings().automatic and not self._journal.meta(PAUSED):
            if rolled_back is not None:
                await self._aftermath.follow(rolled_back)
            await self._go_on(reading, proposal, consensus)
        await self._after(consensus)

    def _begin_at_genesis(self, reading: PlanReading) -> None:
        """Keep that a fresh home stands at height 0: its first start is armed for the first upgrade of the past."""
        past = any(crossed(plan) and plan.target_height <= reading.height for plan in reading.proposals)
        if past and self._runs.run is None and self._journal.observation is None and self._shape.never_ran():
            self._journal.observe_restored(0)

    def _make_room_for_the_end(self) -> None:
        """Give the ballast when the node has ended and its shim cannot write that down: the disk is full."""
        if not self._runs.app_gone:
            self._gone_since = None
            return
        self._gone_since = self._gone_since or time.monotonic()
        if time.monotonic() - self._gone_since > _RECORD_S and self._journal.make_room():
            _LOG.warning("the disk is full: the ballast was given up so that the end of the node can be recorded")
        asyncio.get_running_loop().call_later(_RECORD_S, self._wake.set)

    async def _go_on(
        self, reading: PlanReading | None, proposal: Proposal | None, consensus: ConsensusReading | None
    ) -> None:
        """What automation does, and a pause keeps it from doing."""
        self._preparer.ensure()
        if reading is not None:
            # Before the steps that may fail: being ready is said even where arming does not work.
            self._speaker.step(reading, proposal, consensus)
            self._calls.step(reading)
            self._advertiser.step(reading, consensus)
        attempt = self._book.open
        if reading is not None and attempt is not None and attempt.crossing is Crossing.NONE:
            await self._armer.step(reading, consensus)
        if reading is not None:
            await self._disarmer.step(reading, consensus)
        await self._start_ahead.step(consensus)
        await self.commands.go_on_by_hand()
        await self._notice_chain_halt()
        await self._crosser.step(self._readings.consensus())

    async def _notice_chain_halt(self) -> None:
        """Notice what a living node of a chain that stops by itself shows by its files and words alone."""
        attempt = self._book.open
        if await self._halts.at_halt(attempt, self._readings.consensus(), self._readings.ask_own):
            self._book.change(crossing=Crossing.HALTED, note="")
        elif self._runs.live is not None and self._halts.runs_too_early(attempt):
            await self._keeper.end_too_early()
        self._halts.write_next_of_batch(self._book.open)

    async def _after(self, consensus: ConsensusReading | None) -> None:
        """What is watched during and after the upgrade, and what follows from it."""
        await self._retention.step(consensus)
        await self._watch_after.step(self._book.attempt, self._runs, consensus, self._peers)
