"""The Ethereum JSON-RPC port: answered by the subnet's EVM as of this node's own height."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Protocol

from aiohttp import web

from .evm_client import EvmClient, EvmUnavailableError
from .release import RULES
from .txpool import Submitted

MAX_BODY = 1024 * 1024
MAX_BATCH = 100


def _error(code: int, message: str) -> dict[str, object]:
    return {"error": {"code": code, "message": message}}


class ChainView(Protocol):
    """The node as this port sees it; all may raise EvmUnavailableError."""

    async def height(self) -> int:
        """What the application has executed, in blocks."""
        ...

    async def highest(self) -> int | None:
        """While it catches up the height that others are at, else None."""
        ...

    async def submit(self, raw: bytes) -> Submitted:
        """Hand in a transaction."""
        ...

    async def pending_nonce(self, sender: str, nonce: int) -> int:
        """The next nonce of an account after what waits in the mempool, from the account's own on."""
        ...


class EthereumPort:
    """Answers for one node: never beyond the height it has executed."""

    def __init__(self, chain: ChainView, evm: EvmClient) -> None:
        self._chain = chain
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
            try:
                height = await self._chain.height()
                responses = await self._evm.rpc(height, [request for _, request in forwarded])
                for at, (request, response) in enumerate(zip((each for _, each in forwarded), responses, strict=True)):
                    responses[at] = await self._with_mempool(request, response)
            except EvmUnavailableError as error:
                responses = [_error(-32603, str(error)) for _ in forwarded]
            for (index, _), response in zip(forwarded, responses, strict=True):
                answers[index] = response
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
                return await self._syncing()
            case "eth_sendRawTransaction":
                return await self._send(params)
        return None

    async def _syncing(self) -> dict[str, object]:
        try:
            highest = await self._chain.highest()
            if highest is None:
                return {"result": False}
            current = hex(await self._chain.height())
        except EvmUnavailableError as error:
            return _error(-32603, str(error))
        return {"result": {"startingBlock": "0x0", "currentBlock": current, "highestBlock": hex(highest)}}

    async def _send(self, params: list[object]) -> dict[str, object]:
        try:
            raw = bytes.fromhex(str(params[0]).removeprefix("0x"))
        except (IndexError, ValueError):
            return _error(-32602, "the parameter is not a raw transaction in hex")
        try:
            submitted = await self._chain.submit(raw)
        except EvmUnavailableError as error:
            return _error(-32603, str(error))
        if submitted.reason:
            return _error(-32000, submitted.reason)
        return {"result": submitted.tx_hash}

    async def _with_mempool(self, request: Mapping[str, object], response: dict[str, object]) -> dict[str, object]:
        params, result = request["params"], response.get("result")
        pending = request["method"] == "eth_getTransactionCount" and isinstance(params, list) and len(params) > 1
        if not pending or not isinstance(params, list) or params[1] != "pending" or not isinstance(result, str):
            return response
        return {"result": hex(await self._chain.pending_nonce(str(params[0]), int(result, 16)))}


def _json(body: object) -> web.Response:
    return web.Response(text=json.dumps(body), content_type="application/json")
