"""Windows on the wall: how they are typed, which height falls into them, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from console.maintenance import parse_maintenance
from console.model import Traffic, TrafficSample
from console.operations.propose_window import (
    estimate,
    estimate_words,
    fit_words,
    height_in,
    in_zone,
    maintenance_words,
    pace_words,
    parse_window,
    traffic_words,
)
from tests.console.operations.examples import a_chain, a_snapshot

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=ZoneInfo("UTC")).timestamp()
"""A Monday noon."""


def traffic(*block_times: float, per_block: tuple[int, ...] = ()) -> Traffic:
    """Samples an hour of 3,600 blocks apart, the last now."""
    times = [NOW - sum(block_times[at:]) * 3600 for at in range(len(block_times) + 1)]
    counts = per_block or (20,) * len(times)
    return Traffic(
        tuple(
            TrafficSample(100_000 - 3600 * (len(times) - 1 - at), time, 20, count)
            for at, (time, count) in enumerate(zip(times, counts, strict=True))
        ),
        "http://a:26657",
    )


def snapshot(block_time_s: float | None = 1.0):  # type: ignore[no-untyped-def]
    chain = a_chain(100_000, block_time_s=block_time_s, block_time_unix=NOW)
    return a_snapshot(chain, height=100_000)


@pytest.mark.parametrize(
    ("typed", "start", "end"),
    [
        ("2026-12-01 14:00..16:00 Europe/Berlin", "Tue 01 Dec 13:00", "Tue 01 Dec 15:00"),
        ("2026-12-01 23:00..01:00 UTC", "Tue 01 Dec 23:00", "Wed 02 Dec 01:00"),
        ("2026-12-01 23:00 .. 2026-12-03 1:00 UTC", "Tue 01 Dec 23:00", "Thu 03 Dec 01:00"),
        ("14:00..16:00 UTC", "Mon 30 Nov 14:00", "Mon 30 Nov 16:00"),
        # It is over today; of one that has begun the rest is meant.
        ("9:00..11:00 UTC", "Tue 01 Dec 09:00", "Tue 01 Dec 11:00"),
        ("11:00..13:00 UTC", "Mon 30 Nov 11:00", "Mon 30 Nov 13:00"),
        ("tomorrow 14:00..16:00 Z", "Tue 01 Dec 14:00", "Tue 01 Dec 16:00"),
        ("in 5h..7h", "Mon 30 Nov 17:00", "Mon 30 Nov 19:00"),
        ("1h30m .. 2d", "Mon 30 Nov 13:30", "Wed 02 Dec 12:00"),
    ],
)
def test_a_window_is_read(typed: str, start: str, end: str) -> None:
    window = parse_window(typed, NOW)
    assert (in_zone(window.start, "UTC"), in_zone(window.end, "UTC")) == (f"{start} UTC", f"{end} UTC")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "must be as"),
        ("noon", "must be as"),
        ("5x..7x", "must be as"),
        ("2026-12-01 14:00..16:00 Mars/Base", "'Mars/Base' is none"),
        ("2026-02-30 14:00..16:00 UTC", "does not exist"),
        ("2026-12-01 14:00..25:00 UTC", "00:00 to 24:00"),
        ("2026-11-29 14:00..16:00 UTC", "is over"),
        ("2026-12-01 14:00..2026-12-01 13:00 UTC", "ends before it begins"),
        ("7h..5h", "ends before it begins"),
        ("2026-12-01 14:00..2026-12-09 14:00 UTC", "longer than a week"),
        ("2028-12-01 14:00..16:00 UTC", "more than a year"),
        # Clocks are put forward in that hour.
        ("2027-03-28 02:30..05:00 Europe/Berlin", "a time that does not exist"),
    ],
)
def test_what_is_no_window_says_why(typed: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_window(typed, NOW)


def test_the_height_in_the_middle_and_its_drift() -> None:
    window = parse_window("2026-12-01 12:00..14:00 UTC", NOW)
    # Without samples the block time of the last headers, and nothing said of a drift.
    height = height_in(window, snapshot(2.0), None)
    assert height == 100_000 + 25 * 1800
    guess = estimate(height, snapshot(2.0), None)
    assert guess is not None
    assert (guess.drift_s, guess.extremes_s) == (None, None)
    assert fit_words(window, guess) == (True, "inside the window")
    assert pace_words(guess).endswith("how far it drifts is not known")
    # The last hours count for more than the last headers.
    even = traffic(1.0, 1.0, 1.0, 1.0)
    height = height_in(window, snapshot(2.0), even)
    assert height == 100_000 + 25 * 3600
    uneven = traffic(0.98, 1.02, 0.98, 1.02)
    guess = estimate(height, snapshot(), uneven)
    assert guess is not None
    assert guess.drift_s == pytest.approx(0.02 * 25 * 3600)
    assert estimate_words(guess, "UTC") == "H = 190,000 ≈ Tue 01 Dec 13:00 UTC ± 30m 00s"
    assert pace_words(guess) == "at 1.00s a block; from 0.98 to 1.02 over the last hours"
    assert fit_words(window, guess) == (True, "inside the window")
    assert fit_words(window, estimate(height, snapshot(), traffic(0.9, 1.1, 0.9, 1.1))) == (  # type: ignore[arg-type]
        False,
        "it may miss the window: from Tue 01 Dec 10:30 UTC to Tue 01 Dec 15:30 UTC",
    )
    assert fit_words(window, replace(guess, moment=window.start - 600)) == (
        False,
        "outside the window: 10m 00s before it begins",
    )
    assert fit_words(window, replace(guess, moment=window.end + 60))[1] == "outside the window: 1m 00s after it ends"


def test_of_a_window_that_has_begun_the_rest_counts_and_nothing_is_guessed_without_a_block_time() -> None:
    window = parse_window("11:00..13:00 UTC", NOW)
    assert height_in(window, snapshot(), None) == 100_000 + 1800
    assert height_in(window, snapshot(None), None) is None
    assert estimate(100_500, snapshot(None), None) is None
    assert height_in(window, a_snapshot(None), None) is None


def test_declared_windows_and_traffic_in_words() -> None:
    windows = (parse_maintenance("val-2: Tue 12:00..14:00 UTC"), parse_maintenance("Mon,Tue 20:00..06:00 UTC"))
    low = parse_window("2026-12-01 12:30..13:30 UTC", NOW).start
    assert maintenance_words(windows, low, low + 1800) == (
        (False, "outside your own Mon,Tue 20:00..06:00 UTC"),
        (True, "inside val-2's Tue 12:00..14:00 UTC"),
    )
    assert maintenance_words(windows, low, low + 7200)[1] == (False, "only partly inside val-2's Tue 12:00..14:00 UTC")
    busy = traffic(1.0, 1.0, 1.0, per_block=(60, 20, 80, 40))
    assert traffic_words(busy, "UTC") == (
        "2.5 transactions a block over 3h 00m; quietest about Mon 30 Nov 10:00 UTC with 1.0"
    )
    assert traffic_words(traffic(1.0), "UTC").endswith("1.0 transactions a block over 1h 00m, always the same")
    # Nothing at all is not quietest at some time.
    assert traffic_words(
        replace(busy, samples=tuple(replace(each, transactions=0) for each in busy.samples)), "UTC"
    ).endswith("always the same")
    assert traffic_words(Traffic((), "", "nobody answers"), "UTC") == "traffic is not known: nobody answers"
