"""Downloads: only the promised bytes, and nothing left behind."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from console.errors import ReleaseError
from console.model import FailureCode
from console.node import download as module
from console.node.download import download, mirrored

pytestmark = pytest.mark.anyio

BODY = b"#!/bin/sh\nexit 0\n" * 1000
SHA256 = hashlib.sha256(BODY).hexdigest()


@asynccontextmanager
async def serving(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server = site._server
    assert isinstance(server, asyncio.Server)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v0.2.0/node"
    await runner.cleanup()


async def refused(url: str, folder: Path, sha256: str = SHA256) -> FailureCode:
    with pytest.raises(ReleaseError) as caught:
        await download(url, sha256, folder)
    assert not folder.exists() or list(folder.iterdir()) == []
    return FailureCode(caught.value.code)


async def test_the_promised_bytes_are_kept(tmp_path: Path) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=BODY)

    seen: list[int] = []
    async with serving(handler) as url:
        file = await download(url, SHA256, tmp_path / "d", seen.append)
    assert file.read_bytes() == BODY
    assert seen[-1] == len(BODY)
    assert [entry.name for entry in (tmp_path / "d").iterdir()] == [SHA256]


async def test_other_bytes_are_thrown_away(tmp_path: Path) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=BODY + b"x")

    async with serving(handler) as url:
        assert await refused(url, tmp_path / "d") is FailureCode.HASH_MISMATCH


@pytest.mark.parametrize("status", [404, 500, 302])
async def test_any_other_answer_is_a_failed_download(tmp_path: Path, status: int) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": "http://127.0.0.1:1/"})

    async with serving(handler) as url:
        assert await refused(url, tmp_path / "d") is FailureCode.DOWNLOAD_FAILED


async def test_a_compressed_answer_is_refused(tmp_path: Path) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=BODY, headers={"Content-Encoding": "gzip"})

    async with serving(handler) as url:
        assert await refused(url, tmp_path / "d") is FailureCode.DOWNLOAD_FAILED


async def test_a_cut_connection_leaves_nothing(tmp_path: Path) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(BODY))})
        await response.prepare(request)
        await response.write(BODY[:100])
        assert request.transport is not None
        request.transport.abort()
        return response

    async with serving(handler) as url:
        assert await refused(url, tmp_path / "d") is FailureCode.DOWNLOAD_FAILED


async def test_an_endless_answer_is_cut_at_the_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 1 << 20)

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(64):
            await response.write(b"x" * (1 << 16))
        return response

    async with serving(handler) as url:
        assert await refused(url, tmp_path / "d") is FailureCode.DOWNLOAD_FAILED


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/x",
        "ftp://127.0.0.1/x",
        "file:///etc/passwd",
        "https://user@127.0.0.1/x",
        "http://127.0.0.1:1/x",
    ],
)
async def test_unsafe_or_dead_urls_are_refused(tmp_path: Path, url: str) -> None:
    assert await refused(url, tmp_path / "d") is FailureCode.DOWNLOAD_FAILED


def test_a_mirror_takes_the_file_name_only() -> None:
    assert mirrored("http://a/v1/node", "") == "http://a/v1/node"
    assert mirrored("http://a/v1/node?x=1", "http://m/base/") == "http://m/base/node"
