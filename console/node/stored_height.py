"""Where the application of a stopped node stands, by what its database says."""

from __future__ import annotations

from pathlib import Path

from console.errors import NodeError
from console.node.level_db import newest_value

DATABASE = "application.db"
_NEWEST = b"s/latest"
"""Written with the last step of each commit, with an fsync (`rootmulti.Store`, cosmossdk.io/store)."""


def stored_height_of_sdk(data: Path) -> int:
    """The height that a Cosmos SDK application has committed; 0 before its first.

    Args:
        data: The stopped node's `data`.

    Raises:
        NodeError: It is not known: there is no such database, it is of another kind (pebbledb, rocksdb), or damaged.
    """
    folder = data / DATABASE
    if not (folder / "CURRENT").is_file():
        raise NodeError(f"there is no database {folder}", safe="nothing was read")
    value = newest_value(folder, _NEWEST)
    if value is None:
        raise NodeError(f"{folder} does not say which height is committed", safe="it was only read")
    if not value:
        return 0
    if value[0] != 0x08 or len(value) > 11:
        raise NodeError(f"{folder} says its height in a way that is not known", safe="it was only read")
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(value[1:]))
