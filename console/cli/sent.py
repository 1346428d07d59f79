"""`sent`: the hash of an exported call that a multisig, a hardware wallet or another machine sent."""

from __future__ import annotations

import argparse
import asyncio

from console.cli.calling import calling, standing
from console.cli.printing import print_json
from console.cli.sources import Target, load_target
from console.errors import ContractRefused, InputError
from console.model import Proposal
from console.operations.contract_export import ExportedCall, read_export
from console.operations.sent_elsewhere import SentElsewhere, import_sent


def run(arguments: argparse.Namespace) -> int:
    """Check that a transaction made an exported call, and wait for its block. Raises ConsoleError."""
    target = load_target(arguments)
    exported = read_export(arguments.file)
    if len(exported) != 1:
        raise InputError(f"{arguments.file} holds {len(exported)} calls, not one of the registry")
    found, after = asyncio.run(_sent(target, exported[0], arguments.transaction, arguments.wait))
    if arguments.json:
        print_json(
            {
                "transaction": found.receipt.transaction_hash,
                "height": found.receipt.block,
                "gas_used": found.receipt.gas_used,
                "sender": found.sender,
                "through": found.through or None,
                "id": None if after is None else after.id,
                "status": None if after is None else after.status.words,
            }
        )
        return 0
    through = f" through {found.through}" if found.through else ""
    print(f"{exported[0].what}")
    print(f"In block {found.receipt.block}, sent by {found.sender}{through}.")
    if after is not None:
        print(standing(after))
    return 0


async def _sent(
    target: Target, call: ExportedCall, transaction: str, wait_s: float
) -> tuple[SentElsewhere, Proposal | None]:
    from console.chain.receipts import created_proposal
    from console.chain.registry import registry_interface

    found = await import_sent(target.network, call, transaction, wait_s=wait_s)
    functions = registry_interface().functions
    number = 0
    if call.data[:4] == functions["propose"].selector:
        number = created_proposal(found.receipt, call.target)
    else:
        named = next((each for each in functions.values() if each.selector == call.data[:4]), None)
        if named is not None and named.names[:1] == ("id",):
            number = int.from_bytes(call.data[4:36], "big")
    if not number:
        return found, None
    async with calling(target) as (reader, _):
        try:
            return found, await reader.proposal(number)
        except ContractRefused:
            return found, None
