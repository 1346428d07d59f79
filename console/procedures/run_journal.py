"""The journal of one run: a file that only grows, each line durable before what follows from it is done.

`<state>/procedures/<network>/<run id>/journal.jsonl`; each line has the SHA-256 of the line before it. A last line that
has no end was not yet durable when the machine or the process died: it counts as not written. Anything else that does
not fit is damage, and nothing is guessed from it.
"""

from __future__ import annotations

import errno
import fcntl
import json
import math
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from console import strict_json
from console.errors import HeldByOther, InputError, JournalError
from console.files import sync_folder
from console.hash_chain import line_hash
from console.model import Progress
from console.procedures.progress import NotARow, shown, taken
from console.procedures.secrets import without_secrets
from console.settings import NetworkSettings, folder_name, state_folder
from console.text import untrusted

JOURNAL_NAME = "journal.jsonl"
MOST_READ = 64 << 20
"""Bytes of a journal that are read: some 100,000 rows."""
_FORMAT = 1
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a run's journal holds."""

    progress: Progress
    head: str
    """sha256 of the last line, 64 hex digits: it stands for every line until then."""
    lines: int
    problem: str
    """What is wrong with it, one sentence: what was read until there is shown, and it cannot be gone on with."""
    size: int = 0
    """Bytes of the file."""
    held: bool = False
    """Whether somebody's process goes on with it now."""
    last_at: float = 0.0
    """Unix seconds of the last row."""


def procedures_folder(network: NetworkSettings) -> Path:
    """Where the runs on a network are kept."""
    if network.folder is not None:
        return network.folder / "procedures"
    return state_folder() / "procedures" / folder_name(network.name)


def run_folders(folder: Path) -> list[Path]:
    """Folders of the runs that are there."""
    try:
        found = [path for path in folder.iterdir() if (path / JOURNAL_NAME).is_file()]
    except OSError:
        return []
    return sorted(found)


def run_folder(folder: Path, run: str) -> Path:
    """The folder of that run. Raises InputError: there is none."""
    if _RUN_ID.fullmatch(run) is None or not (folder / run / JOURNAL_NAME).is_file():
        raise InputError(
            f"there is no run {untrusted(run, 80)!r} here",
            safe="nothing was changed",
            next_step="`upgrade-console run --list` names the runs",
        )
    return folder / run


def read_run(folder: Path, before: Reading | None = None) -> Reading:
    """Read a run's journal, while it is written or not.

    Args:
        folder: The run's own.
        before: What was read before: a journal only grows, so one of the same size is the same.

    Raises:
        JournalError: Nothing of it can be used.
    """
    path = folder / JOURNAL_NAME
    try:
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            content = stream.read(MOST_READ) if before is None or before.size != size else b""
            held = _is_held(stream.fileno())
    except OSError as error:
        raise JournalError(f"{untrusted(path)} cannot be read: {os.strerror(error.errno or 0)}") from error
    reading = before if before is not None and not content else reading_of(content, str(untrusted(path)))
    return replace(reading, progress=shown(reading.progress, held=held), held=held)


def read_run_until(folder: Path, until: float, now: Reading) -> Reading | None:
    """A run as it was at a moment; None where it had not begun.

    Args:
        folder: The run's own.
        until: Unix seconds.
        now: The same run as it is.

    Raises:
        JournalError: It cannot be read.
    """
    if now.progress.run.started_at > until:
        return None
    if now.last_at <= until:
        return now
    path = folder / JOURNAL_NAME
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_READ)
    except OSError as error:
        raise JournalError(f"{untrusted(path)} cannot be read: {os.strerror(error.errno or 0)}") from error
    return reading_of(content, str(untrusted(path)), until)


def reading_of(content: bytes, where: str, until: float = math.inf) -> Reading:
    """What these bytes of a journal hold. Raises JournalError: not even their first line.

    Args:
        content: The file's.
        where: Its name in what is said of it.
        until: Rows of later than that, Unix seconds, are left out.
    """
    before = problem = ""
    progress: Progress | None = None
    count, last_at, held = 0, 0.0, False
    # What follows the last end of a line was not durable yet.
    for line in content.split(b"\n")[:-1]:
        try:
            row = _row(line, before)
            if progress is not None and float(row["at"]) > until:
                # Whoever goes on with a run that nobody held says so first.
                held = row["row"] not in {"gone_on", "abandoned"}
                break
            progress = taken(progress, row)
            last_at = float(row["at"])
        except (NotARow, strict_json.NotStrictJson) as error:
            problem = f"line {count + 1:,} of {where} is not what was written there ({untrusted(error, 120)})."
            break
        before, count = line_hash(line), count + 1
    if progress is None:
        raise JournalError(
            problem.rstrip(".") or f"{where} holds no whole line",
            safe="nothing is guessed from it",
            next_step="keep the file, and begin a new run",
        )
    progress = progress if until == math.inf else shown(progress, held=held)
    return Reading(progress, before, count, problem, len(content), held, last_at)


def _row(line: bytes, before: str) -> dict[str, Any]:
    document = strict_json.loads(line, max_depth=5)
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise NotARow("it is no line of a run")
    if document.get("before") != before:
        raise NotARow("it does not fit the line before")
    return document


def _is_held(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


class RunJournal:
    """The journal of a run, held by this process until it is closed. Made by `begin_journal` and `reopen_journal`."""

    def __init__(self, folder: Path, descriptor: int, progress: Progress | None, head: str, size: int) -> None:
        self.folder = folder
        self._descriptor = descriptor
        self._head = head
        self._size = size
        self._progress = progress

    @property
    def progress(self) -> Progress:
        """How far the run is."""
        assert self._progress is not None, "its first row is written when it is made"
        return self._progress

    def append(self, row: str, **fields: object) -> Progress:
        """Write a row down, durably. Raises JournalError: it is not written, and what follows from it must not be done.

        Args:
            row: Its kind.
            fields: What it says; texts that look like secrets are hidden.
        """
        document = {"row": row, **{name: without_secrets(value) for name, value in fields.items()}}
        line = json.dumps({"format": _FORMAT, "before": self._head, **document}).encode()
        progress = taken(self._progress, document)
        try:
            if os.write(self._descriptor, line + b"\n") != len(line) + 1:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._descriptor)
        except OSError as error:
            self._take_back()
            raise JournalError(
                f"the run's journal in {untrusted(self.folder)} cannot be written: {os.strerror(error.errno or 0)}",
                safe="nothing that was not written down before is begun",
                next_step="make room there, then go on with the run",
            ) from error
        self._head, self._size, self._progress = line_hash(line), self._size + len(line) + 1, progress
        return progress

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError:
            pass  # half a line is none, for whoever reads it next

    def close(self) -> None:
        """Let go of the run; whoever goes on opens it again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def begin_journal(folder: Path, run: str, **started: object) -> RunJournal:
    """Make the folder and the journal of a new run, held, with its first row. Raises JournalError.

    Args:
        folder: Of the network's runs.
        run: The run's id.
        started: Fields of the row `started`.
    """
    own = folder / run
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        own.mkdir(mode=0o700)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW
        descriptor = os.open(own / JOURNAL_NAME, flags, 0o600)
    except OSError as error:
        raise JournalError(
            f"a run cannot be written down in {untrusted(folder)}: {os.strerror(error.errno or 0)}",
            safe="nothing was begun",
            next_step="make room there, or mend the folder",
        ) from error
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    journal = RunJournal(own, descriptor, None, "", 0)
    try:
        journal.append("started", run=run, **started)
        sync_folder(own)
        sync_folder(folder)
    except BaseException as error:
        journal.close()
        (own / JOURNAL_NAME).unlink(missing_ok=True)
        own.rmdir()
        if isinstance(error, JournalError):
            raise JournalError(error.what, safe="nothing was begun", next_step="make room there") from error
        raise
    return journal


def reopen_journal(folder: Path) -> RunJournal:
    """Hold the journal of a run that is there. Raises JournalError: it is damaged; HeldByOther."""
    path = folder / JOURNAL_NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW)
    except OSError as error:
        raise JournalError(f"{untrusted(path)} cannot be opened: {os.strerror(error.errno or 0)}") from error
    try:
        _hold(descriptor, f"run {folder.name} is held by another process", folder.name)
        content = os.pread(descriptor, MOST_READ, 0)
        reading = reading_of(content, str(untrusted(path)))
        if reading.problem:
            raise JournalError(
                reading.problem.rstrip("."),
                safe="nothing of the run is done, and nothing is guessed",
                next_step="keep the file, look at what is there, and begin a new run",
            )
        whole = content.rfind(b"\n") + 1
        if whole != len(content):
            os.ftruncate(descriptor, whole)
    except BaseException:
        os.close(descriptor)
        raise
    return RunJournal(folder, descriptor, reading.progress, reading.head, whole)


@contextmanager
def only_one(
    folder: Path, procedure: str, node: str, by: str, clock: Callable[[], float] = time.time
) -> Iterator[Callable[[str], None]]:
    """Keep everybody else from running this procedure for this node meanwhile.

    Args:
        folder: Of the network's runs.
        procedure: Its name.
        node: The node's; empty for none.
        by: Who runs it.
        clock: Unix seconds.

    Yields:
        What says which run it is, for those who come second.

    Raises:
        HeldByOther: Somebody does; it says who, since when and how far.
        JournalError: The lock cannot be made.
    """
    path = folder / f"{folder_name(procedure)}{f'@{folder_name(node)}' if node else ''}.lock"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        if os.geteuid() == 0:
            # What root makes beside a node is the node's user's: he comes second as well as first.
            owner = folder.parent.stat()
            os.chown(folder, owner.st_uid, owner.st_gid)
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
    except OSError as error:
        raise JournalError(
            f"the procedure's lock {untrusted(path)} cannot be made: {os.strerror(error.errno or 0)}",
            safe="nothing was begun",
        ) from error

    def tell(run: str) -> None:
        document = {"by": by, "pid": os.getpid(), "since": clock(), "run": run}
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(document).encode(), 0)
        except OSError:
            pass  # the lock holds all the same; only its words are missing

    try:
        _hold(descriptor, *_holder_words(folder, procedure, descriptor))
        tell("")
        yield tell
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _hold(descriptor: int, what: str, run: str = "") -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
            raise JournalError(f"the lock cannot be taken: {os.strerror(error.errno or 0)}") from error
        raise HeldByOther(
            what,
            safe="nothing was begun here",
            next_step=f"watch it with `upgrade-console run --watch {run or 'RUN'}`, or wait until it ends",
        ) from None


def _holder_words(folder: Path, procedure: str, descriptor: int) -> tuple[str, str]:
    """Who holds a procedure and how far it is, and the id of the run; empty where it is not known."""
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0))
        since = time.strftime("%H:%M:%S", time.localtime(float(holder["since"])))
        words = f"{procedure} is run by {untrusted(holder['by'], 64)} (process {int(holder['pid'])}) since {since}"
        run = str(holder["run"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"{procedure} is run by another process", ""
    if _RUN_ID.fullmatch(run) is None:
        return words, ""
    words += f", run {run}"
    try:
        progress = read_run(folder / run).progress
    except JournalError:
        # Another user's: his records are his own.
        return words, ""
    step = progress.run.begun or _next_step(progress)
    return words + (f", at step {step}" if step else ""), run


def _next_step(progress: Progress) -> str:
    ended = {record.step for record in progress.run.records}
    return next((step.id for step in progress.steps if step.id not in ended), "")
