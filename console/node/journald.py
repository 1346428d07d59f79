"""What systemd's journal holds of a unit: journald as a log source, read by `journalctl`, bounded in time and size."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from console.errors import NodeError
from console.log_store.line import Level, head_of
from console.node.commands import Runner
from console.text import UntrustedText, untrusted

DEADLINE_S = 20.0
MOST_LINES = 5000
"""Newest lines that are read: `journalctl` is asked for no more, so that a chatty unit costs no more either."""
_LONGEST = 1000
_ERROR = 3
"""syslog's priority `err`; a smaller number is graver."""
_WARNING = 4


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
    if not unit or unit.startswith("-"):
        raise NodeError(f"{untrusted(unit, 80)!r} is no unit", safe="nothing was read")
    lines = _asked(runner, unit, user, f"--since=@{since:.0f}", f"--lines={most}")
    # Where this user may not read it, or the name is wrong, journalctl says nothing at all and ends well.
    if not lines and not _asked(runner, unit, user, "--lines=1"):
        raise NodeError(f"journald holds nothing of {untrusted(unit, 80)} that this user may read", next_step=_ADVICE)
    return lines


_ADVICE = "mend the unit's name, be a member of the group systemd-journal, or read it as root"


def _asked(runner: Runner, unit: str, user: bool, *bounds: str) -> tuple[JournalLine, ...]:
    """What `journalctl` gives of a unit. Raises NodeError."""
    asked = [
        "journalctl",
        *(["--user"] if user else []),
        f"{'--user-unit' if user else '--unit'}={unit}",
        *bounds,
        "--output=json",
        "--no-pager",
        "--quiet",
    ]
    done = runner.run(asked, DEADLINE_S)
    if done.code != 0:
        why = untrusted(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"code {done.code}", 200)
        raise NodeError(f"journald does not tell of {untrusted(unit, 80)}: {why}", next_step=_ADVICE)
    lines = (_line(raw) for raw in done.stdout.splitlines())
    return tuple(line for line in lines if line is not None)


def _line(raw: str) -> JournalLine | None:
    """One entry; None for what is none. A field that is no UTF-8 comes as a list of bytes."""
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
    return JournalLine(int(moment) / 1_000_000, _level(entry, text), untrusted(text, _LONGEST))


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        try:
            return bytes(value[: 4 * _LONGEST]).decode("utf-8", "replace")
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
