"""The Ethereum JSON-RPC port: answered by the subnet's EVM as of this node's own height."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aiohttp import web

from .evm_client import EvmClient, EvmUnavailableError
from .node import Node
from .release import RULES
from .txpool import TxPool

MAX_BODY = 1024 * 1024
MAX_BATCH = 100


def _error(code: int, message: str) -> dict[str, object]:
    return {"error": {"code": code, "message": message}}


class EthereumPort:
    """Answers for one node: never beyond the height it has executed."""

    def __init__(self, node: Node, pool: TxPool, evm: EvmClient) -> None:
        self._node = node
        self._pool = pool
        self._evm = evm

    def app(self) -> web.Application:
        """The web application: the route `/` only, as Fendermint's (facts/ipc.md §1.2)."""
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_post("/", self._post)
        app.router.add_get("/", self._get)
        return app

    async def _get(self, request: web.Request) -> web.Response:
        # Fendermint upgrades a GET to a web socket, which this port does not have.
        return web.Response(status=426, headers={"Upgrade": "websocket", "Connection": "Upgrade"})

    async def _post(self, request: web.Request) -> web.Response:
        try:
            body = json.loads(await request.read())
        except (ValueError, RecursionError):
            return _json({"jsonrpc": "2.0", "id": None, **_error(-32700, "Parse error")})
        if not isinstance(body, list):
            return _json((await self._answer([body]))[0])
        if not body or len(body) > MAX_BATCH:
            return _json({"jsonrpc": "2.0", "id": None, **_error(-32600, f"a batch holds 1 to {MAX_BATCH} calls")})
        return _json(await self._answer(body))

    async def _answer(self, calls: list[object]) -> list[dict[str, object]]:
        answers: list[dict[str, object]] = [{} for _ in calls]
        forwarded: list[tuple[int, dict[str, object]]] = []
        for index, call in enumerate(calls):
            own = await self._own_answer(call)
            if own is not None:
                answers[index] = own
            elif isinstance(call, dict):
                forwarded.append((index, {"method": call["method"], "params": call.get("params") or []}))
        if forwarded:
            height = self._node.state.height
            try:
                responses = await self._evm.rpc(height, [request for _, request in forwarded])
            except EvmUnavailableError as error:
                responses = [_error(-32603, str(error)) for _ in forwarded]
            for (index, request), response in zip(forwarded, responses, strict=True):
                answers[index] = self._with_mempool(request, response)
        for index, call in enumerate(calls):
            number = call.get("id") if isinstance(call, dict) else None
            answers[index] = {"jsonrpc": "2.0", "id": number, **answers[index]}
        return answers

    async def _own_answer(self, call: object) -> dict[str, object] | None:
        if not isinstance(call, dict) or not isinstance(call.get("method"), str):
            return _error(-32600, "Invalid Request")
        params = call.get("params") or []
        if not isinstance(params, list):
            return _error(-32602, "params must be an array")
        match call["method"]:
            case "web3_clientVersion":
                return {"result": f"fendermint/0.1.0/{RULES}"}
            case "eth_syncing":
                return {"result": self._syncing()}
            case "eth_sendRawTransaction":
                return await self._send(params)
        return None

    def _syncing(self) -> object:
        if not self._node.catching_up:
            return False
        highest = max(peer.height for peer in self._node.peers.values())
        current = hex(self._node.state.height)
        return {"startingBlock": "0x0", "currentBlock": current, "highestBlock": hex(highest)}

    async def _send(self, params: list[object]) -> dict[str, object]:
        try:
            raw = bytes.fromhex(str(params[0]).removeprefix("0x"))
        except (IndexError, ValueError):
            return _error(-32602, "the parameter is not a raw transaction in hex")
        try:
            submitted = await self._pool.submit(raw)
        except EvmUnavailableError as error:
            return _error(-32603, str(error))
        if submitted.reason:
            return _error(-32000, submitted.reason)
        return {"result": submitted.tx_hash}

    def _with_mempool(self, request: Mapping[str, object], response: dict[str, object]) -> dict[str, object]:
        params, result = request["params"], response.get("result")
        pending = request["method"] == "eth_getTransactionCount" and isinstance(params, list) and len(params) > 1
        if not pending or not isinstance(params, list) or params[1] != "pending" or not isinstance(result, str):
            return response
        return {"result": hex(self._node.mempool.pending_nonce(str(params[0]), int(result, 16)))}


def _json(body: object) -> web.Response:
    return web.Response(text=json.dumps(body), content_type="application/json")
