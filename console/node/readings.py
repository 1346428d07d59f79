"""What the controller reads again and again: plans, consensus, the binary's version. It acts on nothing."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from console.errors import ConsoleError, JournalError, NodeError
from console.model import ProposalStatus
from console.node.attempts import AttemptBook
from console.node.generation import Generations
from console.node.journal import Journal
from console.node.preflight import plain_environment
from console.node.runs import NodeRuns
from console.node.runtime.command import RunCommand, run_command
from console.ports.chain import ConsensusReading, PeerView, PlanReading, PlanSource
from console.settings import NodeSettings
from console.text import UntrustedText, untrusted

_LOG = logging.getLogger(__name__)

_FRESH_S = 3.0
"""Seconds for which a reading of consensus counts as present while an upgrade is open."""
_VERSION_DEADLINE_S = 20.0
_CONSENSUS_S = 1.0
"""Seconds between two readings of our node's CometBFT RPC while an upgrade is open."""
_REST = 3
"""How many times longer both are while none is: nobody acts on the height then."""
_ON_ITS_WAY = frozenset({ProposalStatus.VOTING, ProposalStatus.APPROVED, ProposalStatus.SCHEDULED})
_CONTESTED_TURNS = 3
"""Contested readings in a row before it is said; none of them is taken."""
_VERSION_S = 1.0
_OPENING_S = 0.2
"""The same while nothing answers there."""


class Readings:
    """The latest readings, renewed by three loops.

    Args:
        settings: The node's settings of the moment.
        plans: Where plans come from.
        peers: Consensus as our node shows it.
        runs: What runs.
        book: The attempt: while one is open plans are read at every block.
        generations: To know which binary's version to ask for.
        journal: Where the node's heights are kept.
        block_time_s: Expected seconds per block, for the pace only.
        changed: Called after each reading.
        run: How a short command of a generation is run.
        version_command: Arguments with which it prints its version.
    """

    def __init__(
        self,
        settings: Callable[[], NodeSettings],
        plans: PlanSource,
        peers: PeerView,
        runs: NodeRuns,
        book: AttemptBook,
        generations: Generations,
        journal: Journal,
        *,
        block_time_s: float,
        changed: Callable[[], None],
        run: RunCommand = run_command,
        version_command: tuple[str, ...] = ("--version",),
    ) -> None:
        self._settings = settings
        self._run = run
        self._version_command = version_command
        self._source = plans
        self._peers = peers
        self._runs = runs
        self._book = book
        self._generations = generations
        self._journal = journal
        self._block_time_s = block_time_s
        self._pace_s = min(1.0, max(0.1, block_time_s / 4))
        self._changed = changed
        self._wanted = asyncio.Event()
        self._at_rest_since_look = False
        self._consensus: ConsensusReading | None = None
        self._consensus_at = 0.0
        self._consensus_run = 0
        self._versions: dict[str, UntrustedText] = {}
        self._version_of: tuple[str, int] | None = None
        self.plans: PlanReading | None = None
        """The latest plans that could be read."""
        self._contested_turns = 0
        self.contested = ""
        """Why the newest plans were not taken: our own node did not tell them, and others contradict each other."""
        self.asked = False
        """Whether plans were asked for at least once since our start, whatever the answer."""

    def look_now(self) -> None:
        """Have the plans read at once."""
        self._wanted.set()

    def end_rest(self) -> None:
        """Read plans at once if an attempt was opened since the last look, which then counts as one at rest."""
        if self._at_rest_since_look and self._book.open is not None:
            self._at_rest_since_look = False
            self._wanted.set()

    def consensus(self) -> ConsensusReading | None:
        """The latest reading of our node, when it is of the present run and not old."""
        live = self._runs.live
        if live is None or live.run_id != self._consensus_run:
            return None
        fresh = time.monotonic() - self._consensus_at < self._at_rest(_FRESH_S)
        return self._consensus if fresh else None

    def age_s(self) -> float:
        """Seconds since our node was read last; without a meaning while `consensus` is None."""
        return time.monotonic() - self._consensus_at

    def _at_rest(self, seconds: float) -> float:
        return seconds if self._book.open is not None else _REST * seconds

    def version(self, sha256: str) -> UntrustedText:
        """What a binary says of itself; empty while it was not asked."""
        return self._versions.get(sha256, UntrustedText(""))

    async def watch_plans(self) -> None:
        """Read plans for ever."""
        while True:
            consensus = self.consensus()
            # A node that catches up does not know yet what the network has planned.
            own_only = self._runs.live is not None and not (consensus is not None and consensus.catching_up)
            reading = await self._read_plans(own_node_only=own_only)
            if reading is None and own_only:
                reading = await self._read_plans(own_node_only=False)
            if reading is not None:
                self._tell_contested(reading.contested)
            if reading is not None and not reading.contested and not self._outdated(reading, consensus):
                self.plans = reading
            self.asked = True
            self._changed()
            self._wanted.clear()
            self._at_rest_since_look = self._book.open is None
            # Not `wait_for`, which loses a cancellation that comes together with the event (Python 3.11).
            with suppress(TimeoutError):
                async with asyncio.timeout(self._plan_pause_s()):
                    await self._wanted.wait()

    def _tell_contested(self, contested: str) -> None:
        """Keep why readings are not taken; said when it lasts, since one endpoint may show a block a moment later."""
        self._contested_turns = self._contested_turns + 1 if contested else 0
        lasts = self._contested_turns >= _CONTESTED_TURNS
        if lasts and not self.contested:
            _LOG.warning("nothing is done on what others say: %s", contested)
        self.contested = contested if lasts else ""

    def _outdated(self, reading: PlanReading, consensus: ConsensusReading | None) -> bool:
        """Whether a node that still has to catch up told of plans as they were: others have told newer ones."""
        behind = self._runs.live is not None and (consensus is None or consensus.catching_up)
        known = self.plans
        return behind and known is not None and reading.height < known.height

    def _plan_pause_s(self) -> float:
        """Seconds until plans are read again: every block from PLANNED on, or while a proposal is on its way; else as
        the settings say."""
        if self._book.open is not None:
            return self._pace_s
        # With the next block it may be approved, or scheduled with no block of lead to lose.
        on_its_way = self.plans is not None and any(entry.status in _ON_ITS_WAY for entry in self.plans.proposals)
        blocks = 1 if on_its_way else self._settings().query_interval_blocks
        return max(1.0, blocks * self._block_time_s)

    async def _read_plans(self, *, own_node_only: bool) -> PlanReading | None:
        try:
            return await self._source.read(own_node_only=own_node_only)
        except ConsoleError:
            return None
        except Exception:
            # An answer from outside must not end the one who supervises the node.
            _LOG.exception("plans cannot be read")
            return None

    async def watch_consensus(self) -> None:
        """Read our node's consensus for ever."""
        while True:
            live = self._runs.live
            pause = _OPENING_S
            if live is not None:
                consensus = await self._read_own()
                # Until the node's RPC opens nothing answers, so nothing is asked too often.
                if consensus is not None:
                    pause = self._at_rest(_CONSENSUS_S)
                    if self._runs.live is live:
                        self._take(consensus, live.run_id)
                        self._changed()
            await asyncio.sleep(pause)

    def _take(self, consensus: ConsensusReading, run_id: int) -> None:
        self._consensus = consensus
        self._consensus_at = time.monotonic()
        self._consensus_run = run_id
        try:
            at_rest = self._book.open is None
            self._journal.observe(
                consensus.height, consensus.app_height, consensus.version, run_id=run_id, at_rest=at_rest
            )
        except JournalError as error:
            # Said by the next step that has to write; what was kept before is a lower bound all the same.
            _LOG.warning("%s", error)

    async def ask_own(self) -> ConsensusReading | None:
        """Read our node now; None when it does not answer. Whoever asks acts on it: nobody is woken for it."""
        live = self._runs.live
        consensus = None if live is None else await self._read_own()
        if live is not None and consensus is not None and self._runs.live is live:
            self._take(consensus, live.run_id)
        return consensus

    async def _read_own(self) -> ConsensusReading | None:
        try:
            return await self._peers.own()
        except ConsoleError:
            return None
        except Exception:
            _LOG.exception("the node's consensus cannot be read")
            return None

    async def watch_version(self) -> None:
        """Ask each binary once for its version, when it becomes the current one."""
        while True:
            await self._learn_version()
            await asyncio.sleep(_VERSION_S)

    async def _learn_version(self) -> None:
        live = self._runs.live
        try:
            seen = (self._generations.current_name(), 0 if live is None else live.run_id)
            if seen == self._version_of:
                return
            current = self._generations.current()
            if current.sha256 in self._versions:
                self._version_of = seen
                return
            command = (current.binary, current.sha256, self._version_command)
            done = await asyncio.to_thread(self._run, *command, plain_environment(), _VERSION_DEADLINE_S)
        except (NodeError, OSError):
            # Said by the step that needs the binary.
            return
        # Some Cosmos daemons print theirs to stderr.
        words = done.stdout.split() or done.stderr.split()
        self._versions[current.sha256] = untrusted(words[-1] if words and done.returncode == 0 else "", 64)
        self._changed()
