"""What a proposal needs and waits for, in words, at every station."""

from __future__ import annotations

import pytest

from console.model import MigrationKind, Proposal, ProposalStatus, ScheduleKind
from console.text import UntrustedText
from tests import fakes
from tests import governance_fakes as votes
from tests.fakes import NOW
from widgets.narrowing import Narrowing
from widgets.outlook import outlook
from widgets.phases import Phase
from widgets.proposal_reading import Reading
from widgets.proposal_report import left_lines, report_lines, right_lines
from widgets.proposal_table import ORDERS, proposal_row, searched
from widgets.proposal_words import Clock, height_words, share_words, waits_for

AFTER_VOTE = votes.voting(schedule_kind=ScheduleKind.AFTER_VOTE, readiness_bps=0, readiness_deadline=0, delay=7200)


@pytest.mark.parametrize(
    ("proposal", "words"),
    [
        (fakes.proposal(), "1,300"),
        (votes.voting(), "at 75% ready"),
        (votes.voting(readiness_bps=6667), "at 66.67% ready"),
        (AFTER_VOTE, "vote + 7,200"),
        (votes.calls_alone(), "calls only"),
        (votes.voting(status=ProposalStatus.REJECTED), "—"),
    ],
)
def test_a_height_that_is_not_known_is_what_gives_it(proposal: Proposal, words: str) -> None:
    assert height_words(proposal) == words


def test_shares_as_written() -> None:
    assert [share_words(bps) for bps in (1, 50, 6_667, 7_500, 10_000)] == ["0.01%", "0.5%", "66.67%", "75%", "100%"]


def test_what_it_waits_for() -> None:
    assert waits_for(fakes.proposal()) == ""
    assert waits_for(votes.voting()) == "waits for its vote: yes 20 of 40 power, 30 needed (3/4)"
    assert "27 needed (more than 2/3)" in waits_for(votes.voting(migration_kind=MigrationKind.NONE))
    assert waits_for(votes.approved(votes.TWO_READY)) == "waits for readiness: ready 20 of 40 power, 30 needed (75%)"
    assert "no node stops" in waits_for(votes.calls_alone())


def test_the_countdown_of_what_has_no_height_yet() -> None:
    vote = outlook(votes.voted_on(), NOW)
    assert (vote.phase, vote.number, vote.when) == (Phase.VOTING, "56", "vote ends ≈ 56s · 08:54:16 UTC")
    assert "EXPEDITED" in vote.title
    ready = outlook(votes.waiting_for_readiness(), NOW)
    assert (ready.phase, ready.number) == (Phase.WAITING, "20/30")
    assert "10 more power" in ready.sentence
    calls = outlook(votes.shown(votes.calls_alone()), NOW)
    assert calls.number == "471"
    assert "No node stops" in calls.sentence
    made = votes.calls_alone(status=ProposalStatus.EXECUTED, contracts_at=1230, ended_at=1230)
    assert "were made at block 1,230" in outlook(votes.shown(made), NOW).sentence
    lost = votes.voting(status=ProposalStatus.REJECTED)
    assert "was rejected" in outlook(votes.shown(lost), NOW).sentence


def test_an_old_chain_tells_no_time() -> None:
    stale = outlook(votes.voted_on(), NOW + 60)
    assert stale.number == "—"
    assert stale.when == "◷ vote ends at block 1,290"
    assert Clock.of(fakes.stale(), NOW).height is None


def _reading(proposal: Proposal, **changes: object) -> Reading:
    base = {
        "governance": votes.governance(proposal.id),
        "rules": votes.rules(),
        "names": {address: f"node{index + 1}" for index, address in enumerate(fakes.ADDRESSES)},
    }
    clock = Clock.of(votes.voted_on(), NOW)
    return Reading(proposal, clock, 76, **{**base, **changes})  # type: ignore[arg-type]


def _text(lines: list[object]) -> str:
    return "\n".join(str(line) for line in lines)


def test_the_report_says_who_voted_and_who_wants_to_stop_it() -> None:
    text = _text([*report_lines(_reading(votes.voting()))])
    for piece in ("VOTING, EXPEDITED vote", "2 of the 3 that stop it", "we cannot follow it in time", "node3 voted no"):
        assert piece in text
    assert text.index("Votes") < text.index("What happened")
    assert "100 blocks ≈ 1m 40s after that" in text


def test_two_columns_hold_what_one_holds() -> None:
    reading = _reading(votes.scheduled(votes.TWO_READY, replace_power=10))
    both = sorted(str(line) for line in (*left_lines(reading), *right_lines(reading)))
    assert both == sorted(str(line) for line in report_lines(reading))


def test_what_is_not_known_is_said_to_be_not_known() -> None:
    text = _text([*report_lines(_reading(votes.voting(), governance=None, problem="no endpoint answers"))])
    assert text.count("not known: no endpoint answers") == 3
    assert "the chain is asked" in _text([*report_lines(_reading(votes.voting(), governance=None))])


def test_replacements_are_counted_by_what_they_agree_on() -> None:
    one = votes.halted_by(0)
    agreeing = [
        one.__class__(address, 10, 1230, 0, UntrustedText("https://a.example/x"), subject * 32)
        for address, subject in zip(fakes.ADDRESSES, ("aa", "aa", "bb", "aa"), strict=True)
    ]
    text = _text(
        [*report_lines(_reading(votes.scheduled(), governance=votes.governance(replacements=tuple(agreeing))))]
    )
    assert "30 of 40 power, 27 needed" in text
    assert "10 of 40 power, 27 needed" in text


def test_the_list_is_searched_and_ordered() -> None:
    all_three = (votes.calls_alone(), votes.voting(), fakes.proposal(fakes.ALL_READY))
    texts = [searched(entry) for entry in all_three]
    for typed, ids in (("vot", [2]), (fakes.HASH[:9], [2, 1]), ("^expedited$", [2]), ("nothing of the kind", [])):
        assert [all_three[place].id for place in Narrowing(typed).kept(texts)] == ids
    orders = {order.words: [entry.id for entry in sorted(all_three, key=order.key)] for order in ORDERS}
    assert orders == {"newest": [3, 2, 1], "state": [2, 3, 1], "height": [1, 3, 2], "name": [3, 1, 2]}
    assert proposal_row(votes.calls_alone()).ready == "—"
