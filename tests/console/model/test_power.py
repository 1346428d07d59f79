"""Rules of power at the boundaries where everybody gets them wrong (facts/evm.md §4.7)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.model import minimum_lead, more_than_two_thirds, power_may_fail


@pytest.mark.parametrize(
    ("part", "total", "expected"),
    [
        (2, 3, False),
        (3, 3, True),
        (2, 4, False),
        (3, 4, True),
        (4, 7, False),
        (5, 7, True),
        (26, 40, False),
        (27, 40, True),
        (0, 0, False),
        (6667, 10000, True),
        (6666, 10000, False),
        (2**129 // 3, 2**128, False),
        (2**129 // 3 + 1, 2**128, True),
    ],
)
def test_two_thirds_is_strict_and_in_integers(part: int, total: int, expected: bool) -> None:
    assert more_than_two_thirds(part, total) is expected


@settings(derandomize=True, deadline=None)
@given(st.integers(1, 2**128), st.data())
def test_what_may_fail_leaves_more_than_two_thirds_and_no_more(total: int, data: st.DataObject) -> None:
    part = data.draw(st.integers(0, total))
    spare = power_may_fail(part, total)
    if more_than_two_thirds(part, total):
        assert more_than_two_thirds(part - spare, total)
        assert not more_than_two_thirds(part - spare - 1, total)
    else:
        assert spare == 0


@pytest.mark.parametrize(
    ("validators", "freeze", "lead"), [(4, 5, 20), (1, 5, 11), (19, 5, 65), (256, 5, 65), (4, 8, 23)]
)
def test_the_lead_grows_with_the_arming_turns(validators: int, freeze: int, lead: int) -> None:
    assert minimum_lead(validators, freeze) == lead
