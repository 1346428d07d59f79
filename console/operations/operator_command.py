"""A command of the operator's own, as the settings name it: no shell, a plain environment, an end in any case."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
import time
from asyncio.subprocess import DEVNULL
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from console.errors import NodeError
from console.node.redaction import redacted
from console.operations import limited_child
from console.text import UntrustedText, untrusted

KEPT_VARIABLES = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "KUBECONFIG",
)
"""What such a command is given of our environment: nothing of it is a secret."""

MOST_OUTPUT = 256 * 1024
"""Bytes of each of its outputs that are kept."""
_REST_S = 0.5
"""Seconds that its pipes are read after its end: what it left running may hold them for ever."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a command may take; it has no network either, where the kernel lets us take it away."""

    cpu_s: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class CommandEnd:
    """How a command ended."""

    words: str
    """The command as a shell would read it, without secrets."""
    code: int
    """Exit code; minus the signal that killed it."""
    output: str
    """What it printed, without secrets; not made safe to be shown yet."""
    complaint: str
    """The same of stderr."""
    seconds: float
    alone: bool = False
    """Whether it had no network."""

    @property
    def lines(self) -> tuple[UntrustedText, ...]:
        """What it printed, safe to show: the lines that hold something."""
        return tuple(untrusted(line, 300) for line in self.output.splitlines() if line.strip())

    @property
    def last_word(self) -> UntrustedText:
        """The last line that it wrote, of stderr first; empty for none."""
        said = [line for text in (self.output, self.complaint) for line in text.splitlines() if line.strip()]
        return untrusted(said[-1] if said else "", 300)

    @property
    def how(self) -> str:
        """`ended with exit code 1: no such key`."""
        if self.code < 0:
            with suppress(ValueError):
                return f"was killed by {signal.Signals(-self.code).name}"
        return f"ended with exit code {self.code}" + (f": {self.last_word}" if self.last_word else "")


def filled_in(command: Sequence[str], values: Mapping[str, object]) -> tuple[str, ...]:
    """The command with `{name}` replaced; braces of anything else stay as they are."""
    words = list(command)
    for name, value in values.items():
        words = [word.replace(f"{{{name}}}", str(value)) for word in words]
    return tuple(words)


async def run_command_of_operator(
    command: Sequence[str],
    *,
    deadline_s: float,
    values: Mapping[str, object] | None = None,
    limits: Limits | None = None,
) -> CommandEnd:
    """Run a command to its end.

    Args:
        command: Program and arguments.
        deadline_s: Seconds for it; then it is killed with everything that it started.
        values: By placeholder.
        limits: What it may take; None: what anybody may.

    Raises:
        NodeError: It cannot be started, or did not end in time.
    """
    words = filled_in(command, values or {})
    shown = redacted(shlex.join(words))
    began = time.monotonic()
    async with _Pipe() as output, _Pipe() as complaint:
        try:
            process = await asyncio.create_subprocess_exec(
                *(words if limits is None else _limited(words, limits)),
                stdin=DEVNULL,
                stdout=output.end,
                stderr=complaint.end,
                env={name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ},
                start_new_session=True,
            )
        except OSError as error:
            raise NodeError(
                f"cannot run {untrusted(shown)}: {error.strerror}", next_step="mend the command in the settings"
            ) from error
        output.handed_over()
        complaint.handed_over()
        try:
            async with asyncio.timeout(deadline_s):
                await process.wait()
        except TimeoutError:
            raise NodeError(
                f"{untrusted(shown)} did not end within {deadline_s:g} seconds and was killed",
                next_step="run it by hand and see what it waits for",
            ) from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        said, complained = await output.text(), await complaint.text()
    first, _, rest = complained.partition("\n")
    marked = limits is not None and first in {limited_child.ALONE, limited_child.NOT_ALONE}
    return CommandEnd(
        words=shown,
        code=process.returncode or 0,
        output=redacted(said),
        complaint=redacted(rest if marked else complained),
        seconds=time.monotonic() - began,
        alone=marked and first == limited_child.ALONE,
    )


def _limited(words: Sequence[str], limits: Limits) -> tuple[str, ...]:
    program = str(Path(limited_child.__file__).resolve())
    return (sys.executable, "-I", "-S", program, str(limits.cpu_s), str(limits.memory_bytes), *words)


class _Pipe:
    """A pipe whose other end a program gets, read in the background; what is too much is thrown away."""

    async def __aenter__(self) -> _Pipe:
        read, self.end = os.pipe()
        reader = asyncio.StreamReader()
        stream = os.fdopen(read, "rb", buffering=0)
        self._open = True
        self._kept = bytearray()
        self._transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), stream
        )
        self._reading = asyncio.create_task(self._read(reader))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.handed_over()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        self._transport.close()

    def handed_over(self) -> None:
        """Close the writing end, which the program has now."""
        if self._open:
            os.close(self.end)
            self._open = False

    async def text(self) -> str:
        """What came, once the program has ended: what it left running may hold the pipe for ever."""
        await asyncio.wait([self._reading], timeout=_REST_S)
        return bytes(self._kept).decode("utf-8", "replace")

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while piece := await reader.read(1 << 16):
            self._kept += piece[: MOST_OUTPUT - len(self._kept)]
