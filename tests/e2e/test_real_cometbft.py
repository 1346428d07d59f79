"""The upgrade on real CometBFT, walked on the screens: three processes a node, judged by its own RPC and data."""

from __future__ import annotations

import json
import re
import shutil
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import judge
from tests.e2e.devnet import Devnet, running
from tests.e2e.on_screen import propose, until_crossing
from tests.e2e.terminal import Terminal
from tests.peers import COMETBFT_037, COMETBFT_038, Peer, require

pytestmark = [pytest.mark.e2e, pytest.mark.peer, pytest.mark.timeout(600)]

POWERS = "3,3,2,2"
"""Each alone may be missing, and the two light ones together, 40 %, are enough to stop the chain."""
LEAD = 48
"""A node's restart takes CometBFT some five seconds, and they are armed one after the other."""
EMPTY_EVIDENCE = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"
"""Hash of a block's empty list of evidence."""


@contextmanager
def real_devnet(folder: Path, peer: Peer, *arguments: str) -> Iterator[Devnet]:
    program = str(require(peer))
    with running(folder, "--consensus", "cometbft", "--cometbft", program, *arguments) as devnet:
        yield devnet


@pytest.mark.parametrize("peer", [COMETBFT_037, pytest.param(COMETBFT_038, marks=pytest.mark.soak)], ids=str)
def test_four_nodes_cross_and_forty_percent_stop_the_chain(tmp_path: Path, peer: Peer) -> None:
    with real_devnet(tmp_path / "net", peer, "--powers", POWERS) as devnet:
        terminal = Terminal("--network", "devnet", "--dir", str(devnet.folder))
        try:
            height = the_upgrade(devnet, terminal)
            too_little_power(devnet, terminal)
        finally:
            terminal.kill()
        what_the_nodes_wrote(devnet, height, peer)


@pytest.mark.soak
def test_a_release_of_two_binaries_takes_the_nodes_to_another_cometbft(tmp_path: Path) -> None:
    """From 0.37 to 0.38 at H: another ABCI, over the data that the older one wrote."""
    newer = require(COMETBFT_038)
    with real_devnet(tmp_path / "net", COMETBFT_037) as devnet:
        names = [node["name"] for node in devnet.status()["nodes"]]
        release = devnet.status()["releases"][1]
        folder, at = devnet.folder / "releases" / "v0.2.0", release["url"].rsplit("/", 1)[0]
        shutil.copy(newer, folder / "cometbft")
        made = devnet.call(
            "release", "make", "--name", "v0.2.0", "--version", "0.2.0", "--sequence", "2",
            "--project", "devnet", "--keyring", "1",
            "--out", str(folder / "manifest.json"),
            "--binary", f"any:subnetd={folder / 'subnetd'}", "--source", f"any:subnetd={at}/subnetd",
            "--binary", f"any:cometbft={folder / 'cometbft'}", "--source", f"any:cometbft={at}/cometbft",
        )  # fmt: skip
        assert made.code == 0, made.err
        height = int(devnet.status()["height"]) + devnet.lead(LEAD)
        proposed = devnet.call(
            "propose", "--manifest", str(folder / "manifest.json"), "--manifest-url", f"{at}/manifest.json",
            "--height", str(height),
        )  # fmt: skip
        assert proposed.code == 0, proposed.err
        devnet.eventually("all cross", devnet.all_are("COMMITTED"), 240)
        devnet.eventually("the chain is past H+3", devnet.past(height + 3))
        for name in names:
            judge.crossed(devnet, name, height)
            assert halt_codes(devnet, name) == {"app": 2, "cometbft": 0, "eth": 0}
            assert ask(devnet, name, "status")["node_info"]["version"] == cometbft_version(COMETBFT_038)
        judge.same_app_hash(devnet, names, height + 1)
        nobody_signed_twice(devnet)


def the_upgrade(devnet: Devnet, terminal: Terminal) -> int:
    """From the form to the proof, as one operator sees it; returns H."""
    terminal.until("No upgrade is pending", "node4")
    status = devnet.status()
    height = int(status["height"]) + devnet.lead(LEAD)
    propose(terminal, status["releases"][1], height)
    terminal.until("v0.2.0", "Ready", "NO-GO")
    devnet.eventually("all are armed", devnet.all_are("ARMED"), 120)
    terminal.until(" GO  now", "armed 10 of 10 power", "this node is armed", f"halts at   {height}")

    until_crossing(terminal, deadline_s=180)
    assert power_shown(terminal), "the power that is back was never shown"
    terminal.until("COMMITTED", "PROVEN", "confirmed 10 of 10", "app hash the same at 4 of 4", deadline_s=120)
    terminal.until("Crossed: 4 of 4", "✓ committed")
    devnet.eventually("all are committed", devnet.all_are("COMMITTED"))
    devnet.eventually("the chain is past H+3", devnet.past(height + 3))
    devnet.eventually("the registry says executed", lambda: devnet.upgrade("node1").get("status") == "executed")
    return height


def power_shown(terminal: Terminal) -> list[int]:
    """What the meter of the crossing shows from frame to frame, until the chain has crossed."""
    found: list[int] = []

    def looked() -> bool:
        shown = re.search(r"(\d+) of 10 back", terminal.text)
        if shown is not None and (not found or found[-1] != int(shown[1])):
            found.append(int(shown[1]))
        return "CROSSED" in terminal.text or "COMMITTED · " in terminal.text

    terminal.until_that("the chain crosses", looked, deadline_s=180)
    return found


def what_the_nodes_wrote(devnet: Devnet, height: int, peer: Peer) -> None:
    release = devnet.status()["releases"][1]["sha256"]
    names = [node["name"] for node in devnet.status()["nodes"]]
    for name in names:
        judge.halted_with_code_2(devnet, name, height)
        # H itself was decided under the old rules, and is executed by the new binary, in CometBFT's replay.
        judge.crossed(devnet, name, height)
        judge.disk_journal_and_hashes_agree(devnet, name, release)
        assert halt_codes(devnet, name) == {"app": 2, "cometbft": 0, "eth": 0}
        assert ask(devnet, name, "status")["node_info"]["version"] == cometbft_version(peer)
    judge.same_app_hash(devnet, names, height)
    judge.same_app_hash(devnet, names, height + 1)
    nobody_signed_twice(devnet)


def too_little_power(devnet: Devnet, terminal: Terminal) -> None:
    """40 % of the power goes; the chain stands, and everybody is told why and who is missing."""
    for name in ("node3", "node4"):
        assert devnet.verb("stop-node", name).code == 0
    terminal.until("The chain stands at block", "6 of 10 power votes, 7 is needed", "missing: node3 (2), node4 (2)")
    told = stalled(devnet)
    assert told is not None
    assert (told["power"], told["total_power"], told["needed_power"]) == (6, 10, 7)
    addresses = {node["name"]: node["address"] for node in devnet.status()["nodes"]}
    assert {each["address"] for each in told["missing"]} == {addresses["node3"], addresses["node4"]}
    stands_at = devnet.status()["height"]
    marks = {name: judge.signer_mark(devnet, name) for name in addresses}

    assert devnet.verb("start-node", "node3").code == 0
    devnet.eventually("the chain goes on", devnet.past(stands_at + 1), 60)
    terminal.until_not("The chain stands", deadline_s=60)
    assert devnet.verb("start-node", "node4").code == 0
    devnet.eventually("the last one signs again", lambda: judge.signs_again(devnet, "node4", stands_at + 1), 60)
    assert all(judge.signer_mark(devnet, name) > mark for name, mark in marks.items())


def stalled(devnet: Devnet) -> dict[str, Any] | None:
    found: dict[str, Any] | None = devnet.seen_by("node1")["stalled"]
    return found


def halt_codes(devnet: Devnet, name: str) -> dict[str, int]:
    """Exit codes of a node's processes at its halt."""
    run = next(run for run in reversed(judge.runs(devnet, name)) if run["exit_code"] == 2)
    record = json.loads((devnet.state_dir(name) / "run" / f"exit.{run['id']}.json").read_text())
    codes: dict[str, int] = record["codes"]
    return codes


def ask(devnet: Devnet, name: str, path: str) -> dict[str, Any]:
    """The result of a GET of one node's CometBFT."""
    status = devnet.status()
    at = [node["name"] for node in status["nodes"]].index(name)
    with urllib.request.urlopen(f"{status['cometbft_rpc'][at]}/{path}", timeout=10) as answer:
        result: dict[str, Any] = json.load(answer)["result"]
    return result


def nobody_signed_twice(devnet: Devnet) -> None:
    """No block carries evidence."""
    tip = int(ask(devnet, "node1", "status")["sync_info"]["latest_block_height"])
    while tip > 0:
        metas = ask(devnet, "node1", f"blockchain?maxHeight={tip}&minHeight={max(1, tip - 19)}")["block_metas"]
        assert {meta["header"]["evidence_hash"] for meta in metas} == {EMPTY_EVIDENCE}
        tip -= 20


def cometbft_version(peer: Peer) -> str:
    """The version that its go.mod pins."""
    line = next(line for line in (peer.pins / "go.mod").read_text().splitlines() if line.startswith("require "))
    return line.rsplit(" v", 1)[1]
