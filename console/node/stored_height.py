"""Where application and block store of a stopped node stand, by what their databases say."""

from __future__ import annotations

import re
from pathlib import Path

from console.errors import NodeError
from console.node.level_db import newest_value

DATABASE = "application.db"
BLOCKS = "blockstore.db"
_NEWEST = b"s/latest"
"""Written with the last step of each commit, with an fsync (`rootmulti.Store`, cosmossdk.io/store)."""
_STORE = b"blockStore"
"""A `BlockStoreState` of base and height, written with each block (CometBFT store/store.go)."""


def stored_height_of_sdk(data: Path) -> int:
    """The height that a Cosmos SDK application has committed; 0 before its first.

    Args:
        data: The stopped node's `data`.

    Raises:
        NodeError: It is not known: there is no such database, it is of another kind (pebbledb, rocksdb), or damaged.
    """
    folder = data / DATABASE
    value = _value(folder, _NEWEST)
    if not value:
        return 0
    if value[0] != 0x08 or len(value) > 11:
        raise _odd(folder)
    return _number(value[1:])


def stored_blocks_of_sdk(data: Path) -> int:
    """The newest block in CometBFT's block store, executed or not; 0 before its first.

    Args:
        data: The stopped node's `data`.

    Raises:
        NodeError: As `stored_height_of_sdk`.
    """
    folder = data / BLOCKS
    value = _value(folder, _STORE)
    numbers = re.fullmatch(rb"(?:\x08[\x80-\xff]{0,9}[\x00-\x7f])?(?:\x10([\x80-\xff]{0,9}[\x00-\x7f]))?", value, re.S)
    if numbers is None:
        raise _odd(folder)
    return _number(numbers[1] or b"\0")


def _value(folder: Path, key: bytes) -> bytes:
    if not (folder / "CURRENT").is_file():
        raise NodeError(f"there is no database {folder}", safe="nothing was read")
    value = newest_value(folder, key)
    if value is None:
        raise NodeError(f"{folder} does not say which height is newest", safe="it was only read")
    return value


def _odd(folder: Path) -> NodeError:
    return NodeError(f"{folder} says its height in a way that is not known", safe="it was only read")


def _number(varint: bytes) -> int:
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(varint))
