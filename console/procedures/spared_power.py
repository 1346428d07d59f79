"""Whether the chain can spare this node's power while it changes."""

from __future__ import annotations

from console.model import Finding
from console.model.procedure import failed, passed
from console.procedures.here import node_of
from console.procedures.step import StepContext


async def spared(context: StepContext) -> Finding:
    """Less than a third of the power is down with this node, or the chain stands already."""
    snapshot = await context.snapshot()
    chain = snapshot.chain
    if chain is None:
        return failed(snapshot.chain_problem, go_on="see to the network's endpoints, then go on")
    if chain.stalled is not None:
        return passed(f"the chain {chain.stalled.sentence}: one node more or less changes nothing")
    urls = {node_of(context).cometbft_rpc}
    mine = {each.consensus_address for each in chain.nodes if each.url in urls and each.consensus_address}
    down = {each.consensus_address for each in chain.nodes if not each.reachable and each.consensus_address}
    total = sum(each.power for each in chain.validators)
    gone = sum(each.power for each in chain.validators if each.consensus_address in mine | down)
    own = sum(each.power for each in chain.validators if each.consensus_address in mine)
    evidence = (f"own power {own} of {total}", f"down with it: {gone} of {total}, less than a third is needed")
    if not own:
        return passed("this node signs nothing now, so the network does not miss it", *evidence)
    if 3 * gone >= total:
        return failed(
            "a third or more of the power would be down while this node changes: the chain would pause",
            *evidence,
            go_on="wait until the others are back, then go on",
        )
    return passed("more than two thirds of the power stay while this node changes", *evidence)
