"""Numbers as a line of bars, one column each."""

from __future__ import annotations

from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float]) -> str:
    """A bar for each number; the lowest bar is nothing, the highest the largest of them."""
    most = max(values, default=0.0)
    if most <= 0:
        return BARS[0] * len(values)
    return "".join(BARS[min(len(BARS) - 1, round(max(0.0, value) / most * (len(BARS) - 1)))] for value in values)
