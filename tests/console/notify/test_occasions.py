"""What is told, from Snapshots alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.model import Crossing, Preparation, ProposalStatus, Snapshot, Verdict
from console.model.stall import Stalled
from console.monitoring.notices import KINDS, NETWORK, NODE, NOTICES
from console.monitoring.rules import Severity
from console.notify.occasions import Occasion, occasions
from console.text import UntrustedText
from tests import fakes


def kinds(snapshot: Snapshot, *, of_network: bool = True) -> set[tuple[str, str]]:
    return {(each.kind, each.node) for each in occasions(snapshot, of_network=of_network)}


def one(snapshot: Snapshot, kind: str, node: str = "") -> Occasion:
    (found,) = (each for each in occasions(snapshot) if (each.kind, each.node) == (kind, node))
    return found


def scheduled(height: int, **changes: object) -> Snapshot:
    """Nobody is ready, and a block takes a second."""
    plan = fakes.proposal((fakes.said(0, ready=False, armed=False),), **changes)
    view = fakes.chain(height, (plan,), (fakes.said(0, ready=False, armed=False),))
    return fakes.snapshot(view, fakes.node(height, fakes.attempt(Preparation.FETCHING)))


def test_an_idle_network_has_nothing_to_tell() -> None:
    assert not kinds(fakes.idle())


def test_the_way_of_an_upgrade() -> None:
    made = {("proposal-created", ""), ("scheduled", ""), ("halt-imminent", "")}
    assert kinds(fakes.go()) == made
    assert kinds(fakes.frozen()) == made | {("verdict", "")}
    assert kinds(fakes.halted()) >= {("verdict", ""), ("halted", ""), ("halted", "node1")}
    assert ("halted", "node1") in kinds(fakes.waiting_for_quorum()), "a state that passed is read from what follows"
    assert kinds(fakes.verifying()) >= {("resumed", ""), ("halted", "node1")}
    assert kinds(fakes.committed()) >= {("resumed", ""), ("resumed", "node1")}
    assert one(fakes.committed(), "resumed", "node1").over
    assert kinds(fakes.committed(), of_network=False) == {("halted", "node1"), ("resumed", "node1")}


def test_the_same_thing_has_the_same_key_however_often_it_is_looked_at() -> None:
    later = replace(fakes.verifying(), taken_at=fakes.NOW + 99)
    before = {each.identity for each in occasions(fakes.halted())}
    assert {each.identity for each in occasions(later)} & before >= {"halted|node1|1|v0.2.0", "verdict||1|v0.2.0"}


def test_go_and_no_go_are_in_the_last_words_before_the_halt() -> None:
    good, bad = one(fakes.go(), "halt-imminent"), one(fakes.partly_ready(), "halt-imminent")
    assert good.sentence.endswith(" GO.")
    assert good.severity is Severity.WARNING
    assert "NO-GO: ready 20 of 40 power, 27 needed" in bad.sentence
    assert bad.severity is Severity.CRITICAL


@pytest.mark.parametrize(
    ("left", "late"), [(90_000, ""), (86_400, "not-ready-24h"), (3601, "not-ready-24h"), (3600, "not-ready-1h")]
)
def test_who_is_late_by_the_countdown(left: int, late: str) -> None:
    seen = scheduled(200_000 - left, target_height=200_000, scheduled_at=100)
    seen = replace(
        seen,
        node=replace(
            seen.node,
            attempt=replace(fakes.attempt(Preparation.FETCHING), target_height=200_000),  # type: ignore[type-var]
        ),
    )
    told = {each for each in kinds(seen) if each[0].startswith("not-ready")}
    assert told == ({(late, ""), (late, "node1")} if late else set())
    if late:
        assert "Only 0 of 40 power is ready for v0.2.0, 27 is needed" in one(seen, late).sentence
        assert "Missing: node1." in one(seen, late).sentence
        assert "it is FETCHING" in one(seen, late, "node1").sentence


def test_nobody_is_late_right_after_the_plan_was_made() -> None:
    assert ("not-ready-1h", "") not in kinds(scheduled(1210))
    assert ("halt-imminent", "") not in kinds(scheduled(1210)), "who arms in turns is not NO-GO yet"
    assert {("not-ready-1h", ""), ("halt-imminent", "")} <= kinds(scheduled(1230))


def test_a_block_time_that_is_not_known_makes_nobody_late() -> None:
    seen = scheduled(1230)
    assert seen.chain is not None
    seen = fakes.snapshot(replace(seen.chain, block_time_s=None), seen.node)
    told = kinds(seen)
    assert ("not-ready-1h", "") not in told
    assert ("halt-imminent", "") in told, "by its blocks"


def test_what_calls_for_somebody() -> None:
    parked = kinds(fakes.parked())
    assert parked >= {("rolled-back", "node1"), ("needs-operator", "node1"), ("behind-after-upgrade", "node1")}
    assert one(fakes.parked(), "behind-after-upgrade", "node1").holds_s > 60
    assert ("node-stopped", "node1") in kinds(fakes.snapshot(None, fakes.node(9, state="STOPPED_BY_OPERATOR")))
    failed = fakes.attempt(Preparation.FAILED, note="the hash does not match.")
    told = one(fakes.snapshot(fakes.chain(1210), fakes.node(1210, failed)), "preparation-failed", "node1")
    assert told.sentence == "node1 could not prepare v0.2.0: the hash does not match."
    old = fakes.snapshot(fakes.chain(1310), fakes.node(1310, fakes.attempt(crossing=Crossing.RESUMED_OLD)))
    assert ("aborted", "node1") in kinds(old)


def test_an_alarm_that_counts_is_one_alarm() -> None:
    first = fakes.snapshot(None, fakes.node(9, alarm="down for 10 s"))
    later = fakes.snapshot(None, fakes.node(9, alarm="down for 600 s"))
    assert one(first, "needs-operator", "node1").identity == one(later, "needs-operator", "node1").identity


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"status": ProposalStatus.VOTING, "voting_ends_at": 1250}, "vote-open"),
        ({"status": ProposalStatus.REJECTED}, "closed"),
        ({"status": ProposalStatus.CANCELLED}, "emergency-halt"),
        ({"halt_approvals": 1}, "emergency-halt"),
        ({"status": ProposalStatus.ROLLED_BACK}, "rolled-back"),
        ({"status": ProposalStatus.ABORTED, "verdict": Verdict.ABORT}, "aborted"),
    ],
)
def test_what_becomes_of_a_proposal(changes: dict[str, object], kind: str) -> None:
    told = one(fakes.snapshot(fakes.chain(1210, (fakes.proposal(**changes),)), None), kind)  # type: ignore[arg-type]
    assert told.sentence.endswith(".")
    assert told.over == (kind not in {"vote-open"} and "halt_approvals" not in changes)


def test_an_abort_weighs_more_than_a_crossing() -> None:
    assert one(fakes.frozen(Verdict.ABORT), "verdict").severity is Severity.WARNING
    assert one(fakes.frozen(), "verdict").severity is Severity.INFO


def test_a_controller_that_does_not_answer_says_nothing_of_its_node() -> None:
    silent = replace(fakes.parked(), node_problem="no controller answers")
    assert not {node for _, node in kinds(silent)} - {""}


def test_the_table_covers_what_is_found() -> None:
    assert len(KINDS) == len(NOTICES)
    for kind in NOTICES:
        assert kind.about
        assert set(kind.about) <= {NETWORK, NODE}
        assert kind.says.endswith((".", ")."))
        assert kind.do.format(status="S", node_status="N")


def test_a_network_that_is_silent() -> None:
    seen = fakes.go()
    assert seen.chain is not None
    for age_s, told in ((119.0, False), (121.0, True)):
        silent = replace(seen, chain=replace(seen.chain, age_s=age_s), chain_problem="no endpoint answers")
        assert (("no-answer", "") in kinds(silent)) == told


def test_a_chain_that_stands_is_told_unless_it_is_the_halt() -> None:
    stands = Stalled(height=1209, for_s=70, power=20, total=40, needed=27, missing=())
    idle = replace(fakes.chain(1209), stalled=stands)
    assert ("chain-stands", "") in kinds(fakes.snapshot(idle, None))
    at_halt = fakes.halted()
    assert at_halt.chain is not None
    planned = replace(at_halt.chain, stalled=stands)
    assert ("chain-stands", "") not in kinds(fakes.snapshot(planned, at_halt.node))


def test_nothing_breaks_on_a_half_that_is_missing() -> None:
    for seen in (fakes.chain_down(), fakes.node_down(), fakes.stale()):
        assert isinstance(occasions(seen), tuple)
    hostile = fakes.proposal(name=UntrustedText("a|b|c"))
    assert one(fakes.snapshot(fakes.chain(1210, (hostile,)), None), "scheduled").identity.startswith("scheduled||1|")
