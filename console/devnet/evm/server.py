"""The HTTP face of the EVM: one JSON object in, one out, on loopback.

Operations: genesis, execute, check, rpc. A call into py-evm takes tens of milliseconds and holds one thread; the loop
stays free to accept and refuse.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiohttp import web

from console.devnet.evm import execution
from console.devnet.evm.blocks import Fork, Need
from console.devnet.evm.ethereum import Ethereum
from console.devnet.evm.ledger import Ledger
from console.devnet.evm.migrating import MigrationFailed

MAX_BODY = 64 * 1024 * 1024
"""Bytes of a request: a block of 200 transactions of 128 KiB in hex fits."""
MAX_REQUESTS = 100
"""Requests in one `rpc`: the node's own batch limit."""

logger = logging.getLogger("evm")


class BadRequest(Exception):
    """The request is not of the protocol."""


class Operations:
    """The operations on a ledger, used in the one thread that opened it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._ethereum = Ethereum(ledger)
        self._named: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "genesis": self._genesis,
            "execute": self._execute,
            "check": self._check,
            "rpc": self._rpc,
        }

    def answer(self, body: object) -> dict[str, Any]:
        """What one request gets.

        Raises:
            BadRequest: The body is not of the protocol.
            Fork: Another block stands at that height.
            Need: A block before it is missing.
            MigrationFailed: The block's migration failed.
        """
        if not isinstance(body, dict):
            raise BadRequest("the body is not a JSON object")
        operation = self._named.get(str(body.get("op")))
        if operation is None:
            raise BadRequest(f"there is no operation {str(body.get('op'))[:40]}")
        return operation(body)

    def _genesis(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return {"root": "0x" + self._ledger.root(0).hex(), "height": 0}

    def _execute(self, body: Mapping[str, Any]) -> dict[str, Any]:
        height, time = _integer(body, "height", 1), _integer(body, "time", 0)
        block, txs = _text(body, "block"), body.get("txs")
        if len(block.removeprefix("0x")) != 64 or not _is_hex(block.removeprefix("0x")):
            raise BadRequest("block must be 64 hex digits")
        if not isinstance(txs, list) or not all(isinstance(raw, str) for raw in txs):
            raise BadRequest("txs must be an array of hex strings")
        carried, before = body.get("migration", ""), body.get("before", "")
        if not isinstance(carried, str) or not isinstance(before, str) or (before and not _is_hex(before)):
            raise BadRequest("migration must be a string, and before a root in hex")
        executed = self._ledger.execute(height, block, time, txs, carried, bytes.fromhex(before) or None)
        return {
            "root": "0x" + executed.root.hex(),
            "txs": [{"hash": item.hash, "ok": item.ok, "gas": item.gas} for item in executed.results],
        }

    def _check(self, body: Mapping[str, Any]) -> dict[str, Any]:
        height, text = _integer(body, "height", 0), _text(body, "tx").removeprefix("0x")
        if not _is_hex(text):
            return {"ok": False, "reason": "not a valid transaction: not hex"}
        state = self._ledger.state(height)
        try:
            transaction = execution.decode(bytes.fromhex(text), self._ledger.chain_id)
            execution.admit(state, transaction, ahead=execution.NONCE_WINDOW - 1)
        except execution.TransactionRefused as refused:
            return {"ok": False, "reason": str(refused)}
        return {
            "ok": True,
            "hash": "0x" + transaction.hash.hex(),
            "sender": "0x" + transaction.sender.hex(),
            "nonce": transaction.inner.nonce,
        }

    def _rpc(self, body: Mapping[str, Any]) -> dict[str, Any]:
        height, requests = _integer(body, "height", 0), body.get("requests")
        if not isinstance(requests, list) or not all(isinstance(item, dict) for item in requests):
            raise BadRequest("requests must be an array of objects")
        if len(requests) > MAX_REQUESTS:
            raise BadRequest(f"at most {MAX_REQUESTS} requests at once")
        return {"responses": [self._ethereum.answer(height, item) for item in requests]}


class Service:
    """The operations over HTTP.

    Args:
        ledger: The history; used only in `worker`.
        worker: An executor of exactly one thread, the one that opened the ledger.
    """

    def __init__(self, ledger: Ledger, worker: ThreadPoolExecutor) -> None:
        self._operations = Operations(ledger)
        self._worker = worker

    def application(self) -> web.Application:
        """The aiohttp application: POST /."""
        application = web.Application(client_max_size=MAX_BODY)
        application.router.add_post("/", self._post)
        return application

    async def _post(self, request: web.Request) -> web.Response:
        try:
            body = json.loads(await request.read())
            loop = asyncio.get_running_loop()
            return web.json_response(await loop.run_in_executor(self._worker, self._operations.answer, body))
        except Fork as fork:
            logger.warning("refused: %s", fork)
            return web.json_response({"error": "fork", "height": fork.height, "message": str(fork)}, status=409)
        except Need as need:
            return web.json_response({"error": "need", "need": need.need}, status=409)
        except MigrationFailed as failed:
            logger.warning("a migration failed: %s", failed)
            return web.json_response({"error": "migration", "message": str(failed)}, status=422)
        except (BadRequest, json.JSONDecodeError, UnicodeDecodeError) as error:
            return web.json_response({"error": "bad request", "message": str(error)}, status=400)


def _integer(body: Mapping[str, Any], name: str, least: int) -> int:
    value = body.get(name)
    # JSON's true is an int in Python.
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 2**62:
        raise BadRequest(f"{name} must be an integer from {least}")
    return value


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise BadRequest(f"{name} must be a string")
    return value


def _is_hex(text: str) -> bool:
    try:
        bytes.fromhex(text)
    except ValueError:
        return False
    # fromhex also takes blanks.
    return len(text) % 2 == 0 and text.isalnum() if text else False
