"""One file from one source: each hop checked and connected, the body received, resumed where that is safe."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar
from urllib.parse import urljoin

from console.model import FailureCode, Fetching
from console.node.download.exchange import Exchange, Head
from console.node.download.failure import SourceFailed
from console.node.download.pace import Pace
from console.node.download.reach import Road
from console.node.download.rules import DownloadRules
from console.node.download.urls import Url, parse_url
from console.node.threads import ended
from console.text import size as size_words
from console.text import untrusted

MAX_REDIRECTS = 5
LOOK_S = 0.5
"""Seconds between two looks at a transfer, and between two reports of it."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})")

T = TypeVar("T")


class Sink(Protocol):
    """Where a body goes: a partial file (`Partial`), or memory."""

    etag: str
    total: int | None

    @property
    def length(self) -> int:
        """Bytes that are here."""
        ...

    @property
    def free(self) -> int:
        """Bytes that there is room for. Raises OSError."""
        ...

    def begin(self, etag: str, total: int | None) -> None:
        """Begin anew. Raises OSError."""
        ...

    def go_on(self) -> None:
        """Write after what is here. Raises OSError."""
        ...

    def write(self, chunk: bytes) -> None:
        """Keep a piece. Raises OSError."""
        ...


class Transfer:
    """One try to get one file from one source.

    Args:
        source: URL.
        partial: Where its bytes go.
        rules: Bounds.
        size: Exact bytes of the file; None where nobody signed them.
        progress: Told how far it is, at most twice a second.
    """

    def __init__(
        self,
        source: str,
        partial: Sink,
        rules: DownloadRules,
        size: int | None,
        progress: Callable[[Fetching], None] | None,
    ) -> None:
        self._source = source
        self._partial = partial
        self._rules = rules
        self._size = size
        self._progress = progress
        self._cap = rules.max_bytes if size is None else size

    async def run(self) -> None:
        """Have the whole body in the partial file, unchecked.

        Raises:
            SourceFailed: It is not there.
            OSError: The disk refused.
        """
        if self._partial.etag and self._partial.length == self._partial.total:
            # All came before, and only the check was cut off.
            return
        if self._partial.etag and self._size not in (None, self._partial.total):
            self._partial.begin("", None)
        if self._partial.etag and not await self._received(resume=True):
            self._partial.begin("", None)
        if not self._partial.length:
            await self._received(resume=False)

    async def _received(self, *, resume: bool) -> bool:
        """Ask once and receive; False when the rest that was asked for is not to be had."""
        headers = {}
        if resume:
            headers = {"Range": f"bytes={self._partial.length}-", "If-Range": self._partial.etag}
        exchange, url, head = await self._answered(headers)
        try:
            if resume and head.status != 200:
                if not self._goes_on(head):
                    return False
                self._check_room((self._partial.total or 0) - self._partial.length)
                self._partial.go_on()
            elif head.status != 200:
                raise SourceFailed(f"the server answered {head.status}")
            else:
                self._check_total(head.length)
                self._partial.begin(head.etag, head.length)
            await self._body(exchange, url, head)
            return True
        finally:
            exchange.close()

    def _goes_on(self, head: Head) -> bool:
        """Whether an answer is exactly the rest of what is here."""
        partial = self._partial
        if head.status in (412, 416):
            return False
        if head.status != 206:
            raise SourceFailed(f"the server answered {head.status}")
        match = _CONTENT_RANGE.fullmatch(head.content_range)
        if match is None or partial.total is None:
            return False
        first, last, total = (int(group) for group in match.groups())
        return (
            (first, last, total) == (partial.length, partial.total - 1, partial.total)
            and head.length in (None, total - first)
            and head.etag in ("", partial.etag)
        )

    def _check_total(self, total: int | None) -> None:
        if total is None:
            return
        if self._size is not None and total != self._size:
            raise SourceFailed(
                f"it has {total} bytes, not the {self._size} that were promised", code=FailureCode.HASH_MISMATCH
            )
        if total > self._cap:
            raise SourceFailed(f"it has {total} bytes, more than {self._cap}", resumable=False)
        self._check_room(total)

    def _check_room(self, more: int) -> None:
        """Raises SourceFailed when `more` bytes and the spare ones do not fit on the disk."""
        free = self._partial.free
        if free < more + self._rules.spare_bytes:
            raise SourceFailed(
                f"{size_words(more)} and {size_words(self._rules.spare_bytes)} to spare do not fit on the disk,"
                f" which has {size_words(free)}",
                code=FailureCode.DISK_SPACE,
            )

    # --- the answer, over at most five redirects ---

    async def _answered(self, headers: dict[str, str]) -> tuple[Exchange, Url, Head]:
        url, road = parse_url(self._source), Road(own=self._rules.own)
        for _ in range(MAX_REDIRECTS + 1):
            exchange = await self._connected(url, road)
            try:
                limit = self._rules.pace.answer_s
                head = await self._watched(exchange, lambda: exchange.ask(headers), _Deadline(url, limit))  # noqa: B023
                if head.status not in _REDIRECTS:
                    return exchange, url, head
            except BaseException:
                exchange.close()
                raise
            exchange.close()
            if not head.location:
                raise SourceFailed(f"{url.shown} sends on, and does not say where")
            try:
                following = urljoin(str(url), head.location)
            except ValueError:
                raise SourceFailed(f"{url.shown} sends on to what is no URL") from None
            url = parse_url(following)
        raise SourceFailed(f"it was sent on more than {MAX_REDIRECTS} times")

    async def _connected(self, url: Url, road: Road) -> Exchange:
        network, limit = self._rules.network, self._rules.pace.answer_s
        try:
            addresses = await _in_time(network.resolve(url.host, url.port), limit, f"looking up {url.shown}")
        except OSError as error:
            raise SourceFailed(f"{url.shown} cannot be looked up") from error
        road.check(url, addresses)
        refused: OSError | None = None
        for address in addresses:
            try:
                sock = await _in_time(network.connect(address, url.port), limit, f"connecting to {url.shown}")
                return Exchange(sock, url, network.tls() if url.scheme == "https" else None)
            except OSError as error:
                refused = error
        raise SourceFailed(f"{url.shown}: {untrusted(refused, 120)}") from refused

    # --- the body ---

    async def _body(self, exchange: Exchange, url: Url, head: Head) -> None:
        partial, begun = self._partial, self._partial.length
        total = partial.total or head.length or self._size
        pace = Pace(self._rules.pace, begun, total, url.shown, asyncio.get_running_loop().time())

        def keep(chunk: bytes) -> None:
            if partial.length + len(chunk) > self._cap:
                raise SourceFailed(f"it has more than {self._cap} bytes", resumable=False)
            partial.write(chunk)

        def tell() -> None:
            fetching = pace.see(partial.length, asyncio.get_running_loop().time())
            if self._progress is not None:
                self._progress(fetching)

        def look() -> None:
            tell()
            pace.check()
            if total is None:
                self._check_room(0)

        await self._watched(exchange, lambda: exchange.receive(keep, head.length), look)
        tell()
        if not partial.length:
            raise SourceFailed("the server sent nothing")
        if self._size is not None and partial.length != self._size:
            raise SourceFailed(f"the connection ended after {partial.length} of {self._size} bytes")

    async def _watched(self, exchange: Exchange, work: Callable[[], T], look: Callable[[], None]) -> T:
        """Have a thread do what blocks, and look at it; whatever ends the wait ends the thread first."""
        thread = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            while not (await asyncio.wait({thread}, timeout=LOOK_S))[0]:
                look()
        except BaseException:
            exchange.stop()
            await ended(thread)
            raise
        return thread.result()


class _Deadline:
    """A look that only counts the seconds until an answer."""

    def __init__(self, url: Url, limit_s: float) -> None:
        self._url = url
        self._limit_s = limit_s
        self._began = asyncio.get_running_loop().time()

    def __call__(self) -> None:
        if asyncio.get_running_loop().time() - self._began > self._limit_s:
            raise SourceFailed(f"{self._url.shown} did not answer within {self._limit_s:g} seconds")


async def _in_time(work: Coroutine[Any, Any, T] | Awaitable[T], limit_s: float, doing: str) -> T:
    try:
        async with asyncio.timeout(limit_s):
            return await work
    except TimeoutError:
        raise SourceFailed(f"{doing} took longer than {limit_s:g} seconds") from None
