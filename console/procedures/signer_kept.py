"""The signer's state around what changes a node: noted before, compared afterwards, never restored."""

from __future__ import annotations

import asyncio

from console.model import Finding
from console.model.procedure import failed, passed, warned
from console.operations.signer_state import look_at_signer, went_back
from console.procedures.here import node_of
from console.procedures.step import StepContext


async def note_signer(context: StepContext) -> Finding:
    """Remember it. Raises SignerStateError: it is missing or not readable; NodeError."""
    look = await asyncio.to_thread(look_at_signer, node_of(context))
    context.remember("signer", look.mark)
    if look.remote:
        return warned(look.words, go_on="make sure that the remote signer keeps its own state")
    return passed("the signer's state is known, and is never restored", look.words)


async def signer_kept(context: StepContext) -> Finding:
    """Whether it is what it was, or higher. Raises SignerStateError, NodeError."""
    look = await asyncio.to_thread(look_at_signer, node_of(context))
    if look.remote:
        return warned(look.words, go_on="make sure that the remote signer keeps its own state")
    if went_back(context.remembered("signer"), look):
        return failed(
            "the signer's state is lower than before: this node could sign a height twice",
            look.words,
            go_on="never start the node like this: put the newest priv_validator_state.json back first",
        )
    return passed("the signer's state did not go back", look.words)
