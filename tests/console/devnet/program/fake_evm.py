"""A minimal EVM process for the node's tests: the wire protocol with a made-up state, in a thread.

A transaction is the text `sender:nonce`; the state is the next nonce per sender; the root is a hash chain. What a
sender calls itself may be `members=node1=10,node2=20`: from then on these are the gateway's.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from typing import Any

from aiohttp import web
from eth_abi.abi import encode

from console.devnet.program.config import Address

from .network import GATEWAY, key_of


def raw_tx(sender: str, nonce: int) -> bytes:
    """A transaction that the fake EVM understands."""
    return f"{sender}:{nonce}".encode()


def membership(text: str) -> bytes:
    """What the gateway answers for members like `node1=10,node2=20`."""
    members = []
    for each in filter(None, text.split(",")):
        name, _, power = each.partition("=")
        public = key_of(name).public_key
        members.append((int(power), "0x" + "00" * 20, public.format(compressed=False)))
    return encode(["((uint256,address,bytes)[],uint64)"], [(members, 1)])


class FakeEvm:
    """Serves on a loopback port from `start` to `stop`; its history outlives a stop, `wipe` forgets it."""

    def __init__(self, port: int) -> None:
        self.address = Address("127.0.0.1", port)
        self.executed: list[dict[str, Any]] = []
        self.wipe()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it is served."""
        return f"http://{self.address}"

    def wipe(self) -> None:
        """Forgets all blocks."""
        self.roots = [hashlib.sha256(b"genesis").hexdigest()]
        self.blocks: list[dict[str, Any]] = [{}]
        self.nonces: list[dict[str, int]] = [{}]
        self.members: list[str] = [""]

    def start(self) -> None:
        """Opens the port."""
        ready = threading.Event()
        loop = self._loop = asyncio.new_event_loop()

        async def serve() -> None:
            app = web.Application(client_max_size=64 * 1024 * 1024)
            app.router.add_post("/", self._post)
            self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await self._runner.setup()
            await web.TCPSite(self._runner, self.address.host, self.address.port).start()
            ready.set()

        def run() -> None:
            loop.run_until_complete(serve())
            loop.run_forever()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        assert ready.wait(5), "the fake EVM did not start"

    def stop(self) -> None:
        """Closes the port and every connection."""
        if self._loop is None or self._thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()
        self._loop = self._thread = None

    async def _post(self, request: web.Request) -> web.Response:
        message = await request.json()
        status, answer = getattr(self, "_" + message["op"])(message)
        return web.json_response(answer, status=status)

    def _genesis(self, message: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return 200, {"root": "0x" + self.roots[0], "height": 0}

    def _execute(self, message: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        height, tip = message["height"], len(self.roots) - 1
        wanted = {key: message[key] for key in ("block", "time", "txs")}
        if height > tip + 1:
            return 409, {"error": "need", "need": tip + 1}
        if height <= tip:
            if self.blocks[height] != wanted:
                return 409, {"error": "fork", "height": height}
            return 200, {"root": "0x" + self.roots[height], "txs": []}
        nonces, members = dict(self.nonces[tip]), self.members[tip]
        for tx in wanted["txs"]:
            sender, _, nonce = bytes.fromhex(tx[2:]).decode().partition(":")
            if int(nonce) == nonces.get(sender, 0):
                nonces[sender] = int(nonce) + 1
                members = sender.removeprefix("members=") if sender.startswith("members=") else members
        self.blocks.append(wanted)
        self.nonces.append(nonces)
        self.members.append(members)
        self.roots.append(
            hashlib.sha256((self.roots[tip] + message["block"] + repr(sorted(nonces.items()))).encode()).hexdigest()
        )
        return 200, {"root": "0x" + self.roots[height], "txs": []}

    def _check(self, message: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        raw = bytes.fromhex(message["tx"][2:])
        sender, _, nonce = raw.decode("latin-1").partition(":")
        if not nonce.isdigit():
            return 200, {"ok": False, "reason": "undecodable"}
        expected = self.nonces[message["height"]].get(sender, 0)
        if not expected <= int(nonce) < expected + 10:
            return 200, {"ok": False, "reason": f"nonce {nonce}, expected {expected}"}
        return 200, {"ok": True, "hash": "0x" + hashlib.sha256(raw).hexdigest(), "sender": sender, "nonce": int(nonce)}

    def _rpc(self, message: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        height = message["height"]
        if height >= len(self.roots):
            return 409, {"error": "need", "need": len(self.roots)}
        responses: list[dict[str, Any]] = []
        for request in message["requests"]:
            if request["method"] == "eth_blockNumber":
                responses.append({"result": hex(max(0, height - 1))})
            elif request["method"] == "eth_getTransactionCount":
                responses.append({"result": hex(self.nonces[height].get(request["params"][0], 0))})
            elif request["method"] == "eth_call" and request["params"][0]["to"] == GATEWAY:
                responses.append({"result": "0x" + membership(self.members[height]).hex()})
            else:
                responses.append({"error": {"code": -32601, "message": "method not found"}})
        return 200, {"responses": responses}
