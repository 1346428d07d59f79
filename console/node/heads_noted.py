"""The journal's head in the controller's log: rows that were taken out or written anew show against it."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from console.errors import JournalError
from console.hash_chain import Head
from console.node.journal_events import JournalEvents

NOTED_EVERY_S = 300.0
"""Seconds between two heads in the log while there are new rows."""

_HEAD_NOTED = "journal head "
_NOTED = re.compile(_HEAD_NOTED.encode() + rb"([0-9]{1,18}:[0-9a-f]{64})$")

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
            _LOG.info("%s%s", _HEAD_NOTED, head)
            self._last, self._at = head, self._clock()


def heads_in_log(path: Path) -> Iterator[Head]:
    """The heads in one file of a controller's log, oldest first; none of a file that cannot be read."""
    try:
        with path.open("rb") as stream:
            for line in stream:
                if found := _NOTED.search(line.rstrip()):
                    yield Head.read(found[1].decode())
    except OSError:
        return
