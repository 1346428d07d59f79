"""The smallest procedure: is everything in reach that a bigger one would need?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from console.model import AgreementState, Finding, StepKind
from console.procedures.step import Procedure, Step, StepContext, failed, passed, skipped, warned
from console.text import duration

_POLL_S = 1.0


def _steps(_arguments: Mapping[str, str], _items: Sequence[str]) -> tuple[Step, ...]:
    return (
        Step(
            "look.chain",
            StepKind.CHECK,
            "Read the chain",
            "Reads the newest height from the network's endpoints, and whether they contradict each other.",
            _chain,
        ),
        Step(
            "look.node",
            StepKind.CHECK,
            "Ask the node's controller",
            "Asks the controller of this machine's node how the node is; without a node there is nothing to ask.",
            _node,
        ),
        Step(
            "look.block",
            StepKind.WAIT,
            "See a new block",
            "Waits until the chain is one block further: a chain that stands still is no ground to begin on.",
            _block,
            deadline_s=300.0,
        ),
    )


async def _chain(context: StepContext) -> Finding:
    snapshot = await context.snapshot()
    chain = snapshot.chain
    if chain is None:
        return failed(snapshot.chain_problem, go_on="see to the network's endpoints, then go on")
    evidence = [f"height {chain.height:,}", *(f"{each.url}: {each.height:,}" for each in chain.nodes if each.reachable)]
    agreement = chain.agreement
    if agreement is not None and agreement.state is AgreementState.DISAGREED:
        return failed(agreement.sentence, *evidence, go_on="find out which endpoint is wrong before anything else")
    if chain.problem:
        return warned(chain.problem, *evidence, go_on="go on only if that is expected")
    return passed(f"the chain is at height {chain.height:,}", *evidence)


async def _node(context: StepContext) -> Finding:
    if context.node is None:
        return skipped(f"no node of network {context.network.name} is set up on this machine")
    status = await context.client().status()
    return passed(
        f"{context.node.name} is {status.state} at height {status.height or '—'}",
        f"controller: process {status.controller_pid}",
        f"generation {status.generation}",
    )


async def _block(context: StepContext) -> Finding:
    started = context.now()
    first = (await context.snapshot()).height
    while True:
        snapshot = await context.snapshot()
        if first is not None and snapshot.height is not None and snapshot.height > first:
            after = duration(context.now() - started)
            return passed(f"height {snapshot.height:,} came after {after}", f"height {first:,} before")
        first = first if first is not None else snapshot.height
        context.tell(f"height {first:,}" if first is not None else snapshot.chain_problem or "the chain does not tell")
        await context.sleep(_POLL_S)


LOOK = Procedure(
    "look",
    "Look at chain and node",
    "Whether everything is in reach that a bigger procedure needs: the chain, its endpoints, this machine's controller."
    " It changes nothing.",
    _steps,
)
