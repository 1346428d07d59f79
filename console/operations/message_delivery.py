"""What was signed for a Cosmos chain on its way to a block: its end is written down whatever it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from console.errors import ChainError
from console.model import CallOutcome, ChainMessage, MessageReview
from console.operations.daemon_transaction import body_of, transaction_of

if TYPE_CHECKING:
    from console.chain.cosmos_delivery import CosmosDelivery
    from console.chain.sent import SenderBook, SentTransaction


async def settle(book: SenderBook, delivery: CosmosDelivery, review: MessageReview) -> CallOutcome | None:
    """Bring what is on its way to its end; its outcome, where it does what is wanted now."""
    from console.chain.cosmos_delivery import FailedInBlock

    pending = book.read()
    if pending is None:
        return None
    same = pending.is_for(review.messages[0][1][:120] if review.messages else "", purpose_of(review))
    try:
        outcome = await delivered(book, delivery, pending, review.message)
    except FailedInBlock:
        if same:
            raise
        return None
    except ChainError:
        if book.read() is not None:
            # Its fate is not known: nothing new is signed before it is.
            raise
        return None
    return outcome if same else None


async def delivered(
    book: SenderBook, delivery: CosmosDelivery, entry: SentTransaction, message: ChainMessage
) -> CallOutcome:
    """Send what was signed, wait for its block, and write its end down. Raises ChainError."""
    from console.chain.cosmos_delivery import FailedInBlock, NeverIncluded

    try:
        included = await delivery.deliver(entry)
    except NeverIncluded as refused:
        book.close(entry, refused.why.what)
        raise refused.why from None
    except FailedInBlock as failed:
        book.close(entry, failed.what)
        raise
    book.close(entry, "in a block", block=included.height)
    told = included.attributes.get("submit_proposal.proposal_id", "")
    number = int(told) if told.isascii() and told.isdigit() else message.proposal_id
    return CallOutcome(included.hash, included.height, included.gas_used, number)


def purpose_of(review: MessageReview) -> str:
    """What a transaction is for, whatever fee and sequence it has."""
    return json.dumps(
        body_of(transaction_of(review.unsigned, "the unsigned transaction")).get("messages"), sort_keys=True
    )
