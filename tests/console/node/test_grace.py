"""Late upgraders: what is said, once each, and when the old release must stop (issue 3)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.node.grace import MARKS, LateAction, Lateness, late, stop_height

H = 1000


def at(
    height: int,
    *,
    grace: int = 200,
    breaking: bool = False,
    said: frozenset[int] = frozenset(),
    block_time_s: float | None = 2.0,
) -> Lateness:
    return late(
        target_height=H,
        grace_blocks=grace,
        breaking=breaking,
        height=height,
        block_time_s=block_time_s,
        already_said=said,
    )


def test_before_the_height_nothing_is_said() -> None:
    assert at(H - 2) == Lateness(LateAction.NONE, None, None, "", None, frozenset())


def test_blocks_and_time_left_are_in_the_sentence() -> None:
    found = at(H + 99)
    assert (found.blocks_left, found.seconds_left, found.say) == (100, 200.0, 50)
    assert "100 blocks (about 3m 20s) of its grace period are left" in found.sentence
    assert "about" not in at(H + 99, block_time_s=None).sentence


def test_each_mark_is_said_once_on_the_way() -> None:
    said: frozenset[int] = frozenset()
    spoken: dict[int, int] = {}
    for height in range(H - 5, H + 210):
        found = at(height, said=said)
        if found.say is not None:
            assert found.say not in spoken
            spoken[found.say] = height
        said = found.said
    assert spoken == {100: H - 1, 50: H + 99, 10: H + 179, 1: H + 197, 0: H + 199}


def test_marks_that_were_jumped_over_are_not_said_late() -> None:
    found = at(H + 190)
    assert found.say == 10
    assert found.said == {100, 50, 10}
    assert at(H + 191, said=found.said).say is None


def test_a_compatible_release_runs_to_the_end_of_the_period_and_then_stops() -> None:
    assert at(H + 198).action is LateAction.RUN_ON
    assert at(H + 199).action is LateAction.STOP
    assert at(H + 5000).action is LateAction.STOP
    assert "must stop now" in at(H + 199).sentence


def test_a_compatible_release_without_a_period_runs_on_and_says_so_once() -> None:
    found = at(H + 3, grace=0)
    assert (found.action, found.blocks_left, found.say) == (LateAction.RUN_ON, None, 100)
    assert "no grace period" in found.sentence
    assert at(H + 10**6, grace=0, said=found.said).say is None


@pytest.mark.parametrize("grace", [0, 200])
def test_a_breaking_release_is_stopped_before_the_height_whatever_the_period(grace: int) -> None:
    assert at(H - 2, grace=grace, breaking=True).action is LateAction.NONE
    for height in (H - 1, H, H + 100, H + 1000):
        assert at(height, grace=grace, breaking=True).action is LateAction.STOP
    assert "stays stopped" in at(H, breaking=True).sentence
    assert at(H + 99, breaking=True, said=frozenset({100})).say == 50


def test_the_halt_height_of_the_old_release() -> None:
    assert stop_height(H, 0, breaking=True) == H
    assert stop_height(H, 200, breaking=True) == H
    assert stop_height(H, 200, breaking=False) == H + 200
    assert stop_height(H, 0, breaking=False) == 0


@settings(derandomize=True, deadline=None, max_examples=200)
@given(
    st.integers(1, 1 << 40),
    st.integers(0, 10_000),
    st.booleans(),
    st.lists(st.integers(0, 500), max_size=40),
)
def test_on_any_walk_marks_fall_and_are_said_once_and_stop_never_ends(
    target: int, grace: int, breaking: bool, steps: list[int]
) -> None:
    said: frozenset[int] = frozenset()
    spoken: list[int] = []
    height = max(0, target - 20)
    stopped = False
    limit = stop_height(target, grace, breaking=breaking)
    for step in steps:
        height += step
        found = late(
            target_height=target,
            grace_blocks=grace,
            breaking=breaking,
            height=height,
            block_time_s=1.0,
            already_said=said,
        )
        assert found.said >= said
        said = found.said
        if found.say is not None:
            spoken.append(found.say)
        assert (found.action is LateAction.STOP) == (limit > 0 and height >= limit - 1)
        assert not stopped or found.action is LateAction.STOP
        stopped = found.action is LateAction.STOP
    assert spoken == sorted(set(spoken), reverse=True)
    assert set(spoken) <= set(MARKS)
