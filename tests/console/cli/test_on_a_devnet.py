"""The headless verbs on a real network of one validator: real registry, signer, controller and node."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.console.cli.conftest import Outcome, Run

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif("sys.platform != 'linux'", reason="the devnet needs Linux"),
]


@pytest.fixture
def devnet(cli: Run, tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "net"
    arguments = ("--dir", str(folder), "--validators", "1", "--block-time", "500ms", "--background")
    brought_up = cli("devnet", "up", *arguments)
    try:
        assert brought_up.code == 0, brought_up
        yield folder
    finally:
        cli("devnet", "down", "--dir", str(folder))


def eventually(cli: Run, folder: Path, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Ask for the status until it is as wanted; each question takes its own half second."""
    deadline = time.monotonic() + 60
    outcome = Outcome(1, "", "never asked")
    while time.monotonic() < deadline:
        outcome = cli("status", "--json", "--dir", str(folder))
        if outcome.code == 0:
            document: dict[str, Any] = json.loads(outcome.out)
            if wanted(document):
                return document
    raise AssertionError(outcome)


def refused_by_the_chain(cli: Run, *arguments: str) -> Outcome:
    """Ask until the only node answers: its arming restart takes the network's one RPC away for a moment."""
    deadline = time.monotonic() + 60
    while True:
        outcome = cli(*arguments)
        silent = ("no RPC endpoint", "not answer", "closed the connection")
        if not any(words in outcome.err for words in silent):
            return outcome
        assert time.monotonic() < deadline, outcome


def test_an_upgrade_by_headless_verbs(cli: Run, devnet: Path) -> None:
    where = ("--dir", str(devnet))
    described = json.loads(cli("devnet", "status", "--json", *where).out)
    release = described["releases"][1]

    def line(**changes: object) -> list[str]:
        values = {
            "name": "v0.2.0",
            "height": eventually(cli, devnet, lambda s: s["height"] is not None)["height"] + 40,
            "binary-url": release["url"],
            "binary-hash": f"sha256:{release['sha256']}",
            **{name.replace("_", "-"): value for name, value in changes.items()},
        }
        return ["propose", *(part for name, value in values.items() for part in (f"--{name}", str(value))), *where]

    fresh = eventually(cli, devnet, lambda s: s["validators"] and s["node"])
    assert fresh["upgrade"] is None
    assert fresh["network"] == {"name": "devnet", "kind": "ipc", "chain_id": described["chain_id"]}
    assert fresh["validators"][0]["address"] == described["nodes"][0]["address"]
    assert fresh["validators"][0]["ready"] is False
    assert fresh["node"]["state"] == "IDLE"

    # Bad input: one sentence each, and the chain has no proposal afterwards.
    cli(*line(height=1)).refused_with("height 1 is in the past: the chain is at")
    near = eventually(cli, devnet, lambda s: s["height"] is not None)["height"] + 9
    cli(*line(height=near)).refused_with("is too near")
    cli(*line(binary_hash="sha256:123")).refused_with("64 hex digits")
    cli(*line(binary_url="file:///tmp/x")).refused_with("http:// or https://")
    cli("ready", "--proposal", "1", *where).refused_with("there is no proposal 1")
    assert eventually(cli, devnet, lambda s: s["height"] is not None)["upgrade"] is None

    proposed = cli(*line(), "--json")
    assert (proposed.code, proposed.err) == (0, "")
    document = json.loads(proposed.out)
    assert document["id"] == 1
    second = refused_by_the_chain(cli, *line(height=10**6))
    second.refused_with("proposal 1 (v0.2.0) is scheduled", "nothing was sent")

    scheduled = eventually(cli, devnet, lambda s: s["upgrade"] is not None)["upgrade"]
    assert (scheduled["id"], scheduled["status"], scheduled["target_height"]) == (1, "scheduled", document["height"])
    assert scheduled["release_hash"] == f"sha256:{release['sha256']}"
    ready = eventually(cli, devnet, lambda s: s["upgrade"] is not None and s["upgrade"]["ready_count"] == 1)
    assert ready["validators"][0]["ready"] is True
    assert abs(ready["validators"][0]["ready_since"] - time.time()) < 120
    address = ready["validators"][0]["address"].lower()
    again = refused_by_the_chain(cli, "ready", "--proposal", "1", "--validator-address", address, *where)
    again.refused_with("is ready for proposal 1 since height")

    crossed = eventually(cli, devnet, lambda s: s["upgrade"] is not None and s["node"]["state"] == "COMMITTED")
    assert (crossed["node"]["version"], crossed["node"]["last_exit_code"]) == ("v0.2.0", 2)
    assert crossed["upgrade"]["verdict"] == "cross"
    text = cli("status", *where)
    assert (text.code, text.err) == (0, "")
    assert "Upgrade #1 v0.2.0" in text.out
    assert "halt height" in cli("node", "logs", *where).out

    assert cli("devnet", "down", *where).code == 0
    for verb in ("status --json", "node stop", "ready --proposal 1"):
        cli(*verb.split(), *where).refused_with(f"the devnet in {devnet} is down; run `upgrade-console devnet up")
    journalled = cli("node", "status", "--json", *where)
    assert journalled.code == 0
    assert json.loads(journalled.out)["pid"] is None
    assert "is down; run `upgrade-console devnet up" in journalled.err
