"""What a client needs of a way to a controller: lines each way, and files that the controller can read."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from console.errors import ControllerDown


class Stream(Protocol):
    """One connection to a controller's socket."""

    async def send(self, message: bytes) -> None:
        """Send one line. Raises ControllerDown: the other end is gone, in the words of this way."""
        ...

    async def line(self) -> bytes:
        """The next line, not longer than `protocol.MAX_LINE`. Raises ControllerDown."""
        ...


class Link(Protocol):
    """A way to one controller."""

    @property
    def slack_s(self) -> float:
        """Seconds that a connection may take before the controller can begin to answer."""
        ...

    def opened(self) -> AbstractAsyncContextManager[Stream]:
        """Connect; closed at the end. Raises ControllerDown, or NodeError where what answers is not understood."""
        ...

    async def carried(self, file: Path) -> Path:
        """Where the controller can read a file of this machine: there it is carried, where it has to be.

        Its bytes are compared where they arrive.

        Raises:
            ControllerDown: The way there was lost; what had arrived is not used.
            NodeError: It cannot be read, or the other machine refused it.
        """
        ...

    def silent(self, what: str, seconds: float) -> ControllerDown:
        """What to tell when an answer did not come in time."""
        ...
