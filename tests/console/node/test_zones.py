"""Zones of return: every combination of facts, and no way back that would fork or sign twice (DESIGN §4)."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.node.zones import Permission, Refusal, Zone, ZoneFacts, may_abort, may_roll_back, zone_of

H = 100
HEIGHTS = (None, 0, H - 2, H - 1, H, H + 1, H + 50)
BOTH = (False, True)


def everything() -> Iterator[ZoneFacts]:
    for stored, seen, commit, point in itertools.product(HEIGHTS, HEIGHTS, BOTH, BOTH):
        yield ZoneFacts(H, stored, seen, commit, point)


def expected(facts: ZoneFacts) -> Zone:
    """The design's words, written a second time as a table of ranges."""
    stored, seen = facts.stored_app_height, facts.new_run_app_height
    rows: list[tuple[bool, Zone]] = [
        (facts.commit_seen, Zone.Z2),
        (max(stored or 0, seen or 0) >= H, Zone.Z1),
        (stored is not None and stored == H - 1, Zone.Z0),
    ]
    return next((zone for holds, zone in rows if holds), Zone.UNKNOWN)


def test_every_combination_has_the_zone_of_the_design() -> None:
    found = {facts: zone_of(facts) for facts in everything()}
    assert found == {facts: expected(facts) for facts in everything()}
    assert set(found.values()) == set(Zone)


def test_a_commit_of_the_next_height_ends_every_way_back() -> None:
    for facts in everything():
        if not facts.commit_seen:
            continue
        for aborts, automatic in itertools.product(BOTH, BOTH):
            decided = may_roll_back(facts, network_aborts=aborts, automatic=automatic)
            assert isinstance(decided, Refusal)
            assert f"height {H + 1}" in decided.why
        for agreed in BOTH:
            assert isinstance(may_abort(facts, agreed=agreed), Refusal)


def test_rollback_in_every_combination() -> None:
    for facts, aborts, automatic in itertools.product(everything(), BOTH, BOTH):
        point = facts.complete_point
        allowed = {
            Zone.Z0: point or not automatic,
            Zone.Z1: aborts and point,
            Zone.Z2: False,
            Zone.UNKNOWN: point,
        }[zone_of(facts)]
        decided = may_roll_back(facts, network_aborts=aborts, automatic=automatic)
        assert isinstance(decided, Permission) == allowed, (facts, aborts, automatic)
        if isinstance(decided, Permission):
            assert decided.restore == (zone_of(facts) is not Zone.Z0)


def test_abort_in_every_combination() -> None:
    for facts, agreed in itertools.product(everything(), BOTH):
        point = facts.complete_point
        allowed = {Zone.Z0: agreed, Zone.Z1: agreed and point, Zone.Z2: False, Zone.UNKNOWN: agreed and point}
        decided = may_abort(facts, agreed=agreed)
        assert isinstance(decided, Permission) == allowed[zone_of(facts)], (facts, agreed)
        if isinstance(decided, Permission):
            assert decided.restore == (zone_of(facts) is not Zone.Z0)


def test_nothing_is_ever_restored_without_a_complete_point() -> None:
    for facts in everything():
        decisions = [
            *(may_roll_back(facts, network_aborts=a, automatic=b) for a, b in itertools.product(BOTH, BOTH)),
            *(may_abort(facts, agreed=agreed) for agreed in BOTH),
        ]
        for decided in decisions:
            if isinstance(decided, Permission) and decided.restore:
                assert facts.complete_point


def test_the_old_binary_never_goes_on_over_an_executed_height_without_restoring() -> None:
    for facts in everything():
        heights = [height for height in (facts.stored_app_height, facts.new_run_app_height) if height is not None]
        if not any(height >= H for height in heights):
            continue
        for decided in (
            may_roll_back(facts, network_aborts=True, automatic=False),
            may_abort(facts, agreed=True),
        ):
            assert isinstance(decided, Refusal) or decided.restore


def test_a_reading_of_the_new_run_alone_never_proves_that_nothing_was_executed() -> None:
    assert zone_of(ZoneFacts(H, None, H - 1, False, True)) is Zone.UNKNOWN
    assert zone_of(ZoneFacts(H, None, H, False, True)) is Zone.Z1


@pytest.mark.parametrize("stored", [None, H - 1, H, 7])
def test_each_refusal_and_permission_is_one_plain_sentence(stored: int | None) -> None:
    for commit, point in itertools.product(BOTH, BOTH):
        facts = ZoneFacts(H, stored, None, commit, point)
        for decided in (
            may_roll_back(facts, network_aborts=False, automatic=True),
            may_roll_back(facts, network_aborts=True, automatic=False),
            may_abort(facts, agreed=True),
            may_abort(facts, agreed=False),
        ):
            assert decided.why.isprintable()
            assert not decided.why.endswith(".")
            assert "\n" not in decided.why


@settings(derandomize=True, deadline=None, max_examples=200)
@given(
    st.integers(1, 1 << 40),
    st.none() | st.integers(0, 1 << 41),
    st.none() | st.integers(0, 1 << 41),
    st.booleans(),
    st.booleans(),
)
def test_learning_more_never_makes_more_reversible(
    height: int, stored: int | None, seen: int | None, commit: bool, point: bool
) -> None:
    order = [Zone.Z0, Zone.UNKNOWN, Zone.Z1, Zone.Z2]
    facts = ZoneFacts(height, stored, seen, commit, point)
    before = order.index(zone_of(facts))
    higher = dataclasses.replace(facts, new_run_app_height=max(seen or 0, height))
    assert order.index(zone_of(higher)) >= before
    assert zone_of(dataclasses.replace(facts, commit_seen=True)) is Zone.Z2
    assert zone_of(dataclasses.replace(facts, complete_point=not point)) is zone_of(facts)
