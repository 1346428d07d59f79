"""The three system calls of inotify, by ctypes.

Of the maintained libraries, asyncinotify fits best and was left out: its import looks for libc by running `ldconfig`
(68 ms, and a process with no deadline), and what is needed here is one page. Not on macOS: `Inotify()` raises OSError.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

CLOSE_WRITE = 0x00000008
MOVED_FROM = 0x00000040
MOVED_TO = 0x00000080
CREATE = 0x00000100
DELETE = 0x00000200
DELETE_SELF = 0x00000400
MOVE_SELF = 0x00000800
ONLY_FOLDER = 0x01000000

_NONBLOCK_CLOEXEC = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)
_HEADER = struct.Struct("iIII")
_READ_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened in a watched folder."""

    watch: int
    """What `add` returned; -1 when events were lost."""
    mask: int
    name: str
    """Of the file in the folder; empty for the folder itself."""


class Inotify:
    """One inotify descriptor; `fileno` becomes readable when there are events.

    Raises:
        OSError: This system has none, or none is left for this user.
    """

    def __init__(self) -> None:
        if sys.platform != "linux":
            raise OSError(errno.ENOSYS, "there is no inotify on this system")
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._checked(self._libc.inotify_init1(_NONBLOCK_CLOEXEC))

    def fileno(self) -> int:
        """The descriptor to wait on; -1 after `close`."""
        return self._descriptor

    def add(self, folder: Path, mask: int) -> int:
        """Watch a folder; the same folder, by inode, gives the same number again. Raises OSError."""
        path = ctypes.c_char_p(os.fsencode(folder))
        return self._checked(self._libc.inotify_add_watch(self._descriptor, path, ctypes.c_uint32(mask)))

    def remove(self, watch: int) -> None:
        """Watch that folder no longer; one that is gone is no error."""
        self._libc.inotify_rm_watch(self._descriptor, watch)

    def events(self) -> list[Event]:
        """Everything that happened since the last call; never waits."""
        found: list[Event] = []
        while True:
            try:
                content = os.read(self._descriptor, _READ_BYTES)
            except BlockingIOError:
                return found
            offset = 0
            while offset < len(content):
                watch, mask, _, length = _HEADER.unpack_from(content, offset)
                offset += _HEADER.size
                name = content[offset : offset + length].split(b"\0", 1)[0]
                found.append(Event(watch, mask, os.fsdecode(name)))
                offset += length

    def close(self) -> None:
        """Give the descriptor back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    @staticmethod
    def _checked(result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result
