"""The gateway's validator set, read and changed: what the parent chain does to a subnet is done here by an account.

The node program gives what the gateway says to its consensus two blocks later (console/devnet/program/membership.py).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from console.devnet import keys
from console.devnet.ethereum_port import EthereumPort
from console.devnet.record import Record
from console.devnet.status import MAX_ANSWER_BYTES, answered
from console.errors import ChainError, DevnetError

DEADLINE_S = 60.0
"""Seconds for the consensus to follow the gateway."""

_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Member:
    """One validator as the gateway names it."""

    power: int
    address: str
    """0x and 40 hex digits."""
    public_key: bytes
    """Uncompressed, 65 bytes."""

    @property
    def consensus_address(self) -> str:
        """CometBFT's address of the key: 40 upper-case hex digits."""
        return keys.consensus_address(bytes([2 + self.public_key[64] % 2]) + self.public_key[1:33])


class Gateway:
    """The devnet's gateway, through the Ethereum port of the first node that answers.

    Args:
        record: The devnet.
    """

    def __init__(self, record: Record) -> None:
        from console.chain.contracts import artefact
        from console.chain.interface import Interface

        if not record.gateway:
            raise DevnetError(
                "this devnet is from before its gateway decided who decides",
                safe="nothing was changed",
                next_step="make a new one in another folder with --dir",
            )
        self._record = record
        self._getter = Interface(artefact("GatewayGetterFacet").abi)
        self._setter = Interface(artefact("GatewayMembershipFacet").abi)
        self._registry = Interface(artefact("UpgradeRegistry").abi)
        self._port = EthereumPort(record)

    async def close(self) -> None:
        """Close the connections."""
        await self._port.close()

    async def members(self) -> list[Member]:
        """The set of this moment. Raises ChainError."""
        data = self._getter.encode("getCurrentMembership", ())
        answer = await self._port.ask("eth_call", {"to": self._record.gateway, "data": data}, "latest")
        ((validators, _),) = self._getter.decode("getCurrentMembership", bytes.fromhex(str(answer)[2:]))
        return [Member(power, address, public_key) for power, address, public_key in validators]

    async def set_members(self, members: Sequence[Member]) -> None:
        """Replace the set, and wait until it is in a block. Raises ChainError or DevnetError."""
        listed = [(each.power, each.address, each.public_key) for each in members]
        data = self._setter.encode("setMembership", (listed,))
        await self._port.send(keys.parent_key(), self._record.gateway, data, "the change of the validator set")

    async def set_operator(self, validator: keys.Key, operator: str) -> None:
        """Have a validator name the key that signals for it. Raises ChainError or DevnetError."""
        data = self._registry.encode("setOperator", (operator,))
        await self._port.send(validator, self._record.registry, data, "the naming of the operator key")

    async def decided_by(self, members: Sequence[Member]) -> None:
        """Wait until the consensus is these members, by the word of CometBFT's RPC. Raises DevnetError."""
        wanted = {each.consensus_address: each.power for each in members if each.power}
        deadline = time.monotonic() + DEADLINE_S
        while await self._deciding() != wanted:
            if time.monotonic() > deadline:
                raise DevnetError(f"the consensus did not follow the gateway within {DEADLINE_S:g} s")
            await asyncio.sleep(_POLL_S)

    async def _deciding(self) -> dict[str, int] | None:
        from console.http import Http

        http = Http(max_bytes=MAX_ANSWER_BYTES)
        try:
            for validator in self._record.validators:
                try:
                    url = f"{validator.cometbft_rpc}/validators?per_page=100"
                    listed = (await answered(http, url, 2.0))["result"]["validators"]
                    return {str(each["address"]): int(each["voting_power"]) for each in listed}
                except (ChainError, ValueError, KeyError, TypeError):
                    continue
        finally:
            await http.close()
        return None
