"""A thread that writes has ended before anybody goes on."""

from __future__ import annotations

import asyncio
import threading

import pytest

from console.node.threads import to_the_end

pytestmark = pytest.mark.anyio


async def test_what_it_gives_and_raises_is_passed_on() -> None:
    assert await to_the_end(lambda one, two: one + two, 1, two=2) == 3
    with pytest.raises(ZeroDivisionError):
        await to_the_end(lambda: 1 / 0)


@pytest.mark.parametrize("fails", [False, True])
async def test_whoever_is_cancelled_waits_for_its_end_first(fails: bool) -> None:
    inside, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        inside.set()
        go_on.wait()
        done.set()
        if fails:
            raise OSError("the disk")

    task = asyncio.create_task(to_the_end(work))
    await asyncio.to_thread(inside.wait)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done.is_set()
