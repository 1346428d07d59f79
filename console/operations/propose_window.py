"""A wall-clock window and the height that is likely to fall into it: blocks decide, not clocks (DESIGN §9). Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from console.maintenance import LOCAL, MaintenanceWindow, minute_of, zone_of
from console.model import Snapshot, Traffic
from console.quantities import MAX_SECONDS, parse_duration
from console.text import duration

HOW = "2026-12-01 14:00..16:00 Europe/Berlin, 14:00..16:00, or 5h..7h from now"
"""How a window is typed."""

MOST_WINDOW_S = 7 * 86400
"""A longer window is none."""

LEAST_SAMPLES = 4
"""Samples of the last hours below which the block time of the last headers is the better one."""

_CLOCK = r"[0-9]{1,2}:[0-9]{2}"
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}|today|tomorrow"
_ABSOLUTE = re.compile(
    rf"(?:(?P<day>{_DAY})[ T]+)?(?P<start>{_CLOCK})\s*\.\.\s*(?:(?P<until>{_DAY})[ T]+)?(?P<end>{_CLOCK})"
    r"(?:\s+(?P<zone>\S+))?"
)
_RELATIVE = re.compile(r"(?:in\s+)?(?P<start>[0-9][0-9a-z. ]*?)\s*\.\.\s*(?P<end>[0-9][0-9a-z. ]*)")


@dataclass(frozen=True, slots=True)
class WallWindow:
    """From when to when an upgrade should come."""

    start: float
    """Unix seconds."""
    end: float
    zone: str
    """In which it was typed, and is told."""

    @property
    def text(self) -> str:
        """As it is told."""
        return f"{in_zone(self.start, self.zone)} to {in_zone(self.end, self.zone)}"


@dataclass(frozen=True, slots=True)
class Estimate:
    """When a height is likely to come."""

    height: int
    moment: float
    """Unix seconds."""
    drift_s: float | None
    """How much earlier or later it may be if blocks go on to come as unevenly; None where that is not known."""
    block_time_s: float
    extremes_s: tuple[float, float] | None
    """The smallest and the largest mean between two samples."""

    @property
    def low(self) -> float:
        """The earliest likely moment, Unix seconds."""
        return self.moment - (self.drift_s or 0.0)

    @property
    def high(self) -> float:
        """The latest likely moment, Unix seconds."""
        return self.moment + (self.drift_s or 0.0)


def parse_window(typed: str, now: float) -> WallWindow:
    """Read a window.

    Args:
        typed: As `HOW`; without a day the next time that it is so late, without a zone local time.
        now: Unix seconds.

    Raises:
        ValueError: It is none, lies in the past or is turned round; the words follow "the window ".
    """
    text = " ".join(typed.split())
    if match := _ABSOLUTE.fullmatch(text):
        window = _absolute(match, now)
    elif match := _RELATIVE.fullmatch(text.lower()):
        try:
            start, end = (now + parse_duration(match[name].strip()) for name in ("start", "end"))
        except ValueError:
            raise ValueError(f"must be as {HOW}") from None
        window = WallWindow(start, end, LOCAL)
    else:
        raise ValueError(f"must be as {HOW}")
    if window.end <= window.start:
        raise ValueError("ends before it begins")
    if window.end <= now:
        raise ValueError("is over")
    if window.end - window.start > MOST_WINDOW_S:
        raise ValueError("is longer than a week: that is no window")
    if window.start - now > MAX_SECONDS:
        raise ValueError("is more than a year ahead")
    return window


def in_zone(moment: float, zone: str) -> str:
    """A moment in a zone: `Tue 01 Dec 14:32 CET`."""
    return datetime.fromtimestamp(moment, zone_of(zone)).strftime("%a %d %b %H:%M %Z")


def estimate(height: int, snapshot: Snapshot, traffic: Traffic | None) -> Estimate | None:
    """When a height is likely to come; None while the chain does not tell its block time.

    Args:
        height: H.
        snapshot: The newest one.
        traffic: Samples of the last hours, where they were read.
    """
    pace = _pace(snapshot, traffic)
    if pace is None:
        return None
    now_height, at, block_time_s = pace
    ahead = height - now_height
    sampled = traffic is not None and len(traffic.samples) >= LEAST_SAMPLES
    spread = traffic.spread_s if sampled and traffic is not None else None
    drift = None if spread is None else max(block_time_s, abs(ahead) * spread)
    extremes = traffic.extremes_s if sampled and traffic is not None else None
    return Estimate(height, at + ahead * block_time_s, drift, block_time_s, extremes)


def height_in(window: WallWindow, snapshot: Snapshot, traffic: Traffic | None) -> int | None:
    """The height that is likely to come in the middle of a window, or of what is left of it; None as `estimate`."""
    pace = _pace(snapshot, traffic)
    if pace is None:
        return None
    now_height, at, block_time_s = pace
    middle = (max(window.start, at) + window.end) / 2
    return now_height + max(1, round((middle - at) / block_time_s))


@dataclass(frozen=True, slots=True)
class Fit:
    """How a height fits a window on the wall."""

    guess: Estimate
    when: str
    """When it is likely to come."""
    pace: str
    """What that rests on."""
    inside: bool
    place: str
    """Whether it is inside the window, in words."""
    declared: tuple[tuple[bool, str], ...]
    """For each declared window whether all of the estimate lies in it, and that in words."""


def fit(
    height: int, window: WallWindow, snapshot: Snapshot, traffic: Traffic | None, declared: Sequence[MaintenanceWindow]
) -> Fit | None:
    """Hold a height against a window and those that operators declared; None as `estimate`."""
    guess = estimate(height, snapshot, traffic)
    if guess is None:
        return None
    inside, place = fit_words(window, guess)
    at_hand = maintenance_words(declared, guess.low, guess.high)
    return Fit(guess, estimate_words(guess, window.zone), pace_words(guess), inside, place, at_hand)


BLOCKS_DECIDE = "blocks decide, not clocks: H stays, its moment moves with the block time"


def fit_words(window: WallWindow, guess: Estimate) -> tuple[bool, str]:
    """Whether a height is likely to come inside a window, and that in words."""
    if guess.moment < window.start or guess.moment > window.end:
        side = "before it begins" if guess.moment < window.start else "after it ends"
        off = window.start - guess.moment if guess.moment < window.start else guess.moment - window.end
        return False, f"outside the window: {duration(off)} {side}"
    if guess.low < window.start or guess.high > window.end:
        low, high = in_zone(guess.low, window.zone), in_zone(guess.high, window.zone)
        return False, f"it may miss the window: from {low} to {high}"
    return True, "inside the window"


def estimate_words(guess: Estimate, zone: str) -> str:
    """`H = 88,412 ≈ Tue 01 Dec 14:32 CET ± 11m 00s`."""
    drift = "" if guess.drift_s is None else f" ± {duration(guess.drift_s)}"
    return f"H = {guess.height:,} ≈ {in_zone(guess.moment, zone)}{drift}"


def pace_words(guess: Estimate) -> str:
    """What the estimate rests on: `at 1.02s a block; 0.98 to 1.09 over the last hours`."""
    pace = f"at {guess.block_time_s:.2f}s a block"
    if guess.extremes_s is None:
        return f"{pace}, that of the last blocks: how far it drifts is not known"
    return f"{pace}; from {guess.extremes_s[0]:.2f} to {guess.extremes_s[1]:.2f} over the last hours"


def maintenance_words(windows: Sequence[MaintenanceWindow], low: float, high: float) -> tuple[tuple[bool, str], ...]:
    """For each declared window whether a span lies inside it, and that in words; one's own first.

    Args:
        windows: Declared by operators.
        low: Unix seconds.
        high: Unix seconds.
    """
    found = []
    for each in sorted(windows, key=lambda window: (bool(window.operator), window.operator)):
        share = each.share(low, high)
        whose = f"{each.operator}'s" if each.operator else "your own"
        inside = "inside" if share >= 1 else "outside" if share <= 0 else "only partly inside"
        found.append((share >= 1, f"{inside} {whose} {each.text}"))
    return tuple(found)


def traffic_words(traffic: Traffic, zone: str) -> str:
    """How busy the chain was, and when least, in words."""
    if not traffic.samples:
        return f"traffic is not known: {traffic.problem}"
    blocks = sum(sample.blocks for sample in traffic.samples)
    mean = sum(sample.transactions for sample in traffic.samples) / blocks
    words = f"{mean:.1f} transactions a block over {duration(traffic.span_s)}"
    quiet = traffic.quietest
    if quiet is None or f"{quiet.per_block:.1f}" == f"{mean:.1f}":
        return f"{words}, always the same"
    return f"{words}; quietest about {in_zone(quiet.time, zone)} with {quiet.per_block:.1f}"


def _pace(snapshot: Snapshot, traffic: Traffic | None) -> tuple[int, float, float] | None:
    """(height, Unix seconds of it, seconds per block)."""
    chain = snapshot.chain
    if chain is None or snapshot.height is None:
        return None
    long = traffic.block_time_s if traffic is not None and len(traffic.samples) >= LEAST_SAMPLES else None
    block_time_s = long or chain.block_time_s
    if not block_time_s:
        return None
    return snapshot.height, chain.block_time_unix or snapshot.taken_at, block_time_s


def _absolute(match: re.Match[str], now: float) -> WallWindow:
    name = match["zone"] or LOCAL
    try:
        zone = zone_of(name)
        start_minute, end_minute = minute_of(match["start"]), minute_of(match["end"])
    except ValueError as error:
        raise ValueError(f"must be {error}") from None
    today = datetime.fromtimestamp(now, zone)
    day = _day(match["day"], today)
    start = _moment(day or today, start_minute, zone)
    until = _day(match["until"], today) or day or today
    end = _moment(until, end_minute, zone)
    if match["until"] is None and end_minute <= start_minute:
        end = _moment(until + timedelta(days=1), end_minute, zone)
    if day is None and match["until"] is None and end <= now:
        start, end = (
            _moment(_of(moment, zone) + timedelta(days=1), minute, zone)
            for moment, minute in ((start, start_minute), (end, end_minute))
        )
    return WallWindow(start, end, name)


def _of(moment: float, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(moment, zone)


def _day(text: str | None, today: datetime) -> datetime | None:
    if text is None:
        return None
    if text in {"today", "tomorrow"}:
        return today + timedelta(days=text == "tomorrow")
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=today.tzinfo)
    except ValueError:
        raise ValueError(f"names a day that does not exist: {text}") from None


def _moment(day: datetime, minute: int, zone: tzinfo) -> float:
    at = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=zone)
    # On the day on which clocks are put forward an hour is missing.
    if datetime.fromtimestamp(at.timestamp(), zone).replace(tzinfo=None) != at.replace(tzinfo=None):
        raise ValueError(f"names a time that does not exist in {zone}: {at:%Y-%m-%d %H:%M}")
    return at.timestamp()
