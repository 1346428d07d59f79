"""Runs of the node: start one, adopt one, stop one, and keep what each was armed for (DESIGN §4.1, §4.5)."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping

from console.errors import HeldByOther, NodeError
from console.model import NodeRun
from console.node.environment import node_environment
from console.node.faults import FaultPoints
from console.node.generation_folders import Generation
from console.node.journal import Journal
from console.node.runtime.runtime import ExitRecord, LiveRun, PreparedRuntime, RunSpec, Runtime
from console.node.shape import NodeShape
from console.node.signer_guard import SignerStateError, check_not_lower, read_hrs

_LOG = logging.getLogger(__name__)

GRACE_S = 60.0
"""Seconds between SIGTERM and SIGKILL: databases flush (facts/safety.md §4)."""

_LOOK_AGAIN_S = 1.0

FOREIGN_S = 2.0
"""Seconds for which a look for others that hold the node counts."""
HAND_OVER_LOOK_S = 60.0
"""The same from one process of the node to the next."""


class NodeRuns:
    """Owns the one run of the node.

    Args:
        journal: Where runs are recorded before they start.
        runtime: How processes are run.
        shape: What kind of node it is.
        ended: Called when a run has ended, asked for or not.
        faults: Fault points.
        refuse_foreign: Called in a thread before each start, with the pids of the run that goes on; raises HeldByOther
            when something that is not ours holds the node's home, ports or databases.
        settle_data: Called first at each start: finishes a restore that was cut, or raises NodeError.
        set_halt: Told the halt height of a start just before it, where the environment does not carry it.
        before_start: Called before each start with the sha256 of what would be started; raises NodeError to refuse.
        extra_environment: Gives the variables that the node gets beside ours; asked at each start.
        grace_s: Gives the seconds between SIGTERM and SIGKILL; asked at each start.
        skip_heights: Gives the heights where a node that its chain stops shall do no upgrade; asked at each start.
    """

    def __init__(
        self,
        journal: Journal,
        runtime: Runtime,
        shape: NodeShape,
        ended: Callable[[], None],
        faults: FaultPoints,
        *,
        refuse_foreign: Callable[[Collection[int]], None] | None = None,
        before_start: Callable[[str], Awaitable[None]] | None = None,
        set_halt: Callable[[int], None] | None = None,
        settle_data: Callable[[], Awaitable[None]] | None = None,
        extra_environment: Callable[[], Mapping[str, str]] | None = None,
        grace_s: Callable[[], float] | None = None,
        skip_heights: Callable[[], Collection[int]] = tuple,
    ) -> None:
        self._journal = journal
        self._runtime = runtime
        self._shape = shape
        self._on_end = ended
        self._faults = faults
        self._refuse_foreign = refuse_foreign
        self._before_start = before_start
        self._set_halt = set_halt
        self._settle_data = settle_data
        self._skip_heights = skip_heights
        self._extra_environment = extra_environment
        self._grace_s = grace_s
        self._waiter: asyncio.Task[None] | None = None
        self._looked_for_foreign = float("-inf")
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

    async def start(self, generation: Generation, halt_height: int, *, looked_within_s: float = FOREIGN_S) -> None:
        """Start the node.

        Args:
            generation: What to run; its bytes are verified again by descriptor.
            halt_height: H to arm for, 0 for none.
            looked_within_s: Seconds for which a look for others that hold the node counts.

        Raises:
            HeldByOther: Something that is not ours holds the node.
            NodeError: Refused or failed; nothing runs.
        """
        if self.live is not None:
            return
        if self.unjudged is not None:
            raise NodeError("the end of the last run is not judged yet", safe="nothing was started")
        if self._settle_data is not None:
            # Before the signer state is looked at: it may be on its way too.
            await self._settle_data()
        self._guard_signer()
        if self._before_start is not None:
            await self._before_start(generation.sha256)
        await self.look_for_foreign(looked_within_s)
        # Binaries outside the generation are hashed now; without any there is nothing to wait for.
        quick = not self._shape.companions
        spec = (
            self._spec(generation, halt_height)
            if quick
            else await asyncio.to_thread(self._spec, generation, halt_height)
        )
        run = self._journal.open_run(generation.name, halt_height, generation.sha256)
        self.run = run
        self._faults.reach("before-start")
        try:
            if self._runtime.lock_held():
                raise HeldByOther(
                    "a process of this node still runs and holds its lock",
                    safe="a second node was not started",
                    next_step="stop that process first",
                )
            if self._set_halt is not None:
                self._set_halt(halt_height)
            if self._shape.private_tmp is not None:
                await asyncio.to_thread(self._shape.make_tmp, generation)
            live = await self._runtime.start(dataclasses.replace(spec, run_id=run.id))
        except (NodeError, TimeoutError, OSError) as error:
            self._journal.close_run(run.id, None)
            self._refresh()
            if isinstance(error, NodeError):
                raise
            timed_out = isinstance(error, TimeoutError)
            why = "the node was not started in time" if timed_out else f"the node cannot be started: {error}"
            raise NodeError(why, safe="nothing of it runs") from error
        self._faults.reach("after-start")
        self.live = live
        self._watch(live)
        armed = f", armed for height {halt_height}" if halt_height else ""
        _LOG.info("started %s, pid %d%s", generation.name, live.child_pid, armed)
        if self._shape.private_tmp is not None:
            await asyncio.to_thread(self._shape.drop_old_tmp, generation)

    async def look_for_foreign(self, within_s: float = FOREIGN_S) -> None:
        """Look for others that hold the node, unless that was done within the last seconds.

        At a hand-over a look while the old node still ran counts for longer: with its databases and ports it kept
        everybody else out. The lock that no start goes past is taken all the same.

        Raises:
            HeldByOther: There is one.
        """
        if time.monotonic() - self._looked_for_foreign < within_s:
            return
        if self._refuse_foreign is not None:
            live = self.live
            own = () if live is None else (live.shim_pid, live.child_pid, *(entry.pid for entry in live.services))
            await asyncio.to_thread(self._refuse_foreign, own)
        self._looked_for_foreign = time.monotonic()

    def prepare(self, generation: Generation) -> None:
        """Get ready to start this generation soon, while another one still runs; only time is saved by it.

        Where the runtime can: the next shim is there, and has hashed the binaries that it will execute.
        """
        if isinstance(self._runtime, PreparedRuntime):
            try:
                self._runtime.prepare(self._spec(generation, 0))
            except NodeError as error:
                _LOG.info("the start of %s cannot be prepared: %s", generation.name, error)

    def _spec(self, generation: Generation, halt_height: int) -> RunSpec:
        return RunSpec(
            run_id=0,
            services=self._shape.services(generation, self.environment(halt_height), self._skip_heights()),
            home=self._shape.home,
            grace_s=GRACE_S if self._grace_s is None else self._grace_s(),
        )

    async def stop(self) -> None:
        """Stop the node, if it runs; its end is recorded as asked for. Raises JournalError."""
        live = self.live
        if live is None or self.run is None:
            return
        self._journal.ask_end(self.run.id)
        self._faults.reach("before-stop")
        await self._unwatch()
        record = await self._runtime.stop(live)
        self._note_end(live, record)
        self.judged()
        _LOG.info("stopped the node, exit code %s", None if record is None else record.code)

    async def close(self) -> None:
        """Stop watching, and give up what was prepared; the node goes on."""
        await self._unwatch()
        if isinstance(self._runtime, PreparedRuntime):
            await self._runtime.release()

    async def _unwatch(self) -> None:
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
        """The node's whole environment: ours, without what would arm it by accident, the settings', and H if any."""
        extra = {} if self._extra_environment is None else self._extra_environment()
        return node_environment(extra) | self._shape.halt_environment(halt_height)

    def loaded_environment(self) -> dict[str, str]:
        """The environment that the running process really has. Raises NodeError."""
        if self.live is None:
            raise NodeError("the node does not run")
        return self._runtime.environment_of(self.live)

    @property
    def app_gone(self) -> bool:
        """Whether the app has ended and its end is not recorded yet."""
        return self.live is not None and not self._runtime.node_alive(self.live)

    @property
    def quiet(self) -> bool:
        """Whether nothing of the node lives: no process and no holder of its lock."""
        return self.live is None and not self._runtime.lock_held()

    def stands_at(self, app_height: int, *, block_height: int | None = None) -> None:
        """Keep that older data is in place: what the application was seen at before does not hold any more.

        Args:
            app_height: Last height that it has executed in this data.
            block_height: Highest block in it; the same where nothing else is said.

        Raises:
            JournalError: It cannot be written.
        """
        self._journal.observe_restored(app_height, block_height)

    def note_where_it_stands(self) -> None:
        """Keep the heights that the stopped node's databases tell: its last reading is some blocks older. Blocking.

        Where they cannot be read the last reading stays.

        Raises:
            JournalError: It cannot be written.
        """
        if self.live is not None:
            return
        app_height, block_height = self._shape.application_height(), self._shape.newest_block()
        if app_height is not None and block_height is not None:
            self.stands_at(app_height, block_height=block_height)

    def height_seen_of(self, sha256: str) -> int | None:
        """Application height of the last reading, when it was made of a run of this binary. Raises JournalError."""
        observation, run = self._journal.observation, self._journal.run_observed()
        if observation is None or run is None or run.exe_sha256 != sha256:
            return None
        return observation.app_height

    def application_height(self) -> int | None:
        """Last executed height: of the stopped node's database, else the last reading."""
        stored = self._shape.application_height() if self.live is None else None
        observation = self._journal.observation
        return stored if stored is not None else None if observation is None else observation.app_height

    @property
    def remote_signer(self) -> str:
        """Where the node waits for a remote signer, which turns the rules for the state file off; else empty."""
        return self._shape.remote_signer()

    def log_of_run(self) -> bytes:
        """What the run that goes on wrote, or that ended and is not judged; empty when there is none."""
        if self.live is not None:
            return self._runtime.log_since(self.live.log_offset)
        return b"" if self.unjudged is None else self.unjudged[2]

    def _guard_signer(self) -> None:
        if self._shape.remote_signer():
            _LOG.warning("the signer is remote: no file here can show that it does not sign a height twice")
            return
        self._journal.raise_signer_mark(check_not_lower(self._shape.signer_state(), self._journal.signer_mark))

    def _keep_signer_mark(self) -> None:
        if self._shape.remote_signer():
            return
        try:
            found = read_hrs(self._shape.signer_state())
        except SignerStateError:
            # Said at the next start, which is refused for it.
            return
        self._journal.raise_signer_mark(found)

    async def _ended(self, live: LiveRun) -> ExitRecord | None:
        """Wait for the end; a look that fails is made again, or nobody would ever miss the node."""
        while True:
            try:
                return await self._runtime.ended(live)
            except (OSError, NodeError) as error:
                _LOG.warning("cannot look after the running node: %s", error)
                await asyncio.sleep(_LOOK_AGAIN_S)

    def _watch(self, live: LiveRun) -> None:
        async def wait() -> None:
            record = await self._ended(live)
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
