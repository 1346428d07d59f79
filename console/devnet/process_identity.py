"""One process for good, by its number, its start and the boot of the kernel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """One process for good: what its number named when it was recorded."""

    pid: int
    started: int
    """Start in clock ticks since boot (field 22 of /proc/PID/stat)."""
    boot: str
    """The kernel's boot id: ticks of another boot mean nothing."""

    def to_json(self) -> dict[str, Any]:
        """As kept in devnet.json."""
        return {"pid": self.pid, "started": self.started, "boot": self.boot}

    @classmethod
    def from_json(cls, document: object) -> ProcessIdentity | None:
        """Read back; None for anything else than a written identity."""
        match document:
            case {"pid": int(pid), "started": int(started), "boot": str(boot)}:
                return cls(pid, started, boot)
        return None


def boot_id() -> str:
    """This boot of the kernel."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def identify(pid: int) -> ProcessIdentity | None:
    """The identity of a living process, None when there is none of that number."""
    started = _start_of(pid)
    return None if started is None else ProcessIdentity(pid, started, boot_id())


def is_alive(identity: ProcessIdentity) -> bool:
    """Whether this very process still lives; a zombie does not, a stranger with its number does not."""
    return _start_of(identity.pid) == identity.started and identity.boot == boot_id()


def _start_of(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = stat.rpartition(b")")[2].split()
    if fields[0] in {b"Z", b"X"}:
        return None
    return int(fields[19])
