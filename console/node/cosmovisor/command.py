"""Runs one short command with a deadline, a bounded memory of its output, and nothing left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from console.node.runtime.processes import readable
from console.text import UntrustedText, untrusted

OUTPUT_BYTES = 64 << 10
"""The last bytes of stdout and stderr together that are kept."""
LAST_LINES = 20
LINE_CHARACTERS = 400
_MAX_DRAINS = 64
_LOOK_S = 60.0


@dataclass(frozen=True, slots=True)
class Ending:
    """How a command ended."""

    code: int | None
    """Exit code; negative is minus the signal; None when the deadline passed and it was killed."""
    seconds: float
    last_lines: tuple[UntrustedText, ...]


async def run_bounded(
    arguments: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    deadline_s: float,
    executable: str | None = None,
    descriptors: Sequence[int] = (),
) -> Ending:
    """Run a command in a process group of its own; the whole group is killed at its end, at the deadline, on cancel.

    Args:
        arguments: With the command's name first.
        folder: Its working folder.
        environment: Its whole environment.
        deadline_s: Seconds until it is killed.
        executable: What is executed, when it is not the first argument.
        descriptors: Open files that it inherits.

    Raises:
        OSError: It could not be started.
    """
    tail = _Tail()
    started = time.monotonic()
    try:
        process = subprocess.Popen(
            arguments,
            executable=executable,
            stdin=subprocess.DEVNULL,
            stdout=tail.writer,
            stderr=tail.writer,
            cwd=folder,
            env=dict(environment),
            pass_fds=tuple(descriptors),
            start_new_session=True,
        )
        late = False
        try:
            tail.begin()
            async with asyncio.timeout(deadline_s):
                await _ended(process)
        except TimeoutError:
            late = True
        finally:
            # Children that it left behind too: nothing may touch the home once the upgrade goes on.
            _kill_group(process.pid)
            await _ended(process)
        tail.drain()
        return Ending(None if late else process.returncode, time.monotonic() - started, tail.lines())
    finally:
        tail.close()


async def _ended(process: subprocess.Popen[bytes]) -> None:
    """Wait by pidfd: asyncio before Python 3.12 takes a thread for each child, and the hop back from it."""
    if process.poll() is not None:
        return
    descriptor = os.pidfd_open(process.pid)
    try:
        while process.poll() is None:
            await readable(descriptor, _LOOK_S)
    finally:
        os.close(descriptor)


class _Tail:
    """The last bytes of what comes through a pipe. A descendant that keeps the pipe open holds nobody up."""

    def __init__(self) -> None:
        self._reader, self.writer = os.pipe()
        os.set_blocking(self._reader, False)
        self._kept = bytearray()
        self._watched = False

    def begin(self) -> None:
        """Read from now on, with the command's end of the pipe closed on our side."""
        os.close(self.writer)
        self.writer = -1
        asyncio.get_running_loop().add_reader(self._reader, self._read)
        self._watched = True

    def drain(self) -> None:
        """Read what is left, without waiting for more."""
        for _ in range(_MAX_DRAINS):
            if not self._read():
                return

    def lines(self) -> tuple[UntrustedText, ...]:
        """The last lines, safe to show."""
        lines = [line for line in bytes(self._kept).splitlines() if line.strip()]
        return tuple(untrusted(line, LINE_CHARACTERS) for line in lines[-LAST_LINES:])

    def close(self) -> None:
        """Give both ends back."""
        if self._watched:
            asyncio.get_running_loop().remove_reader(self._reader)
        for descriptor in (self._reader, self.writer):
            if descriptor >= 0:
                os.close(descriptor)

    def _read(self) -> bool:
        try:
            chunk = os.read(self._reader, OUTPUT_BYTES)
        except BlockingIOError:
            return False
        if not chunk:
            if self._watched:
                asyncio.get_running_loop().remove_reader(self._reader)
                self._watched = False
            return False
        self._kept += chunk
        del self._kept[:-OUTPUT_BYTES]
        return True


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # Nothing is left of it; on macOS the second error says the same of a zombie.
        pass
