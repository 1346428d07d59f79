"""Runs the node under the shim: start, adopt, stop, exit evidence (DESIGN §1, §4.1, §4.5)."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from console.errors import HeldByOther, NodeError
from console.node import shim as shim_program
from console.node.runtime.command import run_command
from console.node.runtime.processes import alive, end_all, gone, kill, lock_holders, readable
from console.node.runtime.runtime import ExitRecord, LiveRun, LiveService, RunSpec
from console.node.runtime.standby import Standby

__all__ = ["LOCK_NAME", "ShimRuntime", "alive", "run_command"]

_LOG = logging.getLogger(__name__)

LOCK_NAME = "upgrade-console.lock"
"""The one-signer lock in the node's home."""

LOG_KEPT = 80 << 20
"""Bytes of node.log that are kept of a run; with those of earlier runs and what comes between two looks, it is about
200 MiB at most."""

EXIT_RECORDS_KEPT = 20

_POLL_S = 0.02
_SAFETY_S = 1.0
"""Seconds between two looks at what we are told of anyway."""
_START_DEADLINE_S = 60.0
"""Seconds until a start is recorded: the shim reads and hashes the whole binary before."""
_GRACE_S = 60.0
"""Seconds between SIGTERM and SIGKILL where the run's own are not known."""


class ShimRuntime:
    """Runs one node under shims, one run at a time.

    Args:
        run_dir: The controller's `run` folder: node.json, exit records, node.log.
        home: The node's home, where the one-signer lock is.
        log_kept: Bytes of node.log that are kept of a run.
        app_ends_s: Seconds for the app to end by itself after a companion did.
    """

    def __init__(
        self, run_dir: Path, home: Path, *, log_kept: int = LOG_KEPT, app_ends_s: float = shim_program.APP_ENDS_S
    ) -> None:
        self._run_dir = run_dir
        self._lock = home / LOCK_NAME
        self._log_kept = log_kept
        self._app_ends_s = app_ends_s
        self._spec_path = run_dir / "start.json"
        self._standby_path = run_dir / "standby.json"
        self._standby: Standby | None = None
        self._shim: subprocess.Popen[bytes] | None = None

    def prepare(self, spec: RunSpec) -> None:
        """Start the interpreter of the next shim, and let it hash these binaries; it waits for `start`.

        It ends with this process. What goes wrong here is only time lost later.
        """
        environment = _marked(spec)
        standby = self._standby
        try:
            if standby is None or standby.environment != environment or standby.process.poll() is not None:
                self._drop_standby()
                standby = Standby(self._spawn(environment, shim_program.STANDBY), environment)
                self._standby = standby
                pid = standby.process.pid
                # Until this file is gone nobody takes it for a start.
                self._standby_path.write_text(json.dumps([pid, shim_program.start_ticks(pid)]))
            standby.tell([[str(service.binary), service.sha256] for service in spec.services])
        except OSError as error:
            _LOG.warning("the next start of the node cannot be prepared: %s", error)
            self._drop_standby()

    async def release(self) -> None:
        """End the shim that waits, if there is one."""
        self._drop_standby()

    async def start(self, spec: RunSpec) -> LiveRun:
        """Start the node and return once it is executed.

        Raises:
            HeldByOther: Something of this node still lives and holds the lock.
            NodeError: A binary is not the verified one, or the shim failed; nothing of the run lives.
            TimeoutError: It took too long; nothing of it lives.
        """
        self._refuse_when_held()
        self._exit_path(spec.run_id).unlink(missing_ok=True)
        self._write_spec(spec)
        environment = _marked(spec)
        process = self._ordered(environment) or self._spawn(environment)
        self._shim = process
        try:
            async with asyncio.timeout(_START_DEADLINE_S):
                live = await self._started(spec.run_id, process)
        except TimeoutError:
            # Or it would come up later, when nobody expects it.
            process.terminate()
            await asyncio.to_thread(process.wait)
            raise
        self._prune(spec.run_id)
        return live

    def _write_spec(self, spec: RunSpec) -> None:
        """What the shim is to run, in the shape that its docstring gives."""
        document = {
            "run_id": spec.run_id,
            "lock": str(self._lock),
            "services": [
                {
                    "name": service.name,
                    "binary": str(service.binary),
                    "sha256": service.sha256,
                    "arguments": list(service.arguments),
                    "environment": _unmarked(service.environment),
                    "after_port": service.after_port,
                }
                for service in spec.services
            ],
            "folder": str(spec.home),
            "run_dir": str(self._run_dir),
            "grace_s": spec.grace_s,
            "app_ends_s": self._app_ends_s,
            "log_kept": self._log_kept,
        }
        # For the shim that reads it now and for nobody after a power cut; whole, since a killed controller may be
        # followed by one that writes it again.
        beside = self._spec_path.with_name(f".{self._spec_path.name}.new")
        beside.write_text(json.dumps(document))
        beside.chmod(0o600)
        beside.replace(self._spec_path)

    def _spawn(self, environment: Mapping[str, str], *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", shim_program.__file__, *words, str(self._spec_path)],
            stdin=subprocess.PIPE if words else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
            close_fds=True,
            env=environment,
        )

    def _ordered(self, environment: Mapping[str, str]) -> subprocess.Popen[bytes] | None:
        """The shim that waited, told to start; None when there is none for this."""
        standby, self._standby = self._standby, None
        if standby is None:
            return None
        # From here on it counts as a start, whatever becomes of us.
        self._standby_path.unlink(missing_ok=True)
        if standby.environment == environment:
            try:
                standby.tell("start")
                standby.leave()
                return standby.process
            except OSError as error:
                _LOG.info("the prepared shim is gone: %s", error)
        standby.end()
        return None

    def _drop_standby(self) -> None:
        standby, self._standby = self._standby, None
        if standby is not None:
            standby.end()
            # On a disk that refuses it stays: it names a process that is gone.
            with contextlib.suppress(OSError):
                self._standby_path.unlink(missing_ok=True)

    async def _started(self, run_id: int, process: subprocess.Popen[bytes]) -> LiveRun:
        """Read what the shim says until all its programs are executed, or it ended."""
        assert process.stdout is not None
        said = b""
        with process.stdout as stream:
            os.set_blocking(stream.fileno(), False)
            while (words := stream.read(4096)) != b"":
                said += words or b""
                if words is None and not await readable(stream.fileno(), _SAFETY_S) and process.poll() is not None:
                    break
        live = self.recorded()
        if live is not None and live.run_id == run_id:
            return live
        if not said:
            # It has closed everything and recorded nothing, so it is about to be gone.
            await asyncio.to_thread(process.wait)
        record = self.exit_record(run_id)
        while self.lock_held() and record is None:
            # What it forked ends by itself, and nothing of it was executed.
            await asyncio.sleep(_POLL_S)
        if record is None:
            raise NodeError("the node was not started: its shim ended without a record")
        raise NodeError(f"the node was not started: {record.problem or 'it ended at once'}", safe="nothing of it runs")

    async def settle(self) -> None:
        """Wait until a start that a killed controller left half done is one or the other: recorded, or ended.

        Between its fork and its record a shim is known by its command line only.
        """
        async with asyncio.timeout(_START_DEADLINE_S):
            while True:
                shims = self._shims()
                live = self.recorded()
                if all(live is not None and pid == live.shim_pid for pid in shims):
                    return
                await asyncio.sleep(_POLL_S)

    def _shims(self) -> list[int]:
        """Pids of the living shims of this node, without the one that waits for the word to start.

        A forked child has the same command line until it executes.
        """
        wanted = os.fsencode(self._spec_path)
        waiting = self._waiting()
        found = []
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) != waiting:
                try:
                    arguments = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                if wanted in arguments:
                    found.append(int(name))
        return found

    def _waiting(self) -> int | None:
        """Pid of the shim that waits and was not told to start."""
        try:
            pid, started = json.loads(self._standby_path.read_bytes())
            return int(pid) if alive(int(pid), int(started)) else None
        except (OSError, ValueError, TypeError):
            return None

    def recorded(self) -> LiveRun | None:
        """The run that node.json names, alive or not; None when there is none. Raises NodeError."""
        document = _read(self._run_dir / "node.json")
        if document is None:
            return None
        try:
            services = tuple(LiveService(**service) for service in document.pop("services", ()))
            return LiveRun(**document, services=services)
        except (TypeError, AttributeError) as error:
            raise NodeError(f"{self._run_dir / 'node.json'} is not readable: {error}") from error

    def exit_record(self, run_id: int) -> ExitRecord | None:
        """How that run ended; None while it runs or when its record was lost. Raises NodeError."""
        document = _read(self._exit_path(run_id))
        try:
            return None if document is None else ExitRecord(**document)
        except TypeError as error:
            raise NodeError(f"{self._exit_path(run_id)} is not readable: {error}") from error

    def shim_alive(self, live: LiveRun) -> bool:
        """Whether the shim of that run still lives."""
        return alive(live.shim_pid, live.shim_started)

    def node_alive(self, live: LiveRun) -> bool:
        """Whether the node's own process of that run still lives."""
        return alive(live.child_pid, live.child_started)

    def lock_held(self) -> bool:
        """Whether any descendant of any shim of this node still lives."""
        if not self._lock.exists():
            return False
        # Not for writing: the disk may have become read-only under the living node.
        descriptor = os.open(self._lock, os.O_RDONLY)
        try:
            # Shared, so that two who look do not take each other for the node.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    async def ended(self, live: LiveRun) -> ExitRecord | None:
        """Wait until the run has ended and nothing of it holds the lock; its record, or None when it was lost."""
        await gone(live.shim_pid, live.shim_started)
        if self._shim is not None and self._shim.pid == live.shim_pid:
            self._shim.poll()
        # A killed shim leaves the node running, and with it the lock.
        await gone(live.child_pid, live.child_started)
        if self._lives(live):
            # Then nobody else is there who would end what the node left behind.
            await end_all(lambda: self._left(live), self._grace_s())
        while self.lock_held():
            await asyncio.sleep(_POLL_S)
        try:
            return self.exit_record(live.run_id)
        except NodeError as error:
            _LOG.warning("the exit code of the node is lost: %s", error)
            return None

    async def stop(self, live: LiveRun) -> ExitRecord | None:
        """Stop the run by SIGTERM, SIGKILL after its grace; returns when nothing of it lives any more."""
        if self.shim_alive(live):
            kill(live.shim_pid, signal.SIGTERM)
            await gone(live.shim_pid, live.shim_started)
        if self._lives(live):
            # It was killed, before this or before it could hand the signal on: nobody else is left who would end them.
            await end_all(lambda: self._left(live), self._grace_s())
        return await self.ended(live)

    def _lives(self, live: LiveRun) -> bool:
        return self.lock_held() or any(alive(service.pid, service.started) for service in live.services)

    def _left(self, live: LiveRun) -> list[int]:
        """Pids of what lives of a run whose shim does not."""
        services = [service.pid for service in live.services if alive(service.pid, service.started)]
        return sorted({*services, *lock_holders(self._lock)})

    def age_s(self, live: LiveRun) -> float:
        """Seconds since the node's process was forked, whatever was done to the clock of the day meanwhile."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) - live.child_started / os.sysconf("SC_CLK_TCK")

    def environment_of(self, live: LiveRun) -> dict[str, str]:
        """The environment that the node's process was executed with, from `/proc` (facts/ipc.md §1.4).

        Raises:
            NodeError: The process is gone or is not ours.
        """
        if not self.node_alive(live):
            raise NodeError("the node's process is gone")
        try:
            raw = Path(f"/proc/{live.child_pid}/environ").read_bytes()
        except OSError as error:
            raise NodeError(f"cannot read the environment of the node: {error}") from error
        pairs = (item.split(b"=", 1) for item in raw.split(b"\0") if b"=" in item)
        return {name.decode("utf-8", "replace"): value.decode("utf-8", "replace") for name, value in pairs}

    def log_since(self, offset: int, limit: int = 4 << 20) -> bytes:
        """What the run wrote to node.log: the last `limit` bytes from `offset` on, of what is kept of them."""
        try:
            with (self._run_dir / "node.log").open("rb") as stream:
                end = stream.seek(0, os.SEEK_END)
                start = max(min(offset, end), end - limit)
                with contextlib.suppress(OSError):
                    # Past what was given back to the disk, which would be read as zeros.
                    start = os.lseek(stream.fileno(), start, os.SEEK_DATA)
                stream.seek(start)
                return stream.read(limit)
        except OSError:
            return b""

    def _refuse_when_held(self) -> None:
        live = self.recorded()
        # The lock's file may have been deleted; whoever holds it then lives all the same.
        if self.lock_held() or (live is not None and (self.shim_alive(live) or self.node_alive(live))):
            raise HeldByOther(
                f"a process of this node still runs and holds {self._lock}",
                safe="a second node was not started",
                next_step="stop that process first",
            )

    def _grace_s(self) -> float:
        """Of the run that was started last."""
        try:
            return float(json.loads(self._spec_path.read_bytes())["grace_s"])
        except (OSError, ValueError, KeyError, TypeError):
            return _GRACE_S

    def _exit_path(self, run_id: int) -> Path:
        return self._run_dir / f"exit.{run_id}.json"

    def _prune(self, run_id: int) -> None:
        """Delete the exit records of old runs; they are in the journal."""
        numbers = (path.name.split(".")[1] for path in self._run_dir.glob("exit.*.json"))
        found = sorted(int(number) for number in numbers if number.isdigit() and int(number) != run_id)
        for number in found[: -EXIT_RECORDS_KEPT + 1]:
            self._exit_path(number).unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any] | None:
    """A JSON object; None when there is no such file, or a power cut has emptied it. Raises NodeError."""
    try:
        content = path.read_bytes()
        if not content:
            return None
        document = json.loads(content)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise NodeError(f"{path} is not readable: {error}") from error
    if not isinstance(document, dict):
        raise NodeError(f"{path} is not readable: it holds no record")
    return document


def _marked(spec: RunSpec) -> dict[str, str]:
    """The shim's own environment: only what names the devnet, so that nothing of it survives unseen, and its faults."""
    kept = {name: value for name, value in spec.app.environment.items() if name.startswith("UPGRADE_CONSOLE_")}
    fault = os.environ.get(shim_program.FAULT_VARIABLE)
    return kept if fault is None else {**kept, shim_program.FAULT_VARIABLE: fault}


def _unmarked(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name != shim_program.FAULT_VARIABLE}
