"""What a command talks to, real sockets on loopback: settings, endpoints that misbehave, a controller's socket."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from console.model import KnownRelease, NodeStatus
from console.node.protocol import release_to_json, status_to_json

REGISTRY = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
VALIDATOR = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
CHAIN_ID = 31337


def write_settings(ethereum: str, cometbft: str, *, name: str = "testnet", node: Path | None = None) -> Path:
    """Write the operator's settings file with one network, and with a node whose folders are below `node`."""
    text = (
        f'[networks.{name}]\nkind = "ipc"\nchain_id = "test-1"\nevm_chain_id = {CHAIN_ID}\nregistry = "{REGISTRY}"\n'
        f'cometbft_rpc = ["{cometbft}"]\nethereum_rpc = ["{ethereum}"]\n'
    )
    if node is not None:
        text += (
            f'proposer_key = "{node / "proposer.key"}"\n'
            f'[networks.{name}.nodes.node1]\nhome = "{node / "home"}"\nstate_dir = "{node / "state"}"\n'
            f'daemon = "subnetd"\narguments = ["node", "start", "--home", "{{home}}"]\naddress = "{VALIDATOR}"\n'
            f'cometbft_rpc = "{cometbft}"\nethereum_rpc = "{ethereum}"\noperator_key = "{node / "operator.key"}"\n'
        )
    path = Path(os.environ["XDG_CONFIG_HOME"]) / "upgrade-console" / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@asynccontextmanager
async def closed_port() -> AsyncIterator[str]:
    """A URL at which nobody listens, as long as the block lasts."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{holder.getsockname()[1]}"


@asynccontextmanager
async def endpoint(handler: Callable[[web.Request], Any]) -> AsyncIterator[str]:
    """An HTTP server on loopback; yields its URL."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def html(_request: web.Request) -> web.Response:
    """What a proxy says when there is no node behind it."""
    return web.Response(text="<!DOCTYPE html><html><body>502 Bad Gateway</body></html>", content_type="text/html")


def answering(answers: dict[str, object], seen: list[str] | None = None) -> Callable[[web.Request], Any]:
    """A JSON-RPC endpoint with fixed answers by method; others are unknown to it."""

    def one(request: dict[str, Any]) -> dict[str, Any]:
        if seen is not None:
            seen.append(request["method"])
        head = {"jsonrpc": "2.0", "id": request["id"]}
        if request["method"] not in answers:
            return {**head, "error": {"code": -32601, "message": "method not found"}}
        return {**head, "result": answers[request["method"]]}

    async def handle(request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        return web.json_response([one(entry) for entry in body] if isinstance(body, list) else one(body))

    return handle


def without_code() -> Callable[[web.Request], Any]:
    """An Ethereum endpoint of the right chain, with nothing at the registry's address."""
    return answering({"eth_chainId": hex(CHAIN_ID), "eth_getCode": "0x", "eth_call": "0x", "eth_blockNumber": "0x77"})


@asynccontextmanager
async def controller(
    state_dir: Path, status: NodeStatus, asked: list[str] | None = None, *, release: KnownRelease | None = None
) -> AsyncIterator[None]:
    """A controller's socket that answers every request with one status, and `release` with that release."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            request = json.loads(line)
            if asked is not None:
                asked.append(request["method"])
            told = release if request["method"] == "release" else None
            result = status_to_json(status) if told is None else release_to_json(told)
            answer = {"jsonrpc": "2.0", "id": request["id"], "result": result}
            writer.write(json.dumps(answer).encode() + b"\n")
        writer.close()

    run = state_dir / "run"
    run.mkdir(parents=True)
    folder = os.open(run, os.O_RDONLY)
    try:
        # The test's folders are longer than a socket's path may be.
        server = await asyncio.start_unix_server(serve, f"/proc/self/fd/{folder}/control.sock")
        async with server:
            yield
    finally:
        os.close(folder)
