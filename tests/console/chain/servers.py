"""Real servers on loopback for the clients under test: JSON-RPC by aiohttp, and raw bytes for what HTTP forbids."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Answer = Callable[[str, Any], Any]
"""Method and params to a result; raise `Refusal` for an error."""


class Refusal(Exception):
    """Becomes a JSON-RPC error object."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.body = {"code": code, "message": message, "data": data}


class JsonRpcServer:
    """Answers POSTs by `answer`, and remembers what was asked: one list of method names per HTTP request."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: list[list[str]] = []
        self.url = ""
        self.gate: Callable[[], Awaitable[None]] | None = None
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def start(self) -> None:
        application = web.Application(client_max_size=4 << 20)
        application.router.add_post("/", self._post)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        assert site._server is not None
        self._port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._port}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _post(self, request: web.Request) -> web.Response:
        body = await request.json()
        calls = body if isinstance(body, list) else [body]
        self.requests.append([call["method"] for call in calls])
        if self.gate is not None:
            await self.gate()
        answers = [self._one(call) for call in calls]
        text = json.dumps(answers if isinstance(body, list) else answers[0])
        return web.Response(text=text, content_type="application/json")

    def _one(self, call: dict[str, Any]) -> dict[str, Any]:
        base = {"jsonrpc": "2.0", "id": call["id"]}
        try:
            return {**base, "result": self.answer(call["method"], call["params"])}
        except Refusal as refusal:
            return {**base, "error": refusal.body}


@asynccontextmanager
async def json_rpc(answer: Answer) -> AsyncIterator[JsonRpcServer]:
    """A JSON-RPC server that is up inside the block."""
    server = JsonRpcServer(answer)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def http(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """An HTTP server with one handler for everything; yields its URL."""
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def raw(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """A TCP server that says what it likes; yields its URL."""
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
