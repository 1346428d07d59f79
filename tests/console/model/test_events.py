"""What happened, from differences of Snapshots, in bounded memory."""

from __future__ import annotations

from dataclasses import replace

from console.model import (
    Course,
    Crossing,
    Event,
    Preparation,
    ProposalStatus,
    Snapshot,
    Verdict,
    events_between,
    remembered,
)
from console.model.course import MOST_SAMPLES, Trend
from console.model.events import MOST_EVENTS
from tests import fakes
from tests.fakes import NOW, TARGET


def texts(before: Snapshot | None, after: Snapshot) -> list[str]:
    return [event.text for event in events_between(before, after)]


def test_a_first_snapshot_tells_what_the_chain_has_recorded_in_its_order() -> None:
    found = events_between(None, fakes.partly_ready())
    assert [event.text for event in found] == [
        "proposal 1 v0.2.0 was made",
        "v0.2.0 is scheduled for block 1,300",
        "node1 ready",
        "node2 ready",
        "node3 could not prepare: hash does not match",
        "node2 armed",
    ]
    assert {event.moment for event in found} == {0.0}
    assert [event.height for event in found] == [1200, 1200, 1210, 1211, 1211, 1221]


def test_what_comes_later_carries_the_moment_at_which_it_was_seen() -> None:
    before = fakes.partly_ready()
    found = events_between(before, replace(fakes.go(), taken_at=NOW + 9))
    assert {event.text for event in found} == {
        "node3 ready",
        "node4 ready",
        "node1 armed",
        "node3 armed",
        "node4 armed",
    }
    assert {event.moment for event in found} == {NOW + 9}
    assert not events_between(fakes.go(), fakes.go())


def test_the_way_of_an_upgrade() -> None:
    assert "proposal 1 v0.2.0 was made" in texts(fakes.idle(), fakes.partly_ready())
    assert texts(fakes.go(), fakes.frozen()) == ["verdict on v0.2.0: CROSS"]
    assert texts(fakes.frozen(), fakes.halted()) == [
        *(f"node{number} halted before block 1,300" for number in (1, 2, 3, 4)),
        "node1 HALTED",
    ]
    back = texts(fakes.halted(), fakes.waiting_for_quorum())
    assert back[:2] == ["node1 executed block 1,300", "node2 executed block 1,300"]
    assert "node4 not answering" in back
    assert "node1 WAITING_FOR_QUORUM" in back
    ended = texts(fakes.waiting_for_quorum(), fakes.committed())
    assert "v0.2.0 is executed: more than 2/3 confirmed it" in ended
    assert "node3 confirmed the crossing" in ended
    assert ended[-1] == "node1 COMMITTED"


def test_what_goes_wrong_is_told_as_such() -> None:
    aborted = fakes.proposal(fakes.ALL_READY, verdict=Verdict.ABORT, status=ProposalStatus.ABORTED, frozen_at=1295)
    shown = fakes.snapshot(fakes.chain(1297, (aborted,), fakes.ALL_READY), fakes.node(1297, fakes.attempt()))
    found = {event.text: event.tone for event in events_between(fakes.go(), shown)}
    assert found == {"verdict on v0.2.0: ABORT": "bad", "v0.2.0 was aborted: the old binary goes on": "bad"}
    assert "node1 controller not answering" in texts(fakes.go(), replace(fakes.go(), node_problem="no answer"))


def test_an_alarm_that_only_counts_up_is_one_event() -> None:
    called = fakes.called()
    assert called.node is not None
    again = replace(called, node=replace(called.node, alarm=called.node.alarm.replace("1342", "1343")))
    assert texts(called, again) == []
    assert any("needs you" in text for text in texts(fakes.halted(), called))


def test_a_state_that_comes_back_is_told_again_but_what_is_recorded_only_once() -> None:
    def at(preparation: Preparation) -> Snapshot:
        mine = fakes.attempt(preparation)
        return fakes.snapshot(fakes.chain(1234, (fakes.proposal(),)), fakes.node(1234, mine))

    course = Course()
    shown: Snapshot | None = None
    fetching, failed = at(Preparation.FETCHING), at(Preparation.FAILED)
    for following in (failed, fetching, failed, fetching, fakes.idle(), fetching):
        course, shown = course.after(shown, following), following
    told = [event.text for event in course.events]
    assert told.count("node1 fetches v0.2.0") == 3
    assert told.count("proposal 1 v0.2.0 was made") == 1


def test_the_list_is_bounded() -> None:
    events: tuple[Event, ...] = ()
    for number in range(3 * MOST_EVENTS):
        events = remembered(events, (Event(("x", number), f"{number}"),))
    assert len(events) == MOST_EVENTS
    assert events[-1].text == f"{3 * MOST_EVENTS - 1}"


def test_trends_are_sampled_and_bounded() -> None:
    trend = Trend(10.0)
    for second in range(2000):
        trend = trend.after(float(second), NOW + second)
    assert len(trend.values) == MOST_SAMPLES
    assert trend.values[-1] == 1990.0
    assert trend.after(None, NOW + 9999) is trend


def test_a_block_interval_is_taken_from_headers_when_the_chain_moves() -> None:
    def at(height: int, moment: float) -> Snapshot:
        return replace(fakes.snapshot(replace(fakes.chain(height), block_time_unix=moment), None), taken_at=moment)

    course = Course().after(None, at(10, NOW))
    course = course.after(at(10, NOW), at(12, NOW + 3.0))
    course = course.after(at(12, NOW + 3.0), at(12, NOW + 3.0))
    assert course.block_s.values == (1.5,)
    assert course.peers.values == (3,)


def test_a_node_that_needs_its_operator_is_bad_news() -> None:
    mine = fakes.attempt(crossing=Crossing.PARKED)
    parked = fakes.snapshot(fakes.chain(TARGET + 9, (fakes.proposal(fakes.ALL_READY),)), fakes.node(TARGET, mine))
    assert [event.tone for event in events_between(fakes.halted(), parked) if event.kind == "crossing"] == ["bad"]
