"""Whether folders can be written, looked at before a node is stopped that could not be started again."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

from console.errors import NodeError
from console.node.data_folders import real, shown

_REFUSES = frozenset({errno.EROFS, errno.EIO})
"""A file system that was mounted read-only, or that the kernel made so after an error."""


def refuse_read_only(folders: Iterable[Path]) -> None:
    """Refuse to touch a node whose folders the disk does not let us write; those that are absent are passed over.

    An unnamed file is asked for: after an error the kernel refuses writes while mount options still say that they are
    allowed, and neither `access` nor `statvfs` tells. Nothing is left behind.

    Raises:
        NodeError: A folder's file system is read-only or fails; it names the folder.
    """
    for folder in folders:
        try:
            os.close(os.open(real(folder), os.O_TMPFILE | os.O_WRONLY, 0o600))
        except OSError as error:
            # A file system without unnamed files, or without room or rights, tells in its own way where it matters.
            if error.errno in _REFUSES:
                raise NodeError(
                    f"{shown(folder)} cannot be written: {os.strerror(error.errno or 0).lower()}",
                    safe="the node was not touched",
                    next_step="see `dmesg` for what happened to that disk; a node that is stopped now does not come "
                    "back before it is mended",
                ) from error
