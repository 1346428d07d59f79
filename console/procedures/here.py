"""What most steps need of this machine: its node, and a look at it by the probes of its health."""

from __future__ import annotations

from collections.abc import Sequence

from console.chain.peers import CometPeers
from console.checks.probing import judged, readings_of
from console.checks.telling import together
from console.errors import SettingsError
from console.model import Finding, StepKind
from console.procedures.step import Step, StepContext, StepWork
from console.settings import NodeSettings


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


async def probe(context: StepContext, rows: Sequence[str], well: str) -> Finding:
    """Look some seconds at this machine's node by rows of the health table.

    Args:
        context: Of the step.
        rows: Names of the table.
        well: The sentence where all is well.

    Raises:
        ConsoleError: There is no node, or its controller does not answer.
    """
    node = node_of(context)
    status = await context.client().status()
    peers = CometPeers(context.network, node)
    try:
        # A dry run looks as well, so it waits here and not by the context.
        readings = await readings_of(node, status, peers)
    finally:
        await peers.close()
    return together(judged(rows, readings), well)


def checks(*rows: tuple[str, str, str, str, StepWork, float]) -> tuple[Step, ...]:
    """Steps that only look.

    Args:
        rows: Id, the line of the operators' document (empty for none), title, what it says, work, deadline in seconds.
    """
    return tuple(
        Step(name, StepKind.CHECK, title, says, work, boxes=(box,) if box else (), deadline_s=deadline_s)
        for name, box, title, says, work, deadline_s in rows
    )
