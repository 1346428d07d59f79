"""What every verb that calls the registry does: build the call, review it, then sign and send it, or export it."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console.cli.printing import complain, print_json
from console.cli.sources import Target, explained, load_target
from console.errors import EndpointDown, InputError
from console.model import CallOutcome, CallReview, Proposal, RegistryCall
from console.ports.keys import KeyReference
from console.settings import NetworkSettings

if TYPE_CHECKING:
    from console.chain.governance import GovernanceReader
    from console.operations.registry_call import RegistryCalls

Make = Callable[[Proposal], RegistryCall]


def run_on_proposal(arguments: argparse.Namespace, make: Make) -> int:
    """Do something with the proposal of the arguments; print what came of it.

    Args:
        arguments: With `proposal` and what `signing_options` adds.
        make: Makes the call, or raises InputError.

    Raises:
        ConsoleError: It cannot be done, or the chain does not answer or refuses.
    """
    return run_call(arguments, lambda reader: _made(reader, arguments.proposal, make))


def run_call(arguments: argparse.Namespace, make: Callable[[GovernanceReader], Awaitable[RegistryCall]]) -> int:
    """Make, review, and send or export a call; print what came of it. Raises ConsoleError."""
    target = load_target(arguments)
    review, outcome, after, path = asyncio.run(_run(arguments, target, make))
    for warning in review.warnings:
        complain(warning)
    if arguments.json:
        print_json(_document(review, outcome, after, path))
        return 0
    if path is not None:
        print(review.call.effect)
        print(f"Written, unsigned, to {path}; a file for Safe's transaction builder is beside it. Nothing was sent.")
        print(f"When it is in a block: upgrade-console sent {path} HASH")
    elif outcome is None:
        print("\n".join(review_lines(review)))
        print("Nothing was sent.")
    else:
        print(review.call.effect)
        print(f"In block {outcome.height}: {outcome.transaction}")
        if after is not None:
            print(standing(after))
    return 0


@asynccontextmanager
async def calling(target: Target, key: Path | None = None) -> AsyncIterator[tuple[GovernanceReader, RegistryCalls]]:
    """What reads a registry and what calls it; closed at the end."""
    from console.chain.governance import GovernanceReader
    from console.chain.rpc import JsonRpc
    from console.chain.signing import PlainTerminal
    from console.chain.writer import REQUEST_DEADLINE_S
    from console.operations.registry_call import RegistryCalls

    network, node = target.network, target.node
    require_registry(network)
    urls = (*(() if node is None else (node.ethereum_rpc,)), *network.ethereum_rpc)
    # One answer holds a whole proposal, and nothing is drawn meanwhile.
    reader = GovernanceReader(network, urls, JsonRpc(deadline_s=REQUEST_DEADLINE_S, tokens=network.tokens))
    given = None if key is None else KeyReference(key.absolute())
    calls = RegistryCalls(network, node, key=given, terminal=PlainTerminal())
    try:
        yield reader, calls
    except EndpointDown as error:
        raise explained(error, network, None) from error
    finally:
        await reader.close()
        await calls.close()


def require_registry(network: NetworkSettings) -> None:
    """Refuse what only a registry has, on a chain that governs itself. Raises InputError."""
    if network.kind == "cosmos" and not network.registry:
        raise InputError(
            f"network {network.name} is a Cosmos chain and has no registry: its own governance decides and schedules",
            safe="nothing was sent",
            next_step="propose, deposit, vote and cancel are what its proposals have",
        )


def standing(proposal: Proposal) -> str:
    """Where a proposal stands, in one line."""
    words = f"Proposal {proposal.id} is {proposal.status.words}"
    if proposal.has_height:
        words += f", target height {proposal.target_height}"
    if proposal.voting_power:
        words += (
            f"; yes {proposal.yes_power}, no {proposal.no_power} of {proposal.voting_power} power,"
            f" {proposal.vote_needed} needed"
        )
    return words + "."


def review_lines(review: CallReview) -> list[str]:
    """Everything that would be signed, as plain text."""
    return [
        review.call.effect,
        *([f"undo    {review.call.undo}"] if review.call.undo else []),
        f"{review.described}",
        f"to      {review.target} on chain {review.chain_id}",
        f"from    {review.sender}, nonce {review.nonce}",
        f"cost    at most {review.cost_wei} wei for at most {review.gas} gas",
        f"data    {review.data}",
    ]


def _document(
    review: CallReview, outcome: CallOutcome | None, after: Proposal | None, path: Path | None
) -> dict[str, Any]:
    document: dict[str, Any] = {
        "function": review.call.function,
        "id": review.call.proposal_id or None,
        "effect": review.call.effect,
        "described": review.described,
        "target": review.target,
        "chain_id": review.chain_id,
        "sender": review.sender,
        "data": review.data,
        "warnings": list(review.warnings),
        "sent": outcome is not None,
        "exported": None if path is None else str(path),
    }
    if outcome is None:
        return {**document, "nonce": review.nonce, "gas": review.gas, "cost_wei": review.cost_wei}
    document |= {
        "id": outcome.proposal_id or None,
        "transaction": outcome.transaction,
        "height": outcome.height,
        "gas_used": outcome.gas_used,
    }
    return document if after is None else {**document, "status": after.status.words}


async def _made(reader: GovernanceReader, number: int, make: Make) -> RegistryCall:
    return make(await reader.proposal(number))


async def _run(
    arguments: argparse.Namespace,
    target: Target,
    make: Callable[[GovernanceReader], Awaitable[RegistryCall]],
) -> tuple[CallReview, CallOutcome | None, Proposal | None, Path | None]:
    from console.operations.registry_call import export_call, sender_of

    async with calling(target, arguments.key) as (reader, calls):
        call = await make(reader)
        unsigned = arguments.export is not None or arguments.dry_run
        sender = sender_of(arguments.sender, target.network, unsigned=unsigned)
        review = await calls.review(call, sender=sender)
        if arguments.export is not None:
            return review, None, None, export_call(review, target.network, arguments.export)
        if arguments.dry_run:
            return review, None, None, None
        outcome = await calls.send(review)
        after = await reader.proposal(outcome.proposal_id) if outcome.proposal_id else None
        return review, outcome, after, None
