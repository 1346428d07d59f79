"""The controller: drives one node through its life and its upgrades (DESIGN §4). Persist, then act."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress

from console.errors import ConsoleError, JournalError, NodeError
from console.model import Arming, Attempt, Crossing, NodeStatus, Proposal, shown_state
from console.node.arming import Armer
from console.node.attempts import AttemptBook
from console.node.chain_halt import ChainHalt, ChainHalts, halt_is_proven
from console.node.crossing import Crosser
from console.node.faults import FaultPoints
from console.node.generation import folder_name
from console.node.journal import Journal
from console.node.keeper import Keeper
from console.node.operator_commands import PAUSED, STOPPED_BY_OPERATOR, Commands
from console.node.parts import Parts
from console.node.preparation import Preparer
from console.node.resync import Resyncer
from console.node.returning import Returner
from console.node.runs import NodeRuns
from console.node.runtime.shim import run_command
from console.node.speaker import Speaker
from console.ports import ConsensusReading, PeerView, PlanReading, PlanSource, Signals
from console.settings import NodeSettings
from console.text import UntrustedText, untrusted

_LOG = logging.getLogger(__name__)

_FRESH_S = 3.0
"""Seconds for which a reading of consensus counts as present."""
_VERSION_DEADLINE_S = 20.0
_CONSENSUS_S = 1.0
"""Seconds between two readings of our node's CometBFT RPC."""
_OPENING_S = 0.2
"""The same while nothing answers there."""


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
    ) -> None:
        node = settings()
        self._settings = settings
        self._journal = journal
        self._plans = plans
        self._peers = peers
        self._changed = changed
        self._block_time_s = block_time_s or 1.0
        self._pace_s = min(1.0, max(0.1, self._block_time_s / 4))
        self._wake = asyncio.Event()
        self._reading: PlanReading | None = None
        self._asked_chain = False
        self._plans_wanted = asyncio.Event()
        self._halt: ChainHalt | None = None
        self._chain_halts = parts.chain_halts
        self._consensus: ConsensusReading | None = None
        self._consensus_at = 0.0
        self._consensus_run = 0
        self._versions: dict[str, UntrustedText] = {}
        self._trouble = ""
        self._shape = shape = parts.shape
        self._generations = generations = parts.generations
        self._points = points = parts.points
        self._book = book = AttemptBook(journal, self._notify)
        self._runs = runs = NodeRuns(
            journal,
            parts.runtime,
            shape,
            self._notify,
            faults,
            refuse_foreign=parts.refuse_foreign,
            extra_environment=lambda: settings().environment,
            grace_s=lambda: settings().shutdown_grace_s,
        )
        self._preparer = Preparer(book, generations, node.state_dir / "downloads", settings, shape)
        self._armer = Armer(settings, book, runs, generations, journal, shape, points)
        returner = Returner(settings, book, runs, generations, points, shape)
        self._crosser = Crosser(settings, book, runs, generations, points, peers, returner, parts.pre_upgrade, shape)
        self._keeper = Keeper(settings, journal, book, runs, generations, self._armer, faults)
        self._speaker = Speaker(node.address, book, journal, runs, peers, signals, self._notify)
        self._resyncer = Resyncer(journal, book, runs, generations, points)
        self._watch_after = parts.after_upgrade
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
                tasks.create_task(self._watch_plans())
                tasks.create_task(self._watch_consensus())
                tasks.create_task(self._watch_version())
                tasks.create_task(self._drive())
                if self._chain_halts is not None:
                    tasks.create_task(self._watch_chain_halt(self._chain_halts))
        finally:
            await self._preparer.close()
            await self._speaker.close()
            await self._runs.close()

    def status(self) -> NodeStatus:
        """The node's status now; reads no file but the switch of the generations."""
        run = self._runs.run
        live = self._runs.live
        attempt = self._book.attempt
        observation = self._journal.observation
        needs_operator = self._journal.meta("needs_operator") or ""
        try:
            current = self._generations.current()
            generation, sha256 = current.name, current.sha256
        except NodeError as error:
            generation, sha256, needs_operator = "", "", str(error)
        fresh = live is not None and self._fresh_consensus() is not None
        return NodeStatus(
            name=self._settings().name,
            state=shown_state(
                attempt,
                running=live is not None,
                stopped_by_operator=bool(self._journal.meta(STOPPED_BY_OPERATOR)),
                needs_operator=bool(needs_operator),
            ),
            generation=generation,
            version=self._versions.get(sha256, UntrustedText("")),
            pid=None if live is None else live.child_pid,
            height=None if observation is None else observation.height,
            app_height=None if observation is None else observation.app_height,
            height_age_s=None if observation is None else 0.0 if fresh else max(0.0, time.time() - observation.read_at),
            halt_height=run.halt_height if run is not None and live is not None else 0,
            last_exit_code=self._runs.last_exit_code,
            exe_sha256="" if live is None else live.exe_sha256,
            attempt=attempt,
            controller_pid=os.getpid(),
            note=self._note(needs_operator),
            paused=self._journal.meta(PAUSED) or "",
            alarm=self._alarm(needs_operator),
        )

    def _note(self, needs_operator: str) -> str:
        attempt = self._book.attempt
        of_attempt = "" if attempt is None else attempt.note
        return needs_operator or self._trouble or self._journal.meta("stays_down") or of_attempt

    def _alarm(self, needs_operator: str) -> str:
        """Why the operator is called; empty when nobody is."""
        attempt = self._book.attempt
        if needs_operator:
            return needs_operator
        if attempt is not None and attempt.crossing.waits_for_operator:
            return f"{attempt.crossing.value}: {attempt.note}"
        return self._watch_after.alarm

    # --- loops ---

    def _notify(self) -> None:
        self._wake.set()
        self._changed()

    async def _watch_plans(self) -> None:
        while True:
            consensus = self._fresh_consensus()
            # A node that catches up does not know yet what the network has planned.
            own_only = self._runs.live is not None and not (consensus is not None and consensus.catching_up)
            reading = await self._read_plans(own_node_only=own_only)
            self._reading = reading or await self._read_plans(own_node_only=False) or self._reading
            self._asked_chain = True
            self._wake.set()
            self._plans_wanted.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._plans_wanted.wait(), self._plan_pause_s())

    def _plan_pause_s(self) -> float:
        """Seconds until plans are read again: every block from PLANNED on, in IDLE as the settings say."""
        if self._book.open is not None:
            return self._pace_s
        return max(1.0, self._settings().query_interval_blocks * self._block_time_s)

    async def _watch_chain_halt(self, halts: ChainHalts) -> None:
        async for halt in halts.changes():
            self._halt = halt
            self._plans_wanted.set()
            self._wake.set()

    async def _read_plans(self, *, own_node_only: bool) -> PlanReading | None:
        try:
            return await self._plans.read(own_node_only=own_node_only)
        except ConsoleError:
            return None
        except Exception:
            # An answer from outside must not end the one who supervises the node.
            _LOG.exception("plans cannot be read")
            return None

    async def _watch_consensus(self) -> None:
        while True:
            live = self._runs.live
            pause = _CONSENSUS_S
            if live is not None:
                consensus = await self._read_own()
                if consensus is None:
                    # Until the node's RPC opens nothing answers, so nothing is asked too often.
                    pause = _OPENING_S
                elif self._runs.live is live:
                    self._consensus = consensus
                    self._consensus_at = time.monotonic()
                    self._consensus_run = live.run_id
                    self._journal.observe(consensus.height, consensus.app_height, consensus.version)
                    self._notify()
            else:
                pause = _OPENING_S
            await asyncio.sleep(pause)

    async def _read_own(self) -> ConsensusReading | None:
        try:
            return await self._peers.own()
        except ConsoleError:
            return None
        except Exception:
            _LOG.exception("the node's consensus cannot be read")
            return None

    async def _watch_version(self) -> None:
        while True:
            await self._learn_version()
            await asyncio.sleep(_CONSENSUS_S)

    async def _drive(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            async with self.commands.acting:
                try:
                    await self._step()
                    self._trouble = ""
                except JournalError:
                    raise
                except Exception as error:
                    known = isinstance(error, ConsoleError | OSError)
                    trouble = str(error) if known else f"the controller failed: {type(error).__name__}: {error}"
                    if trouble != self._trouble:
                        _LOG.warning("%s", trouble, exc_info=None if known else error)
                    self._trouble = trouble
                    self._changed()

    async def _step(self) -> None:
        reading = self._known_plans()
        proposal: Proposal | None = None
        if reading is not None:
            proposal = self._book.follow(reading, self._generations.current().sha256, self._runs.application_height())
            if proposal is not None:
                self._book.learn_verdict(proposal)
        if self._runs.unjudged is not None:
            if not self._asked_chain:
                return
            self._keeper.judge_end(self._halt)
        if self._resyncer.under_way:
            await self._resyncer.go_on()
        if self._journal.meta(STOPPED_BY_OPERATOR):
            # Still running when we were killed between the word and the deed.
            await self._runs.stop()
            return
        if self._journal.meta("needs_operator"):
            return
        consensus = self._fresh_consensus()
        self._keeper.notice_passed_height(consensus)
        if self._asked_chain:
            await self._keeper.keep_running()
        if self._settings().automatic and not self._journal.meta(PAUSED):
            await self._go_on(reading, proposal, consensus)
        await self._after(consensus)

    async def _go_on(
        self, reading: PlanReading | None, proposal: Proposal | None, consensus: ConsensusReading | None
    ) -> None:
        """What automation does, and a pause keeps it from doing."""
        self._preparer.ensure()
        if reading is not None:
            # Before the steps that may fail: being ready is said even where arming does not work.
            self._speaker.step(reading, proposal, consensus)
        attempt = self._book.open
        if reading is not None and attempt is not None and attempt.crossing is Crossing.NONE:
            await self._armer.step(reading, consensus)
        await self.commands.go_on_by_hand()
        self._notice_chain_halt()
        await self._crosser.step(self._fresh_consensus())

    def _known_plans(self) -> PlanReading | None:
        """What the chain showed, and what its node wrote at its halt."""
        reading, halt = self._reading, self._halt
        if halt is None or not self._shape.halts_itself:
            return reading
        executed = self._runs.application_height()
        behind = executed is not None and executed >= halt.height
        if behind or self._generations.current().name == folder_name(halt.name):
            # A file that an upgrade of before has left.
            return reading
        if halt.height in self._settings().skip_upgrade_heights:
            return reading
        plan = halt.proposal()
        if reading is None:
            return PlanReading(plan.target_height, (plan,), None)
        others = tuple(entry for entry in reading.proposals if entry.id != plan.id)
        return PlanReading(reading.height, (plan, *others), reading.readiness)

    def _notice_chain_halt(self) -> None:
        """Notice that a node of a chain that stops by itself stands at its halt, alive (facts/cosmos.md §4.4)."""
        attempt, halt, live, run = self._book.open, self._halt, self._runs.live, self._runs.run
        if halt is None or live is None or run is None or attempt is None or not halt.names(attempt):
            return
        if attempt.crossing is not Crossing.NONE or run.exe_sha256 == attempt.generation_hash:
            return
        consensus = self._fresh_consensus()
        app_height = None if consensus is None else consensus.app_height
        log = self._runs.log_of_run()
        if halt_is_proven(halt, started_at=run.started_at, app_height=app_height, log=log):
            self._journal.record("chain-halt", attempt, height=halt.height)
            self._book.change(crossing=Crossing.HALTED, note="")

    async def _after(self, consensus: ConsensusReading | None) -> None:
        """What is watched during and after the upgrade, and what follows from it."""
        await self._watch_after.step(self._book.attempt, self._runs, consensus, self._peers)

    def _fresh_consensus(self) -> ConsensusReading | None:
        """The latest reading, when it is of the present run and not old."""
        live = self._runs.live
        if live is None or live.run_id != self._consensus_run or time.monotonic() - self._consensus_at >= _FRESH_S:
            return None
        return self._consensus

    # --- what runs ---

    async def _learn_version(self) -> None:
        try:
            current = self._generations.current()
            if current.sha256 in self._versions:
                return
            command = (current.binary, current.sha256, ("--version",))
            done = await asyncio.to_thread(run_command, *command, {"PATH": "/usr/bin:/bin"}, _VERSION_DEADLINE_S)
        except (NodeError, OSError):
            # Said by the step that needs the binary.
            return
        words = done.stdout.split()
        self._versions[current.sha256] = untrusted(words[-1] if words and done.returncode == 0 else "", 64)
        self._notify()


def open_attempt_words(attempt: Attempt | None) -> str:
    """One line on the open attempt, for the controller's log at its start."""
    if attempt is None:
        return "no upgrade is open"
    arming = " armed" if attempt.arming is Arming.ARMED else ""
    at = f"{attempt.preparation.value}{arming} {attempt.crossing.value}".strip()
    return f"upgrade {attempt.name} #{attempt.proposal_id} at {at}"
