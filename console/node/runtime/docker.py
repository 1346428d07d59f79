"""Runs the node in containers of the Docker engine on this machine (DESIGN §4, §5; facts/ipc.md §1.1 shape B).

Containers are children of the engine, so they cannot inherit the one-signer lock as the shim's processes do. Two
things stand for it, and `lock_held` asks both: a holder (holder.py) has the lock while the run lives, which also keeps
out a node that is started without containers; and the engine is asked for containers of this node, since they outlive
a killed holder. When the engine does not answer, the lock counts as held: containers may live without it.

In a RunSpec for containers `sha256` is the digest of the image (its id or its registry digest), `binary` is not used,
`arguments` replace the container's when there are any, and of `environment` only the managed names (FM_HALT_HEIGHT)
are used: the container keeps its own, not that of the controller. The engine addresses image content by digest and
checks it at the pull; the layers on disk are not hashed again at each start.

Exit codes are the engine's: 128 plus the signal for a program that a signal ended.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import console
from console.errors import HeldByOther, NodeError
from console.files import write_durably
from console.node.runtime import holder
from console.node.runtime.containers import Containers, Service
from console.node.runtime.engine import Engine
from console.node.runtime.processes import gone, kill
from console.node.runtime.runtime import ExitRecord, LiveRun, RunSpec
from console.node.runtime.shim import LOCK_NAME, LOG_KEPT, ShimRuntime
from console.node.shape import HALT_VARIABLE
from console.node.shim import APP_ENDS_S

_LOG = logging.getLogger(__name__)

_POLL_S = 0.02
_START_DEADLINE_S = 120.0
"""Seconds until a start is recorded: some storage drivers copy the whole image for a new container."""
_AGAIN_S = 0.5
_LOOK_S = 3.0
"""Seconds for an answer of the engine while the controller waits for it."""


class DockerRuntime:
    """Runs one node in containers, one run at a time.

    Args:
        run_dir: The controller's `run` folder: node.json, exit records, node.log.
        home: The node's home on this machine, where the one-signer lock is.
        services: Services and their containers, which exist already, running or not.
        socket: Of the engine, see `engine_socket`.
        managed: Names of environment variables that are ours.
        app_ends_s: Seconds for the app to end by itself after a companion did.
    """

    def __init__(
        self,
        run_dir: Path,
        home: Path,
        services: tuple[Service, ...],
        socket: str,
        managed: frozenset[str] = frozenset({HALT_VARIABLE}),
        app_ends_s: float = APP_ENDS_S,
    ) -> None:
        self._run_dir = run_dir
        self._lock = home / LOCK_NAME
        self._socket = socket
        self._app_ends_s = app_ends_s
        self._engine = Engine(socket)
        self._containers = Containers(self._engine, home, services, managed)
        self._spec_path = run_dir / "holder.json"
        # The same files, the same lock, read in the same way.
        self._files = ShimRuntime(run_dir, home)

    @property
    def containers(self) -> Containers:
        """The node's containers."""
        return self._containers

    async def forbid_restarts(self) -> list[str]:
        """Take the restart policy from the node's containers; returns what was done, a sentence each.

        Raises:
            NodeError: The engine is down or refused.
        """
        try:
            return await asyncio.to_thread(self._containers.forbid_restarts)
        except OSError as error:
            raise NodeError(str(error)) from error

    async def start(self, spec: RunSpec) -> LiveRun:
        """Start the node in new containers and return once the app is executed.

        Raises:
            HeldByOther: Something of this node still lives, or the engine cannot be asked.
            NodeError: An image is not on this machine, or the engine refused; nothing of the run lives, or its holder
                still waits for the engine to stop it and holds the lock.
            TimeoutError: It took too long; nothing of it lives.
        """
        await self._refuse_when_held()
        (self._run_dir / f"exit.{spec.run_id}.json").unlink(missing_ok=True)
        try:
            made = await asyncio.to_thread(self._containers.create, spec)
        except OSError as error:
            raise NodeError(str(error), safe="nothing was started") from error
        document = {
            "run_id": spec.run_id,
            "lock": str(self._lock),
            "run_dir": str(self._run_dir),
            "socket": self._socket,
            "grace_s": spec.grace_s,
            "app_ends_s": self._app_ends_s,
            "log_kept": LOG_KEPT,
            "labels": self._containers.labels(spec.run_id),
            "services": made,
        }
        write_durably(self._spec_path, json.dumps(document).encode())
        process = self._spawn()
        try:
            async with asyncio.timeout(_START_DEADLINE_S):
                return await self._started(spec.run_id, process)
        except TimeoutError:
            await self._give_up(spec.grace_s)
            raise

    async def settle(self) -> None:
        """Wait until a start that a killed controller left half done is recorded or has ended.

        A run that lost its holder gets a new one, which also writes down the end that the engine remembers.

        Raises:
            NodeError: The engine does not answer, so nobody knows.
            TimeoutError: A holder is stuck.
        """
        # Also when nothing ran yet: without the engine nobody knows whether the operator's own containers run.
        await self._look()
        async with asyncio.timeout(_START_DEADLINE_S):
            while True:
                holders = self._holders()
                live = self.recorded()
                if any(live is None or pid != live.shim_pid for pid in holders):
                    await asyncio.sleep(_POLL_S)
                    continue
                run_id = self._spec_run()
                if holders or run_id is None or self.exit_record(run_id) is not None:
                    return
                await self._look()
                await self._attach(run_id)

    def recorded(self) -> LiveRun | None:
        """The run that node.json names, alive or not; None when there is none. Raises NodeError."""
        return self._files.recorded()

    def exit_record(self, run_id: int) -> ExitRecord | None:
        """How that run ended; None while it runs or when its record was lost. Raises NodeError."""
        return self._files.exit_record(run_id)

    def shim_alive(self, live: LiveRun) -> bool:
        """Whether the holder of that run still lives."""
        return self._files.shim_alive(live)

    def node_alive(self, live: LiveRun) -> bool:
        """Whether the app's own process of that run still lives."""
        return self._files.node_alive(live)

    def lock_held(self) -> bool:
        """Whether a holder or a container of this node lives; also true when the engine cannot be asked."""
        if self._files.lock_held():
            return True
        try:
            return bool(self._containers.living(timeout_s=_LOOK_S))
        except OSError as error:
            _LOG.warning("the node counts as running: %s", error)
            return True

    async def ended(self, live: LiveRun) -> ExitRecord | None:
        """Wait until the run has ended and nothing of it lives; its record, or None when it was lost."""
        while True:
            await gone(live.shim_pid, live.shim_started)
            if self._is_recorded(live) or self._spec_run() != live.run_id:
                # Of an older run nothing is left, neither containers nor what the engine knew of them.
                while await asyncio.to_thread(self.lock_held):
                    await asyncio.sleep(_AGAIN_S)
                return self.exit_record(live.run_id) if self._is_recorded(live) else None
            # A killed holder: the engine still has the containers, or the codes that they ended with.
            try:
                live = await self._attach(live.run_id) or live
            except NodeError as error:
                _LOG.warning("%s", error)
                await asyncio.sleep(_AGAIN_S)

    async def stop(self, live: LiveRun) -> ExitRecord | None:
        """Stop the run: its stop signal to every container, SIGKILL after its grace; returns when nothing lives."""
        while not self.shim_alive(live) and self._spec_run() == live.run_id and not self._is_recorded(live):
            try:
                live = await self._attach(live.run_id) or live
            except NodeError as error:
                _LOG.warning("the node cannot be stopped yet: %s", error)
                await asyncio.sleep(_AGAIN_S)
        if self.shim_alive(live):
            kill(live.shim_pid, signal.SIGTERM)
        return await self.ended(live)

    def age_s(self, live: LiveRun) -> float:
        """Seconds since the app was forked, whatever was done to the clock of the day meanwhile."""
        return self._files.age_s(live)

    def environment_of(self, live: LiveRun) -> dict[str, str]:
        """The environment that the app really has, from `/proc`; from the engine where that may not be read.

        A container's environment cannot be changed after its creation, and Fendermint's entry point executes it as it
        is (facts/ipc.md §1.1).

        Raises:
            NodeError: The process is gone, or the engine does not answer.
        """
        try:
            return self._files.environment_of(live)
        except NodeError:
            if not self.node_alive(live):
                raise
        try:
            container = json.loads(self._spec_path.read_bytes())["services"][0]["container"]
            found = self._engine.container(container, timeout_s=_LOOK_S)
        except (OSError, ValueError, LookupError) as error:
            raise NodeError(f"cannot read the environment of the node: {error}") from error
        if found is None:
            raise NodeError("the node's container is gone")
        pairs = (str(pair).partition("=") for pair in found["Config"].get("Env") or ())
        return {name: value for name, equals, value in pairs if equals}

    def log_since(self, offset: int, limit: int = 4 << 20) -> bytes:
        """What the run wrote: the last `limit` bytes of node.log from `offset` on."""
        return self._files.log_since(offset, limit)

    async def _refuse_when_held(self) -> None:
        await self._look()
        live = self.recorded()
        living = await asyncio.to_thread(self._containers.living, timeout_s=_LOOK_S)
        if living or self._files.lock_held() or (live is not None and self.shim_alive(live)):
            what = f"container {living[0]} runs" if living else f"a process of this node holds {self._lock}"
            raise HeldByOther(what, safe="a second node was not started", next_step="stop it first")

    async def _look(self) -> None:
        """Raises NodeError when the engine does not answer."""
        try:
            await asyncio.to_thread(self._containers.living, timeout_s=_LOOK_S)
        except OSError as error:
            raise NodeError(
                str(error), safe="nothing was started or stopped", next_step="start the Docker engine"
            ) from error

    def _spawn(self, *mode: str) -> subprocess.Popen[bytes]:
        folder = Path(console.__file__).parent.parent
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", holder.LAUNCH, str(folder), str(self._spec_path), *mode],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            close_fds=True,
            # Only what names the devnet, so that nothing of it survives unseen.
            env={name: value for name, value in os.environ.items() if name.startswith("UPGRADE_CONSOLE_")},
        )

    def _is_recorded(self, live: LiveRun) -> bool:
        try:
            return self.exit_record(live.run_id) is not None
        except NodeError:
            # Unreadable: the next holder writes it again.
            return False

    async def _attach(self, run_id: int) -> LiveRun | None:
        """Give a run a new holder; returns the run as it is recorded, None when only its end is.

        Raises:
            NodeError: Nothing was changed: the engine is down, or another holder was faster.
        """
        process = self._spawn("adopt")
        while True:
            live = self.recorded()
            if live is not None and live.run_id == run_id and live.shim_pid == process.pid:
                _LOG.info("a new holder watches the node's containers, pid %d", process.pid)
                return live
            if process.poll() is not None:
                if self.exit_record(run_id) is not None:
                    return None
                raise NodeError("the node's containers could not be taken up again")
            await asyncio.sleep(_POLL_S)

    async def _give_up(self, grace_s: float) -> None:
        """End a start that takes too long. Raises NodeError when something of it may still live."""
        try:
            async with asyncio.timeout(grace_s + _START_DEADLINE_S):
                while holders := self._holders():
                    for pid in holders:
                        kill(pid, signal.SIGTERM)
                    await asyncio.sleep(_AGAIN_S)
        except TimeoutError:
            pass
        if await asyncio.to_thread(self.lock_held):
            raise NodeError(
                "the Docker engine hangs in a start of the node",
                safe="what was started keeps the lock, so nothing else is started beside it",
                next_step="look at the Docker engine",
            )

    async def _started(self, run_id: int, process: subprocess.Popen[bytes]) -> LiveRun:
        while True:
            live = self.recorded()
            if live is not None and live.run_id == run_id and live.shim_pid == process.pid:
                return live
            record = self.exit_record(run_id)
            if record is not None:
                await asyncio.to_thread(process.wait)
                raise NodeError(
                    f"the node was not started: {record.problem or 'it ended at once'}", safe="nothing of it runs"
                )
            if process.poll() is not None and self.exit_record(run_id) is None:
                # Killed, perhaps with containers started: the next one finishes the start, or says that it was none.
                try:
                    if (live := await self._attach(run_id)) is not None:
                        return live
                except NodeError as error:
                    _LOG.warning("%s", error)
                    await asyncio.sleep(_AGAIN_S)
            await asyncio.sleep(_POLL_S)

    def _spec_run(self) -> int | None:
        """Number of the run that was last asked for; None when there is none."""
        try:
            return int(json.loads(self._spec_path.read_bytes())["run_id"])
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def _holders(self) -> list[int]:
        """Pids of the living holders of this node, by their command line."""
        wanted = os.fsencode(self._spec_path)
        found = []
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    arguments = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                if wanted in arguments:
                    found.append(int(name))
        return found
