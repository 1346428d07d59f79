"""What systemd's journal holds of a unit: journald as a log source, read by `journalctl`, bounded in time and size."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from console.errors import NodeError
from console.log_store.journal_source import JournalEntry
from console.log_store.line import MOST_BYTES, Level, head_of
from console.node.commands import Runner, SystemRunner
from console.text import UntrustedText, untrusted

DEADLINE_S = 20.0
MOST_LINES = 5000
"""Newest lines that are read: `journalctl` is asked for no more, so that a chatty unit costs no more either."""
_LONGEST = 1000
_ERROR = 3
"""syslog's priority `err`; a smaller number is graver."""
_WARNING = 4
_PRINTED = "6"


@dataclass(frozen=True, slots=True)
class JournalLine:
    """One line of a unit."""

    at: float
    """Unix seconds."""
    level: Level
    text: UntrustedText


def unit_lines(
    runner: Runner, unit: str, since: float, *, user: bool = False, most: int = MOST_LINES
) -> tuple[JournalLine, ...]:
    """The newest lines of a unit since a moment, oldest first; blocks for as long as `journalctl` takes.

    Args:
        runner: Runs commands of this machine.
        unit: As `val.service`; never an option.
        since: Unix seconds.
        user: Whether it is a unit of this user's manager.
        most: Lines at most, the newest.

    Raises:
        NodeError: `journalctl` is not here, did not end in time, or refuses; nothing can be said of the log then.
    """
    journal = UnitJournal(unit, user=user, runner=runner)
    raws = journal.asked(f"--since=@{since:.0f}", f"--lines={most}")
    # Where this user may not read it, or the name is wrong, journalctl says nothing at all and ends well.
    if not raws:
        journal.newest(1)
    lines = (_line(raw) for raw in raws)
    return tuple(line for line in lines if line is not None)


_ADVICE = "mend the unit's name, be a member of the group systemd-journal, or read it as root"


class UnitJournal:
    """One unit's entries, oldest first: `console.log_store.journal_source.JournalReader`. Blocking.

    Args:
        unit: As `val.service`; never an option.
        user: Whether it is a unit of this user's manager.
        runner: Runs commands of this machine.

    Raises:
        NodeError: It is no unit.
    """

    def __init__(self, unit: str, *, user: bool = False, runner: Runner | None = None) -> None:
        if not unit or unit.startswith("-"):
            raise NodeError(f"{untrusted(unit, 80)!r} is no unit", safe="nothing was read")
        self._runner = runner or SystemRunner()
        self._command = (
            "journalctl",
            *(("--user",) if user else ()),
            f"{'--user-unit' if user else '--unit'}={unit}",
            "--output=json",
            "--output-fields=MESSAGE,PRIORITY",
            "--no-pager",
            "--quiet",
        )
        self._unit = untrusted(unit, 80)

    @property
    def where(self) -> str:
        """For sentences."""
        return f"systemd's journal of {self._unit}"

    def newest(self, count: int) -> tuple[JournalEntry, ...]:
        """The newest entries. Raises NodeError: there is none that this user may read, or as `asked`."""
        found = _entries(self.asked(f"--lines={count}"))
        if not found:
            raise NodeError(f"journald holds nothing of {self._unit} that this user may read", next_step=_ADVICE)
        return found

    def older(self, cursor: str, count: int) -> tuple[JournalEntry, ...]:
        """Those right before one. Raises NodeError, as `asked`."""
        return _entries(self.asked("--reverse", f"--after-cursor={cursor}", f"--lines={count}"))[::-1]

    def newer(self, cursor: str, count: int) -> tuple[JournalEntry, ...]:
        """Those right after one. Raises NodeError, as `asked`."""
        return _entries(self.asked(f"--after-cursor={cursor}", f"--lines={count}"))

    def following(self, after: str, since: float) -> tuple[str, ...]:
        """The command that prints what comes after a cursor, or where there is none since a moment, until it is ended.

        Args:
            after: Of the last entry that is known; empty for none.
            since: Unix seconds. `--lines` would lose the first entry of a journal that is empty when it is asked.
        """
        return (*self._command, f"--after-cursor={after}" if after else f"--since=@{since:.3f}", "--follow")

    def asked(self, *bounds: str) -> list[str]:
        """What `journalctl` prints. Raises NodeError: it is not here, did not end in time, or refuses."""
        done = self._runner.run([*self._command, *bounds], DEADLINE_S)
        if done.code != 0:
            why = untrusted(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"code {done.code}", 200)
            raise NodeError(f"journald does not tell of {self._unit}: {why}", next_step=_ADVICE)
        return done.stdout.splitlines()


def entry_of(raw: str) -> JournalEntry | None:
    """An entry of its JSON; None for what is none."""
    entry = _read(raw)
    if entry is None:
        return None
    fields, text, at = entry
    cursor = fields.get("__CURSOR")
    if not isinstance(cursor, str):
        return None
    own = head_of(text).level
    # What a program prints is `info` to journald, whatever it says: then it belongs to the line before.
    level = own if own is not None or fields.get("PRIORITY") == _PRINTED else _level(fields, text)
    return JournalEntry(cursor, at, level, text.replace("\n", " ").encode("utf-8", "replace")[:MOST_BYTES])


def _entries(raws: list[str]) -> tuple[JournalEntry, ...]:
    return tuple(entry for raw in raws if (entry := entry_of(raw)) is not None)


def _line(raw: str) -> JournalLine | None:
    entry = _read(raw)
    if entry is None:
        return None
    fields, text, at = entry
    return JournalLine(at / 1_000_000, _level(fields, text), untrusted(text, _LONGEST))


def _read(raw: str) -> tuple[Mapping[str, Any], str, int] | None:
    """Fields, text and microseconds of an entry; None for what is none. A field that is no UTF-8 comes as bytes."""
    try:
        entry = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict):
        return None
    text = _text(entry.get("MESSAGE"))
    moment = entry.get("__REALTIME_TIMESTAMP")
    if text is None or not isinstance(moment, str) or not moment.isdecimal():
        return None
    return entry, text, int(moment)


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        try:
            return bytes(value[:MOST_BYTES]).decode("utf-8", "replace")
        except (TypeError, ValueError):
            return None
    return None


def _level(entry: Mapping[str, Any], text: str) -> Level:
    """The line's own level, else journald's priority: what a program prints is `info` to journald, whatever it says."""
    own = head_of(text).level
    if own is not None:
        return own
    priority = entry.get("PRIORITY")
    number = int(priority) if isinstance(priority, str) and priority.isdecimal() else 6
    return Level.ERROR if number <= _ERROR else Level.WARNING if number == _WARNING else Level.INFO
