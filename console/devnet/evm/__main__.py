"""`python -m console.devnet.evm --genesis FILE --data DIR --port N`: serve the devnet's EVM on 127.0.0.1.

Prints nothing on stdout; logs to stderr. SIGTERM and SIGINT end it with 0, a refused start with 1 and one sentence.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console.errors import ConsoleError, DevnetError

if TYPE_CHECKING:
    from console.devnet.evm.ledger import Ledger

STACK_BYTES = 256 * 1024 * 1024
"""Address space for the worker's stack: 1024 nested calls are about 12 Python frames each."""
CLOSE_SECONDS = 1.0
"""How long an ending process waits for the call under way; the ledger needs no goodbye."""


def main(arguments: list[str] | None = None) -> int:
    """Run the server until it is told to stop; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m console.devnet.evm", description=__doc__)
    parser.add_argument("--genesis", type=Path, required=True, help="genesis file (JSON)")
    parser.add_argument("--data", type=Path, required=True, help="folder of the history")
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        asyncio.run(serve(options.genesis, options.data, options.port))
    except ConsoleError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


async def serve(genesis: Path, folder: Path, port: int) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        genesis: The genesis file.
        folder: Where the history is kept.
        port: Port on 127.0.0.1.

    Raises:
        DevnetError: The genesis or the folder is not usable, or the port is taken.
    """
    # py-evm takes half a second to import; usage errors should not wait for it.
    from aiohttp import web

    from console.devnet.evm.server import Service

    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    threading.stack_size(STACK_BYTES)
    worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="evm")
    ledger = await loop.run_in_executor(worker, _open, genesis, folder)
    runner = web.AppRunner(Service(ledger, worker).application(), access_log=None, shutdown_timeout=CLOSE_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
    except OSError as error:
        raise DevnetError(f"port {port} on 127.0.0.1 cannot be used: {error.strerror or error}") from error
    logging.getLogger("evm").info(
        "listening on 127.0.0.1:%d at height %d", port, await loop.run_in_executor(worker, _tip, ledger)
    )
    await stopped.wait()
    await runner.cleanup()
    try:
        await asyncio.wait_for(loop.run_in_executor(worker, ledger.close), CLOSE_SECONDS)
    except TimeoutError:
        # A long call holds the worker, and an exiting interpreter would wait for it.
        sys.stderr.flush()
        os._exit(0)


def _open(genesis: Path, folder: Path) -> Ledger:
    from console.devnet.evm.ledger import Ledger

    try:
        document: dict[str, Any] = json.loads(genesis.read_text(encoding="utf-8"))
        return Ledger(document, folder)
    except ConsoleError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DevnetError(f"the genesis {genesis} or the folder {folder} cannot be used: {error}") from error


def _tip(ledger: Ledger) -> int:
    return ledger.tip


if __name__ == "__main__":
    sys.exit(main())
