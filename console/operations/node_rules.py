"""Which commands a node can be given now and why not, from its status: for menus, keys, plans and refusals.

One place for the rules that the controller has (console.node.operator_commands), as far as a status shows them. The
controller checks again with what only it knows; what cannot be told from here is said to be unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from console.model import (
    GENESIS,
    Arming,
    Attempt,
    Crossing,
    GenerationOnDisk,
    NodeStatus,
    NodeVerb,
    PlanOrigin,
    PointOnDisk,
    Verdict,
)
from console.node.chain_halt import skip_words
from console.node.zones import Refusal, Zone, ZoneFacts, may_roll_back, nothing_to_roll_back, zone_of
from console.text import short_hash


@dataclass(frozen=True, slots=True)
class NodeCheck:
    """One thing that was looked at."""

    words: str
    """What is so, as it was found; without a full stop."""
    passed: bool | None
    """None when only the controller can tell."""
    needed: bool = True
    """Whether the command is refused where it did not pass; else it is a warning."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a command is given besides the node."""

    generation: GenerationOnDisk | None = None
    """To swap to."""
    point: PointOnDisk | None = None
    """To restore."""


NOTHING = Chosen()


def checks_of(verb: NodeVerb, node: NodeStatus, chosen: Chosen = NOTHING) -> tuple[NodeCheck, ...]:
    """What was looked at for a command.

    Args:
        verb: The command.
        node: As its controller told last.
        chosen: What it is to be done with; where nothing is chosen yet, that is not held against it.
    """
    return _CHECKS[verb](node, chosen)


def refusal_of(verb: NodeVerb, node: NodeStatus, chosen: Chosen = NOTHING) -> str:
    """Why the command cannot be given now, in one sentence; empty when it can."""
    for check in checks_of(verb, node, chosen):
        if check.needed and check.passed is False:
            return f"{check.words[:1].upper()}{check.words[1:]}."
    return ""


def has_to_be_typed(verb: NodeVerb, node: NodeStatus) -> bool:
    """Whether the network's name is typed for it: it may cost a halt, data, or the way back."""
    if verb in {NodeVerb.STOP, NodeVerb.RESTART}:
        return upgrade_goes_on(node)
    return verb in _DANGEROUS


def upgrade_goes_on(node: NodeStatus) -> bool:
    """Whether a plan with a height is open, or a crossing waits for the operator."""
    attempt = node.attempt
    if attempt is None:
        return False
    return (attempt.has_height and not attempt.crossing.ended) or attempt.crossing.waits_for_operator


def waits_for_proof(node: NodeStatus) -> bool:
    """Whether the open plan's release is held back until another network has proven it."""
    attempt, proof = _open(node), node.proof
    return attempt is not None and proof is not None and not proof.given


_DANGEROUS = frozenset(
    {
        NodeVerb.SWAP,
        NodeVerb.ROLLBACK,
        NodeVerb.RESTORE,
        NodeVerb.RESYNC,
        NodeVerb.RESYNC_FROM_GENESIS,
        NodeVerb.RESUME_CROSS,
        NodeVerb.RESUME_WITHOUT_POINT,
    }
)
_MAY_ROLL_BACK = frozenset(
    {
        Crossing.SWITCHED,
        Crossing.STARTING,
        Crossing.WAITING_FOR_QUORUM,
        Crossing.PROBATION,
        Crossing.NEEDS_OPERATOR,
    }
)
_WAITS_FOR_RELEASE = frozenset({Crossing.HALTED, Crossing.QUIESCED, Crossing.PARKED, Crossing.NEEDS_OPERATOR})


def _open(node: NodeStatus) -> Attempt | None:
    return node.attempt if node.attempt is not None and not node.attempt.crossing.ended else None


# --- the process ---


def _start(node: NodeStatus, _: Chosen) -> tuple[NodeCheck, ...]:
    checks = [_down(node)]
    attempt = node.attempt
    if attempt is None:
        return tuple(checks)
    if attempt.crossing is Crossing.MISSED_HALT:
        words = "it executed H under old rules and cannot go on: bring it back with `upgrade-console node resync`"
        checks.append(NodeCheck(words, False))
    elif attempt.crossing is Crossing.PARKED:
        may = attempt.verdict is Verdict.ABORT or not attempt.breaking
        again = f"cross again with `upgrade-console node swap {attempt.generation}`"
        back = skip_words(attempt.target_height) if attempt.origin is PlanOrigin.CHAIN else "`node abort`"
        words = (
            "the network aborted, or the release breaks nothing: the old binary may go on"
            if may
            else f"it is parked, and the old binary would execute H under old rules: {again}, or together back: {back}"
        )
        checks.append(NodeCheck(words, may))
    elif attempt.crossing is Crossing.HALTED:
        checks.append(NodeCheck("at its halt it starts only when verdict and release are there", None))
    return tuple(checks)


def _down(node: NodeStatus) -> NodeCheck:
    if node.pid is None:
        return NodeCheck("the node does not run", True)
    return NodeCheck(f"the node runs already, as process {node.pid}", False)


def _up(node: NodeStatus) -> NodeCheck:
    if node.pid is not None:
        return NodeCheck(f"the node runs, as process {node.pid}", True)
    return NodeCheck("the node does not run", False)


def _stop(node: NodeStatus, _: Chosen) -> tuple[NodeCheck, ...]:
    attempt = _open(node)
    if attempt is None or not attempt.has_height:
        return (_up(node), NodeCheck("no upgrade is going on", True, needed=False))
    at = f"{attempt.name} at block {attempt.target_height:,}"
    return (
        _up(node),
        NodeCheck(f"an upgrade is going on, and a stopped node does not cross: {at}", False, needed=False),
    )


def _restart(node: NodeStatus, _: Chosen) -> tuple[NodeCheck, ...]:
    attempt = _open(node)
    if attempt is not None and attempt.crossing is not Crossing.NONE:
        words = f"a crossing is going on, at {attempt.crossing.value}: it is not restarted in the middle of it"
        return (_up(node), NodeCheck(words, False, needed=False))
    if node.halt_height:
        return (_up(node), NodeCheck(f"it comes up armed for {node.halt_height:,} again", True, needed=False))
    return (_up(node),)


# --- automation ---


def _pause(node: NodeStatus, _: Chosen) -> tuple[NodeCheck, ...]:
    words = f"automation is paused already: {node.paused}" if node.paused else "automation goes on"
    return (NodeCheck(words, not node.paused),)


def _resume(node: NodeStatus, _: Chosen) -> tuple[NodeCheck, ...]:
    words = f"automation is paused: {node.paused}" if node.paused else "automation is not paused"
    return (NodeCheck(words, bool(node.paused)),)


def _resume_without_point(node: NodeStatus, _: Chosen) -> tuple[NodeCheck, ...]:
    attempt = _open(node)
    waits = attempt is not None and attempt.crossing in {Crossing.HALTED, Crossing.QUIESCED}
    words = "a crossing waits for its rollback point" if waits else "no crossing waits for a rollback point"
    return (NodeCheck(words, waits),)


def _resume_cross(node: NodeStatus, _: Chosen) -> tuple[NodeCheck, ...]:
    attempt = _open(node)
    if attempt is None or attempt.crossing is not Crossing.HALTED or attempt.halts_itself:
        return (NodeCheck("it does not wait for a verdict at its halt", False),)
    if attempt.verdict is not Verdict.NONE:
        return (NodeCheck(f"the verdict is known: {attempt.verdict.name}", False),)
    return (
        NodeCheck("it waits at its halt for the verdict", True),
        NodeCheck("the chain's own verdict is CROSS", None, needed=False),
    )


# --- arming ---


def _arm(node: NodeStatus, _: Chosen) -> tuple[NodeCheck, ...]:
    attempt = _open(node)
    if attempt is None or attempt.halts_itself or attempt.crossing is not Crossing.NONE:
        return (NodeCheck("there is no plan to arm for", False),)
    if not attempt.has_height:
        return (NodeCheck(f"the plan {attempt.name} has no height to arm for yet", False),)
    target = attempt.target_height
    checks = [_up(node)]
    if node.app_height is None:
        checks.append(NodeCheck("the application's height is read by the controller", None))
    else:
        early = node.app_height < target - 1
        where = f"the application is at height {node.app_height:,}"
        checks.append(NodeCheck(where if early else f"{where}, too late to arm for {target:,}", early))
    if node.proof is not None:
        given = node.proof.given or bool(attempt.unproven)
        checks.append(NodeCheck(node.proof.sentence or "the release is proven on another network", given))
    if node.halt_height == target:
        checks.append(NodeCheck(f"it is armed for {target:,} already: it would only be restarted", False, needed=False))
    else:
        checks.append(NodeCheck(f"it is not armed for {target:,} yet", True, needed=False))
    return tuple(checks)


def _arm_unproven(node: NodeStatus, _: Chosen) -> tuple[NodeCheck, ...]:
    attempt = _open(node)
    if not waits_for_proof(node) or attempt is None or attempt.unproven or node.proof is None:
        return (NodeCheck("no plan waits for a proof on another network", False),)
    return (
        NodeCheck("the plan waits for a proof", True),
        NodeCheck(node.proof.sentence, False, needed=False),
    )


def _disarm(node: NodeStatus, _: Chosen) -> tuple[NodeCheck, ...]:
    attempt = _open(node)
    if attempt is None or attempt.crossing is not Crossing.NONE or attempt.halts_itself:
        return (NodeCheck("nothing is armed here", False),)
    armed = attempt.arming is Arming.ARMED
    words = f"it is armed for {attempt.target_height:,}" if armed else "it is not armed: it will not be, for this plan"
    checks = [NodeCheck(words, armed, needed=False)]
    if attempt.breaking:
        words = "the release breaks the old rules: unarmed, the node leaves the network at H"
        checks.append(NodeCheck(words, False, needed=False))
    return tuple(checks)


# --- releases ---


def _swap(node: NodeStatus, chosen: Chosen) -> tuple[NodeCheck, ...]:
    attempt, wanted = node.attempt, chosen.generation
    checks: list[NodeCheck] = []
    if attempt is not None and attempt.crossing is Crossing.MISSED_HALT:
        checks.append(NodeCheck("this node missed its halt: `upgrade-console node resync` brings it back", False))
    elif attempt is not None and attempt.crossing in _WAITS_FOR_RELEASE:
        checks += _across_the_halt(node, attempt, wanted)
    elif _open(node) is not None:
        checks.append(NodeCheck("an upgrade is going on here", False))
    else:
        checks.append(NodeCheck("no upgrade is going on", True))
        checks += _by_hand(node, attempt, wanted)
    return (*checks, *_fit(wanted))


def _across_the_halt(node: NodeStatus, attempt: Attempt, wanted: GenerationOnDisk | None) -> list[NodeCheck]:
    if attempt.left and node.generation == attempt.generation:
        return [NodeCheck("the new binary of this crossing is in place: roll back first", False)]
    if attempt.verdict is not Verdict.CROSS:
        return [NodeCheck(f"the network has not decided to cross: {_verdict(attempt)}", False)]
    checks = [NodeCheck("the network's verdict is CROSS", True)]
    if wanted is not None and wanted.name == node.generation:
        checks.append(NodeCheck(f"generation {wanted.name} is the old binary of this crossing", False))
    return checks


def _verdict(attempt: Attempt) -> str:
    return "its verdict is ABORT" if attempt.verdict is Verdict.ABORT else "its verdict is not known"


def _by_hand(node: NodeStatus, attempt: Attempt | None, wanted: GenerationOnDisk | None) -> list[NodeCheck]:
    if wanted is None:
        return []
    if wanted.name == node.generation:
        return [NodeCheck(f"generation {wanted.name} is the current one already", False)]
    crossed = attempt is not None and attempt.crossing is Crossing.COMMITTED and attempt.breaking
    if attempt is not None and crossed and wanted.name in {attempt.left, GENESIS}:
        words = f"generation {wanted.name} has the rules from before {attempt.name}, which the network has crossed"
        return [NodeCheck(words, False)]
    return [NodeCheck(f"generation {wanted.name} is another one than {node.generation or 'the current one'}", True)]


def _fit(wanted: GenerationOnDisk | None) -> list[NodeCheck]:
    if wanted is None:
        return []
    checks = []
    if not wanted.complete:
        checks.append(
            NodeCheck(f"generation {wanted.name} is not complete: {', '.join(wanted.missing)} is missing", False)
        )
    if wanted.verified:
        checks.append(NodeCheck(f"its bytes are on record, sha256 {short_hash(wanted.sha256)}", True))
    else:
        # What runs since before us nobody vouched for, and it may come back.
        checks.append(NodeCheck(f"nobody vouched for the bytes of {wanted.name}", False, wanted.name != GENESIS))
    return checks


# --- back ---


def _rollback(node: NodeStatus, _: Chosen) -> tuple[NodeCheck, ...]:
    attempt = node.attempt
    if attempt is None or attempt.crossing not in _MAY_ROLL_BACK or not attempt.left:
        on_new = attempt is not None and bool(attempt.left) and node.generation == attempt.generation
        return (NodeCheck(nothing_to_roll_back(attempt, on_new=on_new), False),)
    if node.generation != attempt.generation:
        return (NodeCheck(f"generation {attempt.left} is in place already", False),)
    checks = [NodeCheck(f"generation {attempt.generation} is in place", True), _zone(attempt)]
    if attempt.rollback_point:
        checks.append(NodeCheck(f"there is a rollback point, {attempt.rollback_point}", True, needed=False))
    else:
        checks.append(NodeCheck("there is no rollback point of this crossing", False, needed=False))
    return tuple(checks)


def _zone(attempt: Attempt) -> NodeCheck:
    """How far the crossing got: what was seen proves that H was executed, never that it was not."""
    facts = ZoneFacts(
        target_height=attempt.target_height,
        stored_app_height=None,
        new_run_app_height=attempt.new_app_height or None,
        commit_seen=attempt.beyond_return,
        complete_point=bool(attempt.rollback_point),
    )
    found = may_roll_back(facts, network_aborts=attempt.verdict is Verdict.ABORT, automatic=False)
    if zone_of(facts) is Zone.UNKNOWN:
        words = f"whether block {attempt.target_height:,} was executed is read from the stopped node's data"
        return NodeCheck(words, None)
    return NodeCheck(found.why, not isinstance(found, Refusal))


def _restore(node: NodeStatus, chosen: Chosen) -> tuple[NodeCheck, ...]:
    attempt, point = node.attempt, chosen.point
    checks: list[NodeCheck] = []
    going_on = _open(node)
    if going_on is not None and going_on.crossing is not Crossing.NONE:
        checks.append(NodeCheck("a crossing is going on: roll it back instead", False))
    else:
        checks.append(NodeCheck("no crossing is going on", True))
    if point is None:
        return tuple(checks)
    if point.set_aside:
        return (*checks, NodeCheck(f"point {point.name} is data that was set aside: nothing restores it", False))
    if not point.complete:
        return (*checks, NodeCheck(f"point {point.name} has no whole manifest and is never restored", False))
    checks.append(NodeCheck(f"point {point.name} is complete; its files are compared before it is restored", True))
    fits = point.generation == node.generation
    made = f"it was made by {point.generation}"
    checks.append(NodeCheck(made if fits else f"{made}, which is not the current generation", fits))
    if attempt is not None and attempt.beyond_return and point.generation != attempt.generation:
        checks.append(NodeCheck(f"the network committed height {attempt.target_height + 1:,} on the new rules", False))
    return tuple(checks)


def _resync(node: NodeStatus, _: Chosen) -> tuple[NodeCheck, ...]:
    missed = _missed(node)
    words = "it executed H under old rules" if missed else "this node did not miss its halt"
    return (NodeCheck(words, missed),)


def _resync_from_genesis(node: NodeStatus, chosen: Chosen) -> tuple[NodeCheck, ...]:
    if _missed(node):
        return _resync(node, chosen)
    attempt = node.attempt
    between = attempt is None or attempt.crossing in {Crossing.NONE, Crossing.COMMITTED, Crossing.RESUMED_OLD}
    going_on = NodeCheck(
        "no crossing is going on" if between else "a crossing is going on: it has to end first", between
    )
    why = "it missed no halt: only for a state that another binary has made"
    return (going_on, NodeCheck(why, False, needed=False))


def _missed(node: NodeStatus) -> bool:
    return node.attempt is not None and node.attempt.crossing is Crossing.MISSED_HALT


_CHECKS: dict[NodeVerb, Callable[[NodeStatus, Chosen], tuple[NodeCheck, ...]]] = {
    NodeVerb.START: _start,
    NodeVerb.STOP: _stop,
    NodeVerb.RESTART: _restart,
    NodeVerb.ARM: _arm,
    NodeVerb.DISARM: _disarm,
    NodeVerb.ARM_UNPROVEN: _arm_unproven,
    NodeVerb.SWAP: _swap,
    NodeVerb.ROLLBACK: _rollback,
    NodeVerb.RESTORE: _restore,
    NodeVerb.RESYNC: _resync,
    NodeVerb.RESYNC_FROM_GENESIS: _resync_from_genesis,
    NodeVerb.PAUSE: _pause,
    NodeVerb.RESUME: _resume,
    NodeVerb.RESUME_WITHOUT_POINT: _resume_without_point,
    NodeVerb.RESUME_CROSS: _resume_cross,
}
