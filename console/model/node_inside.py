"""What is inside this machine's node: processes, disk, generations, rollback points and journal, each as it was read.

What cannot be seen is None, with a sentence on why; it is never shown as zero.
"""

from __future__ import annotations

from dataclasses import dataclass

from console.text import UntrustedText

LITTLE_BYTES = 5 << 30
"""Free bytes below which an upgrade may run out of disk."""


@dataclass(frozen=True, slots=True)
class NodeProcess:
    """One process of the node as it was seen."""

    pid: int
    name: UntrustedText
    """Its part: `controller`, `shim`, `app`, `cometbft`, `container app`; else the program's name."""
    depth: int
    """0 for the controller, 1 for what it started, 2 for what that started, and so on."""
    state: str
    """As the kernel has it: `running`, `sleeping`, `disk wait`, `stopped`, `zombie`; empty when it cannot be seen."""
    cpu_percent: float | None = None
    """Of one core since the sample before; None in the first one."""
    memory_bytes: int | None = None
    """Resident."""
    open_files: int | None = None
    """File descriptors."""
    file_limit: int | None = None
    """Most descriptors that it may have; None when that cannot be read or there is no limit."""
    threads: int | None = None
    started_at: float | None = None
    """Unix seconds."""
    hidden: str = ""
    """Why something of it cannot be seen; empty when all can."""


@dataclass(frozen=True, slots=True)
class ProcessTree:
    """The node's processes in one sample, each below what started it."""

    taken_at: float
    """Unix seconds."""
    processes: tuple[NodeProcess, ...]
    remarks: tuple[str, ...] = ()
    """What is missing from the picture and why, a sentence each."""


@dataclass(frozen=True, slots=True)
class FolderSize:
    """How much one folder holds."""

    name: str
    """`home`, `points`, `state`; of a data folder its path in the home."""
    path: UntrustedText
    bytes: int | None
    """Bytes on disk; None when it could not be counted."""
    whole: bool = True
    """Whether everything was counted before the time for it was over: else it holds at least that much."""


@dataclass(frozen=True, slots=True)
class DiskUse:
    """The file system of the node's data, and what the node's folders hold."""

    free_bytes: int | None
    """What this user may still write; None when it cannot be told."""
    total_bytes: int | None
    folders: tuple[FolderSize, ...] = ()
    measured_at: float | None = None
    """Unix seconds of the folders' sizes; None before they were counted."""
    problem: str = ""
    """Why the file system cannot be looked at."""

    @property
    def little(self) -> bool:
        """Whether an upgrade may run out of disk."""
        return self.free_bytes is not None and self.free_bytes < LITTLE_BYTES


@dataclass(frozen=True, slots=True)
class GenerationOnDisk:
    """One generation, and what somebody vouched for."""

    name: UntrustedText
    """Its folder."""
    current: bool
    complete: bool
    sha256: str
    """The recorded hash of the app's binary, 64 hex digits; empty when nobody recorded one."""
    origin: UntrustedText
    """Where the bytes came from and who vouched for them, as recorded."""
    missing: tuple[str, ...] = ()
    """Binaries that are not there."""
    manifest: str = ""
    """Sha256 of the manifest that vouched for it; empty when none did."""
    signatures: int = 0
    """Signature files beside that manifest; they were verified before it was staged."""
    staged_at: float | None = None
    """Unix seconds of its record; None without one."""
    bytes: int | None = None
    """Of its binaries."""
    problem: str = ""
    """Why its record cannot be read."""

    @property
    def verified(self) -> bool:
        """Whether its bytes are on record."""
        return bool(self.sha256)


@dataclass(frozen=True, slots=True)
class PointOnDisk:
    """One rollback point; or what looks like one, or data that was set aside: neither is ever restored."""

    name: UntrustedText
    complete: bool
    sentence: str
    """What it is and costs, in words."""
    set_aside: bool = False
    taken_at: float | None = None
    """Unix seconds."""
    app_height: int | None = None
    """Last block that its data has executed."""
    generation: str = ""
    """Generation that made the data."""
    method: str = ""
    """`reflink`, `hardlink` or `copy`: whether it shares bytes with the data."""
    apparent_bytes: int | None = None
    """Sum of its files, shared or not."""
    own_bytes: int | None = None
    """What removing it would free."""
    exact: bool = True
    """False where `own_bytes` is the most that it can be."""


@dataclass(frozen=True, slots=True)
class NodeStorage:
    """Generations and rollback points as they were read."""

    read_at: float
    """Unix seconds."""
    generations: tuple[GenerationOnDisk, ...]
    points: tuple[PointOnDisk, ...]
    disk: DiskUse
    problem: str = ""
    """Why generations or points could not be read; empty when they were."""


@dataclass(frozen=True, slots=True)
class InsideReading:
    """What was seen of the node from inside at one time, for looking back."""

    processes: ProcessTree | None
    storage: NodeStorage | None
    problem: str = ""
    """Why nothing, or not all of it, was seen."""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One line of the controller's journal."""

    number: int
    at: float
    """Unix seconds."""
    attempt: int | None
    """Of which attempt; None when of none."""
    kind: UntrustedText
    """The states entered, joined by `+`, or what happened."""
    detail: UntrustedText
    """What goes with it; empty for nothing."""
