"""A moment as an operator types it: a time of day, a date, both, or how long ago."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

_AGO = re.compile(r"-?\s*(\d{1,6})\s*(s|m|min|h|d)(?:\s+ago)?", re.ASCII | re.IGNORECASE)
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}

EXAMPLES = "14:32, 2026-11-20 14:32:07, 2026-11-20, or 90m for 90 minutes ago"


def read_moment(typed: str, now: float) -> float:
    """Unix seconds of a moment; without a zone it is this machine's time, without a date the newest such time.

    Args:
        typed: As typed.
        now: Unix seconds.

    Raises:
        ValueError: It is none; the sentence says what would be one.
    """
    text = typed.strip()
    if ago := _AGO.fullmatch(text):
        return now - int(ago[1]) * _SECONDS[ago[2].lower()]
    try:
        if clock := _CLOCK.fullmatch(text):
            today = datetime.fromtimestamp(now)  # noqa: DTZ006 - as the operator's clock shows it
            moment = today.replace(hour=int(clock[1]), minute=int(clock[2]), second=int(clock[3] or 0), microsecond=0)
            return (moment if moment.timestamp() <= now else moment - timedelta(days=1)).timestamp()
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"no moment: say {EXAMPLES}") from None
