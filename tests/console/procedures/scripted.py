"""What a step gets, for tests of steps without the engine: real clients and a scripted chain."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from console.model import Finding, Outcome, PowerNow, Snapshot, StepKind
from console.model.procedure import skipped
from console.node.bell import Bell
from console.node.client import NodeClient
from console.node.controller import Controller
from console.node.inventory import Inventory
from console.node.live_settings import LiveSettings
from console.node.service import ControllerService
from console.ports.keys import Terminal
from console.procedures.arguments import again as do_again
from console.procedures.step import Procedure, Step
from console.settings import NetworkSettings, NodeSettings
from console.text import UntrustedText, untrusted
from tests.console.node.bench import Bench, until


class ScriptedContext:
    """`console.procedures.step.StepContext` of a test."""

    def __init__(
        self,
        network: NetworkSettings,
        folder: Path,
        arguments: Mapping[str, str],
        *,
        node: NodeSettings | None = None,
        snapshot: Snapshot | None = None,
    ) -> None:
        self.network = network
        self.node = node
        self.arguments = dict(arguments)
        self.item = ""
        self.run = "a-run"
        self.person: UntrustedText = untrusted("alice")
        self.terminal: Terminal | None = None
        self.folder = folder
        self.shown = snapshot
        self.told: list[str] = []
        self.memory: dict[str, str] = {}
        self.clock = time.time
        folder.mkdir(parents=True, exist_ok=True)

    def now(self) -> float:
        return self.clock()

    def client(self, node: str = "") -> NodeClient:
        found = self.network.node(node or None) if node or self.node is None else self.node
        return NodeClient(found.state_dir)

    async def snapshot(self) -> Snapshot:
        assert self.shown is not None, "this test has no chain"
        return self.shown

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.05))

    def tell(self, sentence: str) -> None:
        self.told.append(sentence)

    def remember(self, key: str, value: str) -> None:
        self.memory[key] = value

    def remembered(self, key: str) -> str:
        return self.memory.get(key, "")


def accepted(procedure: Procedure, given: Mapping[str, str]) -> dict[str, str]:
    """Arguments as the engine accepts them. Raises ValueError, KeyError for a missing one."""
    found = {}
    for parameter in procedure.parameters:
        if parameter.name in given or parameter.default is None:
            found[parameter.name] = parameter.check(given[parameter.name])
        else:
            found[parameter.name] = parameter.default
    assert set(given) <= set(found), f"{set(given) - set(found)} are no parameters of {procedure.name}"
    return found


def step_of(procedure: Procedure, context: ScriptedContext, name: str) -> Step:
    """One step by its id."""
    return next(step for step in procedure.steps(context.arguments, ()) if step.id == name)


async def run_step(procedure: Procedure, context: ScriptedContext, name: str) -> Finding:
    """Do one step."""
    step = step_of(procedure, context, name)
    assert step.work is not None
    async with asyncio.timeout(60):
        return await step.work(context)


async def run_steps(
    procedure: Procedure, context: ScriptedContext, *, until: str = "", leave_out: Collection[str] = ()
) -> dict[str, Finding]:
    """Do every step in turn as a person would who says yes, and stop where the engine would: at a failure."""
    done: dict[str, Finding] = {}
    for step in procedure.steps(context.arguments, ()):
        if step.id == until:
            break
        if step.id in leave_out:
            assert step.optional, f"{step.id} cannot be left out"
            continue
        if step.follows in done and done[step.follows].outcome is Outcome.SKIP:
            done[step.id] = skipped(f"it goes with {step.follows}")
            continue
        if step.needless is not None and (why := step.needless(context)):
            done[step.id] = skipped(why)
            continue
        if step.work is None:
            assert step.kind is StepKind.CONFIRMATION
            continue
        async with asyncio.timeout(60):
            done[step.id] = await step.work(context)
        if done[step.id].outcome is Outcome.FAIL:
            break
        if step.kind is StepKind.ACTION and step.done is not None and done[step.id].outcome is Outcome.PASS:
            again = await step.done(context)
            if step.done is do_again:
                continue
            assert again.outcome is Outcome.PASS, f"{step.id} was done and does not see it: {again}"
    return done


def powers_of(powers: Mapping[str, int], silent: Collection[str] = ()) -> Callable[[Any], Awaitable[PowerNow]]:
    """`console.operations.roll.taking_part` of a network in which these take part."""

    heights = itertools.count(100)

    async def read(_network: NetworkSettings) -> PowerNow:
        return PowerNow(next(heights), powers, frozenset(silent), "a test", 0.0)

    return read


@asynccontextmanager
async def with_socket(bench: Bench) -> AsyncIterator[Controller]:
    """A controller that answers on its socket, from the one journal that it writes."""
    async with bench.controller() as controller:
        await until(controller, lambda status: status.pid is not None)
        journal = bench.journal
        assert journal is not None
        service = ControllerService(
            bench.state_dir / "run",
            controller,
            journal,
            Bell(),
            live=LiveSettings(bench.node, lambda kind, **detail: journal.record(kind, **detail)),
            inventory=Inventory.of(bench.node),
        )
        await service.open()
        try:
            yield controller
        finally:
            await service.close()
