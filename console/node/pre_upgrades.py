"""What is done before the switch: the plan file made whole, the operator's script, the new binary's `pre-upgrade`, and
the record that tells Cosmovisor what is applied (facts/cosmos.md §1.5, §4.5).
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping

from console.errors import NodeError
from console.model import Attempt, PlanOrigin
from console.node import shim as shim_program
from console.node.cosmovisor.names import plan_name
from console.node.cosmovisor.pre_upgrade import PreUpgradeResult, run_custom_script, run_pre_upgrade
from console.node.cosmovisor.upgrade_info import FILE_NAME, PlanFile, read_plan, write_applied, write_plan
from console.node.cosmovisor.watch import DATA_FOLDER
from console.node.generation_folders import Generation
from console.node.journal import Journal
from console.node.shape import NodeShape
from console.settings import NodeSettings

_LOG = logging.getLogger(__name__)


class PreUpgrades:
    """Runs them for one node.

    Args:
        settings: The node's settings of the moment.
        shape: What kind of node it is: only a chain's daemon has a `pre-upgrade`.
        journal: Where the outcome is kept.
        environment: The whole environment that they get.
    """

    def __init__(
        self,
        settings: Callable[[], NodeSettings],
        shape: NodeShape,
        journal: Journal,
        environment: Callable[[], Mapping[str, str]],
    ) -> None:
        self._settings = settings
        self._shape = shape
        self._journal = journal
        self._environment = environment
        self._ahead: shim_program.Ahead = {}

    def prepare(self, generation: Generation) -> None:
        """Have the new binary hashed while the old one still runs; only time is saved by it."""
        if self._shape.has_pre_upgrade:
            self._forget()
            wanted = (self._ahead, str(generation.binary), generation.sha256)
            asyncio.get_running_loop().run_in_executor(None, shim_program.hash_ahead, *wanted)

    def _forget(self) -> None:
        for descriptor, _ in list(self._ahead.values()):
            os.close(descriptor)
        self._ahead.clear()

    async def run(self, attempt: Attempt, generation: Generation) -> None:
        """Run what there is, in order; all of it is done again after a kill.

        Raises:
            NodeError: One of them failed, or did not end in time; nothing was switched.
        """
        if not self._shape.halts_itself:
            await self._run(attempt, generation)
            return
        if attempt.origin is PlanOrigin.CHAIN:
            self._make_plan_whole(attempt)
        # Beside the others: the chain waits, and a disk takes its time.
        recording = asyncio.create_task(asyncio.to_thread(self._record_applied, attempt, generation))
        try:
            await self._run(attempt, generation)
        finally:
            await recording

    async def _run(self, attempt: Attempt, generation: Generation) -> None:
        settings = self._settings()
        folder = self._shape.home / "cosmovisor"
        # Scripts that were written for Cosmovisor find the home by its variables.
        environment = {**self._environment(), "DAEMON_HOME": str(self._shape.home), "DAEMON_NAME": settings.daemon}
        if settings.custom_preupgrade:
            done = await run_custom_script(
                folder / settings.custom_preupgrade,
                home=self._shape.home,
                name=plan_name(str(attempt.name), recase=not settings.disable_recase),
                height=attempt.target_height,
                environment=environment,
                deadline_s=settings.preupgrade_deadline_s,
            )
            self._heed(attempt, done, f"the script {settings.custom_preupgrade}")
        if self._shape.has_pre_upgrade:
            done = await run_pre_upgrade(
                generation.binary,
                generation.sha256,
                folder=folder,
                environment=environment,
                deadline_s=settings.preupgrade_deadline_s,
                max_retries=settings.preupgrade_max_retries,
                ahead=self._ahead,
            )
            self._forget()
            self._heed(attempt, done, "pre-upgrade")

    def _make_plan_whole(self, attempt: Attempt) -> None:
        """Write the plan file where the node could not: by it the new binary knows which stores it has to rename."""
        path = self._shape.home / DATA_FOLDER / FILE_NAME
        there = read_plan(path)
        plan = _plan_of(attempt)
        if isinstance(there, PlanFile) and there.is_same(plan):
            return
        _LOG.warning("%s is not the plan of this halt, and is written anew", path)
        try:
            write_plan(path, plan)
        except OSError as error:
            raise NodeError(
                f"cannot write {path}, which the new binary needs: {error.strerror or error}",
                safe="nothing was switched",
            ) from error
        self._journal.record("plan-written", attempt, path=str(path))

    def _record_applied(self, attempt: Attempt, generation: Generation) -> None:
        """Keep beside the new binary which plan it is, before it is the current one: Cosmovisor compares the two.

        A swap by hand is no upgrade: there the plan that was done before stays the applied one.
        """
        there = read_plan(self._shape.home / DATA_FOLDER / FILE_NAME)
        if attempt.origin is PlanOrigin.CHAIN:
            plan = there if isinstance(there, PlanFile) and there.is_same(_plan_of(attempt)) else _plan_of(attempt)
        elif isinstance(there, PlanFile) and there.height < attempt.target_height:
            plan = there
        else:
            return
        try:
            write_applied(generation.binary.parent.parent, plan)
        except OSError as error:
            # Without it a Cosmovisor that takes over would do this upgrade again; the passage says so.
            _LOG.warning("what is applied is not kept beside %s: %s", generation.binary, error)

    def _heed(self, attempt: Attempt, done: PreUpgradeResult, what: str) -> None:
        words = done.words(what)
        _LOG.info("%s", words)
        self._journal.record_outcome(
            "pre-upgrade", attempt, what=what, outcome=done.outcome.value, lines=[str(line) for line in done.last_lines]
        )
        if not done.go_on:
            last = f": {done.last_lines[-1]}" if done.last_lines else ""
            raise NodeError(words + last, safe="nothing was switched")


def _plan_of(attempt: Attempt) -> PlanFile:
    return PlanFile(str(attempt.name), attempt.target_height, attempt.release_url)
