"""What most steps need of this machine: its node, and a look at it by the probes of its health."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from console.chain.peers import CometPeers
from console.checks.probing import judged, readings_of
from console.checks.telling import together
from console.errors import ConsoleError, ControllerDown, JournalError, SettingsError
from console.model import Finding, Outcome, StepKind
from console.model.procedure import failed, found, passed
from console.operations.own_process import OwnProcess, own_process
from console.procedures.step import Step, StepContext, StepWork
from console.settings import NodeSettings

T = TypeVar("T")
SILENCE_S = 90.0
"""Seconds for which a controller, or the way to it, may be silent while its node is waited for."""
_AGAIN_S = 2.0


def node_of(context: StepContext) -> NodeSettings:
    """The node of this machine. Raises SettingsError: there is none."""
    if context.node is None:
        raise SettingsError(
            f"network {context.network.name} has no node on this machine", next_step="add it to the settings"
        )
    return context.node


def network_name(context: StepContext) -> str:
    """What is typed to confirm what is dangerous."""
    return context.network.name


async def heard(context: StepContext, ask: Callable[[], Awaitable[T]]) -> T:
    """What a controller answers to a step that waits: one that is busy or is being started again is asked again.

    Args:
        context: Of the step, which is told of the silence.
        ask: Asks once.

    Raises:
        ControllerDown: It was silent all the time.
        NodeError: As it answers.
    """
    silent_since: float | None = None
    while True:
        try:
            return await ask()
        except ControllerDown as error:
            # From the first failure on: a machine that was suspended has not been silent for so long.
            silent_since = context.now() if silent_since is None else silent_since
            if context.now() - silent_since > SILENCE_S:
                raise
            context.tell(f"{error.what}; it is asked again")
            await context.sleep(_AGAIN_S)


async def process_id(context: StepContext) -> int | None:
    """The node's process: as its controller says, else who listens at its RPC's port; None while none runs.

    Raises:
        ControllerDown: No controller answers, and no process is seen: a node of another user is seen by root only.
    """
    try:
        return (await context.client().status()).pid
    except ControllerDown as down:
        return (await process_alone(context, down)).pid


async def process_alone(context: StepContext, down: ControllerDown) -> OwnProcess:
    """The process of a node whose controller does not answer: another supervisor may run it.

    Raises:
        ControllerDown: No process is seen either.
    """
    node = node_of(context)
    found = await asyncio.to_thread(own_process, node)
    if found is None:
        raise ControllerDown(
            f"{down.what}, and nobody is seen to listen at {node.cometbft_rpc}",
            safe="nothing was changed",
            next_step="start the node by what runs it; another user's process is seen by that user or by root",
        )
    return found


async def probe(context: StepContext, rows: Sequence[str], well: str) -> Finding:
    """Look some seconds at this machine's node by rows of the health table.

    Args:
        context: Of the step.
        rows: Names of the table.
        well: The sentence where all is well.

    Raises:
        ConsoleError: There is no node, or neither its controller nor its process can be asked.
    """
    node = node_of(context)
    pid = await process_id(context)
    peers = CometPeers(context.network, node)
    try:
        # A dry run looks as well, so it waits here and not by the context.
        readings = await readings_of(node, pid, peers)
    finally:
        await peers.close()
    return together(judged(rows, readings), well)


Row = tuple[str, str, str, str, StepWork, float]
"""Id, the line of the operators' document (empty for none), title, what it says, work, deadline in seconds."""


def verification(prefix: str, *rows: Row, waits: frozenset[str] = frozenset()) -> tuple[Step, ...]:
    """Steps that only look, and go on whatever they find: all of the picture is wanted, most of all where it is bad.

    What fails is journalled as a warning that says so; the last step looks again at what failed, and fails with it.

    Args:
        prefix: Of the ids.
        rows: In their order.
        waits: Ids of those that wait.
    """
    steps = tuple(
        Step(
            name,
            StepKind.WAIT if name in waits else StepKind.CHECK,
            title,
            says,
            _going_on(name, work),
            boxes=(box,) if box else (),
            optional=name in waits,
            deadline_s=deadline_s,
        )
        for name, box, title, says, work, deadline_s in rows
    )
    works = {name: (title, work) for name, _, title, _, work, _ in rows}

    async def verdict(context: StepContext) -> Finding:
        return await _verdict(context, works)

    return (
        *steps,
        Step(
            f"{prefix}.verdict",
            StepKind.CHECK,
            "Sum it up",
            "Looks again at each line that failed, and fails while one of them does.",
            verdict,
            deadline_s=600.0,
        ),
    )


def _going_on(name: str, work: StepWork) -> StepWork:
    async def look(context: StepContext) -> Finding:
        finding = await _looked(context, work)
        context.remember(f"failed-{name}", finding.sentence if finding.outcome is Outcome.FAIL else "")
        if finding.outcome is not Outcome.FAIL:
            return finding
        return found(Outcome.WARN, f"FAILED: {finding.sentence}", *finding.evidence, go_on=finding.go_on)

    return look


async def _looked(context: StepContext, work: StepWork) -> Finding:
    try:
        return await work(context)
    except JournalError:
        raise
    except ConsoleError as error:
        return failed(error.what, go_on=error.next_step or "mend what it says, then look again")


async def _verdict(context: StepContext, works: Mapping[str, tuple[str, StepWork]]) -> Finding:
    bad: list[str] = []
    lines: list[str] = []
    for name, (title, work) in works.items():
        if not context.remembered(f"failed-{name}"):
            continue
        finding = await _looked(context, work)
        lines.append(f"{name} ({title}): {finding.outcome.value}: {finding.sentence}")
        if finding.outcome is Outcome.FAIL:
            bad.append(name)
        else:
            context.remember(f"failed-{name}", "")
    if bad:
        return failed(
            f"{len(bad)} of {len(works)} lines failed: {', '.join(bad)}",
            *lines,
            go_on="mend what they say, then go on with this run: what failed is looked at again",
        )
    return passed(f"none of {len(works)} lines failed", *lines)
