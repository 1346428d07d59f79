"""The hardened client against real servers: good ones, hostile ones and none."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from typing import Any

import pytest
from aiohttp import web

from console.chain.rpc import Call, JsonRpc, endpoint_name
from console.errors import BadAnswer, ChainError, EndpointDown
from tests.console.chain import servers

pytestmark = pytest.mark.anyio


def answering(body: bytes | str, **keywords: Any) -> Any:
    """A handler that always answers with these bytes."""

    async def handle(request: web.Request) -> web.Response:
        await request.read()
        raw = body.encode() if isinstance(body, str) else body
        return web.Response(body=raw, **{"content_type": "application/json", **keywords})

    return handle


async def failure(handler: Any, *, calls: int = 1, **keywords: Any) -> ChainError:
    """The error of one request to a server with that handler."""
    client = JsonRpc(**keywords)
    async with servers.http(handler) as url:
        with pytest.raises(ChainError) as caught:
            await client.batch(url, [Call("status")] * calls)
    await client.close()
    sentence = str(caught.value)
    assert sentence.isprintable()
    assert "http://127.0.0.1:" in sentence
    assert len(sentence) < 400
    return caught.value


class TestGood:
    async def test_call_and_batch_are_one_request_each(self) -> None:
        async with servers.json_rpc(lambda method, params: [method, params]) as server:
            client = JsonRpc()
            reply = await client.call(server.url, "a", {"height": "1"})
            assert reply.value("a") == ["a", {"height": "1"}]
            replies = await client.batch(server.url, [Call("b", [1]), Call("c")])
            assert [reply.result for reply in replies] == [["b", [1]], ["c", []]]
            assert server.requests == [["a"], ["b", "c"]]
            await client.close()

    async def test_batch_in_any_order(self) -> None:
        async def handle(request: web.Request) -> web.Response:
            calls = await request.json()
            return web.json_response(
                [{"jsonrpc": "2.0", "id": c["id"], "result": c["method"]} for c in reversed(calls)]
            )

        client = JsonRpc()
        async with servers.http(handle) as url:
            replies = await client.batch(url, [Call("a"), Call("b"), Call("c")])
        assert [reply.result for reply in replies] == ["a", "b", "c"]
        await client.close()

    async def test_an_error_of_one_call_is_its_own(self) -> None:
        def answer(method: str, params: Any) -> Any:
            if method == "bad":
                raise servers.Refusal(-32603, "Internal error", "height 9 must be less\x1b[2J")
            return 1

        async with servers.json_rpc(answer) as server:
            client = JsonRpc()
            good, bad = await client.batch(server.url, [Call("good"), Call("bad")])
            assert good.value("x") == 1
            with pytest.raises(BadAnswer, match=r"commit was answered with error -32603: Internal error: height 9"):
                bad.value("commit")
            assert "\x1b" not in str(bad.error)
            await client.close()

    async def test_json_rpc_errors_come_with_http_500(self) -> None:
        body = json.dumps({"jsonrpc": "2.0", "id": -1, "error": {"code": -32603, "message": "Internal error"}})
        client = JsonRpc()
        async with servers.http(answering(body, status=500)) as url:
            reply = await client.call(url, "commit")
        assert reply.error is not None
        assert reply.error.code == -32603
        await client.close()

    async def test_age_runs_from_the_last_usable_answer(self) -> None:
        now = [100.0]
        async with servers.json_rpc(lambda method, params: 1) as server:
            client = JsonRpc(clock=lambda: now[0])
            assert client.age_s(server.url) is None
            await client.call(server.url, "a")
            now[0] = 107.5
            assert client.age_s(server.url) == 7.5
            await server.stop()
            with pytest.raises(EndpointDown):
                await client.call(server.url, "a")
            assert client.age_s(server.url) == 7.5
            await client.close()

    async def test_a_restarted_server_is_found_again(self) -> None:
        async with servers.json_rpc(lambda method, params: 1) as server:
            client = JsonRpc()
            await client.call(server.url, "a")
            await server.stop()
            await server.start()
            assert (await client.call(server.url, "a")).result == 1
            await client.close()

    async def test_the_environments_proxy_is_not_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        async with servers.json_rpc(lambda method, params: 1) as server:
            client = JsonRpc()
            assert (await client.call(server.url, "a")).result == 1
            await client.close()


class TestHostile:
    @pytest.mark.parametrize(
        ("body", "says"),
        [
            ("<!DOCTYPE html><html><body>502</body></html>", "HTML"),
            ("\n <HTML>", "HTML"),
            ("", "an empty body"),
            ("502 Bad Gateway", "text that is not JSON"),
            ('{"jsonrpc":"2.0","id":1,"id":1,"result":1}', "a key twice"),
            ('{"jsonrpc":"2.0","id":1,"result":NaN}', "NaN"),
            ('{"jsonrpc":"2.0","id":1,"result":' + "[" * 10_000 + "]" * 10_000 + "}", "deeper than 64"),
            ('{"jsonrpc":"2.0","id":1,"result":"\xff"}'.encode("latin-1"), "not UTF-8"),
            ("[]", "not JSON-RPC 2.0"),
            ("1", "not JSON-RPC 2.0"),
            ('{"jsonrpc":"1.0","id":1,"result":1}', "not JSON-RPC 2.0"),
            ('{"jsonrpc":"2.0","id":1}', "neither a result nor an error"),
            ('{"jsonrpc":"2.0","id":77,"result":1}', "another request"),
            ('{"jsonrpc":"2.0","id":"1","result":1}', "another request"),
            ('{"jsonrpc":"2.0","id":true,"result":1}', "another request"),
            ('{"jsonrpc":"2.0","id":1,"error":"no"}', "not an object"),
        ],
    )
    async def test_not_json_rpc(self, body: str | bytes, says: str) -> None:
        error = await failure(answering(body))
        assert isinstance(error, BadAnswer)
        assert says in str(error)

    async def test_the_http_status_is_said(self) -> None:
        error = await failure(answering("<html>", status=502))
        assert "HTML instead of JSON-RPC (HTTP 502)" in str(error)

    async def test_huge_declared(self) -> None:
        began = time.monotonic()
        error = await failure(answering(b"x" * 2_000_000), max_bytes=1_000_000)
        assert isinstance(error, BadAnswer)
        assert "more than 1000000 bytes" in str(error)
        assert time.monotonic() - began < 1.5

    async def test_endless_body(self) -> None:
        async def endless(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            try:
                while True:
                    await response.write(b"[" * 65536)
            except ConnectionError:
                return response

        error = await failure(endless, max_bytes=1_000_000, deadline_s=10.0)
        assert "more than 1000000 bytes" in str(error)

    async def test_compressed_bomb(self) -> None:
        bomb = gzip.compress(b"0" * 50_000_000)
        error = await failure(answering(bomb, headers={"Content-Encoding": "gzip"}))
        assert isinstance(error, BadAnswer)
        assert "compressed" in str(error)

    async def test_redirects_are_not_followed(self) -> None:
        asked: list[str] = []

        async def redirect(request: web.Request) -> web.Response:
            asked.append(request.path)
            return web.Response(status=307, headers={"Location": "/elsewhere"})

        error = await failure(redirect)
        assert isinstance(error, BadAnswer)
        assert "redirect (HTTP 307)" in str(error)
        assert asked == ["/"]

    @pytest.mark.parametrize(
        ("body", "says"),
        [
            ("[]", "0 of 2 calls"),
            ('{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no batches"}}', "no batches"),
            ('{"jsonrpc":"2.0","id":1,"result":1}', "single value"),
            ('[{"jsonrpc":"2.0","id":1,"result":1},{"jsonrpc":"2.0","id":1,"result":1}]', "one twice"),
            ('[{"jsonrpc":"2.0","id":1,"result":1},{"jsonrpc":"2.0","id":9,"result":1}]', "not made"),
            ('[{"jsonrpc":"2.0","id":1,"result":1}]', "1 of 2 calls"),
            ("[1,2]", "not JSON-RPC"),
            ('"x"', "not JSON-RPC"),
        ],
    )
    async def test_batches(self, body: str, says: str) -> None:
        error = await failure(answering(body), calls=2)
        assert isinstance(error, BadAnswer)
        assert says in str(error)

    async def test_not_http(self) -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            writer.write(b"220 mail.example ESMTP\r\n\r\n")
            await writer.drain()

        client = JsonRpc()
        async with servers.raw(talk) as url:
            with pytest.raises(BadAnswer, match="not HTTP"):
                await client.call(url, "a")
        await client.close()


class TestDown:
    async def test_refused(self) -> None:
        async with servers.json_rpc(lambda method, params: 1) as server:
            url = server.url
        client = JsonRpc()
        with pytest.raises(EndpointDown, match="does not answer"):
            await client.call(url, "a")
        await client.close()

    async def test_silence_ends_at_the_deadline(self) -> None:
        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asyncio.Event().wait()

        client = JsonRpc(deadline_s=0.3)
        async with servers.raw(silent) as url:
            began = time.monotonic()
            with pytest.raises(EndpointDown, match=r"within 0\.3 s"):
                await client.call(url, "a")
            assert time.monotonic() - began < 2
        await client.close()

    async def test_a_slow_drip_cannot_stretch_the_deadline(self) -> None:
        sent: list[int] = []

        async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while True:
                writer.write(b" ")
                await writer.drain()
                sent.append(1)
                await asyncio.sleep(0.02)

        client = JsonRpc(deadline_s=0.4)
        async with servers.raw(drip) as url:
            began = time.monotonic()
            with pytest.raises(EndpointDown):
                await client.call(url, "a")
            assert time.monotonic() - began < 2
            assert len(sent) > 3
        await client.close()

    async def test_closed_in_the_middle(self) -> None:
        async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
            await writer.drain()

        client = JsonRpc()
        async with servers.raw(cut) as url:
            with pytest.raises(EndpointDown):
                await client.call(url, "a")
        await client.close()

    @pytest.mark.parametrize("url", ["ftp://127.0.0.1:1", "http://127.0.0.1:99999", "http://", "http://[::1"])
    async def test_unusable_urls(self, url: str) -> None:
        client = JsonRpc()
        with pytest.raises(ChainError):
            await client.call(url, "a")
        await client.close()


def test_endpoint_names_hold_no_secret() -> None:
    assert endpoint_name("https://user:pass@example.org:8545/v1/key?token=1#x") == "https://example.org:8545"
    assert endpoint_name("http://[::1]:80/") == "http://[::1]:80"
    for odd in ("http://a\x1b[2J:1/", "http://[::1", "http://a\u202eb:1/", "http://a:99999", ""):
        assert endpoint_name(odd).isprintable()
