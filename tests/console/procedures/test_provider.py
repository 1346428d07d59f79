"""The provider daemon brought to a new version and back: a real daemon over HTTPS, and everything that goes wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from console.chain import cosmos_delivery
from console.errors import ConsoleError
from console.files import sha256_of
from console.model import Finding, Outcome
from console.operations.kept_backups import backups_folder
from console.operations.kept_files import all_kept
from console.procedures import provider_steps
from console.procedures.provider import PROVIDER
from console.procedures.provider_rollback import ROLLBACK_PROVIDER
from console.procedures.step import Procedure
from tests.console.node.cosmos_nodes import served
from tests.console.operations.examples import a_network
from tests.console.operations.test_chain_daemon import bench as chain_bench
from tests.console.procedures.scripted import ScriptedContext, accepted, run_step, run_steps
from tests.provider_program import CONFIG, ProviderProgram, write_daemon

pytestmark = pytest.mark.anyio

NO_CHAIN = ("provider.pause-shown", "provider.pause", "provider.resume")


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks that follow each other at once."""
    monkeypatch.setattr(cosmos_delivery, "FIRST_POLL_S", 0.01)
    monkeypatch.setattr(cosmos_delivery, "LAST_POLL_S", 0.02)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[ProviderProgram]:
    found = ProviderProgram(tmp_path / "provider")
    yield found
    found.end()


class Upgrade:
    """An upgrade to v1.1.0 that can be gone on with."""

    def __init__(self, tmp_path: Path, program: ProviderProgram, url: str, sha256: str, **settings: Any) -> None:
        self.program = program
        self.network = dataclasses.replace(
            a_network(tmp_path), folder=tmp_path / "own", provider=program.settings(**settings)
        )
        self.folder = tmp_path / "run"
        self.sha256 = sha256
        given = {"url": url, "checksum": f"sha256:{sha256}", "version": "v1.1.0", "pause-reason": "Upgrade to v1.1.0"}
        self.context = ScriptedContext(self.network, self.folder, accepted(PROVIDER, given))

    async def go(self, until: str = "") -> dict[str, Finding]:
        await self.started()
        return await run_steps(PROVIDER, self.context, until=until, leave_out=NO_CHAIN)

    async def started(self) -> None:
        await provider_steps.start(self.context)

    async def back(self, **given: str) -> tuple[ScriptedContext, dict[str, Finding]]:
        arguments = accepted(ROLLBACK_PROVIDER, {"why": "it is ill", **given})
        context = ScriptedContext(self.network, self.folder.with_name("back"), arguments)
        return context, await run_steps(ROLLBACK_PROVIDER, context, leave_out=NO_CHAIN)


@asynccontextmanager
async def upgrade(
    tmp_path: Path, program: ProviderProgram, settings: dict[str, Any] | None = None, **daemon: Any
) -> AsyncIterator[Upgrade]:
    new = tmp_path / "new"
    sha256 = write_daemon(new, "v1.1.0", **daemon)
    with served(new.read_bytes()) as (url, _):
        yield Upgrade(tmp_path, program, f"{url}/provider-daemon", sha256, **(settings or {}))


def failures(done: dict[str, Finding]) -> dict[str, Finding]:
    return {name: finding for name, finding in done.items() if finding.outcome is Outcome.FAIL}


def steps_of(procedure: Procedure) -> list[str]:
    return [step.id for step in procedure.steps({}, ())]


async def test_a_whole_upgrade_and_the_way_back(program: ProviderProgram, tmp_path: Path) -> None:
    async with upgrade(tmp_path, program, {"in_flight_command": ("sh", "-c", "echo 0")}) as on:
        done = await on.go()
        assert failures(done) == {}
        assert sha256_of(program.binary) == on.sha256
        assert program.binary.stat().st_mode & 0o777 == 0o755
        assert "schema: 2" in program.config.read_text()
        assert program.config.stat().st_mode & 0o777 == 0o640
        assert "+schema: 2" in done["provider.preview"].evidence
        assert "do-not-show" not in str(done)
        assert done["provider.drained"].outcome is Outcome.SKIP
        assert any("certificate checked against" in line for line in done["provider.health"].evidence)
        assert "v1.1.0" in done["provider.version"].sentence
        context, back = await on.back()
        assert failures(back) == {}
        assert sha256_of(program.binary) == program.old
        assert program.config.read_text() == CONFIG
        assert program.pid is not None
        # What was in place is kept, and is not what the next rollback goes to.
        assert [kept.name.split("-", 1)[1] for kept in all_kept(backups_folder(on.network, "provider"))] == [
            "at-rollback",
            f"before-{on.sha256[:12]}",
        ]
        again = await run_step(ROLLBACK_PROVIDER, context, "provider-back.backup")
        assert again.outcome is Outcome.WARN
        assert "is the one in place" in again.sentence


async def test_a_new_daemon_that_is_never_healthy_leads_back(program: ProviderProgram, tmp_path: Path) -> None:
    async with upgrade(tmp_path, program, health=503) as on:
        done = await on.go(until="provider.health")
        assert failures(done) == {}
        looked = await provider_steps.healthy_now(on.context)
        assert looked.outcome is Outcome.FAIL
        assert "status 503" in looked.sentence
        # Nobody resumes it, also not by going on at the last step.
        refused = await run_step(PROVIDER, on.context, "provider.resume")
        assert refused.outcome is Outcome.FAIL
        assert refused.sentence.startswith("not resumed: not healthy")
        assert "rollback-provider" in refused.go_on
        _, back = await on.back()
        assert failures(back) == {}
        assert (await provider_steps.healthy_now(on.context)).outcome is Outcome.PASS


async def test_a_migration_that_fails_is_known_before_anything_is_stopped(
    program: ProviderProgram, tmp_path: Path
) -> None:
    async with upgrade(tmp_path, program, migration="cannot read `fees`") as on:
        await on.started()
        with pytest.raises(ConsoleError, match="cannot read `fees`"):
            await run_steps(PROVIDER, on.context, leave_out=NO_CHAIN)
        assert program.pid is not None
        assert sha256_of(program.binary) == program.old
        assert program.config.read_text() == CONFIG


async def test_one_that_does_not_stop_is_not_replaced(program: ProviderProgram, tmp_path: Path) -> None:
    program.old = write_daemon(program.binary, "v1.0.0", schema=1, stubborn=True)
    async with upgrade(tmp_path, program, {"stop_deadline_s": 1.0}) as on:
        with pytest.raises(ConsoleError, match="was not killed, and nothing was replaced"):
            await on.go()
        # Neither by going on past it.
        on.context.remember("backup", "1-before-x")
        await run_step(PROVIDER, on.context, "provider.backup")
        refused = await run_step(PROVIDER, on.context, "provider.replace")
        assert refused.outcome is Outcome.FAIL
        assert "is not replaced under it" in refused.go_on
        assert sha256_of(program.binary) == program.old


async def test_a_run_that_was_cut_after_the_stop_is_gone_on_with(program: ProviderProgram, tmp_path: Path) -> None:
    async with upgrade(tmp_path, program) as on:
        await on.go(until="provider.migrate")
        # Everything once more, as after a kill before the end was written down; the configuration changed meanwhile.
        program.config.write_text(CONFIG + "added: by hand\n")
        for step in ("provider.backup", "provider.replace", "provider.migrate", "provider.migrate", "provider.start"):
            found = await run_step(PROVIDER, on.context, step)
            assert found.outcome in {Outcome.PASS, Outcome.WARN}, (step, found)
        assert program.config.read_text() == CONFIG.replace("schema: 1", "schema: 2") + "added: by hand\n"
        (kept,) = all_kept(backups_folder(on.network, "provider"))
        assert kept.files["binary"].sha256 == program.old


async def test_what_breaks_after_the_stop_says_both_ways(program: ProviderProgram, tmp_path: Path) -> None:
    async with upgrade(tmp_path, program, schema=9) as on:
        # Its migration makes schema 9, and somebody takes it away again before the start.
        await on.go(until="provider.start")
        program.config.write_text(CONFIG)
        broken = await run_step(PROVIDER, on.context, "provider.start")
        assert broken.outcome is Outcome.FAIL
        assert "this version needs schema 9" in broken.sentence
        assert "or go back: `upgrade-console run rollback-provider" in broken.go_on
        _, back = await on.back()
        assert failures(back) == {}


async def test_without_a_whole_backup_there_is_no_way_back_and_nothing_is_stopped(
    program: ProviderProgram, tmp_path: Path
) -> None:
    async with upgrade(tmp_path, program) as on:
        await on.started()
        with pytest.raises(ConsoleError, match=r"no whole backup .* \(known: none\); nothing was changed"):
            await on.back()
        assert program.pid is not None


async def test_paused_and_resumed_on_the_chain_by_its_own_daemon(program: ProviderProgram, tmp_path: Path) -> None:
    async with chain_bench(tmp_path) as chain, upgrade(tmp_path, program) as on:
        on.context.network = dataclasses.replace(chain.network, provider=program.settings())
        await on.started()
        shown = await run_step(PROVIDER, on.context, "provider.pause-shown")
        assert any("tx provider set-status --status PAUSED" in line for line in shown.evidence)
        assert "status: PROVIDER_STATUS_PAUSED" in shown.evidence
        assert chain.home.signatures() == 0
        paused = await run_step(PROVIDER, on.context, "provider.pause")
        assert paused.sentence.startswith("the chain has the provider as PAUSED since block")
        resumed = await run_step(PROVIDER, on.context, "provider.resume")
        assert resumed.outcome is Outcome.PASS
        assert resumed.sentence.startswith("the chain has the provider as ACTIVE since block")
        assert len(chain.sent()) == 2


async def test_on_a_subnet_nothing_is_said_to_the_chain(program: ProviderProgram, tmp_path: Path) -> None:
    async with upgrade(tmp_path, program) as on:
        on.context.network = dataclasses.replace(on.network, kind="ipc")
        shown = await run_step(PROVIDER, on.context, "provider.pause-shown")
        assert (shown.outcome, "pause it in its own way" in shown.sentence) == (Outcome.SKIP, True)
    goes_with = {step.id for step in PROVIDER.steps({}, ()) if step.follows == "provider.pause-shown"}
    assert goes_with == {"provider.pause", "provider.resume"}


def test_every_failure_after_the_stop_has_a_way_back() -> None:
    steps = PROVIDER.steps({}, ())
    ids = steps_of(PROVIDER)
    after = steps[ids.index("provider.stop") + 1 : ids.index("provider.resume")]
    assert [step.id for step in after] == [
        "provider.backup",
        "provider.replace",
        "provider.migrate",
        "provider.start",
        "provider.health",
        "provider.version",
    ]
    assert all(step.work is not None and step.work.__qualname__.startswith("leading_back") for step in after)
    assert ids.index("provider.download") < ids.index("provider.pause")
