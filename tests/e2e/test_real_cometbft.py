"""The upgrade on real CometBFT: three processes a node, driven over ABCI, judged by its own RPC and data."""

from __future__ import annotations

import asyncio
import json
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from console.chain.ipc import IpcChain
from console.model import Back, ChainView, power_back
from console.settings import load_network
from tests.e2e import judge
from tests.e2e.devnet import Devnet, running
from tests.peers import COMETBFT_037, COMETBFT_038, Peer, require

pytestmark = [pytest.mark.e2e, pytest.mark.peer, pytest.mark.timeout(600)]

POWERS = "3,3,2,2"
"""Each alone may be missing, and the two light ones together, 40 %, are enough to stop the chain."""
LEAD = 60
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
        the_upgrade(devnet, peer)
        too_little_power(devnet)


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


def the_upgrade(devnet: Devnet, peer: Peer) -> None:
    height = devnet.propose(LEAD)
    names = [node["name"] for node in devnet.status()["nodes"]]
    devnet.eventually("all are armed", devnet.all_are("ARMED"), 120)
    devnet.eventually("all said so", lambda: devnet.upgrade("node3").get("armed_power") == 10)
    seen = devnet.seen_by("node3")["upgrade"]
    assert (seen["go"], seen["ready_power"]) == (True, 10)

    devnet.eventually("the chain stands at H", lambda: (devnet.status()["height"] or 0) >= height, 120)
    meter = power_seen(devnet, height, until=devnet.all_are("COMMITTED"))
    assert all(back.total == 10 for back in meter)
    assert any(back.enough for back in meter), "the power that is back was never shown to be enough"
    devnet.eventually("the chain is past H+3", devnet.past(height + 3))
    devnet.eventually("the registry says executed", lambda: devnet.upgrade("node1").get("status") == "executed")

    release = devnet.status()["releases"][1]["sha256"]
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


def too_little_power(devnet: Devnet) -> None:
    """40 % of the power goes; the chain stands, and everybody is told why and who is missing."""
    for name in ("node3", "node4"):
        assert devnet.verb("stop-node", name).code == 0
    devnet.eventually("the chain is seen to stand", lambda: stalled(devnet) is not None, 60)
    told = stalled(devnet)
    assert told is not None
    assert (told["power"], told["total_power"], told["needed_power"]) == (6, 10, 7)
    addresses = {node["name"]: node["address"] for node in devnet.status()["nodes"]}
    assert {each["address"] for each in told["missing"]} == {addresses["node3"], addresses["node4"]}
    assert "6 of 10" in told["sentence"]
    stands_at = devnet.status()["height"]
    marks = {name: judge.signer_mark(devnet, name) for name in addresses}

    assert devnet.verb("start-node", "node3").code == 0
    devnet.eventually("the chain goes on", devnet.past(stands_at + 1), 60)
    devnet.eventually("nothing is said any more", lambda: stalled(devnet) is None, 30)
    assert devnet.verb("start-node", "node4").code == 0
    devnet.eventually("the last one signs again", lambda: judge.signs_again(devnet, "node4", stands_at + 1), 60)
    assert all(judge.signer_mark(devnet, name) > mark for name, mark in marks.items())
    nobody_signed_twice(devnet)


def stalled(devnet: Devnet) -> dict[str, Any] | None:
    found: dict[str, Any] | None = devnet.seen_by("node1")["stalled"]
    return found


def power_seen(devnet: Devnet, height: int, until: Callable[[], bool]) -> list[Back]:
    """What the meter of the crossing shows from look to look, read from the real RPC."""

    async def looks() -> list[Back]:
        found: list[Back] = []
        chain = IpcChain(load_network("devnet", devnet.folder))
        try:
            while not await asyncio.to_thread(until):
                view: ChainView = await chain.view()
                found.append(power_back(view, height))
                await asyncio.sleep(0.2)
        finally:
            await chain.close()
        return found

    return asyncio.run(asyncio.wait_for(looks(), 180))


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
