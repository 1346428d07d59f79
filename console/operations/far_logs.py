"""The logs of a node on another machine, followed by its controller's word over a way that may be lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from console.errors import ControllerDown

POLL_S = 1.0
"""Seconds between two questions."""
AGAIN_S = 3.0
"""Seconds until a way that was lost is tried again."""


class TellsLogs(Protocol):
    """What following a log elsewhere asks of a controller's client. Raises ControllerDown, NodeError."""

    async def log_after(self, source: str, place: str, lines: int) -> tuple[list[str], str]: ...
    def kept(self) -> AbstractAsyncContextManager[None]: ...


async def follow_elsewhere(
    control: TellsLogs,
    sources: Iterable[str],
    lines: int,
    lost: Callable[[ControllerDown], None],
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncGenerator[tuple[str, str], None]:
    """Yield (source, line) for the last lines of another machine's logs and then for each new one, until closed.

    A way that is lost is opened again, and what was written meanwhile is told then.

    Args:
        control: Its controller.
        sources: `node`, `controller`.
        lines: Lines of each log that are told of what is there already.
        lost: Called once for each loss of the way.
        pause: Waits.

    Raises:
        ControllerDown: It could not be asked even once.
        NodeError: It refuses.
    """
    places = dict.fromkeys(sources, "")
    heard = down = False
    async with control.kept():
        while True:
            try:
                more = False
                for source in places:
                    told, place = await control.log_after(source, places[source], lines)
                    more = more or (bool(told) and bool(places[source]))
                    places[source] = place
                    for line in told:
                        yield source, line
                heard, down = True, False
                if not more:
                    await pause(POLL_S)
            except ControllerDown as error:
                if not heard:
                    raise
                if not down:
                    lost(error)
                down = True
                await pause(AGAIN_S)
