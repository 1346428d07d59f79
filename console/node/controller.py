"""The controller: drives one node through its life and its upgrades (DESIGN §4). Persist, then act."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from console.errors import ChainError, JournalError, NodeError
from console.model import Arming, Attempt, Crossing, NodeRun, NodeStatus, Proposal, Verdict, shown_state
from console.node.arming import Armer
from console.node.attempts import AttemptBook
from console.node.crossing import Crosser
from console.node.evidence import HALT_EXIT_CODE
from console.node.exits import ExitMeaning, Judgement, RunEnd, judge, missed_halt
from console.node.faults import FaultPoints
from console.node.generation import Generations, folder_name
from console.node.journal import Journal
from console.node.preparation import Preparer
from console.node.runs import NodeRuns
from console.node.runtime.shim import ExitRecord, ShimRuntime, run_command
from console.node.shape import NodeShape
from console.node.signer_guard import SignerStateError
from console.node.speaker import Speaker
from console.ports import ConsensusReading, PeerView, PlanReading, PlanSource, Signals
from console.settings import NodeSettings
from console.text import UntrustedText, untrusted

_LOG = logging.getLogger(__name__)

CRASHES_MAX = 5
"""Crashes within `CRASH_WINDOW_S` after which the operator is called."""
CRASH_WINDOW_S = 600.0
_BACKOFF_FIRST_S = 1.0
_BACKOFF_LAST_S = 60.0
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
        node: The node's settings.
        journal: Its journal.
        plans: Where plans come from.
        peers: Consensus as our node and others show it.
        signals: What is said to the chain.
        block_time_s: Expected seconds per block, for the pace of polling only.
        changed: Called when the status may have changed.
        faults: Fault points.
    """

    def __init__(
        self,
        node: NodeSettings,
        journal: Journal,
        plans: PlanSource,
        peers: PeerView,
        signals: Signals,
        *,
        block_time_s: float | None,
        changed: Callable[[], None],
        faults: FaultPoints,
    ) -> None:
        self._node = node
        self._journal = journal
        self._plans = plans
        self._peers = peers
        self._changed = changed
        self._pace_s = min(1.0, max(0.1, (block_time_s or 1.0) / 4))
        self._wake = asyncio.Event()
        self._acting = asyncio.Lock()
        self._reading: PlanReading | None = None
        self._asked_chain = False
        self._consensus: ConsensusReading | None = None
        self._consensus_at = 0.0
        self._crashes: list[float] = []
        self._restart_at: float | None = None
        self._versions: dict[str, UntrustedText] = {}
        self._trouble = ""
        arguments = tuple(argument.replace("{home}", str(node.home)) for argument in node.arguments)
        shape = NodeShape(node.home, arguments)
        self._runtime = ShimRuntime(node.state_dir / "run", node.home)
        self._generations = Generations(node.home, node.daemon)
        self._book = AttemptBook(journal, self._notify)
        self._runs = NodeRuns(journal, self._runtime, shape, self._notify, faults)
        self._preparer = Preparer(self._book, self._generations, node.state_dir / "downloads", node.mirror)
        self._armer = Armer(node.address, self._book, self._runs, self._generations, journal, shape)
        self._crosser = Crosser(node.address, self._book, self._runs, self._generations, peers)
        self._speaker = Speaker(node.address, self._book, journal, self._runs, peers, signals, self._notify)

    async def run(self) -> None:
        """Work until cancelled; the node goes on without us.

        Raises:
            NodeError: The node's lock is held by a process that is not ours.
            JournalError: The journal cannot be written.
        """
        await self._runs.adopt()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch_plans())
                tasks.create_task(self._watch_consensus())
                tasks.create_task(self._drive())
        finally:
            await self._preparer.close()
            await self._speaker.close()
            await self._runs.close()

    # --- commands of the operator ---

    async def start(self) -> NodeStatus:
        """Start the node and let automation go on. Raises NodeError when that would be wrong."""
        async with self._acting:
            attempt = self._book.attempt
            if attempt is not None and attempt.crossing is Crossing.MISSED_HALT:
                raise NodeError(
                    f"this node executed height {attempt.target_height} under old rules and cannot go on",
                    safe="it was not started",
                    next_step="bring back its state from before that height",
                )
            if attempt is not None and attempt.crossing is Crossing.HALTED and attempt.verdict is not Verdict.ABORT:
                raise NodeError(
                    f"the node waits at its halt before height {attempt.target_height}: {attempt.note or 'crossing'}",
                    safe="it was not started, because the old binary would halt again",
                )
            self._journal.set_meta("stopped_by_operator", "")
            self._journal.set_meta("needs_operator", "")
            self._journal.set_meta("stays_down", "")
            self._crashes.clear()
            self._restart_at = None
            await self._start_current()
            self._notify()
        return self.status()

    async def stop(self) -> NodeStatus:
        """Stop the node; no automation starts it again. Raises NodeError."""
        async with self._acting:
            self._journal.set_meta("stopped_by_operator", "1")
            await self._runs.stop()
            self._consensus = None
            self._notify()
        return self.status()

    async def restart(self) -> NodeStatus:
        """Stop and start with the same binary and the same halt height. Raises NodeError."""
        async with self._acting:
            if self._runs.live is None:
                raise NodeError("the node does not run", next_step="use start")
            await self._runs.stop()
            self._consensus = None
            await self._start_current()
            self._notify()
        return self.status()

    async def add_upgrade(self, name: str, binary: Path) -> NodeStatus:
        """Take the bytes of the open plan from the operator. Raises NodeError."""
        await self._preparer.give(name, binary)
        self._notify()
        return self.status()

    def status(self) -> NodeStatus:
        """The node's status now; reads no file but the switch of the generations."""
        run = self._runs.run
        live = self._runs.live
        attempt = self._book.attempt
        observation = self._journal.observation
        ended = [entry for entry in self._journal.runs(5) if entry.ended_at is not None]
        needs_operator = self._journal.meta("needs_operator") or ""
        try:
            current = self._generations.current()
            generation, sha256 = current.name, current.sha256
        except NodeError as error:
            generation, sha256, needs_operator = "", "", str(error)
        fresh = live is not None and self._fresh_consensus() is not None
        return NodeStatus(
            name=self._node.name,
            state=shown_state(
                attempt,
                running=live is not None,
                stopped_by_operator=bool(self._journal.meta("stopped_by_operator")),
                needs_operator=bool(needs_operator),
            ),
            generation=generation,
            version=self._versions.get(sha256, UntrustedText("")),
            pid=None if live is None else live.child_pid,
            height=None if observation is None else observation.height,
            app_height=None if observation is None else observation.app_height,
            height_age_s=None if observation is None else 0.0 if fresh else max(0.0, time.time() - observation.read_at),
            halt_height=run.halt_height if run is not None and live is not None else 0,
            last_exit_code=ended[0].exit_code if ended else None,
            exe_sha256="" if live is None else live.exe_sha256,
            attempt=attempt,
            controller_pid=os.getpid(),
            note=self._note(needs_operator),
        )

    def _note(self, needs_operator: str) -> str:
        attempt = self._book.attempt
        of_attempt = "" if attempt is None else attempt.note
        return needs_operator or self._trouble or self._journal.meta("stays_down") or of_attempt

    # --- loops ---

    def _notify(self) -> None:
        self._wake.set()
        self._changed()

    async def _watch_plans(self) -> None:
        while True:
            try:
                self._reading = await self._plans.read(own_node_only=self._runs.live is not None)
            except ChainError:
                with suppress(ChainError):
                    self._reading = await self._plans.read(own_node_only=False)
            self._asked_chain = True
            self._wake.set()
            await asyncio.sleep(self._pace_s if self._book.open is not None else 1.0)

    async def _watch_consensus(self) -> None:
        while True:
            run = self._runs.run
            pause = _CONSENSUS_S
            if self._runs.live is not None and run is not None:
                try:
                    consensus = await self._peers.own()
                except ChainError:
                    # Until the node's RPC opens nothing answers, so nothing is asked too often.
                    pause = _OPENING_S
                else:
                    if self._runs.live is not None and self._runs.run == run:
                        self._consensus = consensus
                        self._consensus_at = time.monotonic()
                        self._journal.observe(consensus.height, consensus.app_height, consensus.version)
                        self._notify()
            else:
                pause = _OPENING_S
            await asyncio.sleep(pause)

    async def _drive(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            async with self._acting:
                try:
                    await self._step()
                    self._trouble = ""
                except JournalError:
                    raise
                except (NodeError, OSError) as error:
                    if str(error) != self._trouble:
                        _LOG.warning("%s", error)
                    self._trouble = str(error)
                    self._changed()

    async def _step(self) -> None:
        self._learn_version()
        reading = self._reading
        proposal: Proposal | None = None
        if reading is not None:
            proposal = self._book.follow(reading, self._generations.current().sha256)
            if proposal is not None:
                self._book.learn_verdict(proposal)
        if self._runs.unjudged is not None:
            if not self._asked_chain:
                return
            self._judge(*self._runs.unjudged)
        if self._journal.meta("stopped_by_operator") or self._journal.meta("needs_operator"):
            return
        consensus = self._fresh_consensus()
        self._notice_missed_halt(consensus)
        await self._keep_running()
        if self._node.automatic:
            self._preparer.ensure()
            attempt = self._book.open
            if reading is not None and attempt is not None and attempt.crossing is Crossing.NONE:
                await self._armer.step(reading, consensus)
            await self._crosser.step(self._fresh_consensus())
            if reading is not None:
                self._speaker.step(reading, proposal, self._fresh_consensus())

    def _fresh_consensus(self) -> ConsensusReading | None:
        """The latest reading, when it is of the present run and not old."""
        run = self._runs.run
        if self._runs.live is None or run is None or self._consensus is None:
            return None
        age = time.monotonic() - self._consensus_at
        return self._consensus if age < _FRESH_S and time.time() - age >= run.started_at else None

    # --- steps ---

    def _judge(self, run: NodeRun, record: ExitRecord | None, log: bytes) -> None:
        self._runs.unjudged = None
        end = RunEnd(
            generation=run.generation,
            halt_height=run.halt_height,
            exit_code=None if record is None else record.code,
            asked=self._journal.end_asked(run.id) or (record is not None and record.asked),
            log=log,
            app_height=self._runs.application_height(),
        )
        self._consensus = None
        judgement = judge(end, self._book.open, restart_on_error=self._node.restart_on_error)
        _LOG.info("the node ended: %s (%s)", judgement.meaning.value, judgement.why)
        self._journal.record("end-judged", self._book.open, meaning=judgement.meaning.name, why=judgement.why)
        self._act_on(judgement, end)
        self._notify()

    def _act_on(self, judgement: Judgement, end: RunEnd) -> None:
        match judgement.meaning:
            case ExitMeaning.HALTED:
                self._book.change(crossing=Crossing.HALTED, note="")
            case ExitMeaning.MISSED_HALT:
                self._book.change(crossing=Crossing.MISSED_HALT, note=judgement.why)
            case ExitMeaning.FAILED_TRY:
                self._book.change(crossing=Crossing.SWITCHED, note=f"the new binary ended with {judgement.why}")
            case ExitMeaning.SAME_RUN_AGAIN | ExitMeaning.CRASHED:
                self._plan_restart(judgement.why)
            case ExitMeaning.STAYS_DOWN:
                hint = " (a usage error or a panic, not a halt)" if end.exit_code == HALT_EXIT_CODE else ""
                self._journal.set_meta("stays_down", f"the node ended with {judgement.why}{hint} and stays down")
            case ExitMeaning.ASKED:
                pass

    def _plan_restart(self, why: str) -> None:
        now = time.monotonic()
        self._crashes = [at for at in self._crashes if now - at < CRASH_WINDOW_S] + [now]
        if len(self._crashes) >= CRASHES_MAX:
            self._journal.set_meta(
                "needs_operator", f"the node ended {len(self._crashes)} times in ten minutes, last with {why}"
            )
            return
        self._restart_at = now + min(_BACKOFF_LAST_S, _BACKOFF_FIRST_S * 2 ** (len(self._crashes) - 1))

    def _notice_missed_halt(self, consensus: ConsensusReading | None) -> None:
        attempt = self._book.open
        run = self._runs.run
        if attempt is None or attempt.crossing is not Crossing.NONE or run is None:
            return
        height = self._runs.application_height() if consensus is None else consensus.app_height
        if height is None or height < attempt.target_height or run.generation == folder_name(attempt.name):
            return
        if attempt.verdict is Verdict.ABORT:
            self._book.change(
                crossing=Crossing.RESUMED_OLD, note="the verdict was ABORT; this node was not armed and went on"
            )
        elif missed_halt(attempt, height) and attempt.verdict is Verdict.CROSS:
            self._book.change(
                crossing=Crossing.MISSED_HALT,
                note=f"height {attempt.target_height} ran under old rules: this node was not armed",
            )

    async def _keep_running(self) -> None:
        """Start the node when nothing speaks against it: after our own start, and after a crash."""
        attempt = self._book.attempt
        if self._runs.live is not None or self._journal.meta("stays_down"):
            return
        if attempt is not None and attempt.crossing is Crossing.MISSED_HALT:
            return
        if attempt is not None and not attempt.crossing.ended and attempt.crossing is not Crossing.NONE:
            # Between the halt and the end of the crossing the crosser decides.
            return
        if self._restart_at is not None and time.monotonic() < self._restart_at:
            return
        self._restart_at = None
        try:
            await self._start_current()
        except SignerStateError as error:
            self._journal.set_meta("needs_operator", str(error))
            raise
        except NodeError as error:
            self._plan_restart(str(error))
            raise

    async def _start_current(self) -> None:
        """Start the current generation as the journal says: armed for H, unless H is already executed."""
        armed_for = self._journal.armed_for
        height = self._runs.application_height()
        if armed_for and height is not None and height >= armed_for:
            armed_for = 0
        await self._runs.start(self._generations.current(), armed_for)

    def _learn_version(self) -> None:
        current = self._generations.current()
        if current.sha256 in self._versions:
            return
        done = run_command([str(current.binary), "--version"], {"PATH": "/usr/bin:/bin"}, _VERSION_DEADLINE_S)
        words = done.stdout.split()
        self._versions[current.sha256] = untrusted(words[-1] if words and done.returncode == 0 else "", 64)


def open_attempt_words(attempt: Attempt | None) -> str:
    """One line on the open attempt, for the controller's log at its start."""
    if attempt is None:
        return "no upgrade is open"
    arming = " armed" if attempt.arming is Arming.ARMED else ""
    at = f"{attempt.preparation.value}{arming} {attempt.crossing.value}".strip()
    return f"upgrade {attempt.name} #{attempt.proposal_id} at {at}"
