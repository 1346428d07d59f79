"""The last events as lines: runs of the same are one."""

from __future__ import annotations

from console.model import Event
from tests.fakes import NOW
from widgets.event_tail import event_lines


def ready(number: int, moment: float = 0.0) -> Event:
    return Event(("ready", 1, number), "ready", f"node{number}", 1_200 + number, moment, "good")


def test_a_run_of_the_same_is_one_line_at_its_newest_moment() -> None:
    events = (Event(("proposed", 1), "proposal 1 was made", height=1_190), *(ready(number) for number in range(1, 9)))
    lines = event_lines(events, 3)
    assert [line.text for line in lines] == ["proposal 1 was made", "node1, node2, node3 and 5 more ready"]
    assert [line.when for line in lines] == ["at 1,190", "at 1,208"]


def test_four_names_stand_there_in_full_and_each_once() -> None:
    events = (ready(1), ready(2), ready(3), ready(4), ready(1))
    assert [line.text for line in event_lines(events, 3)] == ["node1, node2, node3, node4 ready"]


def test_only_the_newest_stand_there_and_what_was_seen_has_its_time() -> None:
    events = tuple(Event(("state", str(number)), f"state {number}", moment=NOW + number) for number in range(9))
    lines = event_lines(events, 2)
    assert [(line.when, line.text) for line in lines] == [("08:53:27", "state 7"), ("08:53:28", "state 8")]
    assert event_lines((), 3) == []
