"""Runs the node under the shim: start, adopt, stop, exit evidence (DESIGN §1, §4.1, §4.5)."""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from console.errors import HeldByOther, NodeError
from console.files import write_durably
from console.node import shim as shim_program

_LOG = logging.getLogger(__name__)

LOCK_NAME = "upgrade-console.lock"
"""The one-signer lock in the node's home."""

_POLL_S = 0.02
_START_DEADLINE_S = 60.0
"""Seconds until a start is recorded: the shim reads and hashes the whole binary before."""


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What to start."""

    run_id: int
    binary: Path
    sha256: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    home: Path
    grace_s: float


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A run that is going on, named by pids and start times so that a recycled pid is never taken for it."""

    run_id: int
    shim_pid: int
    shim_started: int
    child_pid: int
    child_started: int
    exe_sha256: str
    log_offset: int
    """Size of node.log in bytes before this run wrote to it."""
    started_at: float


@dataclass(frozen=True, slots=True)
class ExitRecord:
    """How a run ended."""

    run_id: int
    code: int | None
    """Exit code; negative is minus the signal; None when it was lost or the program never started."""
    asked: bool
    """Whether the shim was told to stop the node."""
    unclean: bool
    """Whether SIGKILL was needed."""
    problem: str
    """Why the program was not started; empty when it ran."""
    ended_at: float


class ShimRuntime:
    """Runs one node under shims, one run at a time.

    Args:
        run_dir: The controller's `run` folder: node.json, exit records, node.log.
        home: The node's home, where the one-signer lock is.
    """

    def __init__(self, run_dir: Path, home: Path) -> None:
        self._run_dir = run_dir
        self._lock = home / LOCK_NAME
        self._spec_path = run_dir / "start.json"

    async def start(self, spec: RunSpec) -> LiveRun:
        """Start the node and return once it is executed.

        Raises:
            HeldByOther: Something of this node still lives and holds the lock.
            NodeError: The binary is not the verified one, or the shim failed.
            TimeoutError: It took too long; nothing of it lives.
        """
        self._refuse_when_held()
        self._exit_path(spec.run_id).unlink(missing_ok=True)
        document = {
            "run_id": spec.run_id,
            "lock": str(self._lock),
            "binary": str(spec.binary),
            "sha256": spec.sha256,
            "arguments": list(spec.arguments),
            "environment": dict(spec.environment),
            "folder": str(spec.home),
            "run_dir": str(self._run_dir),
            "grace_s": spec.grace_s,
        }
        write_durably(self._spec_path, json.dumps(document).encode())
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", shim_program.__file__, str(self._spec_path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            close_fds=True,
            env=_marked(spec.environment),
        )
        try:
            async with asyncio.timeout(_START_DEADLINE_S):
                return await self._started(spec.run_id, process)
        except TimeoutError:
            # Or it would come up later, when nobody expects it.
            process.terminate()
            await asyncio.to_thread(process.wait)
            raise

    async def _started(self, run_id: int, process: subprocess.Popen[bytes]) -> LiveRun:
        while True:
            live = self.recorded()
            if live is not None and live.run_id == run_id:
                return live
            record = self.exit_record(run_id)
            if record is not None:
                process.wait()
                raise NodeError(
                    f"the node was not started: {record.problem or 'it ended at once'}",
                    safe="nothing of it runs",
                )
            if process.poll() is not None and self.exit_record(run_id) is None:
                raise NodeError("the node was not started: its shim ended without a record")
            await asyncio.sleep(_POLL_S)

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
        """Pids of the living shims of this node. A forked child has the same command line until it executes."""
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

    def recorded(self) -> LiveRun | None:
        """The run that node.json names, alive or not; None when there is none."""
        try:
            document = json.loads((self._run_dir / "node.json").read_bytes())
            return LiveRun(**document)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise NodeError(f"{self._run_dir / 'node.json'} is not readable: {error}") from error

    def exit_record(self, run_id: int) -> ExitRecord | None:
        """How that run ended; None while it runs or when its record was lost."""
        try:
            return ExitRecord(**json.loads(self._exit_path(run_id).read_bytes()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
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
        descriptor = os.open(self._lock, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    async def ended(self, live: LiveRun) -> ExitRecord | None:
        """Wait until the run has ended and nothing of it holds the lock; its record, or None when it was lost."""
        await _gone(live.shim_pid, live.shim_started)
        # A killed shim leaves the node running, and with it the lock.
        while self.lock_held():
            await asyncio.sleep(0.2)
        try:
            return self.exit_record(live.run_id)
        except NodeError as error:
            _LOG.warning("the exit code of the node is lost: %s", error)
            return None

    async def stop(self, live: LiveRun) -> ExitRecord | None:
        """Stop the run by SIGTERM, SIGKILL after its grace; returns when nothing of it lives any more."""
        if self.shim_alive(live):
            _kill(live.shim_pid, signal.SIGTERM)
        elif self.node_alive(live):
            _kill(live.child_pid, signal.SIGTERM)
        return await self.ended(live)

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
        """What the run wrote to node.log: the last `limit` bytes from `offset` on."""
        try:
            with (self._run_dir / "node.log").open("rb") as stream:
                end = stream.seek(0, os.SEEK_END)
                stream.seek(max(min(offset, end), end - limit))
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

    def _exit_path(self, run_id: int) -> Path:
        return self._run_dir / f"exit.{run_id}.json"


def alive(pid: int, started: int) -> bool:
    """Whether the process with that pid and that start time lives and is no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()
    except (OSError, IndexError):
        return False
    return stat[0] not in (b"Z", b"X") and int(stat[19]) == started


def _marked(environment: Mapping[str, str]) -> dict[str, str]:
    """The shim's own environment: only what names the devnet, so that nothing of it survives unseen."""
    return {name: value for name, value in environment.items() if name.startswith("UPGRADE_CONSOLE_")}


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


async def _gone(pid: int, started: int) -> None:
    """Wait until that process is gone: by pidfd, which cannot mistake a recycled pid once it is open."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if not alive(pid, started):
            return
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def readable() -> None:
            if not future.done():
                future.set_result(None)

        loop.add_reader(descriptor, readable)
        try:
            await future
        finally:
            loop.remove_reader(descriptor)
    finally:
        os.close(descriptor)


def run_command(
    binary: Path, sha256: str, arguments: Sequence[str], environment: Mapping[str, str], deadline_s: float
) -> subprocess.CompletedProcess[str]:
    """Run a short command of a binary (`--version`, `config display`) with a deadline, its bytes verified before.

    Raises:
        NodeError: Its bytes are not the verified ones, or it could not be run or did not end in time.
    """
    try:
        descriptor = shim_program.verified_descriptor(str(binary), sha256)
    except OSError as error:
        raise NodeError(f"{binary} is not run: {error}", safe="nothing unverified was executed") from error
    try:
        return subprocess.run(
            [str(binary), *arguments],
            executable=f"/proc/self/fd/{descriptor}",
            pass_fds=(descriptor,),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=deadline_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NodeError(f"cannot run {binary}: {error}") from error
    finally:
        os.close(descriptor)
