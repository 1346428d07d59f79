"""Telling the registry what this validator runs: at the controller's start and after each upgrade, when it differs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from console.errors import ConsoleError, ContractRefused, NodeError
from console.model import GENESIS, Crossing
from console.node.attempts import AttemptBook
from console.node.generation import Generations
from console.node.generation_folders import Generation
from console.node.journal import Journal
from console.node.runs import NodeRuns
from console.ports.chain import ConsensusReading, PlanReading, Signals
from console.settings import NodeSettings

_LOG = logging.getLogger(__name__)

VERSION_LENGTH = 32
"""Characters that the registry holds of a version."""
_PAUSE_BLOCKS = 20
"""Blocks after a failure until it is tried again; twice as many each time."""
_PAUSE_MOST_BLOCKS = 10_000
_SETTLED = frozenset({Crossing.NONE, Crossing.COMMITTED, Crossing.RESUMED_OLD})


@dataclass(frozen=True, slots=True)
class Advertised:
    """What a validator says that it runs."""

    version: str
    protocol: int
    release_hash: str


class Advertiser:
    """Keeps the registry's word on what this validator runs true.

    Args:
        address: Our validator's checksummed address.
        settings: The node's settings of the moment: it can be switched off.
        book: Not in the midst of a crossing, and the names of plans.
        runs: What runs.
        generations: Its release.
        journal: Where the names of plans are, and what was said is noted.
        signals: The chain.
    """

    def __init__(
        self,
        address: str,
        settings: Callable[[], NodeSettings],
        book: AttemptBook,
        runs: NodeRuns,
        generations: Generations,
        journal: Journal,
        signals: Signals,
    ) -> None:
        self._address = address
        self._settings = settings
        self._book = book
        self._runs = runs
        self._generations = generations
        self._journal = journal
        self._signals = signals
        self._said: Advertised | None = None
        self._failures = 0
        self._not_before = 0
        self._names: tuple[str, str] = ("", "")
        self._task: asyncio.Task[None] | None = None

    def step(self, reading: PlanReading, consensus: ConsensusReading | None) -> None:
        """Say it if the chain has something else; nothing is waited for.

        Args:
            reading: What the registry has of each validator.
            consensus: The latest reading of our node's present run, None when there is none.

        Raises:
            JournalError: The names of past plans cannot be read.
        """
        if self._task is not None and not self._task.done():
            return
        if consensus is None or reading.readiness is None or not self._settings().auto_advertise:
            return
        if reading.height < self._not_before:
            return
        row = reading.readiness.of(self._address)
        wanted = self._wanted(consensus)
        if row is None or wanted is None or wanted == self._said:
            return
        if (row.version, row.protocol, row.advertised_hash) == (wanted.version, wanted.protocol, wanted.release_hash):
            self._said = wanted
            return
        self._task = asyncio.get_running_loop().create_task(self._say(wanted, reading.height))

    async def close(self) -> None:
        """Stop; after a restart the chain is read first."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def _wanted(self, consensus: ConsensusReading) -> Advertised | None:
        """What runs, by its release's name; None while that is not settled, or the release has no name."""
        attempt, live = self._book.attempt, self._runs.live
        if live is None or (attempt is not None and attempt.crossing not in _SETTLED):
            return None
        try:
            current = self._generations.current()
        except NodeError:
            # Said by the step that needs the binary.
            return None
        if current.name == GENESIS or current.sha256 != live.exe_sha256:
            return None
        return Advertised(self._name_of(current), consensus.protocol, current.manifest or current.sha256)

    def _name_of(self, generation: Generation) -> str:
        """Name of the plan that brought it; that of its folder where no plan did. Looked up once per generation."""
        if self._names[0] != generation.name:
            attempts = self._journal.attempts(200)
            name = next((str(entry.name) for entry in attempts if entry.generation == generation.name), generation.name)
            plain = "".join(letter for letter in name if "!" <= letter <= "~")
            self._names = generation.name, plain[:VERSION_LENGTH]
        return self._names[1]

    async def _say(self, wanted: Advertised, height: int) -> None:
        try:
            await self._signals.advertise(wanted.version, wanted.protocol, wanted.release_hash)
        except ContractRefused as error:
            # The registry does not take it from us: said once, until something else runs.
            self._said = wanted
            _LOG.warning("the registry refused what this validator advertises: %s", error)
            self._journal.record("refused-advertise", version=wanted.version, reason=str(error))
        except ConsoleError as error:
            self._failures += 1
            self._not_before = height + min(_PAUSE_BLOCKS * 2 ** (self._failures - 1), _PAUSE_MOST_BLOCKS)
            _LOG.warning("could not advertise %s: %s", wanted.version, error)
        except Exception:
            self._said = wanted
            _LOG.exception("could not advertise %s", wanted.version)
        else:
            self._said, self._failures = wanted, 0
            _LOG.info("advertised %s, protocol %d", wanted.version, wanted.protocol)
            self._journal.record("advertised", version=wanted.version, protocol=wanted.protocol)
