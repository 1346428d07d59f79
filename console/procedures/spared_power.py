"""Whether the chain can spare this node's power while it changes: the rule of a roll, for one node."""

from __future__ import annotations

from console.model import Finding
from console.model.procedure import failed, passed
from console.operations.roll import look_at, power_evidence, taking_part, why_not_taken_down
from console.procedures.here import node_of
from console.procedures.step import StepContext
from console.procedures.taking_down import Act, take_down


async def spared(context: StepContext) -> Finding:
    """Less than a third of the power is down with this node, or the chain stands already. A look, before much is done:
    it is looked again when the node is taken down."""
    if standing := await _standing(context):
        return passed(standing)
    mine = await look_at(node_of(context).name, context.client())
    now = await taking_part(context.network)
    key = "" if mine.consensus is None else mine.consensus.consensus_address
    evidence = (mine.evidence, power_evidence(now, key))
    if why := why_not_taken_down(mine, now, key):
        return failed(why, *evidence, go_on="wait until that is over, then go on")
    return passed("more than two thirds of the power stay while this node changes", *evidence)


async def take_this_down(context: StepContext, act: Act) -> Finding:
    """Take this machine's node down where the chain can spare it or stands already. Raises as `take_down`."""
    if await _standing(context):
        # No power is lost by it. Whoever has the lease now is heard all the same: the controller refuses.
        return await act("")
    name, client = node_of(context).name, context.client()
    seen = await client.consensus()
    key = "" if seen is None else seen.consensus_address
    return await take_down(context, name, key, lambda: taking_part(context.network), act)


async def _standing(context: StepContext) -> str:
    """Why a node more or less changes nothing; empty where blocks are made."""
    chain = (await context.snapshot()).chain
    if chain is None or chain.stalled is None:
        return ""
    return f"the chain {chain.stalled.sentence}: one node more or less changes nothing"
