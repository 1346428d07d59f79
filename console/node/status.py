"""What a controller says of its node: one status, its one sentence, and why the operator is called."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from console.errors import NodeError
from console.model import Arming, Attempt, Crossing, NodeStatus, PlanOrigin, Preparation, Verdict, shown_state
from console.node.aftermath import Aftermath
from console.node.arming import Armer
from console.node.attempts import AttemptBook
from console.node.chain_halt import skip_words
from console.node.generation import Generations
from console.node.journal import Journal
from console.node.journal_runs import Observation
from console.node.operator_commands import PAUSED, STOPPED_BY_OPERATOR
from console.node.parent_bound import ParentBounds
from console.node.preparation import Preparer
from console.node.readings import Readings
from console.node.rollout import Rollout
from console.node.runs import NodeRuns
from console.node.watching import AfterUpgrade
from console.settings import NodeSettings

NEAR_BLOCKS = 50
"""Blocks before H from which on it is near: the start of the new binary is prepared, and what is missing is said."""


class StatusTeller:
    """Puts together what is known of one node.

    Args:
        settings: The node's settings of the moment.
        journal: What is durable.
        book: The attempt.
        runs: What runs.
        generations: What is in place.
        readings: The node's own words.
        preparer: The download that goes on.
        rollout: The proof that is waited for.
        armer: Knows what it waits for.
        watch_after: What is watched beside the upgrade.
        aftermath: What is left to do on the chain.
        above: What the network above allows.
    """

    def __init__(
        self,
        settings: Callable[[], NodeSettings],
        journal: Journal,
        book: AttemptBook,
        runs: NodeRuns,
        generations: Generations,
        readings: Readings,
        preparer: Preparer,
        rollout: Rollout,
        armer: Armer,
        watch_after: AfterUpgrade,
        aftermath: Aftermath,
        above: ParentBounds,
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._book = book
        self._runs = runs
        self._generations = generations
        self._readings = readings
        self._preparer = preparer
        self._rollout = rollout
        self._armer = armer
        self._watch_after = watch_after
        self._aftermath = aftermath
        self._above = above
        self.trouble = ""
        """Why the newest step failed; empty when it did not."""
        self.unwritable = False
        """Whether it failed because nothing can be journalled."""

    def status(self) -> NodeStatus:
        """The node's status now; reads no file but the switch of the generations."""
        run = self._runs.run
        live = self._runs.live
        attempt = self._book.attempt
        observation = self._journal.observation
        needs_operator = self._journal.meta("needs_operator") or ""
        try:
            current = self._generations.current()
            generation, sha256 = current.name, current.sha256
        except NodeError as error:
            generation, sha256, needs_operator = "", "", str(error)
        return NodeStatus(
            name=self._settings().name,
            state=shown_state(
                attempt,
                running=live is not None,
                stopped_by_operator=bool(self._journal.meta(STOPPED_BY_OPERATOR)),
                needs_operator=bool(needs_operator),
            ),
            generation=generation,
            version=self._readings.version(sha256),
            pid=None if live is None else live.child_pid,
            height=None if observation is None else observation.height,
            app_height=None if observation is None else observation.app_height,
            height_age_s=None if observation is None else self._age_of(observation),
            halt_height=run.halt_height if run is not None and live is not None else 0,
            last_exit_code=self._runs.last_exit_code,
            exe_sha256="" if live is None else live.exe_sha256,
            attempt=attempt,
            controller_pid=os.getpid(),
            note=self._note(needs_operator),
            paused=self._journal.meta(PAUSED) or "",
            alarm=self._alarm(needs_operator),
            fetching=self._preparer.fetching,
            proof=self._rollout.proof(),
        )

    def _age_of(self, observation: Observation) -> float:
        """Seconds; by the machine's own count as long as the reading is of this controller and of what runs."""
        if self._readings.consensus() is not None:
            return self._readings.age_s()
        return max(0.0, time.time() - observation.read_at)

    def _note(self, needs_operator: str) -> str:
        attempt = self._book.attempt
        of_attempt = "" if attempt is None else attempt.note
        return (
            needs_operator
            or self.trouble
            or self._journal.meta("stays_down")
            or self._contested()
            or self._halted_by_pause()
            or self._aftermath.note
            or of_attempt
            or self._not_armed()
            or self._rollout.note()
            or self._above.note()
            or self._waits_for_height()
        )

    def _waits_for_height(self) -> str:
        """Why a plan that is prepared is not armed for: it has no height; empty when it has."""
        attempt = self._book.open
        if attempt is None or attempt.has_height or attempt.preparation is not Preparation.READY:
            return ""
        return f"{attempt.name} is approved and prepared; it is armed for as soon as it has a height"

    def _not_armed(self) -> str:
        """Why the node of an open plan waits to be armed; empty when nothing but its turn is waited for."""
        attempt = self._book.open
        return self._armer.note if attempt is not None and attempt.arming is Arming.WAITING_TURN else ""

    def _halted_by_pause(self) -> str:
        """Why nothing goes on in the middle of a crossing; empty while it does."""
        attempt, why = self._book.open, self._journal.meta(PAUSED)
        if not why or attempt is None or attempt.crossing is Crossing.NONE:
            return ""
        return f"automation is paused ({why}) at {attempt.crossing.value}: go on with `upgrade-console node resume`"

    def _alarm(self, needs_operator: str) -> str:
        """Why the operator is called; empty when nobody is."""
        attempt = self._book.attempt
        if needs_operator:
            return needs_operator
        if self.unwritable:
            # Nothing can be decided any more, and no state could say so.
            return self.trouble
        if attempt is not None and attempt.crossing.waits_for_operator:
            return f"{attempt.crossing.value}: {attempt.note}{_cure(attempt)}"
        # Whoever stopped the node knows that it is down.
        if self._journal.meta(STOPPED_BY_OPERATOR):
            return ""
        return self._watch_after.alarm or self._contested() or self._unarmed_alarm() or self._rollout.alarm()

    def _contested(self) -> str:
        """Why this node waits although others answer; empty when they say the same."""
        why = self._readings.contested
        return f"our node does not tell the plans, and {why}: nothing is signed or done on their word" if why else ""

    def _unarmed_alarm(self) -> str:
        """Near a breaking height that nobody arms for, because automation is off or paused."""
        attempt, observation = self._book.open, self._journal.observation
        if attempt is None or observation is None or attempt.halts_itself or not attempt.breaking:
            return ""
        if not attempt.has_height:
            return ""
        if attempt.crossing is not Crossing.NONE or attempt.arming is Arming.ARMED:
            return ""
        idle = not self._settings().automatic or bool(self._journal.meta(PAUSED))
        if not idle or observation.height < attempt.target_height - NEAR_BLOCKS:
            return ""
        return f"height {attempt.target_height} is near, this node is not armed, and automation is off"


def _cure(attempt: Attempt) -> str:
    """What leads on from where only the operator does."""
    if attempt.crossing is Crossing.MISSED_HALT:
        return "; `upgrade-console node resync` brings it back"
    if attempt.crossing is not Crossing.PARKED:
        return ""
    if attempt.verdict is Verdict.ABORT:
        return "; the old binary goes on with `upgrade-console node start`"
    on = f"; on with `upgrade-console node swap {attempt.generation}`, or"
    if attempt.origin is PlanOrigin.CHAIN:
        return f"{on}, where more than 2/3 skip this upgrade, {skip_words(attempt.target_height)}"
    # Whom the network does not wait for needs nobody's agreement to stay on the rules that it follows.
    return (
        f"{on} back to the old binary with `node start`"
        if not attempt.breaking
        else f"{on} together back with `node abort`"
    )
