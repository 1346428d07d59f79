"""What runs a node, as a Protocol: shim, Docker and systemd are one to the controller (DESIGN §1, §5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """One process of the node."""

    name: str
    """As the shape names it: `app`, `cometbft`, `eth`."""
    binary: Path
    sha256: str
    """64 hex digits: what is executed is this, verified by descriptor (DESIGN §4.2)."""
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    """Whole environment of the process."""
    after_port: int = 0
    """TCP port of this machine that the app opens: it is executed when somebody listens there, where the runtime can do
    so, or a few seconds later all the same. 0: at once."""


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What to start: all services of one node. The first is the app: its exit is the halt."""

    run_id: int
    services: tuple[ServiceSpec, ...]
    home: Path
    """Working folder; the one-signer lock is in it."""
    grace_s: float
    """Seconds between SIGTERM and SIGKILL."""

    @property
    def app(self) -> ServiceSpec:
        """The service whose exit is the halt."""
        return self.services[0]


@dataclass(frozen=True, slots=True)
class LiveService:
    """One process of a run that is going on."""

    name: str
    pid: int
    started: int
    """Clock ticks since boot."""
    exe_sha256: str


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A run that is going on, named by pids and start times so that a recycled pid is never taken for it."""

    run_id: int
    shim_pid: int
    """Of the process that holds the lock and writes the exit record (shim, `docker` client, unit's main process)."""
    shim_started: int
    """Clock ticks since boot."""
    child_pid: int
    """Of the app."""
    child_started: int
    exe_sha256: str
    log_offset: int
    """Size of node.log in bytes before this run wrote to it."""
    started_at: float
    """Unix seconds."""
    services: tuple[LiveService, ...] = ()
    """Of all services, the app first; empty where the runtime does not tell."""


@dataclass(frozen=True, slots=True)
class ExitRecord:
    """How a run ended."""

    run_id: int
    code: int | None
    """Exit code of the app; negative is minus the signal; None when it was lost or the program never started."""
    asked: bool
    """Whether the runtime was told to stop the node."""
    unclean: bool
    """Whether SIGKILL was needed."""
    problem: str
    """Why the program was not started; empty when it ran."""
    ended_at: float
    """Unix seconds."""
    first: str = ""
    """Name of the service that ended first and so ended the run; empty for the app, or when the run was stopped."""
    codes: Mapping[str, int | None] = field(default_factory=dict)
    """Exit code of each service by name, as `code`; empty where the runtime does not tell."""


class Runtime(Protocol):
    """Runs one node, one run at a time. The node outlives the controller."""

    async def start(self, spec: RunSpec) -> LiveRun:
        """Start the node and return once the app is executed.

        Raises:
            HeldByOther: Something of this node still lives and holds the lock.
            NodeError: A binary is not the verified one, or the runtime failed; nothing of the run lives.
            TimeoutError: It took too long; nothing of it lives.
        """
        ...

    async def settle(self) -> None:
        """Wait until a start that a killed controller left half done is recorded or has ended. Raises TimeoutError."""
        ...

    def recorded(self) -> LiveRun | None:
        """The run that was last recorded, alive or not; None when there is none. Raises NodeError."""
        ...

    def exit_record(self, run_id: int) -> ExitRecord | None:
        """How that run ended; None while it runs or when its record was lost. Raises NodeError."""
        ...

    def shim_alive(self, live: LiveRun) -> bool:
        """Whether the run's supervisor still lives."""
        ...

    def node_alive(self, live: LiveRun) -> bool:
        """Whether the app's own process still lives."""
        ...

    def lock_held(self) -> bool:
        """Whether anything of any run of this node still lives."""
        ...

    async def ended(self, live: LiveRun) -> ExitRecord | None:
        """Wait until the run has ended and nothing of it lives; its record, or None when it was lost."""
        ...

    async def stop(self, live: LiveRun) -> ExitRecord | None:
        """Stop the run: SIGTERM to everything of it, SIGKILL after its grace; returns when nothing of it lives."""
        ...

    def age_s(self, live: LiveRun) -> float:
        """Seconds since the app was forked, whatever was done to the clock of the day meanwhile."""
        ...

    def environment_of(self, live: LiveRun) -> dict[str, str]:
        """The environment that the app really has, from `/proc` (DESIGN §4.5). Raises NodeError."""
        ...

    def log_since(self, offset: int, limit: int = 4 << 20) -> bytes:
        """What the run wrote: the last `limit` bytes of node.log from `offset` on."""
        ...


@runtime_checkable
class PreparedRuntime(Runtime, Protocol):
    """A runtime that can do part of a start before it is needed."""

    def prepare(self, spec: RunSpec) -> None:
        """Get ready to start something like that soon; its number and its environment may still change."""
        ...

    async def release(self) -> None:
        """Give up what was prepared; a run that is going on is not touched."""
        ...
