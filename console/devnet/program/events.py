"""CometBFT's `/websocket`: JSON-RPC over one connection, and events of blocks and of round steps to who subscribed."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable

from aiohttp import WSMsgType, web

from .consensus import Step
from .node import Node

NEW_BLOCK_HEADER, NEW_ROUND_STEP = "NewBlockHeader", "NewRoundStep"
_QUERY = re.compile(r"tm\.event ?= ?'(\w+)'")
_MOST_SUBSCRIPTIONS = 5
"""Of one client, as CometBFT limits it."""
_MOST_BEHIND = 100
"""Messages that may wait for one client, as in CometBFT."""
_MAX_MESSAGE = 1024 * 1024

Answering = Callable[[str, dict[str, object], object], Awaitable[dict[str, object]]]


class _Client:
    """One connection: what it wants to hear, and what waits to be sent to it."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self.socket = socket
        self.wanted: dict[str, tuple[str, object]] = {}
        """Query and request id by event."""
        self.behind = 0

    async def send(self, message: dict[str, object]) -> None:
        self.behind += 1
        try:
            await self.socket.send_str(json.dumps(message, separators=(",", ":")))
        except (ConnectionError, RuntimeError):
            pass
        finally:
            self.behind -= 1


class EventPort:
    """The clients of one node's web socket.

    Args:
        node: Whose events they are.
        answer: Answers every other method: name, parameters, id.
    """

    def __init__(self, node: Node, answer: Answering) -> None:
        self._node = node
        self._answer = answer
        self._clients: set[_Client] = set()
        self._at = (0, 0, Step.NEW_HEIGHT)
        self._tasks: set[asyncio.Task[None]] = set()
        node.listeners.append(self._block_executed)
        node.step_listeners.append(self._stepped)

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        """Serves one client until it goes."""
        socket = web.WebSocketResponse(max_msg_size=_MAX_MESSAGE)
        await socket.prepare(request)
        client = _Client(socket)
        self._clients.add(client)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await client.send(await self._received(client, message.data))
        finally:
            self._clients.discard(client)
        return socket

    async def _received(self, client: _Client, text: str) -> dict[str, object]:
        try:
            call = json.loads(text)
            method, number = str(call["method"]), call["id"]
            params = call.get("params") or {}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return {"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error. Invalid JSON"}}
        query = str(params.get("query", "")) if isinstance(params, dict) else ""
        problem = ""
        match method:
            case "subscribe":
                problem = self._subscribe(client, query, number)
            case "unsubscribe":
                found = _QUERY.fullmatch(query)
                if client.wanted.pop(found[1] if found else "", None) is None:
                    problem = "subscription not found"
            case "unsubscribe_all":
                problem = "" if client.wanted else "subscription not found"
                client.wanted.clear()
            case _:
                return await self._answer(method, params if isinstance(params, dict) else {}, number)
        if problem:
            error = {"code": -32603, "message": "Internal error", "data": problem}
            return {"jsonrpc": "2.0", "id": number, "error": error}
        return {"jsonrpc": "2.0", "id": number, "result": {}}

    @staticmethod
    def _subscribe(client: _Client, query: str, number: object) -> str:
        found = _QUERY.fullmatch(query)
        if found is None:
            return f"failed to parse query: {query[:80]}"
        if found[1] in client.wanted:
            return "already subscribed"
        if len(client.wanted) >= _MOST_SUBSCRIPTIONS:
            return f"max_subscriptions_per_client {_MOST_SUBSCRIPTIONS} reached"
        client.wanted[found[1]] = query, number
        return ""

    # What happens in the node.

    def _block_executed(self) -> None:
        if not self._wanted(NEW_BLOCK_HEADER):
            return
        stored = self._node.store.load(self._node.state.height)
        if stored is None:
            return
        self._tell(
            NEW_BLOCK_HEADER,
            {
                "type": "tendermint/event/NewBlockHeader",
                "value": {
                    "header": stored.block.header.to_json(),
                    "num_txs": str(len(stored.block.txs)),
                    "result_begin_block": {},
                    "result_end_block": {"validator_updates": None},
                },
            },
        )

    def _stepped(self) -> None:
        machine = self._node.machine
        at = (machine.height, machine.round, machine.step)
        if at == self._at:
            return
        self._at = at
        if self._wanted(NEW_ROUND_STEP):
            step = "RoundStep" + machine.step.name.title().replace("_", "")
            value = {"height": str(machine.height), "round": machine.round, "step": step}
            self._tell(NEW_ROUND_STEP, {"type": "tendermint/event/RoundState", "value": value})

    def _wanted(self, event: str) -> bool:
        return any(event in client.wanted for client in self._clients)

    def _tell(self, event: str, data: dict[str, object]) -> None:
        for client in list(self._clients):
            if event not in client.wanted:
                continue
            if client.behind >= _MOST_BEHIND:
                # As CometBFT does it: "client is not pulling messages fast enough".
                del client.wanted[event]
                continue
            query, number = client.wanted[event]
            result = {"query": query, "data": data, "events": {"tm.event": [event]}}
            task = asyncio.ensure_future(client.send({"jsonrpc": "2.0", "id": number, "result": result}))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
