"""The crossing and its verification as an operator reads them, at every station."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.model import (
    VERIFIED_AFTER_BLOCKS,
    Arming,
    Crossing,
    CutCheck,
    CutWatch,
    ProposalStatus,
    ReleaseKind,
    RoundVotes,
    Snapshot,
    Verdict,
    events_between,
)
from tests import fakes
from tests import governance_fakes as votes
from tests.fakes import ADDRESSES, NOW, TARGET
from widgets.crossing_list import crossing_rows, reached
from widgets.face import Face, face_of
from widgets.node_steps import _moments, step_lines
from widgets.outlook import outlook
from widgets.quorum_panel import missing_words, vote_words
from widgets.verification import verification_terms


def face(shown: Snapshot) -> Face:
    return face_of(shown, outlook(shown, NOW).phase)


def own(crossing: Crossing, shown: Snapshot | None = None, **changes: object) -> Snapshot:
    """The network after H with our node at this state."""
    base = shown or fakes.waiting_for_quorum()
    mine = replace(fakes.attempt(crossing=crossing), **changes)  # type: ignore[arg-type]
    return replace(base, node=fakes.node(TARGET, mine, halt_height=0))


STATIONS = [
    (fakes.idle(), Face.CALM),
    (fakes.partly_ready(), Face.CALM),
    (fakes.go(), Face.CALM),
    (fakes.frozen(), Face.CALM),
    (fakes.frozen(Verdict.ABORT), Face.CALM),
    (fakes.halted(), Face.CROSSING),
    (fakes.waiting_for_quorum(), Face.CROSSING),
    (fakes.called(), Face.CROSSING),
    (fakes.committed(), Face.VERIFYING),
    (own(Crossing.PARKED, fakes.committed()), Face.CROSSING),
    (own(Crossing.NEEDS_OPERATOR, fakes.committed()), Face.CROSSING),
    (own(Crossing.MISSED_HALT, fakes.committed()), Face.CROSSING),
    (own(Crossing.STARTING, fakes.committed()), Face.CROSSING),
    (own(Crossing.PROBATION, fakes.committed()), Face.VERIFYING),
    (votes.voted_on(), Face.CALM),
    (fakes.chain_down(), Face.CALM),
]


@pytest.mark.parametrize(("shown", "expected"), STATIONS)
def test_the_overview_turns_by_itself(shown: Snapshot, expected: Face) -> None:
    assert face(shown) is expected


def test_it_turns_back_when_the_crossing_is_old() -> None:
    base = fakes.committed()
    assert base.upgrade is not None
    old = replace(base, upgrade=replace(base.upgrade, blocks_left=-VERIFIED_AFTER_BLOCKS - 1))
    assert face(old) is Face.CALM
    assert face_of(None, outlook(None, NOW).phase) is Face.CALM


def test_an_aborted_crossing_is_shown_until_our_node_goes_on() -> None:
    entry = fakes.proposal(fakes.ALL_READY, verdict=Verdict.ABORT, status=ProposalStatus.ABORTED, frozen_at=1295)
    at_halt = fakes.chain(TARGET, (entry,), fakes.ALL_READY, fakes.node_heights(TARGET, (TARGET - 1,) * 4))
    halted = fakes.snapshot(at_halt, fakes.node(TARGET, fakes.attempt(crossing=Crossing.HALTED)))
    assert face(halted) is Face.CROSSING
    moved = fakes.chain(TARGET + 3, (entry,), fakes.ALL_READY)
    behind = fakes.snapshot(moved, fakes.node(TARGET, fakes.attempt(crossing=Crossing.HALTED)))
    assert face(behind) is Face.CROSSING
    resumed = fakes.snapshot(moved, fakes.node(TARGET + 3, fakes.attempt(crossing=Crossing.RESUMED_OLD)))
    assert face(resumed) is Face.CALM


def test_rows_tell_our_steps_from_the_controller_and_others_from_their_nodes() -> None:
    rows = crossing_rows(fakes.waiting_for_quorum(), NOW, ADDRESSES[0])
    assert [(row.name, row.halted, row.backed_up, row.switched, row.started, row.state) for row in rows] == [
        ("node3", "✓", "—", "·", "·", "halted"),
        ("node4", "—", "—", "·", "·", "silent ◷ 40s"),
        ("node1", "✓", "✓", "✓", "✓", "WAITING FOR QUORUM"),
        ("node2", "✓", "—", "✓", "✓", "back, v0.2.0"),
    ]
    stranger = crossing_rows(fakes.waiting_for_quorum(), NOW)
    assert stranger[2].state == "back, v0.2.0"
    assert crossing_rows(fakes.chain_down(), NOW) == ()


def test_votes_and_the_unarmed_are_told_in_rows() -> None:
    base = fakes.halted()
    assert base.chain is not None
    named = tuple(
        replace(each, consensus_address=f"{n:012X}" + 28 * "0") for n, each in enumerate(base.chain.validators)
    )
    chain = replace(base.chain, validators=named, nodes=(), votes=RoundVotes(TARGET + 1, 0, ("000000000003",), ()))
    rows = crossing_rows(replace(base, chain=chain), NOW)
    assert [row.state for row in rows] == ["not seen", "not seen", "not seen", "votes on 1,301"]
    waiting = fakes.waiting_for_quorum()
    assert waiting.chain is not None
    assert waiting.chain.readiness is not None
    first, *others = waiting.chain.readiness.validators
    readiness = replace(waiting.chain.readiness, validators=(replace(first, armed_at=0), *others))
    rows = crossing_rows(replace(waiting, chain=replace(waiting.chain, readiness=readiness)), NOW)
    assert ("node1", "✗", "went on unarmed") in [(row.name, row.halted, row.state) for row in rows]


def test_the_steps_of_our_node() -> None:
    def lines(crossing: Crossing, **changes: object) -> list[str]:
        node = own(crossing, None, **changes).node
        assert node is not None
        return [line.plain for line in step_lines(node, {})]

    assert lines(Crossing.BACKED_UP)[1:5] == ["✓ stopped", "✓ backed up", "▸ switched", "· started"]
    assert "▸ starting, 2 left" in lines(Crossing.STARTING, tries_left=2)
    assert "✓ no way back kept" in lines(Crossing.SWITCHED, without_point="the disk is too small")
    assert lines(Crossing.COMMITTED)[-1] == "✓ committed"
    assert lines(Crossing.RESTORED) == ["! going back", "✓ rolling back", "✓ restored", "· old binary back"]
    assert lines(Crossing.PARKED)[0] == "✗ PARKED"
    assert lines(Crossing.NONE, arming=Arming.ARMED) == ["ARMED", "✓ armed", "▸ halts at H"]
    assert "old release goes on" in lines(Crossing.RESUMED_OLD)[-1]
    halted = own(Crossing.HALTED).node
    assert halted is not None
    assert [line.plain for line in step_lines(halted, {}, aborts=True)][:2] == ["✓ halted", "▸ old binary again"]
    assert reached(Crossing.PARKED, Crossing.HALTED) == "—"


def test_a_step_that_was_seen_has_its_time() -> None:
    halted, waiting = fakes.halted(), replace(fakes.waiting_for_quorum(), taken_at=NOW + 3)
    seen = (*events_between(fakes.frozen(), halted), *events_between(halted, waiting))
    assert waiting.node is not None
    moments = _moments(waiting.node.attempt, seen)
    lines = [line.plain for line in step_lines(waiting.node, moments)]
    assert "✓ halted    08:53:20" in lines
    assert "✓ stopped   08:53:23" in lines
    assert "✓ started   08:53:23" in lines


def test_the_meter_in_words() -> None:
    base = fakes.waiting_for_quorum()
    assert base.chain is not None
    from console.model import power_back

    back = power_back(base.chain, TARGET)
    assert missing_words(back.missing) == "node3 10, node4 10"
    assert vote_words(base.chain, back) == ""
    many = tuple(replace(back.missing[0], moniker=f"v{n}") for n in range(23))  # type: ignore[arg-type]
    assert missing_words(many).endswith("v19 10 and 3 more")
    seen = replace(base.chain, votes=RoundVotes(TARGET + 1, 2, (), ()))
    assert vote_words(seen, power_back(seen, TARGET)) == "round 2: 0 prevoted, 0 precommitted"


def terms(shown: Snapshot) -> list[tuple[str, str]]:
    return [(term.mark, term.text) for term in verification_terms(shown)]


def test_a_proven_crossing_holds_in_every_term() -> None:
    assert terms(fakes.committed()) == [
        ("✓", "12 blocks since 1,300"),
        ("✓", "up 40 of 40 power, 27 needed"),
        ("✓", "confirmed 40 of 40, 27 needed"),
        ("✓", "app hash the same at 4 of 4"),
        ("✓", "program as voted at 4 of 4"),
        ("✓", "this node is COMMITTED"),
    ]


def test_what_contradicts_and_what_is_still_to_come() -> None:
    base = fakes.committed()
    assert base.chain is not None
    assert base.chain.readiness is not None
    assert base.upgrade is not None
    first, *others = base.chain.readiness.validators
    odd = replace(first, app_hash="77" * 32, exe_hash="88" * 32)
    readiness = replace(base.chain.readiness, validators=(odd, *others))
    found = terms(replace(base, chain=replace(base.chain, readiness=readiness)))
    assert ("✗", "app hash: 2 different among 4") in found
    assert ("✗", "program as voted at 3 of 4") in found
    probation = terms(own(Crossing.PROBATION, base))
    assert ("·", "probation: own signature awaited") in probation
    manifest = replace(base.upgrade, proposal=replace(base.upgrade.proposal, release_kind=ReleaseKind.MANIFEST))
    assert ("✓", "1 program run by 4") in terms(replace(base, upgrade=manifest))
    linked = replace(base.upgrade.proposal, linked_calls=1, contracts_at=1301)
    cuts = CutWatch(1, (CutCheck(ADDRESSES[0], 1310, True, ()),))
    cut = replace(base, chain=replace(base.chain, cuts=cuts), upgrade=replace(base.upgrade, proposal=linked))
    assert ("✓", "1 contract cut verified at 1,310") in terms(cut)
    unmade = replace(base, upgrade=replace(base.upgrade, proposal=replace(linked, contracts_at=0)))
    assert ("·", "contract calls not made yet") in terms(unmade)
    assert terms(fakes.chain_down()) == []


def test_below_95_percent_a_quarter_of_an_hour_after_h_it_says_what_is_prepared() -> None:
    halted = replace(fakes.waiting_for_quorum(), taken_at=fakes.NOW + 900)
    assert ("✗", "50%, below 95 %: node3, node4 missing") in terms(halted)
    assert ("·", "verify-network prepares an abort") in terms(halted)
    assert not [text for _, text in terms(fakes.waiting_for_quorum()) if "95 %" in text]
    past = fakes.verifying()
    assert past.chain is not None
    nodes = fakes.node_heights(1303, (1303, 1303, 1303, 1299), down=(3,))
    behind = replace(past, chain=replace(past.chain, nodes=nodes), taken_at=fakes.NOW + 900)
    assert ("✗", "75%, below 95 %: node4 missing") in terms(behind)
    assert ("·", "verify-network prepares a revert") in terms(behind)
    assert not [text for _, text in terms(replace(fakes.committed(), taken_at=fakes.NOW + 900)) if "95 %" in text]
