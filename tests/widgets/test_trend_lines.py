"""Numbers as bars."""

from __future__ import annotations

from widgets.trend_lines import sparkline


def test_the_newest_stands_at_the_right_and_no_more_than_fit() -> None:
    assert sparkline((0.0, 1.0, 2.0, 3.0), 8) == "▁▃▆█"
    assert sparkline(tuple(float(each) for each in range(100)), 3) == "▁▅█"
    assert sparkline((), 8) == ""
    assert sparkline((1.0,), 0) == ""


def test_what_does_not_move_is_flat_and_bounds_hold() -> None:
    assert sparkline((4.0, 4.0, 4.0), 8) == "▁▁▁"
    assert sparkline((0.5, 2.0, -1.0), 8, low=0.0, high=1.0) == "▅█▁"
    assert sparkline((0.5, 1.0), 8, low=0.0) == "▅█"
