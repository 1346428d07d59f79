"""What the fault suite found, as small tests where the run that showed it needed luck."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pytest

from console.files import sha256_of
from console.model import Crossing, PlanOrigin, Preparation, Verdict
from console.node.attempts import AttemptBook
from console.node.crossing import Crosser
from console.node.journal import Journal
from console.node.readings import Readings
from console.node.runtime.runtime import LiveRun, RunSpec, ServiceSpec
from console.node.runtime.shim import ShimRuntime
from console.settings import NodeSettings
from tests.console.node import nodes
from tests.console.node.fakes import FakeChain, proposal
from tests.faults.driver import settings

pytestmark = pytest.mark.anyio

WORLD = {"chain": "ipc", "backup": True, "startup_timeout_s": 1.0, "grace_s": 1.0}


def node(folder: Path) -> NodeSettings:
    return settings(folder, WORLD)


@pytest.fixture(autouse=True)
def nothing_left(tmp_path: Path) -> Iterator[None]:
    """A test that fails must not leave its node."""
    yield
    for pid in nodes.living(tmp_path):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@dataclasses.dataclass
class Runs:
    """A node that runs, or one whose end nobody has judged."""

    live: object = None
    unjudged: object = None


@dataclasses.dataclass
class Live:
    run_id: int = 1


async def test_reading_the_node_in_a_step_does_not_ask_for_another_step(tmp_path: Path) -> None:
    """Seed 188: a step that asked the node woke itself, for ever and without a pause."""
    woken: list[str] = []
    journal = Journal(tmp_path / "journal.db")
    readings = Readings(
        lambda: node(tmp_path),
        FakeChain(),
        FakeChain(),
        cast(Any, Runs(live=Live())),
        AttemptBook(journal, lambda: None),
        cast(Any, None),
        journal,
        block_time_s=1.0,
        changed=lambda: woken.append("woken"),
    )
    try:
        assert await readings.ask_own() is not None
        assert readings.consensus() is not None
        assert woken == []
    finally:
        journal.close()


async def test_an_end_that_is_not_judged_yet_is_not_taken_for_a_start_that_never_was(tmp_path: Path) -> None:
    """Seed 390: the last try ended at once, and the way back began before anybody had seen how."""
    journal = Journal(tmp_path / "journal.db")
    book = AttemptBook(journal, lambda: None)
    try:
        book.take_up(proposal(verdict=Verdict.CROSS), PlanOrigin.REGISTRY)
        book.change(preparation=Preparation.STAGED, verdict=Verdict.CROSS)
        for state in (Crossing.HALTED, Crossing.QUIESCED, Crossing.BACKED_UP, Crossing.SWITCHED, Crossing.STARTING):
            book.change(crossing=state)
        nothing = cast(Any, None)
        crosser = Crosser(
            lambda: node(tmp_path),
            book,
            cast(Any, Runs(unjudged=("run", None, b""))),
            *(nothing, nothing, nothing, nothing, nothing, nothing, nothing),
        )
        await crosser.step(None)
        assert book.open is not None
        assert book.open.crossing is Crossing.STARTING
    finally:
        journal.close()


async def started(folder: Path, script: str) -> tuple[ShimRuntime, LiveRun]:
    """A node of one line of shell under a shim."""
    (folder / "run").mkdir()
    binary = folder / "node"
    binary.write_text(f"#!/bin/sh\n{script}\n")
    binary.chmod(0o755)
    runtime = ShimRuntime(folder / "run", folder)
    app = ServiceSpec("app", binary, sha256_of(binary), (str(folder),), {"PATH": os.environ["PATH"]})
    return runtime, await runtime.start(RunSpec(run_id=1, services=(app,), home=folder, grace_s=0.3))


async def test_a_shim_that_is_killed_before_it_hands_the_stop_on_does_not_keep_the_node(tmp_path: Path) -> None:
    """Seed 540: told to stop, killed at once; the controller waited for a node that nobody had told."""
    runtime, live = await started(tmp_path, "while :; do sleep 0.05; done")
    os.kill(live.shim_pid, signal.SIGSTOP)
    async with asyncio.timeout(20):
        stopping = asyncio.create_task(runtime.stop(live))
        await asyncio.sleep(0)
        os.kill(live.shim_pid, signal.SIGKILL)
        assert await stopping is None
    assert not runtime.node_alive(live)
    assert not runtime.lock_held()


async def test_what_a_node_leaves_behind_is_ended_when_its_shim_was_killed_before(tmp_path: Path) -> None:
    """Seed 334: the node halted, its child kept the lock, and the halt was never seen."""
    child = "setsid sh -c 'trap \"\" TERM; : > there; while :; do sleep 0.05; done' &"
    wait = "while [ ! -e there ] || [ ! -e go ]; do sleep 0.01; done"
    runtime, live = await started(tmp_path, f"{child} {wait}; exit 2")
    os.kill(live.shim_pid, signal.SIGKILL)
    async with asyncio.timeout(20):
        ending = asyncio.create_task(runtime.ended(live))
        (tmp_path / "go").touch()
        assert await ending is None
    assert not runtime.lock_held()
