"""`DAEMON rollback` at the operator's word: the application one block back, and when block and signer forbid it.

What the command does (facts/cosmos.md §4.5): CometBFT's state and the application go from n to n − 1; block n is kept
and executed again. With `--hard` block n is deleted too. Where the newest block is not executed it changes nothing, or
with `--hard` deletes just that block (CometBFT state/rollback.go). Both are refused, by the block store itself: the
last reading of a node that was stopped is some blocks older. The command never touches the signer's state, which is
checked here before and after all the same.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass

from console.errors import NodeError
from console.model import Crossing, NodeState, NodeStatus
from console.node.attempts import AttemptBook
from console.node.cosmovisor.upgrade_info import PlanFile, read_plan
from console.node.environment import node_environment
from console.node.generation import Generations
from console.node.journal import Journal
from console.node.plan_ahead import plan_path
from console.node.runs import NodeRuns
from console.node.runtime.command import RunCommand
from console.node.shape import NodeShape
from console.node.signer_guard import check_not_lower
from console.settings import NodeSettings
from console.text import untrusted

_LOG = logging.getLogger(__name__)
_DEADLINE_S = 300.0
_SAFE = "nothing was changed"
_ROLLED_BACK = re.compile(r"Rolled back state to height (\d{1,18})\b")
"""What the SDK's command says (server/rollback.go)."""

_NO_CROSSING = frozenset({Crossing.NONE, Crossing.COMMITTED, Crossing.RESUMED_OLD})


@dataclass(frozen=True, slots=True)
class StateFacts:
    """Everything that a rollback of the state depends on."""

    stopped: bool
    """Whether the operator stopped the node, and nothing of it lives."""
    block_height: int | None
    """Newest block in the stopped node's block store, executed or not; None when that cannot be read."""
    app_height: int | None
    """Last height that the application executed; None when it is not known."""
    plan_height: int
    """H of a plan that this node knows and has not executed; 0 for none."""
    crossing: bool
    """Whether a crossing has begun and has not ended."""


def facts_of(status: NodeStatus) -> StateFacts:
    """What a controller's status shows of it; the controller looks at block store and plan file itself."""
    attempt = status.attempt
    return StateFacts(
        stopped=status.state == NodeState.STOPPED_BY_OPERATOR.value,
        block_height=status.height,
        app_height=status.app_height,
        plan_height=0 if attempt is None or attempt.crossing is not Crossing.NONE else attempt.target_height,
        crossing=attempt is not None and attempt.crossing not in _NO_CROSSING,
    )


def why_not_back(facts: StateFacts, *, hard: bool) -> str:
    """Why the state may not be rolled back; empty where it may.

    `--hard` never at a halt: there the newest block is H, decided by the network and executed by nobody yet. A node
    without it is no part of the network's handshake replay, and its signer has already voted for that block.

    Args:
        facts: What is known.
        hard: Whether the newest block is deleted too.
    """
    if facts.crossing:
        return "a crossing is going on, and leads back by its own rules: `upgrade-console node rollback`"
    if not facts.stopped:
        return "its operator has not stopped the node: `upgrade-console node stop`"
    if facts.app_height is None:
        return "it is not known where the application stands"
    if facts.block_height is not None and facts.block_height > facts.app_height:
        return f"block {facts.block_height} is decided and not executed here, so there is no block to undo: " + (
            "--hard would delete it, and this node's signer has voted for it" if hard else "a start executes it"
        )
    if facts.block_height is None and hard:
        return (
            "its block store cannot be read: the newest block may be decided and not executed, and --hard would delete"
            " it"
        )
    if facts.plan_height > facts.app_height and hard:
        return (
            f"an upgrade is planned for height {facts.plan_height}, and this node may stand at its halt: --hard would"
            " delete the block that the network decided there"
        )
    return ""


class StateRollback:
    """Rolls the state of one node back, one block at a time.

    Args:
        settings: The node's settings of the moment.
        journal: Where heights and the signer's highest mark are kept.
        book: The attempt.
        runs: The node's runs.
        generations: Whose binary does it.
        shape: What kind of node it is.
        run: Runs a short command of a verified binary.
    """

    def __init__(
        self,
        settings: Callable[[], NodeSettings],
        journal: Journal,
        book: AttemptBook,
        runs: NodeRuns,
        generations: Generations,
        shape: NodeShape,
        run: RunCommand,
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._book = book
        self._runs = runs
        self._generations = generations
        self._shape = shape
        self._run = run

    def facts(self, *, stopped_by_operator: bool) -> StateFacts:
        """What is known now. Raises JournalError."""
        attempt = self._book.open
        there = read_plan(plan_path(self._settings()))
        planned = 0 if attempt is None else attempt.target_height
        latest = self._book.attempt
        return StateFacts(
            stopped=stopped_by_operator and self._runs.quiet,
            block_height=self._shape.newest_block() if self._runs.live is None else None,
            app_height=self._runs.application_height(),
            plan_height=max(planned, there.height if isinstance(there, PlanFile) else 0),
            crossing=latest is not None and latest.crossing not in _NO_CROSSING,
        )

    def refuse(self, *, hard: bool, stopped_by_operator: bool) -> int:
        """Refuse what may not be done; the application's height. Raises NodeError, JournalError."""
        if self._shape.name != "cosmos":
            raise NodeError(
                "only the daemon of a Cosmos SDK chain can roll its state back by itself",
                safe=_SAFE,
                next_step="put a rollback point back with `upgrade-console node restore`",
            )
        facts = self.facts(stopped_by_operator=stopped_by_operator)
        if why := why_not_back(facts, hard=hard):
            raise NodeError(f"the state is not rolled back: {why}", safe=_SAFE)
        assert facts.app_height is not None
        return facts.app_height

    async def go_back(self, app_height: int, *, hard: bool) -> str:
        """Run the command; what it said last.

        Args:
            app_height: As `refuse` found it.
            hard: Whether the newest block is deleted too.

        Raises:
            NodeError: Somebody else holds the node, it failed, or the signer's state is not what it was.
        """
        await self._runs.look_for_foreign(0)
        current = self._generations.current()
        signer = self._shape.signer_state()
        remote = bool(self._shape.remote_signer())
        before = b"" if remote else await asyncio.to_thread(signer.read_bytes)
        if not remote:
            check_not_lower(signer, self._journal.signer_mark)
        environment = node_environment(self._settings().environment)
        arguments = ("rollback", *(("--hard",) if hard else ()), "--home", str(self._shape.home))
        done = await asyncio.to_thread(self._run, current.binary, current.sha256, arguments, environment, _DEADLINE_S)
        if not remote and await asyncio.to_thread(signer.read_bytes) != before:
            raise NodeError(
                f"{signer} was changed by {' '.join(arguments[:2])}, which must never happen",
                safe="the node was not started",
                next_step="put the newest signer state back before anything else, and never start the node without it",
            )
        said = (done.stdout.strip() or done.stderr.strip()).splitlines()
        last = untrusted(said[-1] if said else "it said nothing", 200)
        if done.returncode:
            raise NodeError(
                f"{current.binary.name} {' '.join(arguments[:-2])} ended with exit code {done.returncode}: {last}",
                safe="the signer's state is as it was, and the node was not started",
                next_step="read what it says; the rollback point that was taken before leads back",
            )
        told = _ROLLED_BACK.search(done.stdout)
        now = int(told[1]) if told else app_height - 1
        # Without --hard the newest block stays, decided and not executed any more.
        blocks = await asyncio.to_thread(self._shape.newest_block)
        self._runs.stands_at(now, block_height=blocks or (now if hard else app_height))
        _LOG.info("the state was rolled back to %d: %s", now, last)
        return str(last)
