"""Where copies are kept that lead back from what was changed beside the node."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import quote

from console.settings import NetworkSettings, state_folder

Backed = Literal["provider", "model", "chain"]


def backups_folder(network: NetworkSettings, what: Backed) -> Path:
    """A folder for each copy goes into it; names sort by time."""
    root = state_folder() if network.folder is None else network.folder
    return root / "kept" / quote(network.name, safe="") / what
