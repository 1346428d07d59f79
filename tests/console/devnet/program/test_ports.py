"""A running validator's three ports: CometBFT's shapes, the Ethereum facade, and peers that mean no good."""

from __future__ import annotations

import base64
import json
import re
import socket
import struct
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from console.devnet.program.block import Block, Commit
from console.devnet.program.keys import load_genesis
from console.devnet.program.p2p import MAX_FRAME, Hello, encode
from console.devnet.program.validation import Validation

from .fake_evm import FakeEvm
from .network import CHAIN_ID, TestNode, eventually, lay_out


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestNode]:
    network = lay_out(tmp_path_factory.mktemp("ports"), powers=(10,), commit="100ms")
    evm = FakeEvm(network.evm_port)
    evm.start()
    node = network.nodes[0]
    node.start()
    try:
        eventually("a few blocks and the ports", lambda: node.app_height() >= 4 and node.rpc("health"))
        yield node
    finally:
        network.stop()
        evm.stop()


def _result(node: TestNode, path: str) -> Any:
    answer = node.rpc(path)
    assert (answer["jsonrpc"], answer["id"]) == ("2.0", -1)
    return answer["result"]


def test_status_and_abci_info(node: TestNode) -> None:
    status = _result(node, "status")
    assert status["node_info"]["moniker"] == "node1"
    assert status["node_info"]["network"] == CHAIN_ID
    assert status["node_info"]["version"] == "0.37.15"
    assert status["validator_info"]["voting_power"] == "10"
    assert int(status["sync_info"]["latest_block_height"]) >= 4
    assert status["sync_info"]["catching_up"] is False
    response = _result(node, "abci_info")["response"]
    assert (response["version"], response["app_version"]) == ("v0.1.5", "1")
    height = int(response["last_block_height"])
    line = eventually("listed", lambda: next((each for each in node.executed() if each["height"] == height), None))
    assert base64.b64decode(response["last_block_app_hash"]).hex().upper() == line["app_hash"]


def test_block_and_commit_verify(node: TestNode) -> None:
    answer = _result(node, "block?height=3")
    block = Block.from_json(answer["block"])
    assert answer["block_id"]["hash"] == block.hash
    signed = _result(node, "commit?height=3")
    assert signed["canonical"] is True
    assert signed["signed_header"]["header"] == answer["block"]["header"]
    commit = Commit.from_json(signed["signed_header"]["commit"])
    genesis = load_genesis(node.home / "cometbft/config/genesis.json")
    validation, validators = Validation(genesis.chain_id), genesis.validators
    assert validation.commit(validators, commit, 3, block.hash)
    assert not validation.commit(validators, commit, 3, "AB" * 32)
    assert not validation.commit(validators, commit, 4, block.hash)
    following = _result(node, "block?height=4")["block"]
    assert following["last_commit"] == signed["signed_header"]["commit"]
    assert following["header"]["app_hash"] == node.executed()[2]["app_hash"]
    assert following["header"]["last_block_id"] == answer["block_id"]


def test_validators_net_info_and_genesis(node: TestNode) -> None:
    answer = _result(node, "validators?height=2&page=1&per_page=100")
    assert (answer["block_height"], answer["count"], answer["total"]) == ("2", "1", "1")
    assert set(answer["validators"][0]) == {"address", "pub_key", "voting_power", "proposer_priority"}
    assert _result(node, "net_info")["n_peers"] == "0"
    assert _result(node, "genesis")["genesis"]["chain_id"] == CHAIN_ID


def test_dump_consensus_state(node: TestNode) -> None:
    def voted() -> Any:
        state = _result(node, "dump_consensus_state")["round_state"]
        return state if "Vote{" in json.dumps(state) else None

    state = eventually("a vote is shown", voted)
    for each in state["votes"]:
        for kind in ("prevotes", "precommits"):
            assert re.fullmatch(r"BA\{(\d+):([x_]*)\} (\d+)/(\d+) = \d\.\d\d", each[f"{kind}_bit_array"])
    votes = [vote for vote in state["last_commit"]["votes"] if vote != "nil-Vote"]
    pattern = r"Vote\{(\d+):([0-9A-F]{12}) (\d+)/(\d+)/[^(]*\((Prevote|Precommit)\) ([0-9A-F]{12}) .*\}"
    assert all(re.fullmatch(pattern, vote) for vote in votes)
    assert int(state["height"]) > 4
    assert state["step"] in range(1, 9)


def test_errors_of_the_comet_port(node: TestNode) -> None:
    assert "must be less than or equal" in node.rpc("block?height=999999")["error"]["data"]
    assert "must be greater than 0" in node.rpc("block?height=0")["error"]["data"]
    assert node.rpc("block?height=x")["error"]["code"] == -32602
    assert "page should be within" in node.rpc("validators?page=2")["error"]["data"]


def test_headers_of_the_last_blocks(node: TestNode) -> None:
    answer = node.rpc("blockchain?minHeight=2&maxHeight=4")["result"]
    assert [meta["header"]["height"] for meta in answer["block_metas"]] == ["4", "3", "2"]
    assert {meta["num_txs"] for meta in answer["block_metas"]} == {"0"}
    assert answer["block_metas"][0]["block_id"] == node.rpc("block?height=4")["result"]["block_id"]
    assert int(answer["last_height"]) >= 4
    newest = node.rpc("blockchain")["result"]
    assert int(newest["block_metas"][-1]["header"]["height"]) == max(1, int(newest["last_height"]) - 19)
    assert "can't be greater than max height" in node.rpc("blockchain?minHeight=4&maxHeight=3")["error"]["data"]


def test_comet_batch(node: TestNode) -> None:
    calls = [
        {"jsonrpc": "2.0", "id": 1, "method": "status"},
        {"jsonrpc": "2.0", "id": "b", "method": "block", "params": {"height": "2"}},
        {"jsonrpc": "2.0", "id": 3, "method": "no_such"},
    ]
    answers = node.post(node.rpc_port, calls)
    assert [each["id"] for each in answers] == [1, "b", 3]
    assert answers[1]["result"]["block"]["header"]["height"] == "2"
    assert answers[2]["error"]["code"] == -32601


def test_ethereum_port(node: TestNode) -> None:
    calls = [
        {"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []},
        {"jsonrpc": "2.0", "id": 2, "method": "web3_clientVersion"},
        {"jsonrpc": "2.0", "id": 3, "method": "no_such"},
        "nonsense",
    ]
    answers = node.post(node.eth_port, calls)
    assert int(answers[0]["result"], 16) <= node.app_height()
    assert answers[1]["result"] == "fendermint/0.1.0/1"
    assert answers[2]["error"]["code"] == -32601
    assert answers[3] == {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "Invalid Request"}}
    assert node.post(node.eth_port, [calls[0]] * 101)["error"]["code"] == -32600
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{node.eth_port}/", timeout=5)
    assert refused.value.code == 426


def _hello(chain_id: str = CHAIN_ID) -> bytes:
    return encode(Hello(chain_id, "AB" * 20, "ab" * 20, "stranger", "v0", 10**6).to_message())


HOSTILE = {
    "no hello": b"\0\0\0\x02{}",
    "too long": struct.pack(">I", MAX_FRAME + 1) + b"x" * 100,
    "not JSON": b"\0\0\0\x04nope",
    "other chain": _hello("devnet-other"),
    "unknown message": _hello() + encode({"t": "surprise"}),
    "bad vote": _hello() + encode({"t": "vote", "kind": [], "height": 1}),
    "bad round": _hello() + encode({"t": "state", "height": 1, "round": 0, "step": 1, "stored": 1, "votes": {"²": 1}}),
    "bad block": _hello() + encode({"t": "block", "block": {"header": 3}, "commit": None}),
    "bad proposal": _hello() + encode({"t": "proposal", "height": {}, "round": []}),
    "deep": _hello() + struct.pack(">I", 200_000) + b"[" * 200_000,
}


@pytest.mark.parametrize("frames", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_peer_is_dropped_and_nothing_else_happens(node: TestNode, frames: bytes) -> None:
    height = node.app_height()
    with socket.create_connection(("127.0.0.1", node.p2p_port), timeout=5) as peer:
        peer.sendall(frames)
        try:
            while peer.recv(65536):
                pass
        except ConnectionResetError:
            pass
    eventually("blocks go on", lambda: node.app_height() >= height + 2)
    eventually("it is forgotten", lambda: _result(node, "net_info")["n_peers"] == "0")
    assert node.stderr == ""
