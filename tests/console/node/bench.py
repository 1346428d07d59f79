"""One node's home, its chain and controllers that come and go: what the controller tests stand on."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from console.model import Arming, Crossing, NodeStatus
from console.node.bell import Bell
from console.node.controller import Controller
from console.node.faults import FaultPoints
from console.node.generation import Generations
from console.node.journal import Journal
from console.node.parts import parts_of
from console.node.rollout import NOTHING_DEMANDED
from console.node.runtime.shim import ShimRuntime
from console.settings import NodeSettings
from tests.console.node import nodes
from tests.console.node.fakes import OTHERS, OWN, FakeChain, FakeSignals, proposal


class Bench:
    """One node's home, its chain, and controllers that come and go.

    Args:
        folder: For everything of it.
        home: A home that was made before; else that of a scripted node in `folder`.
        settings: What differs from the settings of a scripted IPC node.
    """

    def __init__(self, folder: Path, home: Path | None = None, **settings: object) -> None:
        self.home = home or nodes.make_home(folder / "home")
        self.state_dir = folder / "state"
        (self.state_dir / "run").mkdir(parents=True)
        self.given = folder / "v0.2.0"
        self.sha256 = nodes.write_binary(self.given, self.home)
        self.runtime = ShimRuntime(self.state_dir / "run", self.home)
        self.chain = FakeChain(own_up=self.node_runs)
        self.node = NodeSettings(
            name="node1",
            home=self.home,
            state_dir=self.state_dir,
            daemon=nodes.DAEMON,
            arguments=("node", "start", "--home", "{home}"),
            address=OWN,
            cometbft_rpc="http://127.0.0.1:9",
            ethereum_rpc="http://127.0.0.1:9",
            operator_key=None,
            rollback_space_margin_bytes=0,
            allow_scripts=True,
            local_downloads=True,
        )
        self.proof = NOTHING_DEMANDED
        self.journal: Journal | None = None
        """Of the controller that runs, or that ran last: it keeps what it reads, so nobody else may write to it."""
        self.set(**settings)

    def set(self, **settings: object) -> None:
        """Change settings; the controller reads most of them at each step."""
        self.node = dataclasses.replace(self.node, **settings)  # type: ignore[arg-type]

    def node_runs(self) -> bool:
        live = self.runtime.recorded()
        return live is not None and self.runtime.node_alive(live)

    def key_is_known(self) -> bool:
        """Whether the controller has kept the address of the key that the node signs with."""
        journal = Journal(self.state_dir / "journal.db", read_only=True)
        try:
            return bool(journal.meta("consensus_address"))
        finally:
            journal.close()

    def plan(self, **changes: object) -> None:
        self.chain.proposals = [proposal(release_hash=self.sha256, **changes)]

    def amend(self, **changes: object) -> None:
        self.chain.proposals = [dataclasses.replace(self.chain.proposals[0], **changes)]  # type: ignore[arg-type]

    def halt(self, height: int = 100, code: int = 2) -> None:
        """Let the node reach its halt: the application stands at H - 1 and the process ends as Fendermint does."""
        nodes.application_at(self.home, height - 1)
        self.chain.height = height - 1
        line = f"Stopping node due to reaching halt height height={height}"
        nodes.say(
            self.home, f'if [ "$FM_HALT_HEIGHT" = {height} ]; then echo "INFO app.rs:785: {line}" >&2; exit {code}; fi'
        )

    @asynccontextmanager
    async def controller(self) -> AsyncIterator[Controller]:
        journal = self.journal = Journal(self.state_dir / "journal.db")
        faults = FaultPoints("")
        controller = Controller(
            lambda: self.node,
            journal,
            self.chain,
            self.chain,
            FakeSignals(self.chain),
            parts_of(lambda: self.node, journal, faults),
            block_time_s=0.4,
            changed=Bell().ring,
            faults=faults,
            proof=self.proof,
        )
        task = asyncio.create_task(controller.run())
        try:
            yield controller
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            journal.close()

    async def end(self) -> None:
        """Stop what runs, and make sure that nothing of this bench lives on."""
        await nodes.end_all(self.runtime, self.state_dir, self.home)

    def generation(self) -> str:
        return Generations(self.home, nodes.DAEMON).current().name


async def until(
    controller: Controller, condition: Callable[[NodeStatus], bool], deadline_s: float = 40.0
) -> NodeStatus:
    try:
        async with asyncio.timeout(deadline_s):
            while not condition(controller.status()):
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"gave up at {controller.status()}")
    return controller.status()


async def asked(controller: Controller, action: str) -> NodeStatus:
    """Have a command done; the status afterwards."""
    await getattr(controller.commands, action)()
    return controller.status()


def crossing(word: Crossing) -> Callable[[NodeStatus], bool]:
    return lambda status: status.attempt is not None and status.attempt.crossing is word


def armed(status: NodeStatus) -> bool:
    return status.attempt is not None and status.attempt.arming is Arming.ARMED


async def armed_and_ready(bench: Bench, controller: Controller) -> None:
    """Plan, give the bytes, arm: the others have armed before."""
    bench.chain.armed_at = dict.fromkeys(OTHERS, 51)
    bench.plan()
    await until(controller, lambda status: status.attempt is not None)
    await controller.commands.add_upgrade("v0.2.0", bench.given)
    await until(controller, lambda status: armed(status) and OWN in bench.chain.armed_at)
