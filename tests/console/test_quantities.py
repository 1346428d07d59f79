"""Durations and sizes: what is understood, what is refused, and that what is shown can be typed again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.quantities import MAX_BYTES, MAX_SECONDS, duration_text, parse_duration, parse_size, size_text


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (0, 0.0),
        (300, 300.0),
        (0.25, 0.25),
        ("60", 60.0),
        ("60s", 60.0),
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("1.5h", 5400.0),
        (".5s", 0.5),
        ("250ms", 0.25),
        ("1d 2h", 93600.0),
        ("2m 05s", 125.0),
        (" 5m ", 300.0),
        ("7µs", 0.000007),
        ("7us", 0.000007),
    ],
)
def test_a_duration_is_read_as_people_and_go_write_it(written: object, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    "written",
    [
        *("", " ", "s", "5 m", "5m5m", "5s5m", "5m ago", "-5m", "+5m", "5M", "1e3", "1e3s", "5mm", "5m\n5s", "٥m"),
        *("1_000s", "0x10", "." * 3, "9" * 65, "400d", "nan", "inf", -1, MAX_SECONDS + 1, float("nan"), float("inf")),
        *(True, None, [5], b"5m"),
    ],
)
def test_anything_else_is_no_duration(written: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(written)


@settings(derandomize=True, deadline=None)
@given(st.floats(0, MAX_SECONDS))
def test_a_shown_duration_is_read_as_the_same(written: float) -> None:
    seconds = parse_duration(written)
    assert abs(seconds - written) <= 1e-9
    assert parse_duration(duration_text(seconds)) == seconds


@pytest.mark.parametrize(("seconds", "shown"), [(0.0, "0s"), (60.0, "1m"), (5400.0, "1h30m"), (0.25, "0.25s")])
def test_a_duration_is_shown_shortly(seconds: float, shown: str) -> None:
    assert duration_text(seconds) == shown


@pytest.mark.parametrize(
    ("written", "count"),
    [(0, 0), ("1048576", 1 << 20), ("2 GiB", 2 << 30), ("2gib", 2 << 30), ("1.5 KiB", 1536), ("64MiB", 64 << 20)],
)
def test_a_size_is_read(written: object, count: int) -> None:
    assert parse_size(written) == count


@pytest.mark.parametrize(
    "written", ["", "2 GB", "2G", "-1", "1.5", "0.3 KiB", "1 KiB 2", 1.0, True, None, -1, MAX_BYTES + 1, "9" * 65]
)
def test_anything_else_is_no_size(written: object) -> None:
    with pytest.raises(ValueError, match=r"size|bytes"):
        parse_size(written)


@settings(derandomize=True, deadline=None)
@given(st.integers(0, MAX_BYTES))
def test_a_shown_size_is_read_as_the_same(count: int) -> None:
    assert parse_size(size_text(count)) == count
