"""The server side of the controller's socket: who may ask what (DESIGN §1, facts/safety.md §4)."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from console.errors import ConsoleError, HeldByOther, NodeError
from console.model import NodeStatus
from console.node import protocol
from console.node.bell import Bell
from console.node.controller import Controller
from console.node.journal import Journal
from console.text import untrusted

_LOG = logging.getLogger(__name__)

_MAX_LOG_LINES = 500
_MAX_LINE_SHOWN = 1000


class ControllerService:
    """Answers on `run/control.sock`.

    Args:
        run_dir: The controller's `run` folder, mode 0700.
        controller: Who acts.
        journal: For events.
        bell: Rings when the status may have changed.
    """

    def __init__(self, run_dir: Path, controller: Controller, journal: Journal, bell: Bell) -> None:
        self._run_dir = run_dir
        self._controller = controller
        self._journal = journal
        self._server: asyncio.Server | None = None
        self._bell = bell
        self._connections: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Begin to answer.

        Raises:
            HeldByOther: Another controller answers there.
            OSError: The socket cannot be made.
        """
        path = self._run_dir / protocol.SOCKET_NAME
        self._run_dir.chmod(0o700)
        folder = os.open(self._run_dir, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # Through the descriptor, because a socket path has at most 108 bytes.
            name = f"/proc/self/fd/{folder}/{protocol.SOCKET_NAME}"
            with socket.socket(socket.AF_UNIX) as probe:
                try:
                    probe.connect(name)
                    raise HeldByOther(f"another controller answers on {path}")
                except OSError:
                    path.unlink(missing_ok=True)
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(name)
        finally:
            os.close(folder)
        path.chmod(0o600)
        listener.listen(16)
        listener.setblocking(False)
        self._server = await asyncio.start_unix_server(self._connected, sock=listener, limit=protocol.MAX_LINE)

    async def close(self) -> None:
        """Stop answering."""
        if self._server is not None:
            self._server.close()
        for task in list(self._connections):
            task.cancel()
        for task in list(self._connections):
            with suppress(asyncio.CancelledError):
                await task
        (self._run_dir / protocol.SOCKET_NAME).unlink(missing_ok=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            if _peer_uid(writer) not in {os.getuid(), 0}:
                return
            while line := await reader.readline():
                await self._answer(line, reader, writer)
        except (OSError, ValueError):
            # A client that went away, or a line over the limit: its own connection ends, nothing else.
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _answer(self, line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = protocol.decode(line)
        except NodeError as error:
            await _send(writer, {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": str(error)}})
            return
        number = request.get("id")
        method = request.get("method")
        parameters = request.get("params")
        if not isinstance(parameters, dict):
            parameters = {}
        if method == "subscribe":
            await self._stream(reader, writer)
            return
        handlers: dict[str, Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]] = {
            "status": self._status,
            "start": self._start,
            "stop": self._stop,
            "restart": self._restart,
            "add_upgrade": self._add_upgrade,
            "logs": self._logs,
            "events": self._events,
        }
        handler = handlers.get(str(method))
        if handler is None:
            problem = {"code": -32601, "message": f"the controller does not know {untrusted(method)}"}
            await _send(writer, {"jsonrpc": "2.0", "id": number, "error": problem})
            return
        try:
            result = await handler(parameters)
        except (ConsoleError, OSError, TypeError, ValueError) as error:
            problem = {"code": protocol.REFUSED, "message": str(error)}
            await _send(writer, {"jsonrpc": "2.0", "id": number, "error": problem})
            return
        await _send(writer, {"jsonrpc": "2.0", "id": number, "result": result})

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Tell every change until the subscriber goes; when nothing changes, only its silence tells that it went."""
        tasks = [asyncio.create_task(self._tell(writer)), asyncio.create_task(_end_of(reader))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, OSError):
                _LOG.error("a subscriber's stream ended: %s", result)
        raise ConnectionResetError("the stream ended")

    async def _tell(self, writer: asyncio.StreamWriter) -> None:
        sent: NodeStatus | None = None
        with self._bell.listen() as changed:
            while not writer.is_closing():
                await changed.wait()
                changed.clear()
                status = self._controller.status()
                if status != sent:
                    sent = status
                    params = protocol.status_to_json(status)
                    await _send(writer, {"jsonrpc": "2.0", "method": "status", "params": params})

    async def _status(self, _: dict[str, Any]) -> dict[str, Any]:
        return protocol.status_to_json(self._controller.status())

    async def _start(self, _: dict[str, Any]) -> dict[str, Any]:
        _LOG.info("the operator asks: start")
        return protocol.status_to_json(await self._controller.start())

    async def _stop(self, _: dict[str, Any]) -> dict[str, Any]:
        _LOG.info("the operator asks: stop")
        return protocol.status_to_json(await self._controller.stop())

    async def _restart(self, _: dict[str, Any]) -> dict[str, Any]:
        _LOG.info("the operator asks: restart")
        return protocol.status_to_json(await self._controller.restart())

    async def _add_upgrade(self, parameters: dict[str, Any]) -> dict[str, Any]:
        path = Path(str(parameters.get("path", "")))
        name = str(untrusted(parameters.get("name", "")))
        _LOG.info("the operator gives %s for %s", untrusted(path), name)
        return protocol.status_to_json(await self._controller.add_upgrade(name, path))

    async def _logs(self, parameters: dict[str, Any]) -> dict[str, Any]:
        source = parameters.get("source")
        if source not in {"node", "controller"}:
            raise NodeError("logs are of the node or of the controller")
        count = min(max(1, int(parameters.get("lines", 100))), _MAX_LOG_LINES)
        return {"lines": tail(self._run_dir / f"{source}.log", count)}

    async def _events(self, parameters: dict[str, Any]) -> dict[str, Any]:
        events = self._journal.events(int(parameters.get("since", 0)), 100)
        # The oldest that fit: the next page begins after the last of them.
        return {"events": protocol.newest_that_fit(events[::-1])[::-1]}


def tail(path: Path, lines: int) -> list[str]:
    """The last lines of a log, each made safe to show and cut at a thousand characters."""
    budget = min(lines * 400, protocol.MAX_LINE // 2)
    try:
        with path.open("rb") as stream:
            end = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, end - budget))
            raw = stream.read(budget).splitlines()
    except FileNotFoundError:
        return []
    if end > budget and len(raw) > 1:
        raw = raw[1:]
    return protocol.newest_that_fit([str(untrusted(line, _MAX_LINE_SHOWN)) for line in raw[-lines:]])


def _peer_uid(writer: asyncio.StreamWriter) -> int:
    """User id of the process at the other end, by the kernel's word and not by file modes."""
    peer: socket.socket = writer.get_extra_info("socket")
    raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", raw)[1])


async def _end_of(reader: asyncio.StreamReader) -> None:
    while await reader.read(1024):
        pass


async def _send(writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
    writer.write(protocol.encode(message))
    await writer.drain()
