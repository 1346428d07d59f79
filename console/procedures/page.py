"""The page of a procedure, made of the procedure itself: `docs/procedures/NAME.md`."""

from __future__ import annotations

from collections.abc import Iterable

from console.model import StepKind
from console.procedures.step import Procedure, Step

NODE = "NODE"
"""What a step of a page is about, where a procedure goes over nodes."""

_KINDS = {
    StepKind.CHECK: "It looks, and changes nothing.",
    StepKind.ACTION: "It changes something.",
    StepKind.CONFIRMATION: "A person answers, with name and time.",
    StepKind.WAIT: "It goes on looking until it is so.",
}
_NETWORKS = {"ipc": "IPC subnets", "cosmos": "Cosmos SDK chains"}


def steps_without_run(procedure: Procedure, **given: str) -> tuple[Step, ...]:
    """Its steps as nobody's run has them: every parameter as given, else its default, or nothing; and one item."""
    arguments = {each.name: each.default or "" for each in procedure.parameters} | given
    return procedure.steps(arguments, (NODE,) if procedure.items is not None else ())


def index_markdown(procedures: Iterable[Procedure]) -> str:
    """The table of all procedures."""
    rows = [f"| [{each.name}]({each.name}.md) | {each.title} | {_networks(each)} |" for each in procedures]
    return "\n".join(["| procedure | what it is | networks |", "|---|---|---|", *rows, ""])


def page_markdown(procedure: Procedure) -> str:
    """The page of one procedure."""
    lines = [
        f"# {procedure.title}",
        "",
        procedure.purpose,
        "",
        f"For {_networks(procedure)}. Made by `make tables` from `{procedure.name}` as it runs.",
        "",
        "```",
        f"upgrade-console run {procedure.name} --dry-run{_needed(procedure)}",
        f"upgrade-console run {procedure.name}{_needed(procedure)}",
        "```",
        "",
    ]
    if procedure.parameters:
        lines += ["| parameter | meaning | default |", "|---|---|---|"]
        lines += [
            f"| `--{each.name}` | {_cell(each.meaning)} | {_default(each.default)} |" for each in procedure.parameters
        ]
        lines.append("")
    if procedure.items is not None:
        lines += [f"It goes over nodes, one after the other; {NODE} stands for each.", ""]
    lines += ["## Steps", ""]
    for number, step in enumerate(steps_without_run(procedure), 1):
        lines += _step(number, step)
    for name, value in procedure.variants:
        lines += [f"## Steps with `--{name} {value}`", ""]
        for number, step in enumerate(steps_without_run(procedure, **{name: value}), 1):
            lines += _step(number, step)
    return "\n".join(lines)


def _step(number: int, step: Step) -> list[str]:
    optional = " (may be left out, with a reason)" if step.optional else ""
    lines = [f"### {number}. {step.title}", "", f"`{step.id}`, {step.kind.value}{optional}. {step.says}", ""]
    told = [_KINDS[step.kind]]
    if step.ask:
        typed = " The answer is typed, not a yes." if step.typed is not None else ""
        told.append(f"It asks: {step.ask}{typed}")
    if step.kind is StepKind.ACTION:
        told.append(
            "Begun before and not ended, it looks first whether it was done."
            if step.done is not None
            else "Begun before and not ended, a person is asked whether it was done."
        )
    if step.undo:
        told.append(f"The way back: {step.undo}")
    if step.work is not None:
        told.append(f"It has {_span(step.deadline_s)}." if step.deadline_s else "It has no deadline.")
    told += [f"The operators' document: {box}" for box in step.boxes]
    return [*lines, *(f"- {each}" for each in told), ""]


def _networks(procedure: Procedure) -> str:
    return " and ".join(_NETWORKS[kind] for kind in procedure.kinds)


def _needed(procedure: Procedure) -> str:
    return "".join(f" --{each.name} {each.name.upper()}" for each in procedure.parameters if each.default is None)


def _default(default: str | None) -> str:
    return "needed" if default is None else f"`{default}`" if default else "none"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _span(seconds: float) -> str:
    if seconds >= 3600 and seconds % 3600 == 0:
        return f"{seconds / 3600:g} h"
    if seconds >= 120 and seconds % 60 == 0:
        return f"{seconds / 60:g} min"
    return f"{seconds:g} s"
