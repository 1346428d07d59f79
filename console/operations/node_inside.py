"""What is inside this machine's node, read beside its controller: processes, disk, generations, points, journal.

Everything here blocks for milliseconds up to the time that is given for counting folders: callers use a thread. It
needs no controller, and changes nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from console.errors import ConsoleError, NodeError
from console.model import (
    DiskUse,
    FolderSize,
    GenerationOnDisk,
    JournalEntry,
    NodeStorage,
    PointOnDisk,
    ProcessTree,
)
from console.node.inventory import Inventory
from console.node.process_tree import KnownProcess, ProcessSampler
from console.node.runtime.runtime import LiveRun
from console.node.runtimes import running_of
from console.node.shape import APP, shape_of
from console.operations.audit import event_entry, journal_entry
from console.operations.node_alone import reading
from console.settings import NodeSettings
from console.text import UntrustedText, untrusted

COUNTING_S = 2.0
"""Seconds for counting the node's folders: a large home is counted as far as that leads."""
COUNTED_S = 300.0
"""Seconds for which a count holds."""


class NodeInside:
    """Looks into one node.

    Args:
        node: The node.
        clock: Unix seconds.
    """

    def __init__(self, node: NodeSettings, clock: Callable[[], float] = time.time) -> None:
        self._node = node
        self._clock = clock
        self._sampler = ProcessSampler(clock)
        self._disk: DiskUse | None = None
        self._points: tuple[object, tuple[PointOnDisk, ...]] | None = None
        """What they were read at, and the points."""

    def processes(self, controller_pid: int | None) -> ProcessTree:
        """The node's processes now; CPU is of the time since the call before.

        Args:
            controller_pid: Of the controller that answers; None when none does.
        """
        known, remarks = [], []
        if controller_pid:
            known.append(KnownProcess(controller_pid, "controller", 0))
        else:
            remarks.append("No controller answers: it is not in the picture.")
        try:
            shape = shape_of(self._node)
            runtime = running_of(lambda: self._node, shape).runtime
            live = runtime.recorded()
            if live is None or not (runtime.shim_alive(live) or runtime.node_alive(live)):
                remarks.append("The node does not run.")
            else:
                known += self._of_run(live)
        except ConsoleError as error:
            remarks.append(f"The node's run is not known: {error}")
        return self._sampler.sample(known, remarks)

    def _of_run(self, live: LiveRun) -> list[KnownProcess]:
        supervisor = "holder" if self._node.runtime == "docker" else "shim"
        services = [(each.name, each.pid) for each in live.services] or [(APP, live.child_pid)]
        return [KnownProcess(live.shim_pid, supervisor, 1)] + [
            KnownProcess(pid, self._called(name), 2, self._node.containers.get(name, "")) for name, pid in services
        ]

    def _called(self, service: str) -> str:
        return f"container {service}" if self._node.runtime == "docker" else service

    def storage(self) -> NodeStorage:
        """Generations, rollback points and what the folders hold. What cannot be read is told in it.

        Points and folders hold many files: they are counted again only when points came or went, or after `COUNTED_S`.
        """
        now = self._clock()
        generations: tuple[GenerationOnDisk, ...] = ()
        problem = ""
        try:
            inventory = Inventory.of(self._node)
            generations = tuple(_generation(each) for each in inventory.generation_documents())
            mark = (_names_in(self._node.points_dir), now // COUNTED_S)
            if self._points is None or self._points[0] != mark:
                self._points = (mark, tuple(_point(each) for each in inventory.point_documents()))
        except (ConsoleError, OSError) as error:
            problem = str(error)
        if self._disk is None or now - (self._disk.measured_at or 0.0) > COUNTED_S:
            self._disk = self._counted()
        points = () if self._points is None else self._points[1]
        return NodeStorage(now, generations, points, self._with_room(self._disk), problem)

    def _with_room(self, disk: DiskUse) -> DiskUse:
        """With the room that the data's file system has now, which costs nothing to ask."""
        try:
            space = os.statvfs(self._node.home)
        except OSError as error:
            why = f"{untrusted(self._node.home)} cannot be looked at: {error.strerror or error}"
            return replace(disk, problem=why)
        return replace(disk, free_bytes=space.f_bavail * space.f_frsize, total_bytes=space.f_blocks * space.f_frsize)

    def _counted(self) -> DiskUse:
        node, until = self._node, time.monotonic() + COUNTING_S
        # The largest last, so that the time is not over before the others are counted; shown it comes first.
        folders = (("points", node.points_dir), ("state", node.state_dir), *self._data(), ("home", node.home))
        sizes = tuple(_size_of(name, path, until) for name, path in folders)
        return DiskUse(None, None, (sizes[-1], *sizes[:-1]), self._clock())

    def _data(self) -> Sequence[tuple[str, Path]]:
        try:
            folders = shape_of(self._node).data_folders()
        except NodeError:
            return ()
        return [(str(untrusted(folder.relative_to(self._node.home))), folder) for folder in folders]

    def timeline(self, newest: int = 200) -> tuple[JournalEntry, ...]:
        """The newest entries of the journal, newest first; none when there is no journal. Raises JournalError."""
        with reading(self._node) as journal:
            events = [] if journal is None else journal.newest_events(newest)
        entries = (journal_entry(event_entry(event)) for event in events)
        return tuple(entry for entry in entries if entry is not None)


def _names_in(folder: Path) -> tuple[str, ...]:
    try:
        return tuple(sorted(os.listdir(folder)))
    except OSError:
        return ()


def _size_of(name: str, path: Path, until: float) -> FolderSize:
    """Bytes on disk below a folder, as far as `until` (monotonic seconds) lets us count; each file once."""
    seen: set[tuple[int, int]] = set()
    total, whole = 0, True
    try:
        total += os.lstat(path).st_blocks * 512
        for status in _below(path):
            if status.st_nlink == 1 or (status.st_dev, status.st_ino) not in seen:
                if status.st_nlink > 1:
                    seen.add((status.st_dev, status.st_ino))
                total += status.st_blocks * 512
            if time.monotonic() > until:
                whole = False
                break
    except FileNotFoundError:
        return FolderSize(name, untrusted(path), 0)
    except OSError:
        return FolderSize(name, untrusted(path), None)
    return FolderSize(name, untrusted(path), total, whole)


def _below(folder: Path) -> Iterator[os.stat_result]:
    """Everything below a folder; what vanishes meanwhile is left out, what cannot be entered too."""
    waiting = [os.fspath(folder)]
    while waiting:
        try:
            entries = os.scandir(waiting.pop())
        except OSError:
            continue
        with entries:
            for entry in entries:
                try:
                    yield entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                except OSError:
                    continue


def _generation(document: dict[str, Any]) -> GenerationOnDisk:
    return GenerationOnDisk(
        name=UntrustedText(document["name"]),
        current=document["current"],
        complete=document["complete"],
        sha256=document["sha256"],
        origin=UntrustedText(document["origin"]),
        missing=tuple(document["missing"]),
        manifest=document["manifest"],
        signatures=document["signatures"],
        staged_at=document["staged_at"],
        bytes=document["bytes"],
        problem=document["problem"],
    )


def _point(document: dict[str, Any]) -> PointOnDisk:
    return PointOnDisk(
        name=UntrustedText(document["name"]),
        complete=document["complete"],
        sentence=document["sentence"],
        set_aside=document.get("set_aside", False),
        taken_at=document.get("taken_at"),
        app_height=document.get("app_height"),
        generation=document.get("generation", ""),
        method=document.get("method", ""),
        apparent_bytes=document.get("apparent_bytes"),
        own_bytes=document.get("own_bytes"),
        exact=document.get("exact", True),
    )
