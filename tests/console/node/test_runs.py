"""Runs of the node: who may be started, with what environment, and what is refused."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from console.errors import HeldByOther, NodeError
from console.files import sha256_of
from console.node.faults import FaultPoints
from console.node.journal import Journal
from console.node.runs import NodeRuns
from console.node.runtime.shim import ShimRuntime
from console.node.shape import HALT_VARIABLE, Companion, NodeShape
from console.node.signer_guard import SignerStateError
from tests.console.node import nodes
from tests.console.node.runtime.scripts import until

pytestmark = pytest.mark.anyio


class Home:
    """A home, its journal and its runtime."""

    def __init__(self, folder: Path) -> None:
        self.path = nodes.make_home(folder / "home")
        self.state_dir = folder / "state"
        (self.state_dir / "run").mkdir(parents=True)
        self.journal = Journal(self.state_dir / "journal.db")
        self.runtime = ShimRuntime(self.state_dir / "run", self.path)
        self.shape = NodeShape(self.path, ("node", "start"))
        self.generation = nodes.genesis(self.path)
        self.ends = 0
        self.foreign = ""
        self.extra: Mapping[str, str] = {}

    def runs(self, shape: NodeShape | None = None) -> NodeRuns:
        return NodeRuns(
            self.journal,
            self.runtime,
            shape or self.shape,
            self._ended,
            FaultPoints(""),
            refuse_foreign=self._refuse,
            extra_environment=lambda: self.extra,
            grace_s=lambda: 5.0,
        )

    def _ended(self) -> None:
        self.ends += 1

    def _refuse(self, own_pids: Collection[int]) -> None:
        if self.foreign:
            raise HeldByOther(self.foreign)


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    home = Home(tmp_path)
    yield home
    await home.runtime.release()
    await nodes.end_all(home.runtime, home.state_dir, home.path)
    with suppress(Exception):
        home.journal.close()


async def test_what_the_settings_add_reaches_the_node_and_cannot_arm_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HALT_VARIABLE, "5")
    monkeypatch.setenv("UPGRADE_CONSOLE_SHIM_FAULT", "shim-before-lock:999")
    home.extra = {"RUST_LOG": "info", HALT_VARIABLE: "6"}
    runs = home.runs()
    await runs.start(home.generation, 0)
    loaded = runs.loaded_environment()
    assert loaded["RUST_LOG"] == "info"
    assert HALT_VARIABLE not in loaded
    assert "UPGRADE_CONSOLE_SHIM_FAULT" not in loaded
    await runs.stop()
    await runs.start(home.generation, 7)
    assert runs.loaded_environment()[HALT_VARIABLE] == "7"
    await runs.stop()
    await runs.close()


async def test_nothing_is_started_beside_a_foreign_holder(home: Home) -> None:
    runs = home.runs()
    home.foreign = "process 4711 has the databases open"
    with pytest.raises(HeldByOther, match="4711"):
        await runs.start(home.generation, 0)
    assert home.journal.runs() == ()
    assert nodes.starts(home.path) == []
    home.foreign = ""
    await runs.start(home.generation, 0)
    await runs.stop()
    await runs.close()


async def test_the_temporary_files_of_a_living_node_are_not_touched(home: Home) -> None:
    shape = NodeShape(home.path, (), private_tmp=home.state_dir / "tmp")
    first = home.runs(shape)
    await first.start(home.generation, 0)
    kept = home.state_dir / "tmp" / "genesis" / "cometbft"
    assert first.loaded_environment()["TMPDIR"] == str(kept.parent)
    kept.write_text("extracted")
    second = home.runs(shape)
    with pytest.raises(HeldByOther):
        await second.start(home.generation, 0)
    assert kept.exists()
    await first.stop()
    await first.start(home.generation, 0)
    assert not kept.exists()
    await first.stop()
    await first.close()


async def test_all_services_of_the_shape_are_started_and_stopped(home: Home) -> None:
    companion = home.path / "cometbft.sh"
    companion.write_text("#!/bin/sh\nwhile :; do sleep 0.02; done\n")
    companion.chmod(0o755)
    shape = NodeShape(home.path, (), companions=(Companion("cometbft", "cometbft", ("start",), companion),))
    runs = home.runs(shape)
    await runs.start(home.generation, 0)
    assert runs.live is not None
    services = {service.name: service for service in runs.live.services}
    assert services["cometbft"].exe_sha256 == sha256_of(companion)
    command = Path(f"/proc/{services['cometbft'].pid}/cmdline")
    await until(lambda: b"start" in command.read_bytes())
    await runs.stop()
    assert runs.quiet
    await runs.close()


async def test_the_file_rules_are_off_with_a_remote_signer(home: Home) -> None:
    home.shape.signer_state().unlink()
    runs = home.runs()
    with pytest.raises(SignerStateError):
        await runs.start(home.generation, 0)
    config = home.path / "cometbft" / "config"
    config.mkdir()
    (config / "config.toml").write_text('priv_validator_laddr = "tcp://127.0.0.1:26659"\n')
    assert runs.remote_signer == "tcp://127.0.0.1:26659"
    await runs.start(home.generation, 0)
    await runs.stop()
    assert home.journal.signer_mark is None
    await runs.close()


async def test_a_signer_state_that_fell_is_refused(home: Home) -> None:
    runs = home.runs()
    home.shape.signer_state().write_text(json.dumps({"height": "9", "round": 0, "step": 3}))
    await runs.start(home.generation, 0)
    await runs.stop()
    home.shape.signer_state().write_text(json.dumps({"height": "8", "round": 0, "step": 3}))
    with pytest.raises(SignerStateError, match="already signed height 9"):
        await runs.start(home.generation, 0)
    await runs.close()


async def test_a_prepared_start_uses_the_shim_that_waits(home: Home) -> None:
    runs = home.runs()
    await runs.start(home.generation, 0)
    runs.prepare(home.generation)
    await runs.stop()
    waiting = home.runtime._waiting()
    await runs.start(home.generation, 0)
    assert runs.live is not None
    assert runs.live.shim_pid == waiting
    await runs.stop()
    runs.prepare(home.generation)
    assert home.runtime._waiting() is not None
    await runs.close()
    assert home.runtime._waiting() is None


async def test_what_cannot_be_prepared_is_said_at_the_start(home: Home) -> None:
    shape = NodeShape(home.path, (), companions=(Companion("cometbft", "cometbft", ("start",)),))
    runs = home.runs(shape)
    runs.prepare(home.generation)
    with pytest.raises(NodeError, match="has no cometbft"):
        await runs.start(home.generation, 0)
    assert home.journal.runs() == ()
    await runs.close()


async def test_what_the_run_wrote_can_be_read_while_it_runs_and_after(home: Home) -> None:
    runs = home.runs()
    assert runs.log_of_run() == b""
    nodes.say(home.path, "echo hello")
    await runs.start(home.generation, 0)
    await until(lambda: b"hello" in runs.log_of_run())
    nodes.say(home.path, "exit 3")
    await until(lambda: home.ends == 1)
    assert b"hello" in runs.log_of_run()
    runs.judged()
    assert runs.log_of_run() == b""
    assert runs.last_exit_code == 3
    await runs.close()
