"""Rollback points at the operator's word: one taken now, one put back. Called by `console.node.operator_commands`."""

from __future__ import annotations

import asyncio

from console.errors import NodeError
from console.model import Crossing
from console.node.attempts import AttemptBook
from console.node.generation import Generations
from console.node.generation_folders import folder_name
from console.node.journal import Journal
from console.node.keeper import Keeper
from console.node.resync import Resyncer
from console.node.rollback_point import RollbackPoint, RollbackPoints
from console.node.runs import NodeRuns


class PointCommands:
    """Takes rollback points and puts them back, outside a crossing.

    Args:
        journal: Where the height of restored data is kept.
        book: The attempt.
        runs: The node's runs.
        generations: What made the data.
        points: Rollback points.
        keeper: Starts the node again.
        resyncer: Whether one is under way.
    """

    def __init__(
        self,
        journal: Journal,
        book: AttemptBook,
        runs: NodeRuns,
        generations: Generations,
        points: RollbackPoints,
        keeper: Keeper,
        resyncer: Resyncer,
    ) -> None:
        self._journal = journal
        self._book = book
        self._runs = runs
        self._generations = generations
        self._points = points
        self._keeper = keeper
        self._resyncer = resyncer

    async def take(self, name: str) -> RollbackPoint:
        """Take a rollback point now; a node that runs is stopped for it and started again as it was.

        Raises:
            NodeError: Refused, or it could not be taken.
        """
        if self._resyncer.under_way:
            raise NodeError("a resync is under way", safe="nothing was changed")
        if self._book.open is not None and self._book.open.crossing is not Crossing.NONE:
            raise NodeError("a crossing is going on and takes its own rollback point", safe="nothing was changed")
        if self._points.find(folder_name(name)) is not None:
            raise NodeError(f"there is a rollback point {name!r} already", safe="nothing was changed")
        need = self._points.space_needed()
        if not need.enough:
            raise NodeError(need.sentence, safe="the node was not touched", next_step="free space")
        running = self._runs.live is not None
        await self._runs.stop()
        try:
            current = self._generations.current()
            return await asyncio.to_thread(
                self._points.take,
                folder_name(name),
                app_height=self._runs.application_height(),
                generation=current.name,
                exe_sha256=current.sha256,
            )
        finally:
            if running:
                await self._keeper.start_current()

    async def put_back(self, name: str) -> None:
        """Put a rollback point's data back under the binary that made it; the live signer state stays.

        Raises:
            NodeError: Refused, or it could not be restored.
        """
        point = self._points.find(name)
        if point is None:
            raise NodeError(f"there is no complete rollback point {name!r}", safe="nothing was changed")
        attempt = self._book.attempt
        if attempt is not None and attempt.beyond_return and point.exe_sha256 != attempt.generation_hash:
            raise NodeError(
                f"the network committed height {attempt.target_height + 1} on the new rules: there is no way back",
                safe="nothing was changed",
                next_step="use `upgrade-console node resync` for a node that missed its halt",
            )
        if self._book.open is not None and self._book.open.crossing is not Crossing.NONE:
            raise NodeError("a crossing is going on", safe="nothing was changed", next_step="roll it back")
        if point.exe_sha256 != self._generations.current().sha256:
            raise NodeError(
                f"that point was made by generation {point.generation}, which is not the current one",
                safe="nothing was changed",
                next_step="roll back, or swap to that generation first",
            )
        self._points.refuse_read_only_data()
        running = self._runs.live is not None
        await self._runs.stop()
        await self._runs.look_for_foreign(0.0)
        await asyncio.to_thread(self._points.restore, point)
        self._journal.observe_restored(point.app_height or 0)
        if running:
            await self._keeper.start_current()
