"""Logs elsewhere: every line once, over a way that is lost and found again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from console.errors import ControllerDown
from console.operations.far_logs import follow_elsewhere


class FarLogs:
    """A controller elsewhere, whose way may be lost."""

    def __init__(self) -> None:
        self.lines = {"node": ["block 1"], "controller": []}
        self.lost = False

    async def log_after(self, source: str, place: str, lines: int) -> tuple[list[str], str]:
        if self.lost:
            raise ControllerDown("SSH to val-2 is lost")
        told = self.lines[source][int(place or 0) :][:2]
        return told, str(int(place or 0) + len(told))

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        yield


@pytest.mark.anyio
async def test_logs_elsewhere_are_followed_over_a_way_that_is_lost_and_found_again() -> None:
    far = FarLogs()
    losses: list[str] = []
    paused: list[float] = []

    async def pause(seconds: float) -> None:
        paused.append(seconds)
        if far.lost and len(losses) == 1 and paused[-2:] == [3.0, 3.0]:
            far.lost = False
        await asyncio.sleep(0)

    following = follow_elsewhere(far, ("node", "controller"), 1, lambda error: losses.append(str(error)), pause)
    async with asyncio.timeout(10), contextlib.aclosing(following) as lines:
        assert await anext(lines) == ("node", "block 1")
        far.lines["controller"] += ["armed"]
        assert await anext(lines) == ("controller", "armed")
        far.lost = True
        far.lines["node"] += ["block 2", "block 3", "block 4"]
        # Said once, and what was written meanwhile is told then; what did not fit comes at once.
        before = len(paused)
        assert [await anext(lines) for _ in range(3)] == [("node", f"block {number}") for number in (2, 3, 4)]
        assert losses == ["SSH to val-2 is lost."]
        assert paused[before:] == [1.0, 3.0, 3.0]


@pytest.mark.anyio
async def test_who_was_never_heard_is_not_waited_for() -> None:
    far = FarLogs()
    far.lost = True
    async with contextlib.aclosing(follow_elsewhere(far, ("node",), 1, lambda _: None)) as lines:
        with pytest.raises(ControllerDown):
            await anext(lines)
