"""What a procedure is made of: parameters, steps, and what a step may ask for while it runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from console.model import Finding, Snapshot, StepKind
from console.model.procedure import failed, found, passed, skipped, warned
from console.node.client import NodeClient
from console.ports.keys import Terminal
from console.settings import NetworkSettings, NodeSettings
from console.text import UntrustedText

__all__ = [
    "Parameter",
    "Procedure",
    "Step",
    "StepContext",
    "StepWork",
    "failed",
    "found",
    "passed",
    "skipped",
    "warned",
]


class StepContext(Protocol):
    """What a step gets. Nothing else: no global, no settings file read a second time."""

    @property
    def network(self) -> NetworkSettings: ...
    @property
    def node(self) -> NodeSettings | None:
        """The node of this machine that the run is about; None for none."""
        ...

    @property
    def arguments(self) -> Mapping[str, str]:
        """Every parameter by its name, checked; an optional one that was not given is its default."""
        ...

    @property
    def item(self) -> str:
        """What this step is about, of those that the run goes over; empty where it goes over none."""
        ...

    @property
    def person(self) -> UntrustedText:
        """Who runs it."""
        ...

    @property
    def run(self) -> str:
        """The run's id; empty before there is one."""
        ...

    @property
    def terminal(self) -> Terminal | None:
        """On which a signer or a keyring may ask for its passphrase; None where nobody is."""
        ...

    @property
    def folder(self) -> Path:
        """The run's own folder, mode 0700: for downloads, copies and drafts."""
        ...

    def now(self) -> float:
        """Unix seconds."""
        ...

    def client(self, node: str = "") -> NodeClient:
        """The controller of that node, of the run's own without a name. Raises SettingsError."""
        ...

    async def snapshot(self) -> Snapshot:
        """Chain and node, read now: a half that is down is told in it, not raised."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait between two looks; a run that is left ends here."""
        ...

    def tell(self, sentence: str) -> None:
        """Say how far it is: shown, not journalled."""
        ...

    def remember(self, key: str, value: str) -> None:
        """Journal a value durably, before what rests on it is done. Raises JournalError."""
        ...

    def remembered(self, key: str) -> str:
        """What was remembered in this run, by any of its steps and before any disconnect; empty for nothing."""
        ...


StepWork = Callable[[StepContext], Awaitable[Finding]]
"""Looks, acts or waits once. A ConsoleError that it raises is a FAIL with that sentence."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    An action that was begun and has not ended (the terminal was lost, the process killed) is not begun again before
    `done` has looked: its PASS ends the step, anything else means that `work` may run again, so `work` has to be one
    that can.
    """

    id: str
    """Unique in its procedure and never changed once released: `24h.backup-configuration`; own steps: `own.NAME`."""
    kind: StepKind
    title: str
    """Imperative: `Back up the configuration`."""
    says: str
    """What is checked, done, asked or awaited, and why, in a sentence or two; the pages are made of it."""
    work: StepWork | None = None
    """None for a confirmation alone."""
    done: StepWork | None = None
    """Of an action: looks whether it was done already, and changes nothing."""
    undo: str = ""
    """Of an action: how one gets back, and what that costs."""
    ask: str = ""
    """Of a confirmation: the question; of an action: what has to be confirmed first. Empty: not asked."""
    needless: Callable[[StepContext], str] | None = None
    """Why there is nothing to do, by the settings; empty where there is. It is then neither asked for nor begun."""
    typed: Callable[[StepContext], str] | None = None
    """Of a dangerous action: what has to be typed to confirm it, as the network's name."""
    item: str = ""
    """What it is about, of those that the run goes over: `StepContext.item` while it runs."""
    boxes: tuple[str, ...] = ()
    """The boxes of the operators' document that it stands for, in the document's words."""
    optional: bool = False
    """Whether it may be left out, with a reason. What decides safety may not."""
    follows: str = ""
    """Id of the optional check before without which this has nothing to do: where that was left out, this is too."""
    deadline_s: float = 60.0
    """Seconds for `work`; a wait goes on until it is left or this is over, 0 for no end."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing that has to be known before a run begins."""

    name: str
    """As on the command line: `--checksum`."""
    meaning: str
    """What it is, with its unit."""
    default: str | None = None
    """None where it has to be given."""
    check: Callable[[str], str] = str.strip
    """The value as it is used. Raises ValueError with the rest of `NAME must be …`."""


@dataclass(frozen=True, slots=True)
class Procedure:
    """A named list of steps."""

    name: str
    """As on the command line: `rolling`."""
    title: str
    purpose: str
    """When it is used and what it leads to: two or three sentences."""
    steps: Callable[[Mapping[str, str], Sequence[str]], tuple[Step, ...]]
    """The steps for these arguments and these items; the same for the same, since a run is gone on with by them.
    The page of a procedure without a run is made of `steps({}, ("NODE",))` with every default."""
    parameters: tuple[Parameter, ...] = ()
    items: Callable[[StepContext], Awaitable[tuple[str, ...]]] | None = None
    """Settles, once at the start, what it goes over and in which order; None: over nothing. Raises ConsoleError."""
    kinds: tuple[str, ...] = ("ipc", "cosmos")
    """Kinds of network that it is for."""
    variants: tuple[tuple[str, str], ...] = ()
    """Parameters with the value at which it has other steps than by its defaults: its page shows those too."""
