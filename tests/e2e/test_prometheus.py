"""A real Prometheus looks at a real upgrade: what the shipped rules say, when they say it, and that they stop."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from console.monitoring.rules import Pace
from console.monitoring.written import RULES_FILE, SCRAPE_FILE, rules_text, scrape_text
from tests.e2e.devnet import Devnet

pytestmark = [pytest.mark.e2e, pytest.mark.peer, pytest.mark.timeout(600)]

QUICK = Pace(
    lately_s=6,
    unready_s=5,
    near_blocks=20,
    urgent_blocks=20,
    behind_blocks=6,
    behind_s=1,
    settle_s=6,
    halted_s=60,
    gone_s=60,
    paused_s=60,
    watch_blocks=20,
    watch_s=20,
    # A short test has no minutes to be slow in: the other rules say the same here.
    watch_settle_s=300,
    watch_halted_s=300,
)
"""The rules that operators are given, without their patience."""
THREE = ("node1", "node2", "node3")


class Prometheus:
    """A Prometheus that runs, asked over its API."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1"
        self.seen: set[tuple[str, str]] = set()
        """Every alert that was seen to fire, by name and node; those of a network have no node."""

    def _get(self, path: str, **query: str) -> Any:
        with urllib.request.urlopen(f"{self._url}/{path}?{urllib.parse.urlencode(query)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def value(self, expression: str) -> list[float]:
        return [float(row["value"][1]) for row in self._get("query", query=expression)["result"]]

    def answers(self) -> bool:
        try:
            return len(self.value("up == 1")) == 4
        except OSError:
            return False

    def firing(self) -> set[tuple[str, str]]:
        found = {
            (alert["labels"]["alertname"], alert["labels"].get("node", ""))
            for alert in self._get("alerts")["alerts"]
            if alert["state"] == "firing"
        }
        self.seen |= found
        return found

    def fires(self, name: str, node: str = "") -> bool:
        return (name, node) in self.firing()

    def summary(self, name: str) -> str:
        alerts = self._get("alerts")["alerts"]
        return next((alert["annotations"]["summary"] for alert in alerts if alert["labels"]["alertname"] == name), "")


@contextmanager
def prometheus(folder: Path) -> Iterator[Prometheus]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["prometheus", f"--config.file={folder / SCRAPE_FILE}", f"--storage.tsdb.path={folder / 'data'}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    try:
        yield Prometheus(port)
    finally:
        process.kill()
        process.wait()


def test_the_rules_fire_and_clear_through_an_upgrade(devnet: Devnet, tmp_path: Path) -> None:
    """node4 is not ready for a while; its new binary cannot start, so it is rolled back and left behind, and mended."""
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not here: it is in Debian's package of that name")
    devnet.up("--block-time", "300ms")
    folder = tmp_path / "monitoring"
    ports = devnet.tells("monitoring", "write", str(folder))["ports"]
    (folder / RULES_FILE).write_text(rules_text(QUICK), "utf-8")
    (folder / SCRAPE_FILE).write_text(scrape_text(ports, every_s=1), "utf-8")
    with prometheus(folder) as seen:
        devnet.eventually("Prometheus reads all four controllers", seen.answers)
        devnet.does("node4", "pause", "--reason", "not yet")
        height = devnet.propose(60)
        devnet.eventually("the proposal is told", lambda: seen.fires("UpgradeProposalCreated"))
        devnet.eventually("node4 is not ready", lambda: seen.fires("ValidatorNotReady", "node4"))
        devnet.does("node4", "resume")
        devnet.eventually("node4 is ready", lambda: not seen.fires("ValidatorNotReady", "node4"))
        devnet.eventually("all are armed", devnet.all_are("ARMED"))
        devnet.eventually("the halt is near", lambda: seen.fires("UpgradeHaltImminent"))
        # The armed node has read it long ago; the new binary will look for it.
        key = devnet.home("node4") / "cometbft" / "config" / "node_key.json"
        away = key.rename(key.with_suffix(".away"))
        assert seen.summary("UpgradeHaltImminent").startswith("devnet: upgrade halt in ")
        devnet.eventually("node4 rolled back", lambda: seen.fires("UpgradeRollback", "node4"))
        devnet.eventually("node4 is left behind", lambda: seen.fires("NodeBehindAfterUpgrade", "node4"))
        devnet.eventually("the others crossed", devnet.all_are("COMMITTED", *THREE))
        away.rename(key)
        devnet.does("node4", "swap", "v0.2.0", "--reason", "the key file is back")
        devnet.eventually("node4 crossed too", devnet.all_are("COMMITTED"))
        devnet.eventually("nothing fires any more", lambda: not seen.firing())
        assert devnet.status()["height"] > height
        devnet.eventually("every commit is counted", lambda: seen.value("ipc_upgrade_commits_total") == [1] * 4)
        assert seen.value('sum(ipc_upgrade_rollbacks_total{reason="failed_start"})') == [1]
        assert seen.value("min(ipc_upgrade_downtime_seconds_count)") == [0]
        assert seen.value('sum(ipc_upgrade_downtime_seconds_count{outcome="crossed"})') == [4]
        # Nothing about those who did as they should.
        assert {node for _, node in seen.seen if node} == {"node4"}
        wanted = {"ValidatorNotReady", "UpgradeRollback", "NodeBehindAfterUpgrade"}
        assert {name for name, node in seen.seen if node} - {"NodeNeedsOperator", "UpgradeFailed"} == wanted
        # For as long as the others are not ready yet the network lacks power.
        of_network = {name for name, node in seen.seen if not node}
        assert of_network - {"UpgradeShortOfPower"} == {
            "UpgradeProposalCreated",
            "UpgradeHaltImminent",
            "UpgradeWatchedClosely",
        }
