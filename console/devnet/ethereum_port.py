"""What the devnet itself sends to its chain: transactions signed with the well-known keys, here and at once.

An operator's keys are signed with by the signer process alone (`console.chain.signing`); these are worth nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from console.devnet.keys import Key
from console.devnet.record import Record
from console.errors import ChainError, DevnetError

DEADLINE_S = 60.0
"""Seconds for a transaction to be in a block."""

_POLL_S = 0.1
_GAS = 50_000_000
_MAX_FEE = 1_000
"""Wei per gas: ten times the devnet's base fee, which does not move."""


class EthereumPort:
    """The Ethereum port of the first node that answers.

    Args:
        record: The devnet.
    """

    def __init__(self, record: Record) -> None:
        from console.chain.rpc import JsonRpc

        self._record = record
        self._rpc = JsonRpc()

    async def close(self) -> None:
        """Close the connections."""
        await self._rpc.close()

    async def ask(self, method: str, *parameters: object) -> Any:
        """The result of one call. Raises ChainError when no node gives one."""
        failed: ChainError | None = None
        for validator in self._record.validators:
            try:
                return (await self._rpc.call(validator.ethereum_rpc, method, parameters)).value(method)
            except ChainError as error:
                failed = error
        raise failed or DevnetError("the devnet has no nodes")

    async def send(self, key: Key, to: str | None, data: str, what: str) -> Mapping[str, Any]:
        """Send a transaction and wait for its receipt.

        Args:
            key: Who signs.
            to: The contract's address; None to create one.
            data: 0x hex.
            what: What it does, for the sentences.

        Raises:
            ChainError: No node took it.
            DevnetError: It was refused, or is in no block in time.
        """
        from eth_account import Account

        fields: dict[str, Any] = {
            "chainId": self._record.evm_chain_id,
            "nonce": int(await self.ask("eth_getTransactionCount", key.address, "pending"), 16),
            "value": 0,
            "gas": _GAS,
            "maxFeePerGas": _MAX_FEE,
            "maxPriorityFeePerGas": 0,
            "data": data,
            "type": 2,
        }
        signed = Account.from_key(key.secret).sign_transaction(fields if to is None else {**fields, "to": to})
        await self.ask("eth_sendRawTransaction", "0x" + bytes(signed.raw_transaction).hex())
        deadline = time.monotonic() + DEADLINE_S
        while (receipt := await self.ask("eth_getTransactionReceipt", "0x" + bytes(signed.hash).hex())) is None:
            if time.monotonic() > deadline:
                raise DevnetError(f"{what} was sent and is in no block after {DEADLINE_S:g} s")
            await asyncio.sleep(_POLL_S)
        if not isinstance(receipt, Mapping) or receipt.get("status") != "0x1":
            raise DevnetError(f"{what} was refused", safe="nothing was changed by it")
        return receipt
