"""Peers over TCP: length-prefixed JSON frames, one connection per pair of nodes, redialled for ever."""

from __future__ import annotations

import asyncio
import json
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from .config import Address
from .errors import MalformedError, NodeError

MAX_FRAME = 4 * 1024 * 1024
_REDIAL_S = 0.1
_HELLO_S = 2.0
_MAX_UNSENT = 32 * 1024 * 1024

Message = dict[str, object]


@dataclass(frozen=True, slots=True)
class Hello:
    """How a node introduces itself; `height` is its block store's, in blocks."""

    chain_id: str
    address: str
    node_id: str
    moniker: str
    version: str
    height: int

    def to_message(self) -> Message:
        """The frame's object."""
        return {
            "t": "hello",
            "chain_id": self.chain_id,
            "address": self.address,
            "node_id": self.node_id,
            "moniker": self.moniker,
            "version": self.version,
            "height": self.height,
        }

    @classmethod
    def from_message(cls, message: Message) -> Hello:
        """Reads a hello; MalformedError when it is none."""
        texts = [message.get(key) for key in ("chain_id", "address", "node_id", "moniker", "version")]
        height = message.get("height")
        if message.get("t") != "hello" or not isinstance(height, int) or height < 0:
            raise MalformedError("no hello")
        if not all(isinstance(each, str) and len(each) <= 200 for each in texts):
            raise MalformedError("bad hello")
        chain_id, address, node_id, moniker, version = (str(each) for each in texts)
        return cls(chain_id, address, node_id, moniker, version, height)


@dataclass(eq=False, slots=True)
class Peer:
    """A connected peer and what it has told about itself.

    Attributes:
        hello: Its introduction.
        outbound: Who dialled.
        address: The remote host and port.
        since: Monotonic seconds of the connection's start.
        height: The highest block it is known to have stored.
        round_state: Its last (height, round, step).
        bits: Its last vote bit arrays by round: prevotes, precommits.
    """

    hello: Hello
    outbound: bool
    address: str
    writer: asyncio.StreamWriter
    since: float = field(default_factory=time.monotonic)
    height: int = 0
    round_state: tuple[int, int, int] = (0, 0, 0)
    bits: dict[int, tuple[str, str]] = field(default_factory=dict)

    def send(self, frame: bytes) -> None:
        """Sends an encoded frame; a peer that does not read is cut off."""
        transport = self.writer.transport
        if transport.is_closing():
            return
        if transport.get_write_buffer_size() > _MAX_UNSENT:
            transport.abort()
            return
        self.writer.write(frame)


def encode(message: Message) -> bytes:
    """A frame: four bytes of length, then JSON."""
    body = json.dumps(message, separators=(",", ":")).encode()
    return struct.pack(">I", len(body)) + body


async def read_frame(reader: asyncio.StreamReader) -> Message:
    """The next frame.

    Raises:
        MalformedError: It is too long or no JSON object.
        EOFError: The peer has gone.
    """
    (size,) = struct.unpack(">I", await reader.readexactly(4))
    if size > MAX_FRAME:
        raise MalformedError("frame too long")
    try:
        message = json.loads(await reader.readexactly(size))
    except (ValueError, RecursionError):
        raise MalformedError("frame is not JSON") from None
    if not isinstance(message, dict):
        raise MalformedError("frame is not an object")
    return message


class Network:
    """Listens, dials the persistent peers and keeps one connection to each.

    Args:
        listen: Where peers connect.
        peers: Whom to dial.
        hello: Makes this node's introduction at the moment of a connection.
        on_peer: A peer is there; called before its first message.
        on_message: A frame came; MalformedError from it drops the peer.
        on_gone: A peer has gone.
    """

    def __init__(
        self,
        listen: Address,
        peers: tuple[Address, ...],
        hello: Callable[[], Hello],
        on_peer: Callable[[Peer], None],
        on_message: Callable[[Peer, Message], None],
        on_gone: Callable[[Peer], None],
    ) -> None:
        self._listen = listen
        self._dial = peers
        self._hello = hello
        self._on_peer = on_peer
        self._on_message = on_message
        self._on_gone = on_gone
        self.peers: dict[str, Peer] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Opens the port and starts to dial.

        Raises:
            NodeError: The port is taken.
        """
        try:
            await asyncio.start_server(self._accepted, self._listen.host, self._listen.port)
        except OSError as error:
            raise NodeError(f"the peer port {self._listen} cannot be opened: {error.strerror or error}") from None
        for address in self._dial:
            task = asyncio.create_task(self._keep(address))
            self._tasks.add(task)

    def broadcast(self, message: Message) -> None:
        """Sends to every peer."""
        if self.peers:
            frame = encode(message)
            for peer in list(self.peers.values()):
                peer.send(frame)

    async def _keep(self, address: Address) -> None:
        while True:
            try:
                reader, writer = await asyncio.open_connection(address.host, address.port)
            except OSError:
                await asyncio.sleep(_REDIAL_S)
                continue
            known = await self._serve(reader, writer, outbound=True)
            # While the pair is connected the other way round there is nothing to dial.
            while known is not None and known in self.peers:
                await asyncio.sleep(_REDIAL_S)
            await asyncio.sleep(_REDIAL_S / 4)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._serve(reader, writer, outbound=False)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, outbound: bool) -> str | None:
        """Runs one connection to its end; returns the peer's validator address when it said hello."""
        own = self._hello()
        peer: Peer | None = None
        known: str | None = None
        try:
            writer.write(encode(own.to_message()))
            async with asyncio.timeout(_HELLO_S):
                hello = Hello.from_message(await read_frame(reader))
            if hello.chain_id != own.chain_id or hello.address == own.address:
                return None
            known = hello.address
            name = writer.get_extra_info("peername") or ("?", 0)
            peer = Peer(hello, outbound, f"{name[0]}:{name[1]}", writer, height=hello.height)
            if not self._admit(peer, own.address):
                peer = None
                return known
            self._on_peer(peer)
            while True:
                self._on_message(peer, await read_frame(reader))
        except (OSError, EOFError, ValueError, TimeoutError):
            return known
        finally:
            writer.transport.abort() if peer is None else writer.close()
            if peer is not None and self.peers.get(peer.hello.address) is peer:
                del self.peers[peer.hello.address]
                self._on_gone(peer)

    def _admit(self, peer: Peer, own_address: str) -> bool:
        # Both sides dial: of two connections both keep the one that the smaller address dialled.
        before = self.peers.get(peer.hello.address)
        preferred = peer.outbound == (own_address < peer.hello.address)
        if before is not None and before.outbound != peer.outbound and not preferred:
            return False
        if before is not None:
            before.writer.transport.abort()
        self.peers[peer.hello.address] = peer
        return True
