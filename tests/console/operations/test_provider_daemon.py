"""A provider daemon stopped, started, asked for its health and migrated: real processes, and what goes wrong."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.errors import ConsoleError, NodeError, SettingsError
from console.operations.config_migration import migrate_copy, take_over
from console.operations.health_page import ask_health
from console.operations.provider_daemon import in_flight
from console.operations.service import service_of
from console.provider_settings import ProviderSettings
from tests.provider_program import CONFIG, ProviderProgram, make_certificates, write_daemon

pytestmark = pytest.mark.anyio


@pytest.fixture
def program(tmp_path: Path) -> Iterator[ProviderProgram]:
    found = ProviderProgram(tmp_path / "provider")
    yield found
    found.end()


async def test_health_is_believed_of_whom_the_authority_vouches_for(program: ProviderProgram, tmp_path: Path) -> None:
    settings = program.settings()
    service = service_of(settings)
    with pytest.raises(NodeError, match="does not answer"):
        await ask_health(settings)
    await service.start()
    await service.start()
    assert await service.running()
    answer = await ask_health(settings)
    assert (answer.good, answer.status) == (True, 200)
    assert '"status": "ok"' in answer.body
    assert answer.how.endswith(f"its certificate checked against {program.authority}")
    # The system's authorities do not know it.
    with pytest.raises(NodeError, match="certificate verify failed"):
        await ask_health(program.settings(health_ca=None))
    # Nor does another one of our own.
    make_certificates(tmp_path / "other.pem", tmp_path / "other-server.pem")
    with pytest.raises(NodeError, match="certificate verify failed"):
        await ask_health(program.settings(health_ca=tmp_path / "other.pem"))
    unchecked = await ask_health(program.settings(health_ca=None, health_verify=False))
    assert unchecked.good
    assert "was not checked" in unchecked.how
    with pytest.raises(SettingsError, match="holds no certificates"):
        await ask_health(program.settings(health_ca=tmp_path / "none.pem"))
    await service.stop(20)
    assert not await service.running()
    await service.stop(20)
    assert program.pid is None


async def test_one_that_does_not_stop_is_left_alive_and_named(program: ProviderProgram) -> None:
    write_daemon(program.binary, "v1.0.0", schema=1, stubborn=True)
    service = service_of(program.settings())
    await service.start()
    with pytest.raises(NodeError) as refused:
        await service.stop(0.5)
    assert "still runs 0.5 seconds after it was told to stop" in str(refused.value)
    assert "it was not killed, and nothing was replaced" in str(refused.value)
    pid = program.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


async def test_one_that_does_not_start_says_why(program: ProviderProgram) -> None:
    write_daemon(program.binary, "v2", schema=7)
    with pytest.raises(NodeError, match="this version needs schema 7"):
        await service_of(program.settings()).start()


async def test_a_migration_is_tried_on_a_copy_and_shows_no_secret(program: ProviderProgram, tmp_path: Path) -> None:
    command, new = program.settings().migrate_command, tmp_path / "new"
    write_daemon(new, "v1.1.0")
    migrated = await migrate_copy(command, new, program.config, tmp_path / "copies")
    assert program.config.read_text() == CONFIG
    assert list(migrated.difference) == ["-schema: 1", "+schema: 2"]
    assert await take_over(migrated, program.config)
    assert program.config.read_text() == CONFIG.replace("schema: 1", "schema: 2")
    assert program.config.stat().st_mode & 0o777 == 0o640
    assert not await take_over(migrated, program.config)


async def test_a_migration_that_fails_or_comes_too_late_changes_nothing(
    program: ProviderProgram, tmp_path: Path
) -> None:
    command, new = program.settings().migrate_command, tmp_path / "new"
    write_daemon(new, "v1.1.0", migration="cannot read `fees`")
    with pytest.raises(NodeError) as refused:
        await migrate_copy(command, new, program.config, tmp_path / "copies")
    assert "cannot be migrated" in str(refused.value)
    assert "cannot read `fees`" in str(refused.value)
    assert "it was a copy" in str(refused.value)
    assert program.config.read_text() == CONFIG
    write_daemon(new, "v1.1.0")
    migrated = await migrate_copy(command, new, program.config, tmp_path / "copies")
    program.config.write_text(CONFIG + "fees: 2\n")
    with pytest.raises(NodeError, match="was changed by somebody since"):
        await take_over(migrated, program.config)
    assert program.config.read_text() == CONFIG + "fees: 2\n"
    program.config.unlink()
    with pytest.raises(ConsoleError, match="cannot copy"):
        await migrate_copy(command, new, program.config, tmp_path / "copies")


@pytest.mark.parametrize(
    ("script", "busy"), [("exit 0", False), ("echo 0", False), ("echo 2 leases", True), ("exit 1", True)]
)
async def test_work_is_in_flight_until_the_command_says_that_none_is(script: str, busy: bool) -> None:
    found, _ = await in_flight(ProviderSettings(in_flight_command=("sh", "-c", script)))
    assert found is busy
