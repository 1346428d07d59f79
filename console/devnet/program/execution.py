"""Driving the application through blocks: one block, and the handshake's replay of stored ones."""

from __future__ import annotations

from collections.abc import Callable

from .abci import Abci, BeginHeader
from .block import Block
from .errors import ConsensusFailureError, NodeError
from .evm_client import ExecuteBlock
from .store import BlockStore
from .validation import ChainState

_NANOS = 1_000_000_000


async def execute_block(app: Abci, block: Block) -> bytes:
    """Runs one block; returns the app hash after it. HaltReached passes through."""
    header = block.header
    await app.begin_block(BeginHeader(header.height, block.hash, header.time_ns // _NANOS))
    for tx in block.txs:
        await app.deliver_tx(tx)
    await app.end_block(header.height)
    return await app.commit()


def history_of(store: BlockStore) -> Callable[[int], ExecuteBlock | None]:
    """Stored blocks in the form that the EVM is fed with."""

    def stored(height: int) -> ExecuteBlock | None:
        found = store.load(height)
        if found is None:
            return None
        block = found.block
        return ExecuteBlock(height, block.hash, block.header.time_ns // _NANOS, block.txs)

    return stored


async def replay(
    app: Abci, store: BlockStore, chain_id: str, until: int, executed: Callable[[int, bytes, int], None]
) -> ChainState:
    """Brings the application to height `until` with stored blocks (CometBFT's handshake).

    Args:
        app: The application, at any height up to `until`.
        store: Where the blocks are.
        chain_id: For the genesis state, when there is none yet.
        until: In blocks.
        executed: Told (height, app hash, transactions) of each block.

    Raises:
        NodeError: The application is ahead of the store, or a block is missing.
        ConsensusFailureError: A block carries another app hash than these rules give.
        HaltReached: The halt height is among them.
    """
    info = await app.info()
    if info.last_block_height > until:
        raise NodeError(f"the application is at height {info.last_block_height}, above the block store's {until}")
    app_hash = info.last_block_app_hash or await app.init_chain(chain_id)
    height = info.last_block_height
    last = store.load(height)
    while height < until:
        height += 1
        last = store.load(height)
        if last is None:
            raise NodeError(f"block {height} is missing from the block store")
        expected, found = app_hash.hex().upper(), last.block.header.app_hash
        if expected != found:
            raise ConsensusFailureError(f"wrong Block.Header.AppHash. Expected {expected}, got {found}", height)
        app_hash = await execute_block(app, last.block)
        executed(height, app_hash, len(last.block.txs))
    if last is None:
        return ChainState(0, "", 0, app_hash.hex().upper())
    return ChainState(height, last.block.hash, last.block.header.time_ns, app_hash.hex().upper())
