"""What is asked before a procedure is begun, gone on with, answered, or given up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from textual.content import Content

from console.model import Progress, StepKind, StepLine
from console.procedures.person import Question
from screens.details import Detail, DetailsScreen
from screens.plan import PlanScreen
from widgets.drawn import MUTED, STRONG, WARN, stacked
from widgets.plan_rows import Plan
from widgets.procedure_table import ProcedureHead, step_at_hand

Operation = Callable[[str], Awaitable[str]]


def begin_plan(network: str, node: str, head: ProcedureHead, operation: Operation) -> PlanScreen:
    """Before a procedure is begun."""
    changing = sum(step.kind is StepKind.ACTION for step in head.steps)
    asking = sum(step.asks for step in head.steps)
    words = f"{len(head.steps)} steps: {changing} change something, {asking} ask you first. A failure stops it."
    plan = Plan(
        title=f"Begin {head.name}",
        effect=(head.purpose, words),
        label="Begin",
        network=network,
        node=node,
        undo="It can be left at any step and gone on with; each step that changes something says its own way back.",
    )
    return PlanScreen(plan, operation)


def parameters_screen(
    head: ProcedureHead, check: Callable[[dict[str, str]], object], draft: dict[str, str]
) -> DetailsScreen:
    """What a procedure has to be told before it is begun.

    Args:
        head: The procedure.
        check: Raises ConsoleError for what cannot be used.
        draft: What was typed before; kept up to date.
    """
    for name, _meaning, default in head.parameters:
        draft.setdefault(name, default or "")
    details = tuple(
        Detail(name, name, meaning + ("; may stay empty" if default == "" and "empty" not in meaning else ""))
        for name, meaning, default in head.parameters
    )
    body = stacked(Content.styled(head.title, STRONG), head.purpose, "")
    return DetailsScreen(f"Begin {head.name}", body, details, check, draft, then="what will be done")


def go_on_plan(network: str, progress: Progress, changed: str, operation: Operation) -> PlanScreen:
    """Before a run is gone on with.

    Args:
        network: The network's name.
        progress: The run.
        changed: How its definition changed since; empty where it did not.
        operation: Goes on.
    """
    step = step_at_hand(progress)
    effect: list[Content | str] = []
    if step is not None:
        again = " again" if progress.failed or progress.run.begun else ""
        effect.append(f"Goes on with {step.title} ({step.id}){again}.")
        if progress.run.begun and step.kind is StepKind.ACTION:
            looks = "It is looked first whether it was done." if step.looks else "You are asked whether it was done."
            effect.append(f"It was begun, and its end is not known. {looks}")
    if progress.run.reason:
        effect.append(f"It stopped: {progress.run.reason}")
    if changed:
        effect.append(
            Content.assemble(("! ", WARN), f"The procedure changed since: {changed}. It goes on by the one of now.")
        )
    plan = Plan(f"Go on with {progress.run.procedure}", tuple(effect), "Go on", network, progress.node)
    return PlanScreen(plan, operation)


def answer_plan(network: str, node: str, question: Question, operation: Operation) -> PlanScreen:
    """Before a question of a run is answered with yes."""
    step = question.step
    effect: list[Content | str] = [Content.styled(question.words, STRONG), step.says]
    if question.evidence is not None:
        evidence = question.evidence
        effect += [evidence.sentence, *(Content.styled(f"  {line}", MUTED) for line in evidence.evidence)]
    is_network = question.typed == network
    plan = Plan(
        title=step.title,
        effect=tuple(effect),
        label="Say yes",
        network=network,
        node=node,
        undo=step.undo,
        typed=question.typed,
        typed_is="network's name" if is_network else "word",
    )
    return PlanScreen(plan, operation)


def deny_plan(network: str, node: str, question: Question, operation: Operation) -> PlanScreen:
    """Before a question is answered with no."""
    consequence = "It is begun once more." if question.whether_done else "The run stops here, and can be gone on with."
    effect = (Content.styled(question.words, STRONG), consequence)
    return PlanScreen(Plan(f"No: {question.step.title}", effect, "Say no", network, node, reason=True), operation)


def leave_out_plan(network: str, node: str, step: StepLine, operation: Operation) -> PlanScreen:
    """Before an optional step is left out."""
    effect = (f"{step.title} ({step.id}) is not done; the record keeps who said so and why.",)
    return PlanScreen(Plan("Leave a step out", effect, "Leave out", network, node, reason=True), operation)


def give_up_plan(network: str, progress: Progress, operation: Operation) -> PlanScreen:
    """Before a run is given up."""
    effect = (f"Ends run {progress.run.id} for good; nobody can go on with it. What its steps did stays as it is.",)
    plan = Plan(
        f"Give {progress.run.procedure} up", effect, "Give up", network, progress.node, "there is none", reason=True
    )
    return PlanScreen(plan, operation)
