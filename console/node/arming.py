"""Arming: make the running process load H, in turns, and prove that it did (DESIGN §4.3, §4.5, §4.6)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from console.errors import NodeError
from console.model import (
    Arming,
    Attempt,
    Crossing,
    PlanOrigin,
    Preparation,
    Verdict,
    more_than_two_thirds,
    power_needed,
)
from console.node.attempts import AttemptBook
from console.node.generation import Generations
from console.node.generation_folders import Generation
from console.node.journal import Journal
from console.node.next_plan import crossed
from console.node.rollback_point import RollbackPoints
from console.node.rollout import Rollout
from console.node.runs import NodeRuns
from console.node.runtime.command import RunCommand, run_command
from console.node.shape import HALT_VARIABLE, NodeShape
from console.node.turns import arming_turns, current_turn
from console.ports.chain import ConsensusReading, PlanReading
from console.settings import NodeSettings

_LOG = logging.getLogger(__name__)

_LOAD_DEADLINE_S = 3.0
_DISPLAY_DEADLINE_S = 10.0


def network_stays(own: int, total: int, consensus: ConsensusReading) -> bool:
    """Whether more than 2/3 stays without us; a validator that holds 1/3 or more pauses the chain anyway."""
    if 3 * own >= total:
        _LOG.warning("this validator holds %d of %d power: the chain pauses while it restarts", own, total)
        return True
    return not why_nobody_may_restart(own, total, consensus)


def why_nobody_may_restart(own: int, total: int, consensus: ConsensusReading) -> str:
    """Why this node is not restarted to be armed, whoever's turn it is: others are down. Empty when it may be."""
    without = consensus.signed_power - (own if consensus.own_signature else 0)
    if 3 * own >= total or more_than_two_thirds(without, consensus.total_power):
        return ""
    return (
        f"not armed yet: while it restarts {without:,} of {consensus.total_power:,} power would sign, and "
        f"{power_needed(consensus.total_power):,} is needed for a block; whoever does not sign has to come back"
    )


class Armer:
    """Arms the node for the open attempt.

    Args:
        settings: The node's settings of the moment.
        book: The attempt.
        runs: The node's runs.
        generations: To find the binary that runs.
        journal: Where the decision is durable before the node is stopped.
        shape: What kind of node it is.
        points: Rollback points: the node is down for a moment anyway.
        rollout: Says whether the release is held back.
        run: How a short command of a generation is run.
    """

    def __init__(
        self,
        settings: Callable[[], NodeSettings],
        book: AttemptBook,
        runs: NodeRuns,
        generations: Generations,
        journal: Journal,
        shape: NodeShape,
        points: RollbackPoints,
        rollout: Rollout,
        run: RunCommand = run_command,
    ) -> None:
        self._settings = settings
        self._run = run
        self._points = points
        self._rollout = rollout
        self._book = book
        self._runs = runs
        self._generations = generations
        self._journal = journal
        self._shape = shape
        self.note = ""
        """Why it is not armed although it should be; empty when nothing keeps it."""
        self._said = ""

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
            and not attempt.halts_itself
            and attempt.has_height
            and attempt.arming is not Arming.DISARMED
            and attempt.crossing is Crossing.NONE
            and attempt.verdict is not Verdict.ABORT
            and not self._rollout.holds_arming(attempt)
            and self._journal.armed_for != attempt.target_height
            and height is not None
            and height < attempt.target_height
        ):
            self._journal.arm(attempt)
        armed_for = self._journal.armed_for
        return 0 if height is not None and height >= armed_for else armed_for

    def for_new_binary(self, attempt: Attempt, reading: PlanReading | None) -> int:
        """H of the next upgrade that the network has crossed already, durable; 0 for none.

        The new binary of a node that catches up is started armed for it: hundreds of blocks pass in a second, so that
        between two halts there would be no time to arm. Raises JournalError.
        """
        if reading is None or attempt.origin is not PlanOrigin.REGISTRY:
            return 0
        height = min(
            (
                plan.target_height
                for plan in reading.proposals
                if crossed(plan) and plan.breaking and attempt.target_height < plan.target_height <= reading.height
            ),
            default=0,
        )
        if height:
            self._journal.arm(attempt, height)
        return height

    async def step(self, reading: PlanReading, consensus: ConsensusReading | None) -> None:
        """Arm when it is due. Raises NodeError."""
        self.note = ""
        attempt = self._book.open
        if attempt is None or attempt.arming is not Arming.WAITING_TURN or self._runs.live is None:
            return
        if attempt.halts_itself or not attempt.has_height or self._rollout.holds_arming(attempt):
            return
        run = self._runs.run
        if run is not None and run.halt_height == attempt.target_height:
            await self._prove(attempt)
        elif self._due(attempt, reading, consensus):
            self._check_disk()
            await self._restart_armed(attempt)

    async def arm_by_hand(self, reason: str) -> None:
        """Arm now, whoever's turn it is.

        Raises:
            NodeError: There is nothing to arm for, it is too late, or the release is held back.
        """
        attempt = self._book.open
        height = self._runs.application_height()
        if attempt is None or attempt.halts_itself or attempt.crossing is not Crossing.NONE:
            raise NodeError("there is no plan to arm for", safe="nothing was changed")
        if not attempt.has_height:
            raise NodeError(f"{attempt.name} is approved and has no height to arm for yet", safe="nothing was changed")
        if height is None or height >= attempt.target_height - 1:
            raise NodeError(
                f"the application is at height {height}, too late to arm for {attempt.target_height}",
                safe="nothing was changed",
            )
        self._rollout.refuse_arming(attempt)
        self._check_disk()
        attempt = self._book.lead_on(reason, arming=Arming.WAITING_TURN)
        await self._restart_armed(attempt)

    async def _restart_armed(self, attempt: Attempt) -> None:
        generation = self._generations.current()
        self._journal.arm(attempt)
        _LOG.info("arming for height %d: restarting the node", attempt.target_height)
        await self._runs.stop()
        await self._take_point(attempt, generation)
        await self._runs.start(generation, attempt.target_height)
        await self._prove(attempt)

    def _check_disk(self) -> None:
        """Whether the node would come back, and room for a rollback point, before it is touched (DESIGN §4.3).

        Raises:
            NodeError: It would not, or there is none.
        """
        self._points.refuse_read_only_data()
        if not self._settings().backup_enabled:
            return
        need = self._points.space_needed()
        if not need.enough:
            raise NodeError(
                f"not armed: {need.sentence}", safe="the node was not touched", next_step="free space on that disk"
            )

    async def _take_point(self, attempt: Attempt, generation: Generation) -> None:
        """Take a rollback point while the node is down. Without one it is armed all the same: a halt matters more."""
        if not self._settings().backup_enabled:
            return
        run = self._runs.run
        name = f"arming-{attempt.id}-{0 if run is None else run.id}"
        try:
            await asyncio.to_thread(
                self._points.take,
                name,
                app_height=self._runs.application_height(),
                generation=generation.name,
                exe_sha256=generation.sha256,
            )
        except (NodeError, OSError) as error:
            _LOG.warning("no rollback point at the arming: %s", error)
            self._journal.record("no-arming-point", attempt, why=str(error))
            return
        self._book.change(arming_point=name)

    def _due(self, attempt: Attempt, reading: PlanReading, consensus: ConsensusReading | None) -> bool:
        if consensus is None or attempt.verdict is Verdict.ABORT:
            return False
        if not attempt.breaking and attempt.preparation is not Preparation.READY:
            return False
        if consensus.catching_up:
            # It signs nothing now, and may have to cross several halts before it does.
            return consensus.height < attempt.target_height - 2
        if reading.readiness is None or reading.readiness.proposal_id != attempt.proposal_id:
            return False
        if max(reading.height, consensus.height) >= attempt.target_height - 2:
            return False
        powers = {entry.address: entry.power for entry in reading.readiness.validators}
        address = self._settings().address
        own, total = powers.get(address, 0), sum(powers.values())
        self._say(why_nobody_may_restart(own, total, consensus))
        if address in powers and reading.height < attempt.freeze_height:
            armed_at = {entry.address: entry.armed_at for entry in reading.readiness.validators}
            turns = arming_turns(attempt.proposal_id, powers)
            if address not in current_turn(turns, armed_at, attempt.scheduled_at, reading.height):
                return False
        if attempt.verdict is Verdict.CROSS and not self._rollout.permits(attempt):
            # The others are armed and will halt; a chain that pauses is better than H under old rules.
            return True
        return network_stays(own, total, consensus)

    def _say(self, note: str) -> None:
        """Tell it with the status, and once in the log."""
        self.note = note
        if note and note != self._said:
            _LOG.info("%s", note)
        self._said = note

    async def _prove(self, attempt: Attempt) -> None:
        """Prove that H is loaded: the process's own environment, and what the settings say under it."""
        wanted = str(attempt.target_height)
        clock = asyncio.get_running_loop().time
        deadline = clock() + _LOAD_DEADLINE_S
        loaded: dict[str, str] = {}
        while clock() < deadline:
            loaded = self._runs.loaded_environment()
            if loaded.get(HALT_VARIABLE) == wanted or self._settings().arm_by == "local.toml":
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
        done = self._run(generation.binary, generation.sha256, arguments, environment, _DISPLAY_DEADLINE_S)
        return self._shape.displayed_halt_height(done.stdout) if done.returncode == 0 else None
