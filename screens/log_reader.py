"""How the logs are read for the view: in a thread, a bit at a time, while the view is shown."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from functools import partial

from console.log_store import LogStore
from console.log_store.reading import Found, Wanted, look

POLL_S = 0.25
"""Seconds between two looks at files in which nothing is new (facts/tui.md C4)."""
TURN_S = 0.1
"""Seconds of reading after which what was found is shown."""


class LogReader:
    """Reads a store for whoever says what they want.

    Args:
        store: The logs.
        wanted: What is wanted now; asked before each look, in the UI's thread.
    """

    def __init__(self, store: LogStore, wanted: Callable[[], Wanted]) -> None:
        self.store = store
        self._wanted = wanted
        self._nudged = asyncio.Event()

    def nudge(self) -> None:
        """Something else is wanted: look at once."""
        self._nudged.set()

    def _is_time(self, end: float) -> bool:
        return self._nudged.is_set() or time.monotonic() > end

    async def found(self) -> AsyncGenerator[tuple[Wanted, Found], None]:
        """What was found for what was wanted, again and again until closed."""
        while True:
            self._nudged.clear()
            wanted = self._wanted()
            end = time.monotonic() + TURN_S
            yield wanted, (found := await asyncio.to_thread(look, self.store, wanted, partial(self._is_time, end)))
            if not found.busy and not self._nudged.is_set():
                try:
                    await asyncio.wait_for(self._nudged.wait(), POLL_S)
                except TimeoutError:
                    pass
