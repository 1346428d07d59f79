"""What a parent's upgrade means for the heights of a child: always on the safe side, whatever both block times are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.model import ProposalStatus, outside
from console.model.cross_subnet import ChildWindow, ParentIntent, ParentUpgrade, safe_heights
from console.text import UntrustedText

NOW = 1_000_000.0
WINDOW = ChildWindow("child-1", closes_after=100, opens_before=50, release="v0.3.0")
UPGRADE = ParentUpgrade(7, UntrustedText("v2"), ProposalStatus.SCHEDULED, 1000, WINDOW)
INTENT = ParentIntent("above", (UPGRADE,), 900, 30.0, NOW)


def test_the_last_safe_height_comes_before_the_window_closes() -> None:
    (bound,) = safe_heights(INTENT, 5000, 1.0, NOW)
    # 200 blocks of the parent are 6000 s: 6000 blocks here, less 2 %.
    assert (bound.left_s, bound.last) == (6000.0, 5000 + 6000 - 120)
    # 50 blocks until it opens are 1500 s, and 2 % more.
    assert bound.first == 5000 + 1500 + 30
    assert "above goes over to v2 at its block 1,000" in bound.sentence
    assert "follow by its block 1,100 with v0.3.0" in bound.sentence
    assert "from 6,530 on, and the last safe height here is 10,880, in 1h 40m" in bound.sentence
    bounds = (bound,)
    assert outside(8000, "v0.3.0", bounds) == ""
    assert "after the last safe one, 10,880" in outside(10_881, "v0.3.0", bounds)
    assert "before the first safe one, 6,530" in outside(6529, "v0.3.0", bounds)
    assert "v0.2.9 is not the release that goes with the parent" in outside(8000, "v0.2.9", bounds)


def test_what_is_only_intended_is_told_and_refuses_nothing() -> None:
    voting = replace(INTENT, upgrades=(replace(UPGRADE, status=ProposalStatus.VOTING),))
    (bound,) = safe_heights(voting, 5000, 1.0, NOW)
    assert "may go over to (voting)" in bound.sentence
    assert outside(1, "x", (bound,)) == ""


def test_who_is_late_may_still_upgrade() -> None:
    over = replace(INTENT, height=1200, upgrades=(replace(UPGRADE, status=ProposalStatus.EXECUTED),))
    (bound,) = safe_heights(over, 5000, 1.0, NOW)
    assert "that was 50m 00s ago, so the sooner the better" in bound.sentence
    assert outside(9000, "v0.3.0", (bound,)) == ""


def test_what_cannot_be_told_is_not_guessed() -> None:
    for height, child_s, parent_s in ((None, 1.0, 30.0), (5000, None, 30.0), (5000, 1.0, None)):
        (bound,) = safe_heights(replace(INTENT, block_time_s=parent_s), height, child_s, NOW)
        assert (bound.first, bound.last) == (None, None)
        assert "cannot be told now" in bound.sentence
        assert outside(10**9, "v0.3.0", (bound,)) == ""
    assert safe_heights(None, 5000, 1.0, NOW) == ()
    assert safe_heights(INTENT, 5000, 1.0, NOW, {"v0.3.0"}) == ()


def test_the_tightest_bound_comes_first() -> None:
    sooner = replace(UPGRADE, number=8, target_height=950)
    bounds = safe_heights(replace(INTENT, upgrades=(UPGRADE, sooner)), 5000, 1.0, NOW)
    assert [bound.upgrade.number for bound in bounds] == [8, 7]


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 10**7), st.integers(0, 10**5), st.integers(0, 10**5), st.floats(0.1, 60.0), st.floats(0.1, 60.0),
    st.integers(1, 10**6), st.floats(0, 600),
)  # fmt: skip
def test_a_safe_height_is_safe_by_the_measured_times(
    target: int, closes: int, opens: int, parent_s: float, child_s: float, ahead: int, age_s: float
) -> None:
    window = ChildWindow("c", closes, opens)
    upgrade = ParentUpgrade(1, UntrustedText("v2"), ProposalStatus.SCHEDULED, target + ahead, window)
    intent = ParentIntent("above", (upgrade,), target, parent_s, NOW - age_s)
    (bound,) = safe_heights(intent, 1000, child_s, NOW)
    assert bound.last is not None
    assert bound.left_s is not None
    assert (bound.last - 1000) * child_s < bound.left_s
    if bound.first is not None:
        opens_s = (max(1, target + ahead - opens) - target) * parent_s - age_s
        assert (bound.first - 1000) * child_s > opens_s


@pytest.mark.parametrize("status", list(ProposalStatus))
def test_only_what_is_coming_or_has_come_is_decided(status: ProposalStatus) -> None:
    decided = replace(UPGRADE, status=status).decided
    assert decided == (status in {ProposalStatus.SCHEDULED, ProposalStatus.EXECUTED})
