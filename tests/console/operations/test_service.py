"""A daemon's unit of a real systemd manager: started, looked at, stopped, and what goes wrong told."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from console.errors import NodeError
from console.node.runtime.systemd import Manager
from console.operations.service import UnitService
from tests.console.node.runtime.real_systemd import RealManager

pytestmark = pytest.mark.anyio

UNIT = "[Service]\nExecStart={start}\nKillSignal={signal}\nTimeoutStopSec=60\nRestart=no\n"


def written(manager: RealManager, name: str, start: str, signal: str = "SIGTERM") -> UnitService:
    (manager.folder / "units" / f"{name}.service").write_text(UNIT.format(start=start, signal=signal))
    manager.run("daemon-reload")
    return UnitService(Manager(user=True, environment=manager.environment), name)


async def test_a_unit_is_started_and_stopped_once(real_manager: RealManager, tmp_path: Path) -> None:
    service = written(real_manager, "provider-test", "/bin/sleep 600")
    assert not await service.running()
    assert await service.started_at() is None
    before = time.time()
    await service.start()
    await service.start()
    assert await service.running()
    started = await service.started_at()
    assert started is not None
    assert before - 2 <= started <= time.time()
    await service.stop(20)
    await service.stop(20)
    assert not await service.running()


async def test_what_a_unit_does_wrong_is_told(real_manager: RealManager) -> None:
    with pytest.raises(NodeError, match="systemd knows no unit provider-none; nothing was changed"):
        await UnitService(Manager(user=True, environment=real_manager.environment), "provider-none").start()
    with pytest.raises(NodeError, match=r"did not start: it is (failed|inactive)"):
        await written(real_manager, "provider-bad", "/bin/sh -c 'exec sleep'").start()
    # It ignores what it is asked to end by.
    stubborn = written(real_manager, "provider-stubborn", "/bin/sleep 600", "SIGCONT")
    await stubborn.start()
    try:
        with pytest.raises(NodeError, match="still runs 1 seconds after it was told to stop; it was not killed"):
            await stubborn.stop(1)
        assert await stubborn.running()
    finally:
        real_manager.run("kill", "--signal=SIGKILL", "provider-stubborn")
