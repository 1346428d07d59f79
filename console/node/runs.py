"""Runs of the node: start one, adopt one, stop one, and keep what each was armed for (DESIGN §4.1, §4.5)."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable

from console.errors import HeldByOther, NodeError
from console.model import NodeRun
from console.node.faults import VARIABLE as FAULT_VARIABLE
from console.node.faults import FaultPoints
from console.node.generation import Generation
from console.node.journal import Journal
from console.node.runtime.shim import ExitRecord, LiveRun, RunSpec, ShimRuntime
from console.node.shape import HALT_VARIABLE, NodeShape
from console.node.signer_guard import SignerStateError, check_not_lower, read_hrs

_LOG = logging.getLogger(__name__)

GRACE_S = 60.0
"""Seconds between SIGTERM and SIGKILL: databases flush (facts/safety.md §4)."""


class NodeRuns:
    """Owns the one run of the node.

    Args:
        journal: Where runs are recorded before they start.
        runtime: How processes are run.
        shape: What kind of node it is.
        ended: Called when a run has ended, asked for or not.
        faults: Fault points.
    """

    def __init__(
        self,
        journal: Journal,
        runtime: ShimRuntime,
        shape: NodeShape,
        ended: Callable[[], None],
        faults: FaultPoints,
    ) -> None:
        self._journal = journal
        self._runtime = runtime
        self._shape = shape
        self._on_end = ended
        self._faults = faults
        self._waiter: asyncio.Task[None] | None = None
        self.live: LiveRun | None = None
        runs = journal.runs(1)
        self.run: NodeRun | None = runs[0] if runs else None
        self.unjudged: tuple[NodeRun, ExitRecord | None, bytes] | None = None
        """A run that ended and was not judged yet: its row, its record if there is one, what it wrote."""

    async def adopt(self) -> None:
        """Find the run that is going on, or the end of the last one, after a start of the controller.

        Raises:
            HeldByOther: The node's lock is held by a process that no run of ours explains.
            NodeError: A shim neither started nor ended.
        """
        try:
            await self._runtime.settle()
        except TimeoutError as error:
            raise NodeError("a start of the node is stuck", safe="nothing was started") from error
        recorded = self._runtime.recorded()
        # By its record and not the newest row: a start that was refused leaves a row too.
        known = None if recorded is None else self._journal.run(recorded.run_id)
        if recorded is not None and known is not None:
            alive = self._runtime.shim_alive(recorded) or self._runtime.node_alive(recorded)
            if alive or (known.ended_at is None and self._runtime.lock_held()):
                self.run, self.live = known, recorded
                self._watch(recorded)
                _LOG.info("adopted the running node, pid %d", recorded.child_pid)
                return
            if known.ended_at is None:
                self.run = known
                self._note_end(recorded, self._runtime.exit_record(known.id))
                return
        run = self.run
        if self._runtime.lock_held():
            raise HeldByOther(
                "a process that this controller did not start holds the node's lock",
                safe="nothing was started",
                next_step="stop that process, then start the controller again",
            )
        if run is not None and run.ended_at is None:
            # The shim was never executed, or died before it wrote anything: nothing of it runs.
            self._journal.close_run(run.id, None)
            self._refresh()

    async def start(self, generation: Generation, halt_height: int) -> None:
        """Start the node.

        Args:
            generation: What to run; its bytes are verified again by descriptor.
            halt_height: H to arm for, 0 for none.

        Raises:
            NodeError: Refused or failed; nothing runs.
        """
        if self.live is not None:
            return
        if self.unjudged is not None:
            raise NodeError("the end of the last run is not judged yet", safe="nothing was started")
        self._guard_signer()
        run = self._journal.open_run(generation.name, halt_height, generation.sha256)
        self.run = run
        self._faults.reach("before-start")
        try:
            live = await self._runtime.start(
                RunSpec(
                    run_id=run.id,
                    binary=generation.binary,
                    sha256=generation.sha256,
                    arguments=self._shape.arguments,
                    environment=self.environment(halt_height),
                    home=self._shape.home,
                    grace_s=GRACE_S,
                )
            )
        except (NodeError, TimeoutError) as error:
            self._journal.close_run(run.id, None)
            self._refresh()
            raise error if isinstance(error, NodeError) else NodeError("the node was not started in time") from error
        self._faults.reach("after-start")
        self.live = live
        self._watch(live)
        armed = f", armed for height {halt_height}" if halt_height else ""
        _LOG.info("started %s, pid %d%s", generation.name, live.child_pid, armed)

    async def stop(self) -> None:
        """Stop the node, if it runs; its end is recorded as asked for. Raises JournalError."""
        live = self.live
        if live is None or self.run is None:
            return
        self._journal.ask_end(self.run.id)
        self._faults.reach("before-stop")
        await self.close()
        record = await self._runtime.stop(live)
        self._note_end(live, record)
        self.judged()
        _LOG.info("stopped the node, exit code %s", None if record is None else record.code)

    async def close(self) -> None:
        """Stop watching; the node goes on."""
        if self._waiter is not None:
            self._waiter.cancel()
            await asyncio.wait({self._waiter})

    def judged(self) -> None:
        """Close the run that ended, after its judgement was acted on: a kill before leaves it to be judged again.

        Raises:
            JournalError: The end is still there to be judged.
        """
        if self.unjudged is None:
            return
        run, record, _ = self.unjudged
        self._keep_signer_mark()
        self._journal.close_run(run.id, None if record is None else record.code)
        self.unjudged = None
        self._refresh()

    @property
    def last_exit_code(self) -> int | None:
        """Exit code of the last run that ended."""
        if self.unjudged is not None:
            record = self.unjudged[1]
            return None if record is None else record.code
        ended = (entry for entry in self._journal.runs(5) if entry.ended_at is not None)
        return next((entry.exit_code for entry in ended), None)

    @property
    def age_s(self) -> float:
        """Seconds since the running node was started; 0 when it does not run."""
        return 0.0 if self.live is None else self._runtime.age_s(self.live)

    def environment(self, halt_height: int) -> dict[str, str]:
        """The node's whole environment: ours, without what would arm it by accident, and H when there is one."""
        kept = {name: value for name, value in os.environ.items() if name not in {HALT_VARIABLE, FAULT_VARIABLE}}
        if halt_height:
            kept[HALT_VARIABLE] = str(halt_height)
        return kept

    def loaded_environment(self) -> dict[str, str]:
        """The environment that the running process really has. Raises NodeError."""
        if self.live is None:
            raise NodeError("the node does not run")
        return self._runtime.environment_of(self.live)

    @property
    def quiet(self) -> bool:
        """Whether nothing of the node lives: no process and no holder of its lock."""
        return self.live is None and not self._runtime.lock_held()

    def application_height(self) -> int | None:
        """Last executed height: of the stopped node's database, else the last reading."""
        stored = self._shape.application_height() if self.live is None else None
        observation = self._journal.observation
        return stored if stored is not None else None if observation is None else observation.app_height

    def _guard_signer(self) -> None:
        self._journal.raise_signer_mark(check_not_lower(self._shape.signer_state(), self._journal.signer_mark))

    def _keep_signer_mark(self) -> None:
        try:
            found = read_hrs(self._shape.signer_state())
        except SignerStateError:
            # Said at the next start, which is refused for it.
            return
        self._journal.raise_signer_mark(found)

    def _watch(self, live: LiveRun) -> None:
        async def wait() -> None:
            record = await self._runtime.ended(live)
            self._note_end(live, record)
            self._on_end()

        self._waiter = asyncio.get_running_loop().create_task(wait())

    def _note_end(self, live: LiveRun, record: ExitRecord | None) -> None:
        run = self.run
        if run is None or run.id != live.run_id:
            return
        self.live = None
        self.unjudged = (run, record, self._runtime.log_since(live.log_offset))

    def _refresh(self) -> None:
        runs = self._journal.runs(1)
        self.run = runs[0] if runs else None
