"""`node pipe`: this machine's end of a way that another machine opened by SSH, between its stdio and our controller.

Whoever gets here was let in by sshd as this user, and gets what this user has on the controller's socket: the
controller names him in its journal. Over a key with `command="…",restrict` in `authorized_keys` he gets nothing else.
"""

from __future__ import annotations

import hashlib
import os
import selectors
import shutil
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from console import __version__
from console.errors import ConsoleError, NodeError
from console.files import sha256_of, sync_folder
from console.node.link.local import down_in
from console.node.link.pipe import TAKE, Answer, Wish, read_wish
from console.node.link.socket_path import socket_path
from console.node.protocol import MAX_LINE
from console.settings import NodeSettings

CARRIED = "carried"
"""Folder of what was carried here, in the controller's state folder."""

_CHUNK = 1 << 16
_MARGIN_BYTES = 256 << 20
_KEPT_S = 7 * 86400.0

Read = Callable[[int], bytes]
Write = Callable[[bytes], None]


def serve(node: NodeSettings, read: int, write: int) -> int:
    """Answer one client; 0 when it got what it wanted.

    Args:
        node: Whose controller is meant.
        read: Descriptor of what the client says.
        write: Descriptor of what it hears.
    """
    first, rest = _first_line(read)
    if not first:
        return 0
    try:
        wish = read_wish(first)
        if wish.want == TAKE:
            return _take(node, wish, _after(rest, read), lambda content: _write_all(write, content))
        with _connected(node) as connection:
            _write_all(write, Answer(__version__).line())
            connection.sendall(rest)
            _join(connection, read, write)
    except ConsoleError as error:
        _write_all(write, Answer(__version__, error=str(error)).line())
        return 1
    except OSError:
        # The client went: nobody is left to be told.
        return 1
    return 0


def _first_line(read: int) -> tuple[bytes, bytes]:
    """The client's first line, and what came after it; empty when it said nothing whole."""
    found = b""
    while b"\n" not in found and len(found) <= MAX_LINE:
        if not (more := os.read(read, _CHUNK)):
            return b"", b""
        found += more
    line, _, rest = found.partition(b"\n")
    return line, rest


def _connected(node: NodeSettings) -> socket.socket:
    """The controller's socket. Raises ControllerDown."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        with socket_path(node.state_dir / "run") as path:
            connection.connect(path)
    except OSError as error:
        connection.close()
        raise down_in(node.state_dir / "run") from error
    return connection


def _join(connection: socket.socket, read: int, write: int) -> None:
    """Pass bytes on until either side ends; what the controller was asked for goes on without us."""
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        selector.register(read, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is connection:
                    if not (answered := connection.recv(_CHUNK)):
                        return
                    _write_all(write, answered)
                else:
                    if not (asked := os.read(read, _CHUNK)):
                        return
                    connection.sendall(asked)


# --- files ---


def _take(node: NodeSettings, wish: Wish, read: Read, say: Write) -> int:
    folder = node.state_dir / CARRIED
    target = folder / wish.sha256
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _forget_old(folder)
        if not (target.is_file() and sha256_of(target) == wish.sha256):
            _refuse_full(folder, wish.size)
            say(Answer(__version__).line())
            _receive(target, wish, read)
    except OSError as error:
        raise NodeError(
            f"the file cannot be kept in {folder}: {error.strerror or error}", safe="nothing was changed"
        ) from error
    say(Answer(__version__, path=str(target.absolute())).line())
    return 0


def _receive(target: Path, wish: Wish, read: Read) -> None:
    """Raises OSError, and NodeError: other bytes came than were promised."""
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    digest = hashlib.sha256()
    left = wish.size
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as stream:
            while left and (chunk := read(min(left, _CHUNK))):
                digest.update(chunk)
                stream.write(chunk)
                left -= len(chunk)
            stream.flush()
            os.fsync(stream.fileno())
        if left or digest.hexdigest() != wish.sha256:
            what = f"{left} bytes of the file did not come" if left else "other bytes came than were promised"
            raise NodeError(what, safe="nothing of it is used", next_step="do it again")
        beside.replace(target)
        sync_folder(target.parent)
    finally:
        beside.unlink(missing_ok=True)


def _refuse_full(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < size + _MARGIN_BYTES:
        raise NodeError(
            f"{folder} has {free} bytes free, and the file needs {size}",
            safe="nothing was changed",
            next_step="make room",
        )


def _forget_old(folder: Path) -> None:
    """What was carried here is copied by the controller when it is staged; after a week it is not needed."""
    for each in folder.iterdir():
        with suppress(OSError):
            if time.time() - each.stat().st_mtime > _KEPT_S:
                each.unlink()


def _after(rest: bytes, read: int) -> Read:
    """Reading that begins with what had come already."""
    left = bytearray(rest)

    def more(size: int) -> bytes:
        if left:
            found = bytes(left[:size])
            del left[:size]
            return found
        return os.read(read, size)

    return more


def _write_all(write: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(write, view) :]
