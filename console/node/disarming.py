"""Disarming at leisure: a plan that was cancelled long before its height halts nobody (DESIGN §4.6).

Nobody disarms in a hurry: a node that is armed halts at H either way, and goes on with the old binary when it sees that
the plan is gone. Where there is time the pause is saved: one validator after the other is started again without H, in
turns of their own, since no signal ends them.
"""

from __future__ import annotations

import logging

from console.errors import NodeError
from console.model import Arming, Crossing, Proposal, ProposalStatus
from console.node.arming import Armer, network_stays
from console.node.attempts import AttemptBook
from console.node.generation import Generations
from console.node.journal import Journal
from console.node.rollback_point import RollbackPoints
from console.node.runs import NodeRuns
from console.node.turns import TURN_BLOCKS, arming_turns
from console.ports.chain import ConsensusReading, PlanReading

_LOG = logging.getLogger(__name__)

HURRY_BLOCKS = 10
"""Blocks before H from which on nobody is disarmed any more: a restart near the halt could miss both."""


class Disarmer:
    """Starts an armed node again without a halt height when nobody plans that height any more.

    Args:
        address: Our validator's checksummed address.
        book: The attempt.
        runs: The node's runs.
        generations: To find the binary that runs.
        journal: Where it is durable first.
        points: To refuse a restart that would not come back.
        armer: Says what a start is armed for.
    """

    def __init__(
        self,
        address: str,
        book: AttemptBook,
        runs: NodeRuns,
        generations: Generations,
        journal: Journal,
        points: RollbackPoints,
        armer: Armer,
    ) -> None:
        self._address = address
        self._book = book
        self._runs = runs
        self._generations = generations
        self._journal = journal
        self._points = points
        self._armer = armer

    async def step(self, reading: PlanReading, consensus: ConsensusReading | None) -> None:
        """Disarm when it is due. Raises NodeError."""
        run, attempt = self._runs.run, self._book.attempt
        if self._runs.live is None or run is None or not run.halt_height or attempt is None or consensus is None:
            return
        if attempt.crossing is Crossing.NONE:
            # Armed for it, or about to be started again for another height.
            if attempt.has_height:
                return
        elif attempt.crossing is not Crossing.RESUMED_OLD:
            return
        gone = _gone(reading, run.halt_height)
        if gone is None or not self._due(gone, reading, consensus):
            return
        self._points.refuse_read_only_data()
        _LOG.info("%s is off: restarting the node without the halt at %d", gone.name, run.halt_height)
        if attempt.proposal_id == gone.id:
            self._book.change(arming=Arming.DISARMED)
        else:
            self._journal.record("disarmed", attempt, height=run.halt_height)
        await self._runs.stop()
        if self._runs.live is not None:
            raise NodeError("the node could not be stopped to disarm it", safe="it goes on and halts at its height")
        await self._runs.start(self._generations.current(), self._armer.for_start(automatic=True))

    def _due(self, gone: Proposal, reading: PlanReading, consensus: ConsensusReading) -> bool:
        height = max(reading.height, consensus.height)
        if consensus.catching_up or height >= gone.target_height - HURRY_BLOCKS or reading.readiness is None:
            return False
        powers = {entry.address: entry.power for entry in reading.readiness.validators}
        turns = arming_turns(gone.id, powers)
        place = next((place for place, turn in enumerate(turns) if self._address in turn), len(turns))
        # The first one leaves a turn's time in which everybody learns that the plan is gone.
        if reading.height < gone.ended_at + (place + 1) * TURN_BLOCKS:
            return False
        return network_stays(powers.get(self._address, 0), sum(powers.values()), consensus)


def _gone(reading: PlanReading, height: int) -> Proposal | None:
    """The cancelled plan whose height a run is armed for; None when there is none, or another one has that height."""
    of_height = [entry for entry in reading.proposals if entry.target_height == height]
    if any(entry.status is not ProposalStatus.CANCELLED for entry in of_height):
        return None
    return next(iter(of_height), None)
