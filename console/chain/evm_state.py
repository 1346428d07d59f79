"""An EVM's storage after one block, key by key, for a migration that is tried (docs/migrations.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from console.chain.first_answer import first_answer
from console.chain.rpc import JsonRpc
from console.errors import BadAnswer
from console.text import untrusted

_ADDRESS_BYTES = 20
_SLOT_BYTES = 32


class EvmState:
    """`console.ports.chain.StateReader` on Ethereum endpoints; the first that tells its height is read from then on.

    Args:
        urls: Ethereum endpoints, in order.
        tokens: Access tokens by URL.
    """

    def __init__(self, urls: Sequence[str], tokens: Mapping[str, str] | None = None) -> None:
        self._urls = tuple(urls)
        self._url = ""
        self._rpc = JsonRpc(tokens=tokens)

    async def height(self) -> int:
        """Height of the last block. Raises ChainError: no endpoint tells it."""

        async def ask(url: str) -> tuple[int, str]:
            return _number((await self._rpc.call(url, "eth_blockNumber")).value("eth_blockNumber")), url

        height, self._url = await first_answer(self._urls, ask)
        return height

    async def value(self, key: bytes, height: int) -> bytes | None:
        """The 32 bytes of a slot after a block; None for nothing.

        Args:
            key: An address and the slot's number, 52 bytes; any other key holds nothing.
            height: The block.

        Raises:
            ChainError: The endpoint does not tell it.
        """
        if len(key) != _ADDRESS_BYTES + _SLOT_BYTES:
            return None
        address, slot = "0x" + key[:_ADDRESS_BYTES].hex(), "0x" + key[_ADDRESS_BYTES:].hex()
        reply = await self._rpc.call(self._url, "eth_getStorageAt", [address, slot, hex(height)])
        value = _number(reply.value("eth_getStorageAt"), "eth_getStorageAt")
        return value.to_bytes(_SLOT_BYTES, "big") if value else None

    async def close(self) -> None:
        """Close the connections."""
        await self._rpc.close()


def _number(value: object, what: str = "eth_blockNumber") -> int:
    digits = value[2:] if isinstance(value, str) and value.startswith("0x") else ""
    if not 1 <= len(digits) <= 2 * _SLOT_BYTES or not digits.isascii() or not digits.isalnum():
        raise BadAnswer(f"{what} gave {untrusted(value, 40)!r}, which is no number")
    try:
        return int(digits, 16)
    except ValueError:
        raise BadAnswer(f"{what} gave {untrusted(value, 40)!r}, which is no number") from None
