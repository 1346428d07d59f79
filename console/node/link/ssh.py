"""The way to a controller of another machine: the operator's own OpenSSH, and `node pipe` at the other end.

Who may go there, by which key, over which hosts and under which name is the operator's `~/.ssh/config` alone. Nothing
is asked here: a key that needs a passphrase is in an agent, or the way is not open.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO

from console.errors import ControllerDown, NodeError
from console.files import sha256_of
from console.node import protocol
from console.node.link.pipe import CONTROL, TAKE, Answer, Wish, read_answer
from console.node.link.ssh_words import why_ended
from console.text import untrusted

CONNECT_S = 10
ALIVE_S = 3
ALIVE_MISSED = 2
"""A way on which nothing comes back for this often that many seconds is lost."""

OPTIONS = (
    # No terminal and no question: what would be asked is refused instead.
    *("-T", "-o", "BatchMode=yes"),
    *("-o", f"ConnectTimeout={CONNECT_S}"),
    *("-o", f"ServerAliveInterval={ALIVE_S}", "-o", f"ServerAliveCountMax={ALIVE_MISSED}"),
    # The other machine gets neither the operator's agent and display nor a way back into this one.
    *("-o", "ForwardAgent=no", "-o", "ForwardX11=no", "-o", "ClearAllForwardings=yes"),
)
"""What `ssh` is told before the host; the rest is in the operator's own configuration."""

_END_S = 2.0
_CHUNK = 1 << 20
_CARRY_S = 900.0
"""Seconds for a file."""


class SshLink:
    """`console.node.link.link.Link` over OpenSSH. Each connection is a process `ssh`; nothing of it outlives it.

    Args:
        name: The node's.
        host: What `ssh` is given.
        command: What the shell there is given.
    """

    def __init__(self, name: str, host: str, command: str) -> None:
        self._name = name
        self._host = host
        self._command = command

    @property
    def slack_s(self) -> float:
        """Seconds for the way there, and for the console there to start."""
        return CONNECT_S + 5.0

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[SshStream]:
        """Connect. Raises ControllerDown: no way there, or no controller; NodeError: something else answers."""
        async with self._asked(Wish(CONTROL)) as (stream, _):
            yield stream

    async def carried(self, file: Path) -> Path:
        """Carry a file to where the controller reads it; not again where it is there already. Raises as `Link`."""
        try:
            size = (await asyncio.to_thread(file.stat)).st_size
            sha256 = await asyncio.to_thread(sha256_of, file)
            async with asyncio.timeout(_CARRY_S), self._asked(Wish(TAKE, sha256, size)) as (stream, answer):
                if not answer.path:
                    await self._send(file, stream)
                    answer = self._understood(await stream.line())
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise self.silent("a file", _CARRY_S) from error
            raise NodeError(f"cannot read {file}: {error.strerror or error}", safe="nothing was changed") from error
        if not answer.path:
            raise NodeError(f"{self._there} did not say where it kept {file.name}", safe="nothing was changed")
        return Path(answer.path)

    def silent(self, what: str, seconds: float) -> ControllerDown:
        """What to tell when an answer did not come over a way that is open."""
        return ControllerDown(
            f"the controller of {self._there} did not answer {what} within {seconds:g} seconds",
            safe="its node goes on as it was",
            next_step="look at it there, or ask again; a run goes on with --resume",
        )

    @property
    def _there(self) -> str:
        return self._name if self._name == self._host else f"{self._name} ({self._host})"

    @asynccontextmanager
    async def _asked(self, wish: Wish) -> AsyncIterator[tuple[SshStream, Answer]]:
        ours, theirs = socket.socketpair()
        said = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the stream
        stream: SshStream | None = None
        try:
            try:
                process = await asyncio.to_thread(self._start, theirs, said)
            finally:
                theirs.close()
            reader, writer = await asyncio.open_connection(sock=ours, limit=protocol.MAX_LINE)
            stream = SshStream(self._there, process, said, reader, writer)
            await stream.send(wish.line())
            answer = self._understood(await stream.line())
            stream.greeted = True
            yield stream, answer
        finally:
            if stream is None:
                ours.close()
            else:
                await stream.close()
            said.close()

    def _understood(self, line: bytes) -> Answer:
        try:
            answer = read_answer(line)
        except ValueError as error:
            raise NodeError(
                f"{self._there}: {error}",
                safe="its node goes on",
                next_step="have the same version on both machines, and a shell there that prints nothing of its own",
            ) from error
        if answer.error:
            raise ControllerDown(f"{self._there}: {answer.error.rstrip('.')}")
        return answer

    def _start(self, end: socket.socket, said: IO[bytes]) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                ("ssh", *OPTIONS, "--", self._host, self._command),
                stdin=end.fileno(),
                stdout=end.fileno(),
                stderr=said,
                # Away from our terminal: no Ctrl-C of it ends a step, and nothing is asked there.
                start_new_session=True,
                env={**os.environ, "LC_ALL": "C"},
            )
        except OSError as error:
            raise NodeError(
                f"`ssh` cannot be run: {error.strerror or error}", next_step="install OpenSSH's client"
            ) from error

    async def _send(self, file: Path, stream: SshStream) -> None:
        with file.open("rb") as source:
            while chunk := await asyncio.to_thread(source.read, _CHUNK):
                await stream.send(chunk)


class SshStream:
    """One connection through a pipe at the other machine."""

    def __init__(
        self,
        there: str,
        process: subprocess.Popen[bytes],
        said: IO[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.greeted = False
        """Whether the other end has said who it is: before that no way was there, after it one was lost."""
        self._there = there
        self._process = process
        self._said = said
        self._reader = reader
        self._writer = writer

    async def send(self, message: bytes) -> None:
        """Send bytes. Raises ControllerDown: the way is lost."""
        try:
            self._writer.write(message)
            await self._writer.drain()
        except OSError as error:
            raise await self._ended() from error

    async def line(self) -> bytes:
        """The next line. Raises ControllerDown: the way is lost; NodeError: a line that is too long."""
        try:
            found = await self._reader.readline()
        except ValueError as error:
            raise NodeError(f"{self._there} sent a line that is no answer of a controller") from error
        except OSError as error:
            raise await self._ended() from error
        if not found.endswith(b"\n"):
            raise await self._ended()
        return found

    async def _ended(self) -> ControllerDown:
        """Why, by the exit code of `ssh` and what it said."""
        code = await asyncio.to_thread(self._code, _END_S)
        self._said.seek(0)
        words = self._said.read(64 * 1024)
        return why_ended(self._there, code, [str(untrusted(line, 300)) for line in words.splitlines()], self.greeted)

    def _code(self, seconds: float) -> int | None:
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    async def close(self) -> None:
        """End the process; one that does not go is killed. What the controller was asked for goes on there."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()
        await asyncio.shield(asyncio.to_thread(self._end))

    def _end(self) -> None:
        if self._code(0.2) is None:
            self._process.terminate()
        if self._code(_END_S) is None:
            self._process.kill()
            self._process.wait()
