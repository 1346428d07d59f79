"""One figure beside another of the same run: what two machines may be compared by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ratio:
    """A quotient of two measurements."""

    what: str
    """In words: what by what."""
    value: float

    def line(self) -> str:
        """For a person."""
        return f"{self.what:<72} {said(self.value):>7}"


def said(value: float) -> str:
    """With as many digits as say something."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
