"""Verbs that say something to a Cosmos chain through its own daemon; the operations are the console's."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console.cli.printing import complain, print_json
from console.cli.sources import Target, load_target
from console.errors import InputError
from console.model import CallOutcome, ChainMessage, MessageReview
from console.operations import chain_messages

if TYPE_CHECKING:
    from console.operations.chain_daemon import DaemonMessages

_NOTHING_SENT = "nothing was sent"

Make = Callable[["DaemonMessages"], Awaitable[ChainMessage]]


def vote(arguments: argparse.Namespace, target: Target) -> int:
    """Vote. Raises ConsoleError."""
    if arguments.relay is not None or arguments.sign_only:
        raise InputError(
            "votes signed for somebody else to send are a registry's; a Cosmos chain has none",
            safe=_NOTHING_SENT,
            next_step="leave --sign-only and --relay out, or use --export for another signer",
        )
    if arguments.weighted is not None:
        return run_message(arguments, target, chain_messages.split_vote_message(arguments.proposal, arguments.weighted))
    return run_message(arguments, target, chain_messages.vote_message(arguments.proposal, arguments.choice))


def cancel(arguments: argparse.Namespace, target: Target) -> int:
    """Take an own proposal back. Raises ConsoleError."""
    return run_message(arguments, target, chain_messages.cancel_proposal_message(arguments.proposal))


def deposit(arguments: argparse.Namespace) -> int:
    """Add to a proposal's deposit. Raises ConsoleError."""
    target = cosmos_target(arguments, "deposits are")
    return run_message(arguments, target, chain_messages.deposit_message(arguments.proposal, arguments.amount))


def provider_status(arguments: argparse.Namespace) -> int:
    """Pause a provider or let it work again. Raises ConsoleError."""
    target = cosmos_target(arguments, "a provider's status is")
    message = chain_messages.provider_status_message(arguments.status, arguments.reason or "")
    return run_message(arguments, target, message)


def cosmos_target(arguments: argparse.Namespace, what: str) -> Target:
    """The network that the arguments name, which must be a Cosmos chain.

    Args:
        arguments: Of the verb.
        what: What there is only on such a chain, with its verb.

    Raises:
        ConsoleError: It is another one, or its settings are not acceptable.
    """
    target = load_target(arguments)
    if target.network.kind != "cosmos":
        raise InputError(f"{what} a Cosmos chain's, and {target.network.name} is an IPC network", safe=_NOTHING_SENT)
    return target


def run_message(arguments: argparse.Namespace, target: Target, message: ChainMessage) -> int:
    """Review a message, and send or export it; print what came of it.

    Args:
        arguments: With what `signing_options` or `daemon_options` adds.
        target: The network.
        message: What to say.

    Raises:
        ConsoleError: It cannot be done, or the daemon or the chain refuses.
    """

    async def make(_messages: DaemonMessages) -> ChainMessage:
        return message

    return run_made(arguments, target, make)


def run_made(arguments: argparse.Namespace, target: Target, make: Make) -> int:
    """As `run_message`, for a message that the chain or the daemon has to be asked for."""
    if getattr(arguments, "key", None) is not None:
        raise InputError(
            "on a Cosmos chain the daemon's keyring signs, not a key file",
            safe=_NOTHING_SENT,
            next_step="name the key of the keyring with --from",
        )
    review, outcome, path = asyncio.run(_run(arguments, target, make))
    for warning in review.warnings:
        complain(warning)
    if arguments.json:
        print_json(_document(review, outcome, path))
    elif outcome is not None:
        print(review.message.effect)
        about = f", as proposal {outcome.proposal_id}" if outcome.proposal_id and not review.message.proposal_id else ""
        print(f"In block {outcome.height}{about}: {outcome.transaction}")
    else:
        print("\n".join(review_lines(review)))
        print("Nothing was sent." if path is None else f"Written, unsigned, to {path}. Nothing was sent.")
    return 0


def review_lines(review: MessageReview) -> list[str]:
    """Everything that would be signed, as plain text."""
    return [
        review.message.effect,
        *([f"undo    {review.message.undo}"] if review.message.undo else []),
        *(f"        {name}: {value}" for name, value in review.messages),
        *([f"memo    {review.memo}"] if review.memo else []),
        f"chain   {review.chain_id}",
        f"from    {review.sender}, {review.key}",
        f"fee     {review.fee} for at most {review.gas} gas",
        *(f"$ {command}" for command in review.commands),
    ]


@asynccontextmanager
async def saying(target: Target, key: str = "") -> AsyncIterator[DaemonMessages]:
    """What says something to a chain from the command line; closed at the end."""
    from console.chain.signing import PlainTerminal
    from console.cli.sources import daemon_messages
    from console.operations.chains import chain_of

    chain = chain_of(target.network)
    messages = daemon_messages(target, chain, PlainTerminal(), key)
    try:
        yield messages
    finally:
        await messages.close()
        await chain.close()


async def _run(
    arguments: argparse.Namespace, target: Target, make: Make
) -> tuple[MessageReview, CallOutcome | None, Path | None]:
    from console.operations.transaction_files import export_message

    async with saying(target, arguments.sender or "") as messages:
        review = await messages.review(await make(messages))
        if arguments.export is not None:
            return review, None, export_message(review, target.network, arguments.export)
        if arguments.dry_run:
            return review, None, None
        # A person looks at what a keyring is about to be asked for; a script has asked for it by its name.
        if not arguments.json:
            print("\n".join(review_lines(review)), file=sys.stderr, flush=True)
        return review, await messages.send(review), None


def _document(review: MessageReview, outcome: CallOutcome | None, path: Path | None) -> dict[str, Any]:
    return {
        "effect": review.message.effect,
        "messages": [list(row) for row in review.messages],
        "commands": list(review.commands),
        "chain_id": review.chain_id,
        "sender": review.sender,
        "fee": review.fee,
        "gas": review.gas,
        "memo": review.memo or None,
        "document": json.loads(review.message.document) if review.message.document else None,
        "warnings": list(review.warnings),
        "sent": outcome is not None,
        "exported": None if path is None else str(path),
        "id": (outcome.proposal_id if outcome is not None else review.message.proposal_id) or None,
        **(
            {}
            if outcome is None
            else {"transaction": outcome.transaction, "height": outcome.height, "gas_used": outcome.gas_used}
        ),
    }
