"""The controller with a real systemd manager: the node is in a unit of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from console.model import Crossing, Verdict
from console.node.runtime.systemd import unit_name
from tests.console.node import nodes
from tests.console.node.bench import Bench, armed_and_ready, crossing, until
from tests.console.node.runtime.real_systemd import RealManager

pytestmark = pytest.mark.anyio


@pytest.fixture
async def in_unit(real_manager: RealManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", real_manager.environment["XDG_RUNTIME_DIR"])
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    bench = Bench(tmp_path)
    bench.node = dataclasses.replace(bench.node, runtime="systemd", systemd_manager="user")
    yield bench
    await bench.end()


async def test_a_whole_upgrade_in_units(in_unit: Bench, real_manager: RealManager) -> None:
    bench = in_unit
    unit = unit_name("node1", bench.home)
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        status = controller.status()
        assert unit in Path(f"/proc/{status.pid}/cgroup").read_text()
        # The generation's own folder for temporary files is the node's here too.
        environment = Path(f"/proc/{status.pid}/environ").read_text().split("\0")
        assert f"TMPDIR={bench.state_dir / 'tmp' / 'genesis'}" in environment
        bench.amend(verdict=Verdict.CROSS, frozen_at=96)
        bench.halt()
        await until(controller, crossing(Crossing.STARTING), deadline_s=60)
        bench.chain.app_height = bench.chain.height = 100
        await until(controller, crossing(Crossing.WAITING_FOR_QUORUM))
        bench.chain.app_height = None
        bench.chain.height = 103
        status = await until(controller, crossing(Crossing.COMMITTED))
        assert unit in Path(f"/proc/{status.pid}/cgroup").read_text()
    # The node outlives the controller, in its unit.
    assert real_manager.run("is-active", unit).stdout.strip() == "active"
    assert nodes.starts(bench.home) == ["v0.1.5 0", "v0.1.5 100", "v0.2.0 0"]
    assert status.last_exit_code == 2


async def test_a_binary_that_never_lives_is_parked_and_its_unit_forgotten(
    in_unit: Bench, real_manager: RealManager
) -> None:
    bench = in_unit
    version = 'case "$1" in --version) echo v0.2.0; exit 0;; esac'
    script = f'#!/bin/sh\n{version}\necho "1 bad 0" >> {{home}}/starts.log\nexit 1\n'
    bench.sha256 = nodes.write_binary(bench.given, bench.home, script)
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        bench.amend(verdict=Verdict.CROSS, frozen_at=96)
        bench.halt()
        status = await until(controller, crossing(Crossing.PARKED), deadline_s=60)
    assert nodes.starts(bench.home).count("bad 0") == 3
    assert (status.pid, status.generation) == (None, "genesis")
    assert real_manager.run("is-active", unit_name("node1", bench.home)).stdout.strip() != "active"
