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
from tests.e2e.by_unit import OURS, by_hand, ended
from tests.e2e.controlled_cosmos import NETWORK, Controlled
from tests.peers import COSMOS_V1, COSMOS_V2, COSMOVISOR, require

pytestmark = [pytest.mark.e2e, pytest.mark.peer, pytest.mark.timeout(600)]

LEAD = 40
"""Blocks from the proposal to H on an idle machine: the vote takes fifteen."""

UNIT = """[Service]
Environment=DAEMON_HOME={{home}} DAEMON_NAME={daemon} DAEMON_SHUTDOWN_GRACE=20s UNSAFE_SKIP_BACKUP=true
WorkingDirectory={{home}}/cosmovisor
ExecStart={cosmovisor} run start --home {{home}} --log_no_color {more}
TimeoutStopSec=60
"""


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


def test_a_wrong_program_is_taken_back_and_the_old_one_runs_on_where_the_network_skips(tmp_path: Path) -> None:
    # It runs, says its version, and has no handler of the plan: what a wrong build does.
    wrong = tmp_path / "wrong"
    wrong.write_bytes(require(COSMOS_V1).read_bytes() + b"\0")
    wrong.chmod(0o755)
    cosmovisor = require(COSMOVISOR)
    with by_hand(tmp_path / "net", UNIT.format(cosmovisor=cosmovisor, daemon=DAEMON, more="")) as nodes:
        network = nodes.network
        root = network.validators[OURS].home / "cosmovisor"
        plan, link = root.parent / "data" / "upgrade-info.json", root / "current"
        network.stage(OURS, "v2", wrong)
        height = network.height() + int(LEAD * patience())
        network.pass_upgrade("v2", height)
        network.eventually("Cosmovisor switched", lambda: link.resolve().name == "v2", 240)
        network.eventually(
            "and gave up", lambda: nodes.machine.run("systemctl", "is-active", "noded").stdout.strip() == "failed", 120
        )

        def back() -> tuple[int, dict[str, tuple[str, str]], str]:
            ran = nodes.runs(
                "rollback", "--way", "cosmovisor", "--why", "a wrong build",
                "--answer", f"rollback.stop={NETWORK}:jane",
            )  # fmt: skip
            return ran.code, ended(ran), ran.out + ran.err

        code, steps, told = back()
        assert code == 0, told
        assert f"height {height:,} is not executed: the application is at {height - 1:,}" in steps["rollback.zone"][1]
        assert {step for step, (outcome, _) in steps.items() if outcome != "pass"} == {"rollback.parked"}
        assert (link.resolve().name, plan.exists(), (root / "upgrades" / "v2").exists()) == ("genesis", False, False)
        assert nodes.machine.run("systemctl", "is-active", "noded").stdout.strip() in {"inactive", "failed"}

        # The network skips it together, and Cosmovisor lets the old program run on.
        skips = ("--unsafe-skip-upgrades", str(height))
        network.stop()
        network.start_flags = (*network.start_flags, *skips)
        network.start(*(name for name in network.validators if name != OURS))
        nodes.unit(UNIT.format(cosmovisor=cosmovisor, daemon=DAEMON, more=" ".join(skips)))
        assert nodes.machine.run("systemctl", "start", "noded").code == 0
        network.reaches(height + 5, deadline_s=180)
        assert nodes.machine.run("systemctl", "is-active", "noded").stdout.strip() == "active"
        assert link.resolve().name == "genesis"

        # Why the plan file has to go: for it Cosmovisor ends a node that skips, and itself without an error.
        plan.write_text(f'{{"name":"v2","time":"0001-01-01T00:00:00Z","height":{height}}}')
        network.eventually(
            "Cosmovisor ends", lambda: nodes.machine.run("systemctl", "is-active", "noded").stdout.strip() == "inactive"
        )
        # And now H is executed.
        code, steps, told = back()
        assert code == 1, told
        assert "cannot run on its data" in steps["rollback.zone"][1]
