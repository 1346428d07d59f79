"""Files that somebody else wrote: read bounded, never blocking, and a sentence instead of a traceback."""

from __future__ import annotations

import os
import stat
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from console.text import untrusted

MAX_BYTES = 4 << 20
"""Bytes read of a settings file; a larger one is not a settings file."""


@dataclass(frozen=True, slots=True)
class Document:
    """A settings file as it was found."""

    path: Path
    table: dict[str, Any] = field(default_factory=dict)
    """Empty when it is absent or not readable."""
    present: bool = False
    problem: str = ""
    """One sentence on why it could not be read; empty when it could, or is absent."""

    def get(self, *keys: str) -> Any:
        """The value under a path of keys; None when there is none."""
        return value_at(self.table, *keys)


def value_at(table: object, *keys: str) -> Any:
    """The value under a path of keys in nested tables; None when there is none."""
    for key in keys:
        if not isinstance(table, dict):
            return None
        table = table.get(key)
    return table


def read_bounded(path: Path | str, limit: int = MAX_BYTES) -> bytes:
    """Bytes of a regular file; a pipe or a device in its place is refused instead of waited for.

    Raises:
        OSError: It is not there, not a regular file, larger than `limit` bytes, or cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with os.fdopen(descriptor, "rb", buffering=0) as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path} is not a regular file")
        content = b""
        while len(content) <= limit and (piece := stream.read(limit + 1 - len(content))):
            content += piece
    if len(content) > limit:
        raise OSError(f"{path} is larger than {limit} bytes")
    return content


def read_toml(path: Path) -> Document:
    """Read a TOML file; what is wrong with it is in the document."""
    try:
        # TOML readers strip no byte order mark, and so does not the node's.
        table = tomllib.loads(read_bounded(path).decode("utf-8"))
    except FileNotFoundError:
        return Document(path)
    except (OSError, ValueError, RecursionError) as error:
        return Document(path, present=True, problem=f"{path} cannot be read: {untrusted(error)}")
    return Document(path, table, present=True)


def is_folder(path: Path) -> bool:
    """Whether there is a folder that we may see."""
    try:
        return path.is_dir()
    except OSError:
        return False


def is_file(path: Path) -> bool:
    """Whether there is a file that we may see."""
    try:
        return path.is_file()
    except OSError:
        return False


def names_in(folder: Path) -> tuple[str, ...]:
    """Names in a folder, sorted; empty when it is absent or closed to us."""
    try:
        return tuple(sorted(os.listdir(folder)))
    except OSError:
        return ()
