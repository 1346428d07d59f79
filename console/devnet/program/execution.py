"""Driving the application through blocks: one block, and the handshake's replay of stored ones."""

from __future__ import annotations

from collections.abc import Callable

from .abci import Abci, BeginHeader
from .block import Block
from .consensus import ValidatorSet
from .errors import ConsensusFailureError, NodeError
from .evm_client import ExecuteBlock
from .history import ValidatorHistory
from .store import BlockStore
from .validation import ChainState

_NANOS = 1_000_000_000


async def execute_block(app: Abci, history: ValidatorHistory, state: ChainState, block: Block) -> ChainState:
    """Runs the block that follows `state`; returns the state after it. HaltReached passes through.

    Who decides the heights from the next but one on is durable before the application's state is (CometBFT saves the
    block's answers before it commits), so that a restart between the two gets it again.
    """
    header = block.header
    height = header.height
    await app.begin_block(BeginHeader(height, block.hash, header.time_ns // _NANOS))
    for tx in block.txs:
        await app.deliver_tx(tx)
    changed = await app.end_block(height)
    following = ValidatorSet(changed) if changed else state.next_validators
    history.set(height + 2, following)
    app_hash = await app.commit()
    return ChainState(
        height,
        block.hash,
        header.time_ns,
        app_hash.hex().upper(),
        state.validators,
        state.next_validators,
        following,
    )


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
    app: Abci,
    store: BlockStore,
    history: ValidatorHistory,
    chain_id: str,
    until: int,
    executed: Callable[[int, str, int], None],
) -> ChainState:
    """Brings the application to height `until` with stored blocks (CometBFT's handshake).

    Args:
        app: The application, at any height up to `until`.
        store: Where the blocks are.
        history: Who decided them; is brought up to date.
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
    state = ChainState(
        height,
        last.block.hash if last else "",
        last.block.header.time_ns if last else 0,
        app_hash.hex().upper(),
        *(history.at(max(1, height + after)) for after in range(3)),
    )
    while state.height < until:
        height = state.height + 1
        last = store.load(height)
        if last is None:
            raise NodeError(f"block {height} is missing from the block store")
        if state.app_hash != last.block.header.app_hash:
            found = last.block.header.app_hash
            raise ConsensusFailureError(f"wrong Block.Header.AppHash. Expected {state.app_hash}, got {found}", height)
        state = await execute_block(app, history, state, last.block)
        executed(height, state.app_hash, len(last.block.txs))
    return state
