"""The lines of a recording: a header, then one Snapshot, change or batch of log lines each, with its time.

    {"format": "upgrade-console recording", "version": 1, "network": "calib", "own_address": "0x…", …}
    {"t":1760000000.000,"event":true,"full":{…}}     a whole Snapshot
    {"t":1760000001.004,"delta":{"~":{…}}}           what changed since the Snapshot before
    {"t":1760000001.250,"log":[["node","…"],…]}      log lines that came after the Snapshot before
    {"t":1760000001.300,"inside":{…}}                the node from inside, whole
    {"t":1760000006.300,"inside_change":{"~":{…}}}   what changed of it since the reading before
    {"t":1760000006.310,"audit":[{…},…]}             what was decided and done: new, or with its outcome

What follows from chain and node (`Snapshot.upgrade`) is not written: it is derived again when it is shown.
Each stretch begins with a whole Snapshot, has a whole reading of the node before any change of one, and needs nothing
of what stands before it; what was done is of all of the recording. Lines of another kind are of a later version, and
skipped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from console import __version__
from console.errors import RecordingError
from console.model import UNSAID, AuditEntry, InsideReading, Moment, Snapshot, Standing, upgrade_of
from console.recording.codec import Codec, Json
from console.strict_json import NotStrictJson, loads
from console.text import untrusted

FORMAT = "upgrade-console recording"
VERSION = 1

MAX_LINE = 16 << 20
"""Bytes of one line: a whole Snapshot of ten thousand validators is 6 MB."""
MAX_BATCH = 200
"""Log lines of one batch; of more the newest are kept."""
MAX_LOG_LINE = 400
"""Characters kept of a log line."""
STRETCH = 256
"""Snapshots from one whole one to the next: more of them make a file smaller, fewer make looking back quicker."""

END_OF_TIME = 253_370_764_800.0
"""Unix seconds: the year 9999, the last that a calendar here knows."""

MAX_ENTRIES = 200
"""Entries of the audit in one line."""

LogLine = tuple[str, str]

_HEAD = re.compile(rb'\{"t":(-?[0-9]{1,12}(?:\.[0-9]{1,6})?),(?:"event":(true),)?"([a-z_]{1,20})":')


@dataclass(frozen=True, slots=True)
class Header:
    """Whose session it was."""

    network: str
    own_address: str
    """Checksummed address of the validator whose node the session had; empty for none."""
    standing: Standing = UNSAID
    """What was at stake there."""
    program: str = __version__
    """Version that recorded it."""


@dataclass(frozen=True, slots=True)
class LineHead:
    """What a line is, known without reading it whole."""

    time: float
    """Unix seconds."""
    kind: str
    """`full`, `delta`, `log`, `inside`, `inside_change`, `audit`, or one of a later version."""
    event: bool


_SNAPSHOTS = Codec(Snapshot)
_HEADERS = Codec(Header)
_INSIDE = Codec(InsideReading)
_ENTRIES = Codec(AuditEntry)


def header_line(header: Header) -> bytes:
    """The first line."""
    return _line({"format": FORMAT, "version": VERSION, **_HEADERS.encode(header)})


def read_header(line: bytes, name: str) -> Header:
    """The reverse of `header_line`, of the file of this name. Raises RecordingError: no recording, or a later one."""
    try:
        document = loads(line)
    except NotStrictJson:
        document = None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise RecordingError(f"{name} is not a recording of upgrade-console")
    version = document.get("version")
    if type(version) is not int or version < 1:
        raise RecordingError("the recording does not say its version")
    if version > VERSION:
        raise RecordingError(
            f"the recording is of format {version}, this upgrade-console reads up to {VERSION}",
            next_step="show it with the version that recorded it",
        )
    return _HEADERS.decode(document)


def full_line(snapshot: Snapshot, *, event: bool = False) -> bytes:
    """A whole Snapshot. Raises RecordingError where it cannot be written."""
    return _timed(snapshot.taken_at, "full", _SNAPSHOTS.encode(replace(snapshot, upgrade=None)), event=event)


def delta_line(before: Snapshot, snapshot: Snapshot, *, event: bool = False) -> bytes:
    """What changed since the Snapshot of the line before. Raises RecordingError where it cannot be written."""
    change = _SNAPSHOTS.change(replace(before, upgrade=None), replace(snapshot, upgrade=None))
    return _timed(snapshot.taken_at, "delta", change, event=event)


def log_line(time: float, lines: Iterable[LogLine]) -> bytes:
    """A batch of log lines that came at a time in Unix seconds."""
    batch = [[source, untrusted(text, MAX_LOG_LINE)] for source, text in list(lines)[-MAX_BATCH:]]
    return _timed(time, "log", batch)


def inside_line(time: float, before: InsideReading | None, reading: InsideReading) -> bytes:
    """A reading of the node from inside: what changed, or all of it where there is none before it in its stretch."""
    if before is None:
        return _timed(time, "inside", _INSIDE.encode(reading))
    return _timed(time, "inside_change", _INSIDE.change(before, reading))


def audit_lines(time: float, entries: Sequence[AuditEntry]) -> list[bytes]:
    """What was decided and done, as it was known at a time in Unix seconds."""
    return [
        _timed(time, "audit", [_ENTRIES.encode(entry) for entry in entries[start : start + MAX_ENTRIES]])
        for start in range(0, len(entries), MAX_ENTRIES)
    ]


def head_of(line: bytes) -> LineHead:
    """What a line is. Raises RecordingError when it is none."""
    found = _HEAD.match(line)
    if found is None:
        raise RecordingError("it is not a line of a recording")
    time = float(found[1])
    if not 0 <= time < END_OF_TIME:
        raise RecordingError("it is of no time that there is")
    return LineHead(time, found[3].decode(), found[2] is not None)


def is_whole(line: bytes) -> bool:
    """Whether a line was written to its end."""
    return line.endswith(b"}\n")


def snapshots_of(lines: Iterable[bytes]) -> list[Snapshot]:
    """The Snapshots of one stretch, in their order; without what is derived. Raises RecordingError."""
    snapshots: list[Snapshot] = []
    for line in lines:
        kind = head_of(line).kind
        if kind == "full":
            snapshots.append(_SNAPSHOTS.decode(_body(line, kind)))
        elif kind == "delta":
            if not snapshots:
                raise RecordingError("a stretch of the recording does not begin with a whole Snapshot")
            snapshots.append(_SNAPSHOTS.apply(snapshots[-1], _body(line, kind)))
    return snapshots


def insides_of(lines: Iterable[bytes]) -> list[tuple[float, InsideReading]]:
    """The readings of the node in one stretch with their times in Unix seconds. Raises RecordingError."""
    found: list[tuple[float, InsideReading]] = []
    for line in lines:
        head = head_of(line)
        if head.kind == "inside":
            found.append((head.time, _INSIDE.decode(_body(line, head.kind))))
        elif head.kind == "inside_change":
            if not found:
                raise RecordingError("a stretch of the recording changes a reading of the node that is not there")
            found.append((head.time, _INSIDE.apply(found[-1][1], _body(line, head.kind))))
    return found


def audit_of(line: bytes) -> list[AuditEntry]:
    """The entries of a line of the audit. Raises RecordingError."""
    entries = _body(line, "audit")
    if not isinstance(entries, list) or len(entries) > MAX_ENTRIES:
        raise RecordingError("what was done is no list in the recording, or too long a one")
    return [_ENTRIES.decode(entry) for entry in entries]


def completed(snapshot: Snapshot) -> Snapshot:
    """A Snapshot as it was before it was written: with what follows from chain and node."""
    return replace(snapshot, upgrade=upgrade_of(snapshot.chain, snapshot.node, snapshot.height))


def log_of(line: bytes) -> list[LogLine]:
    """The log lines of a batch; none for another line. Raises RecordingError."""
    if head_of(line).kind != "log":
        return []
    batch = _body(line, "log")
    if not isinstance(batch, list):
        raise RecordingError("log lines of the recording are no list")
    lines: list[LogLine] = []
    for entry in batch[-MAX_BATCH:]:
        if not isinstance(entry, list) or len(entry) != 2 or not all(isinstance(part, str) for part in entry):
            raise RecordingError("a log line of the recording has no source and text")
        lines.append((untrusted(entry[0], 16), untrusted(entry[1], MAX_LOG_LINE)))
    return lines


def moment_of(line: bytes, number: int) -> Moment | None:
    """The moment that a line of a Snapshot is, as the `number`th; None for another line. Raises RecordingError."""
    head = head_of(line)
    return Moment(number, head.time, head.event) if head.kind in {"full", "delta"} else None


def _timed(time: float, kind: str, body: Json, *, event: bool = False) -> bytes:
    return _line({"t": round(time, 3), **({"event": True} if event else {}), kind: body})


def _line(document: dict[str, Json]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode() + b"\n"


def _body(line: bytes, kind: str) -> Json:
    try:
        document = loads(line)
    except NotStrictJson as error:
        raise RecordingError(f"a line of the recording is {error}") from None
    # Its head was matched, so that it is an object; its kind may be said once more further on.
    return document.get(kind) if isinstance(document, dict) else None
