"""Durations as Go writes and reads them, exact to the nanosecond (`time.ParseDuration`, `Duration.String`)."""

from __future__ import annotations

import re

MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

_UNITS = {
    "ns": 1,
    "us": MICROSECOND,
    "\u00b5s": MICROSECOND,
    "\u03bcs": MICROSECOND,
    "ms": MILLISECOND,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
}
_TERM = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]*)")
_LARGEST = 1 << 63
_MAX_CHARACTERS = 256


def parse_duration(text: str) -> int:
    """Read a Go duration: `300ms`, `-1.5h`, `2h45m`; a number without a unit is refused, except `0`.

    Returns:
        Nanoseconds, possibly negative or zero.

    Raises:
        ValueError: It is none, or does not fit 64 bits; the sentence says why.
    """
    if len(text) > _MAX_CHARACTERS:
        raise ValueError("it is too long for a duration")
    negative = text.startswith("-")
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0
    if not rest:
        raise ValueError("it is no duration")
    total = 0
    while rest:
        match = _TERM.match(rest)
        assert match is not None
        whole, fraction, unit = match.groups()
        if not whole and not fraction:
            raise ValueError("it is no duration")
        if not unit:
            raise ValueError("its unit is missing (ns, us, ms, s, m, h)")
        if unit not in _UNITS:
            raise ValueError(f"{unit!r} is no unit (ns, us, ms, s, m, h)")
        total += int(whole or "0") * _UNITS[unit] + _fraction(fraction or "", _UNITS[unit])
        if total > _LARGEST:
            raise ValueError("it is too large")
        rest = rest[match.end() :]
    if total == _LARGEST and not negative:
        raise ValueError("it is too large")
    return -total if negative else total


def format_duration(nanoseconds: int) -> str:
    """Write nanoseconds as Go does: `300ms`, `1m30s`, `1.5µs`, `0s`."""
    sign = "-" if nanoseconds < 0 else ""
    left = abs(nanoseconds)
    if left < SECOND:
        for unit, size in (("ms", MILLISECOND), ("\u00b5s", MICROSECOND), ("ns", 1)):
            if left >= size:
                return f"{sign}{_decimal(left, size)}{unit}"
        return "0s"
    minutes, seconds = divmod(left, MINUTE)
    shown = f"{_decimal(seconds, SECOND)}s"
    if minutes:
        hours, minutes = divmod(minutes, 60)
        shown = f"{minutes}m{shown}"
        if hours:
            shown = f"{hours}h{shown}"
    return sign + shown


def _fraction(digits: str, unit: int) -> int:
    """The part behind the point, by floating point and cut off, as Go computes it."""
    value, scale = 0, 1.0
    for digit in digits:
        # Go stops to count where another digit would not fit 64 bits.
        if value > (_LARGEST - 1) // 10 or value * 10 + int(digit) > _LARGEST:
            break
        value = value * 10 + int(digit)
        scale *= 10
    return int(float(value) * (float(unit) / scale))


def _decimal(amount: int, unit: int) -> str:
    whole, part = divmod(amount, unit)
    if not part:
        return str(whole)
    digits = len(str(unit)) - 1
    return f"{whole}.{part:0{digits}d}".rstrip("0")
