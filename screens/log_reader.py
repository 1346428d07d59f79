"""How the logs are read for the view: in a thread, a bit at a time, while the view is shown."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from functools import partial

from console.log_store import LogStore
from console.log_store.reading import Found, Wanted, look
from widgets.log_tail import LogLine

POLL_S = 0.25
"""Seconds between two looks at files in which nothing is new (facts/tui.md C4)."""
TURN_S = 0.1
"""Seconds of reading after which what was found is shown."""


class LogReader:
    """Reads a store for whoever says what they want.

    Args:
        store: The logs; None where there are only the lines that `give` is told.
        wanted: What is wanted now; asked before each look, in the UI's thread.
        clock: Unix seconds.
    """

    def __init__(self, store: LogStore | None, wanted: Callable[[], Wanted], clock: Callable[[], float]) -> None:
        self.store = LogStore({}, clock) if store is None else store
        self._wanted = wanted
        self._clock = clock
        self._nudged = asyncio.Event()
        self._takes_lines = store is None
        self._given: tuple[LogLine, ...] | None = None

    def give(self, lines: tuple[LogLine, ...]) -> None:
        """These lines are all there is: those of a moment of a recording."""
        if self._takes_lines:
            self._given = lines
            self.nudge()

    def nudge(self) -> None:
        """Something else is wanted: look at once."""
        self._nudged.set()

    def _look(self, wanted: Wanted, end: float) -> Found:
        given, self._given = self._given, None
        if given is not None:
            self.store = LogStore({}, self._clock)
            for source, text in given:
                self.store.add(source, text)
        return look(self.store, wanted, partial(self._is_time, end))

    def _is_time(self, end: float) -> bool:
        return self._nudged.is_set() or time.monotonic() > end

    async def found(self) -> AsyncGenerator[tuple[Wanted, Found], None]:
        """What was found for what was wanted, again and again until closed."""
        while True:
            self._nudged.clear()
            wanted = self._wanted()
            end = time.monotonic() + TURN_S
            yield wanted, (found := await asyncio.to_thread(self._look, wanted, end))
            if not found.busy and not self._nudged.is_set():
                try:
                    await asyncio.wait_for(self._nudged.wait(), POLL_S)
                except TimeoutError:
                    pass
