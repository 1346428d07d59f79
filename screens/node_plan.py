"""The plan of each command to this machine's node, and of signalling readiness by hand."""

from __future__ import annotations

from textual.content import Content

from console.model import NodeCommand, NodeStatus, NodeVerb, Preparation, Snapshot
from console.operations.node_command import WORDS
from console.operations.node_rules import NOTHING, Chosen, checks_of, has_to_be_typed
from console.ports.session import Session
from screens.plan import PlanScreen
from widgets.drawn import STRONG
from widgets.emergency_words import stays_without, stop_warning
from widgets.plan_rows import Plan, PlanCheck

_TITLES: dict[NodeVerb, tuple[str, str]] = {
    NodeVerb.START: ("Start the node", "Start"),
    NodeVerb.STOP: ("Stop the node", "Stop"),
    NodeVerb.RESTART: ("Restart the node", "Restart"),
    NodeVerb.ARM: ("Arm out of turn", "Arm"),
    NodeVerb.DISARM: ("Disarm the node", "Disarm"),
    NodeVerb.ARM_UNPROVEN: ("Take a release unproven", "Take"),
    NodeVerb.SWAP: ("Swap the generation", "Swap"),
    NodeVerb.ROLLBACK: ("Roll the node back", "Roll back"),
    NodeVerb.RESTORE: ("Restore a rollback point", "Restore"),
    NodeVerb.RESYNC: ("Resync the node", "Resync"),
    NodeVerb.RESYNC_FROM_GENESIS: ("Replay from genesis", "Replay"),
    NodeVerb.PAUSE: ("Pause automation", "Pause"),
    NodeVerb.RESUME: ("Resume automation", "Resume"),
    NodeVerb.RESUME_WITHOUT_POINT: ("Cross without a rollback point", "Cross"),
    NodeVerb.RESUME_CROSS: ("Cross without the verdict", "Cross"),
}
"""Title of the plan and the confirming verb."""
_TAKES_DOWN = frozenset({NodeVerb.STOP, NodeVerb.RESTART, NodeVerb.ARM, NodeVerb.DISARM, NodeVerb.SWAP})
"""Commands that take a node down which may be signing."""


def node_plan(
    session: Session, snapshot: Snapshot, node: NodeStatus, verb: NodeVerb, chosen: Chosen = NOTHING
) -> PlanScreen:
    """The plan of one command; carried out through the session.

    Args:
        session: Carries it out.
        snapshot: Tells what power stays.
        node: As its controller told last.
        verb: The command.
        chosen: The generation or rollback point that it is done with.
    """
    name = _name_of(verb, chosen)

    async def operation(reason: str) -> str:
        status = await session.node_command(NodeCommand(verb, reason, name))
        return _answer(verb, status)

    title, label = _TITLES[verb]
    words = WORDS[verb]
    plan = Plan(
        title=title,
        effect=_effect(session, node, verb, chosen),
        label=label,
        network=session.network,
        node=node.name,
        undo=_sentence(words.undo),
        checks=(*_checks(node, verb, chosen), *_power(snapshot, session.own_address, verb)),
        typed=session.network if has_to_be_typed(verb, node) else "",
        reason=words.reason,
    )
    return PlanScreen(plan, operation)


def _name_of(verb: NodeVerb, chosen: Chosen) -> str:
    if verb is NodeVerb.SWAP and chosen.generation is not None:
        return chosen.generation.name
    return chosen.point.name if verb is NodeVerb.RESTORE and chosen.point is not None else ""


def _effect(session: Session, node: NodeStatus, verb: NodeVerb, chosen: Chosen) -> tuple[Content | str, ...]:
    does = _sentence(WORDS[verb].does.format(node=node.name, network=session.network))
    if verb is NodeVerb.SWAP and chosen.generation is not None:
        return (does, Content.assemble(node.generation or "?", " → ", (str(chosen.generation.name), STRONG)))
    if verb is NodeVerb.RESTORE and chosen.point is not None:
        return (does, Content.assemble((str(chosen.point.name), STRONG), ": ", chosen.point.sentence))
    if verb is NodeVerb.ARM_UNPROVEN and node.attempt is not None:
        return (does, Content.assemble("The release is ", (str(node.attempt.name), STRONG), "."))
    return (does,)


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def _checks(node: NodeStatus, verb: NodeVerb, chosen: Chosen) -> tuple[PlanCheck, ...]:
    return tuple(PlanCheck(check.words, check.passed) for check in checks_of(verb, node, chosen))


def _power(snapshot: Snapshot, address: str, verb: NodeVerb) -> tuple[PlanCheck, ...]:
    running = snapshot.node is not None and snapshot.node.pid is not None
    return (power_check(snapshot, address),) if verb in _TAKES_DOWN and running else ()


def power_check(snapshot: Snapshot | None, address: str) -> PlanCheck:
    """Whether the chain goes on without this node, and with what power."""
    stays = stays_without(snapshot.chain if snapshot is not None else None, address)
    return PlanCheck(stop_warning(snapshot, address), None if stays is None else stays.enough)


def _answer(verb: NodeVerb, status: NodeStatus) -> str:
    if verb is NodeVerb.PAUSE:
        return f"{status.name} is {status.state}; automation is paused: {status.paused}."
    later = "; it is armed in its turn" if verb is NodeVerb.ARM_UNPROVEN else ""
    return f"{status.name} is {status.state}{later}."


def ready_plan(session: Session, node: NodeStatus, proposal_id: int, name: str) -> PlanScreen:
    """The plan of signalling readiness by hand."""

    async def operation(_reason: str) -> str:
        await session.ready(proposal_id)
        return f"{node.name} is signalled ready for proposal {proposal_id}."

    attempt = node.attempt if node.attempt is not None and node.attempt.proposal_id == proposal_id else None
    staged = attempt is not None and attempt.preparation in {Preparation.STAGED, Preparation.READY}
    plan = Plan(
        title="Signal readiness",
        effect=(
            Content.assemble(
                "Signal that ", (node.name, STRONG), " is ready for ", (name, STRONG), f" (proposal {proposal_id})"
            ),
            "The controller does this by itself once the release is verified and staged. By hand you vouch for it: a"
            " node that is not ready stops at H and stays down.",
        ),
        label="Signal",
        network=session.network,
        node=node.name,
        undo="It can be withdrawn until the upgrade is frozen.",
        checks=(
            PlanCheck(
                f"the release is {'' if staged else 'not '}verified and staged on {node.name}",
                staged if attempt is not None else None,
            ),
        ),
    )
    return PlanScreen(plan, operation)
