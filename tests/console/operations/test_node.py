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
from console.model import Crossing, KnownRelease, NodeCommand, NodeStatus, NodeVerb, PlanOrigin, Preparation
from console.node.journal import Journal
from console.operations.node import add_upgrade, prepare_upgrade
from console.operations.node_abort import ABORT_WORDS
from console.operations.node_command import WORDS, perform, typed_reason
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

    async def arm(self, reason: str) -> NodeStatus:
        return await self._answer(f"arm {reason}")

    async def arm_unproven(self, reason: str) -> NodeStatus:
        return await self._answer(f"arm --unproven {reason}")

    async def disarm(self, reason: str) -> NodeStatus:
        return await self._answer(f"disarm {reason}")

    async def swap(self, name: str, reason: str) -> NodeStatus:
        return await self._answer(f"swap {name} {reason}")

    async def rollback(self, reason: str) -> NodeStatus:
        return await self._answer(f"rollback {reason}")

    async def restore(self, name: str, reason: str) -> NodeStatus:
        return await self._answer(f"restore {name} {reason}")

    async def resync(self, reason: str, *, from_genesis: bool) -> NodeStatus:
        return await self._answer(f"resync{' --from-genesis' if from_genesis else ''} {reason}")

    async def pause(self, reason: str) -> NodeStatus:
        return await self._answer(f"pause {reason}".strip())

    async def resume(self, *, without_rollback_point: str = "", cross: str = "") -> NodeStatus:
        given = (("--without-rollback-point", without_rollback_point), ("--cross", cross))
        return await self._answer(" ".join(["resume", *(f"{name} {value}" for name, value in given if value)]))

    async def add_upgrade(self, name: str, binary: Path) -> NodeStatus:
        return await self._answer(f"add_upgrade {name} {binary}")

    async def release(self) -> KnownRelease:
        self.asked.append("release")
        return KnownRelease("v0.2.0", "it is a raw binary")


@pytest.mark.parametrize("verb", list(NodeVerb))
async def test_each_command_is_one_question_with_its_reason_and_name(verb: NodeVerb) -> None:
    control = FakeControl()
    await perform(control, NodeCommand(verb, " why ", "v2"))
    name = {NodeVerb.SWAP: " v2", NodeVerb.RESTORE: " v2"}.get(verb, "")
    assert [" ".join(asked.split()) for asked in control.asked] == [
        f"{verb}{name}{' why' if WORDS[verb].reason else ''}"
    ]


@pytest.mark.parametrize("verb", [verb for verb in NodeVerb if WORDS[verb].reason])
async def test_a_command_without_its_reason_asks_nothing(verb: NodeVerb) -> None:
    control = FakeControl()
    if WORDS[verb].bare:
        assert (await perform(control, NodeCommand(verb))).note == verb
        return
    with pytest.raises(InputError, match="needs a reason, for the journal; nothing was changed"):
        await perform(control, NodeCommand(verb, " ", "v2"))
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


def test_every_command_is_one_sentence_with_its_price() -> None:
    every = [*((verb.value, words) for verb, words in WORDS.items()), ("abort", ABORT_WORDS)]
    for verb, words in every:
        sentence = words.sentence(verb, "node1", "testnet")
        assert sentence.startswith(f"{verb}: ")
        assert "node1 of testnet" in sentence
        assert sentence.count(".") <= 2
    assert typed_reason("arm", " why ") == "why"
    for reason in (None, "", " "):
        with pytest.raises(InputError, match="arm needs a reason"):
            typed_reason("arm", reason)
