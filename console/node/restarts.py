"""How soon a node that crashed is started again, and when the operator is called instead."""

from __future__ import annotations

import time
from collections.abc import Callable

CRASHES_MAX = 5
"""Crashes within `CRASH_WINDOW_S` after which the operator is called."""
CRASH_WINDOW_S = 600.0
_BACKOFF_FIRST_S = 1.0
_BACKOFF_LAST_S = 60.0


class Restarts:
    """Counts crashes; in memory only, because a controller that starts again may try again.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._crashes: list[float] = []
        self._not_before = 0.0

    def forget(self) -> None:
        """Begin anew: the operator starts the node."""
        self._crashes.clear()
        self._not_before = 0.0

    def crashed(self, why: str) -> str:
        """Count a crash and plan the next start; returns a sentence for the operator when there were too many."""
        now = self._clock()
        self._crashes = [at for at in self._crashes if now - at < CRASH_WINDOW_S] + [now]
        if len(self._crashes) >= CRASHES_MAX:
            return f"the node ended {len(self._crashes)} times in ten minutes, last with {why}"
        self._not_before = now + min(_BACKOFF_LAST_S, _BACKOFF_FIRST_S * 2 ** (len(self._crashes) - 1))
        return ""

    @property
    def due(self) -> bool:
        """Whether the node may be started now."""
        return self._clock() >= self._not_before
