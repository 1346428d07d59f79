"""Transactions on their way in: checked by the application, kept in the mempool, passed on to the peers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from .abci import Abci
from .block import base64_field
from .errors import MalformedError
from .evm_client import EvmClient, EvmUnavailableError
from .mempool import MAX_TX_BYTES, Mempool, PendingTx
from .p2p import Message, Peer

_MAX_CHECKS = 64
_RECHECKED = 200


@dataclass(frozen=True, slots=True)
class Submitted:
    """The outcome of a submission: the keccak hash, or why it was refused."""

    tx_hash: str
    reason: str


class TxPool:
    """The mempool and its way in.

    Args:
        mempool: Where checked transactions wait.
        app: Checks them.
        evm: Asked for account nonces.
        height: The application's height, in blocks.
        spread: Passes a transaction on to the peers.
    """

    def __init__(
        self, mempool: Mempool, app: Abci, evm: EvmClient, height: Callable[[], int], spread: Callable[[bytes], None]
    ) -> None:
        self._mempool = mempool
        self._app = app
        self._evm = evm
        self._height = height
        self._spread = spread
        self._tasks: set[asyncio.Task[None]] = set()
        self._checks = 0
        self._rechecking = False

    async def submit(self, raw: bytes) -> Submitted:
        """Checks a transaction and takes it.

        Raises:
            EvmUnavailableError: It cannot be checked now.
        """
        if len(raw) > MAX_TX_BYTES:
            return Submitted("", f"the transaction is larger than {MAX_TX_BYTES} bytes")
        result = await self._app.check_tx(raw)
        if not result.ok:
            return Submitted(result.tx_hash, result.reason or "the transaction is invalid")
        new = raw not in self._mempool
        reason = self._mempool.add(PendingTx(raw, result.tx_hash, result.sender, result.nonce))
        if not reason and new:
            await self._learn_nonces([result.sender])
            self._spread(raw)
        return Submitted(result.tx_hash, reason)

    def from_peer(self, peer: Peer, message: Message) -> None:
        """Takes a gossiped transaction; MalformedError when there is none in the message."""
        raw = base64_field(message, "tx")
        if len(raw) > MAX_TX_BYTES:
            raise MalformedError("transaction too large")
        if raw in self._mempool or self._checks >= _MAX_CHECKS:
            return
        self._checks += 1
        self._run(self._quietly_submit(raw))

    def executed(self) -> None:
        """Re-checks what waits, after a block."""
        if len(self._mempool) and not self._rechecking:
            self._rechecking = True
            self._run(self._recheck())

    def _run(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _quietly_submit(self, raw: bytes) -> None:
        try:
            await self.submit(raw)
        except EvmUnavailableError:
            pass
        finally:
            self._checks -= 1

    async def _learn_nonces(self, senders: list[str]) -> None:
        requests = [{"method": "eth_getTransactionCount", "params": [sender, "latest"]} for sender in senders]
        answers = await self._evm.rpc(self._height(), requests)
        nonces: dict[str, int] = {}
        for sender, answer in zip(senders, answers, strict=True):
            result = answer.get("result")
            if isinstance(result, str):
                nonces[sender] = int(result, 16)
        self._mempool.set_nonces(nonces)

    async def _recheck(self) -> None:
        try:
            await self._learn_nonces(self._mempool.senders())
            for tx in self._mempool.reap()[:_RECHECKED]:
                if tx.raw in self._mempool and not (await self._app.check_tx(tx.raw)).ok:
                    self._mempool.drop([tx.raw])
        except EvmUnavailableError:
            pass
        finally:
            self._rechecking = False
