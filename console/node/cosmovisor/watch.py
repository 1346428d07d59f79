"""Watches a home's upgrade-info.json: inotify, and a slow poll behind it (facts/cosmos.md §1.4, §4.4).

The file is evidence of a halt that a living process does not deny, so that it is watched whatever the node does. The
data folder may not exist yet, and a restore puts another one in its place by rename: the watch is renewed before each
look, and each look comes after the renewal, so that nothing falls between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from console.node.cosmovisor import inotify
from console.node.cosmovisor.upgrade_info import FILE_NAME, Invalid, PlanFile, PlanReading, read_plan

_LOG = logging.getLogger(__name__)

DATA_FOLDER = "data"
SAFETY_POLL_S = 5.0
"""Seconds between looks that inotify did not ask for."""
FALLBACK_POLL_S = 0.3
"""Seconds between looks where there is no inotify, as Cosmovisor's default."""

_IN_HOME = inotify.CREATE | inotify.MOVED_TO | inotify.MOVED_FROM | inotify.DELETE | inotify.ONLY_FOLDER
_IN_DATA = (
    inotify.CLOSE_WRITE
    | inotify.CREATE
    | inotify.MOVED_TO
    | inotify.MOVED_FROM
    | inotify.DELETE
    | inotify.DELETE_SELF
    | inotify.MOVE_SELF
    | inotify.ONLY_FOLDER
)


class PlanWatcher(AsyncIterator[PlanFile]):
    """Yields the plan each time that it really changes, never the same twice in a row; one consumer at a time.

    A half-written, invalid or deleted file yields nothing, and the last good plan stays the last good one.

    Args:
        home: The node's home; the file is `data/upgrade-info.json` in it.
        known: A plan that was seen before and is not news.
        poll_s: Seconds between looks that nothing asked for.
        fallback_poll_s: The same where inotify cannot be had.
    """

    def __init__(
        self,
        home: Path,
        *,
        known: PlanFile | None = None,
        poll_s: float = SAFETY_POLL_S,
        fallback_poll_s: float = FALLBACK_POLL_S,
    ) -> None:
        self._home = home
        self._data = home / DATA_FOLDER
        self._path = self._data / FILE_NAME
        self._last = known
        self._poll_s = poll_s
        self._fallback_poll_s = fallback_poll_s
        self._reading: PlanReading | None = None
        self._notifier: inotify.Inotify | None = None
        self._home_watch: int | None = None
        self._data_watch: int | None = None

    async def __aenter__(self) -> PlanWatcher:
        try:
            self._notifier = inotify.Inotify()
        except OSError as error:
            _LOG.warning("%s is looked at every %g s: %s", self._path, self._fallback_poll_s, error.strerror)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop watching; a second time does nothing."""
        if self._notifier is not None:
            self._notifier.close()
            self._notifier = None

    @property
    def last(self) -> PlanFile | None:
        """The last good plan, or the known one."""
        return self._last

    @property
    def reading(self) -> PlanReading | None:
        """What the last look found: None without a file, and `Incomplete` or `Invalid` while it is no plan."""
        return self._reading

    def forget(self) -> None:
        """Take the next plan as news even if it is the same: after a rollback it may come again."""
        self._last = None

    async def __anext__(self) -> PlanFile:
        while True:
            self._arm()
            plan = self._look()
            if plan is not None:
                return plan
            await self._moved()

    async def touches(self) -> AsyncIterator[None]:
        """Yields now, then each time that the file may have been written, with the same plan too; the consumer looks.

        The node may write what is there already, and that it did so is news.
        """
        while True:
            self._arm()
            yield
            await self._moved()

    def _arm(self) -> None:
        """Watch the folders that are there now, whatever was there before."""
        if self._notifier is not None:
            self._home_watch = self._watched(self._home, _IN_HOME, self._home_watch)
            self._data_watch = self._watched(self._data, _IN_DATA, self._data_watch)

    def _watched(self, folder: Path, mask: int, before: int | None) -> int | None:
        assert self._notifier is not None
        try:
            watch = self._notifier.add(folder, mask)
        except OSError:
            # Not there yet, or no watches left: the poll goes on.
            watch = None
        if before is not None and before != watch:
            self._notifier.remove(before)
        return watch

    def _look(self) -> PlanFile | None:
        before, self._reading = self._reading, read_plan(self._path)
        if isinstance(self._reading, Invalid) and self._reading != before:
            _LOG.warning("%s %s", self._path, self._reading.reason)
        if not isinstance(self._reading, PlanFile) or self._reading == self._last:
            return None
        self._last = self._reading
        return self._reading

    async def _moved(self) -> None:
        """Wait until something happened to the file or its folders, or a poll is due."""
        notifier = self._notifier
        # Without a watch on the folder itself, nothing but the poll would see a file come.
        pause = self._poll_s if notifier is not None and self._data_watch is not None else self._fallback_poll_s
        if notifier is None:
            await asyncio.sleep(pause)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                while True:
                    await _readable(notifier.fileno())
                    if any(self._concerns(event) for event in notifier.events()):
                        return

    def _concerns(self, event: inotify.Event) -> bool:
        """Whether to look again. The signer's state file changes in the same folder several times in each block."""
        if event.name:
            return event.name == (FILE_NAME if event.watch == self._data_watch else DATA_FOLDER)
        return True


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(descriptor, wake)
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)
