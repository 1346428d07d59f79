"""How fast it is, told by a clock of the test's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.model import Fetching
from console.node.download.failure import SourceFailed
from console.node.download.pace import Pace, PaceLimits
from console.text import UntrustedText

HOST = UntrustedText("x.example")
LIMITS = PaceLimits(deadline_s=100, minimum_rate=1000, window_s=20)


def test_a_slow_drip_is_ended_though_every_read_succeeds() -> None:
    pace = Pace(LIMITS, 0, 1 << 20, HOST, now=0)
    for second in range(20):
        pace.see(second, second)
        pace.check()
    pace.see(20, 20)
    with pytest.raises(SourceFailed, match="less than 1000 B per second came for 20 s"):
        pace.check()


def test_a_stall_after_a_fast_beginning_is_ended() -> None:
    pace = Pace(LIMITS, 0, None, HOST, now=0)
    pace.see(1 << 30, 1)
    pace.see(1 << 30, 20)
    pace.check()
    pace.see(1 << 30, 40)
    with pytest.raises(SourceFailed, match="less than"):
        pace.check()


def test_the_deadline_is_of_the_whole() -> None:
    pace = Pace(LIMITS, 0, None, HOST, now=5)
    pace.see(1 << 30, 105)
    pace.check()
    pace.see(2 << 30, 105.5)
    with pytest.raises(SourceFailed, match="longer than 100 seconds"):
        pace.check()


def test_a_resumed_transfer_counts_only_what_comes() -> None:
    pace = Pace(LIMITS, 1 << 20, 2 << 20, HOST, now=0)
    assert pace.see(1 << 20, 0) == Fetching(1 << 20, 2 << 20, 0.0, None, HOST)
    seen = pace.see((1 << 20) + 1000, 1)
    assert (seen.rate, seen.eta_s) == (1000.0, ((1 << 20) - 1000) / 1000)
    pace.see((1 << 20) + 1000, 20)
    with pytest.raises(SourceFailed, match="less than"):
        pace.check()


def test_the_rate_is_smoothed() -> None:
    pace = Pace(LIMITS, 0, None, HOST, now=0)
    pace.see(1000, 1)
    rates = [pace.see(1000, second).rate for second in range(2, 12)]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] > 700
    assert rates[-1] < 100


@pytest.mark.parametrize(
    ("fetching", "sentence"),
    [
        (Fetching(41, 100, 12 << 20, 7.9, HOST), "fetching 41 % 12.0 MiB/s 0:07 left from x.example"),
        (Fetching(999, 1000, 10, 3599, HOST), "fetching 99 % 10 B/s 59:59 left from x.example"),
        (Fetching(1, 1000, 1, 7200, HOST), "fetching 0 % 1 B/s 2h 00m left from x.example"),
        (Fetching(2048, None, 0, None, HOST), "fetching 2.0 KiB 0 B/s from x.example"),
        (Fetching(0, 0, 0, None, HOST), "fetching 0 B 0 B/s from x.example"),
    ],
)
def test_it_is_said_in_one_line(fetching: Fetching, sentence: str) -> None:
    assert fetching.sentence == sentence


@given(
    st.lists(st.tuples(st.integers(0, 1 << 24), st.just(0.0) | st.floats(0, 0.001) | st.floats(0.001, 5)), max_size=30)
)
def test_no_rate_is_negative_or_beyond_what_came(steps: list[tuple[int, float]]) -> None:
    pace, received, now = Pace(LIMITS, 0, 1 << 40, HOST, now=0), 0, 0.0
    for more, seconds in steps:
        received += more
        now += seconds
        seen = pace.see(received, now)
        assert 0 <= seen.rate <= received / 0.001
        assert seen.eta_s is None or seen.eta_s >= 0
