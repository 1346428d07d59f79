"""A recording on disk: written line by line while the session goes on, read a stretch at a time."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from console.errors import RecordingError
from console.model import AuditEntry, AuditReading, Moment
from console.recording.format import MAX_LINE, Header, audit_of, head_of, is_whole, moment_of, read_header
from console.recording.timeline import Stretch, Timeline
from console.text import untrusted

MAX_MOMENTS = 1_000_000
"""Snapshots of one recording that is shown: more than eleven days at one a second."""
MAX_AUDIT = 20_000
"""Lines of what was done in one recording."""
MAX_STRETCH = 64 << 20
"""Bytes from one whole Snapshot to the next."""


class RecordingFile:
    """A file that takes lines. Nobody else may read it, and no file is replaced by it.

    Args:
        path: Of a file that does not exist.

    Raises:
        RecordingError: It exists, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size = 0
        self._turn = Lock()
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            raise RecordingError(
                f"{path} exists, and no recording overwrites a file", next_step="give --record another name"
            ) from None
        except OSError as error:
            raise RecordingError(f"cannot record to {path}: {error.strerror}", safe="nothing was started") from None

    def write(self, line: bytes) -> None:
        """Append a line.

        Raises:
            RecordingError: It could not be written whole; the file ends after the last whole line, and is closed.
        """
        try:
            # Who closes it meanwhile waits for the whole line: its descriptor may be another file's afterwards.
            with self._turn:
                self._append(line)
        except OSError as error:
            self.close()
            raise RecordingError(
                f"the recording {self.path} has ended: {error.strerror}",
                safe="what was recorded until now can be shown, and the console goes on",
            ) from None

    def _append(self, line: bytes) -> None:
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            # Where this fails too, a reader drops the line that is torn.
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(line)

    def close(self) -> None:
        """Close it, and remove it if nothing was written; closing twice is well."""
        with self._turn:
            if self._descriptor < 0:
                return
            if not self._size:
                with suppress(OSError):
                    self.path.unlink()
            os.close(self._descriptor)
            self._descriptor = -1


@dataclass(frozen=True, slots=True)
class _OnDisk:
    """Lines that are in a file; it is held open, so that another file of its name changes nothing."""

    stream: BinaryIO
    start: int
    end: int

    def read(self) -> list[bytes]:
        try:
            body = os.pread(self.stream.fileno(), self.end - self.start, self.start)
        except (OSError, ValueError) as error:
            raise RecordingError(f"the recording can no longer be read: {error}") from None
        if len(body) < self.end - self.start:
            raise RecordingError("the recording was cut while it was shown")
        return body.splitlines(keepends=True)


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording that can be shown."""

    header: Header
    timeline: Timeline
    stream: BinaryIO
    done: tuple[_OnDisk, ...]
    """Lines of what was decided and done, of the whole recording."""

    def audit(self) -> AuditReading:
        """What was decided and done, each entry as it was known last; for a thread. What cannot be read is told."""
        entries: dict[str, AuditEntry] = {}
        try:
            for place in self.done:
                for line in place.read():
                    entries |= {entry.key: entry for entry in audit_of(line)}
        except RecordingError as error:
            return AuditReading((), (str(error),))
        return AuditReading(tuple(sorted(entries.values(), key=lambda entry: entry.at)), ())

    def close(self) -> None:
        """Close the file."""
        self.stream.close()


def load(path: Path) -> Recording:
    """Open a recording. Its Snapshots are read when they are shown; a last line that is torn is left out.

    Raises:
        RecordingError: No such file, not a recording, of a later format, empty, or broken; says where.
    """
    try:
        # Opened without waiting: a pipe without a writer would hold the console for ever.
        stream = os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb")
    except OSError as error:
        raise RecordingError(f"cannot read the recording {path}: {error.strerror}") from None
    try:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise RecordingError(f"{path} is not a file")
        header = read_header(stream.readline(MAX_LINE), untrusted(path))
        done: list[_OnDisk] = []
        timeline = Timeline(_stretches(stream, done))
        if timeline.first is None:
            raise RecordingError(f"the recording {untrusted(path)} holds no Snapshot: it ended before the first")
    except OSError as error:
        stream.close()
        raise RecordingError(f"cannot read the recording {path}: {error.strerror}") from None
    except BaseException:
        stream.close()
        raise
    return Recording(header, timeline, stream, tuple(done))


def _stretches(stream: BinaryIO, done: list[_OnDisk]) -> Iterator[Stretch]:
    """The stretches of a file; where it says what was done is put into `done`."""
    moments: list[Moment] = []
    count, start, end, number = 0, stream.tell(), stream.tell(), 1
    while line := stream.readline(MAX_LINE):
        number += 1
        if not is_whole(line):
            if len(line) == MAX_LINE or stream.read(1):
                raise RecordingError(f"line {number} of the recording is broken, or longer than {MAX_LINE >> 20} MiB")
            break
        try:
            kind = head_of(line).kind
            moment = moment_of(line, count + 1)
        except RecordingError:
            raise RecordingError(f"line {number} of the recording is broken") from None
        if kind == "full" and moments:
            yield Stretch(tuple(moments), _OnDisk(stream, start, end))
            moments, start = [], end
        elif kind == "delta" and not moments:
            raise RecordingError(f"line {number} of the recording changes a Snapshot that is not there")
        end += len(line)
        if kind == "audit":
            done.append(_OnDisk(stream, end - len(line), end))
        if moment is not None:
            count += 1
            moments.append(moment)
        if count > MAX_MOMENTS or end - start > MAX_STRETCH or len(done) > MAX_AUDIT:
            raise RecordingError(f"the recording is too large from line {number} on")
    if moments:
        yield Stretch(tuple(moments), _OnDisk(stream, start, end))
