"""A chain upgrade taken back on this node: the zone of return decides, the procedure explains, the node ends parked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from console.model import Crossing, Finding, NodeCommand, NodeState, NodeStatus, NodeVerb, Outcome, PlanOrigin, StepKind
from console.model.procedure import failed, passed, warned
from console.node.chain_halt import back_together
from console.node.state_rollback import facts_of, why_not_back
from console.operations.node_command import perform
from console.operations.node_rules import checks_of
from console.procedures.arguments import filled, yes_or_no
from console.procedures.chain_unit import WAYS, runs_by_unit, way_given
from console.procedures.here import heard, network_name
from console.procedures.rollback_by_cosmovisor import cosmovisor_rollback_steps
from console.procedures.rollback_by_systemd import systemd_rollback_steps
from console.procedures.signer_kept import note_signer, signer_kept
from console.procedures.step import Parameter, Procedure, Step, StepContext
from console.procedures.way_back import BACKUP

_POLL_S = 1.0
_SAYS = {True: "yes", False: "no", None: "only the stopped node's data tells"}


def _facts(status: NodeStatus) -> tuple[str, ...]:
    attempt = status.attempt
    lines = [f"state {status.state}, generation {status.generation}, app at {status.app_height}"]
    if attempt is not None:
        lines.append(f"upgrade {attempt.name} at H = {attempt.target_height}, before it {attempt.left or 'unknown'}")
        lines.append(f"highest height that the new binary executed: {attempt.new_app_height or 'none seen'}")
        lines.append(f"commit of H + 1 seen: {'yes' if attempt.beyond_return else 'no'}")
        lines.append(f"rollback point: {attempt.rollback_point or attempt.without_point or 'none'}")
    return tuple(lines)


async def _zone(context: StepContext) -> Finding:
    if (by_unit := runs_by_unit(context)) is not None:
        return by_unit
    status = await context.client().status()
    checks = checks_of(NodeVerb.ROLLBACK, status)
    lines = (*_facts(status), *(f"{check.words}: {_SAYS[check.passed]}" for check in checks))
    refused = next((check for check in checks if check.needed and check.passed is False), None)
    if refused is not None:
        return failed(f"this node is not rolled back: {refused.words}", *lines, go_on=_elsewhere(status))
    unknown = next((check for check in checks if check.passed is None), None)
    if unknown is not None:
        return warned(
            f"{unknown.words}: the controller stops the node, looks, and refuses where there is no way back",
            *lines,
            go_on="go on: nothing is restored that the rules do not allow",
        )
    return passed("the rules let this node go back", *lines)


def _elsewhere(status: NodeStatus) -> str:
    attempt = status.attempt
    if attempt is not None and attempt.origin is PlanOrigin.OPERATOR and attempt.crossing is Crossing.COMMITTED:
        return f"`upgrade-console node swap {attempt.left} --reason TEXT`"
    if attempt is not None and attempt.beyond_return:
        return (
            "only forward: swap to a fixed release for the same height, or propose a revert as a new upgrade with a new"
            " height"
        )
    if attempt is not None and attempt.crossing is Crossing.PARKED:
        return f"it is back already: cross again with `node swap`, or go on with the network, {back_together(attempt)}"
    if attempt is not None and attempt.new_app_height >= attempt.target_height > 0:
        return f"H was executed: this node goes back only with the network, {back_together(attempt)}"
    return "see `upgrade-console node status`: for data of before, `upgrade-console node restore`"


async def _roll_back(context: StepContext) -> Finding:
    reason = f"{context.arguments['why']} ({context.person})"
    status = await perform(context.client(), NodeCommand(NodeVerb.ROLLBACK, reason))
    return passed("the controller rolls back", *_facts(status))


async def _is_back(context: StepContext) -> Finding:
    status = await context.client().status()
    if status.attempt is not None and status.attempt.crossing is Crossing.PARKED:
        return passed("the node is parked with its old binary", *_facts(status))
    return failed(f"the node is {status.state}", *_facts(status), go_on="go on")


async def _parked(context: StepContext) -> Finding:
    while True:
        status = await heard(context, context.client().status)
        if status.attempt is not None and status.attempt.crossing is Crossing.PARKED:
            return warned(
                "the node is parked: old binary in place, data as the zone allows, nothing runs",
                *_facts(status),
                go_on="cross again with another verified release (`node swap`), or run the old binary with the network,"
                f" {back_together(status.attempt)}",
            )
        if status.state == NodeState.NEEDS_OPERATOR.value:
            return failed(
                f"the node needs its operator: {status.note or status.alarm}",
                *_facts(status),
                go_on="read `upgrade-console node events`, mend what it names, and go on",
            )
        context.tell(f"{status.state}: {status.note}" if status.note else status.state)
        await context.sleep(_POLL_S)


def _steps(arguments: Mapping[str, str], _items: Sequence[str]) -> tuple[Step, ...]:
    ways = {"cosmovisor": cosmovisor_rollback_steps, "systemd": systemd_rollback_steps}
    return ways.get(arguments.get("way", WAYS[0]), _controller_steps)()


def _controller_steps() -> tuple[Step, ...]:
    return (
        Step(
            "rollback.zone",
            StepKind.CHECK,
            "See how far the crossing got",
            "Z0, block H not executed: the old binary goes back and nothing is restored. Z1, H executed and no commit"
            " of H + 1 seen: back only if the network aborts, by restoring the rollback point. Z2, H + 1 committed on"
            " the new rules: forward only. No option leads past this.",
            _zone,
        ),
        Step(
            "rollback.signer",
            StepKind.CHECK,
            "Note the signer's state",
            "The file that guards against signing twice is noted now and compared afterwards; it is never restored.",
            note_signer,
        ),
        Step(
            "rollback.back",
            StepKind.ACTION,
            "Stop the node and put the old binary back",
            "The controller stops the node, restores the rollback point where H was executed, and switches to the old"
            " generation in one step. The old binary is not started: it could execute H under rules that the network"
            " does not follow. `rollback --hard` is no part of it: at a halt it would delete the decided block H.",
            _roll_back,
            done=_is_back,
            undo="`upgrade-console node swap NAME` crosses again",
            ask="Roll this node back? It stays down afterwards.",
            typed=network_name,
            deadline_s=1800.0,
        ),
        Step(
            "rollback.parked",
            StepKind.WAIT,
            "See it parked",
            "The old generation is in place, and the node is down until its operator decides.",
            _parked,
            deadline_s=1800.0,
        ),
        Step(
            "rollback.signer-kept",
            StepKind.CHECK,
            "Compare the signer's state",
            "It must be what it was, or higher.",
            signer_kept,
        ),
    )


ROLLBACK = Procedure(
    "rollback",
    "Chain upgrade rollback",
    "Takes a chain upgrade back on this node while there is a way back: by our controller, in Cosmovisor's layout, or"
    " by hand over systemd, as it was crossed. Alone it ends parked; the old binary runs again only when the network"
    " aborts, and after a commit of H + 1 there is only a way forward.",
    _steps,
    (
        Parameter("why", "Why it goes back, for journal and record", check=filled),
        Parameter("way", "controller, cosmovisor or systemd, as it was crossed", WAYS[0], way_given),
        Parameter("unit", "The node's systemd unit; empty: its setting `unit` (cosmovisor, systemd)", ""),
        Parameter("to", "What ran before: genesis, or a name; empty: as the layout says (cosmovisor)", ""),
        BACKUP,
    ),
    variants=tuple(("way", way) for way in WAYS[1:]),
)


# --- one block of the state ---


def _hard(context: StepContext) -> bool:
    return context.arguments["hard"] == "yes"


def _heights(status: NodeStatus) -> tuple[str, ...]:
    lines = [f"state {status.state}, generation {status.generation}"]
    lines.append(f"newest block {status.height or 'unknown'}, application at {status.app_height or 'unknown'}")
    if status.attempt is not None:
        lines.append(f"upgrade {status.attempt.name} at H = {status.attempt.target_height}")
    return tuple(lines)


async def _stands_still(context: StepContext) -> Finding:
    status = await context.client().status()
    lines = (*_heights(status), f"hard: {context.arguments['hard']}")
    facts = facts_of(status)
    if why := why_not_back(facts, hard=_hard(context)):
        to_stop = not facts.stopped and not facts.crossing
        go_on = "`upgrade-console node stop`, then go on" if to_stop else "see `upgrade-console node status`"
        return failed(f"the state is not rolled back: {why}", *lines, go_on=go_on)
    return passed("the node is stopped; block store and plan file the controller checks before it begins", *lines)


async def _state_back(context: StepContext) -> Finding:
    if context.remembered("app-height") and (done := await _is_one_back(context)).outcome is Outcome.PASS:
        # Its end came while a person was asked whether to begin again.
        return done
    before = await context.client().status()
    context.remember("app-height", str(before.app_height))
    reason = f"{context.arguments['why']} ({context.person})"
    status = await context.client().rollback_state(reason, hard=_hard(context), app_height=before.app_height)
    return passed(
        f"the application is at height {status.app_height}, {before.app_height} before",
        *_heights(status),
        "a rollback point of before is in `upgrade-console node list`",
    )


async def _is_one_back(context: StepContext) -> Finding:
    status = await context.client().status()
    before = context.remembered("app-height")
    if before.isdigit() and status.app_height is not None and status.app_height < int(before):
        return passed(f"the application is at height {status.app_height}, {before} before")
    return failed(f"the application is at height {status.app_height}", go_on="go on")


def _state_steps(_arguments: Mapping[str, str], _items: Sequence[str]) -> tuple[Step, ...]:
    return (
        Step(
            "rollback-state.stopped",
            StepKind.CHECK,
            "See that the node is stopped",
            "Only its operator's stop counts: no automation starts it meanwhile.",
            _stands_still,
        ),
        Step(
            "rollback-state.signer",
            StepKind.CHECK,
            "Note the signer's state",
            "The daemon's command does not touch it, and it is compared afterwards all the same.",
            note_signer,
        ),
        Step(
            "rollback-state.back",
            StepKind.ACTION,
            "Undo the last block",
            "The controller takes a rollback point and runs the daemon's own `rollback`. With --hard the block is"
            " deleted too. Both are refused at a halt and wherever the newest block is decided and not executed, --hard"
            " before a planned halt too.",
            _state_back,
            done=_is_one_back,
            undo="`upgrade-console node restore` puts the rollback point back",
            ask="Undo the last block of this node's state?",
            typed=network_name,
            deadline_s=1800.0,
        ),
        Step(
            "rollback-state.signer-kept",
            StepKind.CHECK,
            "Compare the signer's state",
            "It must be what it was.",
            signer_kept,
        ),
    )


ROLLBACK_STATE = Procedure(
    "rollback-state",
    "State rollback by one block",
    "Undoes the last block of a stopped node whose state is damaged, by the daemon's own command. It is no way back"
    " from an upgrade: for that there is `rollback`.",
    _state_steps,
    (
        Parameter("why", "Why, for journal and record", check=filled),
        Parameter("hard", "yes deletes the block as well", "no", yes_or_no),
    ),
    kinds=("cosmos",),
)
