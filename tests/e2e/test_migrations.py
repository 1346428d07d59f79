"""Migrations on a real network: one that fails and is gone back from, a standard one, and a WASM one after it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from console.devnet.migrations import NOTE, SLOT_START, WASM_SLOTS, release_migration
from console.node.migration import parse_migration
from console.node.migration.dry_run import dry_run
from tests.e2e import judge
from tests.e2e.devnet import Devnet, running

pytestmark = pytest.mark.e2e

FAST = ("--block-time", "300ms", "--freeze-blocks", "14", "--migration", "standard")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    with running(tmp_path_factory.mktemp("migrations") / "net", *FAST) as devnet:
        yield devnet


def test_a_migration_that_fails_parks_every_node_and_more_than_two_thirds_go_back(
    network: Devnet, tmp_path: Path
) -> None:
    names = [node["name"] for node in network.status()["nodes"]]
    for name in names:
        network.does(name, "config", "set", "startup_timeout_s=4s", "--reason", "a short night")
    build = network.add_release("v0.1.9", 2, release_migration("failing", registry(network)).carried)
    height = network.propose_build(build, network.lead(LEAD))
    network.eventually("every node is parked", network.all_are("PARKED"), deadline_s=180)

    for name in names:
        told = network.told(name)
        assert (told["height"], told["pid"]) == (height - 1, None)
        path = judge.states_entered(network, name, height)
        assert path.count("STARTING") == 3, path
        assert path[-3:] == ["RESTORED", "FLIPPED_BACK", "PARKED"]
        failed = [run for run in judge.runs(network, name) if run["release"] == "v0.1.9"]
        assert failed, "nothing says that the new release was tried"
    logs = "".join(log.read_text() for log in network.folder.glob("nodes/*/state/run/*.log"))
    assert "the migration failed: operation 1: slot" in logs

    with ThreadPoolExecutor() as pool:
        said = list(pool.map(lambda name: network.does(name, "abort", "--statement")["statement"], names))
    lines = tmp_path / "lines"
    lines.write_text("\n".join(said) + "\n")
    for name in names:
        given = ("--with", str(lines), "--reason", "the migration fails", "--yes-network", "devnet")
        ran = network.asks(name, "abort", *given)
        assert ran.code == 0, ran.err
    network.eventually("all go on with the old binary", network.all_are("RESUMED_OLD"))
    network.eventually("the chain goes on", network.past(height + 3))
    judge.nobody_signed_twice(network)
    judge.same_app_hash(network, names, height + 2)
    assert [at_every_node(network, "eth_getCode", NOTE)] == [["0x"] * len(names)]


def test_a_standard_migration_is_there_on_every_node(network: Devnet) -> None:
    names = [node["name"] for node in network.status()["nodes"]]
    height = network.propose(network.lead(LEAD))
    network.eventually("all are committed", network.all_are("COMMITTED"), deadline_s=180)
    for name in names:
        assert {version for version, _ in judge.executed(network, name)[height]} == {"v0.2.0"}
    judge.nobody_signed_twice(network)
    judge.same_app_hash(network, names, height)
    assert numbers(network, "eth_call", {"to": NOTE, "data": "0x"}) == [43] * len(names)
    assert numbers(network, "eth_getStorageAt", NOTE, "0x0") == [42] * len(names)


def test_a_module_that_was_dry_run_writes_what_the_dry_run_said(network: Devnet) -> None:
    names = [node["name"] for node in network.status()["nodes"]]
    made = release_migration("wasm", registry(network))
    migration = parse_migration(made.section)
    account = registry(network)

    def read(key: bytes) -> bytes | None:
        (value, *_) = numbers(network, "eth_getStorageAt", "0x" + key[:20].hex(), "0x" + key[20:].hex())
        return value.to_bytes(32, "big") if value else None

    dry = dry_run(migration, made.module, read)  # type: ignore[arg-type]
    assert dry.ok, dry.sentence
    assert len(dry.writes) == WASM_SLOTS

    build = network.add_release("v0.3.0", 3, made.carried)
    height = network.propose_build(build, network.lead(LEAD))
    network.eventually("all are committed", network.all_are("COMMITTED"), deadline_s=180)
    judge.nobody_signed_twice(network)
    judge.same_app_hash(network, names, height)
    for write in dry.writes:
        assert write.key.startswith(bytes.fromhex(account[2:]) + SLOT_START)
        found = numbers(network, "eth_getStorageAt", account, "0x" + write.key[20:].hex())
        assert found == [int.from_bytes(write.new or b"", "big")] * len(names)


LEAD = 40


def registry(network: Devnet) -> str:
    address: str = json.loads((network.folder / "devnet.json").read_text())["registry"]
    return address


def at_every_node(network: Devnet, method: str, *params: Any) -> list[Any]:
    """The answer of every node's Ethereum port."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": [*params, "latest"]}).encode()
    answers = []
    for node in json.loads((network.folder / "devnet.json").read_text())["validators"]:
        url = f"http://127.0.0.1:{node['ports']['ethereum']}/"
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as response:
            answers.append(json.load(response)["result"])
    return answers


def numbers(network: Devnet, method: str, *params: Any) -> list[int]:
    return [int(answer, 16) for answer in at_every_node(network, method, *params)]
