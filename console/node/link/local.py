"""The way to a controller of this machine: its socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from console.errors import ControllerDown
from console.node import protocol
from console.node.link.socket_path import socket_path


class LocalLink:
    """`console.node.link.link.Link` on this machine.

    Args:
        state_dir: The controller's folder.
        unit: The operator's own unit that runs the node without a controller, where the settings name one.
    """

    def __init__(self, state_dir: Path, unit: str = "") -> None:
        self._run_dir = state_dir / "run"
        self._unit = unit

    @property
    def slack_s(self) -> float:
        """Nothing: a socket of this machine answers at once or not at all."""
        return 0.0

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[LocalStream]:
        """Connect to the socket. Raises ControllerDown."""
        try:
            with socket_path(self._run_dir) as path:
                reader, writer = await asyncio.open_unix_connection(path, limit=protocol.MAX_LINE)
        except OSError as error:
            raise down_in(self._run_dir, self._unit) from error
        try:
            yield LocalStream(reader, writer, self._run_dir)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def carried(self, file: Path) -> Path:
        """The file itself: the controller looks at its bytes."""
        return file.absolute()

    def silent(self, what: str, seconds: float) -> ControllerDown:
        """What to tell when the controller is there and does not answer."""
        return ControllerDown(
            f"the controller did not answer {what} within {seconds:g} seconds",
            safe="the node itself goes on as it was",
            next_step="look at the controller's log",
        )


class LocalStream:
    """One connection to the socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, run_dir: Path) -> None:
        self._reader = reader
        self._writer = writer
        self._run_dir = run_dir

    async def send(self, message: bytes) -> None:
        """Send one line. Raises ControllerDown: it ended between connecting and writing."""
        try:
            self._writer.write(message)
            await self._writer.drain()
        except OSError as error:
            raise down_in(self._run_dir) from error

    async def line(self) -> bytes:
        """The next line. Raises ControllerDown: it ended, or sent a line that is too long."""
        try:
            found = await self._reader.readline()
        except (OSError, ValueError) as error:
            raise down_in(self._run_dir) from error
        if not found:
            raise down_in(self._run_dir)
        return found


def down_in(run_dir: Path, unit: str = "") -> ControllerDown:
    """What to tell when no controller answers in its folder, and what runs the node where there never is one."""
    if unit:
        # Never to be started beside it: two of one node could sign twice.
        return ControllerDown(
            f"no controller runs this node, its unit {unit} does",
            safe="its log is in the unit's journal",
            next_step=f"see `systemctl status {unit}`",
        )
    return ControllerDown(
        f"no controller answers in {run_dir}",
        safe="a running node goes on without it",
        next_step="start it with `upgrade-console node run`",
    )
