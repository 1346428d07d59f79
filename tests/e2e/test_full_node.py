"""A full node that is set up late syncs from genesis and crosses every upgrade of the past with the right binary."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import tomlkit

from tests.e2e import judge
from tests.e2e.devnet import COMMAND, Devnet, running

pytestmark = pytest.mark.e2e

FAST = ("--block-time", "300ms", "--freeze-blocks", "16")
FULL = "node1-full"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    with running(tmp_path_factory.mktemp("full-node") / "net", *FAST) as devnet:
        yield devnet


@contextlib.contextmanager
def controller_of(network: Devnet, name: str) -> Iterator[None]:
    """A controller that the devnet did not start; its node is stopped by the devnet's end."""
    command = [*COMMAND, "node", "run", "--network", "devnet", "--dir", str(network.folder), "--node", name]
    environment = {**os.environ, "UPGRADE_CONSOLE_DEVNET": str(network.folder)}
    log = network.folder / "logs" / f"{name}-controller.log"
    with log.open("ab") as stream:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=environment, start_new_session=True
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def crossed_by_all(network: Devnet, version: str) -> None:
    def versions() -> set[str]:
        return {node["version"] for node in network.status()["nodes"]}

    network.eventually(f"all run {version}", lambda: versions() == {version})
    network.eventually("all are committed", network.all_are("COMMITTED"))


def test_a_fresh_full_node_crosses_two_upgrades_of_the_past_in_order(network: Devnet, tmp_path: Path) -> None:
    first = network.propose(network.lead(62))
    crossed_by_all(network, "v0.2.0")
    build = network.add_release("v0.3.0", rules=3)
    second = network.propose_build(build, network.lead(48))
    crossed_by_all(network, "v0.3.0")

    home = tmp_path / "full"
    made = network.does("node1", "full-node", "--home", str(home))
    assert made["generations"] == ["genesis", "v0.2.0", "v0.3.0"]
    table = tomlkit.parse(made["settings"])["nodes"][FULL]
    own = {node["address"] for node in network.status()["nodes"]}
    assert table["address"] not in own
    settings = network.folder / "network.toml"
    document = tomlkit.parse(settings.read_text())
    document["nodes"][FULL] = table
    settings.write_text(tomlkit.dumps(document))
    key = json.loads((home / "cometbft" / "config" / "priv_validator_key.json").read_text())
    assert key["address"] == made["consensus_address"]

    # Nobody offers the bytes of the past any more: what the full node runs was copied.
    for version in ("v0.2.0", "v0.3.0"):
        (network.folder / "releases" / version / "subnetd").unlink()
    with controller_of(network, FULL):
        answers = network.state_dir("node1").with_name(FULL) / "run" / "control.sock"
        network.eventually("its controller answers", answers.exists)
        network.eventually("it crossed both", lambda: network.told(FULL)["generation"] == "v0.3.0")
        network.eventually("it is committed", lambda: network.told(FULL)["state"] == "COMMITTED")
        tip = network.status()["height"]
        network.eventually("it follows the chain", lambda: (network.told(FULL)["height"] or 0) > tip)

    versions = (("v0.1.5", 1), ("v0.2.0", first), ("v0.3.0", second))
    entries = judge.lines(home / "executed.jsonl")
    for entry in entries:
        wanted = next(version for version, begins in reversed(versions) if begins <= entry["height"])
        assert entry["version"] == wanted, f"height {entry['height']}"
    assert [entry["height"] for entry in entries] == list(range(1, len(entries) + 1)), "each block once, in order"
    hashes = {entry["height"]: entry["app_hash"] for entry in entries}
    for height in (first - 1, first, second, tip):
        assert hashes[height] == judge.same_app_hash(network, ["node1"], height)
    assert not (home / "signed.jsonl").exists() or (home / "signed.jsonl").read_text() == "", "it is no validator"
    judge.nobody_signed_twice(network)
