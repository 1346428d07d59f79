"""Ages and clocks in words."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from tests import fakes
from tests.fakes import NOW
from widgets.moments import age_of, block_silence, count, local_clock, power_words, time_of_day, wall_clock


@pytest.mark.parametrize(
    ("age", "passed", "block", "words"),
    [
        (0.4, 0.0, 1.0, "live"),
        (0.4, 7.0, 1.0, "7s old"),
        (0.4, 34.0, 1.0, "◷ stale 34s"),
        (34.0, 0.0, 12.0, "34s old"),
        (61.0, 0.0, 12.0, "◷ stale 1m 01s"),
        (None, 0.0, None, "—"),
    ],
)
def test_age(age: float | None, passed: float, block: float | None, words: str) -> None:
    assert age_of(age, NOW, NOW + passed, block).words == words


def test_a_clock_that_went_back_makes_nothing_younger_than_it_was() -> None:
    assert age_of(3.0, NOW, NOW - 100).seconds == 3.0


def test_wall_clock_names_utc_once_where_local_time_is_utc() -> None:
    assert wall_clock(NOW, NOW) == "08:53:20 UTC"


def test_wall_clock_shows_both_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "XST-9")
    time.tzset()
    assert wall_clock(NOW, NOW) == "17:53:20 XST (08:53:20 UTC)"
    assert time_of_day(NOW) == "17:53:20"
    assert local_clock(NOW) == "17:53:20 XST"


def test_wall_clock_has_a_date_when_far_away() -> None:
    assert wall_clock(NOW + 90_000, NOW) == "10 Oct 2025 09:53 UTC"


@pytest.mark.parametrize("moment", [None, 2.0**64, -(2.0**62), float("nan"), float("inf")])
def test_moments_beyond_the_calendar_are_unknown(moment: float | None) -> None:
    assert wall_clock(moment, NOW) == "—"
    assert time_of_day(moment) == "—"
    assert local_clock(moment) == "—"


@pytest.mark.parametrize(
    ("passed", "block", "silent"), [(9.0, 1.0, None), (10.5, 1.0, 11.0), (40.0, 12.0, None), (70.0, 12.0, 70.5)]
)
def test_a_chain_is_silent_after_ten_seconds_or_five_blocks(passed: float, block: float, silent: float | None) -> None:
    chain = replace(fakes.chain(1200), block_time_s=block)
    assert block_silence(chain, NOW + passed) == silent


def test_a_chain_whose_headers_are_ahead_of_this_clock_is_not_silent() -> None:
    assert block_silence(fakes.chain(1200), NOW - 300) is None
    assert block_silence(None, NOW) is None


@pytest.mark.parametrize(
    ("power", "five", "seven"),
    [
        (0, "0", "0"),
        (9_999, "9,999", "9,999"),
        (12_345, "12345", "12,345"),
        (123_999, "123k", "123,999"),
        (1_234_567, "1.23M", "1234567"),
        (12_999_999, "12.9M", "12.9M"),
        (999_999_999, "999M", "999M"),
        (300_000_000_007, "300G", "300G"),
        (10**12 + 10**10 - 1, "1.00T", "1.00T"),
        (10**21, "1e+21", "1e+21"),
    ],
)
def test_a_power_has_room_in_its_column_and_is_never_more_than_it_is(power: int, five: str, seven: str) -> None:
    assert (power_words(power, 5), power_words(power, 7)) == (five, seven)


def test_count() -> None:
    assert count(1234567) == "1,234,567"
    assert count(None) == "—"
