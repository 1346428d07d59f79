"""Small files whose hash nobody knows before, such as signatures: into memory, by the same road as everything else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import replace

from console.node.download.failure import SourceFailed
from console.node.download.rules import DownloadRules
from console.node.download.transfer import Transfer
from console.text import untrusted

_LOG = logging.getLogger(__name__)
_AT_ONCE = 8


class _Memory:
    """What a transfer writes to; never gone on with."""

    def __init__(self) -> None:
        self.etag = ""
        self.total: int | None = None
        self.content = b""

    @property
    def length(self) -> int:
        return len(self.content)

    @property
    def free(self) -> int:
        return 1 << 62

    def begin(self, etag: str, total: int | None) -> None:
        self.content = b""

    def go_on(self) -> None:
        """Nothing is gone on with."""

    def write(self, chunk: bytes) -> None:
        self.content += chunk


async def fetch_small(urls: Iterable[str], most: int, rules: DownloadRules | None = None) -> dict[str, bytes]:
    """Fetch small files, a few at a time; what is not there, or larger, is left out and logged.

    Args:
        urls: As a plan writes them.
        most: Bytes of each.
        rules: Bounds; the usual ones when not given.
    """
    bounds = replace(DownloadRules() if rules is None else rules, max_bytes=most)
    turn = asyncio.Semaphore(_AT_ONCE)
    found: dict[str, bytes] = {}

    async def one(url: str) -> None:
        memory = _Memory()
        async with turn:
            try:
                await Transfer(url, memory, bounds, None, None).run()
            except SourceFailed as failure:
                _LOG.info("%s: %s", untrusted(url), failure)
                return
        found[url] = memory.content

    async with asyncio.TaskGroup() as group:
        for url in urls:
            group.create_task(one(url))
    return found
