"""Which plan a node takes up: scheduled before approved, the likeliest first, and none twice."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.model import (
    Arming,
    Attempt,
    Crossing,
    PlanOrigin,
    Preparation,
    Proposal,
    ProposalStatus,
    ReleaseKind,
    ScheduleKind,
    Verdict,
)
from console.node.attempts import AttemptBook
from console.node.journal import Journal
from console.node.next_plan import approved_to_prepare, done_with, plan_to_open
from console.ports.chain import PlanReading
from console.text import untrusted
from tests.console.node.fakes import proposal

NEW_HASH = "22" * 32


def approved(number: int, **changes: object) -> Proposal:
    made = proposal(
        id=number,
        name=untrusted(f"v0.{number}.0"),
        status=ProposalStatus.APPROVED,
        scheduled_at=0,
        target_height=0,
        approved_at=40,
        delay=30,
        schedule_kind=ScheduleKind.READINESS,
        readiness_bps=8000,
        readiness_deadline=500,
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def scheduled(number: int, height: int, **changes: object) -> Proposal:
    return approved(number, status=ProposalStatus.SCHEDULED, target_height=height, scheduled_at=50, **changes)


class Desk:
    """A book that follows what the test says the chain shows."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "journal.db"
        self.journal = Journal(self.path)
        self.book = AttemptBook(self.journal, lambda: None)

    def again(self) -> None:
        """A controller that was killed and started again."""
        self.journal.close()
        self.journal = Journal(self.path)
        self.book = AttemptBook(self.journal, lambda: None)

    def follow(self, *proposals: Proposal, height: int = 60) -> Attempt:
        found = self.book.follow(PlanReading(height, proposals, None), "", None)
        if found is not None:
            self.book.learn_verdict(found)
        assert self.book.attempt is not None
        return self.book.attempt

    def prepare(self, *, said: bool = True) -> None:
        for step in (Preparation.STAGED, Preparation.READY):
            self.book.change(preparation=step)
        if said:
            assert self.book.open is not None
            self.journal.say(self.book.open, "ready", self.book.open.release_hash)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_an_approved_plan_is_taken_up_without_a_height_and_gets_it(desk: Desk) -> None:
    plan = approved(1)
    assert desk.follow(plan).target_height == 0
    desk.prepare()
    desk.again()
    after = desk.follow(dataclasses.replace(plan, status=ProposalStatus.SCHEDULED, scheduled_at=70, target_height=150))
    assert (after.target_height, after.scheduled_at, after.preparation) == (150, 70, Preparation.READY)
    assert [event["kind"] for event in desk.journal.events()] == [
        "planned",
        "staged",
        "ready",
        "said-ready",
        "scheduled",
    ]


def test_a_proposed_height_is_none_before_it_is_scheduled(desk: Desk) -> None:
    plan = approved(1, schedule_kind=ScheduleKind.FIXED, target_height=150)
    assert not desk.follow(plan).has_height


def test_a_manifest_is_held_against_the_height_when_there_is_one(desk: Desk) -> None:
    plan = approved(1, release_kind=ReleaseKind.MANIFEST)
    desk.follow(plan)
    desk.prepare()
    after = desk.follow(dataclasses.replace(plan, status=ProposalStatus.SCHEDULED, scheduled_at=70, target_height=150))
    assert after.preparation is Preparation.STAGED


def test_calls_alone_are_never_attempted(desk: Desk) -> None:
    desk.book.follow(PlanReading(60, (approved(1, release_kind=ReleaseKind.NONE),), None), "", None)
    assert desk.book.attempt is None


def test_the_likeliest_approved_plan_comes_first() -> None:
    fixed = approved(9, schedule_kind=ScheduleKind.FIXED, target_height=300)
    after_vote = approved(8, schedule_kind=ScheduleKind.AFTER_VOTE, delay=40)
    near, far = approved(2, ready_power=30), approved(3, ready_power=10)
    found = approved_to_prepare([far, near, fixed, after_vote], [])
    assert [entry.id for entry in found] == [8, 9, 2, 3]


def test_two_approved_plans_are_prepared_one_after_the_other_and_either_may_be_scheduled(desk: Desk) -> None:
    one, two = approved(1, ready_power=30), approved(2, ready_power=10)
    assert desk.follow(two, one).proposal_id == 1
    desk.prepare(said=False)
    assert desk.follow(two, one).proposal_id == 1, "the chain does not know yet that we are ready"
    assert desk.book.open is not None
    desk.journal.say(desk.book.open, "ready", desk.book.open.release_hash)
    assert desk.follow(two, one).proposal_id == 2
    desk.prepare()
    desk.again()
    assert desk.follow(two, one).proposal_id == 2, "both are prepared: nothing changes hands for nothing"
    first = dataclasses.replace(one, status=ProposalStatus.SCHEDULED, scheduled_at=70, target_height=150)
    after = desk.follow(two, first)
    assert (after.proposal_id, after.target_height) == (1, 150)
    desk.book.change(verdict=Verdict.CROSS)
    desk.book.change(crossing=Crossing.HALTED)
    assert desk.follow(scheduled(2, 300), first).proposal_id == 1, "nothing is put off in a crossing"


def test_a_plan_that_fails_does_not_keep_the_others_waiting_for_ever(desk: Desk) -> None:
    one, two = approved(1, ready_power=30), approved(2)
    desk.follow(one, two)
    desk.book.change(preparation=Preparation.FAILED, failure_code=1)
    assert desk.follow(one, two, height=159).proposal_id == 1
    assert desk.follow(one, two, height=160).proposal_id == 2
    desk.prepare()
    assert desk.follow(one, two, height=161).proposal_id == 1
    desk.book.change(preparation=Preparation.FAILED, failure_code=1)
    assert desk.follow(one, two, height=999).proposal_id == 1


def test_a_plan_of_a_lower_number_that_is_scheduled_later_is_crossed_too() -> None:
    first = scheduled(5, 200, verdict=Verdict.CROSS)
    attempt = _committed(first)
    assert done_with(first, [attempt])
    assert not done_with(scheduled(4, 300), [attempt])
    assert done_with(scheduled(3, 150, verdict=Verdict.CROSS), [attempt]), "crossed before, whoever saw it"
    proposals = (first, scheduled(4, 300, verdict=Verdict.CROSS))
    found = plan_to_open(proposals, [attempt], ("", ""), 250)
    assert found is not None
    assert found.id == 4


def test_a_node_that_was_away_crosses_first_what_the_network_crossed_meanwhile(desk: Desk) -> None:
    plan = approved(1)
    desk.follow(plan)
    desk.again()
    passed = scheduled(2, 150, verdict=Verdict.CROSS, release_hash=NEW_HASH)
    passed = dataclasses.replace(passed, status=ProposalStatus.EXECUTED)
    assert desk.book.follow(PlanReading(400, (passed, plan), None), "", 100) is not None
    assert desk.book.attempt is not None
    assert (desk.book.attempt.proposal_id, desk.book.attempt.target_height) == (2, 150)


@pytest.mark.parametrize("status", [ProposalStatus.CANCELLED, ProposalStatus.REJECTED, ProposalStatus.EXPIRED])
@pytest.mark.parametrize("has_height", [True, False])
def test_a_withdrawn_plan_ends_with_abort(desk: Desk, status: ProposalStatus, has_height: bool) -> None:
    plan = scheduled(1, 150) if has_height else approved(1)
    desk.follow(plan)
    # The chain itself says ABORT of one that had its height.
    verdict = Verdict.ABORT if has_height else Verdict.NONE
    after = desk.follow(dataclasses.replace(plan, status=status, verdict=verdict))
    assert (after.verdict, after.crossing) == (Verdict.ABORT, Crossing.RESUMED_OLD)
    assert after.note.startswith("the proposal ")
    assert desk.follow(dataclasses.replace(plan, status=status)).id == after.id


def test_a_halted_node_learns_that_the_plan_was_cancelled(desk: Desk) -> None:
    plan = scheduled(1, 150)
    desk.follow(plan)
    desk.book.change(crossing=Crossing.HALTED)
    after = desk.follow(dataclasses.replace(plan, status=ProposalStatus.CANCELLED))
    assert (after.verdict, after.crossing) == (Verdict.ABORT, Crossing.HALTED)


@pytest.mark.parametrize(
    "preparation",
    [Preparation.PLANNED, Preparation.FETCHING, Preparation.VERIFIED, Preparation.STAGED, Preparation.READY],
)
def test_a_replaced_release_is_prepared_anew_and_arming_stays(desk: Desk, preparation: Preparation) -> None:
    plan = scheduled(1, 150)
    desk.follow(plan)
    desk.book.change(preparation=Preparation.STAGED)
    desk.book.change(preparation=preparation)
    desk.book.change(arming=Arming.ARMED, proven="proven elsewhere", unproven="a reason")
    replaced = dataclasses.replace(plan, release_hash=NEW_HASH, release_url=untrusted("http://b"), release_round=1)
    after = desk.follow(replaced)
    assert (after.release_hash, after.generation_hash, after.release_url) == (NEW_HASH, NEW_HASH, "http://b")
    assert (after.preparation, after.arming, after.proven, after.unproven) == (
        Preparation.PLANNED,
        Arming.ARMED,
        "",
        "",
    )
    assert after.generation == f"v0.1.0-{NEW_HASH[:12]}"
    desk.again()
    assert desk.follow(replaced) == after


@pytest.mark.parametrize("crossing", [Crossing.HALTED, Crossing.QUIESCED, Crossing.BACKED_UP])
def test_at_the_halt_the_hash_of_the_chain_decides(desk: Desk, crossing: Crossing) -> None:
    """As with a verdict that was given by hand, while the chain could not be read."""
    plan = scheduled(1, 150)
    desk.follow(plan)
    desk.prepare()
    desk.book.change(verdict=Verdict.CROSS, crossing=Crossing.HALTED)
    for step in (Crossing.QUIESCED, Crossing.BACKED_UP):
        if desk.book.attempt is not None and desk.book.attempt.crossing is not crossing:
            desk.book.change(crossing=step)
    after = desk.follow(dataclasses.replace(plan, release_hash=NEW_HASH, release_round=1))
    assert (after.crossing, after.preparation) == (Crossing.HALTED, Preparation.PLANNED)


def _committed(plan: Proposal) -> Attempt:
    return Attempt(
        id=1,
        proposal_id=plan.id,
        name=plan.name,
        target_height=plan.target_height,
        freeze_blocks=5,
        scheduled_at=50,
        release_kind=0,
        release_hash=plan.release_hash,
        release_url="",
        breaking=True,
        preparation=Preparation.READY,
        arming=Arming.ARMED,
        crossing=Crossing.COMMITTED,
        verdict=Verdict.CROSS,
        failure_code=0,
        tries_left=3,
        note="",
        origin=PlanOrigin.REGISTRY,
    )


_STATES = st.sampled_from([ProposalStatus.VOTING, ProposalStatus.APPROVED, ProposalStatus.CANCELLED])


@given(st.lists(st.tuples(_STATES, st.integers(0, 40), st.sampled_from(list(ScheduleKind))), max_size=8))
def test_what_is_taken_up_is_approved_and_never_worse_than_another(
    found: list[tuple[ProposalStatus, int, ScheduleKind]],
) -> None:
    proposals = tuple(
        approved(number, status=status, ready_power=ready, schedule_kind=kind)
        for number, (status, ready, kind) in reversed(list(enumerate(found, 1)))
    )
    chosen = plan_to_open(proposals, [], ("", ""), None)
    open_ones = [entry for entry in proposals if entry.status is ProposalStatus.APPROVED]
    assert (chosen is None) == (not open_ones)
    if chosen is not None and chosen.schedule_kind is ScheduleKind.READINESS:
        assert all(entry.schedule_kind is ScheduleKind.READINESS for entry in open_ones)
        assert chosen.ready_power == max(entry.ready_power for entry in open_ones)
