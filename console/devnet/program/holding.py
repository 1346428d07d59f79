"""What a process of a node holds while it lives: its home's lock and its ports."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path

from .config import Address
from .errors import NodeError


def bound_socket(address: Address, what: str) -> socket.socket:
    """A bound socket that does not listen yet: taken ports are told at once, and opened after the handshake.

    Raises:
        NodeError: The port is taken.
    """
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((address.host, address.port))
    except OSError as error:
        bound.close()
        raise NodeError(f"the {what} port {address} cannot be opened: {error.strerror or error}") from None
    return bound


def locked(path: Path) -> int:
    """A home's lock, held until the process ends: never two signers of one key. Raises NodeError."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise NodeError(f"another process runs the node in {path.parent.parent.parent}") from None
    except OSError as error:
        raise NodeError(f"{path} cannot be opened: {error.strerror or error}; the home is not complete") from None
    return descriptor
