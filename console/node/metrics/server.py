"""`GET /metrics` on loopback; h11 reads and writes HTTP. What is asked here reaches no chain and changes nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from console.errors import JournalError
from console.text import untrusted

if TYPE_CHECKING:
    import h11

_LOG = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
PATH = "/metrics"
_DEADLINE_S = 10.0
"""Seconds that one question and its answer may take; a connection that only stays open costs as long."""
_MOST_CONNECTIONS = 16
_AGAIN_S = 10.0
"""Seconds until a port that was taken is tried again."""

Text = Callable[[str], Awaitable[tuple[bytes, str]]]
"""The metrics and their content type, for an Accept header. Raises JournalError."""


class MetricsServer:
    """Serves the metrics of one controller while `run` goes on.

    Args:
        port: On 127.0.0.1.
        text: Makes the answer.
    """

    def __init__(self, port: int, text: Text) -> None:
        self._port = port
        self._text = text
        self._open = 0

    async def run(self) -> None:
        """Serve until cancelled. Metrics are never a reason to leave a node alone: what goes wrong is said and tried
        again."""
        said = ""
        while True:
            try:
                server = await asyncio.start_server(self._connected, LOOPBACK, self._port, limit=16 << 10)
            except OSError as error:
                problem = f"no metrics on {LOOPBACK}:{self._port}: {error.strerror or error}"
                if problem != said:
                    said = problem
                    _LOG.warning("%s", problem)
                await asyncio.sleep(_AGAIN_S)
                continue
            _LOG.info("metrics on http://%s:%d%s", LOOPBACK, self._port, PATH)
            async with server:
                await server.serve_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._open >= _MOST_CONNECTIONS:
            writer.close()
            return
        self._open += 1
        try:
            async with asyncio.timeout(_DEADLINE_S):
                await self._answer(reader, writer)
        except (TimeoutError, OSError):
            pass
        except Exception:
            _LOG.exception("metrics cannot be told")
        finally:
            self._open -= 1
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        import h11

        connection = h11.Connection(h11.SERVER)
        try:
            request = await _request(connection, reader)
            if request is None:
                return
            status, content_type, body = await self._page(request)
        except h11.RemoteProtocolError as error:
            status, content_type, body = error.error_status_hint, "text/plain", b"this is no request\n"
        if connection.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            return
        # One answer per connection: a scraper comes back after seconds.
        headers = [("Content-Type", content_type), ("Content-Length", str(len(body))), ("Connection", "close")]
        for event in (h11.Response(status_code=status, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
            writer.write(connection.send(event) or b"")
        await writer.drain()

    async def _page(self, request: h11.Request) -> tuple[int, str, bytes]:
        headers = {bytes(name): bytes(value) for name, value in request.headers}
        path = request.target.partition(b"?")[0]
        if path != PATH.encode():
            return 404, "text/plain", f"there is only {PATH}\n".encode()
        if request.method not in {b"GET", b"HEAD"}:
            return 405, "text/plain", b"only GET is answered\n"
        if not _is_local(headers.get(b"host", b"")):
            # A page in a browser on this machine, that had its own name lead here.
            return 421, "text/plain", b"ask for 127.0.0.1 or localhost\n"
        try:
            body, content_type = await self._text(headers.get(b"accept", b"").decode("latin-1"))
        except JournalError as error:
            return 503, "text/plain", f"{untrusted(str(error))}\n".encode()
        return 200, content_type, b"" if request.method == b"HEAD" else body


async def _request(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Request | None:
    """The request's head; None when the other end left. Raises h11.RemoteProtocolError."""
    import h11

    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            return event
        if event is not h11.NEED_DATA:
            return None
        connection.receive_data(await reader.read(4096))


def _is_local(host: bytes) -> bool:
    name = host.rpartition(b":")[0] if b":" in host else host
    return name in {b"127.0.0.1", b"localhost"}
