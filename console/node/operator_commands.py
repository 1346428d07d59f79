"""What the operator can do to the node: one command at a time, each journalled, none against a rule (DESIGN §4.9)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from console.errors import NodeError
from console.model import (
    GENESIS,
    Arming,
    Attempt,
    Crossing,
    PlanOrigin,
    Preparation,
    Proposal,
    Verdict,
    plan_without_votes,
)
from console.node.arming import Armer
from console.node.attempts import AttemptBook
from console.node.crossing import Crosser
from console.node.generation import Generations
from console.node.journal import TRIES, Journal
from console.node.keeper import CROSSER_DECIDES, Keeper
from console.node.point_commands import PointCommands
from console.node.preparation import Preparer
from console.node.resync import Resyncer
from console.node.returning import Returner
from console.node.roll_lease import RollLeases
from console.node.rollback_point import RollbackPoint, RollbackPoints
from console.node.rollout import Rollout
from console.node.runs import NodeRuns
from console.node.state_rollback import StateRollback
from console.text import untrusted

_LOG = logging.getLogger(__name__)

PAUSED = "paused"
STOPPED_BY_OPERATOR = "stopped_by_operator"


class Commands:
    """The operator's hand on one node. Every command raises NodeError when it is refused, and JournalError.

    Args:
        journal: Where what was decided is durable.
        book: The attempt.
        runs: The node's runs.
        generations: The layout on disk.
        points: Rollback points.
        preparer: Takes bytes.
        armer: Arms by hand.
        keeper: Starts the node.
        crosser: Goes on with a crossing.
        returner: Leads back.
        resyncer: Brings back a node that missed its halt.
        rollout: Knows whether the release is held back.
        state: Rolls the application's state back.
        leases: What it grants to a roll over the fleet.
        changed: Called after each command.
    """

    def __init__(
        self,
        journal: Journal,
        book: AttemptBook,
        runs: NodeRuns,
        generations: Generations,
        points: RollbackPoints,
        preparer: Preparer,
        armer: Armer,
        keeper: Keeper,
        crosser: Crosser,
        returner: Returner,
        resyncer: Resyncer,
        rollout: Rollout,
        state: StateRollback,
        leases: RollLeases,
        changed: Callable[[], None],
    ) -> None:
        self._journal = journal
        self._book = book
        self._runs = runs
        self._generations = generations
        self._points = points
        self._preparer = preparer
        self._armer = armer
        self._keeper = keeper
        self._crosser = crosser
        self._returner = returner
        self._resyncer = resyncer
        self._rollout = rollout
        self._state = state
        self._leases = leases
        self._changed = changed
        self._of_points = PointCommands(journal, book, runs, generations, points, keeper, resyncer)
        self.acting = asyncio.Lock()
        """Held by whoever acts on the node: a command, or a step of the automation."""
        self.adopted = asyncio.Event()
        """Set when the node that may run already is found."""
        self.in_hand = ""
        """The command that acts on the node now; empty for none."""

    @asynccontextmanager
    async def _command(self, name: str, **detail: object) -> AsyncIterator[None]:
        """One command at a time, journalled before it acts, and none before the running node is found."""
        await self.adopted.wait()
        async with self.acting:
            self._journal.record(f"operator-{name}", self._book.attempt, **detail)
            self.in_hand = name
            try:
                yield
            finally:
                self.in_hand = ""
                self._crosser.hurry()
                self._changed()

    # --- the process ---

    async def start(self) -> None:
        """Start the node and let automation go on."""
        async with self._command("start"):
            self._keeper.judge_end()
            attempt = self._book.attempt
            if attempt is not None and attempt.crossing is Crossing.MISSED_HALT:
                raise NodeError(
                    f"this node executed height {attempt.target_height} under old rules and cannot go on",
                    safe="it was not started",
                    next_step="bring back its state from before that height with `upgrade-console node resync`",
                )
            if attempt is not None and self._has_old_in_place(attempt):
                await self._start_parked(attempt)
                return
            self._journal.set_meta(STOPPED_BY_OPERATOR, "")
            await self._keeper.start_by_operator()
            attempt = self._book.open
            if attempt is not None and attempt.crossing in CROSSER_DECIDES:
                await self._go_on()
                attempt = self._book.open
            if attempt is not None and attempt.crossing is Crossing.HALTED:
                raise NodeError(
                    f"the node waits at its halt before height {attempt.target_height}: {attempt.note or 'crossing'}",
                    safe="it was not started, because the old binary would halt again",
                )

    def _has_old_in_place(self, attempt: Attempt) -> bool:
        """Whether the operator decides and a start would run the old binary over its halt."""
        if attempt.crossing is Crossing.PARKED:
            return True
        begun = attempt.crossing is Crossing.NEEDS_OPERATOR and bool(attempt.left)
        return begun and self._generations.current().name != attempt.generation

    async def _start_parked(self, attempt: Attempt) -> None:
        if not self._returner.may_start_old(attempt):
            raise NodeError(
                f"this node is parked: the old binary would execute height {attempt.target_height} under rules that "
                "the network does not follow",
                safe="it was not started",
                next_step="cross with another verified release (`node swap NAME`), or abort together (`node abort`)",
            )
        self._journal.set_meta(STOPPED_BY_OPERATOR, "")
        self._journal.record("led-on", attempt, reason="start")
        await self._returner.resume_old("the old binary goes on, halt cleared")

    async def stop(self) -> None:
        """Stop the node; no automation starts it again."""
        async with self._command("stop"):
            self._journal.set_meta(STOPPED_BY_OPERATOR, "1")
            await self._runs.stop()
            self._runs.note_where_it_stands()

    async def restart(self, lease: str = "") -> None:
        """Stop and start with the same binary and the same halt height; under the lease of a roll, where it has one."""
        async with self._command("restart"):
            self._leases.require(lease, "a restart")
            self._must_run()
            self._points.refuse_read_only_data()
            await self._runs.stop()
            await self._keeper.start_current()

    def _must_run(self) -> None:
        if self._runs.live is None:
            raise NodeError("the node does not run", next_step="use start")

    async def _go_on(self) -> None:
        self._crosser.hurry()
        await self._crosser.step(None)

    # --- automation ---

    async def pause(self, reason: str) -> None:
        """Pause every automatic step; the node itself goes on, and what is armed halts."""
        async with self._command("pause", reason=reason):
            self._journal.set_meta(PAUSED, reason or "by the operator")

    async def resume(self, *, without_rollback_point: str = "", cross: str = "") -> None:
        """Let automation go on.

        Args:
            without_rollback_point: Why the crossing goes on without one; it switches automatic rollback off.
            cross: Why a halted node that cannot learn the verdict crosses; its signature counts only where more than
                two thirds do the same.
        """
        async with self._command("resume", without_rollback_point=without_rollback_point, cross=cross):
            attempt = self._book.open
            if without_rollback_point:
                if attempt is None or attempt.crossing not in {Crossing.HALTED, Crossing.QUIESCED}:
                    raise NodeError("no crossing waits for a rollback point here", safe="nothing was changed")
                self._book.lead_on(without_rollback_point, without_point=without_rollback_point)
            if cross:
                if attempt is None or attempt.crossing is not Crossing.HALTED or attempt.verdict is not Verdict.NONE:
                    raise NodeError("this node does not wait for a verdict at its halt", safe="nothing was changed")
                self._book.lead_on(cross, verdict=Verdict.CROSS, verdict_by_hand=True)
            self._journal.set_meta(PAUSED, "")

    # --- arming ---

    async def arm(self, reason: str) -> None:
        """Arm now, out of turn and whatever it does to the network: the reason is journalled."""
        async with self._command("arm", reason=reason):
            self._must_run()
            await self._armer.arm_by_hand(_typed(reason, "arming out of turn"))

    async def arm_unproven(self, reason: str) -> None:
        """Take the open plan's release although no other network has proven it; it is armed in its turn."""
        async with self._command("arm-unproven", reason=reason):
            self._rollout.force(_typed(reason, "a release that is not proven"))
            attempt = self._book.open
            if attempt is not None and attempt.crossing is Crossing.HALTED and not self._journal.meta(PAUSED):
                await self._go_on()

    async def disarm(self, reason: str) -> None:
        """Restart without a halt height; automation does not arm for this plan again."""
        async with self._command("disarm", reason=reason):
            attempt = self._book.open
            if attempt is None or attempt.crossing is not Crossing.NONE or attempt.halts_itself:
                raise NodeError("nothing is armed here", safe="nothing was changed")
            self._points.refuse_read_only_data()
            self._book.lead_on(_typed(reason, "disarming"), arming=Arming.DISARMED)
            if self._runs.live is not None and self._runs.run is not None and self._runs.run.halt_height:
                await self._runs.stop()
                await self._keeper.start_current()

    # --- releases ---

    async def add_upgrade(self, name: str, binary: Path, *, force: bool = False) -> None:
        """Take the bytes of a release from the operator."""
        await self.adopted.wait()
        self._journal.record("operator-add-upgrade", self._book.attempt, name=str(untrusted(name)), file=str(binary))
        await self._preparer.give(name, binary, force=force)
        self._crosser.hurry()
        self._changed()

    async def swap(self, name: str, reason: str, lease: str = "") -> None:
        """Switch to another staged generation: at a halt for the same H, or by hand outside any upgrade.

        The latter takes a node down that others count on: under the lease of a roll, where it has one.
        """
        async with self._command("swap", generation=str(untrusted(name)), reason=reason):
            generation = self._generations.generation(self._generations.folder_of_plan(name))
            if not generation.verified and generation.name != GENESIS:
                raise NodeError(
                    f"nobody vouched for the bytes of {generation.name}",
                    safe="nothing was changed",
                    next_step=f"give them with `upgrade-console node add-upgrade {generation.name} FILE`",
                )
            # Before anything is stopped.
            self._points.refuse_read_only_data()
            await self._preparer.try_out(generation)
            attempt = self._book.attempt
            if attempt is not None and attempt.crossing is Crossing.MISSED_HALT:
                raise NodeError(
                    f"this node missed its halt: its data has executed height {attempt.target_height} under old rules",
                    safe="nothing was changed",
                    next_step="bring it back with `upgrade-console node resync`",
                )
            if attempt is not None and attempt.crossing in _WAITS_FOR_RELEASE:
                self._choose(attempt, generation.name, generation.sha256, reason)
            elif self._book.open is not None:
                raise NodeError("an upgrade is going on here", safe="nothing was changed")
            else:
                # As late as can be: to try the release out takes its time.
                self._leases.require(lease, "a swap by hand")
                await self._swap_by_hand(generation.name, generation.sha256, _typed(reason, "a swap by hand"))
            self._journal.set_meta(STOPPED_BY_OPERATOR, "")
            self._journal.set_meta("needs_operator", "")
            await self._go_on()

    def _choose(self, attempt: Attempt, name: str, sha256: str, reason: str) -> None:
        current = self._generations.current()
        if attempt.left and current.name == attempt.generation:
            raise NodeError(
                "the new binary of this crossing is in place",
                safe="nothing was changed",
                next_step="roll back first with `upgrade-console node rollback`",
            )
        if attempt.verdict is not Verdict.CROSS:
            raise NodeError("the network has not decided to cross", safe="nothing was changed")
        if current.name == name:
            raise NodeError(f"{name} is the old binary of this crossing", safe="nothing was changed")
        self._book.lead_on(
            _typed(reason, "another release for the same height"),
            crossing=Crossing.QUIESCED,
            generation=name,
            generation_hash=sha256,
            left=current.name,
            tries_left=TRIES,
            new_app_height=0,
            note="",
        )

    async def _swap_by_hand(self, name: str, sha256: str, reason: str) -> None:
        if self._generations.current().name == name:
            raise NodeError(f"{name} is the current generation already", safe="nothing was changed")
        height = self._runs.application_height()
        if height is None:
            raise NodeError("the application's height is not known", safe="nothing was changed", next_step="start it")
        self._refuse_behind_an_upgrade(name)
        self._journal.record("led-on", None, reason=reason)
        self._book.take_up(_by_hand(name, sha256, height + 1, self._journal.next_hand_number()), PlanOrigin.OPERATOR)
        self._book.change(preparation=Preparation.STAGED)
        self._book.change(preparation=Preparation.READY)
        await self.go_on_by_hand()

    def _refuse_behind_an_upgrade(self, name: str) -> None:
        """Refuse a generation that ran before an upgrade which the network has crossed: no option leads back there."""
        for attempt in self._journal.attempts(_ATTEMPTS_LOOKED_AT):
            if attempt.crossing is Crossing.COMMITTED and attempt.breaking and name in {attempt.left, GENESIS}:
                raise NodeError(
                    f"{name} executes the rules from before {attempt.name}, and the network committed height "
                    f"{attempt.target_height + 1} on the new ones",
                    safe="nothing was changed",
                )

    async def go_on_by_hand(self) -> None:
        """Stop the node for a swap by hand that was decided; after a kill, again."""
        attempt = self._book.open
        if attempt is None or attempt.origin is not PlanOrigin.OPERATOR or attempt.crossing is not Crossing.NONE:
            return
        if attempt.preparation is not Preparation.READY:
            # Killed on the way: it is prepared as any release is.
            return
        await self._runs.stop()
        height = self._runs.application_height()
        target = attempt.target_height if height is None else height + 1
        self._book.change(crossing=Crossing.HALTED, target_height=target)

    # --- back ---

    async def rollback(self, reason: str) -> None:
        """Back to the old binary, where the zone allows it; the node ends parked."""
        async with self._command("rollback", reason=reason):
            self._returner.roll_back(_typed(reason, "a rollback"))
            self._journal.set_meta("needs_operator", "")
            await self._go_on()

    async def abort(self, reason: str) -> None:
        """The network has agreed to abort: the caller has checked that more than two thirds did."""
        async with self._command("abort", reason=reason):
            attempt = self._returner.abort(reason)
            self._journal.set_meta("needs_operator", "")
            self._journal.set_meta(STOPPED_BY_OPERATOR, "")
            if attempt.crossing is Crossing.RESUMED_OLD:
                await self._returner.resume_old(attempt.note)
            await self._go_on()

    async def resync(self, reason: str, *, from_genesis: bool) -> None:
        """Bring a node that missed its halt back to before it."""
        async with self._command("resync", reason=reason, from_genesis=from_genesis):
            self._resyncer.begin(reason, from_genesis=from_genesis)
            self._journal.set_meta(STOPPED_BY_OPERATOR, "")
            self._journal.set_meta("needs_operator", "")
            await self._resyncer.go_on()
            await self._keeper.start_by_operator()

    async def rollback_state(self, reason: str, *, hard: bool, app_height: int | None = None) -> None:
        """The application one block back by the daemon's own command, after a rollback point; the node stays down.

        Commands wait for each other: with `app_height` one that was given twice undoes one block.
        """
        async with self._command("rollback-state", reason=reason, hard=hard):
            _typed(reason, "a rollback of the state")
            stopped = bool(self._journal.meta(STOPPED_BY_OPERATOR))
            stands_at = self._state.refuse(hard=hard, stopped_by_operator=stopped)
            if app_height is not None and app_height != stands_at:
                raise NodeError(
                    f"the state is not rolled back: the application is at height {stands_at}, and it was asked for from"
                    f" {app_height}",
                    safe="nothing was changed",
                    next_step="see `upgrade-console node events`: it may have been done already",
                )
            await self._of_points.take(f"before-{stands_at}-went-back-{time.time_ns() // 10**6}")
            said = await self._state.go_back(stands_at, hard=hard)
            self._journal.record("state-rolled-back", self._book.attempt, said=said, hard=hard)

    # --- rollback points ---

    async def backup(self, name: str) -> RollbackPoint:
        """Take a rollback point now; a node that runs is stopped for it and started again as it was."""
        async with self._command("backup", point=str(untrusted(name))):
            if self._runs.live is not None:
                self._leases.require("", "a rollback point")
            return await self._of_points.take(name)

    async def restore(self, name: str, reason: str) -> None:
        """Put a rollback point's data back under the binary that made it; the live signer state stays."""
        async with self._command("restore", point=str(untrusted(name)), reason=reason):
            _typed(reason, "a restore")
            await self._of_points.put_back(name)


_ATTEMPTS_LOOKED_AT = 200
_WAITS_FOR_RELEASE = frozenset({Crossing.HALTED, Crossing.QUIESCED, Crossing.PARKED, Crossing.NEEDS_OPERATOR})


def _typed(reason: str, what: str) -> str:
    if not reason.strip():
        raise NodeError(f"{what} needs a typed reason", safe="nothing was changed", next_step='add --reason "…"')
    return reason.strip()


def _by_hand(name: str, sha256: str, height: int, number: int) -> Proposal:
    """A swap by hand as a plan of this node alone, with a number that no chain has."""
    return plan_without_votes(
        -number, untrusted(name), height, release_hash=sha256, release_url=untrusted(""), breaking=False
    )
