"""Giving bytes and plans: with a controller, and alone on the disk with the operator's word kept."""

from __future__ import annotations

import fcntl
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from console.errors import ControllerDown, HeldByOther, InputError, NodeError
from console.model import NodeStatus, PlanOrigin, Proposal, ProposalStatus, ReleaseKind, Verdict
from console.node.cosmovisor.batch import BatchError, read_batch
from console.node.cosmovisor.upgrade_info import PlanFile, read_plan
from console.node.generation import Generations
from console.node.journal import Journal
from console.node.plan_file import written_ahead
from console.operations.node_alone import alone, controller_holds
from console.operations.node_stage import (
    known_height,
    read_batch_file,
    read_batch_items,
    stage_batch,
    stage_upgrade,
)
from console.settings import NodeSettings
from console.text import untrusted
from console.this_user import this_user
from tests.console.node import nodes
from tests.console.operations.examples import RELEASE_URL, a_node_status
from tests.console.operations.homes import a_cosmos_node, a_node

pytestmark = pytest.mark.anyio


@dataclass
class Control:
    """A controller that notes what it is asked; silent when it is down."""

    down: bool = False
    app_height: int = 100
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    async def _answer(self, *words: Any) -> NodeStatus:
        if self.down:
            raise ControllerDown("nobody")
        self.asked.append(words)
        return a_node_status(app_height=self.app_height)

    async def status(self) -> NodeStatus:
        return await self._answer("status")

    async def add_upgrade(self, name: str, binary: Path, *, force: bool = False) -> NodeStatus:
        return await self._answer("add_upgrade", name, binary.name, force)

    async def plan_ahead(self, name: str, height: int, *, force: bool = False) -> NodeStatus:
        return await self._answer("plan_ahead", name, height, force)


DOWN = Control(down=True)


def a_binary(folder: Path, word: str = "v2") -> Path:
    path = folder / word
    path.write_text(f"#!/bin/sh\necho {word}\n")
    return path


def an_observation(node: NodeSettings, app_height: int) -> None:
    node.state_dir.mkdir(exist_ok=True)
    journal = Journal(node.state_dir / "journal.db")
    journal.observe(app_height, app_height, "v1")
    journal.close()


def generations(node: NodeSettings) -> Generations:
    return Generations(node.home, nodes.DAEMON)


def plan(node: NodeSettings) -> PlanFile | None:
    found = read_plan(node.home / "data" / "upgrade-info.json")
    assert found is None or isinstance(found, PlanFile)
    return found


async def test_a_controller_is_given_the_bytes_and_then_the_plan(tmp_path: Path) -> None:
    node, control = a_cosmos_node(tmp_path), Control()
    staged = await stage_upgrade(control, node, "v2", a_binary(tmp_path), force=True, height=500)
    assert control.asked == [("status",), ("add_upgrade", "v2", "v2", True), ("plan_ahead", "v2", 500, True)]
    assert staged.status is not None
    assert not (node.state_dir / "journal.db").exists()


async def test_a_file_with_another_checksum_than_was_published_is_not_given(tmp_path: Path) -> None:
    node, control, binary = a_cosmos_node(tmp_path), Control(), a_binary(tmp_path)
    for algorithm in ("sha256", "sha512"):
        right = hashlib.new(algorithm, binary.read_bytes()).hexdigest()
        await stage_upgrade(control, node, "v2", binary, checksum=f"{algorithm}:{right}")
        with pytest.raises(InputError, match=f"has {algorithm} {right}, not 000"):
            await stage_upgrade(control, node, "v2", binary, checksum=f"{algorithm}:{'0' * len(right)}")
    for checksum, why in (("md5:" + "a" * 32, "can be forged"), ("sha256:12", "not 64 hex digits"), ("x", "unknown")):
        with pytest.raises(InputError, match=why):
            await stage_upgrade(control, node, "v2", binary, checksum=checksum)
    assert [words[0] for words in control.asked] == ["add_upgrade"] * 2


async def test_a_height_that_has_passed_is_refused_before_the_bytes_are_given(tmp_path: Path) -> None:
    node, control = a_cosmos_node(tmp_path), Control(app_height=500)
    with pytest.raises(InputError, match="has executed height 500 already"):
        await stage_upgrade(control, node, "v2", a_binary(tmp_path), height=500)
    assert control.asked == [("status",)]


async def test_alone_the_bytes_are_staged_with_who_gave_them(tmp_path: Path) -> None:
    node, binary = a_node(tmp_path), a_binary(tmp_path)
    staged = await stage_upgrade(DOWN, node, "V2.0", binary)
    assert staged.status is None
    (state,) = [entry for entry in generations(node).all() if entry.name == "v2.0"]
    assert state.complete
    assert state.origin == f"given by {this_user()}: {binary}"
    assert generations(node).current_name() == "genesis"
    assert binary.exists()
    journal = Journal(node.state_dir / "journal.db", read_only=True)
    (event,) = [event for event in journal.events() if event["kind"] == "asked"]
    journal.close()
    assert event["detail"]["who"] == this_user()
    assert event["detail"]["controller"] is False
    # Again is the same; other bytes of that name need a word more.
    assert (await stage_upgrade(DOWN, node, "v2.0", binary)).lines == staged.lines
    other = a_binary(tmp_path, "other")
    with pytest.raises(NodeError, match="there already with other bytes"):
        await stage_upgrade(DOWN, node, "v2.0", other)
    await stage_upgrade(DOWN, node, "v2.0", other, force=True)
    assert generations(node).generation("v2.0").binary.read_bytes() == other.read_bytes()


async def test_alone_the_chains_hash_of_the_open_plan_counts(tmp_path: Path) -> None:
    node, binary = a_node(tmp_path), a_binary(tmp_path)
    node.state_dir.mkdir()
    journal = Journal(node.state_dir / "journal.db")
    journal.open_attempt(a_plan("v2", "ab" * 32), PlanOrigin.REGISTRY, "v2")
    journal.close()
    with pytest.raises(NodeError, match=f"not {'ab' * 32}"):
        await stage_upgrade(DOWN, node, "v2", binary)
    assert generations(node).names() == ("genesis",)


def a_plan(name: str, release_hash: str) -> Proposal:
    return Proposal(
        id=1,
        name=untrusted(name),
        release_kind=ReleaseKind.RAW,
        release_hash=release_hash,
        release_url=untrusted(RELEASE_URL),
        target_height=500,
        breaking=True,
        proposer="",
        proposed_at=1,
        scheduled_at=2,
        status=ProposalStatus.SCHEDULED,
        verdict=Verdict.NONE,
        frozen_at=0,
        freeze_blocks=5,
        ready_power=0,
        armed_power=0,
        go_power=0,
        confirmed_power=0,
        total_power=0,
    )


async def test_alone_a_plan_is_written_ahead_and_known_as_ours(tmp_path: Path) -> None:
    node = a_cosmos_node(tmp_path)
    an_observation(node, 400)
    assert known_height(node) == 400
    await stage_upgrade(DOWN, node, "V2", a_binary(tmp_path), height=500)
    found = plan(node)
    assert found is not None
    assert (found.name, found.height) == ("v2", 500)
    journal = Journal(node.state_dir / "journal.db", read_only=True)
    assert written_ahead(journal, "v2", 500)
    journal.close()
    for height in (1, 400):
        with pytest.raises(InputError, match="has executed height 400 already"):
            await stage_upgrade(DOWN, node, "v3", a_binary(tmp_path, "v3"), height=height)
    with pytest.raises(InputError, match=r"plans v2 for height 500.*--force"):
        await stage_upgrade(DOWN, node, "v3", a_binary(tmp_path, "v3"), height=600)
    assert generations(node).names() == ("genesis", "v2")
    await stage_upgrade(DOWN, node, "v3", a_binary(tmp_path, "v3"), height=600, force=True)
    found = plan(node)
    assert found is not None
    assert found.height == 600


async def test_a_plan_of_a_registry_is_never_a_file(tmp_path: Path) -> None:
    node = a_node(tmp_path)
    with pytest.raises(NodeError, match="come from the registry"):
        await stage_upgrade(DOWN, node, "v2", a_binary(tmp_path), height=500)
    assert generations(node).names() == ("genesis",)


async def test_with_a_controller_that_does_not_answer_nothing_is_staged(tmp_path: Path) -> None:
    node = a_node(tmp_path)
    node.state_dir.mkdir()
    holder = os.open(node.state_dir / "controller.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(holder, fcntl.LOCK_EX)
    try:
        assert controller_holds(node)
        with pytest.raises(ControllerDown):
            await stage_upgrade(DOWN, node, "v2", a_binary(tmp_path))
        with pytest.raises(HeldByOther, match="runs and does not answer"), alone(node, "x"):
            pytest.fail("it was entered")
    finally:
        os.close(holder)
    assert not controller_holds(node)
    assert generations(node).names() == ("genesis",)


def a_batch(folder: Path) -> Path:
    lines = [f"v{number},{a_binary(folder, f'v{number}')},{number}00" for number in (4, 5, 6)]
    path = folder / "batch.csv"
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("down", [True, False])
async def test_a_batch_is_staged_and_its_next_plan_written(tmp_path: Path, down: bool) -> None:
    node, control = a_cosmos_node(tmp_path), Control(down=down, app_height=450)
    an_observation(node, 450)
    entries = read_batch_file(a_batch(tmp_path), recase=True)
    staged = await stage_batch(control, node, entries)
    assert staged.lines[-1].endswith("plans v5 for height 500")
    batch = read_batch(node.home / "data" / "upgrade-info.json.batch")
    assert isinstance(batch, tuple)
    assert [entry.height for entry in batch] == [400, 500, 600]
    if down:
        found = plan(node)
        assert found is not None
        assert found.name == "v5"
        assert generations(node).names() == ("genesis", "v4", "v5", "v6")
    else:
        given = [words for words in control.asked if words[0] == "add_upgrade"]
        assert [words[1] for words in given] == ["v4", "v5", "v6"]
        assert control.asked[-1] == ("plan_ahead", "v5", 500, True)


async def test_a_batch_that_is_past_or_lacks_a_binary_is_refused_whole(tmp_path: Path) -> None:
    node = a_cosmos_node(tmp_path)
    entries = read_batch_items([f"v2:{a_binary(tmp_path)}:100"], recase=True)
    with pytest.raises(InputError, match="has passed every height"):
        await stage_batch(Control(), node, entries)
    with pytest.raises(BatchError, match="is no file"):
        await stage_batch(Control(), node, read_batch_items([f"v2:{tmp_path}/none:900"], recase=True))
    with pytest.raises(NodeError, match="come from the registry"):
        await stage_batch(Control(), a_node(tmp_path / "ipc"), entries)
    assert generations(node).names() == ("genesis",)


@pytest.mark.parametrize("content", [b"\xff\xfe\xff", b"x" * ((1 << 20) + 1), b"a,b\n"])
def test_a_batch_file_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "b.csv"
    path.write_bytes(content)
    with pytest.raises(InputError):
        read_batch_file(path, recase=True)
    with pytest.raises(InputError, match="is no file"):
        read_batch_file(tmp_path, recase=True)
