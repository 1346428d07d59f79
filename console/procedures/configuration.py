"""Configuration change: settings of controllers and nodes, set node by node, each back in consensus before the next."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

from console.model import Finding, Outcome, StepKind
from console.model.procedure import failed, passed, skipped, warned
from console.operations.setting_changes import Difference, differences, read_wanted, set_wanted
from console.procedures.node_settings import before_step, changed_since, lines_of
from console.procedures.roll import NODES, back_if_down, fleet_step, settled, taken_down
from console.procedures.step import Parameter, Procedure, Step, StepContext


def _wanted_given(text: str) -> str:
    return read_wanted(text).text


def _reason_given(text: str) -> str:
    if not text.strip():
        raise ValueError("a text that is not empty")
    return " ".join(text.split())


def _steps(_arguments: Mapping[str, str], items: Sequence[str]) -> tuple[Step, ...]:
    names = tuple(items)
    return (
        fleet_step(names),
        Step(
            "roll.difference",
            StepKind.CHECK,
            "Show the difference on every node",
            "Reads every key on every node as it is now: a key that a file lacks ends the run before anything is set.",
            partial(_difference, names=names),
        ),
        Step(
            "roll.sure",
            StepKind.CONFIRMATION,
            "Be sure of the change",
            "The difference was shown, node by node.",
            ask="Set this on each node, one after the other? Type the network's name.",
            typed=lambda context: context.network.name,
        ),
        *(step for item in names for step in _of_node(item)),
    )


def _of_node(item: str) -> tuple[Step, ...]:
    return (
        before_step(item),
        Step(
            f"{item}.set",
            StepKind.ACTION,
            f"Set it on {item}",
            "Sets the controller's settings and the keys of the node's files, with comments and order kept. What a file"
            " held before is kept beside the controller.",
            _set,
            done=_is_set,
            undo=f"`upgrade-console node config unset KEY --node {item}`, and"
            f" `upgrade-console node config file-undo FILE --node {item} --reason TEXT`; then restart it",
            item=item,
        ),
        Step(
            f"{item}.restart",
            StepKind.ACTION,
            f"Restart {item}",
            "Where a setting holds from the node's next start alone. Under the lease of the whole fleet, which one roll"
            " has at a time, and only while less than a third of the power is down with it.",
            _restart,
            done=_restarted,
            undo="none is needed: it runs the same program",
            item=item,
            deadline_s=300.0,
        ),
        back_if_down(item),
        Step(
            f"{item}.settings-after",
            StepKind.CHECK,
            f"Show what differs in the settings of {item}",
            "Every key that was to change did, and none besides.",
            _after,
            item=item,
        ),
    )


async def _open(context: StepContext, name: str) -> tuple[Difference, ...]:
    return await differences(context.client(name), read_wanted(context.arguments["set"]))


async def _difference(context: StepContext, names: tuple[str, ...]) -> Finding:
    found = await asyncio.gather(*(_open(context, name) for name in names))
    lines = [f"{name}: {each.line}" for name, each_of in zip(names, found, strict=True) for each in each_of]
    if not lines:
        return passed("every node has these settings already: nothing will be set or restarted")
    touched = sum(1 for each in found if each)
    restarted = sum(1 for each in found if any(one.restarts for one in each))
    return passed(f"{touched} of {len(names)} nodes differ, {restarted} will be restarted", *lines)


async def _is_set(context: StepContext) -> Finding:
    left = await _open(context, context.item)
    if left:
        return failed(f"{left[0].place} of {context.item} is not set", *(each.line for each in left), go_on="go on")
    return passed(f"{context.item} has these settings")


async def _set(context: StepContext) -> Finding:
    name = context.item
    left = await _open(context, name)
    if not left:
        return skipped(f"{name} has these settings already")
    if any(each.restarts for each in left):
        # Before they are set: whoever goes on afterwards sees no difference any more.
        context.remember(f"restart.{name}", "yes")
        status = await context.client(name).status()
        context.remember(f"pid.{name}", str(status.pid or 0))
    done = await set_wanted(context.client(name), left, f"{context.arguments['why']} (by {context.person})")
    many = "settings" if len(done) != 1 else "setting"
    return passed(f"{len(done)} {many} of {name} set", *lines_of(done))


async def _restarted(context: StepContext) -> Finding:
    status = await context.client(context.item).status()
    if status.pid and str(status.pid) != context.remembered(f"pid.{context.item}"):
        return passed(f"{context.item} was started again", f"process {status.pid}")
    return failed(f"{context.item} was not started again", go_on="go on")


async def _restart(context: StepContext) -> Finding:
    name = context.item
    if not context.remembered(f"restart.{name}"):
        return skipped(f"nothing that was set on {name} needs a restart")
    if (await _restarted(context)).outcome is Outcome.PASS and context.remembered(f"down.{name}"):
        return passed(f"{name} was started again")

    async def restart(lease: str) -> Finding:
        status = await context.client(name).restart(lease=lease)
        return passed(f"{name} was started again", f"process {status.pid}")

    return await taken_down(context, restart)


async def _after(context: StepContext) -> Finding:
    name, wanted = context.item, read_wanted(context.arguments["set"])
    left = await _open(context, name)
    if left:
        return failed(f"{left[0].place} of {name} is not as it was set", left[0].line, go_on="look who set it")
    meant = {*wanted.controller, *(f"{file}: {key}" for file, keys in wanted.files.items() for key in keys)}
    changes = await changed_since(context)
    others = [each for each in changes if each.key not in meant]
    if others:
        return warned(
            f"{len(others)} settings of {name} differ that were not set here",
            *lines_of(changes),
            go_on="see who changed them: another operator, or the program at its start",
        )
    return passed(f"{name} has these settings, and no other differs from before", *lines_of(changes))


CONFIGURATION = Procedure(
    "config",
    "Configuration change",
    "Parameters of controllers and nodes are tuned without governance: the difference is shown on every node, then it"
    " is set node by node, the smallest voting power first, and a node that has to be restarted for it is back in"
    " consensus before the next.",
    _steps,
    (
        Parameter(
            "set",
            "KEY=VALUE of the controller, FILE:KEY=VALUE of a file below the node's home, with ; between",
            check=_wanted_given,
        ),
        Parameter("why", "Why, for the journals", check=_reason_given),
        NODES,
    ),
    items=settled,
)
