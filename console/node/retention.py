"""What goes once an upgrade is behind us: old rollback points, and data that was set aside (facts/safety.md §5)."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable

from console.errors import JournalError, NodeError
from console.model import Attempt, Crossing
from console.node.attempts import AttemptBook
from console.node.journal import Journal
from console.node.kept_aside import Aside
from console.node.rollback_point import RollbackPoints
from console.node.runs import NodeRuns
from console.ports.chain import ConsensusReading
from console.settings import NodeSettings

_LOG = logging.getLogger(__name__)

_SEEN = "set_aside"
"""The journal's fact on data that was set aside: `{key: height at which it was seen first}`."""
_LOOK_EVERY_BLOCKS = 100


class Retention:
    """Removes what no upgrade needs any more, only while the newest one is COMMITTED.

    Set-aside data is counted in blocks, which nobody can set as he can set a clock: `keep_set_aside_blocks` past the
    upgrade and past the height at which it was seen first.

    Args:
        settings: The node's settings of the moment.
        journal: Since when something is there.
        book: The attempt.
        runs: The node's height.
        points: Rollback points and what swaps set aside.
    """

    def __init__(
        self,
        settings: Callable[[], NodeSettings],
        journal: Journal,
        book: AttemptBook,
        runs: NodeRuns,
        points: RollbackPoints,
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._book = book
        self._runs = runs
        self._points = points
        self._pruned_after = 0
        self._look_again_at = 0
        self._said_kept: set[str] = set()

    async def step(self, consensus: ConsensusReading | None) -> None:
        """Remove what is due.

        Args:
            consensus: The latest reading of our node's present run, None when there is none.

        Raises:
            NodeError: The disk refused.
            JournalError: It could not be journalled.
        """
        attempt = self._book.attempt
        if attempt is None or attempt.crossing is not Crossing.COMMITTED:
            self._look_again_at = 0
            return
        await self._prune_points(attempt)
        # What was set aside for a replay stays until the replay is where it was.
        if consensus is not None and not consensus.catching_up:
            await self._drop_set_aside(attempt)

    async def _prune_points(self, attempt: Attempt) -> None:
        if self._pruned_after == attempt.id:
            return
        self._pruned_after = attempt.id
        protected = frozenset({attempt.rollback_point} - {""})
        gone = await asyncio.to_thread(self._points.prune, self._settings().keep_points, protect=protected)
        if gone:
            self._journal.record("points-pruned", attempt, names=list(gone))

    async def _drop_set_aside(self, attempt: Attempt) -> None:
        height, kept_blocks = self._runs.application_height(), self._settings().keep_set_aside_blocks
        if height is None or height < self._look_again_at:
            return
        self._look_again_at = height + _LOOK_EVERY_BLOCKS
        aside = self._points.kept_aside
        await asyncio.to_thread(aside.finish)
        found = await asyncio.to_thread(aside.all)
        seen = self._first_seen(tuple(entry.key for entry in found), height)
        if not kept_blocks:
            return
        for entry in found:
            if height < max(seen[entry.key], attempt.target_height) + kept_blocks:
                continue
            try:
                await asyncio.to_thread(aside.refuse_last_copy, entry)
            except NodeError as error:
                self._say_kept(attempt, entry, str(error))
                continue
            # Durable first: what is gone is explained.
            self._journal.record("set-aside-removed", attempt, name=entry.name, since=seen[entry.key])
            await asyncio.to_thread(aside.remove, entry)

    def _say_kept(self, attempt: Attempt, entry: Aside, why: str) -> None:
        if entry.key not in self._said_kept:
            self._said_kept.add(entry.key)
            _LOG.warning("%s", why)
            self._journal.record("set-aside-kept", attempt, name=entry.name, why=why)

    def _first_seen(self, keys: tuple[str, ...], height: int) -> dict[str, int]:
        """Height at which each was seen first, durable; what is gone is forgotten. Raises JournalError."""
        text = self._journal.meta(_SEEN) or "{}"
        try:
            known = {str(key): int(value) for key, value in json.loads(text).items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise JournalError(f"the journal's word on data that was set aside is not understood: {text!r}") from error
        seen = {key: known.get(key, height) for key in keys}
        if seen != known:
            self._journal.set_meta(_SEEN, json.dumps(seen))
        return seen
