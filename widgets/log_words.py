"""What is said beside the lines of a log: what is shown, how far it is read, and why nothing is there. Pure."""

from __future__ import annotations

import time
from dataclasses import dataclass

from textual.content import Content

from console.log_store import Level, LogEntry, LogStore
from console.log_store.reading import Found
from widgets.drawn import MUTED, WARN
from widgets.narrowing import Narrowing

LEVELS = {
    Level.DEBUG: "all levels",
    Level.INFO: "no debug",
    Level.WARNING: "warnings and errors",
    Level.ERROR: "errors only",
}
"""The least levels that can be asked for, in the order of the key."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a log is shown."""

    filter: Narrowing
    search: Narrowing
    least: Level
    only: str
    """Name of the one log that is shown; empty for all."""


def title_of(entry: LogEntry) -> str:
    """A line's log, time and level."""
    return f"{entry.source} · {_moment(entry)} · {entry.level.name.lower()}"


def heading(found: Found, store: LogStore | None, total: int, held: int | None, entry: LogEntry | None) -> Content:
    """Where the reader stands.

    Args:
        found: What was found last.
        store: The log.
        total: Lines that pass.
        held: Row at which it is held, from 0; None while the newest are followed.
        entry: The line at that row where it is there.
    """
    words = ["Log"]
    if held is None:
        words += ["following", f"{total:,} lines"]
    else:
        words.append(f"HELD at line {held + 1:,} of {total:,}")
        if entry is not None:
            words.append(_moment(entry))
        if found.fresh:
            words.append(f"{found.fresh:,} new")
    if found.busy:
        words.append(_progress(found, store))
    elif store is not None and store.forgotten:
        words.append("older ones are in the file")
    return Content(" · ".join(words))


def asked_line(asked: Asked, total: int, found: Found | None) -> Content:
    """What is shown and what is searched, with the keys that change it; `total` lines pass."""
    parts: list[str | tuple[str, str]] = []
    if asked.filter.problem:
        parts.append((f"✗ filter: {asked.filter.problem}; all is shown", WARN))
    elif asked.filter.wanted:
        no = "without" if asked.filter.inverse else "with"
        parts.append(f"{total:,} lines {no} {asked.filter.wanted!r}")
    if asked.search.problem:
        parts.append((f"✗ search: {asked.search.problem}", WARN))
    elif asked.search.wanted and found is not None:
        hit = f"{found.hit:,} of " if found.hit else ""
        parts.append(f"{hit}{found.hits:,} found {asked.search.wanted!r}")
    if asked.least is not Level.DEBUG:
        parts.append(LEVELS[asked.least])
    if asked.only:
        parts.append(f"the {asked.only}'s log only")
    if not parts:
        parts.append(("all levels (l), all logs (o), no filter (/), no search (s)", MUTED))
    line: list[str | tuple[str, str]] = []
    for part in parts:
        line += [" · ", part] if line else [" ", part]
    return Content.assemble(*line)


def why_empty(found: Found, store: LogStore) -> Content:
    """What stands there when no line does."""
    if problems := store.problems:
        return Content("; ".join(problems) + ". Nothing is wrong with the node for that: see who may read it.")
    if found.busy:
        return Content("The log is being read…")
    if found.of:
        return Content("No line passes; Esc ends the filter, l shows other levels, o the other log.")
    if not store.paths:
        return Content("There is no log: no node of this network is set up on this machine.")
    return Content(f"No line yet: the log comes with the first start of the node, in {' and '.join(store.paths)}.")


def _moment(entry: LogEntry) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.at))


def _progress(found: Found, store: LogStore | None) -> str:
    if store is not None and (left := store.unread):
        return f"reading back, {max(1, left >> 20):,} MiB left"
    return f"looking, {100 * found.looked // max(1, found.of)}%"
