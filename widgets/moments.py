"""Times, ages and freshness in words. Pure: the clock comes in as a number."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from console.text import duration

if TYPE_CHECKING:
    from console.model import ChainView, Snapshot

STALE_AFTER_S = 10.0
"""Seconds without an answer after which a reading is stale, or five blocks if that is longer."""

LIVE_WITHIN_S = 5.0
"""Below this an age is said as `live`: a number that changes each second would only move the eye."""

CLOCK_SIGN = "◷"
UNKNOWN = "—"


@dataclass(frozen=True, slots=True)
class Age:
    """How old a reading is, in seconds, and whether it may still pass as current."""

    seconds: float | None
    stale: bool

    @property
    def words(self) -> str:
        """`live`, `7s old`, `◷ stale 34s` or `—`."""
        if self.seconds is None:
            return UNKNOWN
        if self.stale:
            return f"{CLOCK_SIGN} stale {duration(self.seconds)}"
        return "live" if self.seconds < LIVE_WITHIN_S else f"{duration(self.seconds)} old"

    @property
    def read_ago(self) -> str:
        """`◷ read 34s ago` of a stale reading; empty while it may pass as current, and where there is none."""
        return f"{CLOCK_SIGN} read {duration(self.seconds)} ago" if self.stale and self.seconds is not None else ""


def why_no_chain(snapshot: Snapshot | None) -> str:
    """Why nothing of the chain is known: it has not answered yet, or it does not answer; one sentence."""
    if snapshot is None:
        return "Waiting for the first answer of the chain."
    problem = snapshot.chain_problem.rstrip(".")
    return f"The chain does not answer{f': {problem}' if problem else ''}."


def age_of(age_s: float | None, taken_at: float, now: float, block_time_s: float | None = None) -> Age:
    """The age that a reading has now.

    Args:
        age_s: Its age in seconds when the snapshot was taken; None when it was never read.
        taken_at: Unix seconds of the snapshot.
        now: Unix seconds.
        block_time_s: Seconds per block where known.
    """
    if age_s is None:
        return Age(None, True)
    seconds = max(0.0, age_s + max(0.0, now - taken_at))
    return Age(seconds, seconds >= max(STALE_AFTER_S, 5 * (block_time_s or 0.0)))


def chain_age(chain: ChainView | None, taken_at: float, now: float) -> Age:
    """The age of the newest answer of any RPC."""
    if chain is None:
        return Age(None, True)
    return age_of(chain.age_s, taken_at, now, chain.block_time_s)


def block_silence(chain: ChainView | None, now: float) -> float | None:
    """Seconds since the newest header's time when that is too long for a chain that moves; None while it moves.

    Args:
        chain: As read.
        now: Unix seconds by this machine's clock: a clock that is wrong by seconds does not raise a false alarm.
    """
    if chain is None or chain.block_time_unix is None:
        return None
    silent = now - chain.block_time_unix
    return silent if silent >= max(STALE_AFTER_S, 5 * (chain.block_time_s or 0.0)) else None


def wall_clock(moment: float | None, now: float) -> str:
    """A moment on the wall: local time and UTC, with the date when it is not within a day of now.

    Args:
        moment: Unix seconds; None and values beyond the calendar give `—`.
        now: Unix seconds.
    """
    if moment is None:
        return UNKNOWN
    try:
        universal = datetime.fromtimestamp(moment, UTC)
        local = universal.astimezone()
    except (ValueError, OverflowError, OSError):
        return UNKNOWN
    form = "%H:%M:%S" if abs(moment - now) < 86_400 else "%d %b %Y %H:%M"
    if local.utcoffset() == universal.utcoffset():
        return f"{universal.strftime(form)} UTC"
    return f"{local.strftime(form)} {local.tzname()} ({universal.strftime('%H:%M:%S')} UTC)"


def time_of_day(moment: float | None) -> str:
    """`14:05:10` in local time; `—` when unknown or beyond the calendar."""
    if not moment:
        return UNKNOWN
    try:
        return datetime.fromtimestamp(moment, UTC).astimezone().strftime("%H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return UNKNOWN


def local_clock(moment: float | None) -> str:
    """`14:05:10 CEST`: the local time with the name of its zone, where there is no room for UTC beside it."""
    clock = time_of_day(moment)
    if clock == UNKNOWN or moment is None:
        return UNKNOWN
    return f"{clock} {datetime.fromtimestamp(moment, UTC).astimezone().tzname()}"


def count(number: int | None) -> str:
    """A height or a power with thousands marked: `1,234`; unknown is `—`."""
    return UNKNOWN if number is None else f"{number:,}"


def power_words(power: int, width: int) -> str:
    """A voting power in at most `width` columns, five or more: `12,345`, or with a unit and rounded down, `12.3k`."""
    for words in (count(power), str(power)):
        if len(words) <= width:
            return words
    for unit, digits in (("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)):
        whole = power // 10**digits
        if whole < 1000:
            places = 3 - len(str(whole))
            part = power // 10 ** (digits - places) % 10**places
            return f"{whole}.{part:0{places}}{unit}" if places else f"{whole}{unit}"
    return f"{power:.0e}"
