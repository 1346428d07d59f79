"""`run` and `eth run`: the application and its Ethereum API as processes of their own, beside `cometbft start`.

The shape of `fendermint run`, `fendermint eth run` and `cometbft start` (facts/ipc.md §1.1 C).
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine, Mapping
from pathlib import Path

from .abci_server import AbciServer
from .app import Application
from .app_store import AppStore
from .config import AppConfig, load_app_config
from .evm_client import EvmClient
from .holding import bound_socket, locked
from .mempool import Mempool
from .output import log
from .release import MIGRATION, RULES, VERSION
from .rules import rules_for
from .txpool import TxPool


async def run_app(home: Path, environ: Mapping[str, str]) -> int:
    """Serves ABCI until SIGTERM or SIGINT; returns 0 then.

    Args:
        home: The application's own: `config/`, `data/`.
        environ: The process environment.

    Raises:
        NodeError: It cannot start or go on.
        HaltReached: The halt height has begun.
    """
    return await _until_stopped(_serve_abci(home, load_app_config(home, environ)))


async def run_eth(home: Path, environ: Mapping[str, str]) -> int:
    """Serves the Ethereum API until SIGTERM or SIGINT; returns 0 then. Raises NodeError."""
    return await _until_stopped(_serve_eth(load_app_config(home, environ)))


async def _serve_abci(home: Path, config: AppConfig) -> None:
    locked(home / "data" / "LOCK")
    store = AppStore(home / "data" / "blocks.db")
    evm = EvmClient(config.evm_url)
    app = Application(
        state_path=home / "data" / "app.json",
        log_path=home.parent / "executed.jsonl",
        version=VERSION,
        rules=rules_for(RULES),
        migration=MIGRATION,
        halt_height=config.halt_height,
        evm=evm,
        gateway="" if store.genesis is None else store.genesis.gateway,
        history=store.block,
    )
    mempool = Mempool()
    # The peers hear of a transaction from CometBFT.
    pool = TxPool(mempool, app, evm, lambda: app.state.height, lambda raw: None)
    server = AbciServer(app, store, mempool, pool)
    async with await server.listen(config.abci):
        log(f"I serving ABCI at {config.abci} version={VERSION} pid={os.getpid()} halt_height={config.halt_height}")
        await server.failed


async def _serve_eth(config: AppConfig) -> None:
    from .comet_client import CometView
    from .eth_rpc import EthereumPort
    from .web import open_port

    listening = bound_socket(config.eth, "Ethereum")
    chain = CometView(config.cometbft_rpc)
    try:
        await open_port(EthereumPort(chain, EvmClient(config.evm_url)).app(), listening)
        log(f"I serving the Ethereum API at {config.eth} version={VERSION} pid={os.getpid()}")
        await asyncio.Event().wait()
    finally:
        await chain.close()


async def _until_stopped(work: Coroutine[object, object, None]) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    running = asyncio.ensure_future(work)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        running.result()
        return 1
    log("I stopping")
    return 0
