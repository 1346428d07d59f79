"""The table of states: it covers every state, leads somewhere from everywhere, and is what the documentation prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.model import Arming, Crossing, Preparation
from console.node.table import TABLE, fault_points, markdown, may_follow, row

ARCHITECTURE = Path(__file__).parents[3] / "docs" / "architecture.md"


def test_it_has_one_row_for_every_state() -> None:
    states = [entry.state for entry in TABLE]
    assert len(states) == len(set(states))
    assert set(states) == {*Preparation, *Arming, *Crossing}


def test_every_crossing_is_reached_and_every_lasting_state_ends() -> None:
    reached = {Crossing.NONE}
    while True:
        more = {state for state in Crossing for before in reached if may_follow(before, state)}
        if more <= reached:
            break
        reached |= more
    assert reached == set(Crossing)
    for state in Crossing:
        assert state.ended or row(state).leads_to, state


def test_nothing_leads_back_from_where_there_is_no_return() -> None:
    back = {Crossing.ROLLBACK, Crossing.RESTORED, Crossing.FLIPPED_BACK, Crossing.PARKED, Crossing.RESUMED_OLD}
    assert not back & set(row(Crossing.PROBATION).leads_to)
    assert row(Crossing.COMMITTED).leads_to == ()


def test_the_switch_comes_only_after_the_rollback_point() -> None:
    before = {state for state in Crossing if Crossing.SWITCHED in row(state).leads_to}
    started = {Crossing.STARTING, Crossing.WAITING_FOR_QUORUM, Crossing.PROBATION}
    assert before == {Crossing.BACKED_UP, Crossing.NEEDS_OPERATOR} | started


@pytest.mark.parametrize("kind", [Preparation, Arming, Crossing])
def test_every_entry_into_a_state_has_its_fault_points(kind: type[Preparation] | type[Arming] | type[Crossing]) -> None:
    names = set(fault_points())
    for state in kind:
        if state.value:
            assert {f"before-{state.value.lower()}", f"after-{state.value.lower()}"} <= names


def test_the_documentation_prints_it() -> None:
    assert markdown() in ARCHITECTURE.read_text("utf-8")
