"""Durations and sizes as people write them, parsed strictly: `60s`, `5m`, `1h30m`, `2 GiB`.

A number without a unit is seconds, or bytes. What Go accepts and nobody means (a unit twice, units out of order, a
sign) is refused, because a duration that was misread decides how long a node may be down.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from fractions import Fraction

MAX_SECONDS = 366 * 86400
"""Longest duration: one that is longer is a slip of the unit."""
MAX_BYTES = 1 << 60

_SECONDS = {
    "d": Fraction(86400),
    "h": Fraction(3600),
    "m": Fraction(60),
    "s": Fraction(1),
    "ms": Fraction(1, 10**3),
    "us": Fraction(1, 10**6),
    "µs": Fraction(1, 10**6),
    "μs": Fraction(1, 10**6),
    "ns": Fraction(1, 10**9),
}
"""Go writes the micro sign and accepts the Greek letter too."""
_BYTES = {"": 0, "b": 0, "kib": 10, "mib": 20, "gib": 30, "tib": 40}
_SHOWN_BYTES = (("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10))

_NUMBER = r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+"
_PART = re.compile(rf"({_NUMBER})(d|h|ms|us|µs|μs|ns|m|s) ?")
_PLAIN = re.compile(_NUMBER)
_SIZE = re.compile(rf"({_NUMBER}) ?([A-Za-z]*)")
_LONGEST = 64
"""Characters; more is no duration or size that a person wrote."""


def parse_duration(value: object) -> float:
    """Seconds, to the nanosecond, of a number of seconds or a text as `60s`, `5m`, `1h30m`, `2m 05s`, `250ms`.

    Raises:
        ValueError: It is something else, negative, or longer than a year; the words follow "KEY must be".
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _bounded_seconds(Fraction(value) if math.isfinite(value) else None)
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise ValueError(_A_DURATION)
    text = value.strip()
    if _PLAIN.fullmatch(text):
        return _bounded_seconds(Fraction(Decimal(text)))
    total, position, last = Fraction(0), 0, Fraction(MAX_SECONDS)
    while position < len(text):
        part = _PART.match(text, position)
        if part is None:
            break
        unit = _SECONDS[part[2]]
        if unit >= last:
            raise ValueError("a duration with its units in falling order and each once, as 1h30m")
        total, position, last = total + Fraction(Decimal(part[1])) * unit, part.end(), unit
    if position == 0 or position < len(text):
        raise ValueError(_A_DURATION)
    return _bounded_seconds(total)


def duration_text(seconds: float) -> str:
    """The shortest text that `parse_duration` reads as exactly these seconds: `5m`, `1h30m`, `0.25s`."""
    if not seconds.is_integer():
        return f"{Decimal(repr(seconds)):f}s"
    rest, text = int(seconds), ""
    for unit, length in (("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, length)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def parse_size(value: object) -> int:
    """Bytes of a whole number or a text as `2 GiB`, `64MiB`, `1048576`; the units are binary.

    Raises:
        ValueError: It is something else, negative or no whole number of bytes; the words follow "KEY must be".
    """
    if isinstance(value, int) and not isinstance(value, bool):
        count = Fraction(value)
    else:
        found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) and len(value) <= _LONGEST else None
        if found is None or found[2].lower() not in _BYTES:
            raise ValueError("a size in bytes or with KiB, MiB, GiB or TiB, as 2 GiB")
        count = Fraction(Decimal(found[1])) * (1 << _BYTES[found[2].lower()])
    if not 0 <= count <= MAX_BYTES or count.denominator != 1:
        raise ValueError("a whole number of bytes, from 0 to 1024 PiB")
    return int(count)


def size_text(count: int) -> str:
    """The shortest text that `parse_size` reads as exactly these bytes: `2 GiB`, `1000`."""
    for unit, shift in _SHOWN_BYTES:
        if count and count % (1 << shift) == 0:
            return f"{count >> shift} {unit}"
    return str(count)


_A_DURATION = "a duration in seconds or as 60s, 5m or 1h30m"


def _bounded_seconds(seconds: Fraction | None) -> float:
    if seconds is None or not 0 <= seconds <= MAX_SECONDS:
        raise ValueError("a duration from 0 to 366 days")
    return float(Fraction(round(seconds * 10**9), 10**9))
