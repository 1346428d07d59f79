"""`vote` and `ready` with `--sign-only` and `--relay`: signed by one, sent by another."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable

from console.chain.typed_data import ReadyMessage, TypedMessage, VoteMessage
from console.cli.calling import calling, run_call
from console.cli.printing import print_json
from console.cli.sources import Target, load_target
from console.errors import InputError
from console.model import RegistryCall, SigningKey
from console.operations.signed_message import (
    SignedMessage,
    read_signed,
    record_message,
    relay_call,
    to_document,
)
from console.ports.keys import KeyReference

_Make = Callable[[int, int, str], Awaitable[TypedMessage]]
"""Makes the message of the signer's nonce, the chain's height and the signer's address."""


def run_vote(arguments: argparse.Namespace) -> int:
    """Sign a vote, or send a signed one. Raises ConsoleError."""
    if arguments.relay is not None:
        return _relay(arguments, VoteMessage, "vote")
    target = load_target(arguments)

    async def make(nonce: int, height: int, signer: str) -> TypedMessage:
        return VoteMessage(
            chain_id=target.network.evm_chain_id,
            registry=target.network.registry,
            id=arguments.proposal,
            support=arguments.choice == "yes",
            validator=signer,
            nonce=nonce,
            deadline=height + arguments.counts_for,
        )

    return _sign(arguments, target, SigningKey.VOTER, make)


def run_ready(arguments: argparse.Namespace) -> int:
    """Sign readiness, or send a signed one. Raises ConsoleError."""
    if arguments.relay is not None:
        return _relay(arguments, ReadyMessage, "readiness")
    target = load_target(arguments)

    async def make(nonce: int, height: int, signer: str) -> TypedMessage:
        from console.chain.governance import GovernanceReader
        from console.operations.ready import check_staged

        if target.node is None:
            raise InputError(f"no node of network {target.network.name} is set up on this machine")
        async with GovernanceReader(target.network, target.network.ethereum_rpc) as reader:
            proposal = await reader.proposal(arguments.proposal)
        # What is said is true here, whoever sends it.
        await check_staged(target.node, proposal)
        return ReadyMessage(
            chain_id=target.network.evm_chain_id,
            registry=target.network.registry,
            id=arguments.proposal,
            release_hash=proposal.release_hash,
            signer=signer,
            nonce=nonce,
            deadline=height + arguments.counts_for,
        )

    return _sign(arguments, target, SigningKey.OPERATOR, make)


def _sign(arguments: argparse.Namespace, target: Target, key: SigningKey, make: _Make) -> int:
    signed = asyncio.run(_signed(arguments, target, key, make))
    # The document is the output, with --json and without: it is what is handed on.
    print_json(to_document(signed))
    return 0


async def _signed(arguments: argparse.Namespace, target: Target, key: SigningKey, make: _Make) -> SignedMessage:
    from console.chain.agreement import require_agreement
    from console.chain.signing import PlainTerminal, SignerProcess
    from console.operations.registry_call import key_for

    given = None if arguments.key is None else KeyReference(arguments.key.absolute())
    reference = key_for(target.network, target.node, key, given)
    signer = SignerProcess(terminal=PlainTerminal())
    try:
        address = await signer.address(reference)
        async with calling(target) as (reader, _):
            nonce, height = await reader.nonce(address), await reader.height()
        message = await make(nonce, height, address)
        await require_agreement(target.network)
        signed = SignedMessage(message, (await signer.sign_typed(reference, message)).signature)
        record_message(target.network, signed, address)
        return signed
    finally:
        await signer.close()


def _relay(arguments: argparse.Namespace, kind: type[VoteMessage] | type[ReadyMessage], what: str) -> int:
    signed = read_signed(arguments.relay)
    if not isinstance(signed.message, kind):
        raise InputError(f"{arguments.relay} holds no {what}", safe="nothing was sent")
    if signed.message.id != arguments.proposal:
        raise InputError(
            f"{arguments.relay} is about proposal {signed.message.id}, not {arguments.proposal}",
            safe="nothing was sent",
        )
    target = load_target(arguments)

    async def call(_: object) -> RegistryCall:
        return relay_call(signed, target.network)

    return run_call(arguments, call)
