"""One line of a log: when it was written, how grave it is, and what of it may be shown (facts/tui.md C4).

Known: CometBFT's and Tendermint's `I[2026-11-20|22:38:10.896] …`, tracing's and our controller's
`2026-11-20T22:38:10Z  INFO …`, zerolog's `10:38PM INF …`, logfmt's `level=info`, and each of them as JSON.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import IntEnum
from functools import lru_cache

from console.text import untrusted

MAX_LINE = 1000
"""Characters shown of one line; a terminal hangs on very long ones."""
MOST_BYTES = 64 * 1024
"""Bytes of one line that are looked at at all: for filter, search, the whole line and a file."""

_HEAD_CHARACTERS = 320


class Level(IntEnum):
    """How grave a line is."""

    DEBUG = 0
    INFO = 1
    WARNING = 2
    ERROR = 3

    @property
    def sign(self) -> str:
        """One letter, as node logs write it."""
        return "DIWE"[self]


_WORDS = {
    Level.DEBUG: "D TRC DBG TRACE DEBUG",
    Level.INFO: "I N INF NTC INFO NOTICE",
    Level.WARNING: "W WRN WARN WARNING",
    Level.ERROR: "E ERR FTL PNC ERROR CRITICAL FATAL PANIC DPANIC",
}
_LEVELS = {word: level for level, words in _WORDS.items() for word in words.split()}
_NAMES = "|".join(sorted((word for word in _LEVELS if len(word) > 1), key=len, reverse=True))

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_MOMENT = r"(\d{4}-\d\d-\d\d)[T| ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?(?:\s?(Z|UTC|[+-]\d\d:?\d\d))?"
_HEAD = re.compile(
    rf"(?:([DIWEN])\[{_MOMENT}\]|{_MOMENT}(?:\s+\[?({_NAMES})(?![A-Za-z0-9_])[\]:]?)?)\s*", re.ASCII | re.IGNORECASE
)
_SHORT_HEAD = re.compile(rf"(?:\d?\d:\d\d(?:AM|PM|:\d\d)\s+)?({_NAMES})(?![A-Za-z0-9_])[\]:]?\s*", re.ASCII)
_NAMED_LEVEL = re.compile(r"""["']?\b(?:level|lvl|severity)["']?\s*[:=]\s*["']?([A-Za-z]{1,8})""", re.ASCII)
_NAMED_MOMENT = re.compile(
    rf"""["']?\b_?(?:timestamp|time|ts|msgtime)["']?\s*[:=]\s*["']?{_MOMENT}""", re.ASCII | re.IGNORECASE
)
_DYING = re.compile(r"panic:|fatal error:|goroutine \d+ \[|thread '[^']*' panicked|Traceback \(most recent", re.ASCII)


@dataclass(frozen=True, slots=True)
class Head:
    """What a line says of itself."""

    at: int | None
    """Microseconds since 1970; None where the line does not say it."""
    level: Level | None
    """None where the line does not say it: it belongs to the one before."""
    length: int
    """Characters that say so, at the line's beginning; 0 where they are a part of what it says."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A line as it may be shown."""

    source: str
    at: float
    """Unix seconds that stand in the line; where none do, those of the line before it, or when it was read."""
    level: Level
    text: str
    """Printable, at most `MAX_LINE` characters."""
    head: int = 0
    """Characters of `text` that say moment and level only."""
    cut: int = 0
    """Characters that were left out at the end."""


def safe_text(raw: bytes, limit: int = MAX_LINE) -> str:
    """A line as it may be shown: colours dropped, tabs as blanks, everything else foreign made visible, cut."""
    return untrusted(plain(raw), limit)


def plain(raw: bytes) -> str:
    """What a line says, without colours; still foreign."""
    text = raw.decode("utf-8", "replace").strip("\0").rstrip("\r\n")
    if "\x1b" in text:
        text = _COLOUR.sub("", text)
    return text.expandtabs(4) if "\t" in text else text


def entry_of(source: str, at: int, level: Level, raw: bytes, length: int) -> LogEntry:
    """A line for the screen.

    Args:
        source: Whose log it is in.
        at: Microseconds since 1970.
        level: How grave it is.
        raw: Its bytes, at most `MOST_BYTES`.
        length: How many bytes it has.
    """
    text = plain(raw) if raw.strip(b"\0") or not raw else "(given back to the disk since)"
    head = head_of(text).length
    cut = max(0, len(text) - MAX_LINE) + max(0, length - len(raw))
    return LogEntry(source, at / 1_000_000, level, untrusted(text[:MAX_LINE], MAX_LINE), head, cut)


def head_of(text: str) -> Head:
    """Moment and level of a line."""
    text = text[:_HEAD_CHARACTERS]
    found = _HEAD.match(text)
    if found is not None:
        letter, day, clock, fraction, zone, day2, clock2, fraction2, zone2, word = found.groups()
        at = _microseconds(day or day2, clock or clock2, fraction or fraction2, zone or zone2)
        level = _LEVELS.get((letter or word or "").upper())
        # JSON, or a controller's line without a level.
        return Head(at, level if level is not None else _named_level(text, found.end()), found.end())
    short = _SHORT_HEAD.match(text)
    if short is not None:
        return Head(None, _LEVELS[short[1]], short.end())
    level = _named_level(text, 0)
    moment = _NAMED_MOMENT.search(text) if level is not None or text.startswith("{") else None
    at = None if moment is None else _microseconds(*moment.groups())
    if level is None and _DYING.match(text):
        level = Level.ERROR
    return Head(at, level, 0)


def _named_level(text: str, start: int) -> Level | None:
    found = _NAMED_LEVEL.search(text, start)
    return None if found is None else _LEVELS.get(found[1].upper())


def _microseconds(day: str, clock: str, fraction: str | None, zone: str | None) -> int | None:
    second = _second(day, clock, zone)
    if second is None:
        return None
    return second * 1_000_000 + (int(fraction[:6].ljust(6, "0")) if fraction else 0)


@lru_cache(maxsize=64)
def _second(day: str, clock: str, zone: str | None) -> int | None:
    """Unix seconds; without a zone it is this machine's, as both CometBFT and our controller write it."""
    try:
        moment = datetime.fromisoformat(f"{day} {clock}")
        if zone is not None:
            moment = moment.replace(tzinfo=timezone(_offset(zone)))
        return int(moment.timestamp())
    except (ValueError, OverflowError, OSError):
        return None


def _offset(zone: str) -> timedelta:
    if zone[0] not in "+-":
        return timedelta(0)
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    return timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)
