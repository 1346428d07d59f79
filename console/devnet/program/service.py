"""`node start`: puts the node together, runs it, and turns its end into an exit code."""

from __future__ import annotations

import asyncio
import base64
import importlib
import os
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

from .app import Application
from .config import NodeConfig, load_config
from .errors import MigrationFailedError
from .evm_client import EvmClient
from .execution import history_of, replay
from .gossip import Gossip
from .holding import bound_socket, locked
from .keys import load_genesis, load_node_id, load_validator_key
from .mempool import Mempool
from .node import Node
from .output import log, tell
from .p2p import Hello
from .release import MIGRATION, RULES, VERSION
from .rules import rules_for
from .signer_state import Signer
from .store import BlockStore
from .txpool import TxPool
from .wal import ConsensusLog


async def run_node(home: Path, environ: Mapping[str, str]) -> int:
    """Runs a node until SIGTERM or SIGINT; returns 0 then.

    A failed migration does not end it: as in Fendermint the process lives on, executes nothing more, and has no RPC
    when it fails in the handshake, as it does at H (facts/ipc.md §1.7).

    Raises:
        NodeError: It cannot start or go on.
        HaltReached: The halt height has begun.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    running = asyncio.create_task(_run(load_config(home, environ)))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        try:
            running.result()
        except MigrationFailedError as error:
            tell(f'E CONSENSUS FAILURE!!! err="failed to apply block; error {error}"')
            await stop.wait()
            return 0
        return 1
    log("I stopping")
    return 0


async def _run(config: NodeConfig) -> None:
    home = config.home
    comet = home / "cometbft"
    genesis = load_genesis(comet / "config" / "genesis.json")
    key = load_validator_key(comet / "config" / "priv_validator_key.json")
    identity = Hello(
        genesis.chain_id,
        key.address,
        load_node_id(comet / "config" / "node_key.json"),
        config.moniker,
        VERSION,
        0,
    )
    locked(comet / "data" / "LOCK")
    sockets = bound_socket(config.rpc, "RPC"), bound_socket(config.eth, "Ethereum")
    signer = Signer(key, genesis.chain_id, comet / "data" / "priv_validator_state.json", home / "signed.jsonl")
    store = BlockStore(comet / "data" / "blockstore.db", genesis.validators)
    evm = EvmClient(config.evm_url)
    app = Application(
        state_path=home / "fendermint" / "data" / "app.json",
        log_path=home / "executed.jsonl",
        version=VERSION,
        rules=rules_for(RULES),
        migration=MIGRATION,
        halt_height=config.halt_height,
        evm=evm,
        gateway=genesis.gateway,
        history=history_of(store),
    )

    def executed(height: int, app_hash: str, txs: int) -> None:
        log(f"I executed block height={height} app_hash={app_hash} txs={txs}")

    log(f"I starting node version={VERSION} pid={os.getpid()} halt_height={config.halt_height}")
    state = await replay(app, store, store.validators, genesis.chain_id, store.height, executed)
    mempool = Mempool()
    node = Node(config, genesis, signer, store, app, state, ConsensusLog(comet / "data" / "cs.wal"), mempool, log)
    gossip = Gossip(node, identity, lambda peer, message: pool.from_peer(peer, message))
    pool = TxPool(
        mempool,
        app,
        evm,
        lambda: node.state.height,
        lambda raw: node.broadcast({"t": "tx", "tx": base64.b64encode(raw).decode()}),
    )
    node.listeners.append(pool.executed)
    await gossip.network.start()
    node.start()
    ticking = asyncio.create_task(gossip.run())
    serving = asyncio.create_task(_open_ports(node, gossip, pool, evm, identity, sockets))
    parts: set[asyncio.Future[None]] = {ticking, serving, node.failed}
    done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_EXCEPTION)
    for each in done:
        each.result()


async def _open_ports(
    node: Node,
    gossip: Gossip,
    pool: TxPool,
    evm: EvmClient,
    identity: Hello,
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    # The web framework takes a fifth of a second to import: the votes do not wait for it.
    await asyncio.to_thread(importlib.import_module, ".web", __package__)
    from .web import serve

    await serve(node, gossip, pool, evm, identity, sockets)
