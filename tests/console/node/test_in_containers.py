"""The controller with the real Docker engine: a generation is an image, arming and switching are re-creation."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from console.errors import NodeError
from console.model import Crossing, FailureCode, Preparation, Verdict
from console.text import untrusted
from tests.console.node import nodes
from tests.console.node.bench import armed, armed_and_ready, crossing, until
from tests.console.node.container_bench import ContainerBench, Images
from tests.console.node.fakes import OTHERS
from tests.console.node.runtime.image_registry import ImageRegistry
from tests.console.node.runtime.real_engine import RealEngine

pytestmark = pytest.mark.anyio


@pytest.fixture
async def contained(
    shared_engine: RealEngine, node_images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ContainerBench]:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{shared_engine.socket}")
    bench = ContainerBench(tmp_path, shared_engine, node_images)
    yield bench
    try:
        await bench.end()
    finally:
        shared_engine.remove_containers()


async def test_a_whole_upgrade_by_images(contained: ContainerBench) -> None:
    bench = contained
    async with bench.controller() as controller:
        await until(controller, lambda status: str(status.version) == "v0.1.5" and status.pid is not None)
        await armed_and_ready(bench, controller)
        assert nodes.starts(bench.home) == ["v0.1.5 0", "v0.1.5 100"]
        assert bench.variables()["FM_HALT_HEIGHT"] == "100"
        assert bench.variables()["RUST_LOG"] == "info"
        assert bench.inspect("val-fendermint.upgrade-console-before")["HostConfig"]["RestartPolicy"]["Name"] == "no"
        bench.amend(verdict=Verdict.CROSS, frozen_at=96)
        bench.chain.height = 97
        await until(controller, lambda status: status.attempt is not None and status.attempt.verdict is Verdict.CROSS)
        bench.halt()
        (bench.home / "fendermint" / "data" / "state").write_text("of the old rules")
        status = await until(controller, crossing(Crossing.STARTING))
        assert bench.generation() == "v0.2.0"
        assert status.attempt is not None
        point = bench.node.points_dir / status.attempt.rollback_point
        assert any(path.name == "state" for path in point.rglob("*"))
        bench.chain.app_height = bench.chain.height = 100
        await until(controller, crossing(Crossing.WAITING_FOR_QUORUM))
        bench.chain.app_height = None
        bench.chain.height = 103
        status = await until(controller, crossing(Crossing.COMMITTED))
        await until(controller, lambda _: ("confirm", bench.sha256) in bench.chain.said)
    live = bench.runtime.recorded()
    assert live is not None
    assert "FM_HALT_HEIGHT" not in bench.runtime.environment_of(live)
    assert nodes.starts(bench.home) == ["v0.1.5 0", "v0.1.5 100", "v0.2.0 0"]
    assert status.last_exit_code == 2
    assert status.exe_sha256 == bench.images.new
    assert bench.inspect("val-fendermint")["Image"] == f"sha256:{bench.images.new}"
    assert "FM_HALT_HEIGHT" not in bench.variables()
    # What the release does not bring goes on as it was, and is written down with it.
    assert bench.inspect("val-cometbft")["Image"] == f"sha256:{bench.images.old}"
    staged = bench.home / "cosmovisor" / "upgrades" / "v0.2.0"
    assert (staged / "bin" / "cometbft").read_text() == f"sha256:{bench.images.old}\n"
    assert json.loads((staged / "release.json").read_bytes())["binaries"]["fendermint"] == bench.images.new
    assert "Stopping node due to reaching halt height height=100" in (bench.state_dir / "run" / "node.log").read_text()


async def test_an_image_that_never_lives_is_rolled_back_and_parked(contained: ContainerBench) -> None:
    bench = contained
    bench.release(bench.images.failing)
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        bench.amend(verdict=Verdict.CROSS, frozen_at=96)
        bench.halt()
        status = await until(controller, crossing(Crossing.PARKED), deadline_s=60)
        assert (status.pid, status.generation) == (None, "genesis")
        assert nodes.starts(bench.home).count("v0.2.1 0") == 3
        with pytest.raises(NodeError, match="parked"):
            await controller.commands.start()
        (bench.home / "halt").unlink()
        await controller.commands.abort("the others agreed")
        await until(controller, lambda status: status.pid is not None)
        await until(controller, lambda _: nodes.starts(bench.home)[-1] == "v0.1.5 0")
    assert bench.inspect("val-fendermint")["Image"] == f"sha256:{bench.images.old}"


async def test_an_image_that_is_here_is_staged_without_a_pull_and_others_are_not(contained: ContainerBench) -> None:
    bench = contained
    bench.chain.armed_at = dict.fromkeys(OTHERS, 51)
    async with bench.controller() as controller:
        bench.plan()
        await until(controller, lambda s: s.attempt is not None and s.attempt.preparation is Preparation.READY)
        await until(controller, armed)
        wrong = bench.given.with_name("wrong")
        wrong.write_text(f"sha256:{bench.images.failing}\n")
        with pytest.raises(NodeError, match="the chain says"):
            await controller.commands.add_upgrade("v0.2.0", wrong)
        wrong.write_text("registry/fendermint:latest\n")
        with pytest.raises(NodeError, match="names no image by its digest"):
            await controller.commands.add_upgrade("v0.2.0", wrong)


async def test_an_image_that_is_nowhere_is_said(contained: ContainerBench) -> None:
    bench = contained
    bench.release("ab" * 32)
    async with bench.controller() as controller:
        bench.plan()
        status = await until(controller, lambda s: s.attempt is not None and s.attempt.failure_code != 0)
        assert status.attempt is not None
        assert status.attempt.failure_code == FailureCode.DOWNLOAD_FAILED
        assert "auto_download is off" in status.attempt.note


async def test_a_node_whose_data_is_elsewhere_is_not_started(contained: ContainerBench) -> None:
    bench = contained
    bench.engine.run("rm", "val-fendermint")
    bench.engine.run("create", "--name", "val-fendermint", "--network", "none", bench.images.old)
    async with bench.controller() as controller:
        await until(controller, lambda status: "mounted" in status.note)
    assert nodes.starts(bench.home) == []


@pytest.fixture
def registry(shared_engine: RealEngine, tmp_path: Path) -> Iterator[ImageRegistry]:
    registry = ImageRegistry(shared_engine, tmp_path / "registry")
    registry.folder.mkdir()
    registry.start()
    yield registry
    registry.end()


async def test_a_release_is_pulled_by_its_digest_and_only_when_that_is_allowed(
    contained: ContainerBench, registry: ImageRegistry, static_node: Path
) -> None:
    bench = contained
    digest = registry.put(static_node, bench.architecture(), "RELEASE=v0.2.0", "PULLED=1")
    bench.sha256 = digest
    bench.chain.armed_at = dict.fromkeys(OTHERS, 51)
    async with bench.controller() as controller:
        bench.plan(release_url=untrusted(f"docker://{registry.name}:v2@sha256:{digest}"))
        status = await until(controller, lambda s: s.attempt is not None and s.attempt.failure_code != 0)
        assert status.attempt is not None
        assert "auto_download is off" in status.attempt.note
        bench.node = dataclasses.replace(bench.node, auto_download=True)
        await until(controller, lambda s: s.attempt is not None and s.attempt.preparation is Preparation.READY)
        await until(controller, armed)
    staged = bench.home / "cosmovisor" / "upgrades" / "v0.2.0" / "bin" / "fendermint"
    assert staged.read_text() == f"{registry.name}@sha256:{digest}\n"
    # Its id is another number than its digest in the registry, and both name it.
    found = json.loads(bench.engine.run("image", "inspect", f"{registry.name}@sha256:{digest}").stdout)[0]
    assert found["Id"] != f"sha256:{digest}"


async def test_other_bytes_under_the_digest_are_refused(
    contained: ContainerBench, registry: ImageRegistry, static_node: Path
) -> None:
    bench = contained
    digest = registry.put(static_node, bench.architecture(), "RELEASE=v0.2.0", "OTHER=1")
    other = registry.put(static_node, bench.architecture(), "RELEASE=evil")
    (registry.folder / f"sha256:{digest}").write_bytes((registry.folder / f"sha256:{other}").read_bytes())
    bench.sha256 = digest
    bench.node = dataclasses.replace(bench.node, auto_download=True)
    async with bench.controller() as controller:
        bench.plan(release_url=untrusted(f"{registry.name}@sha256:{digest}"))
        status = await until(controller, lambda s: s.attempt is not None and s.attempt.failure_code != 0)
    assert status.attempt is not None
    assert status.attempt.failure_code == FailureCode.DOWNLOAD_FAILED
    assert not (bench.home / "cosmovisor" / "upgrades").exists()


async def test_an_image_for_another_machine_is_found_out_before_anything_is_stopped(
    contained: ContainerBench, registry: ImageRegistry, static_node: Path
) -> None:
    bench = contained
    digest = registry.put(static_node, "s390x", "RELEASE=v0.2.0")
    bench.sha256 = digest
    bench.node = dataclasses.replace(bench.node, auto_download=True)
    async with bench.controller() as controller:
        bench.plan(release_url=untrusted(f"{registry.name}@sha256:{digest}"))
        status = await until(controller, lambda s: s.attempt is not None and s.attempt.failure_code != 0)
    assert status.attempt is not None
    assert status.attempt.failure_code == FailureCode.PREFLIGHT_FAILED
    assert "is for linux/s390x" in status.attempt.note
