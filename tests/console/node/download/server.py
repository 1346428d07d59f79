"""A file server on loopback that misbehaves as a test tells it, and a network in which names lead where tests say."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from console.node.download.network import Network


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, and the means to answer it with any bytes."""

    target: str
    headers: Mapping[str, str]
    writer: asyncio.StreamWriter

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def answer(self, body: bytes, status: int = 200, **headers: str) -> None:
        """A whole answer; headers as keywords, `_` for `-`."""
        given = {"Content-Length": str(len(body))} | {name.replace("_", "-"): value for name, value in headers.items()}
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value)
        await self.send(f"HTTP/1.1 {status} x\r\n{lines}\r\n".encode("latin-1"), body)

    def cut(self) -> None:
        """End the connection as a crashed server does."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.writer.transport.abort()


Handler = Callable[[Asked], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port on which `handler` answers one request of each connection."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
            await handler(Asked(head[0].split(" ")[1], headers, writer))
        with suppress(OSError):
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class Names(Network):
    """A network in which names have the addresses that a test gives, and every connection ends at a server of it.

    Args:
        names: Addresses of each name; a later look-up of the same name gets the next tuple, the last one for ever.
        port: Where all connections go.
        trusted: Certificate authority in PEM; None: the system's.
    """

    def __init__(self, names: Mapping[str, list[tuple[str, ...]]], port: int, trusted: str | None = None) -> None:
        self._names = {name: list(answers) for name, answers in names.items()}
        self._port = port
        self._trusted = trusted
        self.connected: list[str] = []

    async def resolve(self, host: str, port: int) -> tuple[str, ...]:
        answers = self._names.get(host)
        if answers is None:
            return await super().resolve(host, port)
        return answers.pop(0) if len(answers) > 1 else answers[0]

    async def connect(self, address: str, port: int) -> socket.socket:
        self.connected.append(address)
        return await super().connect("127.0.0.1", self._port)

    def tls(self) -> ssl.SSLContext:
        context = super().tls()
        if self._trusted is not None:
            context.load_verify_locations(cadata=self._trusted)
        return context
