"""How a socket is named to the kernel, whose names for them are short."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from console.node.protocol import SOCKET_NAME

_SHORT_PATH = 100
"""Longest socket path given to the kernel directly; its own limit is 108 bytes on Linux and 104 on macOS."""


@contextmanager
def socket_path(run_dir: Path) -> Iterator[str]:
    """A path by which the controller's socket can be connected to meanwhile. Raises OSError."""
    path = str(run_dir / SOCKET_NAME)
    if len(path.encode()) <= _SHORT_PATH:
        yield path
        return
    folder = os.open(run_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{SOCKET_NAME}"
    finally:
        os.close(folder)
