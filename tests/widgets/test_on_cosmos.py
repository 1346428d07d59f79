"""What is said of a Cosmos chain: nothing of a registry, of readiness, arming or a verdict; the chain decides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.model import (
    Agreement,
    AgreementState,
    ProposalStatus,
    Snapshot,
    Tally,
    Upgrade,
    events_between,
    upgrade_of,
)
from console.notify.occasions import occasions
from console.operations.status import status_document
from console.text import UntrustedText
from tests import cosmos_fakes as cosmos
from tests import fakes
from tests.fakes import NOW, TARGET
from widgets.ballot_report import ballot_lines, ballot_summary
from widgets.ballot_words import until_words
from widgets.dashboard_rows import STAKED_ORDERS, Wish, in_order
from widgets.go_panel import ballot_terms, crossing_terms, power_terms, verdict_words
from widgets.moments import UNKNOWN
from widgets.outlook import outlook
from widgets.phases import Phase
from widgets.proposal_reading import Reading
from widgets.proposal_table import proposal_row
from widgets.proposal_words import Clock
from widgets.readiness_rows import ReadinessRows
from widgets.stake_words import jail_words, stake_words
from widgets.verification import verification_terms

STATIONS = {
    Phase.VOTING: cosmos.voted(),
    Phase.COUNTING: cosmos.scheduled(),
    Phase.HALTED: cosmos.halted(),
    Phase.WAITING_FOR_QUORUM: cosmos.halted(2),
    Phase.COMMITTED: cosmos.crossed(),
}
FOREIGN_WORDS = ("registry", "ready", "armed", "arm ", "verdict", "freeze", "frozen", "confirm", "Press p")


def upgrade(snapshot: Snapshot) -> Upgrade:
    assert snapshot.upgrade is not None
    return snapshot.upgrade


def everything(snapshot: Snapshot) -> str:
    """All that the overview says of a Snapshot."""
    view, current = outlook(snapshot, NOW), upgrade(snapshot)
    assert snapshot.chain is not None
    terms = [*power_terms(current), *crossing_terms(snapshot.chain, current.proposal), *verification_terms(snapshot)]
    events = [event.text for event in events_between(None, snapshot)]
    told = [occasion.sentence for occasion in occasions(snapshot)]
    return "\n".join(
        (view.title, view.when, view.sentence, *verdict_words(current), *(term.text for term in terms), *events, *told)
    )


@pytest.mark.parametrize("phase", STATIONS)
def test_every_station_has_its_phase_and_no_word_of_a_registry(phase: Phase) -> None:
    snapshot = STATIONS[phase]
    assert outlook(snapshot, NOW).phase is phase
    said = everything(snapshot)
    assert [word for word in FOREIGN_WORDS if word.lower() in said.lower()] == []


def test_the_time_left_is_the_biggest_thing_of_a_vote_and_of_a_deposit() -> None:
    vote, deposit = outlook(cosmos.voted(), NOW), outlook(cosmos.deposited(), NOW)
    assert (vote.number, vote.caption) == ("2", ("hours", "to vote"))
    assert (deposit.number, deposit.caption) == ("30", ("hours", "to deposit"))
    assert deposit.sentence == "Deposited: 4,000,000,000 uve, 6,000,000,000 uve more opens the vote."


def test_a_height_before_the_end_of_its_vote_is_said() -> None:
    early = cosmos.chain(TARGET - 10, (cosmos.proposal(ProposalStatus.VOTING),))
    view = outlook(cosmos.snapshot(early), NOW)
    assert view.tone == "warning"
    assert "comes before the vote ends" in view.sentence
    past = cosmos.chain(TARGET + 5, (cosmos.proposal(ProposalStatus.VOTING),))
    assert "is past: the plan would fail" in outlook(cosmos.snapshot(past), NOW).sentence


def test_go_is_a_plan_a_known_power_and_our_own_binary() -> None:
    assert upgrade(cosmos.scheduled()).go
    assert not upgrade(cosmos.voted()).go
    assert upgrade(cosmos.scheduled()).power_may_fail == 11_999_999
    view = cosmos.scheduled().chain
    assert view is not None
    ours = fakes.node(TARGET - 90, replace(fakes.attempt(), proposal_id=TARGET))
    assert upgrade(cosmos.snapshot(view, ours)).go
    unprepared = cosmos.snapshot(view, fakes.node(TARGET - 90))
    assert upgrade(unprepared).no_go_reasons == ("node1 has not taken it up",)
    nobody = replace(view, validators=())
    assert upgrade(cosmos.snapshot(nobody)).no_go_reasons == ("the power of the validators is not known",)
    split = replace(view, agreement=Agreement(AgreementState.DISAGREED, "a and b contradict each other"))
    assert upgrade(cosmos.snapshot(split)).no_go_reasons == ("a and b contradict each other",)


def test_what_would_cancel_is_not_the_upgrade() -> None:
    view = cosmos.voted().chain
    assert view is not None
    assert upgrade(cosmos.voted()).proposal.id == 42
    assert upgrade_of(replace(view, proposals=view.proposals[:1]), None, view.height) is None


def test_terms_of_a_vote() -> None:
    terms = ballot_terms(cosmos.ballot())
    assert [(term.mark, term.text) for term in terms] == [
        ("✓", "turnout 65.2%, quorum 33.4%"),
        ("✓", "yes 88.8%, more than 50% needed"),
        ("✓", "veto 2.1%, at most 33.4%"),
    ]
    vetoed = ballot_terms(cosmos.ballot(Tally(10, 0, 0, 10)))
    assert [term.mark for term in vetoed] == ["·", "·", "✗"]


def test_rows_of_validators_say_who_is_jailed_misses_and_stands() -> None:
    snapshot = cosmos.halted(1)
    view = snapshot.chain
    assert view is not None
    assert view.cosmos is not None
    rows = ReadinessRows(snapshot, (*view.validators, *view.cosmos.outside), NOW)
    states = {row.name: (row.state, row.tone, row.missed) for row in (rows[place] for place in range(6))}
    assert states["Cosmos Station"] == ("back", "good", "3")
    assert states["Figment"] == ("halted at 1,300", "warn", "3")
    assert states["sleeper"] == ("jailed", "bad", "9,501")
    shown = in_order(snapshot, Wish(), None)
    assert [str(each.moniker) for each in shown.validators][-1] == "sleeper"
    jailed_first = in_order(snapshot, Wish(order=[each.field for each in STAKED_ORDERS].index("state")), None)
    assert str(jailed_first.validators[0].moniker) == "sleeper"
    at_halt = shown.dashboard.row(view.validators[2], NOW)
    assert (at_halt.state, at_halt.missed, at_halt.tokens) == ("at its halt", "3", "8.00T")


def test_jail_in_words() -> None:
    jailed, dead = cosmos.sleeper(), cosmos.sleeper(tombstoned=True)
    assert jailed.stake is not None
    assert dead.stake is not None
    assert (stake_words(jailed), stake_words(dead)) == ("jailed", "tombstoned")
    assert jail_words(jailed.stake, NOW).startswith("for 10m 00s more")
    assert jail_words(jailed.stake, NOW + 900).startswith("its operator may have it released now")
    assert jail_words(dead.stake, NOW).startswith("for good")


def test_rows_of_proposals() -> None:
    view = cosmos.voted().chain
    assert view is not None
    cancels, vote, before = (proposal_row(entry, NOW) for entry in view.proposals)
    assert (cancels.name, cancels.height, cancels.vote, cancels.ends) == (
        "Cancel v2.0.0 !",
        "cancels",
        "50.0%",
        "in 2h 00m",
    )
    assert (vote.status, vote.vote, vote.turnout, vote.tone) == ("voting", "88.8%", "65.2%", "warn")
    assert before.status == "executed"


def report(snapshot: Snapshot, place: int = 0) -> str:
    assert snapshot.chain is not None
    reading = Reading(snapshot.chain.proposals[place], Clock.of(snapshot, NOW), 76, {})
    return "\n".join(line.plain for line in (*ballot_lines(reading), *ballot_summary(reading)))


def test_a_proposal_in_full_names_binaries_rules_and_outcome() -> None:
    said = report(cosmos.voted(), 1)
    for words in (
        "linux/amd64",
        "darwin/arm64   no checksum",
        "turnout 65.2%, quorum 33.4%",
        "open: it would pass now",
    ):
        assert words in said
    assert "vetoed" not in said
    assert "44.4% veto, more than 33.4% ends it" in report(cosmos.voted(), 0)
    assert "more opens the vote" in report(cosmos.deposited())


@pytest.mark.parametrize(
    "info", ['{"binaries":{"any":"\\u001b[2J\\u202e"}}', '{"binaries":[1]}', "{", '{"binaries":{"x":5}}']
)
def test_what_a_plans_info_hides_in_json_stays_visible(info: str) -> None:
    plan = cosmos.proposal(ProposalStatus.VOTING, release_url=UntrustedText(info))
    said = report(cosmos.snapshot(cosmos.chain(TARGET - 90, (plan,))))
    assert said.replace("\n", "").isprintable()


def test_a_plan_whose_proposal_is_not_known_says_so() -> None:
    plan = cosmos.proposal(ballot=None, id=TARGET)
    said = report(cosmos.snapshot(cosmos.chain(TARGET - 90, (plan,))))
    assert "the chain's newest proposals do not hold it" in said


def test_the_past_is_told_by_the_chains_own_times() -> None:
    events = events_between(None, cosmos.crossed())
    assert [(event.words, event.moment) for event in events][1:] == [
        ("proposal 42 v2.0.0 was made", NOW - 50 * 3600),
        ("the vote on proposal 42 v2.0.0 opened", NOW - 46 * 3600),
        ("proposal 42 v2.0.0 passed", NOW + 2 * 3600 - 3 * 3600),
        ("v2.0.0 is scheduled for block 1,300", NOW - 3600),
    ]
    assert events[0].words == "v2.0.0 was applied: the chain goes on with it"


def test_a_validator_that_is_jailed_is_an_event_and_an_occasion() -> None:
    after = cosmos.scheduled()
    assert after.chain is not None
    assert after.chain.cosmos is not None
    before = replace(after, chain=replace(after.chain, cosmos=replace(after.chain.cosmos, outside=())))
    (event,) = events_between(before, after)
    assert (event.subject, event.words, event.tone) == ("sleeper", "jailed: its power is gone", "bad")
    assert "sleeper was jailed, and its power is gone." in {each.sentence for each in occasions(after)}


def test_the_document_has_exact_tokens_and_no_readiness() -> None:
    document = status_document(cosmos.voted())
    assert document["cosmos"]["bonded_tokens"] == "36000000000000"
    assert {each["ready"] for each in document["validators"]} == {None}
    assert document["upgrade"]["ballot"]["yes"] == "20000000000000"
    assert document["validators"][0]["stake"]["signing_window"] == 10_000
    assert [each["status"] for each in document["cosmos"]["proposals"]] == ["voting", "voting", "executed"]
    assert document["cosmos"]["outside"][0]["stake"]["jailed"] is True


def test_a_vote_whose_time_is_over_ends_with_the_next_block() -> None:
    assert until_words(1000.0 + 61, 1000.0).startswith("in 1m 01s, ")
    assert until_words(1000.0, 1000.5).startswith("with the next block (due ")
    assert until_words(None, 1000.0) == UNKNOWN
