"""The figures of upgrades and the criteria of success, from facts made up one at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from console.chain.past import PastUpgrade
from console.model import Crossing, ProposalStatus, ReleaseKind, ScheduleKind, Verdict
from console.node.upgrade_history import NodeUpgrade
from console.operations.report import (
    Criterion,
    Grade,
    Outcome,
    UpgradeFigures,
    counts_as_upgrade,
    criteria,
    upgrade_figures,
)
from tests import fakes

NODES = {fakes.ADDRESSES[index].lower(): f"node{index + 1}" for index in range(4)}


def executed(**changes: object) -> PastUpgrade:
    """All four ready, three confirmed; H decided at 1000 s and H+1 at 1003 s, with all four signatures."""
    said = tuple(fakes.said(index, confirmed=index < 3) for index in range(4))
    proposal = fakes.proposal(said, status=ProposalStatus.EXECUTED, verdict=Verdict.CROSS, frozen_at=1290)
    past = PastUpgrade(proposal, said, 1000.0, 1003.0, frozenset(fakes.ADDRESSES[:4]))
    return replace(past, proposal=replace(proposal, **changes))  # type: ignore[arg-type]


def history(node: str, **changes: object) -> NodeUpgrade:
    """It halted at 1000.2 s, ran the new release from 1000.5 s on and came through."""
    mine = NodeUpgrade(node, fakes.attempt(crossing=Crossing.COMMITTED), 1000.2, 1000.5, 1004.0)
    return replace(mine, **changes)  # type: ignore[arg-type]


def figures(past: PastUpgrade, *own: NodeUpgrade) -> UpgradeFigures:
    journals: Mapping[str, Sequence[NodeUpgrade]] = {each.node: (each,) for each in own}
    return upgrade_figures(past, journals, NODES)


def all_four(**changes: object) -> list[NodeUpgrade]:
    """Four journals; the changes are the fourth's."""
    return [*(history(f"node{index}") for index in range(1, 4)), history("node4", **changes)]


def graded(*upgrades: UpgradeFigures) -> dict[str, Criterion]:
    return {each.text: each for each in criteria(upgrades)}


def test_downtime_is_from_the_first_halt_to_the_decision_of_the_block_after() -> None:
    early = history("node1", halted_at=999.5)
    assert figures(executed(), early, history("node2")).downtime_s == pytest.approx(3.5)
    # Without a journal the chain's own clock is what there is.
    assert figures(executed()).downtime_s == pytest.approx(3.0)
    assert figures(replace(executed(), resumed_at=None)).downtime_s is None


def test_an_automatic_upgrade_is_one_that_nobody_touched() -> None:
    found = figures(executed(), *all_four(operator_commands=("resume",), config_edits=1, forced=1))
    assert found.known(lambda part: part.automatic) == [1, 1, 1, 0]
    assert found.known(lambda part: part.edits) == [0, 0, 0, 2]
    assert found.known(lambda part: part.commands) == [0, 0, 0, 1]
    grades = graded(found)
    assert grades["95% of validators upgrade automatically"].grade is Grade.FAIL
    assert grades["no manual config edits"].grade is Grade.FAIL
    assert grades["no manual coordination"].found == "1 operator commands"
    untouched = graded(figures(executed(), *all_four()))
    assert untouched["95% of validators upgrade automatically"].grade is Grade.PASS
    assert untouched["no manual config edits"].grade is Grade.PASS


def test_a_journal_that_cannot_be_read_is_unknown_and_not_zero() -> None:
    found = figures(executed(), history("node1"))
    assert found.known(lambda part: part.automatic) == [1]
    grades = graded(figures(executed()))
    for text in ("95% of validators upgrade automatically", "no manual config edits", "no manual coordination"):
        assert grades[text].grade is Grade.UNKNOWN, text


def test_a_late_joiner_was_not_there_when_the_chain_went_on() -> None:
    late = figures(executed(), *all_four(started_new_at=1003.5))
    assert [part.node for part in late.parts if part.late] == ["node4"]
    assert [part.returned for part in late.parts if part.late] == [True]
    assert graded(late)["late validators come back in time"].grade is Grade.PASS

    missed = history("node4", attempt=fakes.attempt(crossing=Crossing.MISSED_HALT), started_new_at=None)
    lost = figures(executed(), *all_four()[:3], missed)
    assert [part.returned for part in lost.parts if part.late] == [False]
    assert graded(lost)["late validators come back in time"].grade is Grade.FAIL


def test_without_its_journal_a_signature_tells_who_was_there() -> None:
    past = replace(executed(), signed_after=frozenset(fakes.ADDRESSES[1:4]))
    (late,) = [part for part in figures(past).parts if part.late]
    assert (late.address, late.returned) == (fakes.ADDRESSES[0], True)


def test_late_is_in_time_within_the_grace_period_of_the_release() -> None:
    back = replace(fakes.attempt(crossing=Crossing.COMMITTED), new_app_height=fakes.TARGET + 40)
    mine = all_four(started_new_at=1003.5, attempt=back)
    for grace, returned in ((0, True), (40, True), (39, False)):
        found = figures(executed(grace_blocks=grace), *mine)
        assert [part.returned for part in found.parts if part.late] == [returned], grace


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"status": ProposalStatus.EXECUTED}, Outcome.CROSSED),
        ({"status": ProposalStatus.ROLLED_BACK}, Outcome.ROLLED_BACK),
        ({"status": ProposalStatus.EXPIRED}, Outcome.FAILED),
        ({"status": ProposalStatus.EXPIRED, "frozen_at": 0}, Outcome.NOT_SCHEDULED),
        ({"status": ProposalStatus.ABORTED, "verdict": Verdict.ABORT}, Outcome.STOPPED),
        ({"status": ProposalStatus.CANCELLED}, Outcome.STOPPED),
        ({"status": ProposalStatus.CANCELLED, "scheduled_at": 0}, Outcome.NOT_SCHEDULED),
        ({"status": ProposalStatus.REJECTED}, Outcome.NOT_SCHEDULED),
        ({"status": ProposalStatus.VOTING}, Outcome.OPEN),
    ],
)
def test_how_it_ended_is_one_word(changes: dict[str, object], outcome: Outcome) -> None:
    assert figures(executed(**changes)).outcome is outcome


def test_success_is_counted_among_those_that_reached_their_height() -> None:
    crossed = figures(executed())
    back = figures(executed(status=ProposalStatus.ROLLED_BACK))
    lost = figures(executed(status=ProposalStatus.REJECTED))
    assert graded(crossed, lost)["100 % of upgrades succeed"].grade is Grade.PASS
    assert graded(crossed, back)["100 % of upgrades succeed"].found == "1 of 2 upgrades that reached H"
    assert graded(lost)["100 % of upgrades succeed"].grade is Grade.UNKNOWN


def test_the_bounds_of_downtime_are_those_of_the_phases() -> None:
    for seconds, first, second in ((29.9, "pass", "pass"), (30.0, "pass", "fail"), (60.0, "fail", "fail")):
        grades = graded(figures(replace(executed(), halted_at=0.0, resumed_at=seconds)))
        found = [grades[f"average downtime < {bound} s"].grade.value for bound in (60, 30)]
        assert found == [first, second], seconds


def test_one_validator_that_was_not_ready_is_told() -> None:
    past = executed()
    unready = (*past.validators[:3], fakes.said(3, ready=False, armed=False))
    found = graded(figures(replace(past, validators=unready)))["all validators ready before the halt"]
    assert (found.grade, found.found) == (Grade.FAIL, "3 of 4 validators")


def test_a_rollback_works_when_it_leads_back() -> None:
    text = "rollback tested and working"
    assert graded(figures(executed(), *all_four()))[text].grade is Grade.UNKNOWN
    assert graded(figures(executed(), *all_four(rollbacks=1, rollbacks_done=1)))[text].grade is Grade.PASS
    assert graded(figures(executed(), *all_four(rollbacks=2, rollbacks_done=1)))[text].grade is Grade.FAIL


def test_who_proposes_and_how_the_height_came_about_are_the_third_phases() -> None:
    chosen = figures(executed(schedule_kind=ScheduleKind.FIXED, proposer="0x" + "77" * 20))
    found = figures(executed(schedule_kind=ScheduleKind.READINESS, proposer=fakes.ADDRESSES[1]))
    coordinated, without_team = "the network coordinates 90% of upgrades itself", "upgrades without the core team"
    assert [graded(each)[coordinated].grade.value for each in (chosen, found)] == ["fail", "pass"]
    assert [graded(each)[without_team].grade.value for each in (chosen, found)] == ["fail", "pass"]
    # Nine of ten are enough.
    assert graded(chosen, *[found] * 9)[coordinated].grade is Grade.PASS
    assert graded(chosen, chosen, *[found] * 9)[coordinated].grade is Grade.FAIL


def test_contract_calls_alone_are_no_upgrade_of_nodes() -> None:
    assert counts_as_upgrade(executed().proposal)
    assert not counts_as_upgrade(executed(release_kind=ReleaseKind.NONE).proposal)
