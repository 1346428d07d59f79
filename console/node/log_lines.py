"""Lines of the logs that the controller tells: the last ones, and those that came after a place."""

from __future__ import annotations

import os
from pathlib import Path

from console.node import protocol
from console.text import untrusted

_MAX_LINE_SHOWN = 1000
_READ_BYTES = 24 * 1024


def tail(path: Path, lines: int, until: int | None = None) -> list[str]:
    """The last lines of a log, of its first bytes alone where those are given; each safe to show, and cut."""
    budget = min(lines * 400, protocol.MAX_LINE // 2)
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            end = size if until is None else min(size, until)
            start = stream.seek(max(0, end - budget))
            raw = stream.read(end - start).splitlines()
    except FileNotFoundError:
        return []
    if end > budget and len(raw) > 1:
        raw = raw[1:]
    return protocol.newest_that_fit([str(untrusted(line, _MAX_LINE_SHOWN)) for line in raw[-lines:]])


def lines_after(path: Path, place: str, lines: int) -> tuple[list[str], str]:
    """Whole lines after a place, the oldest first, and the place after them; of many the next ones come next time.

    Args:
        path: The log; it need not exist, and may have been rotated since.
        place: As told before; empty for the last lines of the log.
        lines: How many, without a place.

    Raises:
        ValueError: The place is none.
        OSError: The log cannot be read.
    """
    if not place:
        place = _end_of(path)
        return tail(path, lines, until=int(place.partition(":")[2] or 0)), place
    inode, _, offset = place.partition(":")
    if not (inode.isdecimal() and offset.isdecimal()):
        raise ValueError(f"a log has no place {untrusted(place, 40)!r}")
    found, at = _with_inode(path, int(inode)), int(offset)
    if found is not None:
        told, end = _read_on(found, at)
        if told or found == path:
            return told, f"{inode}:{end}"
    # Rotated, and the old one is read to its end; or its file is gone.
    try:
        return [], f"{path.stat().st_ino}:0"
    except FileNotFoundError:
        return [], place


def _with_inode(path: Path, inode: int) -> Path | None:
    """The log that was read before, under whichever name it has now."""
    for each in (path, *path.parent.glob(f"{path.name}.*")):
        try:
            if each.stat().st_ino == inode:
                return each
        except OSError:
            continue
    return None


def _end_of(path: Path) -> str:
    """The place behind the last whole line; empty where there is no log."""
    try:
        with path.open("rb") as stream:
            end = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, end - _READ_BYTES))
            rest = stream.read().rpartition(b"\n")[2]
            return f"{os.fstat(stream.fileno()).st_ino}:{end - len(rest)}"
    except FileNotFoundError:
        return ""


def _read_on(path: Path, at: int) -> tuple[list[str], int]:
    """Whole lines from an offset on that fit into a message, and where they end. Raises OSError."""
    with path.open("rb") as stream:
        if stream.seek(0, os.SEEK_END) < at:
            at = 0  # it was truncated
        stream.seek(at)
        found = stream.read(_READ_BYTES)
    whole, newline, _ = found.rpartition(b"\n")
    if not newline:
        if len(found) < _READ_BYTES:
            return [], at
        # A line without an end: what is there of it is one.
        whole, newline = found, b""
    told: list[str] = []
    budget = protocol.MAX_LINE // 2
    for line in whole.split(b"\n"):
        shown = str(untrusted(line, _MAX_LINE_SHOWN))
        budget -= len(protocol.encode({"": shown}))
        if budget < 0 and told:
            return told, at
        told.append(shown)
        at += len(line) + 1
    return told, at - (0 if newline else 1)
