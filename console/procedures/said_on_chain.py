"""What a step says to a Cosmos chain by the chain's own daemon: every command, message and fee is evidence of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from console.model import ChainMessage, Finding, MessageReview
from console.model.procedure import passed
from console.operations.chain_daemon import DaemonMessages
from console.procedures.step import StepContext


async def show(context: StepContext, message: ChainMessage) -> Finding:
    """Have the transaction built, and nothing signed. Raises as `DaemonMessages.review`."""
    async with _messages(context) as messages:
        review = await messages.review(message)
    return passed(review.message.effect, *_lines(review))


async def say(context: StepContext, message: ChainMessage) -> tuple[int, tuple[str, ...]]:
    """Say it: the block that has it, and what was signed. Raises as `DaemonMessages.review` and `send`."""
    async with _messages(context) as messages:
        review = await messages.review(message)
        outcome = await messages.send(review)
    return outcome.height, (f"transaction {outcome.transaction}", *_lines(review))


@asynccontextmanager
async def _messages(context: StepContext) -> AsyncIterator[DaemonMessages]:
    messages = DaemonMessages(context.network, context.node, terminal=context.terminal)
    try:
        yield messages
    finally:
        await messages.close()


def _lines(review: MessageReview) -> tuple[str, ...]:
    rows = (f"{name}: {value}" for name, value in review.messages)
    return (*review.commands, *rows, f"from {review.sender}, fee {review.fee}", *review.warnings)
