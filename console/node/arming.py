"""Arming: make the running process load H, in turns, and prove that it did (DESIGN §4.3, §4.5, §4.6)."""

from __future__ import annotations

import asyncio
import logging

from console.errors import NodeError
from console.model import Arming, Attempt, Crossing, Preparation, Verdict, more_than_two_thirds
from console.node.attempts import AttemptBook
from console.node.generation import Generation, Generations
from console.node.journal import Journal
from console.node.runs import NodeRuns
from console.node.runtime.shim import run_command
from console.node.shape import HALT_VARIABLE, NodeShape
from console.node.turns import arming_turns, current_turn
from console.ports import ConsensusReading, PlanReading

_LOG = logging.getLogger(__name__)

_LOAD_DEADLINE_S = 3.0
_DISPLAY_DEADLINE_S = 10.0


class Armer:
    """Arms the node for the open attempt.

    Args:
        address: Our validator's checksummed address.
        book: The attempt.
        runs: The node's runs.
        generations: To find the binary that runs.
        journal: Where the decision is durable before the node is stopped.
        shape: What kind of node it is.
    """

    def __init__(
        self,
        address: str,
        book: AttemptBook,
        runs: NodeRuns,
        generations: Generations,
        journal: Journal,
        shape: NodeShape,
    ) -> None:
        self._address = address
        self._book = book
        self._runs = runs
        self._generations = generations
        self._journal = journal
        self._shape = shape

    def for_start(self, *, automatic: bool) -> int:
        """H that a start of the node now is armed for, durable: a node that is down anyway needs no turn.

        Never one that the application has executed already (DESIGN §4.5). Raises JournalError.
        """
        height = self._runs.application_height()
        attempt = self._book.open
        if (
            automatic
            and attempt is not None
            and attempt.breaking
            and attempt.crossing is Crossing.NONE
            and attempt.verdict is not Verdict.ABORT
            and self._journal.armed_for != attempt.target_height
            and height is not None
            and height < attempt.target_height
        ):
            self._journal.arm(attempt)
        armed_for = self._journal.armed_for
        return 0 if height is not None and height >= armed_for else armed_for

    async def step(self, reading: PlanReading, consensus: ConsensusReading | None) -> None:
        """Arm when it is due. Raises NodeError."""
        attempt = self._book.open
        if attempt is None or attempt.arming is Arming.ARMED or self._runs.live is None:
            return
        run = self._runs.run
        if run is not None and run.halt_height == attempt.target_height:
            await self._prove(attempt)
            return
        if not self._due(attempt, reading, consensus):
            return
        generation = self._generations.current()
        self._journal.arm(attempt)
        _LOG.info("arming for height %d: restarting the node", attempt.target_height)
        await self._runs.stop()
        await self._runs.start(generation, attempt.target_height)
        await self._prove(attempt)

    def _due(self, attempt: Attempt, reading: PlanReading, consensus: ConsensusReading | None) -> bool:
        if consensus is None or reading.readiness is None or reading.readiness.proposal_id != attempt.proposal_id:
            return False
        if not attempt.breaking and attempt.preparation is not Preparation.READY:
            return False
        if attempt.verdict is Verdict.ABORT:
            return False
        if max(reading.height, consensus.height) >= attempt.target_height - 2:
            return False
        powers = {entry.address: entry.power for entry in reading.readiness.validators}
        if self._address in powers and reading.height < attempt.freeze_height:
            armed_at = {entry.address: entry.armed_at for entry in reading.readiness.validators}
            turns = arming_turns(attempt.proposal_id, powers)
            if self._address not in current_turn(turns, armed_at, attempt.scheduled_at, reading.height):
                return False
        return self._network_stays(powers.get(self._address, 0), sum(powers.values()), consensus)

    def _network_stays(self, own: int, total: int, consensus: ConsensusReading) -> bool:
        """Whether more than 2/3 stays without us; a validator that holds 1/3 or more pauses the chain anyway."""
        if 3 * own >= total:
            _LOG.warning("this validator holds %d of %d power: the chain pauses while it restarts", own, total)
            return True
        without = consensus.signed_power - (own if consensus.own_signature else 0)
        return more_than_two_thirds(without, consensus.total_power)

    async def _prove(self, attempt: Attempt) -> None:
        """Prove that H is loaded: the process's own environment, and what the settings say under it."""
        wanted = str(attempt.target_height)
        clock = asyncio.get_running_loop().time
        deadline = clock() + _LOAD_DEADLINE_S
        loaded: dict[str, str] = {}
        while clock() < deadline:
            loaded = self._runs.loaded_environment()
            if loaded.get(HALT_VARIABLE) == wanted:
                break
            # Between fork and exec the process still has the shim's environment.
            await asyncio.sleep(0.02)
        else:
            raise NodeError(f"the running node has {HALT_VARIABLE}={loaded.get(HALT_VARIABLE)!r}, not {wanted}")
        displayed = await asyncio.to_thread(self._displayed, self._generations.current(), loaded)
        if displayed != attempt.target_height:
            raise NodeError(f"the node's settings say halt_height {displayed}, not {wanted}")
        self._book.change(arming=Arming.ARMED)

    def _displayed(self, generation: Generation, environment: dict[str, str]) -> int | None:
        arguments = self._shape.config_display()
        done = run_command(generation.binary, generation.sha256, arguments, environment, _DISPLAY_DEADLINE_S)
        return self._shape.displayed_halt_height(done.stdout) if done.returncode == 0 else None
