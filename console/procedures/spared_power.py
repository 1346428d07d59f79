"""Whether the chain can spare this node's power while it changes: the rule of a roll, for one node."""

from __future__ import annotations

from console.model import Finding
from console.model.procedure import failed, passed
from console.operations.roll import look_at, power_evidence, taking_part, why_not_taken_down
from console.procedures.here import node_of
from console.procedures.step import StepContext


async def spared(context: StepContext) -> Finding:
    """Less than a third of the power is down with this node, or the chain stands already."""
    chain = (await context.snapshot()).chain
    if chain is not None and chain.stalled is not None:
        return passed(f"the chain {chain.stalled.sentence}: one node more or less changes nothing")
    mine = await look_at(node_of(context).name, context.client())
    now = await taking_part(context.network)
    key = "" if mine.consensus is None else mine.consensus.consensus_address
    evidence = (mine.evidence, power_evidence(now, key))
    if why := why_not_taken_down(mine, now, key):
        return failed(why, *evidence, go_on="wait until that is over, then go on")
    return passed("more than two thirds of the power stay while this node changes", *evidence)
