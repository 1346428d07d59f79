"""The start of the new binary, prepared before it is needed: a crossing waits for nothing that can be done ahead."""

from __future__ import annotations

from contextlib import suppress

from console.errors import HeldByOther
from console.model import Crossing, Preparation
from console.node.attempts import AttemptBook
from console.node.generation import Generations
from console.node.pre_upgrades import PreUpgrades
from console.node.runs import HAND_OVER_LOOK_S, NodeRuns
from console.node.status import NEAR_BLOCKS
from console.ports.chain import ConsensusReading


class StartAhead:
    """Prepares the new binary's start, once for each run of the node that comes near its halt.

    Args:
        book: The attempt.
        runs: The node's runs.
        generations: Where the new binary is.
        pre_upgrades: What runs before the switch.
    """

    def __init__(self, book: AttemptBook, runs: NodeRuns, generations: Generations, pre_upgrades: PreUpgrades) -> None:
        self._book = book
        self._runs = runs
        self._generations = generations
        self._pre_upgrades = pre_upgrades
        self._prepared_for = (0, 0)

    async def step(self, consensus: ConsensusReading | None) -> None:
        """Have the start of the new binary prepared before it is needed."""
        attempt, live = self._book.open, self._runs.live
        if attempt is None or live is None or attempt.preparation is not Preparation.READY:
            return
        if attempt.crossing is not Crossing.NONE or not attempt.has_height or consensus is None:
            return
        if consensus.height < attempt.target_height - NEAR_BLOCKS:
            return
        wanted = (attempt.id, live.run_id)
        if self._prepared_for != wanted:
            self._prepared_for = wanted
            generation = self._generations.generation(attempt.generation)
            self._runs.prepare(generation)
            self._pre_upgrades.prepare(generation)
        # Whoever is found is refused at the start, and must not keep the crossing from going on until then.
        with suppress(HeldByOther):
            await self._runs.look_for_foreign(HAND_OVER_LOOK_S / 2)
