"""Why a chain stands, from one node's votes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.cli.status import status_text
from console.model import RoundVotes, Stalled, events_between, stalled
from console.text import untrusted
from tests import fakes
from widgets.notice_line import notice

VALIDATORS = tuple(
    replace(each, consensus_address=f"{index:012X}".ljust(40, "0"))
    for index, each in enumerate(fakes.validators((3, 3, 2, 2)))
)


def votes(*present: int, height: int = 101) -> RoundVotes:
    """Validators of these numbers, counted from 0, vote on a height."""
    return RoundVotes(height, 1, (), (), tuple(VALIDATORS[each].consensus_address[:12] for each in present))


def test_forty_percent_are_missing_and_named() -> None:
    found = stalled(100, 75.0, 1.0, VALIDATORS, votes(0, 1))
    assert found == Stalled(100, 75.0, 6, 10, 7, VALIDATORS[2:])
    assert found.sentence == (
        "stands at block 100 for 1m 15s: 6 of 10 power votes, 7 is needed; missing: node3 (2), node4 (2)"
    )


@pytest.mark.parametrize(
    ("for_s", "block_time_s", "seen"),
    [
        (7.0, 1.0, votes(0, 1)),
        (20.0, 5.0, votes(0, 1)),
        (75.0, 1.0, None),
        (75.0, 1.0, votes(0, 1, height=100)),
        (75.0, 1.0, votes()),
        (75.0, 1.0, votes(0, 1, 3)),
        (75.0, 1.0, votes(0, 1, 2, 3)),
    ],
    ids=["a round failed", "blocks are slow", "nobody tells", "of another block", "nothing to decide", "enough", "all"],
)
def test_nothing_is_said_where_it_goes_on_or_nobody_can_tell(
    for_s: float, block_time_s: float, seen: RoundVotes | None
) -> None:
    assert stalled(100, for_s, block_time_s, VALIDATORS, seen) is None


def test_many_are_counted_and_long_names_cut() -> None:
    many = tuple(
        replace(VALIDATORS[0], moniker=untrusted("x" * 300), consensus_address=f"{index:040X}") for index in range(9)
    )
    found = stalled(100, 75.0, None, many, RoundVotes(101, 0, (), (), ("F" * 12,)))
    assert found is not None
    assert " and 5 more" in found.sentence
    assert len(found.sentence) < 200


def test_it_is_told_on_the_screen_in_the_status_and_once_as_an_event() -> None:
    quiet = fakes.go()
    assert quiet.chain is not None
    stands = stalled(1267, 75.0, 1.0, VALIDATORS, votes(0, 1, height=1268))
    snapshot = replace(quiet, chain=replace(quiet.chain, stalled=stands))
    assert notice(snapshot).startswith("The chain stands at block 1,267 for 1m 15s: 6 of 10")
    silent = "2 of 4 nodes do not answer: node3, node4"
    partly = replace(snapshot, chain=replace(quiet.chain, stalled=stands, problem=silent), chain_problem=silent)
    assert notice(partly) == notice(snapshot), "who does not vote says more than who does not answer"
    failed = replace(partly, chain_problem="no endpoint answers")
    assert notice(failed) == "Chain: no endpoint answers", "what was known then may be over"
    assert "missing: node3 (2), node4 (2)." in " ".join(status_text(snapshot).split())
    (event,) = events_between(quiet, snapshot)
    assert (event.kind, event.tone) == ("stalled", "bad")
    assert event.text == "the chain stands: 6 of 10 power votes, 7 is needed"
    assert events_between(snapshot, snapshot) == ()
