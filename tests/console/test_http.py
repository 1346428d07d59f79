"""What the exchange below JSON-RPC and REST sends, keeps and refuses; the rest is tested through both."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from console.errors import BadAnswer, EndpointDown
from console.http import Http
from tests.console.chain import servers

pytestmark = pytest.mark.anyio

CAP = 1000


async def ask(http: Http, url: str, **headers: str) -> bytes:
    return (await http.exchange("GET", url, "endpoint", deadline_s=5, headers=headers)).content


async def test_one_connection_is_kept_and_no_cookie() -> None:
    seen: list[tuple[object, str | None]] = []

    async def handle(request: web.Request) -> web.Response:
        assert request.transport is not None
        seen.append((request.transport.get_extra_info("peername"), request.headers.get("Cookie")))
        return web.Response(text="x", headers={"Set-Cookie": "who=we"})

    http = Http(max_bytes=CAP)
    async with servers.http(handle) as url:
        assert [await ask(http, url), await ask(http, url)] == [b"x", b"x"]
        await http.close()
    assert len({peer for peer, _ in seen}) == 1
    assert [cookie for _, cookie in seen] == [None, None]


async def test_a_path_is_sent_as_it_is_written_and_a_token_counts_more_than_a_password() -> None:
    seen: list[tuple[str, str | None]] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append((request.raw_path, request.headers.get("Authorization")))
        return web.Response()

    http = Http(max_bytes=CAP)
    async with servers.http(handle) as url:
        await ask(http, f"{url}/a%2Fb?c=%27d%27")
        named = url.replace("//", "//me:word@")
        await ask(http, named)
        await ask(http, named, Authorization="Bearer token")
        await http.close()
    assert seen == [("/a%2Fb?c=%27d%27", None), ("/", "Basic bWU6d29yZA=="), ("/", "Bearer token")]


async def test_what_speaks_no_tls_is_said_to() -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.Response()

    http = Http(max_bytes=CAP)
    async with servers.http(handle) as url:
        with pytest.raises(EndpointDown, match="TLS is not acceptable"):
            await ask(http, url.replace("http:", "https:"))
        await http.close()


@pytest.mark.parametrize(
    ("raw", "kind", "says"),
    [
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1_000_000 + b"\r\n\r\n", BadAnswer, "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", BadAnswer, "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", EndpointDown, "without a whole answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", BadAnswer, "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", BadAnswer, "more than 1000 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx", BadAnswer, "compressed"),
        (b"", EndpointDown, "without a whole answer"),
    ],
    ids=["a header without end", "a length below zero", "half a body", "no chunk", "too much", "compressed", "nothing"],
)
async def test_what_is_no_whole_answer(raw: bytes, kind: type[Exception], says: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(raw)
        await writer.drain()

    http = Http(max_bytes=CAP)
    async with servers.raw(talk) as url:
        with pytest.raises(kind, match=says):
            await ask(http, url)
    await http.close()
