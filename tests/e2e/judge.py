"""Judgements from what the nodes themselves wrote down: signatures, executions, switches, journals."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import urllib.request
from collections import defaultdict
from pathlib import Path
from typing import Any

from console.files import sha256_of
from console.model import Crossing
from tests.e2e.devnet import Devnet


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def nobody_signed_twice(devnet: Devnet) -> None:
    """No validator signed two blocks at one height, round and step."""
    for node in devnet.status()["nodes"]:
        signed: dict[tuple[int, int, int], set[str]] = defaultdict(set)
        for entry in lines(Path(node["home"]) / "signed.jsonl"):
            signed[entry["height"], entry["round"], entry["step"]].add(entry["block_hash"])
        assert signed, f"{node['name']} signed nothing"
        twice = {place: blocks for place, blocks in signed.items() if len(blocks) > 1}
        assert not twice, f"{node['name']} signed twice: {twice}"


def executed(devnet: Devnet, name: str) -> dict[int, set[tuple[str, str]]]:
    """Height → (version, app hash) of every execution of one node."""
    found: dict[int, set[tuple[str, str]]] = defaultdict(set)
    for entry in lines(devnet.home(name) / "executed.jsonl"):
        found[entry["height"]].add((entry["version"], entry["app_hash"]))
    return found


def crossed(devnet: Devnet, name: str, height: int) -> None:
    """H and everything after it ran under the new binary only, everything before under the old one only."""
    for at, runs in executed(devnet, name).items():
        versions = {version for version, _ in runs}
        assert versions == {"v0.1.5" if at < height else "v0.2.0"}, f"{name} executed {at} with {versions}"
        assert len(runs) == 1, f"{name} executed {at} to different ends: {runs}"


def same_app_hash(devnet: Devnet, names: list[str], height: int) -> str:
    """All of them executed a height to the same app hash, which is returned."""
    hashes = {app_hash for name in names for _, app_hash in executed(devnet, name)[height]}
    assert len(hashes) == 1, hashes
    return hashes.pop()


def disk_journal_and_hashes_agree(devnet: Devnet, name: str, release_sha256: str) -> None:
    """`current`, the journal's last run and the bytes on disk name the same release."""
    home = devnet.home(name)
    current = home / "cosmovisor" / "current"
    assert str(current.readlink()) == "upgrades/v0.2.0"
    assert sha256_of(current / "bin" / "subnetd") == release_sha256
    run = last_run(devnet, name)
    assert (run["generation"], run["halt_height"], run["exe_sha256"]) == ("v0.2.0", 0, release_sha256)
    live = json.loads((devnet.state_dir(name) / "run" / "node.json").read_text())
    assert live["exe_sha256"] == release_sha256


def runs(devnet: Devnet, name: str) -> list[dict[str, Any]]:
    """The journal's runs, oldest first."""
    database = sqlite3.connect(f"file:{devnet.state_dir(name) / 'journal.db'}?mode=ro", uri=True)
    database.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in database.execute("SELECT * FROM run ORDER BY id")]
    finally:
        database.close()


def last_run(devnet: Devnet, name: str) -> dict[str, Any]:
    return runs(devnet, name)[-1]


def halted_with_code_2(devnet: Devnet, name: str, height: int) -> None:
    """The armed run ended with exit code 2."""
    armed = [run for run in runs(devnet, name) if run["halt_height"] == height]
    assert armed, f"{name} was never armed"
    assert armed[-1]["exit_code"] == 2


def events(devnet: Devnet, name: str) -> list[str]:
    """Kinds of the journal's events, in order."""
    database = sqlite3.connect(f"file:{devnet.state_dir(name) / 'journal.db'}?mode=ro", uri=True)
    try:
        return [kind for (kind,) in database.execute("SELECT kind FROM event ORDER BY seq")]
    finally:
        database.close()


def executed_with(devnet: Devnet, name: str, *releases: tuple[str, int]) -> None:
    """Each height was last executed by the release of its time.

    Args:
        devnet: The network.
        name: The node.
        releases: (version, the first height that it executes), oldest first.
    """
    last: dict[int, str] = {}
    for entry in lines(devnet.home(name) / "executed.jsonl"):
        last[entry["height"]] = entry["version"]
    for height, version in sorted(last.items()):
        wanted = next(release for release, begins in reversed(releases) if begins <= height)
        assert version == wanted, f"{name} executed {height} with {version}, not {wanted}"


def first_heights(devnet: Devnet, name: str) -> dict[str, int]:
    """Version → the first height that a node executed with it, in order."""
    found: dict[str, int] = {}
    for entry in lines(devnet.home(name) / "executed.jsonl"):
        found.setdefault(entry["version"], entry["height"])
    return found


def states_entered(devnet: Devnet, name: str, height: int) -> list[str]:
    """The crossing states that a node went through for the upgrade at a height, in order."""
    database = sqlite3.connect(f"file:{devnet.state_dir(name) / 'journal.db'}?mode=ro", uri=True)
    try:
        rows = database.execute(
            "SELECT kind FROM event JOIN attempt ON event.attempt = attempt.id "
            "WHERE json_extract(attempt.document, '$.target_height') = ? ORDER BY seq",
            (height,),
        )
        words = [word for (kind,) in rows for word in str(kind).split("+")]
    finally:
        database.close()
    return [word.upper() for word in words if word.upper() in _CROSSINGS]


def signer_mark(devnet: Devnet, name: str) -> tuple[int, int, int]:
    """Height, round and step of the node's live signer state."""
    path = devnet.home(name) / "cometbft" / "data" / "priv_validator_state.json"
    state = json.loads(path.read_text())
    return int(state["height"]), int(state["round"]), int(state["step"])


def signs_again(devnet: Devnet, name: str, after: int) -> bool:
    """Whether a commit of a height after `after` holds the validator's own signature."""
    status = devnet.status()
    node = next(entry for entry in status["nodes"] if entry["name"] == name)
    key = json.loads((Path(node["home"]) / "cometbft" / "config" / "priv_validator_key.json").read_text())
    for url in status["cometbft_rpc"]:
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(f"{url}/commit", timeout=2) as response:
                commit = json.load(response)["result"]["signed_header"]["commit"]
            if int(commit["height"]) <= after:
                return False
            return any(entry["validator_address"] == key["address"] for entry in commit["signatures"])
    return False


_CROSSINGS = frozenset(state.value for state in Crossing if state.value)
