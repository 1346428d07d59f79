"""The journal's head in the controller's log: rows that were taken out or written anew show against it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from console.errors import JournalError
from console.hash_chain import Head
from console.node.journal_events import HEAD_NOTED, JournalEvents

NOTED_EVERY_S = 300.0
"""Seconds between two heads in the log while there are new rows."""

_LOG = logging.getLogger(__name__)


class HeadsNoted:
    """Writes the head into the log where it is a new one.

    Args:
        journal: The journal.
        clock: Monotonic seconds.
    """

    def __init__(self, journal: JournalEvents, clock: Callable[[], float] = time.monotonic) -> None:
        self._journal = journal
        self._clock = clock
        self._last: Head | None = None
        self._at = float("-inf")

    def note(self) -> None:
        """Write the head, at most every `NOTED_EVERY_S`; a journal that cannot be read is told elsewhere."""
        if self._clock() - self._at < NOTED_EVERY_S:
            return
        try:
            head = self._journal.head()
        except JournalError:
            return
        if head is not None and head != self._last:
            _LOG.info("%s%s", HEAD_NOTED, head)
            self._last, self._at = head, self._clock()
