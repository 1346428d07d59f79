"""Where procedures run, and what a step of a run sees of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from console.errors import JournalError
from console.model import Snapshot
from console.node.client import NodeClient
from console.operations.controllers import here, member
from console.ports.keys import Terminal
from console.procedures.person import Person, RunEvent
from console.procedures.run_journal import RunJournal
from console.procedures.secrets import refuse_secret
from console.procedures.step import Step
from console.settings import NetworkSettings, NodeSettings
from console.text import UntrustedText, untrusted

FILES = "files"
"""Folder below the run's own for what its steps keep."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where procedures run."""

    network: NetworkSettings
    node: NodeSettings | None
    """This machine's node that is meant; None for none."""
    folder: Path
    """Of the runs on this network."""
    read: Callable[[], Awaitable[Snapshot]]
    """Reads chain and node once."""
    clock: Callable[[], float]
    """Unix seconds."""
    terminal: Terminal | None = None
    """Where a signer or a keyring may ask; None where nobody is."""


class LookedOnce(Exception):
    """A wait of a dry run wants to wait."""


class RunContext:
    """`console.procedures.step.StepContext` of one step of a run."""

    def __init__(
        self, place: Place, arguments: Mapping[str, str], person: Person, journal: RunJournal | None, step: Step | None
    ) -> None:
        self._place = place
        self._arguments = arguments
        self._person = person
        self._journal = journal
        self._step = step
        self._said = ""

    @property
    def network(self) -> NetworkSettings:
        return self._place.network

    @property
    def node(self) -> NodeSettings | None:
        return self._place.node

    @property
    def arguments(self) -> Mapping[str, str]:
        return self._arguments

    @property
    def item(self) -> str:
        return "" if self._step is None else self._step.item

    @property
    def person(self) -> UntrustedText:
        return self._person.name

    @property
    def run(self) -> str:
        return "" if self._journal is None else self._journal.progress.run.id

    @property
    def terminal(self) -> Terminal | None:
        return self._place.terminal

    @property
    def folder(self) -> Path:
        folder = (self._place.folder if self._journal is None else self._journal.folder) / FILES
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def now(self) -> float:
        return self._place.clock()

    def client(self, node: str = "") -> NodeClient:
        if not node:
            return here(self._place.node or self._place.network.node(None)).client
        return member(self._place.network, node).client

    async def snapshot(self) -> Snapshot:
        return await self._place.read()

    async def sleep(self, seconds: float) -> None:
        if self._journal is not None and self._journal.progress.run.dry:
            raise LookedOnce
        await asyncio.sleep(seconds)

    def tell(self, sentence: str) -> None:
        if self._journal is not None and self._step is not None:
            run = self._journal.progress.run.id
            words = untrusted(sentence, 512)
            if words == self._said:
                return
            self._said = words
            self._person.told(RunEvent("told", run, self.now(), self._step.id, words))

    def remember(self, key: str, value: str) -> None:
        if self._journal is None:
            raise JournalError("there is no run yet in which something could be remembered")
        refuse_secret(key, value)
        self._journal.append("remembered", at=self.now(), key=key, value=value)

    def remembered(self, key: str) -> str:
        return "" if self._journal is None else self._journal.progress.remembered.get(key, "")
