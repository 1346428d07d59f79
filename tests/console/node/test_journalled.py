"""What is shown of a node whose controller is away."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from console.node.journal import Journal
from console.node.journalled import journalled_status
from console.node.runtime.runtime import RunSpec, ServiceSpec
from console.node.runtime.shim import ShimRuntime
from tests.console.node import nodes

pytestmark = pytest.mark.anyio


async def a_run(folder: Path, line: str) -> ShimRuntime:
    """One run, recorded as a controller does, of a node that does what a line of shell says."""
    home = nodes.make_home(folder / "home", "#!/bin/sh\n" + line + "\n")
    state_dir = folder / "state"
    (state_dir / "run").mkdir(parents=True)
    generation = nodes.genesis(home)
    journal = Journal(state_dir / "journal.db")
    run = journal.open_run(generation.name, 0, generation.sha256)
    journal.close()
    runtime = ShimRuntime(state_dir / "run", home)
    app = ServiceSpec("app", generation.binary, generation.sha256, (), {"PATH": "/usr/bin:/bin"})
    spec = RunSpec(run.id, (app,), home, 5.0)
    live = await runtime.start(spec)
    if "sleep" not in line:
        async with asyncio.timeout(10):
            await runtime.ended(live)
    return runtime


async def test_there_is_nothing_to_say_without_a_journal(tmp_path: Path) -> None:
    assert journalled_status(tmp_path, "node1") is None


async def test_a_running_node_is_shown_as_running(tmp_path: Path) -> None:
    runtime = await a_run(tmp_path, "exec sleep 100")
    status = journalled_status(tmp_path / "state", "node1")
    live = runtime.recorded()
    assert status is not None
    assert live is not None
    assert (status.state, status.pid, status.last_exit_code) == ("IDLE", live.child_pid, None)
    await runtime.stop(live)


async def test_an_end_that_nobody_judged_is_shown_with_its_code(tmp_path: Path) -> None:
    await a_run(tmp_path, "exit 3")
    status = journalled_status(tmp_path / "state", "node1")
    assert status is not None
    assert (status.state, status.pid, status.last_exit_code) == ("STOPPED", None, 3)


async def test_a_node_that_met_other_rules_missed_its_halt(tmp_path: Path) -> None:
    words = "CONSENSUS FAILURE: +2/3 committed an invalid block: wrong Block.Header.AppHash"
    await a_run(tmp_path, f'echo "{words}" >&2; exit 1')
    status = journalled_status(tmp_path / "state", "node1")
    assert status is not None
    assert (status.state, status.last_exit_code) == ("MISSED_HALT", 1)
    assert "other rules" in status.note
