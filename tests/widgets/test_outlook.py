"""Where the upgrade stands, from a Snapshot."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.model import ProposalStatus, Snapshot, Verdict
from tests import fakes
from tests.fakes import NOW, TARGET
from widgets.outlook import outlook
from widgets.phases import Phase

PHASES = [
    (None, Phase.CONNECTING, "—"),
    (fakes.idle(), Phase.NOTHING_PENDING, "1210"),
    (fakes.partly_ready(), Phase.COUNTING, "66"),
    (fakes.go(), Phase.COUNTING, "23"),
    (fakes.frozen(), Phase.FROZEN, "3"),
    (fakes.halted(), Phase.HALTED, "0/40"),
    (fakes.waiting_for_quorum(), Phase.WAITING_FOR_QUORUM, "20/40"),
    (fakes.committed(), Phase.COMMITTED, "1312"),
    (fakes.stale(), Phase.COUNTING, "—"),
    (fakes.chain_down(), Phase.NO_CHAIN, "1277"),
]


@pytest.mark.parametrize(("shown", "phase", "number"), PHASES)
def test_phase_and_number(shown: Snapshot | None, phase: Phase, number: str) -> None:
    view = outlook(shown, NOW)
    assert (view.phase, view.number) == (phase, number)


def test_time_left_counts_down_between_snapshots_but_blocks_do_not() -> None:
    later = outlook(fakes.go(), NOW + 4)
    assert later.number == "23"
    assert later.when == "≈ 19s · 08:53:43 UTC"


def test_nothing_is_extrapolated_past_stale() -> None:
    later = outlook(fakes.go(), NOW + 40)
    assert later.number == "—"
    assert later.when == "◷ last seen 40s ago at block 1,277"
    assert "1,300 stands" in later.sentence


def test_an_abort_says_what_the_nodes_will_do() -> None:
    view = outlook(fakes.frozen(Verdict.ABORT), NOW)
    assert view.sentence == "Verdict ABORT: at block 1,300 armed nodes stop and start the old binary again."


def test_an_aborted_plan_still_counts_down_to_the_stop_of_the_armed_nodes() -> None:
    entry = fakes.proposal(fakes.ALL_READY, verdict=Verdict.ABORT, status=ProposalStatus.ABORTED, frozen_at=1295)
    before = outlook(fakes.snapshot(fakes.chain(1297, (entry,), fakes.ALL_READY), None), NOW)
    assert (before.phase, before.number) == (Phase.FROZEN, "3")
    assert "armed nodes stop and start the old binary again" in before.sentence
    at_the_halt = outlook(fakes.snapshot(fakes.chain(1300, (entry,), fakes.ALL_READY), None), NOW)
    assert (at_the_halt.phase, at_the_halt.title) == (Phase.HALTED, "HALTED · verdict ABORT · block 1,300")
    after = outlook(fakes.snapshot(fakes.chain(1301, (entry,), fakes.ALL_READY), None), NOW)
    assert after.phase is Phase.ABORTED
    assert "the old binary goes on" in after.sentence


def test_a_halt_is_seen_when_no_rpc_answers_any_more() -> None:
    shown = fakes.halted()
    assert shown.chain is not None
    last_seen = replace(
        shown,
        height=TARGET - 1,
        height_age_s=40.0,
        chain=replace(shown.chain, height=TARGET - 1, age_s=40.0),
        upgrade=replace(shown.upgrade, blocks_left=1) if shown.upgrade is not None else None,
    )
    view = outlook(last_seen, NOW)
    assert view.phase is Phase.HALTED
    assert view.when == "◷ last seen 40s ago"


def _without_blocks(shown: Snapshot, seconds: float) -> Snapshot:
    assert shown.chain is not None
    return replace(shown, chain=replace(shown.chain, block_time_unix=NOW - seconds))


@pytest.mark.parametrize("shown", [fakes.idle(), fakes.go(), fakes.committed()])
def test_a_chain_that_answers_but_makes_no_block_is_said_to_stand(shown: Snapshot) -> None:
    view = outlook(_without_blocks(shown, 65), NOW)
    assert view.when == "no block for 1m 05s, since 08:52:15 UTC"
    assert "40 of 40 power answers, 27 needed for a block" in view.sentence
    assert view.tone == "error"


def test_one_block_is_one_block() -> None:
    entry = fakes.proposal(fakes.ALL_READY, verdict=Verdict.CROSS, frozen_at=1295)
    assert "1 block past" in outlook(fakes.snapshot(fakes.chain(1301, (entry,), fakes.ALL_READY), None), NOW).sentence


def test_after_the_crossing_while_confirmations_come_in() -> None:
    entry = fakes.proposal(fakes.ALL_READY, verdict=Verdict.CROSS, frozen_at=1295)
    shown = fakes.snapshot(fakes.chain(1303, (entry,), fakes.ALL_READY), None)
    view = outlook(shown, NOW)
    assert view.phase is Phase.CROSSED
    assert "3 blocks past 1,300; 0 of 40 power has confirmed v0.2.0" in view.sentence


@pytest.mark.parametrize("status", [ProposalStatus.CANCELLED, ProposalStatus.REJECTED, ProposalStatus.EXPIRED])
def test_a_dead_proposal_is_not_pending(status: ProposalStatus) -> None:
    shown = fakes.snapshot(fakes.chain(1250, (fakes.proposal(status=status),)), None)
    view = outlook(shown, NOW)
    assert view.phase is Phase.NOTHING_PENDING
    assert status.name.lower() in view.sentence


def test_not_scheduled_promises_nothing() -> None:
    shown = fakes.snapshot(fakes.chain(1250, (fakes.proposal(status=ProposalStatus.VOTING),)), None)
    view = outlook(shown, NOW)
    assert view.phase is Phase.NOT_SCHEDULED
    assert "nothing happens at block 1,300" in view.sentence


@pytest.mark.parametrize("target", [0, 1, 2**64 - 1, 2**256])
def test_absurd_heights_are_shown_and_do_not_crash(target: int) -> None:
    for height in (1, 1250):
        entry = fakes.proposal(fakes.ALL_READY, target_height=target)
        outlook(fakes.snapshot(fakes.chain(height, (entry,), fakes.ALL_READY), None), NOW)
