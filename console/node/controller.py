"""The controller: drives one node through its life and its upgrades (DESIGN §4). Persist, then act."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from console.errors import ConsoleError, JournalError, NodeError
from console.model import Arming, Attempt, Crossing, NodeStatus, Proposal, shown_state
from console.node.arming import Armer
from console.node.attempts import AttemptBook
from console.node.crossing import Crosser
from console.node.faults import FaultPoints
from console.node.generation import Generations
from console.node.journal import Journal
from console.node.keeper import CROSSER_DECIDES, Keeper
from console.node.preparation import Preparer
from console.node.runs import NodeRuns
from console.node.runtime.shim import ShimRuntime, run_command
from console.node.shape import NodeShape
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
        self._adopted = asyncio.Event()
        self._reading: PlanReading | None = None
        self._asked_chain = False
        self._consensus: ConsensusReading | None = None
        self._consensus_at = 0.0
        self._consensus_run = 0
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
        self._keeper = Keeper(node, journal, self._book, self._runs, self._generations, self._armer, faults)
        self._speaker = Speaker(node.address, self._book, journal, self._runs, peers, signals, self._notify)

    async def run(self) -> None:
        """Work until cancelled; the node goes on without us.

        Raises:
            NodeError: The node's lock is held by a process that is not ours.
            JournalError: The journal cannot be written.
        """
        await self._runs.adopt()
        self._adopted.set()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch_plans())
                tasks.create_task(self._watch_consensus())
                tasks.create_task(self._watch_version())
                tasks.create_task(self._drive())
        finally:
            await self._preparer.close()
            await self._speaker.close()
            await self._runs.close()

    # --- commands of the operator ---

    @asynccontextmanager
    async def _command(self) -> AsyncIterator[None]:
        """One command at a time, and none before the node that may run already is found."""
        await self._adopted.wait()
        async with self._acting:
            yield

    async def start(self) -> NodeStatus:
        """Start the node and let automation go on. Raises NodeError when that would be wrong."""
        async with self._command():
            self._keeper.judge_end()
            attempt = self._book.attempt
            if attempt is not None and attempt.crossing is Crossing.MISSED_HALT:
                raise NodeError(
                    f"this node executed height {attempt.target_height} under old rules and cannot go on",
                    safe="it was not started",
                    next_step="bring back its state from before that height",
                )
            self._journal.set_meta("stopped_by_operator", "")
            await self._keeper.start_by_operator()
            attempt = self._book.open
            if attempt is not None and attempt.crossing in CROSSER_DECIDES:
                await self._crosser.step(None)
                attempt = self._book.open
            self._notify()
            if attempt is not None and attempt.crossing is Crossing.HALTED:
                raise NodeError(
                    f"the node waits at its halt before height {attempt.target_height}: {attempt.note or 'crossing'}",
                    safe="it was not started, because the old binary would halt again",
                )
        return self.status()

    async def stop(self) -> NodeStatus:
        """Stop the node; no automation starts it again. Raises NodeError."""
        async with self._command():
            self._journal.set_meta("stopped_by_operator", "1")
            await self._runs.stop()
            self._notify()
        return self.status()

    async def restart(self) -> NodeStatus:
        """Stop and start with the same binary and the same halt height. Raises NodeError."""
        async with self._command():
            if self._runs.live is None:
                raise NodeError("the node does not run", next_step="use start")
            await self._runs.stop()
            await self._keeper.start_current()
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
            last_exit_code=self._runs.last_exit_code,
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
            reading = await self._read_plans(own_node_only=self._runs.live is not None)
            self._reading = reading or await self._read_plans(own_node_only=False) or self._reading
            self._asked_chain = True
            self._wake.set()
            await asyncio.sleep(self._pace_s if self._book.open is not None else 1.0)

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
            async with self._acting:
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
        reading = self._reading
        proposal: Proposal | None = None
        if reading is not None:
            proposal = self._book.follow(reading, self._generations.current().sha256)
            if proposal is not None:
                self._book.learn_verdict(proposal)
        if self._runs.unjudged is not None:
            if not self._asked_chain:
                return
            self._keeper.judge_end()
        if self._journal.meta("stopped_by_operator"):
            # Still running when we were killed between the word and the deed.
            await self._runs.stop()
            return
        if self._journal.meta("needs_operator"):
            return
        consensus = self._fresh_consensus()
        self._keeper.notice_passed_height(consensus)
        await self._keeper.keep_running()
        if self._node.automatic:
            self._preparer.ensure()
            if reading is not None:
                # Before the steps that may fail: being ready is said even where arming does not work.
                self._speaker.step(reading, proposal, consensus)
            attempt = self._book.open
            if reading is not None and attempt is not None and attempt.crossing is Crossing.NONE:
                await self._armer.step(reading, consensus)
            await self._crosser.step(self._fresh_consensus())

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
