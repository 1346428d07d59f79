"""Moments as parameters and records write them: UTC, to the minute."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from console.typed_moment import read_moment

_FORMAT = "%Y-%m-%dT%H:%MZ"


def shown_moment(at: float) -> str:
    """`2026-11-29T14:05Z` of unix seconds."""
    return datetime.fromtimestamp(at, UTC).strftime(_FORMAT)


def accepted_moment(typed: str) -> str:
    """A moment as it is kept. Raises ValueError with the rest of `NAME must be …`."""
    try:
        return shown_moment(read_moment(typed, time.time()))
    except ValueError as error:
        raise ValueError(f"a moment; {typed!r} is {error}") from None


def moment_of(text: str) -> float:
    """Unix seconds of what `accepted_moment` gave."""
    return datetime.strptime(text, _FORMAT).replace(tzinfo=UTC).timestamp()
