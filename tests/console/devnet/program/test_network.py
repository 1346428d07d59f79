"""The node program as a network of four real processes (the acceptance stories of the devnet's chain)."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from console.devnet.program.block import parse_time

from .fake_evm import FakeEvm, raw_tx
from .network import TestNetwork, TestNode, eventually, lay_out, release_copy

BLOCK_TIME_S = 0.2


@pytest.fixture
def network(tmp_path: Path) -> Iterator[TestNetwork]:
    laid_out = lay_out(tmp_path)
    try:
        yield laid_out
    finally:
        laid_out.stop()


@pytest.fixture
def evm(network: TestNetwork) -> Iterator[FakeEvm]:
    served = FakeEvm(network.evm_port)
    served.start()
    try:
        yield served
    finally:
        served.stop()


def _store_height(node: TestNode) -> int:
    with sqlite3.connect(node.home / "cometbft/data/blockstore.db") as db:
        return int(db.execute("SELECT MAX(height) FROM blocks").fetchone()[0])


def _median_block_time(node: TestNode) -> float:
    with sqlite3.connect(node.home / "cometbft/data/blockstore.db") as db:
        rows = db.execute("SELECT block FROM blocks ORDER BY height").fetchall()
    times = [parse_time(json.loads(row[0])["header"]["time"]) / 1e9 for row in rows]
    return median(later - earlier for earlier, later in pairwise(times))


def _assert_halted(node: TestNode, halt: int) -> None:
    assert node.exit_code(15) == 2, node.stderr
    assert node.stderr.endswith(
        f"INFO fendermint/app/src/app.rs:785: Stopping node due to reaching halt height height={halt}\n"
    )
    assert (_store_height(node), node.app_height()) == (halt, halt - 1)


@pytest.mark.soak
def test_all_halt_and_the_next_release_crosses(network: TestNetwork, evm: FakeEvm, tmp_path: Path) -> None:
    nodes, halt = network.nodes, 8
    for node in nodes:
        node.start(halt=halt)
    for node in nodes:
        _assert_halted(node, halt)
    assert 0.9 * BLOCK_TIME_S < _median_block_time(nodes[0]) < 1.5 * BLOCK_TIME_S

    for node in nodes:
        node.start(halt=halt)
    for node in nodes:
        _assert_halted(node, halt)

    command = release_copy(tmp_path, "v0.2.0", 2)
    for node in nodes:
        node.start(command=command, cwd=tmp_path)
    network.all_reach(halt + 3)
    for node in nodes:
        node.signal(signal.SIGTERM)
        assert node.exit_code() == 0
    executions = [{line["height"]: line for line in node.executed()} for node in nodes]
    for height in range(1, halt + 4):
        lines = [each[height] for each in executions]
        assert len({line["app_hash"] for line in lines}) == 1
        assert {line["version"] for line in lines} == {"v0.1.5" if height < halt else "v0.2.0"}
    for node in nodes:
        assert [line["height"] for line in node.executed()] == list(range(1, node.app_height() + 1))
    network.assert_never_signed_twice()


def test_old_rules_at_the_halt_stop_one_block_later(network: TestNetwork, evm: FakeEvm, tmp_path: Path) -> None:
    nodes, halt = network.nodes, 4
    old = nodes[3]
    for node in nodes[:3]:
        node.start(halt=halt)
    old.start()
    for node in nodes[:3]:
        _assert_halted(node, halt)
    eventually("the old release executes H", lambda: old.app_height() == halt)
    command = release_copy(tmp_path, "v0.2.0", 2)
    for node in nodes[:3]:
        node.start(command=command, cwd=tmp_path)
    assert old.exit_code() == 1
    ours, theirs = old.executed()[-1]["app_hash"], nodes[0].executed()[halt - 1]["app_hash"]
    assert ours != theirs
    assert old.stderr == (
        'E CONSENSUS FAILURE!!! err="+2/3 committed an invalid block: wrong Block.Header.AppHash. '
        f'Expected {ours}, got {theirs}" height={halt + 1}\n'
    )
    assert _store_height(old) == halt
    eventually("three of four go on", lambda: min(network.heights()[:3]) >= halt + 4)

    old.start()
    assert old.exit_code() == 1
    assert f'got {theirs}" height={halt + 1}' in old.stderr
    network.assert_never_signed_twice()


def test_a_faulty_release_executes_the_halt_and_cannot_go_on_from_it(
    network: TestNetwork, evm: FakeEvm, tmp_path: Path
) -> None:
    nodes, halt = network.nodes, 4
    for node in nodes:
        node.start(halt=halt)
    for node in nodes:
        _assert_halted(node, halt)
    command = release_copy(tmp_path, "v0.6.0", 4)
    for _ in range(2):
        for node in nodes:
            node.start(command=command, cwd=tmp_path)
        for node in nodes:
            assert node.exit_code() == 1
            assert f"the state of height {halt} cannot be read" in node.stderr
    assert network.heights() == [halt] * 4
    assert {line["version"] for node in nodes for line in node.executed() if line["height"] == halt} == {"v0.6.0"}
    assert max(line["height"] for node in nodes for line in node.signed()) == halt


def test_kill_catch_up_and_quorum(network: TestNetwork, evm: FakeEvm) -> None:
    nodes = network.nodes
    for node in nodes:
        node.start()
    network.all_reach(3)
    nodes[0].signal(signal.SIGKILL)
    # Its turns to propose cost a timeout each, and the chain goes on.
    left_at = nodes[0].app_height()
    eventually("three go on", lambda: nodes[1].app_height() >= left_at + 5)
    nodes[0].start()
    eventually("it catches up", lambda: nodes[0].app_height() >= nodes[1].app_height() > left_at + 5)
    back_at = nodes[0].app_height()
    eventually(
        "it signs again", lambda: any(line["height"] > back_at and line["step"] == 3 for line in nodes[0].signed())
    )
    told = eventually("it tells its address", lambda: nodes[0].rpc("status"))
    address = told["result"]["validator_info"]["address"]

    def signs() -> bool:
        commit = nodes[1].rpc("commit")["result"]["signed_header"]["commit"]
        return address in [each["validator_address"] for each in commit["signatures"] if each["block_id_flag"] == 2]

    eventually("its signature is in a commit", signs)

    for node in nodes[:2]:
        node.signal(signal.SIGKILL)
    stuck = max(nodes[2].app_height(), nodes[3].app_height()) + 1
    eventually("the rest waits in prevote", lambda: nodes[2].rpc("dump_consensus_state"))
    end = time.monotonic() + 8 * BLOCK_TIME_S

    def no_block() -> bool:
        assert max(network.heights()) <= stuck
        return time.monotonic() > end

    eventually("time passes", no_block)
    nodes[0].start()
    back = time.monotonic()
    eventually("quorum is back", lambda: max(network.heights()) > stuck)
    assert time.monotonic() - back < 5.0
    network.assert_never_signed_twice()


def test_transactions_and_a_lost_evm(network: TestNetwork, evm: FakeEvm) -> None:
    nodes = network.nodes
    for node in nodes:
        node.start()
    network.all_reach(1)

    def eth(node: TestNode, method: str, *params: object) -> dict[str, object]:
        body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": list(params)}
        answer = eventually("the Ethereum port answers", lambda: node.post(node.eth_port, body))
        assert answer["id"] == 7
        assert isinstance(answer, dict)
        return answer

    for nonce in (0, 2, 1):
        assert "result" in eth(nodes[nonce], "eth_sendRawTransaction", "0x" + raw_tx("alice", nonce).hex())
    eventually(
        "all three are executed",
        lambda: all(eth(node, "eth_getTransactionCount", "alice", "latest")["result"] == "0x3" for node in nodes),
    )
    error = eth(nodes[0], "eth_sendRawTransaction", "0x" + raw_tx("alice", 0).hex())["error"]
    assert isinstance(error, dict)
    assert error["code"] == -32000
    assert eth(nodes[0], "web3_clientVersion")["result"] == "fendermint/0.1.0/1"
    assert eth(nodes[0], "eth_syncing")["result"] is False

    evm.stop()
    evm.wipe()
    height = max(network.heights())
    eventually("blocks are stored, not executed", lambda: _store_height(nodes[0]) == nodes[0].app_height() + 1)
    evm.start()
    network.all_reach(height + 3)
    assert len({node.executed()[height]["app_hash"] for node in nodes}) == 1
    assert all(node.process is not None and node.process.poll() is None for node in nodes)
    network.assert_never_signed_twice()
    assert json.loads((nodes[0].home / "fendermint/data/app.json").read_text())["evm_root"].startswith("0x")


@pytest.mark.soak
def test_the_gateway_changes_who_decides(tmp_path: Path) -> None:
    """A fifth joins with more than a third of the power: without it no block; then one leaves, and only follows."""
    network = lay_out(tmp_path, powers=(10, 10, 10, 10, 0))
    evm = FakeEvm(network.evm_port)
    evm.start()
    try:
        _joins_and_leaves(network)
    finally:
        network.stop()
        evm.stop()


def _joins_and_leaves(network: TestNetwork) -> None:
    nodes = network.nodes
    fifth = nodes[4]

    def becomes(members: str) -> int:
        """Has the gateway name these members; the first height that they decide."""
        listed = [each.split("=") for each in members.split(",")]
        raw = raw_tx(f"members={members}", 0)
        body = {"jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction", "params": ["0x" + raw.hex()]}
        answer = eventually("the Ethereum port answers", lambda: nodes[0].post(nodes[0].eth_port, body))
        assert "result" in answer
        powers = sorted(int(power) for _, power in listed)
        return int(eventually("they are in office", lambda: _first_with(nodes[0], powers)))

    for node in nodes:
        node.start()
    network.all_reach(3)
    assert not fifth.signed(), "a full node signs nothing"

    first = becomes("node1=10,node2=10,node3=10,node4=10,node5=30")
    eventually("the fifth signs", lambda: any(line["height"] >= first and line["step"] == 3 for line in fifth.signed()))
    assert min(line["height"] for line in fifth.signed()) >= first
    changed = next(line["height"] for line in nodes[0].executed() if line["height"] == first - 2)
    block = nodes[0].rpc(f"block?height={changed + 1}")["result"]["block"]["header"]
    assert block["validators_hash"] != block["next_validators_hash"]
    network.all_reach(first + 2)
    commit = nodes[0].rpc(f"commit?height={first}")["result"]["signed_header"]["commit"]
    assert len(commit["signatures"]) == 5

    fifth.signal(signal.SIGKILL)
    # 40 of 70 is less than two thirds: what was decided is stored and executed, and nothing more.
    stuck = max(network.heights()) + 1
    end = time.monotonic() + 8 * BLOCK_TIME_S

    def no_block() -> bool:
        assert max(network.heights()) <= stuck
        return time.monotonic() > end

    eventually("time passes", no_block)
    for node in nodes[:4]:
        node.signal(signal.SIGKILL)
    for node in nodes:
        node.start()
    eventually("the chain goes on", lambda: min(network.heights()) > stuck + 1)

    first = becomes("node1=10,node2=10,node3=10,node5=30")
    network.all_reach(first + 3)
    assert max(line["height"] for line in nodes[3].signed()) < first
    assert len({node.executed()[first - 1]["app_hash"] for node in nodes}) == 1
    assert nodes[3].rpc("status")["result"]["validator_info"]["voting_power"] == "0"
    network.assert_never_signed_twice()


def _first_with(node: TestNode, powers: list[int]) -> int:
    """The first height that validators of these powers decide; 0 when there is none yet."""
    tip = int(node.rpc("validators")["result"]["block_height"])
    for height in range(1, tip + 1):
        found = node.rpc(f"validators?height={height}")["result"]["validators"]
        if sorted(int(each["voting_power"]) for each in found) == powers:
            return height
    return 0
