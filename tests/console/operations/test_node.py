"""Verbs on a node reach its controller, and only the known ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from console.errors import InputError
from console.model import NodeStatus
from console.operations.node import ACTIONS, act, add_upgrade
from tests.console.operations.examples import a_node_status

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

    async def add_upgrade(self, name: str, binary: Path) -> NodeStatus:
        return await self._answer(f"add_upgrade {name} {binary}")


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
