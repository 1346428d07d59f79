"""Numbers as bars."""

from __future__ import annotations

import pytest

from widgets.sparkline import sparkline


@pytest.mark.parametrize(
    ("values", "bars"),
    [((), ""), ((0, 0), "▁▁"), ((1, 1), "██"), ((0, 1, 2, 4), "▁▃▅█"), ((-1, 7), "▁█"), ((0.1, 100), "▁█")],
)
def test_a_bar_for_each(values: tuple[float, ...], bars: str) -> None:
    assert sparkline(values) == bars
