"""The client side of the controller's socket: what console, command line and devnet use."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from console.errors import ControllerDown, NodeError
from console.model import NodeStatus
from console.node import protocol

_SHORT_PATH = 100
"""Longest socket path given to the kernel directly; its own limit is 108 bytes on Linux and 104 on macOS."""

_COMMAND_DEADLINE_S = 90.0
"""Seconds for start, stop and restart: a stop may wait for the node's own grace."""


class NodeClient:
    """Talks to one node's controller.

    Args:
        state_dir: The controller's folder.
        deadline_s: Seconds for an answer to a question; commands have their own longer deadline.
    """

    def __init__(self, state_dir: Path, *, deadline_s: float = 2.0) -> None:
        self._run_dir = state_dir / "run"
        self._deadline_s = deadline_s

    async def status(self) -> NodeStatus:
        """The node's status now.

        Raises:
            ControllerDown: Nobody answers.
            NodeError: The answer is not understood.
        """
        return protocol.status_from_json(await self._ask("status", {}, self._deadline_s))

    async def start(self) -> NodeStatus:
        """Start the node; also ends STOPPED_BY_OPERATOR. Raises as `status`, and NodeError when refused."""
        return protocol.status_from_json(await self._ask("start", {}, _COMMAND_DEADLINE_S))

    async def stop(self) -> NodeStatus:
        """Stop the node until the operator starts it again. Raises as `start`."""
        return protocol.status_from_json(await self._ask("stop", {}, _COMMAND_DEADLINE_S))

    async def restart(self) -> NodeStatus:
        """Stop and start the node with the same binary and the same halt height. Raises as `start`."""
        return protocol.status_from_json(await self._ask("restart", {}, _COMMAND_DEADLINE_S))

    async def add_upgrade(self, name: str, binary: Path) -> NodeStatus:
        """Give the bytes of a plan's release by hand; they are checked against the chain's hash.

        Raises as `start`.
        """
        parameters = {"name": name, "path": str(binary.absolute())}
        return protocol.status_from_json(await self._ask("add_upgrade", parameters, _COMMAND_DEADLINE_S))

    async def log_tail(self, source: str, lines: int) -> list[str]:
        """Last lines of the `node` or `controller` log. Raises as `start`."""
        answer = await self._ask("logs", {"source": source, "lines": lines}, self._deadline_s)
        return [str(line) for line in answer.get("lines", [])]

    async def events(self, since: int = 0) -> list[dict[str, Any]]:
        """Journal events after sequence number `since`, oldest first. Raises as `start`."""
        answer = await self._ask("events", {"since": since}, self._deadline_s)
        return [event for event in answer.get("events", []) if isinstance(event, dict)]

    async def statuses(self) -> AsyncIterator[NodeStatus]:
        """One status at once, then one at each change.

        Raises:
            ControllerDown: Nobody answers, or the controller ended.
        """
        async with self._connection() as (reader, writer):
            writer.write(protocol.encode({"jsonrpc": "2.0", "id": 1, "method": "subscribe", "params": {}}))
            await writer.drain()
            while True:
                message = await self._read(reader)
                body = message.get("params") if message.get("method") == "status" else message.get("result")
                if isinstance(body, dict):
                    yield protocol.status_from_json(body)

    async def _ask(self, method: str, parameters: dict[str, Any], deadline_s: float) -> dict[str, Any]:
        try:
            async with asyncio.timeout(deadline_s), self._connection() as (reader, writer):
                writer.write(protocol.encode({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}))
                await writer.drain()
                message = await self._read(reader)
        except TimeoutError as error:
            raise ControllerDown(
                f"the controller did not answer {method} within {deadline_s:g} seconds",
                safe="the node itself goes on as it was",
                next_step="look at the controller's log",
            ) from error
        problem = message.get("error")
        if isinstance(problem, dict):
            raise NodeError(str(problem.get("message", "the controller refused")))
        result = message.get("result")
        if not isinstance(result, dict):
            raise NodeError("the controller's answer is not understood")
        return result

    async def _read(self, reader: asyncio.StreamReader) -> dict[str, Any]:
        try:
            line = await reader.readline()
        except (OSError, ValueError) as error:
            raise self._down() from error
        if not line:
            raise self._down()
        return protocol.decode(line)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        path = str(self._run_dir / protocol.SOCKET_NAME)
        folder = -1
        try:
            if len(path.encode()) > _SHORT_PATH:
                folder = os.open(self._run_dir, os.O_RDONLY | os.O_DIRECTORY)
                path = f"/proc/self/fd/{folder}/{protocol.SOCKET_NAME}"
            reader, writer = await asyncio.open_unix_connection(path, limit=protocol.MAX_LINE)
        except OSError as error:
            raise self._down() from error
        finally:
            if folder >= 0:
                os.close(folder)
        try:
            yield reader, writer
        except OSError as error:
            # The controller ended between connecting and writing.
            raise self._down() from error
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def _down(self) -> ControllerDown:
        return ControllerDown(
            f"no controller answers in {self._run_dir}",
            safe="a running node goes on without it",
            next_step="start it with `upgrade-console node run`",
        )
