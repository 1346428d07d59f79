"""The node's processes in a table: who started whom by indent, and what each uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.content import Content

from console.model import NodeProcess, ProcessTree
from console.text import duration, size
from widgets.drawn import MUTED
from widgets.moments import UNKNOWN
from widgets.row_table import Column, RowTable

FEW_FILES_LEFT = 0.8
"""Share of the descriptors above which their number is a warning."""
_MINUTE = 60


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """What the table shows of one process."""

    key: str
    name: str
    pid: str
    state: str
    cpu: str
    memory: str
    files: str
    threads: str
    up: str
    tone: str


def process_rows(tree: ProcessTree | None) -> tuple[ProcessRow, ...]:
    """The rows of a tree, in its order."""
    return () if tree is None else tuple(_row(each, tree.taken_at) for each in tree.processes)


def _row(process: NodeProcess, now: float) -> ProcessRow:
    seen = bool(process.state)
    files = UNKNOWN if process.open_files is None else f"{process.open_files}"
    if process.open_files is not None and process.file_limit is not None:
        files += f"/{process.file_limit}"
    return ProcessRow(
        key=str(process.pid),
        name=f"{'  ' * process.depth}{process.name}",
        pid=str(process.pid),
        state=process.state or "not seen",
        cpu=_percent(process.cpu_percent),
        memory=_memory(process.memory_bytes),
        files=files,
        threads=UNKNOWN if process.threads is None else str(process.threads),
        up=_up(process.started_at, now),
        tone="bad" if process.state == "zombie" else "warn" if not seen or few_files_left(process) else "",
    )


def few_files_left(process: NodeProcess) -> bool:
    """Whether a process has used up most of its descriptors."""
    if process.open_files is None or not process.file_limit:
        return False
    return process.open_files >= FEW_FILES_LEFT * process.file_limit


def _percent(share: float | None) -> str:
    # A tenth of a percent that flickers says nothing.
    return UNKNOWN if share is None else f"{share:.0f} %"


def _memory(count: int | None) -> str:
    if count is None:
        return UNKNOWN
    # Whole mebibytes: the rest changes at every look.
    return f"{count >> 20} MiB" if count < 1 << 30 else size(count)


def _up(started_at: float | None, now: float) -> str:
    if started_at is None:
        return UNKNOWN
    seconds = max(0.0, now - started_at)
    if seconds < _MINUTE:
        return "<1m"
    # Seconds would be redrawn at each look.
    return f"{int(seconds) // _MINUTE}m" if seconds < 3600 else duration(seconds)


def process_detail(tree: ProcessTree | None) -> Content:
    """What is missing from the picture and why; else all processes together."""
    if tree is None:
        return Content.styled("Not looked at yet.", MUTED)
    if tree.remarks:
        return Content(" ".join(tree.remarks))
    memory = sum(each.memory_bytes or 0 for each in tree.processes)
    files = sum(each.open_files or 0 for each in tree.processes)
    number = len(tree.processes)
    return Content(f"{number} process{'' if number == 1 else 'es'} with {_memory(memory)} and {files} open descriptors")


class ProcessTable(RowTable[ProcessRow]):
    """Without a cursor: nothing is done to a single process."""

    TONED: ClassVar[frozenset[str]] = frozenset({"state", "files"})
    RIGHT: ClassVar[frozenset[str]] = frozenset({"pid", "cpu", "memory", "files", "threads", "up"})

    def columns_for(self, width: int) -> tuple[Column, ...]:
        fixed: tuple[Column, ...] = (
            ("pid", "pid", 9),
            ("state", "state", 10),
            ("cpu", "cpu", 7),
            ("memory", "memory", 10),
            ("files", "files", 13),
            ("threads", "thr", 5),
            ("up", "up", 7),
        )
        taken = sum(column for _, _, column in fixed)
        return (("name", "process", max(12, min(40, width - taken))), *fixed)
