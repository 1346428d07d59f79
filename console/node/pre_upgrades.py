"""What runs before the switch: the operator's script and the new binary's `pre-upgrade` (facts/cosmos.md §1.5)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from console.errors import NodeError
from console.model import Attempt
from console.node.cosmovisor.pre_upgrade import PreUpgradeResult, run_custom_script, run_pre_upgrade
from console.node.generation import Generation
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

    async def run(self, attempt: Attempt, generation: Generation) -> None:
        """Run what there is, in order; both run again after a kill.

        Raises:
            NodeError: One of them failed, or did not end in time; nothing was switched.
        """
        settings = self._settings()
        folder = self._shape.home / "cosmovisor"
        environment = self._environment()
        if settings.custom_preupgrade:
            done = await run_custom_script(
                folder / settings.custom_preupgrade,
                home=self._shape.home,
                name=str(attempt.name),
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
            )
            self._heed(attempt, done, "pre-upgrade")

    def _heed(self, attempt: Attempt, done: PreUpgradeResult, what: str) -> None:
        words = done.words(what)
        _LOG.info("%s", words)
        self._journal.record(
            "pre-upgrade", attempt, what=what, outcome=done.outcome.value, lines=[str(line) for line in done.last_lines]
        )
        if not done.go_on:
            last = f": {done.last_lines[-1]}" if done.last_lines else ""
            raise NodeError(words + last, safe="nothing was switched")
