"""The ABCI-shaped boundary between consensus and application (DESIGN §8).

The embedded consensus calls an `Abci` in process; the real CometBFT will drive the same application over its socket.
Nothing on either side of this file knows the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from .consensus import Validator


@dataclass(frozen=True, slots=True)
class Info:
    """The application's answer to the handshake.

    Attributes:
        data: The application's name.
        version: The release, such as "v0.1.5".
        app_version: The number of its rules.
        last_block_height: The last executed height in blocks; 0 before block 1.
        last_block_app_hash: 32 bytes; empty before `init_chain`.
    """

    data: str
    version: str
    app_version: int
    last_block_height: int
    last_block_app_hash: bytes


@dataclass(frozen=True, slots=True)
class BeginHeader:
    """What the application needs of a header: height in blocks, hash as upper hex, time in seconds since 1970."""

    height: int
    block_hash: str
    time_s: int


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Whether a transaction may enter the mempool.

    Attributes:
        ok: It may.
        reason: Why not, else "".
        tx_hash: Keccak hash, 0x-prefixed.
        sender: 0x-prefixed address.
        nonce: The transaction's own nonce.
    """

    ok: bool
    reason: str
    tx_hash: str
    sender: str
    nonce: int


class HaltReached(Exception):
    """The configured halt height has begun: the process ends with code 2, the block is not executed."""

    def __init__(self, height: int) -> None:
        super().__init__(f"halt height {height}")
        self.height = height


class Abci(Protocol):
    """An application as its consensus sees it; one block runs begin, deliver, end, commit, in that order."""

    async def info(self) -> Info:
        """Name, version and last committed state."""
        ...

    async def init_chain(self, chain_id: str) -> bytes:
        """Makes the genesis state; returns its app hash (32 bytes)."""
        ...

    async def check_tx(self, raw: bytes) -> CheckResult:
        """Whether `raw` is good on the last committed state."""
        ...

    async def begin_block(self, header: BeginHeader) -> None:
        """Starts a block; raises HaltReached at the halt height before anything is executed."""
        ...

    async def deliver_tx(self, raw: bytes) -> None:
        """Adds one transaction of the block."""
        ...

    async def end_block(self, height: int) -> tuple[Validator, ...]:
        """Executes what was delivered.

        Returns:
            The whole new validator set where it changed, else nothing; CometBFT is told the difference, by its adapter.
        """
        ...

    async def commit(self) -> bytes:
        """Makes the block durable; returns the new app hash (32 bytes)."""
        ...
