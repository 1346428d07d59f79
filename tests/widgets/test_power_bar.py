"""The bar of power: never past its line without enough, never short of it with enough."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from console.model import readiness_needed, vote_needed
from widgets.power_bar import LINE, Share, cells_of, line_at, power_bar


@given(st.data())
def test_the_line_is_passed_exactly_by_enough(data: st.DataObject) -> None:
    total = data.draw(st.integers(1, 2**128))
    needed = vote_needed(total, wasm=data.draw(st.booleans()))
    power = data.draw(st.integers(0, total))
    width = data.draw(st.integers(2, 200))
    reached = cells_of(power, needed, total, width) >= line_at(needed, total, width)
    assert reached == (power >= needed)


@given(st.integers(1, 2**128), st.integers(1, 10_000))
def test_readiness_needs_its_share_and_more_than_two_thirds(total: int, bps: int) -> None:
    needed = readiness_needed(total, bps)
    enough = [power for power in (needed - 1, needed) if power * 10_000 >= total * bps and 3 * power > 2 * total]
    assert enough == [needed]


@given(st.data())
def test_the_bar_has_its_width_and_shows_every_vote(data: st.DataObject) -> None:
    total = data.draw(st.integers(1, 10**9))
    yes = data.draw(st.integers(0, total))
    no = data.draw(st.integers(0, total - yes))
    width = data.draw(st.integers(4, 120))
    plain = power_bar((Share(yes, "█", ""), Share(no, "▒", "")), vote_needed(total, wasm=False), total, width).plain
    assert len(plain) == width
    assert plain.count(LINE) == 1
    assert "▒" in plain or not no or plain.count("█") == width - 1


def test_without_power_there_is_no_bar() -> None:
    assert power_bar((), 1, 0, 40).plain == ""
    assert power_bar((), 1, 10, 2).plain == ""


def test_powers_that_no_network_has_are_drawn_all_the_same() -> None:
    # A recording is a file: it may say anything.
    for power in (-(1 << 200), 1 << 200):
        assert len(power_bar((Share(power, "█", ""), Share(power, "▒", "")), 27, 40, 20).plain) == 20
