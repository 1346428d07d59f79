"""Verbs on a node reach its controller, and only the known ones."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from console.errors import InputError, NodeError
from console.model import Crossing, KnownRelease, NodeStatus, PlanOrigin, Preparation
from console.node.journal import Journal
from console.operations.node import ACTIONS, DANGERS, act, add_upgrade, prepare_upgrade, typed_reason
from tests.console.operations.examples import a_node_status
from tests.console.operations.test_node_stage import a_plan

pytestmark = pytest.mark.anyio


@dataclass
class FakeControl:
    asked: list[str] = field(default_factory=list)

    async def _answer(self, word: str) -> NodeStatus:
        self.asked.append(word)
        return a_node_status(note=word)

    async def start(self) -> NodeStatus:
        return await self._answer("start")

    async def stop(self) -> NodeStatus:
        return await self._answer("stop")

    async def restart(self) -> NodeStatus:
        return await self._answer("restart")

    async def arm_unproven(self, reason: str) -> NodeStatus:
        return await self._answer(f"arm_unproven {reason}")

    async def add_upgrade(self, name: str, binary: Path) -> NodeStatus:
        return await self._answer(f"add_upgrade {name} {binary}")

    async def release(self) -> KnownRelease:
        self.asked.append("release")
        return KnownRelease("v0.2.0", "it is a raw binary")


async def test_each_action_asks_for_itself() -> None:
    control = FakeControl()
    assert [(await act(control, action)).note for action in ACTIONS] == list(ACTIONS)
    assert control.asked == list(ACTIONS)


async def test_an_unknown_action_asks_nothing() -> None:
    control = FakeControl()
    with pytest.raises(InputError, match="there is no action 'halt'"):
        await act(control, "halt")
    assert control.asked == []


async def test_a_release_is_looked_at_before_it_is_given(tmp_path: Path) -> None:
    control = FakeControl()
    for bad in (tmp_path / "none", tmp_path):
        with pytest.raises(InputError, match="cannot read"):
            await add_upgrade(control, "v0.2.0", bad)
    assert control.asked == []
    binary = tmp_path / "subnetd"
    binary.write_bytes(b"x")
    await add_upgrade(control, "v0.2.0", binary)
    assert control.asked == [f"add_upgrade v0.2.0 {binary}"]


async def test_a_pipe_is_no_release(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="it is no file"):
        await add_upgrade(FakeControl(), "v0.2.0", tmp_path / "pipe")


@dataclass
class Told:
    """A controller that tells one status after the other, then stays silent."""

    told: list[NodeStatus]
    asked: int = 0

    async def statuses(self) -> AsyncIterator[NodeStatus]:
        for status in self.told:
            self.asked += 1
            yield status
        await asyncio.Event().wait()


def at(folder: Path, preparation: Preparation, **changes: Any) -> NodeStatus:
    journal = Journal(folder / "journal.db")
    attempt = journal.open_attempt(a_plan("v2", "ab" * 32), PlanOrigin.REGISTRY, "v2")
    journal.close()
    paused = changes.pop("paused", "")
    return a_node_status(attempt=dataclasses.replace(attempt, preparation=preparation, **changes), paused=paused)


async def test_a_preparation_is_followed_to_its_end(tmp_path: Path) -> None:
    words = (Preparation.PLANNED, Preparation.FETCHING, Preparation.STAGED, Preparation.READY, Preparation.READY)
    control = Told([at(tmp_path, word) for word in words])
    found = await prepare_upgrade(control)
    assert found.attempt is not None
    assert (found.attempt.preparation, control.asked) == (Preparation.READY, 4)


async def test_why_it_is_not_prepared_is_said(tmp_path: Path) -> None:
    with pytest.raises(NodeError, match=r"v2 is not ready: no such host.*add-upgrade v2 FILE"):
        await prepare_upgrade(Told([at(tmp_path, Preparation.FAILED, note="no such host")]))
    with pytest.raises(NodeError, match=r"automation is paused \(dinner\)"):
        await prepare_upgrade(Told([at(tmp_path, Preparation.PLANNED, paused="dinner")]))
    for status in (a_node_status(), at(tmp_path, Preparation.READY, crossing=Crossing.COMMITTED)):
        with pytest.raises(InputError, match="there is no open plan"):
            await prepare_upgrade(Told([status]))
    with pytest.raises(NodeError, match="not ready after 0 s, but FETCHING"):
        await prepare_upgrade(Told([at(tmp_path, Preparation.FETCHING)]), deadline_s=0.05)


def test_every_danger_is_one_sentence_with_its_price() -> None:
    for verb, danger in DANGERS.items():
        sentence = danger.sentence("node1", "testnet")
        assert sentence.startswith(f"{verb}: ")
        assert "node1 of testnet" in sentence
        assert sentence.count(".") <= 2
    assert typed_reason("arm", " why ") == "why"
    for reason in (None, "", " "):
        with pytest.raises(InputError, match="arm needs a reason"):
            typed_reason("arm", reason)
