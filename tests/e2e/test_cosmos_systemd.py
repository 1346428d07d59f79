"""An upgrade by hand over systemd, on a real chain under a real systemd with its journal: taken back, then crossed."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from console.files import sha256_of
from tests.console.node.cosmos_nodes import served
from tests.cosmos_network import DAEMON, patience
from tests.e2e.by_unit import OURS, by_hand, ended
from tests.e2e.controlled_cosmos import NETWORK
from tests.e2e.devnet import Ran
from tests.peers import COSMOS_V1, COSMOS_V2, require

pytestmark = [pytest.mark.e2e, pytest.mark.peer, pytest.mark.timeout(600)]

LEAD = 30
"""Blocks from the proposal to H on an idle machine: the vote takes fifteen."""


def test_a_wrong_program_is_taken_back_and_the_right_one_crosses(tmp_path: Path) -> None:
    newer, older = require(COSMOS_V2).read_bytes(), require(COSMOS_V1)
    # It runs, says its version, and has no handler of the plan: what a wrong build does.
    wrong = older.read_bytes() + b"\0"
    with by_hand(tmp_path / "net") as nodes, served(wrong) as (wrong_url, _), served(newer) as (right_url, _):
        network = nodes.network
        height = network.height() + int(LEAD * patience())
        network.pass_upgrade("v2", height)

        def upgrade(url: str, content: bytes) -> tuple[str, ...]:
            of = ("--way", "systemd", "--binary", str(nodes.program))
            given = ("--url", f"{url}/{DAEMON}", "--checksum", f"sha256:{hashlib.sha256(content).hexdigest()}")
            return (*of, *given, "--answer", f"upgrade.stop={NETWORK}:jane")

        failed = nodes.runs("chain-upgrade", *upgrade(wrong_url, wrong))
        assert failed.code == 1, failed.out + failed.err
        steps = ended(failed)
        assert steps["upgrade.halt"][0] == steps["upgrade.replace"][0] == "pass", steps
        assert "fail" in {steps["upgrade.start"][0], steps.get("upgrade.crossing", ("", ""))[0]}
        assert "run rollback --way systemd --unit noded" in failed.out
        logs = nodes.does_there("node", "logs", "--source", "node", "--lines", "500")
        assert f'UPGRADE "v2" NEEDED at height: {height}' in logs.out, logs
        assert sha256_of(nodes.program) == hashlib.sha256(wrong).hexdigest()

        back = nodes.runs(
            "rollback", "--way", "systemd", "--why", "a wrong build",
            "--answer", f"rollback.stop={NETWORK}:jane",
        )  # fmt: skip
        steps = ended(back)
        assert back.code == 0, back.out + back.err
        assert f"height {height:,} is not executed: the application is at {height - 1:,}" in steps["rollback.zone"][1]
        assert {step for step, (outcome, _) in steps.items() if outcome != "pass"} == {"rollback.parked"}
        assert sha256_of(nodes.program) == sha256_of(older)
        assert nodes.machine.run("systemctl", "is-active", "noded").stdout.strip() in {"inactive", "failed"}

        # Forward again, with the right one: the halt is proven by what the stopped node left.
        assert nodes.call("run", "--give-up", run_of(failed), "--reason", "a wrong build", node=OURS).code == 0
        running = subprocess.Popen(
            nodes.operator("run", "chain-upgrade", "--json", *upgrade(right_url, newer)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            env=nodes.environment,
        )
        network.eventually(
            "the right program is in place", lambda: sha256_of(nodes.program) == hashlib.sha256(newer).hexdigest(), 180
        )
        others = [name for name in network.validators if name != OURS]
        network.stop()
        for name in others:
            network.switch(name, "v2", require(COSMOS_V2))
        network.start(*others)
        out, _ = running.communicate(timeout=240)
        steps = ended(Ran(running.returncode, out, ""))
        assert running.returncode == 0, out
        assert steps["upgrade.applied"][0] == "pass"
        network.reaches(height + 2)

        # Now there is no way back, and it says so of a node that runs.
        late = nodes.runs("rollback", "--way", "systemd", "--why", "too late")
        assert late.code == 1
        assert "cannot run on its data" in ended(late)["rollback.zone"][1]


def run_of(ran: Ran) -> str:
    """The run's name."""
    return str(next(json.loads(line) for line in ran.out.splitlines() if line.startswith("{"))["run"])
