"""ABCI's socket: what a real CometBFT drives the application over (four connections, one request after the other)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

from . import abci_messages as messages
from . import protobuf as pb
from .abci import BeginHeader
from .abci_messages import BlockRequest, Request
from .app import Application
from .app_store import AppStore, ChainGenesis
from .block import MAX_BLOCK_TXS
from .config import Address
from .consensus import Validator
from .errors import MalformedError, MigrationFailedError, NodeError
from .evm_client import EvmUnavailableError
from .keys import gateway_of
from .mempool import Mempool
from .output import log, tell
from .txpool import TxPool

_Handler = Callable[[pb.Fields], Awaitable[bytes]]


class AbciServer:
    """The application's end of the socket.

    Args:
        app: Executes and checks.
        store: Keeps genesis, validators and blocks.
        mempool: What was checked and waits, as CometBFT holds it too.
        pool: The way into it.

    Attributes:
        failed: Ends with the error that ends the process; HaltReached among them.
    """

    def __init__(self, app: Application, store: AppStore, mempool: Mempool, pool: TxPool) -> None:
        self._app = app
        self._store = store
        self._mempool = mempool
        self._pool = pool
        self._block = BlockRequest(0, "", 0)
        self._txs: list[bytes] = []
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._handlers: dict[Request, _Handler] = {
            Request.ECHO: self._echo,
            Request.FLUSH: self._nothing,
            Request.INFO: self._info,
            Request.INIT_CHAIN: self._init_chain,
            Request.QUERY: self._query,
            Request.BEGIN_BLOCK: self._begin_block,
            Request.CHECK_TX: self._check_tx,
            Request.DELIVER_TX: self._deliver_tx,
            Request.END_BLOCK: self._end_block,
            Request.COMMIT: self._commit,
            # No snapshots are made, and none is taken.
            Request.LIST_SNAPSHOTS: self._nothing,
            Request.OFFER_SNAPSHOT: self._nothing,
            Request.LOAD_SNAPSHOT_CHUNK: self._nothing,
            Request.APPLY_SNAPSHOT_CHUNK: self._nothing,
            Request.PREPARE_PROPOSAL: self._prepare_proposal,
            Request.PROCESS_PROPOSAL: self._process_proposal,
            # Only asked where the genesis switches vote extensions on.
            Request.EXTEND_VOTE: self._nothing,
            Request.VERIFY_VOTE_EXTENSION: self._accept,
            Request.FINALIZE_BLOCK: self._finalize_block,
        }

    async def listen(self, address: Address) -> asyncio.Server:
        """Opens the port. Raises NodeError."""
        try:
            return await asyncio.start_server(self._connected, address.host, address.port)
        except OSError as error:
            raise NodeError(f"the ABCI port {address} cannot be opened: {error.strerror or error}") from None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not self.failed.done():
                writer.write(await self._answer(await _message(reader)))
                await writer.drain()
        except (EOFError, ConnectionError):
            pass
        except MalformedError as error:
            log(f"E a connection of ABCI is closed: {error}")
        except MigrationFailedError as error:
            # As in Fendermint the connection ends and the process lives on, listening (facts/ipc.md §1.7).
            tell(f'E CONSENSUS FAILURE!!! err="failed to apply block; error {error}"')
        except Exception as error:
            if not self.failed.done():
                self.failed.set_exception(error)
        finally:
            writer.close()

    async def _answer(self, message: bytes) -> bytes:
        request, fields = messages.parse_request(message)
        return messages.answer(request, await self._handlers[request](fields))

    # Handlers, each returning the body of its answer.

    async def _nothing(self, fields: pb.Fields) -> bytes:
        return b""

    async def _accept(self, fields: pb.Fields) -> bytes:
        return messages.accepted()

    async def _echo(self, fields: pb.Fields) -> bytes:
        return pb.text(1, fields.text(1))

    async def _info(self, fields: pb.Fields) -> bytes:
        return messages.info_answer(await self._app.info())

    async def _init_chain(self, fields: pb.Fields) -> bytes:
        asked = messages.init_chain(fields)
        try:
            app_state = json.loads(asked.app_state or b"{}")
        except ValueError:
            raise NodeError("the genesis file's app_state is not JSON") from None
        gateway = gateway_of(app_state, "the genesis file")
        self._store.begin(ChainGenesis(asked.chain_id, gateway, asked.validators))
        self._app.gateway = gateway
        return messages.init_answer(await self._app.init_chain(asked.chain_id))

    async def _query(self, fields: pb.Fields) -> bytes:
        height = self._app.state.height
        words = fields.bytes(1).decode("utf-8", "replace").split()
        if fields.text(2) != messages.NONCE_QUERY or len(words) != 2 or not words[1].isdecimal():
            return messages.query_answer(b"", height, code=1, log=f"only {messages.NONCE_QUERY} is answered")
        nonce = self._mempool.pending_nonce(words[0], int(words[1]))
        return messages.query_answer(str(nonce).encode(), height)

    async def _check_tx(self, fields: pb.Fields) -> bytes:
        raw = fields.bytes(1)
        try:
            submitted = await self._pool.submit(raw)
        except EvmUnavailableError as error:
            return messages.check_answer(str(error), "")
        if submitted.reason:
            self._mempool.drop([raw])
        return messages.check_answer(submitted.reason, submitted.tx_hash)

    async def _prepare_proposal(self, fields: pb.Fields) -> bytes:
        """Those of the offered transactions that go into a block, in the order of their nonces."""
        most, offered = fields.number(1), set(fields.all(2))
        chosen: list[bytes] = []
        for tx in self._mempool.reap():
            # Each also costs its length in the block.
            most -= len(tx.raw) + 10
            if tx.raw in offered and most >= 0:
                chosen.append(tx.raw)
        return messages.proposal_answer(chosen)

    async def _process_proposal(self, fields: pb.Fields) -> bytes:
        return messages.accepted() if len(fields.all(1)) <= MAX_BLOCK_TXS else pb.number(1, 2)

    async def _begin_block(self, fields: pb.Fields) -> bytes:
        await self._begin(messages.begin_block(fields))
        return b""

    async def _deliver_tx(self, fields: pb.Fields) -> bytes:
        await self._deliver(fields.bytes(1))
        return b""

    async def _end_block(self, fields: pb.Fields) -> bytes:
        return messages.end_answer(self._store.changes(self._block.height, await self._end()))

    async def _finalize_block(self, fields: pb.Fields) -> bytes:
        block = messages.finalize_block(fields)
        await self._begin(block)
        for tx in block.txs:
            await self._deliver(tx)
        changed = self._store.changes(block.height, await self._end())
        return messages.finalize_answer(len(block.txs), changed, self._app.next_app_hash)

    async def _commit(self, fields: pb.Fields) -> bytes:
        app_hash = await self._app.commit()
        height = self._block.height
        log(f"I executed block height={height} app_hash={app_hash.hex().upper()} txs={len(self._txs)}")
        self._mempool.drop(self._txs)
        self._pool.executed()
        return messages.commit_answer(app_hash)

    # A block.

    async def _begin(self, block: BlockRequest) -> None:
        await self._app.begin_block(BeginHeader(block.height, block.block_hash, block.time_s))
        self._block, self._txs = block, []

    async def _deliver(self, raw: bytes) -> None:
        self._txs.append(raw)
        await self._app.deliver_tx(raw)

    async def _end(self) -> tuple[Validator, ...]:
        block = self._block
        self._store.save(block.height, block.block_hash, block.time_s, self._txs)
        return await self._app.end_block(block.height)


async def _message(reader: asyncio.StreamReader) -> bytes:
    """One message; EOFError at the end of the connection, MalformedError for one that is too long."""
    size = shift = 0
    while True:
        (byte,) = await reader.readexactly(1)
        size |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 35:
            break
    if size > messages.MAX_MESSAGE:
        raise MalformedError(f"a message of {size} bytes")
    return await reader.readexactly(size)
