"""An upgrade by hand over systemd, on a real chain under a real systemd with its journal: taken back, then crossed."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from console.files import sha256_of
from tests.console.node.cosmos_nodes import served
from tests.cosmos_network import DAEMON, CosmosNetwork, laid_out, patience, quick
from tests.e2e.controlled_cosmos import NETWORK, Controlled
from tests.e2e.devnet import Ran
from tests.peers import COSMOS_V1, COSMOS_V2, require
from tests.real_machine import NoMachine, RealMachine

pytestmark = [pytest.mark.e2e, pytest.mark.peer, pytest.mark.timeout(600)]

LEAD = 30
"""Blocks from the proposal to H on an idle machine: the vote takes fifteen."""
OURS = "val4"
UNIT = """[Service]
ExecStart={program} start --home {home} --log_no_color
TimeoutStopSec=30
"""


class ByHand(Controlled):
    """A network of which one node is a unit of a machine; its operator works there."""

    def __init__(self, network: CosmosNetwork, machine: RealMachine) -> None:
        super().__init__(network, 'local_downloads = true\nunit = "noded"')
        self.machine = machine
        self.program = network.folder / "installed" / DAEMON
        self.program.parent.mkdir()
        shutil.copy2(require(COSMOS_V1), self.program)
        machine.unit("noded.service", UNIT.format(program=self.program, home=network.validators[OURS].home))

    def operator(self, *arguments: str) -> list[str]:
        """A command line of its operator."""
        return self.machine.command(*self.command(*arguments, node=OURS))

    def runs(self, procedure: str, *arguments: str) -> Ran:
        """Run a procedure there to its end."""
        return self.does_there("run", procedure, "--json", *arguments)

    def does_there(self, *arguments: str) -> Ran:
        """Any verb there."""
        done = subprocess.run(
            self.operator(*arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
            env=self.environment,
        )
        return Ran(done.returncode, done.stdout, done.stderr)


@contextmanager
def by_hand(folder: Path) -> Iterator[ByHand]:
    network = laid_out(folder, periods=quick())
    machine = RealMachine(Path(tempfile.mkdtemp(prefix="uc-", dir="/tmp")))
    try:
        machine.start()
    except NoMachine as error:
        pytest.skip(f"no systemd of our own: {error}")
    try:
        nodes = ByHand(network, machine)
        try:
            assert machine.run("systemctl", "start", "noded").code == 0
            network.start(*(name for name in network.validators if name != OURS))
            network.reaches(2)
            yield nodes
        finally:
            network.stop()
            nodes.end()
    finally:
        machine.end()
        shutil.rmtree(machine.folder)


def ended(ran: Ran) -> dict[str, tuple[str, str]]:
    """Each step's outcome and sentence."""
    events: list[dict[str, Any]] = [json.loads(line) for line in ran.out.splitlines() if line.startswith("{")]
    return {each["step"]: (each["outcome"], each["words"]) for each in events if each["event"] == "ended"}


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
