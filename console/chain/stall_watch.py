"""Since when no block has come: what says when the votes are worth a look (`console.model.stall`)."""

from __future__ import annotations

from collections.abc import Callable

from console.model.stall import can_be_stalled


class StallWatch:
    """Sees heights and knows how long the newest one has stood.

    Args:
        clock: Monotonic seconds.
        wall: Unix seconds.
    """

    def __init__(self, clock: Callable[[], float], wall: Callable[[], float]) -> None:
        self._clock = clock
        self._wall = wall
        self._height = 0
        self._since = 0.0

    def see(self, height: int, time_ns: int) -> bool:
        """Take note of the highest height, and its block's time where it is known; True the first time.

        Whoever looks once has nothing but the block's own time, by a clock that may be wrong: it only says when to ask
        for votes, and those decide.
        """
        if height <= self._height:
            return False
        first = not self._height
        age = max(0.0, self._wall() - time_ns / 1e9) if first and time_ns else 0.0
        self._height, self._since = height, self._clock() - age
        return first

    @property
    def stood_s(self) -> float:
        """Seconds since the newest block was there; 0 before any."""
        return self._clock() - self._since if self._height else 0.0

    def suspects(self, block_time_s: float | None) -> bool:
        """Whether the chain may stand."""
        return can_be_stalled(self.stood_s, block_time_s)
