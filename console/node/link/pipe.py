"""What is said over a pipe before the controller's own messages: the first line each way, and what it means.

A pipe is `upgrade-console … node pipe`, started by `ssh` on the machine of the controller. The client says first what
it wants; the pipe answers with one line, and passes bytes from then on. Both lines are JSON objects.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from console.errors import NodeError
from console.node import protocol
from console.text import untrusted

VERSION = 1
"""Of these two lines and of what follows them."""

CONTROL, TAKE = "control", "take"
"""The controller's socket; or a file."""

MAX_TAKEN = 8 << 30
"""Bytes of a file that a pipe takes at most."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_KEY = "upgrade-console-pipe"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client wants of a pipe."""

    want: str
    """`CONTROL` or `TAKE`."""
    sha256: str = ""
    """Of the file, 64 hex digits."""
    size: int = 0
    """Bytes of the file."""

    def line(self) -> bytes:
        """The client's first line."""
        taken = {"sha256": self.sha256, "size": self.size} if self.want == TAKE else {}
        return protocol.encode({_KEY: VERSION, "want": self.want, **taken})


def read_wish(line: bytes) -> Wish:
    """A client's first line.

    Raises:
        NodeError: It is none, or one of another version.
    """
    document = protocol.decode(line)
    if document.get(_KEY) != VERSION:
        raise NodeError(f"this console speaks version {VERSION} over a pipe, the other end another")
    want, sha256, size = document.get("want"), document.get("sha256", ""), document.get("size", 0)
    if want == CONTROL:
        return Wish(CONTROL)
    good = isinstance(sha256, str) and _SHA256.fullmatch(sha256) and isinstance(size, int)
    if want != TAKE or not good or not 0 < size <= MAX_TAKEN:
        raise NodeError("what is wanted of the pipe is not understood")
    return Wish(TAKE, sha256, size)


@dataclass(frozen=True, slots=True)
class Answer:
    """A pipe's first line."""

    console: str
    """Version of the console at the other end."""
    error: str = ""
    """Why nothing comes of it; empty otherwise."""
    path: str = ""
    """Of a file that is there, on the other machine; empty while its bytes are waited for."""

    def line(self) -> bytes:
        """As it is sent."""
        said: dict[str, Any] = {_KEY: VERSION, "console": self.console}
        said |= {"error": str(untrusted(self.error, 2000))} if self.error else {}
        return protocol.encode(said | ({"path": self.path} if self.path else {}))


def read_answer(line: bytes) -> Answer:
    """A pipe's answer.

    Raises:
        ValueError: It is none of a pipe that we know; the message is what it is instead.
    """
    try:
        document = protocol.decode(line)
    except NodeError:
        document = {}
    if _KEY not in document:
        raise ValueError(f"something else than the console answers there: {untrusted(line.strip(), 120)!r}")
    found = document[_KEY]
    if found != VERSION:
        raise ValueError(f"the console there speaks version {untrusted(found, 20)} over a pipe, this one {VERSION}")
    error, path = document.get("error", ""), document.get("path", "")
    return Answer(
        str(untrusted(document.get("console", ""), 40)),
        str(untrusted(error, 2000)) if isinstance(error, str) else "it refused",
        path if isinstance(path, str) and path.startswith("/") and str(untrusted(path, 4096)) == path else "",
    )
