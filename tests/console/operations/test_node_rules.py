"""Which commands a node can be given in which state, why not, and which need the network's name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.model import Arming, Crossing, NodeStatus, NodeVerb, PlanOrigin, Preparation, Verdict
from console.operations.node_rules import Chosen, checks_of, has_to_be_typed, refusal_of
from tests import fakes, node_fakes

OLD, NEW = node_fakes.a_storage().generations
POINT, DAMAGED, ASIDE = node_fakes.a_storage().points
WAITING = fakes.attempt(Preparation.READY, Arming.WAITING_TURN)


def at(crossing: Crossing = Crossing.NONE, *, running: bool = False, **changes: object) -> NodeStatus:
    """A node in the middle of a crossing; on the new generation where `left` says so."""
    mine = replace(fakes.attempt(crossing=crossing), **changes)  # type: ignore[arg-type]
    on_new = bool(mine.left)
    return fakes.node(
        1299, mine, pid=41_301 if running else None, generation="v0.2.0" if on_new else "genesis", app_height=1299
    )


IDLE = fakes.node(1210)
DOWN = fakes.node(1210, pid=None)
ARMED = fakes.node(1277, fakes.attempt())
HALTED = at(Crossing.HALTED)
TO_CROSS = at(Crossing.HALTED, verdict=Verdict.CROSS)
STARTING = at(Crossing.STARTING, running=True, left="genesis", verdict=Verdict.CROSS, rollback_point="crossing-1")
PARKED = replace(at(Crossing.PARKED, left="genesis", verdict=Verdict.CROSS), generation="genesis")
MISSED = at(Crossing.MISSED_HALT)
COMMITTED = at(Crossing.COMMITTED, running=True, left="genesis", beyond_return=True)

REPLAY = NodeVerb.RESYNC_FROM_GENESIS.value
"""What another binary made of the state may be replaced whenever no crossing goes on."""

MAY: dict[str, tuple[NodeStatus, set[str]]] = {
    # With nothing chosen; every other verb is refused.
    "idle": (IDLE, {"stop", "restart", "swap", "restore", "pause", REPLAY}),
    "down": (DOWN, {"start", "swap", "restore", "pause", REPLAY}),
    "paused": (replace(IDLE, paused="dinner"), {"stop", "restart", "swap", "restore", "resume", REPLAY}),
    "ready": (fakes.node(1210, WAITING), {"stop", "restart", "restore", "pause", "arm", "disarm", REPLAY}),
    "armed": (ARMED, {"stop", "restart", "restore", "pause", "arm", "disarm", REPLAY}),
    "unproven": (
        fakes.unproven().node or IDLE,
        {"stop", "restart", "restore", "pause", "disarm", "arm --unproven", REPLAY},
    ),
    "halted": (HALTED, {"start", "pause", "resume --cross", "resume --without-rollback-point"}),
    "to cross": (TO_CROSS, {"start", "pause", "swap", "resume --without-rollback-point"}),
    "starting": (STARTING, {"stop", "restart", "pause", "rollback"}),
    "parked": (PARKED, {"pause", "swap", "restore"}),
    "missed": (MISSED, {"pause", "restore", "resync", "resync --from-genesis"}),
    "committed": (COMMITTED, {"stop", "restart", "pause", "swap", "restore", REPLAY}),
}


@pytest.mark.parametrize("name", MAY)
def test_what_can_be_done_in_a_state(name: str) -> None:
    node, may = MAY[name]
    found = {verb.value for verb in NodeVerb if not refusal_of(verb, node)}
    assert found == may
    for verb in NodeVerb:
        reason = refusal_of(verb, node)
        assert reason == "" or (reason.endswith(".") and reason[0].isupper())
        assert all(check.words and not check.words.endswith(".") for check in checks_of(verb, node))


def test_a_swap_across_the_halt_only_by_verdict_and_to_another_verified_release() -> None:
    assert "verdict is not known" in refusal_of(NodeVerb.SWAP, HALTED, Chosen(NEW))
    aborted = at(Crossing.HALTED, verdict=Verdict.ABORT)
    assert "verdict is ABORT" in refusal_of(NodeVerb.SWAP, aborted, Chosen(NEW))
    assert refusal_of(NodeVerb.SWAP, TO_CROSS, Chosen(NEW)) == ""
    assert "is the old binary of this crossing" in refusal_of(NodeVerb.SWAP, TO_CROSS, Chosen(OLD))
    assert "roll back first" in refusal_of(NodeVerb.SWAP, at(Crossing.NEEDS_OPERATOR, left="genesis"), Chosen(NEW))
    assert "Nobody vouched" in refusal_of(NodeVerb.SWAP, TO_CROSS, Chosen(replace(NEW, sha256="")))
    half = replace(NEW, complete=False, missing=("cometbft",))
    assert "cometbft is missing" in refusal_of(NodeVerb.SWAP, TO_CROSS, Chosen(half))
    assert "an upgrade is going on" in refusal_of(NodeVerb.SWAP, ARMED, Chosen(NEW)).lower()


def test_a_swap_by_hand_never_leads_behind_an_upgrade() -> None:
    assert refusal_of(NodeVerb.SWAP, IDLE, Chosen(NEW)) == ""
    assert "is the current one already" in refusal_of(NodeVerb.SWAP, IDLE, Chosen(OLD))
    assert "which the network has crossed" in refusal_of(NodeVerb.SWAP, COMMITTED, Chosen(OLD))
    # Nobody vouched for the first binary, and it may come back all the same.
    unrecorded = replace(OLD, sha256="")
    elsewhere = fakes.node(1210, generation="v0.2.0")
    assert refusal_of(NodeVerb.SWAP, elsewhere, Chosen(unrecorded)) == ""


def test_nothing_is_rolled_back_once_the_network_crossed() -> None:
    assert refusal_of(NodeVerb.ROLLBACK, STARTING) == ""
    unknown = [check for check in checks_of(NodeVerb.ROLLBACK, STARTING) if check.passed is None]
    assert len(unknown) == 1
    executed = at(Crossing.PROBATION, running=True, left="genesis", new_app_height=1300, rollback_point="crossing-1")
    assert "only go back if the network aborts" in refusal_of(NodeVerb.ROLLBACK, executed)
    together = at(
        Crossing.PROBATION,
        running=True,
        left="genesis",
        new_app_height=1300,
        rollback_point="crossing-1",
        verdict=Verdict.ABORT,
    )
    assert refusal_of(NodeVerb.ROLLBACK, together) == ""
    assert "no complete rollback point" in refusal_of(
        NodeVerb.ROLLBACK,
        replace(together, attempt=replace(together.attempt, rollback_point="")),  # type: ignore[type-var]
    )
    beyond = at(Crossing.PROBATION, running=True, left="genesis", beyond_return=True, rollback_point="crossing-1")
    assert "there is no way back" in refusal_of(NodeVerb.ROLLBACK, beyond)
    assert "there is no way back" in refusal_of(NodeVerb.ROLLBACK, COMMITTED)
    by_hand = at(Crossing.COMMITTED, running=True, left="genesis", origin=PlanOrigin.OPERATOR, generation="v0.2.0")
    assert "another swap takes it back" in refusal_of(NodeVerb.ROLLBACK, by_hand)
    assert "in place already" in refusal_of(
        NodeVerb.ROLLBACK, replace(at(Crossing.NEEDS_OPERATOR, left="genesis"), generation="genesis")
    )


def test_a_restore_needs_a_complete_point_of_what_runs() -> None:
    assert refusal_of(NodeVerb.RESTORE, IDLE, Chosen(point=POINT)) == ""
    assert "no whole manifest" in refusal_of(NodeVerb.RESTORE, IDLE, Chosen(point=DAMAGED))
    assert "set aside" in refusal_of(NodeVerb.RESTORE, IDLE, Chosen(point=ASIDE))
    other = replace(POINT, generation="v0.1.0")
    assert "not the current generation" in refusal_of(NodeVerb.RESTORE, IDLE, Chosen(point=other))
    assert "roll it back instead" in refusal_of(NodeVerb.RESTORE, STARTING, Chosen(point=POINT))
    assert refusal_of(NodeVerb.RESTORE, COMMITTED, Chosen(point=POINT)) != ""


def test_arming_needs_a_height_that_is_still_to_come_and_a_proof() -> None:
    late = fakes.node(1299, WAITING)
    assert "too late to arm for 1,300" in refusal_of(NodeVerb.ARM, late)
    assert "has no height" in refusal_of(NodeVerb.ARM, fakes.node(1210, replace(WAITING, target_height=0)))
    assert "does not run" in refusal_of(NodeVerb.ARM, fakes.node(1210, WAITING, pid=None))
    assert "35 h 55 min left" in refusal_of(NodeVerb.ARM, fakes.unproven().node or IDLE)
    by_chain = replace(WAITING, origin=PlanOrigin.CHAIN)
    for verb in (NodeVerb.ARM, NodeVerb.DISARM, NodeVerb.RESUME_CROSS):
        assert refusal_of(verb, fakes.node(1210, by_chain)) != ""
    unknown = fakes.node(1210, WAITING, app_height=None)
    assert refusal_of(NodeVerb.ARM, unknown) == ""


def test_a_parked_node_starts_only_when_the_old_binary_may_go_on() -> None:
    assert "node abort" in refusal_of(NodeVerb.START, PARKED)
    assert PARKED.attempt is not None
    for changes in ({"verdict": Verdict.ABORT}, {"breaking": False}):
        assert refusal_of(NodeVerb.START, replace(PARKED, attempt=replace(PARKED.attempt, **changes))) == ""


def test_crossing_by_hand_is_refused_against_a_verdict() -> None:
    aborted = at(Crossing.HALTED, verdict=Verdict.ABORT)
    assert refusal_of(NodeVerb.RESUME_CROSS, aborted) == "The verdict is known: ABORT."


def test_the_name_is_typed_where_a_halt_data_or_the_way_back_is_at_stake() -> None:
    typed = {verb for verb in NodeVerb if has_to_be_typed(verb, IDLE)}
    assert typed == {
        NodeVerb.SWAP,
        NodeVerb.ROLLBACK,
        NodeVerb.RESTORE,
        NodeVerb.RESYNC,
        NodeVerb.RESYNC_FROM_GENESIS,
        NodeVerb.RESUME_CROSS,
        NodeVerb.RESUME_WITHOUT_POINT,
    }
    for node in (ARMED, STARTING, PARKED):
        assert has_to_be_typed(NodeVerb.STOP, node)
    assert not has_to_be_typed(NodeVerb.STOP, COMMITTED)
    assert not has_to_be_typed(NodeVerb.STOP, fakes.node(1210, replace(WAITING, target_height=0)))
