"""An exported call that somebody else sent: that the transaction made this very call, and what became of it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from console.addresses import checksummed
from console.chain.fields import data as read_data
from console.chain.fields import table
from console.chain.plans import check_chain
from console.chain.receipts import Receipt, parse_receipt
from console.chain.rpc import Call, JsonRpc, Reply, endpoint_name
from console.errors import ChainError, EndpointDown, InputError
from console.operations.contract_export import ExportedCall
from console.settings import NetworkSettings
from console.text import untrusted

LOOK_EVERY_S = 1.0
"""Seconds between two looks for the block: a person waits, and no height is near."""

_HASH = re.compile(r"0x[0-9a-f]{64}", re.ASCII)
_MOST_INPUT = 256 * 1024


@dataclass(frozen=True, slots=True)
class SentElsewhere:
    """A transaction that made an exported call."""

    receipt: Receipt
    sender: str
    """Checksummed: the account that sent the transaction."""
    through: str
    """Checksummed address of the contract, a multisig, that it was sent to; empty for a call of the registry itself."""


async def import_sent(
    network: NetworkSettings,
    call: ExportedCall,
    transaction: str,
    *,
    wait_s: float,
    clock: Callable[[], float] = time.monotonic,
) -> SentElsewhere:
    """Check a transaction against an exported call of the network's registry, and wait for its block.

    Args:
        network: The network.
        call: What was exported.
        transaction: Its hash, 0x and 64 hex digits.
        wait_s: Seconds to wait for its block.
        clock: Monotonic seconds.

    Raises:
        InputError: No hash, a call of another chain or contract, or a transaction that did not make this call.
        ChainError: It is not known, reverted, in no block in time, or no endpoint answers.
    """
    wanted = transaction.lower()
    if not _HASH.fullmatch(wanted):
        raise InputError(f"{str(untrusted(transaction, 80))!r} is not a transaction's hash: 0x and 64 hex digits")
    if call.chain_id != network.evm_chain_id or call.target.lower() != network.registry.lower():
        raise InputError(
            f"the call is for {call.target} on chain {call.chain_id}, not for the registry of network {network.name}",
            next_step="`contracts check` looks at calls of other contracts",
        )
    async with JsonRpc(tokens=network.tokens) as rpc:
        began = clock()
        while True:
            found = await _look(rpc, network, call, wanted)
            if found is not None:
                return found
            if clock() - began >= wait_s:
                raise ChainError(
                    f"transaction {wanted} is in no block after {wait_s:g} s",
                    safe="it may still be executed",
                    next_step="run this again later",
                )
            await asyncio.sleep(LOOK_EVERY_S)


async def _look(rpc: JsonRpc, network: NetworkSettings, call: ExportedCall, wanted: str) -> SentElsewhere | None:
    problem: ChainError | None = None
    for url in network.ethereum_rpc:
        where = endpoint_name(url)
        try:
            chain, sent, receipt = await rpc.batch(
                url,
                [
                    Call("eth_chainId"),
                    Call("eth_getTransactionByHash", [wanted]),
                    Call("eth_getTransactionReceipt", [wanted]),
                ],
            )
            check_chain(chain, network, where)
            sender, through = _check_call(sent, call, wanted)
            found = parse_receipt(receipt, wanted)
        except _Unknown:
            continue
        except ChainError as error:
            problem = problem or error
            continue
        if found is None:
            return None
        done, good = found
        if not good:
            raise ChainError(
                f"transaction {wanted} was reverted in block {done.block}",
                safe="the call was not made",
                next_step="export it again and send it anew",
            )
        if through and not any(address == call.target for address, _, _ in done.logs):
            # A multisig may swallow what the call inside it said: only the registry's own event proves it.
            raise ChainError(
                f"transaction {wanted} is in block {done.block}, and the registry says nothing in it",
                safe="the call was not made",
                next_step="look at what the multisig says of it",
            )
        return SentElsewhere(done, sender, through)
    if problem is not None:
        raise problem
    if not network.ethereum_rpc:
        raise EndpointDown(f"network {network.name} has no Ethereum endpoint")
    return None


class _Unknown(Exception):
    """The endpoint does not know the transaction."""


def _check_call(reply: Reply, call: ExportedCall, wanted: str) -> tuple[str, str]:
    """(sender, multisig or empty) of a transaction that makes the call. Raises InputError for any other."""
    value = reply.value("eth_getTransactionByHash")
    if value is None:
        raise _Unknown
    entry = table(value, "transaction")
    if str(entry.get("hash", "")).lower() != wanted:
        raise ChainError("an endpoint gave another transaction")
    sender = checksummed(read_data(entry.get("from"), "transaction.from", most=20).rjust(20, b"\0"))
    given = read_data(entry.get("input"), "transaction.input", most=_MOST_INPUT)
    target = entry.get("to")
    to = "" if target is None else checksummed(read_data(target, "transaction.to", most=20).rjust(20, b"\0"))
    if to == call.target and given == call.data:
        return sender, ""
    inside = call.data in given and bytes.fromhex(call.target[2:]) in given
    if to and to != call.target and inside:
        return sender, to
    raise InputError(
        f"transaction {wanted} makes another call than the one that was exported",
        safe="it was not taken for it",
        next_step="give the hash of the transaction that was made of this file",
    )
