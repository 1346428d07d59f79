"""One node of a real chain as a unit of a real systemd, where its operator works without any controller of ours."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cosmos_network import DAEMON, CosmosNetwork, laid_out, quick
from tests.e2e.controlled_cosmos import Controlled
from tests.e2e.devnet import Ran
from tests.peers import COSMOS_V1, require
from tests.real_machine import NoMachine, RealMachine

OURS = "val4"
UNIT = """[Service]
ExecStart={program} start --home {home} --log_no_color
TimeoutStopSec=30
"""


class ByHand(Controlled):
    """A network of which one node is a unit of a machine; its operator works there.

    Args:
        network: Laid out.
        machine: It runs.
        unit: Text of the unit, with {program} and {home}.
    """

    def __init__(self, network: CosmosNetwork, machine: RealMachine, unit: str = UNIT) -> None:
        super().__init__(network, 'local_downloads = true\nunit = "noded"')
        self.machine = machine
        self.program = network.folder / "installed" / DAEMON
        self.program.parent.mkdir()
        shutil.copy2(require(COSMOS_V1), self.program)
        self.unit(unit)

    def unit(self, text: str) -> None:
        """Write the unit, with {program} and {home} in it."""
        self.machine.unit("noded.service", text.format(program=self.program, home=self.network.validators[OURS].home))

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
def by_hand(folder: Path, unit: str = UNIT) -> Iterator[ByHand]:
    """Four nodes that make blocks, ours as a unit; skips where no systemd of our own starts."""
    network = laid_out(folder, periods=quick())
    machine = RealMachine(Path(tempfile.mkdtemp(prefix="uc-", dir="/tmp")))
    try:
        machine.start()
    except NoMachine as error:
        pytest.skip(f"no systemd of our own: {error}")
    try:
        nodes = ByHand(network, machine, unit)
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
