"""The command line `subnetd`; exit codes: 0 done, 1 failed, 2 usage or halt (facts/ipc.md §1.7)."""

from __future__ import annotations

import os
import sys
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, NoReturn

from .output import tell
from .release import MIGRATION, RULES, VERSION

if TYPE_CHECKING:
    from pathlib import Path


def _finish(code: int) -> NoReturn:
    """Ends the process at once, as `process::exit` does: nothing after a halt may run."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue
    os._exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code, or ends the process."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments == ["--version"]:
        print(VERSION)
        return 0
    import argparse
    from pathlib import Path

    parser = argparse.ArgumentParser(prog="subnetd", description="A devnet validator.")
    parser.add_argument("--version", action="version", version=VERSION)
    parser.add_argument("-d", "--home-dir", type=Path, help="the application's own home, for `run`, `eth` and `config`")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    node = verbs.add_parser("node", help="run a validator in one process").add_subparsers(dest="action", required=True)
    verbs.add_parser("run", help="run the application, driven by CometBFT over ABCI")
    eth = verbs.add_parser("eth", help="serve the Ethereum API").add_subparsers(dest="action", required=True)
    eth.add_parser("run", help="beside an application and a CometBFT that run")
    config = verbs.add_parser("config", help="look at the settings").add_subparsers(dest="action", required=True)
    config.add_parser("display").add_argument("--home", type=Path, help="the node's home folder")
    replayed = verbs.add_parser("replay", help="execute stored blocks again, in another folder")
    for each in (node.add_parser("start", help="run until stopped or halted"), replayed):
        each.add_argument("--home", type=Path, required=True, help="the node's home folder")
    replayed.add_argument("--until", type=int, required=True, help="last height, in blocks")
    replayed.add_argument("--evm", required=True, help="URL of an EVM process")
    replayed.add_argument("--state", type=Path, required=True, help="folder of the app.json to go on from")
    options = parser.parse_args(arguments)
    match options.verb:
        case "node":
            from .service import run_node

            return _run(run_node(options.home, os.environ))
        case "replay":
            return _run(_replay(options.home, options.until, options.evm, options.state))
    home: Path | None = options.home_dir
    if home is None and options.verb == "config" and options.home is not None:
        home = options.home / "fendermint"
    if home is None:
        parser.error("the application's home is not given (--home-dir)")
    if options.verb == "config":
        return _config_display(home)
    from .abci_service import run_app, run_eth

    return _run((run_app if options.verb == "run" else run_eth)(home, os.environ))


def _config_display(home: Path) -> int:
    from .config import dump_toml, load_settings
    from .errors import NodeError

    try:
        print(dump_toml(load_settings(home, os.environ)), end="")
    except NodeError as error:
        tell(str(error))
        return 1
    return 0


def _run(work: Coroutine[object, object, int]) -> NoReturn:
    import asyncio

    asyncio.run(_to_the_end(work))
    _finish(1)


async def _to_the_end(work: Coroutine[object, object, int]) -> None:
    import time

    from .abci import HaltReached
    from .block import format_time
    from .errors import ConsensusFailureError, NodeError

    try:
        _finish(await work)
    except HaltReached as halt:
        tell(
            f"{format_time(time.time_ns())} INFO fendermint/app/src/app.rs:785: "
            f"Stopping node due to reaching halt height height={halt.height}"
        )
        _finish(2)
    except ConsensusFailureError as error:
        tell(f'E CONSENSUS FAILURE!!! err="+2/3 committed an invalid block: {error}" height={error.height}')
        _finish(1)
    except NodeError as error:
        tell(str(error))
        _finish(1)


async def _replay(home: Path, until: int, evm_url: str, state: Path) -> int:
    from .app import Application
    from .evm_client import EvmClient
    from .execution import history_of, replay
    from .history import ValidatorHistory
    from .keys import load_genesis
    from .rules import rules_for
    from .store import BlockStore

    folder, comet = state, home / "cometbft"
    folder.mkdir(parents=True, exist_ok=True)
    genesis = load_genesis(comet / "config" / "genesis.json")
    store = BlockStore(comet / "data" / "blockstore.db", genesis.validators)
    app = Application(
        state_path=folder / "app.json",
        log_path=folder / "executed.jsonl",
        version=VERSION,
        rules=rules_for(RULES),
        migration=MIGRATION,
        halt_height=0,
        evm=EvmClient(evm_url),
        gateway=genesis.gateway,
        history=history_of(store),
    )

    def executed(height: int, app_hash: str, txs: int) -> None:
        print(height, app_hash, flush=True)

    await replay(app, store, ValidatorHistory(genesis.validators), genesis.chain_id, until, executed)
    return 0
