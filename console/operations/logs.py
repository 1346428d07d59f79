"""Logs followed while they grow, are rotated or truncated, in files or systemd's journal; every line made safe."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote

from console.errors import InputError, NodeError
from console.log_store import MAX_LINE, safe_text
from console.settings import NetworkSettings, NodeSettings, state_folder

if TYPE_CHECKING:
    from console.node.journald import UnitJournal

POLL_S = 0.25
"""Seconds between two looks at the files."""

_READ_BYTES = 1 << 18
_MOST_WAITING = 1000
_MOST_ENTRY = 1 << 20
_AGAIN_S = 5.0
_MAX_BACKLOG = 1 << 24
_MAX_PENDING = 1 << 16


def log_files(node: NodeSettings) -> dict[str, Path]:
    """The log files of a node by source: `node` and `controller`."""
    run = node.state_dir / "run"
    return {"node": run / "node.log", "controller": run / "controller.log"}


@dataclass(frozen=True, slots=True)
class NodeLogs:
    """Where the logs of a node are."""

    files: Mapping[str, Path]
    journals: Mapping[str, UnitJournal]
    """Those that are in systemd's journal."""

    @property
    def sources(self) -> tuple[str, ...]:
        """Their names."""
        return (*self.journals, *self.files)

    @property
    def there(self) -> bool:
        """Whether there may be anything to read."""
        return bool(self.journals) or any(path.exists() for path in self.files.values())

    def only(self, source: str | None) -> NodeLogs:
        """One of them; all for None."""
        if source is None:
            return self
        return NodeLogs(
            {name: path for name, path in self.files.items() if name == source},
            {name: journal for name, journal in self.journals.items() if name == source},
        )


def logs_of(node: NodeSettings) -> NodeLogs:
    """The logs of a node of this machine: of one that a unit of the operator's runs, the node's is in the journal."""
    files = log_files(node)
    if not node.unit:
        return NodeLogs(files, {})
    # At the first use: who reads files alone needs none of it.
    from console.node.journald import UnitJournal
    from console.node.runtime.systemd import of_user

    journal = UnitJournal(node.unit, user=of_user(node.systemd_manager))
    return NodeLogs({name: path for name, path in files.items() if name != "node"}, {"node": journal})


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


def last_lines(logs: NodeLogs, lines: int) -> list[tuple[str, str]]:
    """The last lines of each log as (source, line), log by log. Raises NodeError: a journal cannot be read."""
    out: list[tuple[str, str]] = []
    for source, journal in logs.journals.items():
        out += [(source, safe_text(entry.text)) for entry in (journal.newest(lines) if lines > 0 else ())]
    for source, path in logs.files.items():
        tail = LogTail(path, lines)
        try:
            told = tail.read() + tail.rest()
            out += [(source, line) for line in told[max(0, len(told) - lines) :]]
        finally:
            tail.close()
    return out


async def follow(logs: NodeLogs, lines: int, poll_s: float = POLL_S) -> AsyncGenerator[tuple[str, str], None]:
    """Yield (source, line) for the last lines and then for each new one, until closed.

    A journal that cannot be read is said as a line of its own, once, and tried again: logs never are a reason to fail.

    Args:
        logs: Where they are.
        lines: Lines per log that are told of what is there already.
        poll_s: Seconds between two looks at the files.
    """
    tails = {source: LogTail(path, lines) for source, path in logs.files.items()}
    told: asyncio.Queue[tuple[str, str]] = asyncio.Queue(_MOST_WAITING)
    readers = [
        asyncio.create_task(_follow_journal(source, journal, lines, told)) for source, journal in logs.journals.items()
    ]
    try:
        while True:
            while not told.empty():
                yield told.get_nowait()
            for source, tail in tails.items():
                for line in tail.read():
                    yield source, line
            await asyncio.sleep(poll_s)
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        for tail in tails.values():
            tail.close()


async def _follow_journal(source: str, journal: UnitJournal, lines: int, told: asyncio.Queue[tuple[str, str]]) -> None:
    from console.node.journald import entry_of

    said, after, since = "", "", time.time()
    try:
        newest = await asyncio.to_thread(journal.newest, max(1, lines))
    except NodeError as error:
        # What follows a journal says nothing of one that is empty, or that nobody lets it read.
        await told.put((source, str(error)))
    else:
        after = newest[-1].cursor
        for known in newest[max(0, len(newest) - lines) :]:
            await told.put((source, safe_text(known.text)))
    while True:
        problem = ""
        try:
            process = await asyncio.create_subprocess_exec(
                *journal.following(after, since),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                limit=_MOST_ENTRY,
                start_new_session=True,
            )
        except OSError as error:
            problem = f"journalctl cannot be run: {error.strerror}"
        else:
            assert process.stdout is not None
            assert process.stderr is not None
            try:
                async for raw in process.stdout:
                    if (entry := entry_of(raw.decode("utf-8", "replace"))) is not None:
                        after = entry.cursor
                        await told.put((source, safe_text(entry.text)))
                complaint = (await process.stderr.read(_MOST_ENTRY)).decode("utf-8", "replace").strip()
                problem = safe_text(complaint.splitlines()[-1].encode()) if complaint else "journalctl ended"
            except ValueError:
                problem = "one entry is too large to be read"
            finally:
                if process.returncode is None:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
                    await process.wait()
        if problem != said:
            said = problem
            await told.put((source, f"{journal.where} is not read: {problem}"))
        await asyncio.sleep(_AGAIN_S)


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
