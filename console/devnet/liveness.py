"""Whether a devnet runs, told before the first frame: from its record and one look at one process."""

from __future__ import annotations

import json
from pathlib import Path

from console.devnet.layout import KIND, SCHEMA, Layout
from console.devnet.process_identity import ProcessIdentity, is_alive


def surely_runs(folder: Path) -> bool:
    """Whether the devnet of this folder is up. False leaves it open: `console.devnet.network.is_running` knows.

    Args:
        folder: As the operator wrote it.
    """
    layout = Layout.of(folder)
    try:
        document = json.loads(layout.record.read_bytes())
    except (OSError, ValueError):
        return False
    match document:
        case {"kind": kind, "schema": schema, "folder": created, "up": True, "processes": dict(processes)}:
            ours = kind == KIND and schema == SCHEMA and created == str(layout.folder)
            identities = (ProcessIdentity.from_json(each) for each in processes.values())
            return ours and any(each is not None and is_alive(each) for each in identities)
    return False
