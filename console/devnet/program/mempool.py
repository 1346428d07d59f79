"""Transactions that wait for a block, per sender and nonce."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .block import MAX_BLOCK_TXS

MAX_TXS = 2000
MAX_TX_BYTES = 512 * 1024
_MAX_BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class PendingTx:
    """A checked transaction: raw bytes, keccak hash and sender as 0x hex, nonce."""

    raw: bytes
    tx_hash: str
    sender: str
    nonce: int


class Mempool:
    """At most `MAX_TXS` checked transactions, one per (sender, nonce); the first one stays."""

    def __init__(self) -> None:
        self._txs: dict[tuple[str, int], PendingTx] = {}
        self._keys: dict[bytes, tuple[str, int]] = {}
        self._next_nonce: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._txs)

    @property
    def size(self) -> int:
        """Bytes of all that waits."""
        return sum(len(tx.raw) for tx in self._txs.values())

    def __contains__(self, raw: bytes) -> bool:
        return hashlib.sha256(raw).digest() in self._keys

    def add(self, tx: PendingTx) -> str:
        """Takes a checked transaction; returns "" or why it was not taken."""
        key = (tx.sender, tx.nonce)
        if key in self._txs:
            return "" if self._txs[key].raw == tx.raw else "replacement transaction underpriced"
        if len(self._txs) >= MAX_TXS:
            return "the mempool is full"
        self._txs[key] = tx
        self._keys[hashlib.sha256(tx.raw).digest()] = key
        return ""

    def drop(self, raws: Iterable[bytes]) -> None:
        """Removes transactions that were included or are invalid."""
        for raw in raws:
            key = self._keys.pop(hashlib.sha256(raw).digest(), None)
            if key is not None:
                del self._txs[key]

    def senders(self) -> list[str]:
        """Everyone with a waiting transaction."""
        return sorted({sender for sender, _ in self._txs})

    def set_nonces(self, nonces: Mapping[str, int]) -> None:
        """Learns the senders' account nonces and drops what lies below them."""
        self._next_nonce.update(nonces)
        waiting = {sender for sender, _ in self._txs}
        self._next_nonce = {sender: nonce for sender, nonce in self._next_nonce.items() if sender in waiting}
        self.drop([tx.raw for (sender, nonce), tx in self._txs.items() if nonce < self._next_nonce.get(sender, 0)])

    def pending_nonce(self, sender: str, nonce: int) -> int:
        """The next nonce of `sender` after its waiting transactions, from the account's `nonce` on."""
        while (sender.lower(), nonce) in self._txs:
            nonce += 1
        return nonce

    def reap(self) -> list[PendingTx]:
        """The next block's transactions by (sender, nonce), without gaps: one after a gap would only fail."""
        out: list[PendingTx] = []
        size = 0
        for sender in self.senders():
            nonce = self._next_nonce.get(sender)
            while nonce is not None and (tx := self._txs.get((sender, nonce))) is not None:
                size += len(tx.raw)
                if len(out) == MAX_BLOCK_TXS or size > _MAX_BLOCK_BYTES:
                    return out
                out.append(tx)
                nonce += 1
        return out
