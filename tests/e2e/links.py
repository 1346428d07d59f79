"""The wires between nodes, held in the hand: one small relay per connection that a node makes to another."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

from console.devnet.ports import LOOPBACK

_T = TypeVar("_T")
_CHUNK = 65536


class Link:
    """One direction of dialling. Bytes flow both ways while it is whole.

    Args:
        port: Where the dialled node listens.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._whole = asyncio.Event()
        self._whole.set()
        self._refuses = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def listen(self) -> int:
        """Opens the relay's own port and returns it."""
        self._server = await asyncio.start_server(self._connected, LOOPBACK, 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def cut(self) -> None:
        """Nothing comes through any more, and nobody is told: as with a cable that is pulled."""
        self._whole.clear()

    async def refuse(self) -> None:
        """Both ends lose the connection, and a new one is closed at once."""
        self._refuses = True
        for writer in self._writers:
            writer.close()

    async def mend(self) -> None:
        """Whole again; what waited comes through."""
        self._refuses = False
        self._whole.set()

    async def close(self) -> None:
        await self.refuse()
        self._whole.set()
        if self._server is not None:
            self._server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            if self._refuses:
                return
            await self._whole.wait()
            far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self._port)
            ends.append(far_writer)
            self._writers.update(ends)
            pumps = [
                asyncio.create_task(self._pump(reader, far_writer)),
                asyncio.create_task(self._pump(far_reader, writer)),
            ]
            # One end that goes takes the other with it.
            _, others = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for each in others:
                each.cancel()
            await asyncio.wait(pumps)
        except OSError:
            # Nobody listens there, as when the node is down.
            pass
        finally:
            for end in ends:
                self._writers.discard(end)
                end.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                await self._whole.wait()
                writer.write(chunk)
                await writer.drain()


class Links:
    """All links of a network, in a thread of their own. A context manager.

    Args:
        ports: Name of a node → the port on which it waits for peers.
    """

    def __init__(self, ports: dict[str, int]) -> None:
        self._ports = ports
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="links", daemon=True)
        self._links: dict[tuple[str, str], Link] = {}
        self.relays: dict[tuple[str, str], int] = {}
        """(Who dials, who is dialled) → the relay's port."""

    def __enter__(self) -> Links:
        self._thread.start()
        self._do(self._open())
        return self

    def __exit__(self, *raised: object) -> None:
        self._do(self._all(self._links.values(), Link.close))
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def split(self, *sides: Iterable[str], silently: bool = True) -> None:
        """Only nodes of the same side hear each other.

        Args:
            sides: Names of nodes.
            silently: Whether connections stay and nothing comes through, rather than being closed and refused.
        """
        side = {name: number for number, names in enumerate(sides) for name in names}
        apart = [link for (one, other), link in self._links.items() if side[one] != side[other]]
        self._do(self._all(apart, Link.cut if silently else Link.refuse))

    def join(self) -> None:
        """All hear each other again."""
        self._do(self._all(self._links.values(), Link.mend))

    async def _open(self) -> None:
        for one in self._ports:
            for other, port in self._ports.items():
                if one != other:
                    link = Link(port)
                    self._links[one, other] = link
                    self.relays[one, other] = await link.listen()

    async def _all(self, links: Iterable[Link], what: Callable[[Link], Awaitable[None]]) -> None:
        for link in links:
            await what(link)

    async def _end(self) -> None:
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _do(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)
