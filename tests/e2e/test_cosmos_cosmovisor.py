"""The same upgrade under the real `cosmovisor`, while a console without any controller watches."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cosmos_network import DAEMON, CosmosNetwork, laid_out, patience, quick
from tests.e2e.controlled_cosmos import Controlled
from tests.peers import COSMOS_V2, COSMOVISOR, require

pytestmark = [pytest.mark.e2e, pytest.mark.peer, pytest.mark.timeout(600)]

LEAD = 40
"""Blocks from the proposal to H on an idle machine: the vote takes fifteen."""


@contextmanager
def supervised(folder: Path, more_settings: str = "") -> Iterator[Controlled]:
    """Four nodes, each under a cosmovisor of its own; the settings know them, and no controller runs.

    Args:
        folder: Of the network.
        more_settings: Further lines of every node's table.
    """
    program = require(COSMOVISOR)
    network = laid_out(folder, periods=quick())
    watching = Controlled(network, more_settings)
    running = [_cosmovisor(program, network, name) for name in network.validators]
    try:
        network.reaches(2)
        yield watching
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(30)
        watching.end()


def _cosmovisor(program: Path, network: CosmosNetwork, name: str) -> subprocess.Popen[bytes]:
    node = network.validators[name]
    environment = {
        **os.environ,
        "DAEMON_HOME": str(node.home),
        "DAEMON_NAME": DAEMON,
        "DAEMON_SHUTDOWN_GRACE": "20s",
        "UNSAFE_SKIP_BACKUP": "true",
    }
    with node.log.open("ab") as log:
        return subprocess.Popen(
            [program, "run", "start", "--home", node.home, "--log_no_color"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            # Before 1.7 it reads a relative `current` from where it was started (docs/cosmos.md).
            cwd=node.home / "cosmovisor",
        )


def test_the_console_tells_vote_plan_and_crossing_of_nodes_that_cosmovisor_runs(tmp_path: Path) -> None:
    newer = require(COSMOS_V2)
    with supervised(tmp_path / "net") as watching:
        network = watching.network
        for name in watching.names:
            network.stage(name, "v2", newer)
        height = network.height() + int(LEAD * patience())
        number = network.propose_upgrade("v2", height, expedited=True)
        voting = seen(watching)["upgrade"]
        assert (voting["id"], voting["status"], voting["target_height"]) == (number, "voting", height)
        network.passes(number)
        told = seen(watching)
        assert (told["upgrade"]["status"], told["upgrade"]["go"]) == ("scheduled", True)
        assert told["upgrade"]["blocks_left"] == height - told["height"]
        assert {each["version"] for each in told["validators"]} == {"v1.0.0"}
        assert told["node"] is None

        network.reaches(height + 2, deadline_s=240)
        network.eventually("the console has seen all new versions", lambda: versions(watching) == {"v2.0.0"})
        after = seen(watching)
        assert (after["upgrade"]["name"], after["upgrade"]["status"]) == ("v2", "executed")
        assert after["cosmos"]["application"]["version"] == "v2.0.0"
        assert after["cosmos"]["module_versions"]["epochs"] == 1


def seen(watching: Controlled) -> dict[str, Any]:
    """`status --json`; while every node is down at once there is none."""
    ran = watching.call("status", "--json")
    assert ran.code == 0, ran.err
    found: dict[str, Any] = ran.json
    return found


def versions(watching: Controlled) -> set[str]:
    return {str(each["version"]) for each in seen(watching)["validators"]}
