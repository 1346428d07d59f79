"""A command of the operator's own: no shell, nothing of our environment, and nothing of it left when it is over."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from console.errors import InputError
from console.text import UntrustedText, untrusted

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
KEPT_BYTES = 64 * 1024
"""Of the end of what it prints."""
SHOWN_LINES = 5
_RUNNING = ".running"
"""In the folder while a command runs there."""
_LEFT_OPEN_S = 1.0
"""Seconds that something it left behind may keep its output open."""


@dataclass(frozen=True, slots=True)
class CommandEnd:
    """How it ended."""

    code: int
    """Exit code; below zero the number of the signal that ended it."""
    output: str
    """The end of what it printed on stdout and stderr, as text."""

    @property
    def last_lines(self) -> tuple[UntrustedText, ...]:
        """Its last lines, safe to show."""
        lines = [line for line in self.output.splitlines() if line.strip()]
        return tuple(untrusted(line.strip()) for line in lines[-SHOWN_LINES:])


async def run_own_command(argv: Sequence[str], folder: Path, extra: Mapping[str, str]) -> CommandEnd:
    """Run it to its end; a caller that is cancelled ends it and all that it started.

    A caller that is killed leaves it running. Nothing else is run in that folder until it has ended.

    Args:
        argv: Program and arguments.
        folder: In which it runs.
        extra: Variables beside PATH, HOME and the C locale.

    Raises:
        InputError: It cannot be started, or one from before still runs.
    """
    lock = _held(folder)
    environment = {"PATH": PATH, "HOME": str(Path.home()), "LC_ALL": "C.UTF-8", **extra}
    try:
        process = await _started(argv, folder, environment, lock)
    finally:
        os.close(lock)
    output = bytearray()
    reading = asyncio.ensure_future(_read(process, output))
    try:
        code = await process.wait()
        # What it left behind in the background may hold the pipe for ever.
        await asyncio.wait({reading}, timeout=_LEFT_OPEN_S)
    finally:
        reading.cancel()
        await asyncio.shield(_ended(process))
        (folder / _RUNNING).unlink(missing_ok=True)
    return CommandEnd(code, output.decode("utf-8", "replace"))


async def _started(
    argv: Sequence[str], folder: Path, environment: Mapping[str, str], lock: int
) -> asyncio.subprocess.Process:
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *argv,
            cwd=folder,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(lock,),
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        # It may run by now, and have started others.
        (started,) = await asyncio.gather(starting, return_exceptions=True)
        if not isinstance(started, BaseException):
            await _ended(started)
        raise
    except (OSError, ValueError) as error:
        why = os.strerror(error.errno or 0) if isinstance(error, OSError) else str(error)
        raise InputError(
            f"{untrusted(argv[0], 120)} cannot be started: {why}",
            safe="nothing was run",
            next_step="mend the step's command",
        ) from error


async def _read(process: asyncio.subprocess.Process, output: bytearray) -> None:
    assert process.stdout is not None
    while piece := await process.stdout.read(KEPT_BYTES):
        output += piece
        del output[:-KEPT_BYTES]


async def _ended(process: asyncio.subprocess.Process) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    await process.wait()


def _held(folder: Path) -> int:
    """A lock that the command inherits: it is held until the last process of a command that outlived us has ended.

    Raises:
        InputError: One is held.
    """
    path = folder / _RUNNING
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise InputError(
            f"{untrusted(path)} cannot be made: {os.strerror(error.errno or 0)}", safe="nothing was run"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise InputError(
            "the command that was begun before still runs",
            safe="it was not begun a second time",
            next_step=f"wait until it ends, or end it (`fuser {untrusted(path)}` names it), then go on with the run",
        ) from None
    return descriptor
