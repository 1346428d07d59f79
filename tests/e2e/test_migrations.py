"""Migrations on a real network: a standard one, a WASM one, and one that fails and is gone back from."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from console.devnet.migrations import NOTE, SLOT_START, WASM_SLOTS, release_migration
from tests.e2e import judge
from tests.e2e.devnet import Devnet, running

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("migrations")]

FAST = ("--block-time", "300ms", "--freeze-blocks", "14", "--migration", "standard")
LEAD = 75


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    with running(tmp_path_factory.mktemp("migrations") / "net", *FAST) as devnet:
        yield devnet


def test_a_standard_migration_is_there_on_every_node(network: Devnet) -> None:
    names = [node["name"] for node in network.status()["nodes"]]
    height = network.propose(LEAD)
    network.eventually("all are committed", network.all_are("COMMITTED"), deadline_s=180)
    for name in names:
        assert {version for version, _ in judge.executed(network, name)[height]} == {"v0.2.0"}
    judge.nobody_signed_twice(network)
    judge.same_app_hash(network, names, height)
    assert numbers(network, "eth_call", {"to": NOTE, "data": "0x"}) == [43] * len(names)
    assert numbers(network, "eth_getStorageAt", NOTE, "0x0") == [42] * len(names)


@pytest.mark.soak
def test_a_module_writes_what_its_dry_run_said(network: Devnet, tmp_path: Path) -> None:
    names = [node["name"] for node in network.status()["nodes"]]
    made = release_migration("wasm", registry(network))
    section, module = tmp_path / "manifest.json", tmp_path / "migration.wasm"
    section.write_text(json.dumps({"migration": made.section}))
    module.write_bytes(made.module)
    dry = network.call("migration", "dry-run", str(section), str(module), "--json")
    assert dry.code == 0, dry.err
    writes = dry.json["writes"]
    assert len(writes) == WASM_SLOTS

    build = network.add_release("v0.3.0", 3, made.carried)
    height = network.propose_build(build, LEAD)
    # They are committed to the upgrade before this one until they have seen it.
    network.eventually("all executed it", lambda: all(height in judge.executed(network, name) for name in names), 180)
    network.eventually("all are committed", network.all_are("COMMITTED"), deadline_s=180)
    judge.nobody_signed_twice(network)
    judge.same_app_hash(network, names, height)
    for write in writes:
        slot = bytes.fromhex(write["key"][2:])[20:]
        assert slot.startswith(SLOT_START)
        assert write["old"] is None
        found = numbers(network, "eth_getStorageAt", registry(network), "0x" + slot.hex())
        assert found == [int(write["new"], 16)] * len(names)


def test_a_migration_that_fails_parks_every_node_and_more_than_two_thirds_go_back(
    network: Devnet, tmp_path: Path
) -> None:
    names = [node["name"] for node in network.status()["nodes"]]
    before = network.node(names[0])["version"]
    # It lives and does not move: only the clock ends a try.
    startup_timeout(network, names, "4s")
    # A release migrates a state of other rules than its own.
    rules = {"v0.2.0": 3, "v0.3.0": 2}[before]
    build = network.add_release("v0.4.0", rules, release_migration("failing", registry(network)).carried)
    height = network.propose_build(build, LEAD)
    network.eventually("every node is parked", network.all_are("PARKED"), deadline_s=180)

    for name in names:
        told = network.told(name)
        assert (told["height"], told["pid"]) == (height - 1, None)
        path = judge.states_entered(network, name, height)
        assert path.count("STARTING") == 3, path
        assert path[-3:] == ["RESTORED", "FLIPPED_BACK", "PARKED"]
        failed = [run for run in judge.runs(network, name) if run["generation"] == "v0.4.0"]
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
    startup_timeout(network, names, "60s")
    judge.nobody_signed_twice(network)
    judge.same_app_hash(network, names, height + 2)
    assert {version for name in names for version, _ in judge.executed(network, name)[height]} == {before}


def startup_timeout(network: Devnet, names: list[str], value: str) -> None:
    for name in names:
        network.does(name, "config", "set", f"startup_timeout_s={value}", "--reason", "a short night")


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
