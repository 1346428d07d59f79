"""CometBFT's RPC in CometBFT's shapes (facts/cosmos.md §5): GET with a query, POST JSON-RPC with batches."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from .block import NO_TIME, Commit, block_id, format_time
from .events import EventPort
from .keys import PUBLIC_KEY_TYPE
from .node import Node
from .p2p import Hello, Network, Peer
from .roundstate import consensus_state, dump_consensus_state, validator_json
from .store import StoredBlock
from .validation import commit_of

Params = Mapping[str, object]
Handler = Callable[[Params], Awaitable[dict[str, object]]]
MAX_BODY = 1024 * 1024
COMETBFT_VERSION = "0.37.15"
"""Of the CometBFT whose shapes these are: what it says of itself is not the release."""
_MAX_BATCH = 100
_POSITIONS = {
    "validators": ("height", "page", "per_page"),
    "block": ("height",),
    "blockchain": ("minHeight", "maxHeight"),
    "commit": ("height",),
    "header": ("height",),
}
"""Names of parameters that are given by position."""
_MAX_HEADERS = 20
"""Of one `blockchain`, as CometBFT limits it."""


class RpcError(Exception):
    """A JSON-RPC error: code, message and CometBFT's data."""

    def __init__(self, code: int, message: str, data: str = "") -> None:
        super().__init__(data)
        # CometBFT leaves out what has the zero value.
        self.body = {"code": code, "message": message, **({"data": data} if data else {})}


def _internal(text: str) -> RpcError:
    return RpcError(-32603, "Internal error", text)


def _int(params: Params, name: str) -> int | None:
    value = params.get(name)
    if value is None or value == "":
        return None
    # A 64-bit integer is a string in JSON too.
    text = value.strip('"') if isinstance(value, str) else ""
    if not text.isascii() or not text.lstrip("-").isdigit() or len(text) > 19:
        why = f"invalid 64-bit integer encoding {json.dumps(value)} of {name}, expected string"
        raise RpcError(-32602, "Invalid params", f"error converting params to arguments: {why}")
    return int(text)


class CometPort:
    """Answers for one node."""

    def __init__(self, node: Node, network: Network, identity: Hello) -> None:
        self._node = node
        self._network = network
        self._identity = identity
        self._handlers: dict[str, Handler] = {
            "health": self._health,
            "status": self._status,
            "abci_info": self._abci_info,
            "validators": self._validators,
            "net_info": self._net_info,
            "block": self._block,
            "blockchain": self._blockchain,
            "commit": self._commit,
            "genesis": self._genesis,
            "consensus_state": self._consensus_state,
            "dump_consensus_state": self._dump,
            "header": self._header,
            "num_unconfirmed_txs": self._waiting,
        }

    def app(self) -> web.Application:
        """The web application of the RPC port."""
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_post("/", self._post)
        app.router.add_get("/websocket", EventPort(self._node, self._answer).connect)
        app.router.add_get("/{method:.*}", self._get)
        return app

    async def _get(self, request: web.Request) -> web.Response:
        method = request.match_info["method"].strip("/")
        if method not in self._handlers:
            return web.Response(text="404 page not found\n", status=404)
        answer = await self._answer(method, dict(request.query), -1)
        return _json(answer, 500 if "error" in answer else 200)

    async def _post(self, request: web.Request) -> web.Response:
        try:
            body = json.loads(await request.read())
        except (ValueError, RecursionError) as error:
            broken = RpcError(-32700, "Parse error. Invalid JSON", f"error unmarshaling request: {error}")
            return _json({"jsonrpc": "2.0", "error": broken.body}, 500)
        calls = body if isinstance(body, list) else [body]
        if len(calls) > _MAX_BATCH:
            bad = RpcError(-32600, "Invalid Request", f"a batch holds at most {_MAX_BATCH} calls")
            return _json({"jsonrpc": "2.0", "id": -1, "error": bad.body})
        # What has no id is a notification, and gets no answer.
        answers = [await self._call(each) for each in calls if not isinstance(each, dict) or "id" in each]
        if not answers:
            return web.Response()
        return _json(answers if isinstance(body, list) else answers[0])

    async def _call(self, call: object) -> dict[str, object]:
        if not isinstance(call, dict) or not isinstance(call.get("method"), str):
            return {"jsonrpc": "2.0", "id": -1, "error": RpcError(-32600, "Invalid Request", "no method").body}
        method, params = call["method"], call.get("params") or {}
        if isinstance(params, list):
            params = dict(zip(_POSITIONS.get(method, ()), params, strict=False))
        if not isinstance(params, dict):
            bad = RpcError(-32602, "Invalid params", "parameters are an object or an array")
            return {"jsonrpc": "2.0", "id": call["id"], "error": bad.body}
        return await self._answer(method, params, call["id"])

    async def _answer(self, method: str, params: Params, number: object) -> dict[str, object]:
        handler = self._handlers.get(method)
        try:
            if handler is None:
                raise RpcError(-32601, "Method not found")
            return {"jsonrpc": "2.0", "id": number, "result": await handler(params)}
        except RpcError as error:
            return {"jsonrpc": "2.0", "id": number, "error": error.body}

    # Methods.

    async def _health(self, params: Params) -> dict[str, object]:
        return {}

    async def _genesis(self, params: Params) -> dict[str, object]:
        return {"genesis": self._node.genesis.document}

    async def _abci_info(self, params: Params) -> dict[str, object]:
        info = await self._node.app.info()
        response: dict[str, object] = {
            "data": info.data,
            "version": info.version,
            "app_version": str(info.app_version),
            "last_block_height": str(info.last_block_height),
            "last_block_app_hash": base64.b64encode(info.last_block_app_hash).decode(),
        }
        # CometBFT leaves out what has the zero value.
        return {"response": {key: value for key, value in response.items() if value not in ("", "0")}}

    async def _status(self, params: Params) -> dict[str, object]:
        node = self._node
        latest, earliest = node.store.load(node.store.height), node.store.load(1)
        key = node.signer.key
        sync: dict[str, object] = {}
        for prefix, stored in (("latest", latest), ("earliest", earliest)):
            header = stored.block.header if stored is not None else None
            sync[f"{prefix}_block_hash"] = header.hash if header else ""
            sync[f"{prefix}_app_hash"] = header.app_hash if header else ""
            sync[f"{prefix}_block_height"] = str(header.height if header else 0)
            sync[f"{prefix}_block_time"] = format_time(header.time_ns) if header else NO_TIME
        sync["catching_up"] = node.catching_up
        return {
            "node_info": self._node_info(self._identity, str(node.config.p2p), str(node.config.rpc)),
            "sync_info": sync,
            "validator_info": {
                "address": key.address,
                "pub_key": {"type": PUBLIC_KEY_TYPE, "value": base64.b64encode(key.public_key).decode()},
                "voting_power": str(node.machine.validators.power(key.address)),
            },
        }

    async def _net_info(self, params: Params) -> dict[str, object]:
        peers = [self._peer_info(peer) for peer in self._network.peers.values()]
        return {"listening": True, "listeners": ["Listener(@)"], "n_peers": str(len(peers)), "peers": peers}

    async def _validators(self, params: Params) -> dict[str, object]:
        height = self._height(params, self._node.store.height + 1)
        members = self._node.store.validators.at(height).members
        asked = _int(params, "per_page")
        per_page = 30 if asked is None or asked < 1 else min(asked, 100)
        pages = max(1, -(-len(members) // per_page))
        page = _int(params, "page")
        page = 1 if page is None else page
        if not 1 <= page <= pages:
            raise _internal(f"page should be within [1, {pages}] range, given {page}")
        chosen = members[(page - 1) * per_page : page * per_page]
        return {
            "block_height": str(height),
            "validators": [validator_json(each) for each in chosen],
            "count": str(len(chosen)),
            "total": str(len(members)),
        }

    async def _block(self, params: Params) -> dict[str, object]:
        stored = self._stored(params)
        return {"block_id": block_id(stored.block.hash), "block": stored.block.to_json()}

    async def _blockchain(self, params: Params) -> dict[str, object]:
        latest = self._node.store.height
        newest = min(latest, _int(params, "maxHeight") or latest)
        oldest = max(1, _int(params, "minHeight") or 1, newest - _MAX_HEADERS + 1)
        if oldest > newest:
            raise _internal(f"min height {oldest} can't be greater than max height {newest}")
        stored = (self._node.store.load(height) for height in range(newest, oldest - 1, -1))
        return {
            "last_height": str(latest),
            "block_metas": [
                {
                    "block_id": block_id(each.block.hash),
                    "block_size": str(len(json.dumps(each.block.to_json()))),
                    "header": each.block.header.to_json(),
                    "num_txs": str(len(each.block.txs)),
                }
                for each in stored
                if each is not None
            ],
        }

    async def _commit(self, params: Params) -> dict[str, object]:
        stored = self._stored(params)
        height = stored.block.header.height
        following = self._node.store.load(height + 1)
        commit = following.block.last_commit if following is not None else self._seen_commit(stored)
        return {
            "signed_header": {"header": stored.block.header.to_json(), "commit": commit.to_json()},
            "canonical": following is not None,
        }

    async def _header(self, params: Params) -> dict[str, object]:
        return {"header": self._stored(params).block.header.to_json()}

    async def _waiting(self, params: Params) -> dict[str, object]:
        count, size = str(len(self._node.mempool)), str(self._node.mempool.size)
        return {"n_txs": count, "total": count, "total_bytes": size, "txs": None}

    async def _consensus_state(self, params: Params) -> dict[str, object]:
        return consensus_state(self._node)

    async def _dump(self, params: Params) -> dict[str, object]:
        return dump_consensus_state(self._node, list(self._network.peers.values()))

    # Parts.

    def _seen_commit(self, stored: StoredBlock) -> Commit:
        for machine in (self._node.machine, self._node.previous):
            if machine is not None and machine.decided == stored.block.hash:
                return commit_of(machine)
        return stored.commit

    def _height(self, params: Params, latest: int) -> int:
        height = _int(params, "height")
        if height is None:
            return latest
        if height <= 0:
            raise _internal(f"height must be greater than 0, but got {height}")
        if height > latest:
            raise _internal(f"height {height} must be less than or equal to the current blockchain height {latest}")
        return height

    def _stored(self, params: Params) -> StoredBlock:
        height = self._height(params, self._node.store.height)
        stored = self._node.store.load(height)
        if stored is None:
            raise _internal(f"block at height {height} not found")
        return stored

    def _node_info(self, hello: Hello, p2p: str, rpc: str) -> dict[str, object]:
        return {
            "protocol_version": {"p2p": "8", "block": "11", "app": "1"},
            "id": hello.node_id,
            "listen_addr": f"tcp://{p2p}",
            "network": hello.chain_id,
            "version": COMETBFT_VERSION,
            "channels": "402021222330386061",
            "moniker": hello.moniker,
            "other": {"tx_index": "off", "rpc_address": f"tcp://{rpc}" if rpc else ""},
        }

    def _peer_info(self, peer: Peer) -> dict[str, object]:
        return {
            "node_info": self._node_info(peer.hello, peer.address, ""),
            "is_outbound": peer.outbound,
            "connection_status": {"Duration": str(int((time.monotonic() - peer.since) * 1e9))},
            "remote_ip": peer.address.rpartition(":")[0],
        }


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(text=json.dumps(body), status=status, content_type="application/json")
