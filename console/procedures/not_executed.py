"""Whether a node executed H, which alone decides if its old program may come back without the network's decision.

What is not known refuses. Two ways rest on it: by hand over systemd, and under Cosmovisor.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from console.errors import NodeError
from console.model import Finding, Outcome, StepKind
from console.model.procedure import failed, passed, warned
from console.node.foreign import foreign_holders
from console.node.shape import shape_of
from console.operations.own_heights import heights_or_none
from console.procedures.chain_plan import outcome_passed
from console.procedures.chain_unit import STOP_S, unit_of, unit_stopped
from console.procedures.here import network_name, node_of
from console.procedures.signer_kept import note_signer, signer_kept
from console.procedures.step import Step, StepContext
from console.settings import NodeSettings


@dataclass(frozen=True, slots=True)
class _Standing:
    """Where the application stands, and what tells it."""

    height: int | None
    words: str


async def _standing(context: StepContext, *, running: bool) -> _Standing:
    node = node_of(context)
    if running:
        heights = await heights_or_none(node.cometbft_rpc)
        if heights is None:
            return _Standing(None, "the node runs and its RPC does not answer: it may be executing H now")
        return _Standing(heights.app_height, heights.words)
    try:
        stored = await asyncio.to_thread(shape_of(node).stored_height)
    except NodeError as error:
        return _Standing(None, error.what)
    return _Standing(stored, f"executed to {stored:,}, as the stopped node's database says")


def _judged(height: int, standing: _Standing) -> Finding:
    """Whether the old program may go back at that standing; pure. What is not known refuses."""
    if standing.height is None:
        return failed(
            f"it is not known whether this node executed height {height:,}",
            standing.words,
            go_on="nothing is replaced on a guess: read the node's log for its last `committed state`, or ask the"
            " daemon; while in doubt go forward with a fixed release, or wait for what the network decides",
        )
    if standing.height >= height:
        return failed(
            f"this node executed height {standing.height:,}: the program of before {height:,} cannot run on its data",
            standing.words,
            go_on="only forward, with a fixed release. Back goes only the network as a whole, every node with its data"
            " of before H; never by `rollback --hard`, which would delete the decided block H",
        )
    if standing.height < height - 1:
        return failed(
            f"the application is at height {standing.height:,}, and its halt was at {height - 1:,}",
            standing.words,
            go_on="this is not what the halt left behind: find out what else happened to the data",
        )
    return passed(f"height {height:,} is not executed: the application is at {standing.height:,}", standing.words)


async def h_not_executed(context: StepContext) -> Finding:
    """Whether this node executed H, the run's `height`, while it runs or is down. Raises InputError, NodeError."""
    running = await unit_of(context).running()
    standing = await _standing(context, running=running)
    if running and standing.height is None:
        return warned(
            standing.words,
            go_on="go on: once it is stopped its database is read, and nothing is replaced that the rules do not allow",
        )
    return _judged(int(context.remembered("height")), standing)


def _open_by(node: NodeSettings) -> str:
    """Who has the node's data open, or runs it; empty for nobody. Raises NodeError: it cannot be looked for."""
    shape = shape_of(node)
    holders = foreign_holders(node.home, tuple(shape.ports().values()), shape.database_locks(), (), unit_roots=())
    return holders[0].words if holders else ""


async def stopped_before_h(context: StepContext) -> Finding:
    """The same of the stopped node: only its database counts, for a reading may be older than what came after it.

    Raises:
        NodeError: Who has its data open cannot be looked for.
        InputError: No unit is named.
    """
    still = await unit_stopped(context)
    if not outcome_passed(still):
        return failed(str(still.sentence), go_on="stop it, and go on: nothing is replaced under it")
    if holder := await asyncio.to_thread(_open_by, node_of(context)):
        return failed(f"the node's unit is stopped, and {holder}", go_on="end that first, then go on")
    return _judged(int(context.remembered("height")), await _standing(context, running=False))


async def stop_to_go_back(context: StepContext) -> Finding:
    """Stop its unit, where H is not executed. Raises NodeError: it does not stop; InputError."""
    service = unit_of(context)
    # Looked at again: days may lie between the check and this.
    zone = await h_not_executed(context)
    if zone.outcome is Outcome.FAIL:
        return zone
    await service.stop(STOP_S)
    return passed(f"{service.name} is stopped", *zone.evidence)


ZONE = Step(
    "rollback.zone",
    StepKind.CHECK,
    "See that H was not executed",
    "By the node's own RPC, or by its database while it is down. At H or above there is no way back here, and"
    " not known is a refusal too. A node that runs and does not answer is looked at once it is stopped.",
    h_not_executed,
)
SIGNER = Step(
    "rollback.signer",
    StepKind.CHECK,
    "Note the signer's state",
    "The file that guards against signing twice is noted now and compared afterwards; it is never restored.",
    note_signer,
)
STOP = Step(
    "rollback.stop",
    StepKind.ACTION,
    "Stop the node",
    "Its unit. One that does not stop is not killed, and nothing is replaced.",
    stop_to_go_back,
    done=unit_stopped,
    undo="start the unit again: nothing was replaced yet",
    ask="Stop this node and put its old program back? It stays down afterwards.",
    typed=network_name,
    deadline_s=STOP_S + 60.0,
)
SIGNER_KEPT = Step(
    "rollback.signer-kept",
    StepKind.CHECK,
    "Compare the signer's state",
    "It must be what it was, or higher.",
    signer_kept,
)
