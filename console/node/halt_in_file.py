"""Arming through `local.toml`, for a node whose environment is not ours: a wrapper that clears it (DESIGN §4.5).

Two steps: what was there is in the journal before the file is touched, and is put back with the first start that is
not armed. The file beats `default.toml`, and is read once, at the node's start (facts/ipc.md §1.4).
"""

from __future__ import annotations

import json
from pathlib import Path

from console.errors import JournalError
from console.node.journal import Journal
from console.node.local_toml import UndoRecord, plan_edit, restore

_KEY = "local_toml"


class HaltInFile:
    """Keeps the halt height of the next start in the file.

    Args:
        folder: Fendermint's settings folder.
        journal: Where the way back is durable first.
    """

    def __init__(self, folder: Path, journal: Journal) -> None:
        self._folder = folder
        self._journal = journal

    def set(self, height: int) -> None:
        """Make the file say the height of the start that follows; 0 is what it said before we came.

        Raises:
            NodeError: Somebody else edited the file, or it cannot be written; the node must not be started.
            JournalError: What was kept of the file cannot be read, or cannot be written.
        """
        self._put_back()
        if height:
            edit = plan_edit(self._folder, height)
            self._journal.set_meta(_KEY, json.dumps(edit.undo.to_json()))
            edit.write()

    def _put_back(self) -> None:
        kept = self._journal.meta(_KEY)
        if not kept:
            return
        try:
            document = json.loads(kept)
        except ValueError as error:
            raise JournalError(
                "what the journal keeps of local.toml cannot be read", safe="it was not touched"
            ) from error
        restore(UndoRecord.from_json(document))
        self._journal.set_meta(_KEY, "")
