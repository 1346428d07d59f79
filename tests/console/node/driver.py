"""A real controller in its own process, on a chain that it reads from files: what the kill matrix kills and restarts.

`python -m tests.console.node.driver FOLDER`; FOLDER holds `home/`, `state/` and `chain.json`, which the test edits.
What the controller says goes to `said.jsonl`, so that it is on the chain for the next process too.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from console.model import Proposal, ProposalStatus, Verdict
from console.node import readings as readings_module
from console.node.controller import Controller
from console.node.faults import FaultPoints
from console.node.journal import Journal
from console.node.parts import parts_of
from console.node.runtime.shim import ShimRuntime
from console.ports import ConsensusReading, PlanReading
from console.settings import NodeSettings
from console.text import untrusted
from tests.console.node import nodes
from tests.console.node.fakes import OTHERS, OWN, FakeChain, FakeSignals, proposal


def settings(folder: Path) -> NodeSettings:
    """The settings of the one node in FOLDER."""
    return NodeSettings(
        name="node1",
        home=folder / "home",
        state_dir=folder / "state",
        daemon=nodes.DAEMON,
        arguments=("node", "start", "--home", "{home}"),
        address=OWN,
        cometbft_rpc="http://127.0.0.1:9",
        ethereum_rpc="http://127.0.0.1:9",
        operator_key=None,
        rollback_space_margin_bytes=0,
        allow_scripts=True,
    )


def said(folder: Path) -> list[str]:
    """Every word that the chain has, in order."""
    path = folder / "said.jsonl"
    return [json.loads(line)[0] for line in path.read_text().splitlines()] if path.exists() else []


class FileChain(FakeChain):
    """The fake chain with its state in files. A new release that runs is past the upgrade at once."""

    def __init__(self, folder: Path) -> None:
        runtime = ShimRuntime(folder / "state" / "run", folder / "home")

        def up() -> bool:
            live = runtime.recorded()
            return live is not None and runtime.node_alive(live)

        super().__init__(own_up=up)
        self._folder = folder
        self._runtime = runtime

    def _load(self) -> None:
        told = json.loads((self._folder / "chain.json").read_text())
        verdict = Verdict(told["verdict"])
        plan: Proposal = proposal(
            release_hash=told["sha256"],
            release_url=untrusted(told["url"]),
            verdict=verdict,
            status=ProposalStatus.ABORTED if verdict is Verdict.ABORT else ProposalStatus.SCHEDULED,
            frozen_at=0 if verdict is Verdict.NONE else 96,
        )
        self.proposals = [plan]
        self.height = told["height"]
        live = self._runtime.recorded()
        if live is not None and live.exe_sha256 == told["sha256"] and self.own_up():
            self.height = 103
        words = said(self._folder)
        self.armed_at = dict.fromkeys(OTHERS, 51) | ({OWN: 60} if "armed" in words else {})
        self.ready = {OWN: 60} if "ready" in words else {}

    async def read(self, *, own_node_only: bool) -> PlanReading:
        self._load()
        return await super().read(own_node_only=own_node_only)

    async def own(self) -> ConsensusReading:
        self._load()
        return await super().own()

    async def _say(self, what: str, value: object) -> None:
        await asyncio.sleep(0)
        with (self._folder / "said.jsonl").open("a") as stream:
            stream.write(json.dumps([what, value]) + "\n")


async def drive(folder: Path) -> None:
    """Run the controller until SIGTERM."""
    faults = FaultPoints.from_environment()
    chain = FileChain(folder)
    journal = Journal(folder / "state" / "journal.db", faults=faults)
    nothing: Callable[[], None] = lambda: None  # noqa: E731
    node = settings(folder)
    controller = Controller(
        lambda: node,
        journal,
        chain,
        chain,
        FakeSignals(chain),
        parts_of(lambda: node, journal, faults),
        block_time_s=0.4,
        changed=nothing,
        faults=faults,
    )
    work = asyncio.current_task()
    assert work is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
    try:
        await controller.run()
    except asyncio.CancelledError:
        work.uncancel()
    finally:
        journal.close()


if __name__ == "__main__":
    # Readings come faster than in life, so that forty upgrades fit into a minute.
    readings_module._CONSENSUS_S = 0.1
    readings_module._OPENING_S = 0.05
    asyncio.run(drive(Path(sys.argv[1])))
