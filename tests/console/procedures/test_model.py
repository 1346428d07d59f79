"""A model brought to a new version: verified, loaded in a child, in force at its height, and the way back."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from console.chain import cosmos_delivery
from console.errors import ConsoleError
from console.files import sha256_of
from console.model import Outcome
from console.operations.model_halt import hook_name
from console.procedures import model_activation, spared_power
from console.procedures.model import MODEL
from console.procedures.model_rollback import ROLLBACK_MODEL
from console.provider_settings import ModelSettings
from tests.console.chain.cosmos.test_model_changes import MESSAGE, TYPE, answer
from tests.console.node.bench import until
from tests.console.node.cosmos_nodes import CosmosBench, committed, cosmos_bench, running, served
from tests.console.operations.examples import a_chain, a_network, a_snapshot
from tests.console.operations.test_chain_daemon import bench as chain_bench
from tests.console.procedures.scripted import ScriptedContext, accepted, powers_of, run_step, run_steps, with_socket

pytestmark = pytest.mark.anyio

CONFIG = '# scoring of identities\nmodel_path = "{old}"  # set by ops\nthreshold = 0.5\n'
UNCONFIRMED = {"model.confirm-shown", "model.confirm"}
LOADS = "import sys; assert open(sys.argv[1], 'rb').read(5) == b'model', 'no model'"


class Validator:
    """A node, its configuration, its models, and what the chain decided."""

    def __init__(self, tmp_path: Path, bench: CosmosBench, rest: str, url: str, **settings: Any) -> None:
        self.bench = bench
        self.config = tmp_path / "identity.toml"
        self.models = tmp_path / "models"
        self.models.mkdir()
        self.old = self.models / "veid_scorer_v1.0.0.h5"
        self.old.write_bytes(b"model v1.0.0")
        self.config.write_text(CONFIG.format(old=self.old))
        self.new = self.models / "veid_scorer_v1.1.0.h5"
        given: dict[str, Any] = {
            "folder": self.models,
            "config": self.config,
            "message_type": TYPE,
            "file_name": "veid_scorer_{version}.h5",
            "url": f"{url}/{{version}}.h5",
            "load_command": (sys.executable, "-I", "-c", LOADS, "{model}"),
            "status_command": ("cat", str(self.config)),
        }
        network = a_network(tmp_path)
        self.network = dataclasses.replace(
            network,
            kind="cosmos",
            rest=(rest,) if rest else (),
            folder=tmp_path / "own",
            nodes=(bench.node,),
            model=ModelSettings(**(given | settings)),
        )
        self.folder = tmp_path

    def context(self, procedure: Any = MODEL, *, block_s: float = 6.0, **given: str) -> ScriptedContext:
        name = "run" if procedure is MODEL else "back"
        return ScriptedContext(
            self.network,
            self.folder / name,
            accepted(procedure, given),
            node=self.bench.node,
            snapshot=a_snapshot(a_chain(height=200, block_time_s=block_s)),
        )


@asynccontextmanager
async def validator(
    tmp_path: Path, *, content: bytes = b"model v1.1.0", height: int = 150, **settings: Any
) -> AsyncIterator[Validator]:
    file = tmp_path / "served.h5"
    file.write_bytes(content)
    message = MESSAGE | {"model_hash": f"sha256:{sha256_of(file)}", "effective_height": str(height)}
    with served(content) as (url, _), served(json.dumps(answer(message)).encode()) as (rest, _):
        async with cosmos_bench(tmp_path / "node") as bench:
            yield Validator(tmp_path, bench, rest, url, **settings)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_activation, "POLL_S", 0.02)
    monkeypatch.setattr(cosmos_delivery, "FIRST_POLL_S", 0.01)
    monkeypatch.setattr(spared_power, "taking_part", powers_of({"A": 10, "B": 10, "C": 10, "D": 10}))


async def test_a_gated_model_is_in_force_after_its_height_and_goes_back(tmp_path: Path) -> None:
    async with validator(tmp_path) as on, with_socket(on.bench) as controller:
        on.bench.goes_on(200)
        await until(controller, lambda status: running(status) and status.app_height == 200)
        context = on.context()
        done = await run_steps(MODEL, context, until="model.follows")
        assert [name for name, finding in done.items() if finding.outcome is Outcome.FAIL] == []
        skipped = {name for name, finding in done.items() if finding.outcome is Outcome.SKIP}
        assert skipped == {*UNCONFIRMED, "model.plan", "model.cross", "model.unhook"}
        assert on.new.read_bytes() == b"model v1.1.0"
        assert on.config.read_text() == CONFIG.format(old=on.new)
        await until(controller, lambda _: len(on.bench.starts()) == 2)
        on.bench.goes_on(201)
        follows = asyncio.create_task(run_step(MODEL, context, "model.follows"))
        await until(controller, lambda status: status.app_height == 201)
        on.bench.goes_on(202)
        assert (await follows).outcome is Outcome.PASS
        status = await run_step(MODEL, context, "model.status")
        assert status.outcome is Outcome.PASS
        # Changed by hand since: only the one key goes back.
        on.config.write_text(on.config.read_text().replace("0.5", "0.7"))
        back = await run_steps(
            ROLLBACK_MODEL, on.context(ROLLBACK_MODEL, why="scores differ"), until="model-back.follows"
        )
        assert [name for name, finding in back.items() if finding.outcome is Outcome.FAIL] == []
        assert back["model-back.allowed"].outcome is Outcome.WARN
        assert on.config.read_text() == CONFIG.format(old=on.old).replace("0.5", "0.7")
        await until(controller, lambda _: len(on.bench.starts()) == 3)


async def test_a_model_without_a_gate_is_changed_at_a_halt_and_back_by_the_network_alone(tmp_path: Path) -> None:
    async with validator(tmp_path, height=100, gated=False) as on, with_socket(on.bench) as controller:
        on.bench.goes_on(60)
        await until(controller, lambda status: running(status) and status.app_height == 60)
        context = on.context()
        done = await run_steps(MODEL, context, until="model.cross")
        assert [name for name, finding in done.items() if finding.outcome is Outcome.FAIL] == []
        assert {name for name, finding in done.items() if finding.outcome is Outcome.SKIP} == {
            *UNCONFIRMED,
            "model.height",
            "model.power",
            "model.configure",
            "model.restart",
        }
        assert on.config.read_text() == CONFIG.format(old=on.old)
        # The daemon reads its own settings; this bench is told.
        (setting,) = (await context.client().config("custom_preupgrade"))["settings"]
        assert setting["value"] == hook_name("v1.1.0")
        on.bench.set(custom_preupgrade=hook_name("v1.1.0"))
        on.bench.goes_on(99)
        crossed = asyncio.create_task(run_step(MODEL, context, "model.cross"))
        await committed(on.bench, controller)
        assert (await crossed).outcome is Outcome.PASS
        assert on.config.read_text() == CONFIG.format(old=on.new)
        # The same binary, under another name.
        assert on.bench.starts() == ["v1", "v1"]
        gone = await run_step(MODEL, context, "model.unhook")
        assert len(gone.evidence) == 3
        assert not list((on.bench.home / "cosmovisor").glob("model-*"))
        alone = await run_step(ROLLBACK_MODEL, on.context(ROLLBACK_MODEL, why="scores"), "model-back.allowed")
        assert alone.outcome is Outcome.FAIL
        assert "only the network goes back" in alone.sentence
        runs = on.context(ROLLBACK_MODEL, why="scores", decision="proposal 43")
        assert (await run_step(ROLLBACK_MODEL, runs, "model-back.allowed")).outcome is Outcome.FAIL
        await runs.client().stop()
        assert (await run_step(ROLLBACK_MODEL, runs, "model-back.allowed")).outcome is Outcome.PASS


async def test_a_configuration_that_changed_before_the_halt_holds_the_node_there(tmp_path: Path) -> None:
    async with validator(tmp_path, height=100, gated=False) as on, with_socket(on.bench) as controller:
        on.bench.goes_on(60)
        await until(controller, lambda status: running(status) and status.app_height == 60)
        context = on.context()
        await run_steps(MODEL, context, until="model.cross")
        on.bench.set(custom_preupgrade=hook_name("v1.1.0"))
        on.config.write_text("# somebody was here\n" + CONFIG.format(old=on.old))
        on.bench.goes_on(99)
        status = await until(
            controller,
            lambda status: status.attempt is not None and "was changed by somebody" in status.attempt.note,
        )
        assert status.pid is None
        assert "v1.1.0" not in on.config.read_text()


async def test_no_halt_is_planned_where_blocks_come_faster_than_a_node_is_stopped(tmp_path: Path) -> None:
    async with validator(tmp_path, height=100, gated=False) as on, with_socket(on.bench) as controller:
        on.bench.goes_on(60)
        await until(controller, lambda status: running(status) and status.app_height == 60)
        context = on.context(block_s=0.4)
        await run_steps(MODEL, context, until="model.plan")
        refused = await run_step(MODEL, context, "model.plan")
        assert refused.outcome is Outcome.FAIL
        assert refused.sentence.startswith("blocks come every 0.40 s: some nodes would be past height 100 before")
        assert "software upgrade proposal" in refused.go_on
        assert controller.status().attempt is None


async def test_another_hook_is_not_replaced(tmp_path: Path) -> None:
    async with validator(tmp_path, height=100, gated=False) as on, with_socket(on.bench) as controller:
        on.bench.goes_on(60)
        await until(controller, lambda status: running(status) and status.app_height == 60)
        context = on.context()
        await context.client().config_set({"custom_preupgrade": "mine.sh"}, "mine")
        await run_steps(MODEL, context, until="model.plan")
        with pytest.raises(ConsoleError, match=r"custom_preupgrade is mine\.sh, .*; nothing was planned"):
            await run_step(MODEL, context, "model.plan")
        assert controller.status().attempt is None


async def test_a_model_with_other_bytes_or_one_that_does_not_load_goes_no_further(tmp_path: Path) -> None:
    async with validator(tmp_path, content=b"no such model") as on:
        context = on.context()
        done = await run_steps(MODEL, context, until="model.load")
        assert done["model.proposal"].outcome is Outcome.PASS
        with pytest.raises(ConsoleError) as refused:
            await run_step(MODEL, context, "model.load")
        assert "AssertionError: no model" in str(refused.value)
        assert "nothing uses it yet" in str(refused.value)
        # Another file of that name is not replaced, and other bytes are not kept.
        on.new.write_bytes(b"something that is in use")
        with pytest.raises(ConsoleError, match="it was not replaced: something may use it"):
            await run_step(MODEL, context, "model.download")
        on.new.unlink()
        context.remember("checksum", "sha256:" + "ab" * 32)
        with pytest.raises(ConsoleError, match="nothing was started"):
            await run_step(MODEL, context, "model.download")
        assert sorted(path.name for path in on.models.iterdir()) == [on.old.name]


async def test_a_load_that_takes_too_much_is_ended(tmp_path: Path) -> None:
    hungry = (sys.executable, "-I", "-c", "x = bytearray(1 << 30)", "{model}")
    async with validator(tmp_path, load_command=hungry, load_memory_bytes=256 << 20) as on:
        context = on.context()
        await run_steps(MODEL, context, until="model.load")
        with pytest.raises(ConsoleError, match="MemoryError"):
            await run_step(MODEL, context, "model.load")


@pytest.mark.parametrize(
    ("config", "why"),
    [("threshold = 1\n", "has no key model_path"), ('model_path = "a"\nmodel_path = "b"\n', "written twice")],
)
async def test_a_configuration_that_does_not_say_it_once_is_left_alone(tmp_path: Path, config: str, why: str) -> None:
    async with validator(tmp_path) as on:
        on.config.write_text(config)
        context = on.context()
        await run_steps(MODEL, context, until="model.preview")
        with pytest.raises(ConsoleError) as refused:
            await run_step(MODEL, context, "model.preview")
        assert why in str(refused.value)
        assert on.config.read_text() == config


async def test_what_the_network_decided_has_to_be_known(tmp_path: Path) -> None:
    async with validator(tmp_path) as on:
        found = await run_step(MODEL, on.context(proposal="7"), "model.proposal")
        assert found.outcome is Outcome.FAIL
        by_hand = on.context(version="v1.1.0", hash="ab" * 32, height="150")
        assert (await run_step(MODEL, by_hand, "model.proposal")).outcome is Outcome.WARN
        assert by_hand.remembered("checksum") == "sha256:" + "ab" * 32
        on.network = dataclasses.replace(on.network, rest=())
        with pytest.raises(ConsoleError, match="no proposal can be read"):
            await run_step(MODEL, on.context(), "model.proposal")
        with pytest.raises(ConsoleError, match="needs --hash and --height"):
            await run_step(MODEL, on.context(version="v1.1.0"), "model.proposal")


async def test_what_is_on_this_machine_is_confirmed_on_the_chain(tmp_path: Path) -> None:
    words = ("veid", "confirm-model", "{version}", "{hash}")
    async with chain_bench(tmp_path / "chain") as chain, validator(tmp_path, confirm=words) as on:
        context = on.context()
        await run_steps(MODEL, context, until="model.confirm-shown")
        # The scripted node has no RPC; the chain's is another one.
        context.network, context.node = dataclasses.replace(chain.network, model=on.network.model), None
        shown = await run_step(MODEL, context, "model.confirm-shown")
        checksum = f"sha256:{sha256_of(on.new)}"
        assert {"model_version: v1.1.0", f"model_hash: {checksum}"} <= set(shown.evidence)
        assert chain.home.signatures() == 0
        confirmed = await run_step(MODEL, context, "model.confirm")
        assert confirmed.sentence.startswith("the chain has this validator's confirmation since block")
        assert chain.sent() == [f"tx veid confirm-model v1.1.0 {checksum}: in a block 101"]
        # Nothing is confirmed that is not here.
        on.new.unlink()
        assert (await run_step(MODEL, context, "model.confirm")).outcome is Outcome.FAIL
        assert len(chain.sent()) == 1


def test_a_version_is_not_found_in_a_longer_one() -> None:
    assert model_activation.says("model v1.1.0 active", "v1.1.0")
    assert model_activation.says("/m/veid_scorer_v1.1.0.h5", "1.1.0")
    assert not model_activation.says("model v1.1.0", "v1.1")
    assert not model_activation.says("model v11.1.0", "v1.1.0")
    assert not model_activation.says("model v1.1.01", "v1.1.0")
