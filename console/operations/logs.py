"""Log files followed while they grow, are rotated or truncated; every line made safe (facts/tui.md C4, A2)."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from itertools import count
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import quote

from console.errors import ControllerDown, InputError
from console.log_store import MAX_LINE, safe_text
from console.settings import NetworkSettings, NodeSettings, state_folder

POLL_S = 0.25
"""Seconds between two looks at the files."""

FAR_POLL_S = 1.0
"""The same of logs on another machine, each a question to its controller."""
AGAIN_S = 3.0
"""Seconds until a way that was lost is tried again."""

_READ_BYTES = 1 << 18
_MAX_BACKLOG = 1 << 24
_MAX_PENDING = 1 << 16


def log_files(node: NodeSettings) -> dict[str, Path]:
    """The log files of a node by source: `node` and `controller`."""
    run = node.state_dir / "run"
    return {"node": run / "node.log", "controller": run / "controller.log"}


class LogTail:
    """One log file from its last lines on, through rotation and truncation. Holds one open file.

    Args:
        path: The file; it need not exist yet.
        lines: How many of the lines that are there already are told.
    """

    def __init__(self, path: Path, lines: int) -> None:
        self._path = path
        self._lines = lines
        self._stream: BinaryIO | None = None
        self._inode = (0, 0)
        self._pending = b""
        self._skipping = False
        self._first = True
        self._backlog = min(max(_READ_BYTES, lines * MAX_LINE), _MAX_BACKLOG)

    def read(self) -> list[str]:
        """Lines that are complete since the last call; of much new text only a part, the rest comes with later calls.

        A file that cannot be opened gives no lines: logs are for looking at, never a reason to fail.
        """
        try:
            found = os.stat(self._path)
        except OSError:
            found = None
        out: list[str] = []
        if self._stream is not None and (found is None or (found.st_dev, found.st_ino) != self._inode):
            # Rotated: the old file may have grown after the last look.
            out += self._take(self._stream, _MAX_BACKLOG)
            out += self.rest()
            self.close()
        if found is not None and self._stream is None and not self._open():
            return out
        if self._stream is None:
            self._first = False
            return out
        read = self._stream.tell()
        if found is not None and found.st_size < read:
            out += self.rest()
            read = self._stream.seek(0)
        if not self._first:
            if found is not None and found.st_size == read:
                return out
            return out + self._take(self._stream, _READ_BYTES)
        self._first = False
        out += self._take(self._stream, self._backlog + _READ_BYTES)
        return out[-self._lines :] if self._lines > 0 else []

    def rest(self) -> list[str]:
        """What stands after the last line end, as a line; nothing when there is nothing."""
        rest, self._pending, self._skipping = self._pending, b"", False
        return [safe_text(rest)] if rest else []

    def close(self) -> None:
        """Close the file; the next read opens it again from its start."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _open(self) -> bool:
        try:
            self._stream = self._path.open("rb")
        except OSError:
            return False
        opened = os.fstat(self._stream.fileno())
        self._inode = (opened.st_dev, opened.st_ino)
        if self._first and opened.st_size > self._backlog:
            self._stream.seek(opened.st_size - self._backlog)
            self._skipping = True
        return True

    def _take(self, stream: BinaryIO, limit: int) -> list[str]:
        data = stream.read(limit)
        if self._skipping:
            # Inside a line whose start is not wanted any more: go on after its end.
            _cut, newline, data = data.partition(b"\n")
            if not newline:
                return []
            self._skipping = False
        *complete, self._pending = (self._pending + data).split(b"\n")
        lines = [safe_text(line) for line in complete]
        if len(self._pending) > _MAX_PENDING:
            lines += self.rest()
            self._skipping = True
        return lines


def last_lines(files: Mapping[str, Path], lines: int) -> list[tuple[str, str]]:
    """The last lines of each file as (source, line), file by file."""
    out: list[tuple[str, str]] = []
    for source, path in files.items():
        tail = LogTail(path, lines)
        try:
            told = tail.read() + tail.rest()
            out += [(source, line) for line in told[max(0, len(told) - lines) :]]
        finally:
            tail.close()
    return out


async def follow(
    files: Mapping[str, Path], lines: int, poll_s: float = POLL_S
) -> AsyncGenerator[tuple[str, str], None]:
    """Yield (source, line) for the last lines and then for each new one, until closed.

    Args:
        files: Source name to file.
        lines: Lines per file that are told of what is there already.
        poll_s: Seconds between two looks.
    """
    tails = {source: LogTail(path, lines) for source, path in files.items()}
    try:
        while True:
            for source, tail in tails.items():
                for line in tail.read():
                    yield source, line
            await asyncio.sleep(poll_s)
    finally:
        for tail in tails.values():
            tail.close()


class TellsLogs(Protocol):
    """What following a log elsewhere asks of a controller's client. Raises ControllerDown, NodeError."""

    async def log_after(self, source: str, place: str, lines: int) -> tuple[list[str], str]: ...
    def kept(self) -> AbstractAsyncContextManager[None]: ...


async def follow_elsewhere(
    control: TellsLogs,
    sources: Iterable[str],
    lines: int,
    lost: Callable[[ControllerDown], None],
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncGenerator[tuple[str, str], None]:
    """Yield (source, line) for the last lines of another machine's logs and then for each new one, until closed.

    A way that is lost is opened again, and what was written meanwhile is told then.

    Args:
        control: Its controller.
        sources: `node`, `controller`.
        lines: Lines of each log that are told of what is there already.
        lost: Called once for each loss of the way.
        pause: Waits.

    Raises:
        ControllerDown: It could not be asked even once.
        NodeError: It refuses.
    """
    places = dict.fromkeys(sources, "")
    heard = down = False
    async with control.kept():
        while True:
            try:
                more = False
                for source in places:
                    told, place = await control.log_after(source, places[source], lines)
                    more = more or (bool(told) and bool(places[source]))
                    places[source] = place
                    for line in told:
                        yield source, line
                heard, down = True, False
                if not more:
                    await pause(FAR_POLL_S)
            except ControllerDown as error:
                if not heard:
                    raise
                if not down:
                    lost(error)
                down = True
                await pause(AGAIN_S)


def save_lines(network: NetworkSettings, name: str, lines: Iterable[str], now: float) -> tuple[str, int]:
    """Write lines to a new file of mode 0600 in the folder `exports` beside the state; nothing is ever overwritten.

    Args:
        network: The network.
        name: What they are.
        lines: The lines, safe to be shown.
        now: Unix seconds, for the file's name.

    Returns:
        Its path, and how many lines were written.

    Raises:
        InputError: It cannot be written; what was written of it is removed.
    """
    folder = (network.folder or state_folder()) / "exports"
    base = f"{name}-{quote(network.name, safe='')}-{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path, descriptor = _new_file(folder, base)
    except OSError as error:
        raise _unwritten(folder, error) from error
    written = 0
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as stream:
            for line in lines:
                stream.write(f"{line}\n")
                written += 1
    except OSError as error:
        path.unlink(missing_ok=True)
        raise _unwritten(path, error) from error
    return str(path), written


def _new_file(folder: Path, base: str) -> tuple[Path, int]:
    for number in count(1):
        path = folder / (f"{base}.txt" if number == 1 else f"{base}-{number}.txt")
        try:
            return path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            continue
    raise AssertionError("numbers do not end")


def _unwritten(path: Path, error: OSError) -> InputError:
    return InputError(
        f"the lines cannot be written to {path}: {os.strerror(error.errno or 0)}", safe="no file was left behind"
    )
