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

    async def changes(self) -> AsyncIterator[ChainHalt | None]:
        """The file's content now, then at each change that is a plan; never ends."""
        known = read_plan(self._path)
        first = known if isinstance(known, PlanFile) else None
        yield None if first is None else self._halt(first)
        async with PlanWatcher(self._home, known=first) as watcher:
            async for plan in watcher:
                yield self._halt(plan)

    def _halt(self, plan: PlanFile) -> ChainHalt:
        try:
            written_at = self._path.stat().st_mtime
        except OSError:
            # Replaced between the two looks: then the next one comes.
            written_at = 0.0
        return ChainHalt(
            name=plan.shown_name,
            height=plan.height,
            info=untrusted(plan.info, 1 << 16),
            written_at=written_at,
            by_operator=self._journal.meta(_PLANNED) == _word(plan.name, plan.height),
        )


def note_written_ahead(journal: Journal, name: str, height: int) -> None:
    """Keep that we are about to write this plan ahead of its height: it is no sign of a halt. Raises JournalError."""
    journal.set_meta(_PLANNED, _word(name, height))


def _word(name: str, height: int) -> str:
    return json.dumps([name.lower(), height])
