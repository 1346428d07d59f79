"""What the ledger holds and answers: blocks, transactions, events, and why a block is not taken."""

from __future__ import annotations

from dataclasses import dataclass

from console.devnet.evm import execution


class Fork(Exception):
    """Another block is already stored for this height."""

    def __init__(self, height: int, stored: str) -> None:
        super().__init__(f"height {height} is block {stored} here")
        self.height = height


class Need(Exception):
    """Blocks are missing before this one; `need` is the first of them."""

    def __init__(self, need: int) -> None:
        super().__init__(f"block {need} is not here yet")
        self.need = need


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one transaction that was sent with a block."""

    hash: str
    """0x-prefixed hash of the raw bytes."""
    ok: bool
    gas: int
    """Gas used; 0 for one that was skipped as invalid."""


@dataclass(frozen=True, slots=True)
class Executed:
    """The answer to a block."""

    root: bytes
    results: tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A stored block."""

    height: int
    hash: bytes
    time: int
    """Unix seconds."""
    root: bytes
    gas: int
    """Gas used by its transactions."""


@dataclass(frozen=True, slots=True)
class StoredTransaction:
    """A transaction that is part of a block, with its outcome."""

    hash: bytes
    height: int
    position: int
    raw: bytes
    ok: bool
    gas: int
    cumulative: int
    """Gas used in the block up to and including this one."""
    contract: bytes | None


@dataclass(frozen=True, slots=True)
class StoredLog:
    """An event with its place."""

    height: int
    position: int
    """Its number among the logs of the block."""
    tx_position: int
    log: execution.Log
