"""Four validators as real processes on a real EVM process, and a release that migrates at H."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from console.devnet.migrations import NOTE, release_migration
from tests.console.devnet.evm.test_server import Server
from tests.console.devnet.evm.world import genesis
from tests.console.devnet.program.network import TestNetwork, TestNode, eventually, lay_out, release_copy

HALT = 4
REGISTRY = genesis().registry


@pytest.fixture
def network(tmp_path: Path) -> Iterator[TestNetwork]:
    laid_out = lay_out(tmp_path)
    try:
        yield laid_out
    finally:
        laid_out.stop()


@pytest.fixture
def evm(network: TestNetwork, tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    made.port = network.evm_port
    made.start()
    yield made
    if made.process is not None:
        made.stop(signal.SIGKILL)


def halted(nodes: list[TestNode]) -> None:
    for node in nodes:
        assert node.exit_code(30) == 2, node.stderr


def note(node: TestNode) -> int:
    """What the migration's contract answers, asked at one node."""
    call = {"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [{"to": NOTE, "data": "0x"}, "latest"]}
    return int(eventually("the Ethereum port answers", lambda: node.post(node.eth_port, call))["result"], 16)


def says_why(node: TestNode) -> bool:
    return "the migration failed: operation 1: slot" in node.stderr


@pytest.mark.soak
def test_three_migrate_and_the_one_that_did_not_halt_is_left_behind(
    network: TestNetwork, evm: Server, tmp_path: Path
) -> None:
    three, old = network.nodes[:3], network.nodes[3]
    for node in three:
        node.start(halt=HALT)
    old.start()
    halted(three)
    # It shares the EVM, and has executed H there without the migration before anybody else.
    eventually("the old release executes H", lambda: old.app_height() == HALT, 20)
    command = release_copy(tmp_path, "v0.2.0", 2, release_migration("standard", REGISTRY).carried)
    for node in three:
        node.start(command=command, cwd=tmp_path)
    assert old.exit_code(30) == 1
    assert f"height={HALT + 1}" in old.stderr
    eventually("three of four go on", lambda: min(network.heights()[:3]) >= HALT + 3, 30)
    assert [note(node) for node in three] == [43, 43, 43]

    # An EVM that has lost everything is given the blocks again, and the migration with block H.
    evm.stop(signal.SIGKILL)
    for file in (evm.folder / "data").iterdir():
        file.unlink()
    height = max(network.heights())
    evm.start()
    eventually("they go on from where they were", lambda: min(network.heights()[:3]) >= height + 3, 30)
    assert [note(node) for node in three] == [43, 43, 43]
    assert len({node.executed()[height + 1]["app_hash"] for node in three}) == 1
    network.assert_never_signed_twice()


def test_a_migration_that_fails_leaves_a_process_that_does_not_move(
    network: TestNetwork, evm: Server, tmp_path: Path
) -> None:
    for node in network.nodes:
        node.start(halt=HALT)
    halted(network.nodes)
    command = release_copy(tmp_path, "v0.2.0", 2, release_migration("failing", REGISTRY).carried)
    for node in network.nodes:
        node.start(command=command, cwd=tmp_path)
    for node in network.nodes:
        eventually(f"{node.name} says why", partial(says_why, node), 30)
        assert node.stderr.startswith("E CONSENSUS FAILURE!!!")
        assert node.process is not None
        assert node.process.poll() is None
        assert node.app_height() == HALT - 1
        assert node.post(node.rpc_port, {}) is None, "a node that stands in its handshake has no RPC"
    for node in network.nodes:
        node.signal(signal.SIGTERM)
        assert node.exit_code() == 0

    # The release before can go on from there.
    for node in network.nodes:
        node.start()
    network.all_reach(HALT + 2, 30)
    assert "migrations" not in json.loads((network.nodes[0].home / "fendermint/data/app.json").read_text())
    network.assert_never_signed_twice()
