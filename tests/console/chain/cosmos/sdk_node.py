"""A Cosmos SDK node as far as this console asks it: one state behind CometBFT's RPC, `abci_query` and REST.

The state is what REST gives, as JSON; `abci_query` gives the same, written in protobuf by the field numbers of the
SDK's .proto files. What real nodes answer is in tests/recorded/cosmos.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web

from console.chain.cosmos import queries, shapes
from console.chain.cosmos.shapes import Shape
from tests.console.chain import servers
from tests.console.chain.servers import JsonRpcServer, Refusal
from tests.console.chain.test_protobuf import field as wire_field

CHAIN_ID = "testchain-1"
INFO = '{"binaries":{"linux/amd64":"https://example.invalid/v2?checksum=sha256:' + "ab" * 32 + '"}}'
TIME = "2026-08-01T11:52:22.818762194Z"
_ENUMS = {
    "PROPOSAL_STATUS_DEPOSIT_PERIOD": 1,
    "PROPOSAL_STATUS_VOTING_PERIOD": 2,
    "PROPOSAL_STATUS_PASSED": 3,
    "PROPOSAL_STATUS_REJECTED": 4,
    "PROPOSAL_STATUS_FAILED": 5,
    "BOND_STATUS_UNBONDED": 1,
    "BOND_STATUS_UNBONDING": 2,
    "BOND_STATUS_BONDED": 3,
    "VOTE_OPTION_YES": 1,
    "VOTE_OPTION_ABSTAIN": 2,
    "VOTE_OPTION_NO": 3,
    "VOTE_OPTION_NO_WITH_VETO": 4,
}
_SHAPES: Mapping[str, Shape] = {
    "/cosmos.upgrade.v1beta1.Query/CurrentPlan": shapes.CURRENT_PLAN,
    "/cosmos.upgrade.v1beta1.Query/AppliedPlan": shapes.APPLIED_PLAN,
    "/cosmos.upgrade.v1beta1.Query/ModuleVersions": shapes.MODULE_VERSIONS,
    "/cosmos.staking.v1beta1.Query/Validators": shapes.VALIDATORS,
    "/cosmos.staking.v1beta1.Query/Pool": shapes.POOL,
    "/cosmos.slashing.v1beta1.Query/SigningInfos": shapes.SIGNING_INFOS,
    "/cosmos.slashing.v1beta1.Query/Params": shapes.SLASHING_PARAMS,
    "/cosmos.base.tendermint.v1beta1.Service/GetNodeInfo": shapes.NODE_INFO,
    **{f"/cosmos.gov.{each}.Query/Proposals": shapes.PROPOSALS[each] for each in ("v1", "v1beta1")},
    **{f"/cosmos.gov.{each}.Query/TallyResult": shapes.TALLY[each] for each in ("v1", "v1beta1")},
    **{f"/cosmos.gov.{each}.Query/Params": shapes.GOV_PARAMS[each] for each in ("v1", "v1beta1")},
    **{f"/cosmos.gov.{each}.Query/Votes": shapes.VOTES[each] for each in ("v1", "v1beta1")},
    **{f"/cosmos.gov.{each}.Query/Vote": shapes.VOTE[each] for each in ("v1", "v1beta1")},
}


def written(shape: Shape, value: Mapping[str, Any]) -> bytes:
    """JSON of REST as the protobuf that `abci_query` answers."""
    raw = b""
    for number, each in shape.items():
        found = value.get(each.name)
        for one in found if each.repeated and found else [found]:
            if one not in (None, "", False, []):
                raw += wire_field(number, _wire(each.written, one))
    return raw


def _wire(how: Any, value: Any) -> int | bytes:
    if how in {shapes._int, shapes._flag} or value in _ENUMS if isinstance(value, str | bool | int) else False:
        number = _ENUMS.get(value, value) if isinstance(value, str) else value
        return int(number) % (1 << 64)
    if how is shapes._base64:
        return base64.b64decode(value)
    if how is shapes._decimal:
        whole, _, rest = str(value).partition(".")
        return str(int(whole + rest.ljust(18, "0"))).encode()
    if how is shapes._span:
        return wire_field(1, int(str(value).removesuffix("s")))
    if how is shapes._time:
        moment, _, rest = value.removesuffix("Z").partition(".")
        seconds = int(datetime.fromisoformat(f"{moment}+00:00").timestamp())
        return wire_field(1, seconds % (1 << 64)) + (wire_field(2, int(rest.ljust(9, "0"))) if rest else b"")
    if how is shapes._any:
        kind = value["@type"]
        content = written(shapes._ANY[kind], value) if kind in shapes._ANY else b"\x0a\x01x"
        return wire_field(1, kind.encode()) + wire_field(2, content)
    if isinstance(value, dict):
        return written(_shape_of(how), value)
    return str(value).encode()


def _shape_of(how: Any) -> Shape:
    (shape,) = (cell.cell_contents for cell in how.__closure__)
    found: Shape = shape
    return found


def key_of(name: str) -> bytes:
    """A consensus key, made from a name."""
    return hashlib.sha256(name.encode()).digest()


def address_of(name: str) -> str:
    """Its consensus address."""
    return hashlib.sha256(key_of(name)).digest()[:20].hex().upper()


def upgrade_message(name: str, height: int, info: str = INFO) -> dict[str, Any]:
    """The message that schedules an upgrade."""
    return {
        "@type": "/cosmos.upgrade.v1beta1.MsgSoftwareUpgrade",
        "authority": "cosmos10d07y265gmmuvt4z0w9aw880jnsr700j6zn9kn",
        "plan": {"name": name, "height": str(height), "info": info},
    }


def proposal(number: int, *messages: dict[str, Any], status: str = "VOTING_PERIOD", **changes: Any) -> dict[str, Any]:
    """A proposal of gov v1."""
    return {
        "id": str(number),
        "messages": list(messages),
        "status": f"PROPOSAL_STATUS_{status}",
        "final_tally_result": tally(0, 0, 0, 0),
        "submit_time": TIME,
        "deposit_end_time": "2026-08-03T11:52:22Z",
        "total_deposit": [{"denom": "stake", "amount": "10000000"}],
        "voting_start_time": TIME,
        "voting_end_time": "2026-08-05T11:52:22Z",
        "metadata": "",
        "title": f"Proposal {number}",
        "summary": "What it is about",
        "proposer": "cosmos1proposer",
        "expedited": False,
        "failed_reason": "",
    } | changes


def tally(yes: int, abstain: int, no: int, veto: int) -> dict[str, str]:
    """A tally of gov v1."""
    return {
        "yes_count": str(yes),
        "abstain_count": str(abstain),
        "no_count": str(no),
        "no_with_veto_count": str(veto),
    }


def validator(name: str, tokens: int, *, status: str = "BONDED", jailed: bool = False) -> dict[str, Any]:
    """A validator of x/staking."""
    return {
        "operator_address": f"cosmosvaloper1{name}",
        "consensus_pubkey": {
            "@type": "/cosmos.crypto.ed25519.PubKey",
            "key": base64.b64encode(key_of(name)).decode(),
        },
        "jailed": jailed,
        "status": f"BOND_STATUS_{status}",
        "tokens": str(tokens),
        "description": {"moniker": name},
    }


class NotThere(Exception):
    """What is asked for is not on the chain."""


@dataclass
class SdkNode:
    """One node: change its fields, and it answers so."""

    height: int = 4000
    app_height: int | None = None
    """Of the application; None: the same."""
    chain_id: str = CHAIN_ID
    plan: dict[str, Any] | None = None
    applied: dict[str, int] = field(default_factory=dict)
    proposals: list[dict[str, Any]] = field(default_factory=list)
    tallies: dict[int, dict[str, str]] = field(default_factory=dict)
    validators: list[dict[str, Any]] = field(
        default_factory=lambda: [validator(f"val{n}", 10 * 10**6) for n in range(1, 5)]
    )
    infos: list[dict[str, Any]] = field(default_factory=list)
    votes: list[dict[str, Any]] = field(default_factory=list)
    """On whatever proposal is asked about."""
    bonded: int = 40 * 10**6
    queries: bool = True
    """Whether `abci_query` is open."""
    refused: frozenset[str] = frozenset()
    """Parts of gRPC or REST paths that are not there."""
    page: int = 1000
    """Entries on a page, whatever is asked for."""
    most_together: int = 1000
    """Proposals of one page beyond which an answer is larger than anybody reads."""
    block_hash: str = "AB" * 32
    catching_up: bool = False
    asked: list[str] = field(default_factory=list)
    rest_body: str | None = None
    """Answered by REST instead of everything, when set."""
    rest_status: int = 200

    @property
    def _state_height(self) -> int:
        return self.height if self.app_height is None else self.app_height

    # CometBFT

    def rpc(self, method: str, params: Any) -> Any:
        """A CometBFT answer."""
        if method == "status":
            return self._status()
        if method == "abci_info":
            return {"response": {"version": "v1.0.0", "last_block_height": str(self._state_height)}}
        if method == "net_info":
            return {"n_peers": "3"}
        if method == "validators":
            return self._validator_page(int(params["page"]))
        if method == "abci_query":
            return {"response": self._query(params)}
        raise Refusal(-32601, "Method not found")

    def _status(self) -> dict[str, Any]:
        return {
            "node_info": {"network": self.chain_id, "moniker": "val1"},
            "sync_info": {
                "latest_block_height": str(self.height),
                "latest_block_time": TIME,
                "latest_block_hash": self.block_hash,
                "catching_up": self.catching_up,
            },
            "validator_info": {"address": address_of("val1"), "voting_power": "10"},
        }

    def _validator_page(self, page: int) -> dict[str, Any]:
        bonded = [each for each in self.validators if each["status"] == "BOND_STATUS_BONDED"]
        if page > -(-len(bonded) // 100):
            raise Refusal(-32603, "Internal error", "page out of range")
        shown = bonded[100 * (page - 1) : 100 * page]
        return {
            "block_height": str(self.height),
            "validators": [
                {
                    "address": address_of(each["description"]["moniker"]),
                    "pub_key": {"type": "tendermint/PubKeyEd25519", "value": each["consensus_pubkey"]["key"]},
                    "voting_power": str(int(each["tokens"]) // 10**6),
                }
                for each in shown
            ],
            "count": str(len(shown)),
            "total": str(len(bonded)),
        }

    def _query(self, params: Any) -> dict[str, Any]:
        path = params["path"]
        self.asked.append(path)
        at = int(params["height"])
        if not self.queries or any(each in path for each in self.refused):
            return {"code": 6, "log": "unknown query path: unknown request", "height": "0"}
        if at > self._state_height:
            return {"code": 38, "log": "cannot query with height in the future", "height": "0"}
        request = dict(_fields(bytes.fromhex(params["data"])))
        if path.endswith("/Proposals") and dict(_fields(request.get(4, b"")))[3] > self.most_together:
            return {"code": 0, "value": "A" * (9 << 20), "height": str(self._state_height)}
        try:
            body = self._body(path, request)
        except NotThere as error:
            return {"code": 18, "log": str(error), "codespace": "sdk", "height": "0"}
        raw = written(_SHAPES[path], body)
        return {
            "code": 0,
            "value": base64.b64encode(raw).decode() if raw else None,
            "height": str(at or self._state_height),
        }

    # What both tell

    def _body(self, path: str, request: Mapping[int, Any]) -> dict[str, Any]:
        part = path.rpartition("/")[2]
        older = ".v1beta1." in path and ".gov." in path
        if part == "CurrentPlan":
            return {"plan": self.plan}
        if part == "AppliedPlan":
            return {"height": str(self.applied.get(request[1].decode(), 0))}
        if part == "ModuleVersions":
            return {"module_versions": [{"name": "bank", "version": "4"}, {"name": "auth", "version": "5"}]}
        if part == "Proposals":
            return self._proposals(int(request.get(1, 0)), older=older)
        if part == "TallyResult":
            found = self.tallies.get(int(request[1]), tally(0, 0, 0, 0))
            return {"tally": {k.removesuffix("_count"): v for k, v in found.items()} if older else found}
        if part == "Validators":
            return self._paged("validators", self.validators, request.get(2, b""))
        if part == "SigningInfos":
            return self._paged("info", self.infos, request.get(1, b""))
        if part == "Votes":
            return self._paged("votes", self.votes, request.get(2, b""))
        if part == "Vote":
            voter = request[2].decode()
            cast = next((each for each in self.votes if each["voter"] == voter), None)
            if cast is None:
                raise NotThere(f"voter: {voter} not found for proposal: {request[1]}")
            return {"vote": cast}
        if part == "Pool":
            return {"pool": {"not_bonded_tokens": "5", "bonded_tokens": str(self.bonded)}}
        if part == "GetNodeInfo":
            version = {
                "name": "testchain",
                "version": "v1.0.0",
                "git_commit": "c0ffee",
                "cosmos_sdk_version": "v0.53.0",
            }
            return {"default_node_info": {"network": self.chain_id}, "application_version": version}
        if ".slashing." in path:
            return {"params": {"signed_blocks_window": "10000"}}
        rules = {
            "quorum": "0.334000000000000000",
            "threshold": "0.500000000000000000",
            "veto_threshold": "0.334000000000000000",
        }
        deposit = {"min_deposit": [{"denom": "stake", "amount": "10000000"}]}
        if older:
            # As SDK 0.45 has it: what was not asked for is there, and zero.
            told: dict[str, Any] = {
                "voting_params": {"voting_period": "0s"},
                "deposit_params": {"min_deposit": []},
                "tally_params": dict.fromkeys(rules, "0.000000000000000000"),
            }
            asked: dict[bytes, dict[str, Any]] = {
                b"tallying": {"tally_params": rules},
                b"deposit": {"deposit_params": deposit},
                b"voting": {"voting_params": {"voting_period": "172800s"}},
            }
            return told | asked[request[1]]
        faster = {
            "voting_period": "172800s",
            "expedited_threshold": "0.667000000000000000",
            "expedited_min_deposit": [{"denom": "stake", "amount": "50000000"}],
        }
        return {"params": rules | deposit | faster}

    def _proposals(self, status: int, *, older: bool) -> dict[str, Any]:
        found = [each for each in reversed(self.proposals) if not status or _ENUMS[each["status"]] == status]
        if older:
            found = [_as_older(each) for each in found]
        more = {"pagination": {"next_key": base64.b64encode(b"more").decode()}} if len(found) > self.page else {}
        return {"proposals": found[: self.page], **more}

    def _paged(self, name: str, rows: list[dict[str, Any]], page: bytes) -> dict[str, Any]:
        asked = dict(_fields(page))
        start = int(asked.get(1, b"0") or b"0")
        size = min(self.page, int(asked.get(3, 100)))
        end = start + size
        key = base64.b64encode(str(end).encode()).decode() if end < len(rows) else None
        return {name: rows[start:end], "pagination": {"next_key": key, "total": "0"}}

    # REST

    async def rest(self, request: web.Request) -> web.StreamResponse:
        """A REST answer."""
        self.asked.append(request.path_qs)
        if self.rest_body is not None:
            return web.Response(text=self.rest_body, status=self.rest_status, content_type="text/html")
        if any(each in request.path_qs for each in self.refused):
            return web.json_response({"code": 12, "message": "Not Implemented", "details": []}, status=501)
        at = int(request.headers.get("x-cosmos-block-height", "0"))
        if at > self._state_height:
            return web.json_response({"code": 3, "message": "height in the future"}, status=400)
        if request.path.endswith("/blocks/latest"):
            return web.json_response({"block": {"header": {"height": str(self.height)}}})
        try:
            body = {"syncing": self.catching_up} if request.path.endswith("/syncing") else self._rest_body(request)
        except NotThere as error:
            return web.json_response({"code": 3, "message": str(error), "details": []}, status=400)
        headers = {"Grpc-Metadata-X-Cosmos-Block-Height": str(at or self._state_height)}
        return web.json_response(body, headers=headers)

    def _rest_body(self, request: web.Request) -> dict[str, Any]:
        path, words = request.path, request.query
        page = b"".join(
            wire_field(number, value)
            for number, value in (
                (1, base64.urlsafe_b64decode(words.get("pagination.key", ""))),
                (3, int(words.get("pagination.limit", "100"))),
            )
            if value
        )
        older = "/v1beta1/" in path
        gov = f"/cosmos.gov.{'v1beta1' if older else 'v1'}.Query/"
        last = path.rpartition("/")[2]
        if path == queries.CURRENT_PLAN.path:
            return self._body(queries.CURRENT_PLAN.grpc, {})
        if "/applied_plan/" in path:
            return self._body("x/AppliedPlan", {1: last.encode()})
        if "/gov/" in path:
            if last == "proposals":
                return self._body(f"{gov}Proposals", {1: int(words.get("proposal_status", "0"))})
            if last == "votes":
                return self._body(f"{gov}Votes", {2: page})
            if "/votes/" in path:
                return self._body(f"{gov}Vote", {1: int(path.split("/")[-3]), 2: last.encode()})
            if last == "tally":
                return self._body(f"{gov}TallyResult", {1: int(path.split("/")[-2])})
            return self._body(f"{gov}Params", {1: last.encode()})
        if last == "validators":
            return self._body("x/Validators", {2: page})
        if last == "signing_infos":
            return self._body("x/SigningInfos", {1: page})
        names = {
            each.path: each.grpc
            for each in (queries.POOL, queries.SLASHING_PARAMS, queries.NODE_INFO, queries.MODULE_VERSIONS)
        }
        return self._body(names[path], {})


def _as_older(each: dict[str, Any]) -> dict[str, Any]:
    """A proposal as gov v1beta1 gives it."""
    (message,) = each["messages"]
    content = message["content"] if message["@type"].endswith("MsgExecLegacyContent") else message
    if "plan" in content and "title" not in content:
        content = {
            "@type": "/cosmos.upgrade.v1beta1.SoftwareUpgradeProposal",
            "title": each["title"],
            "description": each["summary"],
            "plan": content["plan"],
        }
    kept = {
        name: each[name]
        for name in (
            "status",
            "submit_time",
            "deposit_end_time",
            "total_deposit",
            "voting_start_time",
            "voting_end_time",
        )
    }
    final = {name.removesuffix("_count"): value for name, value in each["final_tally_result"].items()}
    return {"proposal_id": each["id"], "content": content, "final_tally_result": final, **kept}


def _fields(raw: bytes) -> list[tuple[int, Any]]:
    from console.chain.protobuf import occurrences

    return list(occurrences(raw, "a request"))


@dataclass
class Served:
    """Nodes that are up."""

    nodes: list[SdkNode]
    rpcs: list[JsonRpcServer]
    rests: list[str]


@asynccontextmanager
async def serving(*nodes: SdkNode) -> AsyncIterator[Served]:
    """RPC and REST of every node, up inside the block."""
    async with AsyncExitStack() as stack:
        rpcs = [await stack.enter_async_context(servers.json_rpc(node.rpc)) for node in nodes]
        rests = [await stack.enter_async_context(servers.http(node.rest)) for node in nodes]
        yield Served(list(nodes), rpcs, rests)
