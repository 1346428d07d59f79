"""The embedded RPC against that of a real CometBFT: every endpoint that both serve, field by field."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from tests.peers import COMETBFT_037, require

from .both import Side, running

pytestmark = pytest.mark.peer

NOT_MEASURED = re.compile(r"result\.peers\[\]\.connection_status\.(SendMonitor|RecvMonitor|Channels)")
"""What the embedded network does not measure of its connections, and nobody reads."""
OWN = re.compile(
    # Names, keys of peers, ports, hashes, signatures, moments.
    r"(id|network|chain_id|listen_addr|rpc_address|registry|remote_ip|is_outbound|node_address|.*hash|signature|.*_time|time"
    # Where the network is, and in which round.
    r"|timestamp|.*height|height/round/step|round|step|proposer_address|address|value|proposer_priority|index|block_size"
    # What has been voted and sent up to now.
    r"|Duration|votes|votes_bit_array|prevotes.*|precommits.*|block_parts|last_commit|last_commit_round|catchup_commit.*"
    r"|proposal|proposal_pol|proposal_pol_round|proposal_block_parts|locked_round|valid_round|total|validator_address)"
)
"""Keys whose values are each network's own; all others are the same on both."""
NOT_ALWAYS = re.compile(
    "proposal(_block|_block_parts|_pol)?|(locked|valid)_block(_parts)?|last_commit|last_validators|catchup_commit"
    "|prevotes|precommits"
)
"""What there is at one moment of a round and not at another."""

VOTE = re.compile(
    r"Vote\{\d+:[0-9A-F]{12} \d+/\d\d/SIGNED_MSG_TYPE_PRECOMMIT\(Precommit\) [0-9A-F]{12} [0-9A-F]{12} @ \S+Z\}"
)

GETS = (
    "health",
    "status",
    "abci_info",
    "net_info",
    "genesis",
    "validators",
    "validators?height=2",
    "validators?page=2&per_page=1",
    "validators?page=9",
    "validators?height=99999",
    "block",
    "block?height=3",
    "block?height=0",
    "block?height=99999",
    "block?height=x",
    "header?height=3",
    "blockchain",
    "blockchain?minHeight=2&maxHeight=4",
    "blockchain?minHeight=4&maxHeight=2",
    "commit",
    "commit?height=3",
    "commit?height=99999",
    "consensus_state",
    "dump_consensus_state",
    "num_unconfirmed_txs",
    "nonsense",
)
POSTS: dict[str, object] = {
    "a call": {"jsonrpc": "2.0", "id": 1, "method": "status", "params": {}},
    "a number as text": {"jsonrpc": "2.0", "id": 1, "method": "block", "params": {"height": "3"}},
    "a number as number": {"jsonrpc": "2.0", "id": 1, "method": "block", "params": {"height": 3}},
    "by position": {"jsonrpc": "2.0", "id": 1, "method": "block", "params": ["3"]},
    "no number": {"jsonrpc": "2.0", "id": 1, "method": "block", "params": {"height": "x"}},
    "no such method": {"jsonrpc": "2.0", "id": 1, "method": "nonsense"},
    "an id of text": {"jsonrpc": "2.0", "id": "a", "method": "health"},
    "a notification": {"jsonrpc": "2.0", "method": "health"},
    "no JSON": b"{",
    "a batch": [{"jsonrpc": "2.0", "id": 1, "method": "health"}, {"jsonrpc": "2.0", "id": 2, "method": "nonsense"}],
    "an empty batch": [],
    "not yet": {"jsonrpc": "2.0", "id": 1, "method": "commit", "params": {"height": "99999"}},
}


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Side, Side]]:
    """The embedded network and the real one."""
    cometbft = require(COMETBFT_037)
    folder = tmp_path_factory.mktemp("both")
    with running(folder / "embedded", None) as embedded, running(folder / "real", cometbft) as real:
        yield embedded, real


def differences(ours: Any, theirs: Any, path: str = "", key: str = "") -> list[str]:
    """Where two answers are not of one shape, and where a value that is determined is another."""
    if NOT_MEASURED.search(path):
        return []
    if isinstance(ours, dict) and isinstance(theirs, dict):
        lacks = [f"{path}.{each} is missing" for each in theirs.keys() - ours.keys()]
        lacks = [each for each in lacks if not NOT_MEASURED.search(each)]
        more = [f"{path}.{each} is not CometBFT's" for each in ours.keys() - theirs.keys()]
        both = ours.keys() & theirs.keys()
        below = [found for each in both for found in differences(ours[each], theirs[each], f"{path}.{each}", each)]
        return [*lacks, *more, *below]
    if isinstance(ours, list) and isinstance(theirs, list) and ours and theirs:
        return differences(ours[0], theirs[0], f"{path}[]", key)
    if type(ours) is not type(theirs):
        return (
            [] if None in (ours, theirs) and NOT_ALWAYS.fullmatch(key) else [f"{path}: {ours!r} is not like {theirs!r}"]
        )
    # Whose turn it is depends on the height.
    return [] if ours == theirs or OWN.fullmatch(key) or ".proposer." in path else [f"{path}: {ours!r}, not {theirs!r}"]


def told(answer: Any) -> Any:
    """An answer without what depends on the height or is another parser's word."""
    if isinstance(answer, dict) and isinstance(answer.get("error"), dict):
        error = dict(answer["error"])
        if error["code"] in {-32602, -32700}:
            error["data"] = ""
        else:
            error["data"] = re.sub(
                r"current blockchain height \d+", "current blockchain height N", error.get("data", "")
            )
        return {**answer, "error": error}
    return answer


def compared(ours: Any, theirs: Any) -> list[str]:
    ours, theirs = told(ours), told(theirs)
    if (isinstance(theirs, dict) and "error" in theirs) or not isinstance(theirs, dict | list):
        return [] if ours == theirs else [f"{ours!r}, not {theirs!r}"]
    return differences(ours, theirs)


def test_every_endpoint_that_both_serve_answers_alike(sides: tuple[Side, Side]) -> None:
    embedded, real = sides
    wrong: list[str] = []
    for path in GETS:
        ours, theirs = embedded.get(path), real.get(path)
        wrong += [f"GET {path}: status {ours.status}, not {theirs.status}"] * (ours.status != theirs.status)
        wrong += [f"GET {path}: {each}" for each in compared(ours.body, theirs.body)]
    for name, body in POSTS.items():
        ours, theirs = embedded.post(body), real.post(body)
        wrong += [f"{name}: status {ours.status}, not {theirs.status}"] * (ours.status != theirs.status)
        wrong += [f"{name}: {each}" for each in compared(ours.body, theirs.body)]
    assert not wrong, "\n".join(wrong)


def test_what_is_determined_is_the_same(sides: tuple[Side, Side]) -> None:
    """A vote, a version and an id are written the same way, and the same key is the same validator."""
    for side in sides:
        result = side.get("status").body["result"]
        assert re.fullmatch("[0-9a-f]{40}", result["node_info"]["id"])
        assert re.fullmatch(r"0\.3\d\.\d+", result["node_info"]["version"])
        found = side.get("dump_consensus_state").body["result"]["round_state"]["last_commit"]["votes"]
        vote = (
            r"Vote\{\d+:[0-9A-F]{12} \d+/\d\d/SIGNED_MSG_TYPE_PRECOMMIT\(Precommit\) [0-9A-F]{12} [0-9A-F]{12} @ \S+Z\}"
        )
        assert all(re.fullmatch(vote, each) or each == "nil-Vote" for each in found)
    addresses = [[each["address"] for each in side.get("validators").body["result"]["validators"]] for side in sides]
    assert addresses[0] == addresses[1]


@pytest.mark.parametrize("event", ["NewBlockHeader", "NewRoundStep"])
def test_events_come_over_the_web_socket_alike(sides: tuple[Side, Side], event: str) -> None:
    """The answer to a subscription, then events whose data has the same shape."""
    got = [asyncio.run(events(side, event)) for side in sides]
    for (first, *ours), (theirs_first, *theirs) in [got]:
        assert first == theirs_first == {"jsonrpc": "2.0", "id": 7, "result": {}}
        for mine, real in zip(ours, theirs, strict=True):
            assert mine["id"] == real["id"] == 7
            assert mine["result"]["query"] == real["result"]["query"] == f"tm.event='{event}'"
            assert not differences(mine["result"]["data"], real["result"]["data"])
            assert mine["result"]["data"]["type"] == real["result"]["data"]["type"]
            assert mine["result"]["events"]["tm.event"] == real["result"]["events"]["tm.event"] == [event]


async def events(side: Side, event: str) -> list[Any]:
    """The first messages of a subscription."""
    call = {"jsonrpc": "2.0", "id": 7, "method": "subscribe", "params": {"query": f"tm.event='{event}'"}}
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{side.url}/websocket") as socket:
        await socket.send_json(call)
        return [await socket.receive_json(timeout=20) for _ in range(3)]
