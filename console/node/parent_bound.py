"""Whether the open plan's height goes with what the network above intends: told to the operator, and nothing is done.

The controller never goes by another network's word: it arms and crosses as its own chain says, and warns.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from console.errors import ConsoleError
from console.model import Attempt, Crossing
from console.node.attempts import AttemptBook
from console.node.journal import Journal
from console.ports.chain import HeightBound

_LOG = logging.getLogger(__name__)

LOOK_S = 60.0
"""Seconds between two looks."""


class ParentBounds:
    """Looks at the open attempt's height again and again.

    Args:
        source: Knows the network above; None where there is none.
        book: The attempt.
        journal: Keeps each change of what is said.
        changed: Called when the status may have changed.
        look_s: Seconds between two looks.
    """

    def __init__(
        self,
        source: HeightBound | None,
        book: AttemptBook,
        journal: Journal,
        changed: Callable[[], None],
        look_s: float = LOOK_S,
    ) -> None:
        self._source = source
        self._book = book
        self._journal = journal
        self._changed = changed
        self._look_s = look_s
        self._said: tuple[int, str] = (0, "")

    def note(self) -> str:
        """Why the open attempt's height does not go with the network above; empty when it does."""
        attempt = self._book.open
        if attempt is None or attempt.id != self._said[0] or attempt.crossing is not Crossing.NONE:
            return ""
        return self._said[1]

    async def watch(self) -> None:
        """Look for ever, while an attempt has a height that is still to come."""
        if self._source is None:
            return
        while True:
            attempt = self._book.open
            if attempt is not None and attempt.has_height and attempt.crossing is Crossing.NONE:
                try:
                    await self._look(self._source, attempt)
                except ConsoleError as error:
                    _LOG.info("whether %s goes with the network above is not known: %s", attempt.name, error)
                except Exception:
                    # An answer from outside must not end the one who supervises the node.
                    _LOG.exception("what the network above intends cannot be read")
            await asyncio.sleep(self._look_s)

    async def _look(self, source: HeightBound, attempt: Attempt) -> None:
        sentence = await source.judge(attempt.target_height, str(attempt.name))
        now = self._book.open
        if now is None or now.id != attempt.id or now.target_height != attempt.target_height:
            return
        before = self._said
        self._said = (attempt.id, sentence)
        # Its numbers move with every look; what is journalled is that it began or ended.
        if bool(sentence) != bool(before[1] and before[0] == attempt.id):
            self._journal.record("above", attempt, why=sentence or "the height goes with the network above again")
            _LOG.warning("%s: %s", attempt.name, sentence or "its height goes with the network above again")
            self._changed()
