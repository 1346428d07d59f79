"""The timeline of an upgrade on the Snapshots that the screens are drawn from: done, due now, late, not told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.model import Due, ProposalStatus, Snapshot, coordination_of
from console.model.coordination import coordination_document
from tests import cosmos_fakes as cosmos
from tests import fakes
from tests import governance_fakes as votes

DAY = 86400.0


def dues(snapshot: Snapshot, now: float) -> dict[str, str]:
    return {each.id: each.due.value for each in coordination_of(snapshot, now).entries}


def test_before_the_halt_what_is_behind_is_done_and_what_is_next_is_now() -> None:
    snapshot = fakes.go()
    told = coordination_of(snapshot, snapshot.taken_at)
    assert told.upgrade == "v0.2.0"
    assert told.at is not None
    assert told.at > snapshot.taken_at
    assert told.sentence.startswith(f"T is H {told.height:,}, by ")
    assert dues(snapshot, snapshot.taken_at) == {
        "proposed": "done",
        "decided": "done",
        "prepared": "done",
        "halt": "now",
        "majority": "later",
        "resumed": "later",
        "verified": "later",
    }
    assert [each.offset for each in told.entries] == ["T-7d", "T-3d", "T-24h", "T-0", "T+5min", "T+15min", "T+1h"]
    halt = told.entries[3]
    assert halt.at == told.at


def test_who_is_not_ready_when_the_day_has_begun_is_late() -> None:
    snapshot = fakes.partly_ready()
    told = coordination_of(snapshot, snapshot.taken_at)
    assert told.at is not None
    # Its blocks are seconds away, so the day of preparation is over.
    prepared = next(each for each in told.entries if each.id == "prepared")
    assert prepared.due in {Due.LATE, Due.DONE}
    upgrade = snapshot.upgrade
    assert upgrade is not None
    far = replace(snapshot, upgrade=replace(upgrade, eta_s=5 * DAY, ready_power=0), node=None)
    assert dues(far, far.taken_at)["prepared"] == "later"
    near = replace(snapshot, upgrade=replace(upgrade, eta_s=2 * DAY, ready_power=0), node=None)
    assert dues(near, near.taken_at)["prepared"] == "now"
    late = replace(snapshot, upgrade=replace(upgrade, eta_s=DAY / 2, ready_power=0), node=None)
    assert dues(late, late.taken_at)["prepared"] == "late"


def test_across_the_halt() -> None:
    halted = fakes.halted()
    assert dues(halted, halted.taken_at)["resumed"] in {"now", "later"}
    waits = fakes.waiting_for_quorum()
    told = dues(waits, waits.taken_at)
    assert told["halt"] == "done"
    assert told["resumed"] != "done"
    assert dues(waits, waits.taken_at + 3600)["resumed"] == "late"
    committed = fakes.committed()
    assert dues(committed, committed.taken_at)["resumed"] == "done"


def test_without_a_height_it_is_told_by_status_alone() -> None:
    voting = votes.voted_on()
    told = coordination_of(voting, voting.taken_at)
    assert told.at is None
    assert dues(voting, voting.taken_at)["proposed"] == "done"
    assert dues(voting, voting.taken_at)["decided"] == "now"
    assert "H is not known yet" in told.sentence


def test_without_an_upgrade_or_with_one_that_is_over_nothing_is_due() -> None:
    assert coordination_of(fakes.idle(), fakes.NOW).entries == ()
    down = replace(fakes.idle(), chain=None, chain_problem="no endpoint answers")
    assert coordination_of(down, fakes.NOW).sentence == "no endpoint answers"
    snapshot = fakes.go()
    assert snapshot.upgrade is not None
    over = replace(snapshot.upgrade.proposal, status=ProposalStatus.CANCELLED)
    told = coordination_of(replace(snapshot, upgrade=replace(snapshot.upgrade, proposal=over)), fakes.NOW)
    assert (told.entries, "is cancelled" in told.sentence) == ((), True)


@pytest.mark.parametrize(
    "snapshot", [fakes.go(), fakes.halted(), fakes.waiting_for_quorum(), fakes.committed(), votes.voted_on()]
)
@given(st.floats(min_value=-9 * DAY, max_value=9 * DAY))
@settings(max_examples=12)
def test_time_alone_makes_later_now_and_now_late_and_undoes_nothing(snapshot: Snapshot, after_s: float) -> None:
    order = {"later": 0, "now": 1, "late": 2}
    early, late = dues(snapshot, snapshot.taken_at), dues(snapshot, snapshot.taken_at + abs(after_s))
    for name, due in early.items():
        assert (due == "done") == (late[name] == "done")
        if due in order and late[name] in order:
            assert order[late[name]] >= order[due]
    document = coordination_document(coordination_of(snapshot, snapshot.taken_at + after_s))
    assert len(document["entries"]) == 7


def test_on_a_chain_where_nobody_else_tells_a_node_that_has_not_taken_it_up_is_named() -> None:
    """`status` right after the vote: the controller is there, and reads the plan a moment later."""
    alone = cosmos.scheduled()
    entries = {each.id: each.words for each in coordination_of(replace(alone, node=None), alone.taken_at).entries}
    assert entries["prepared"] == entries["verified"] == "no controller of this machine tells"
    idle = replace(alone, node=fakes.node(1200, name="val1"))
    told = {each.id: each for each in coordination_of(idle, idle.taken_at).entries}
    assert told["prepared"].words == "val1 has not taken it up"
    assert told["prepared"].due in {Due.NOW, Due.LATE}
