"""Never a third of the power down, the smallest first, and when a node counts as back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.model import Crossing, OwnConsensus, PlanOrigin, PowerNow
from console.model.roll import Standing, may_take_down, power_down_with, roll_order, standing_of
from tests.console.operations.examples import a_node_status
from tests.fakes import attempt as an_attempt

POWERS = {"A": 10, "B": 10, "C": 10, "D": 10}
NOW = PowerNow(120, POWERS, frozenset(), "http://127.0.0.1:1", 0.0)
SEEN = OwnConsensus(119, 119, False, 3, 10, 40, True, "A")
STATUS = replace(a_node_status(), pid=7, attempt=None, alarm="")


@pytest.mark.parametrize(
    ("powers", "down", "taking", "allowed"),
    [
        (POWERS, (), "A", True),
        (POWERS, ("B",), "A", False),
        # It is down already: taking it costs nothing more.
        (POWERS, ("A",), "A", True),
        # Exactly a third is too much: strictly less has to be down.
        ({"A": 1, "B": 1, "C": 1}, (), "A", False),
        ({"A": 10, "B": 11, "C": 10}, (), "A", True),
        # No validator: it costs nothing, but what is down already counts.
        (POWERS, (), "x", True),
        (POWERS, ("B", "C"), "x", False),
        ({"A": 1}, (), "A", False),
        ({}, (), "A", False),
        # Who left the set is no power that is down.
        (POWERS, ("gone",), "A", True),
    ],
)
def test_a_third_is_never_down(powers: dict[str, int], down: tuple[str, ...], taking: str, allowed: bool) -> None:
    assert may_take_down(powers, down, taking) is allowed


@settings(max_examples=50)
@given(
    st.dictionaries(st.sampled_from("ABCDEFGH"), st.integers(1, 100), min_size=1), st.sets(st.sampled_from("ABCDEFGH"))
)
def test_what_stays_is_always_more_than_two_thirds(powers: dict[str, int], down: set[str]) -> None:
    total = sum(powers.values())
    for taking in powers:
        stays = sum(power for name, power in powers.items() if name not in {*down, taking})
        assert power_down_with(powers, down, taking) + stays == total
        assert may_take_down(powers, down, taking) is (3 * stays > 2 * total)


def test_the_smallest_goes_first_and_the_order_is_one() -> None:
    assert roll_order({"b": 5, "a": 5, "big": 90, "full": 0}) == ("full", "a", "b", "big")


def standing(
    status: object = STATUS, seen: OwnConsensus | None = SEEN, now: PowerNow = NOW, power: int = 10
) -> Standing:
    return standing_of(status, seen, now, key="A", since=110, power=power)[0]  # type: ignore[arg-type]


def test_back_is_synced_with_peers_and_signing() -> None:
    assert standing() is Standing.BACK
    assert standing(seen=None) is Standing.WAITING
    assert standing(seen=replace(SEEN, catching_up=True)) is Standing.WAITING
    assert standing(seen=replace(SEEN, peers=0)) is Standing.WAITING
    assert standing(seen=replace(SEEN, signed=False)) is Standing.WAITING
    assert standing(seen=replace(SEEN, height=90)) is Standing.WAITING
    assert standing(replace(STATUS, pid=None)) is Standing.WAITING
    assert standing(now=replace(NOW, silent=frozenset({"A"}))) is Standing.WAITING
    # The commits of before it was taken down hold its signature, and prove nothing.
    assert standing(now=replace(NOW, height=112), seen=replace(SEEN, height=112)) is Standing.WAITING


def test_a_node_without_power_has_nothing_to_sign() -> None:
    others = replace(NOW, powers={"B": 10, "C": 10})
    seen = replace(SEEN, power=0, signed=False)
    assert standing(seen=seen, now=others, power=0) is Standing.BACK
    # It had power when the roll began: jailed in the middle of it.
    found, why = standing_of(STATUS, seen, others, key="A", since=110, power=10)
    assert found is Standing.FAILED
    assert "jailed" in why


@pytest.mark.parametrize(
    ("crossing", "expected"),
    [
        (Crossing.PARKED, Standing.FAILED),
        (Crossing.NEEDS_OPERATOR, Standing.FAILED),
        (Crossing.ROLLBACK, Standing.FAILED),
        (Crossing.STARTING, Standing.WAITING),
        (Crossing.PROBATION, Standing.WAITING),
        (Crossing.COMMITTED, Standing.BACK),
    ],
)
def test_a_swap_by_hand_is_followed_to_its_end(crossing: Crossing, expected: Standing) -> None:
    attempt = replace(an_attempt(), origin=PlanOrigin.OPERATOR, target_height=112, crossing=crossing)
    assert standing(replace(STATUS, attempt=attempt)) is expected
    # One of before this roll says nothing of it.
    assert standing(replace(STATUS, attempt=replace(attempt, target_height=50))) is Standing.BACK


def test_a_call_for_the_operator_ends_the_wait() -> None:
    assert standing(replace(STATUS, alarm="the disk is full")) is Standing.FAILED
