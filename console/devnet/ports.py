"""Loopback ports: chosen once, kept for the life of a devnet, never those of another devnet of this user.

The range lies below the kernel's range for outgoing connections, or such a connection could take a node's port while
the node restarts (facts/build.md, Tests).
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from console.errors import DevnetError
from console.files import write_durably

LOOPBACK = "127.0.0.1"
FIRST_PORT = 20000
LAST_PORT = 32000


class PortBook:
    """The ports that this user's devnets keep, shared by all of them.

    Args:
        folder: Where `ports.lock` and `ports.json` are: `console.settings.state_folder()`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def reserve(self, count: int, owner: Path) -> tuple[int, ...]:
        """Choose ports that are free and that no devnet keeps, and keep them for `owner` in place of its older ones.

        Args:
            count: How many.
            owner: The devnet's folder; a reservation lapses when the folder is gone.

        Raises:
            DevnetError: There are not enough free ports, or the book cannot be written.
        """
        with self._open() as kept:
            kept.pop(str(owner), None)
            chosen = _choose(count, kept)
            kept[str(owner)] = chosen
            return tuple(chosen)

    def reserve_more(self, count: int, owner: Path) -> tuple[int, ...]:
        """Choose and keep further ports for an owner, beside those that it has.

        Raises:
            DevnetError: There are not enough free ports, or the book cannot be written.
        """
        with self._open() as kept:
            chosen = _choose(count, kept)
            kept[str(owner)] = [*kept.get(str(owner), []), *chosen]
            return tuple(chosen)

    def give_back(self, owner: Path) -> None:
        """Forget the ports of a devnet that is wiped.

        Raises:
            DevnetError: The book cannot be written.
        """
        with self._open() as kept:
            kept.pop(str(owner), None)

    @contextmanager
    def _open(self) -> Iterator[dict[str, list[int]]]:
        book = self._folder / "ports.json"
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self._folder / "ports.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DevnetError(f"cannot keep ports in {self._folder}: {error.strerror or error}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            kept = {owner: ports for owner, ports in _read(book).items() if Path(owner).is_dir()}
            yield kept
            try:
                write_durably(book, json.dumps(kept, indent=1, sort_keys=True).encode())
            except OSError as error:
                raise DevnetError(f"cannot write {book}: {error.strerror or error}") from error
        finally:
            os.close(lock)


def _choose(count: int, kept: Mapping[str, list[int]]) -> list[int]:
    taken = {port for ports in kept.values() for port in ports}
    chosen: list[int] = []
    span = LAST_PORT - FIRST_PORT
    start = random.SystemRandom().randrange(span)
    for step in range(span):
        port = FIRST_PORT + (start + step) % span
        if port not in taken and is_free(port):
            chosen.append(port)
            if len(chosen) == count:
                return chosen
    raise DevnetError(
        f"only {len(chosen)} of the {count} ports that a devnet needs are free between {FIRST_PORT} and {LAST_PORT}",
        safe="nothing was started",
        next_step="stop what listens there or wipe old devnets",
    )


def _read(book: Path) -> dict[str, list[int]]:
    # A lost or broken book only means that a stopped devnet's ports may be chosen again; `up` then names the clash.
    try:
        document = json.loads(book.read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(document, dict):
        return {}
    return {
        str(owner): [port for port in ports if isinstance(port, int)]
        for owner, ports in document.items()
        if isinstance(ports, list)
    }


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As every server here does it: old connections in TIME_WAIT do not count as a holder.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def holder_of(port: int) -> str | None:
    """Who listens on a port, as `name (pid N)`; None when that cannot be told."""
    import psutil

    try:
        for connection in psutil.net_connections(kind="tcp"):
            address = connection.laddr
            if address and address.port == port and connection.status == psutil.CONN_LISTEN and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except (psutil.Error, OSError):
        return None
    return None


def require_free(ports: Mapping[int, str]) -> None:
    """Check that kept ports are free.

    Args:
        ports: Port → what it is for, in words.

    Raises:
        DevnetError: One is taken; names it, its purpose and, when it can be told, its holder.
    """
    for port, purpose in ports.items():
        if not is_free(port):
            holder = holder_of(port)
            raise DevnetError(
                f"port {port}, kept for {purpose}, is taken by {holder or 'another process'}",
                safe="nothing was started",
                next_step="stop that process, or wipe the devnet with `upgrade-console devnet down --wipe`",
            )
