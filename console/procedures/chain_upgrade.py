"""A chain upgrade that governance decided, crossed by our controller, by Cosmovisor, or by hand over systemd."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from console.errors import NodeError
from console.model import Crossing, Finding, NodeState, Preparation, StepKind
from console.model.procedure import failed, passed, warned
from console.node.chain_halt import back_together
from console.operations.fetched_executable import checksum_given
from console.operations.node import prepare_upgrade
from console.procedures import chain_plan
from console.procedures.chain_by_cosmovisor import cosmovisor_steps
from console.procedures.chain_by_systemd import systemd_steps
from console.procedures.chain_unit import WAYS, runs_by_unit, way_given
from console.procedures.here import heard
from console.procedures.step import Parameter, Procedure, Step, StepContext
from console.procedures.verify_validator import VERIFY_VALIDATOR

_LOST = {
    Crossing.RESUMED_OLD: "the network aborted this upgrade and goes on under the old rules: nothing has to be taken"
    " back here, and it is proposed again with another height",
    Crossing.PARKED: "cross with another verified release (`upgrade-console node swap`), or go back with the network,"
    " {together}",
    Crossing.ROLLBACK: "wait until it is parked, then see `upgrade-console node status`",
    Crossing.MISSED_HALT: "bring it back to before its halt with `upgrade-console node resync`",
    Crossing.NEEDS_OPERATOR: "`upgrade-console node status` says what is safe; the way back, where there is one, is"
    " `upgrade-console run rollback`",
}
"""Crossings that do not lead to the new rules, and how one goes on from there; {together} is the network's way back."""


TAKEN_UP_S = 120.0
"""Seconds within which a controller has seen a plan of the chain; one that has not does not read this chain."""


# --- by our controller ---


async def _taken_up(context: StepContext) -> None:
    """Wait until the controller has an open plan: it looks every few seconds, and this run may be quicker."""
    until = context.now() + TAKEN_UP_S
    while context.now() < until:
        attempt = (await heard(context, context.client().status)).attempt
        if attempt is not None and not attempt.crossing.ended:
            return
        context.tell("the controller has not seen the plan yet")
        await context.sleep(chain_plan.POLL_S)


async def _prepared(context: StepContext) -> Finding:
    await _taken_up(context)
    status = await heard(context, partial(prepare_upgrade, context.client(), 24 * 3600.0))
    attempt = status.attempt
    assert attempt is not None  # prepare_upgrade raises where there is none
    name, height = chain_plan.plan_of(context)
    lines = [f"controller: {attempt.name} at height {attempt.target_height:,}, {attempt.preparation.value}"]
    if attempt.target_height != height:
        return failed(
            f"the controller prepares {attempt.name} at height {attempt.target_height:,}, and the chain plans {name} at"
            f" {height:,}",
            *lines,
            go_on="look at its endpoints: `upgrade-console doctor`",
        )
    try:
        lines += [f"{label}: {value}" for label, value in (await context.client().release()).facts]
    except NodeError as error:
        # What vouches for it is evidence, and no condition: the controller has decided by it already.
        lines.append(error.what)
    lines.append(f"sha256 {attempt.generation_hash}")
    return passed(f"{attempt.name} is downloaded, verified, staged and tried", *lines)


async def _halted(context: StepContext) -> Finding:
    _, height = chain_plan.plan_of(context)
    while True:
        status = await heard(context, context.client().status)
        attempt = status.attempt
        lines = (
            f"state {status.state}, height {status.height}, app at {status.app_height}"
            # On a chain that stops its nodes by itself nobody is armed.
            + (f", armed for {status.halt_height}" if status.halt_height else ""),
        )
        if attempt is not None and attempt.target_height == height:
            if attempt.crossing is not Crossing.NONE:
                return passed(f"the node came to its halt: {attempt.crossing.value}", *lines)
            if attempt.preparation is Preparation.FAILED:
                return failed(
                    f"{attempt.name} is not ready any more: {attempt.note}", *lines, go_on="see `node status`"
                )
        if (gone := await chain_plan.changed(context)) is not None:
            return gone
        if status.app_height is not None and status.app_height >= height:
            return failed(
                f"the node executed height {status.app_height:,} without a halt",
                *lines,
                go_on="look at `upgrade-console node status` at once: a node that missed its halt needs `node resync`",
            )
        left = None if status.height is None else height - status.height
        far = "it is not known how far it is" if left is None else f"{left:,} block{'s' * (left != 1)} to the halt"
        context.tell(f"{status.state}, {far}")
        await context.sleep(chain_plan.POLL_S)


async def _crossed(context: StepContext) -> Finding:
    _, height = chain_plan.plan_of(context)
    while True:
        status = await heard(context, context.client().status)
        attempt = status.attempt
        if attempt is not None and attempt.target_height == height:
            lines = (
                f"state {status.state}, generation {status.generation}",
                f"blocks to {status.height}, executed to {status.app_height}",
                f"running executable: sha256 {status.exe_sha256}",
                f"rollback point {attempt.rollback_point or attempt.without_point or 'none'}",
            )
            if attempt.crossing is Crossing.COMMITTED:
                return passed(f"the network follows past height {height:,}, and this node with it", *lines)
            if attempt.crossing in _LOST:
                return failed(
                    f"the crossing is {attempt.crossing.value}: {attempt.note}",
                    *lines,
                    go_on=_LOST[attempt.crossing].format(together=back_together(attempt)),
                )
        if status.state == NodeState.STOPPED_BY_OPERATOR.value:
            return failed("the node was stopped by its operator", go_on="`upgrade-console node start`, then go on")
        context.tell(f"{status.state}: {status.note or 'on its way'}")
        await context.sleep(chain_plan.POLL_S)


async def _automatic(context: StepContext) -> Finding:
    if (by_unit := runs_by_unit(context)) is not None:
        return by_unit
    status = await context.client().status()
    lines = (f"state {status.state}, generation {status.generation}, version {status.version or 'not said'}",)
    if status.state in {NodeState.STOPPED_BY_OPERATOR.value, NodeState.NEEDS_OPERATOR.value}:
        return failed(f"the node is {status.state}: {status.note}", *lines, go_on="lead it on, and go on")
    if status.paused:
        return warned(
            f"its automation is paused: {status.paused}", *lines, go_on="`upgrade-console node resume` before the halt"
        )
    return passed("the controller is there and acts by itself", *lines)


def _controller_steps() -> tuple[Step, ...]:
    return (
        Step(
            "upgrade.controller",
            StepKind.CHECK,
            "See that the controller acts",
            "It prepares, halts, backs up, swaps and starts by itself; this run watches, and stops where it stops.",
            _automatic,
        ),
        Step(
            "upgrade.prepared",
            StepKind.WAIT,
            "Download, verify and stage the new binary",
            "By the controller: checksum or signed manifest, its version read, tried before anything is stopped.",
            _prepared,
            deadline_s=0.0,
        ),
        Step(
            "upgrade.halt",
            StepKind.WAIT,
            "Wait for the halt",
            "Until the node stands at H. A plan that is cancelled or moved meanwhile ends this run.",
            _halted,
            deadline_s=0.0,
        ),
        Step(
            "upgrade.crossing",
            StepKind.WAIT,
            "Watch the crossing",
            "Rollback point, swap, start, block H executed, H + 1 committed by the network, own signature seen.",
            _crossed,
            deadline_s=0.0,
        ),
    )


def _steps(arguments: Mapping[str, str], _items: Sequence[str]) -> tuple[Step, ...]:
    plan = Step(
        "upgrade.plan",
        StepKind.CHECK,
        "Find the plan",
        "What the chain itself plans: name, height and what it says of binaries. Every later step means this plan.",
        chain_plan.find_plan,
    )
    ways = {"cosmovisor": cosmovisor_steps, "systemd": systemd_steps}
    crossed = ways.get(arguments.get("way", WAYS[0]), _controller_steps)()
    return (plan, *crossed, *VERIFY_VALIDATOR.steps({"unit": arguments.get("unit", "")}, ()))


def _checksum(text: str) -> str:
    return checksum_given(text) if text.strip() else ""


CHAIN_UPGRADE = Procedure(
    "chain-upgrade",
    "Chain upgrade",
    "Brings this node over an upgrade that governance decided: plan, program, halt, crossing, proof. By our controller,"
    " which acts by itself and is watched; by Cosmovisor, whose layout is prepared and which is watched; or by hand"
    " over systemd, where each step is this run's.",
    _steps,
    (
        Parameter("way", "controller, cosmovisor or systemd", WAYS[0], way_given),
        Parameter("name", "The plan's name; empty: what the chain plans", ""),
        Parameter("url", "Where the program is, where the plan names none (cosmovisor, systemd)", ""),
        Parameter("checksum", "Of those bytes, as published: sha256:…", "", _checksum),
        Parameter("unit", "The node's systemd unit; empty: its setting `unit` (cosmovisor, systemd)", ""),
        Parameter("binary", "The installed program that the unit starts: /usr/local/bin/… (systemd)", ""),
    ),
    variants=tuple(("way", way) for way in WAYS[1:]),
)
