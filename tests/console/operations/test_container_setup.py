"""`node init` and `node leave` of a node in containers, with the real engine."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from console.errors import HeldByOther, NodeError
from console.node.container_adoption import RECORD_NAME
from console.operations.container_setup import give_back_containers, plan_containers, set_up_containers
from tests.console.node import nodes
from tests.console.node.bench import until
from tests.console.node.container_bench import ContainerBench, Images
from tests.console.node.runtime.real_engine import RealEngine

pytestmark = pytest.mark.anyio


@pytest.fixture
async def bench(
    shared_engine: RealEngine, node_images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ContainerBench]:
    """A node that its operator runs in containers, with nothing of ours in its home."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{shared_engine.socket}")
    bench = ContainerBench(tmp_path, shared_engine, node_images)
    shutil.rmtree(bench.home / "cosmovisor")
    shared_engine.run("start", "val-fendermint", "val-cometbft")
    yield bench
    shared_engine.remove_containers()


def policy(bench: ContainerBench, name: str) -> str:
    return str(bench.inspect(name)["HostConfig"]["RestartPolicy"]["Name"])


def runs(bench: ContainerBench, name: str) -> bool:
    return bool(bench.inspect(name)["State"]["Running"])


def adopted(bench: ContainerBench) -> None:
    set_up_containers(plan_containers(bench.node, adopt=True))


async def test_a_plan_changes_nothing_and_a_running_node_is_not_taken_without_a_word(bench: ContainerBench) -> None:
    with pytest.raises(HeldByOther, match="val-fendermint runs already"):
        plan_containers(bench.node, adopt=False)
    lines = plan_containers(bench.node, adopt=True).lines
    assert any("take the restart policy always from container val-fendermint" in line for line in lines)
    assert any(f"sha256:{bench.images.old}" in line for line in lines)
    assert runs(bench, "val-fendermint")
    assert not (bench.home / "cosmovisor").exists()


async def test_adopted_run_and_given_back_as_they_were(bench: ContainerBench) -> None:
    before = {name: bench.inspect(name)["Id"] for name in ("val-fendermint", "val-cometbft")}
    adopted(bench)
    assert not runs(bench, "val-fendermint")
    assert policy(bench, "val-fendermint") == "no"
    # Again after a kill: nothing is forgotten of what they were.
    adopted(bench)
    async with bench.controller() as controller:
        await until(controller, lambda status: status.pid is not None)
        assert bench.inspect("val-fendermint")["Id"] != before["val-fendermint"]
        await controller.commands.stop()
    said = give_back_containers(bench.node)
    assert {name: bench.inspect(name)["Id"] for name in before} == before
    assert (policy(bench, "val-fendermint"), policy(bench, "val-cometbft")) == ("always", "no")
    assert runs(bench, "val-fendermint")
    assert runs(bench, "val-cometbft")
    assert any("operator's own again" in line for line in said)
    names = bench.engine.run("ps", "-a", "--format", "{{.Names}}").stdout.split()
    assert sorted(names) == ["val-cometbft", "val-fendermint"]
    with pytest.raises(NodeError, match="no containers were adopted"):
        give_back_containers(bench.node)


async def test_after_an_upgrade_the_old_container_does_not_come_back(bench: ContainerBench) -> None:
    adopted(bench)
    async with bench.controller() as controller:
        await until(controller, lambda status: status.pid is not None)
        await controller.commands.stop()
    live = bench.runtime.recorded()
    assert live is not None
    # The release that runs now, as an upgrade leaves it.
    upgrade = bench.home / "cosmovisor" / "upgrades" / "v0.2.0"
    shutil.copytree(bench.home / "cosmovisor" / "genesis", upgrade)
    (upgrade / "release.json").unlink()
    (upgrade / "bin" / "fendermint").write_text(f"sha256:{bench.images.new}\n")
    (bench.home / "cosmovisor" / "current").unlink()
    (bench.home / "cosmovisor" / "current").symlink_to("upgrades/v0.2.0")
    async with bench.controller() as controller:
        await controller.commands.start()
        await until(controller, lambda _: nodes.starts(bench.home)[-1] == "v0.2.0 0")
        await controller.commands.stop()
    said = give_back_containers(bench.node)
    assert any("must not be started" in line for line in said)
    assert bench.inspect("val-fendermint")["Image"] == f"sha256:{bench.images.new}"
    assert policy(bench, "val-fendermint") == "always"
    assert policy(bench, "val-fendermint.upgrade-console-before") == "no"
    assert runs(bench, "val-fendermint")


async def test_containers_are_not_given_back_under_a_running_node(bench: ContainerBench) -> None:
    adopted(bench)
    async with bench.controller() as controller:
        await until(controller, lambda status: status.pid is not None)
    with pytest.raises(NodeError, match="while this controller runs the node"):
        give_back_containers(bench.node)
    await bench.end()


async def test_a_record_that_cannot_be_read_stops_everything(bench: ContainerBench) -> None:
    adopted(bench)
    record = bench.state_dir / RECORD_NAME
    assert json.loads(record.read_bytes())["phase"] == "taken"
    record.write_text("{")
    with pytest.raises(NodeError, match="cannot be read"):
        give_back_containers(bench.node)
    with pytest.raises(NodeError, match="cannot be read"):
        plan_containers(bench.node, adopt=True)
