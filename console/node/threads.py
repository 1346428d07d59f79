"""Work in a thread that must have ended before anybody goes on, even one who was cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def to_the_end(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """As `asyncio.to_thread`; when cancelled the thread is waited for first, because it writes to files.

    Raises:
        Whatever the function raises; CancelledError, once it has ended, however it did.
    """
    thread = asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        await ended(thread)
        raise


async def ended(thread: asyncio.Future[T]) -> None:
    """Wait for a thread's end, however often we are cancelled meanwhile; what it raised is not told."""
    while not thread.done():
        try:
            await asyncio.wait({thread})
        except asyncio.CancelledError:
            continue
    if not thread.cancelled():
        thread.exception()
