"""The state transition's rules: number 1 is v0.1.5's, number 2 is v0.2.0's, and number 3 is free for a release after
it. Number 4 is a release with a fault that shows only behind H: it cannot read the state that it writes.

All execute the same transactions in the same EVM; they differ in what they commit to, so a node that executes a
block under other rules than the rest gets another app hash and stops at the next height, as in life.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .errors import NodeError

_FAULTY = 4


@dataclass(frozen=True, slots=True)
class Rules:
    """One rule set.

    Attributes:
        number: Also the ABCI app version.
        app_hash: (previous app hash, height, raw transactions, EVM root) to the app hash after that height.
        reads_own_state: Whether the release can go on from a state that it wrote.
    """

    number: int
    app_hash: Callable[[bytes, int, Sequence[bytes], bytes], bytes]
    reads_own_state: bool = True


def genesis_app_hash(chain_id: str, evm_root: bytes) -> bytes:
    """The app hash before block 1; the same under all rules, as all releases share one genesis."""
    return hashlib.sha256(b"genesis\0" + chain_id.encode() + b"\0" + evm_root).digest()


def _chained(number: int) -> Callable[[bytes, int, Sequence[bytes], bytes], bytes]:
    def app_hash(previous: bytes, height: int, txs: Sequence[bytes], evm_root: bytes) -> bytes:
        digest = hashlib.sha256(b"rules\0" + number.to_bytes(4, "big") + previous + height.to_bytes(8, "big"))
        digest.update(len(txs).to_bytes(4, "big"))
        for tx in txs:
            digest.update(hashlib.sha256(tx).digest())
        digest.update(evm_root)
        return digest.digest()

    return app_hash


def rules_for(number: int) -> Rules:
    """The rule set a release was built with.

    Raises:
        NodeError: This program holds no such rules.
    """
    if number not in (1, 2, 3, _FAULTY):
        raise NodeError(f"this build names rules {number}, and the program knows 1 to 4; build it again")
    return Rules(number, _chained(number), reads_own_state=number != _FAULTY)
