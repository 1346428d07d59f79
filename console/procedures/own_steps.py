"""Steps and procedures of the operator's own, made of what they wrote."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from console.model import Finding, StepKind
from console.operations.own_command import CommandEnd, run_own_command
from console.procedures.own_file import PLACEHOLDER, OwnProcedure, OwnStep, refuse_placeholders
from console.procedures.step import Parameter, Procedure, Step, StepContext, StepWork, failed, passed
from console.setting_words import nearest


def with_own(built_in: Sequence[Procedure], own: Sequence[OwnProcedure]) -> tuple[Procedure, ...]:
    """What is built in with the operator's steps in it, then the operator's procedures. Raises SettingsError."""
    made = {each.name: each for each in built_in}
    for each in own:
        base = made.get(each.name)
        parameters = tuple(Parameter(name, meaning, default) for name, meaning, default in each.parameters)
        for step in each.steps:
            refuse_placeholders(step, [one.name for one in (parameters if base is None else base.parameters)])
        if base is not None:
            if each.title or each.purpose or each.parameters:
                raise each.where.wrong(
                    f"{each.name} is built in: only steps can be added to it", "title" if each.title else "purpose"
                )
            made[each.name] = replace(base, steps=_Added(base, each))
            continue
        if not each.title or not each.purpose:
            raise each.where.wrong(f"procedure {each.name} needs a title and a purpose", "title")
        made[each.name] = Procedure(
            each.name, each.title, each.purpose, _Added(None, each), parameters, kinds=each.kinds
        )
    return tuple(made.values())


@dataclass(frozen=True, slots=True)
class _Added:
    """The steps of a procedure with the operator's among them."""

    base: Procedure | None
    own: OwnProcedure

    def __call__(self, arguments: Mapping[str, str], items: Sequence[str]) -> tuple[Step, ...]:
        steps = [] if self.base is None else list(self.base.steps(arguments, items))
        for each in self.own.steps:
            ids = [step.id for step in steps]
            if each.id in ids:
                raise each.where.wrong(f"there is a step {each.id} before", "id", each.number)
            if each.after and each.after not in ids:
                raise each.where.wrong(f"there is no step {each.after}{nearest(each.after, ids)}", "after", each.number)
            at = ids.index(each.after) + 1 if each.after else len(steps)
            # What follows the same step stays in the order in which it is written.
            while each.after and at < len(steps) and _follows(self.own, steps[at].id, each.after):
                at += 1
            steps.insert(at, step_of(each))
        return tuple(steps)


def _follows(own: OwnProcedure, step: str, after: str) -> bool:
    return any(each.id == step and each.after == after for each in own.steps)


def step_of(own: OwnStep) -> Step:
    """One step."""
    runs = f" Runs {shlex.join(own.command)}." if own.command else ""
    contains = f" Its output has to contain {own.contains!r}." if own.contains else ""
    looks = f" Looks whether it was done by {shlex.join(own.done_command)}." if own.done_command else ""
    return Step(
        own.id,
        own.kind,
        own.title,
        own.says.rstrip(".") + "." + runs + contains + looks,
        _waits(own) if own.kind is StepKind.WAIT else _once(own, own.command) if own.command else None,
        _once(replace(own, contains=""), own.done_command) if own.done_command else None,
        own.undo,
        own.ask,
        optional=own.optional,
        deadline_s=own.deadline_s,
    )


def _once(own: OwnStep, command: tuple[str, ...]) -> StepWork:
    async def work(context: StepContext) -> Finding:
        end = await _run(own, command, context)
        return _finding(own, command, end)

    return work


def _waits(own: OwnStep) -> StepWork:
    async def work(context: StepContext) -> Finding:
        while True:
            finding = _finding(own, own.command, await _run(own, own.command, context))
            if not finding.go_on:
                return finding
            context.tell(finding.sentence)
            await context.sleep(max(own.every_s, 0.1))

    return work


async def _run(own: OwnStep, command: tuple[str, ...], context: StepContext) -> CommandEnd:
    node = context.node
    variables = {
        **context.arguments,
        "network": context.network.name,
        "node": "" if node is None else node.name,
        "home": "" if node is None else str(node.home),
        "item": context.item,
        "run-folder": str(context.folder),
    }
    argv = [PLACEHOLDER.sub(lambda found: variables.get(found[1], found[0]), each) for each in command]
    return await run_own_command(argv, context.folder, {"UPGRADE_CONSOLE_NETWORK": context.network.name})


def _finding(own: OwnStep, command: tuple[str, ...], end: CommandEnd) -> Finding:
    shown = shlex.join(command)
    evidence = (f"exit code {end.code} of {shown}", *end.last_lines)
    if end.code != 0:
        how = f"was ended by signal {-end.code}" if end.code < 0 else f"exited with {end.code}"
        return failed(f"{command[0]} {how}", *evidence, go_on="mend what it says, then go on with the run")
    if own.contains and own.contains not in end.output:
        return failed(f"what {command[0]} printed does not contain {own.contains!r}", *evidence, go_on="look at it")
    return passed(f"{command[0]} exited with 0", *evidence)
