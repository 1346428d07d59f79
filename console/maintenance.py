"""When operators are at hand: maintenance windows as they declare and exchange them, one line each.

`Tue,Thu 02:00..04:00 Europe/Berlin` is one's own; `val-2: Sat,Sun 22:00..02:00 UTC` is what val-2 declared. Days are
those on which a window begins; an end at or before its start is on the next day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from console.text import untrusted

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LOCAL = "local"
"""This machine's own zone."""

_LINE = re.compile(
    r"(?:(?P<operator>[^:]{1,64}):\s+)?(?P<days>[A-Za-z,\-]{1,40})\s+"
    r"(?P<start>[0-9]{1,2}:[0-9]{2})\s*(?:\.\.|-)\s*(?P<end>[0-9]{1,2}:[0-9]{2})\s+(?P<zone>\S{1,64})"
)


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """A time of the week at which an operator is at hand."""

    operator: str
    """Who declared it; empty for this one."""
    days: frozenset[int]
    """On which it begins; 0 is Monday."""
    start: int
    """Minute of the day."""
    minutes: int
    """How long it is open; at most a day."""
    zone: str
    """As in the zone database, `UTC` or `local`."""

    @property
    def text(self) -> str:
        """As it is declared."""
        days = "daily" if len(self.days) == 7 else ",".join(DAYS[day] for day in sorted(self.days))
        end = (self.start + self.minutes) % 1440
        return f"{days} {_clock(self.start)}..{_clock(end)} {self.zone}"

    def share(self, low: float, high: float) -> float:
        """How much of a span lies inside, 0 to 1.

        Args:
            low: Unix seconds.
            high: Unix seconds, not before `low`.
        """
        if high <= low:
            return float(any(start <= low <= end for start, end in self._spans(low, high)))
        inside = sum(max(0.0, min(high, end) - max(low, start)) for start, end in self._spans(low, high))
        return min(1.0, inside / (high - low))

    def _spans(self, low: float, high: float) -> Iterator[tuple[float, float]]:
        zone = zone_of(self.zone)
        first = datetime.fromtimestamp(low, zone).date() - timedelta(days=1)
        last = datetime.fromtimestamp(high, zone).date()
        # Who plans for weeks at once is told about the first of them.
        for offset in range(min(15, (last - first).days + 1)):
            day = first + timedelta(days=offset)
            if day.weekday() in self.days:
                start = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(minutes=self.start)
                # In time that passes, not on the clock: a night in which clocks are put back is no shorter window.
                yield start.timestamp(), start.timestamp() + self.minutes * 60


def parse_maintenance(line: object) -> MaintenanceWindow:
    """Read one line.

    Raises:
        ValueError: It is none; the words follow "must be".
    """
    match = _LINE.fullmatch(line.strip()) if isinstance(line, str) else None
    if match is None:
        raise ValueError('a time of the week, as "Tue,Thu 02:00..04:00 Europe/Berlin"')
    start, end = (minute_of(match[name]) for name in ("start", "end"))
    zone_of(match["zone"])
    return MaintenanceWindow(
        operator=str(untrusted(match["operator"] or "", 64)),
        days=_days(match["days"]),
        start=start,
        minutes=(end - start) % 1440 or 1440,
        zone=match["zone"],
    )


def minute_of(clock: str) -> int:
    """Minute of the day of `14:05`. Raises ValueError."""
    hour, _, minute = clock.partition(":")
    total = int(hour) * 60 + int(minute) if hour.isdecimal() and minute.isdecimal() else 1441
    if total > 1440 or int(minute) > 59:
        raise ValueError("with hours from 00:00 to 24:00")
    return total % 1440


def zone_of(name: str) -> tzinfo:
    """The zone of that name. Raises ValueError."""
    if name.upper() in {"UTC", "Z", "GMT"}:
        return UTC
    if name.lower() == LOCAL:
        found = datetime.now(UTC).astimezone().tzinfo
        assert found is not None
        return found
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"in a zone that this machine knows, as Europe/Berlin or UTC; {name!a} is none") from None


def _days(text: str) -> frozenset[int]:
    names = [day.lower() for day in DAYS]
    if text.lower() == "daily":
        return frozenset(range(7))
    found: set[int] = set()
    for part in text.lower().split(","):
        first, dash, last = part.partition("-")
        if first not in names or (dash and last not in names):
            raise ValueError("on days as Mon, Tue,Thu, Mon-Fri or daily")
        begin = names.index(first)
        count = (names.index(last) - begin) % 7 if dash else 0
        found |= {(begin + day) % 7 for day in range(count + 1)}
    return frozenset(found)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
