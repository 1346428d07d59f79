"""`upgrade-info.json` as the controller sees it: the halt of a chain that stops its nodes by itself."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

from console.node.chain_halt import ChainHalt
from console.node.cosmovisor.upgrade_info import FILE_NAME, PlanFile, read_plan
from console.node.cosmovisor.watch import DATA_FOLDER, PlanWatcher
from console.node.journal import Journal
from console.text import untrusted

_PLANNED = "plan_written_ahead"
_MAX_INFO = 1 << 16


class FileHalts:
    """`console.node.chain_halt.ChainHalts` on a home's plan file.

    Args:
        home: The node's home.
        journal: Knows which plan we wrote ahead of time on the operator's word.
    """

    def __init__(self, home: Path, journal: Journal) -> None:
        self._home = home
        self._path = home / DATA_FOLDER / FILE_NAME
        self._journal = journal
        self._last: ChainHalt | None = None

    async def changes(self) -> AsyncIterator[None]:
        """Yields now, then each time that the file may have been written, and every few seconds; never ends."""
        async with PlanWatcher(self._home) as watcher:
            async for _ in watcher.touches():
                yield

    def look(self) -> ChainHalt | None:
        """What the file says now; what it said before while it is half written; None when there is none."""
        # Before the content: whoever writes in between is seen at the next look, and not with an older time.
        try:
            found = self._path.stat()
        except OSError:
            self._last = None
            return None
        plan = read_plan(self._path)
        if plan is None:
            self._last = None
        elif isinstance(plan, PlanFile):
            self._last = ChainHalt(
                name=plan.shown_name,
                height=plan.height,
                info=untrusted(plan.info, _MAX_INFO),
                written_at=found.st_mtime,
                by_operator=written_ahead(self._journal, plan.name, plan.height, found.st_mtime_ns),
            )
        return self._last


def note_written_ahead(journal: Journal, name: str, height: int, mtime_ns: int | None = None) -> None:
    """Keep that we write this plan ahead of its height: it is no sign of a halt.

    Args:
        journal: Of the node.
        name: The plan's.
        height: H.
        mtime_ns: Of the file, once it is written: when the node writes the same plan at its halt, that one is newer.
            None before it is written.

    Raises:
        JournalError: It is not kept.
    """
    journal.set_meta(_PLANNED, json.dumps([name.lower(), height, mtime_ns]))


def written_ahead(journal: Journal, name: str, height: int, mtime_ns: int | None = None) -> bool:
    """Whether a plan is there by our hand.

    Args:
        journal: Of the node.
        name: The plan's.
        height: H.
        mtime_ns: Of the file; None: whoever wrote it last.
    """
    kept = journal.meta(_PLANNED)
    if not kept:
        return False
    of_name, of_height, *at = json.loads(kept)
    if (of_name, of_height) != (name.lower(), height):
        return False
    # Killed between the file and this note: nobody can tell who wrote it last, so that it is no sign.
    return mtime_ns is None or not at or at[0] is None or at[0] == mtime_ns
