"""Small files into memory: what is there, within bounds, and by the same road as every other download."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from console.node.download import DownloadRules, fetch_small

pytestmark = pytest.mark.anyio


async def test_what_is_there_comes_and_the_rest_is_left_out() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        name = request.path.lstrip("/")
        if name == "moved":
            raise web.HTTPFound("/a")
        if name in {"a", "b"}:
            return web.Response(body=name.encode() * 3)
        if name == "large":
            return web.Response(body=b"x" * 100)
        if name == "endless":
            answer = web.StreamResponse()
            await answer.prepare(request)
            for _ in range(100):
                await answer.write(b"x" * 10)
            return answer
        raise web.HTTPNotFound

    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server = site._server
    assert isinstance(server, asyncio.Server)
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        names = ("a", "b", "moved", "large", "endless", "missing")
        found = await fetch_small([f"{base}/{name}" for name in names], 64, DownloadRules(own=True))
        assert found == {f"{base}/a": b"aaa", f"{base}/b": b"bbb", f"{base}/moved": b"aaa"}
        # Nobody named this machine: not even asked.
        assert await fetch_small([f"{base}/a"], 64) == {}
    finally:
        await runner.cleanup()
    assert await fetch_small([f"{base}/a"], 64, DownloadRules(own=True)) == {}
    assert await fetch_small([], 64) == {}
