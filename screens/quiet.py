"""Whether a key was pressed for itself: what is pasted, held or typed ahead comes in a burst (facts/tui.md §0.3)."""

from __future__ import annotations

SETTLES_AFTER_S = 0.15
"""Seconds of silence before and after a key that confirms: what is pasted as keys comes with its Enter at once."""


class Quiet:
    """The last two inputs of a person, by the time at which the terminal sent them."""

    def __init__(self) -> None:
        self._last = self._before = float("-inf")
        self.count = 0
        """Inputs so far."""

    def heard(self, at: float) -> None:
        """A key or a mouse button came at `at`, monotonic seconds."""
        self._before, self._last = self._last, at
        self.count += 1

    def since(self, now: float) -> float:
        """Seconds without input."""
        return now - self._last

    @property
    def alone(self) -> bool:
        """Whether the last input had silence before it."""
        return self._last - self._before >= SETTLES_AFTER_S
