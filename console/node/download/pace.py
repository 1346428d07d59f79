"""How fast a download is, how far, and when it is too slow: pure, told the time."""

from __future__ import annotations

from dataclasses import dataclass

from console.model import Fetching
from console.node.download.failure import SourceFailed
from console.text import UntrustedText, size

_SMOOTHING_S = 3.0
"""Seconds after which an old rate counts for about a third."""
_SHORTEST_S = 0.001
"""Seconds below which no rate is taken: bytes that came within no time are counted with the next."""


@dataclass(frozen=True, slots=True)
class PaceLimits:
    """Bounds of a download's time."""

    deadline_s: float = 3600.0
    """Of one try with one source, whole; what came is kept for the next try where that is safe."""
    answer_s: float = 30.0
    """From asking to the end of the answer's head, each hop; also for a look-up and for a connection."""
    minimum_rate: int = 4096
    """Bytes per second over a window below which a server counts as dripping."""
    window_s: float = 20.0


class Pace:
    """Watches one transfer.

    Args:
        limits: Its bounds.
        begun: Bytes that are here already.
        total: Bytes of the whole file; None where the server does not say.
        source: Host, to show.
        now: Seconds of any clock that only goes forward.
    """

    def __init__(self, limits: PaceLimits, begun: int, total: int | None, source: UntrustedText, now: float) -> None:
        self._limits = limits
        self._total = total
        self._source = source
        self._began = self._window_began = self._seen_at = now
        self._window_bytes = self._seen = begun
        self._rate: float | None = None

    def check(self) -> None:
        """Judge what was seen last.

        Raises:
            SourceFailed: It takes too long, or drips.
        """
        now, received = self._seen_at, self._seen
        if now - self._began > self._limits.deadline_s:
            raise SourceFailed(f"it took longer than {self._limits.deadline_s:g} seconds")
        if now - self._window_began >= self._limits.window_s:
            if received - self._window_bytes < self._limits.minimum_rate * (now - self._window_began):
                slow = size(self._limits.minimum_rate)
                raise SourceFailed(f"less than {slow} per second came for {self._limits.window_s:g} s")
            self._window_began, self._window_bytes = now, received

    def see(self, received: int, now: float) -> Fetching:
        """Take note of the bytes that are here by now."""
        passed = now - self._seen_at
        if passed >= _SHORTEST_S:
            rate = (received - self._seen) / passed
            weight = passed / (passed + _SMOOTHING_S)
            self._rate = rate if self._rate is None else self._rate + (rate - self._rate) * weight
            self._seen_at, self._seen = now, received
        rate = self._rate or 0.0
        left = None if self._total is None or rate < 1 else max(0, self._total - received) / rate
        return Fetching(received, self._total, rate, left, self._source)
