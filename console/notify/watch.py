"""Takes what each Snapshot tells into the outbox, each occasion once, and has what is there sent, service by service.

At least once: a row is durable before anything is sent. A service that hangs or is down holds up nobody but itself.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from console.errors import ConsoleError
from console.model import Snapshot
from console.monitoring.rules import Severity
from console.notify.message import Message, joined, message_of
from console.notify.occasions import Occasion, occasions
from console.notify.outbox import Letter, News, Outbox
from console.notify.presence import Presence
from console.notify.sending import NotSent
from console.notify_settings import NotifySettings, load_notify

_LOG = logging.getLogger(__name__)

REST_S = {Severity.INFO: 20.0, Severity.WARNING: 20.0, Severity.CRITICAL: 5.0}
"""Seconds that a service is left alone after a message; what comes meanwhile goes together."""
SETTINGS_S = 30.0
"""Seconds from one reading of the settings to the next."""
AFTER_TROUBLE_S = 60.0
"""Seconds until it is begun again with what went wrong."""
_IDLE_S = 60.0
_BUSY_S = 1.0


async def again_and_again(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do what never ends by itself, and begin again after whatever ended it; until cancelled."""
    while True:
        try:
            await work()
        except Exception as error:
            _LOG.warning("notifications: %s", error, exc_info=None if isinstance(error, ConsoleError) else error)
        await asyncio.sleep(AFTER_TROUBLE_S)


class Sends(Protocol):
    """Sends one message."""

    async def send(self, settings: NotifySettings, service: str, message: Message) -> None:
        """Raises NotSent."""
        ...


@dataclass(frozen=True, slots=True)
class Addressed:
    """The network, as messages name it."""

    network: str
    chain_id: str
    option: str
    """How the command line names it, as `--network devnet`."""


class FreshSettings:
    """The settings of now, read anew every `SETTINGS_S`; those of before while they cannot be read.

    Args:
        load: Reads them. Raises ConsoleError.
        monotonic: Seconds that only grow.
    """

    def __init__(
        self, load: Callable[[], NotifySettings] = load_notify, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._load = load
        self._monotonic = monotonic
        self._known = NotifySettings()
        self._problem = ""
        self._read_at: float | None = None
        self._reading = asyncio.Lock()

    async def now(self) -> NotifySettings:
        """The settings."""
        # Who asks while they are read for the first time must not be told that there are none.
        async with self._reading:
            if self._read_at is None or self._monotonic() - self._read_at >= SETTINGS_S:
                await self._read()
        return self._known

    async def _read(self) -> None:
        self._read_at = self._monotonic()
        try:
            self._known = await asyncio.to_thread(self._load)
            self._problem = ""
        except ConsoleError as error:
            if str(error) != self._problem:
                _LOG.warning("notifications: %s", error)
            self._problem = str(error)


class Watch:
    """Tells each occasion of one network once.

    Args:
        outbox: What is durable.
        addressed: The network.
        settings: Who is told.
        sender: Sends.
        clock: Unix seconds.
        monotonic: Seconds that only grow.
        busy: Whether the machine has something more urgent to do at this moment.
        rest_s: Seconds that a service is left alone, by the weight of what it was told.
    """

    def __init__(
        self,
        outbox: Outbox,
        addressed: Addressed,
        settings: FreshSettings,
        sender: Sends,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        busy: Callable[[], bool] = lambda: False,
        rest_s: dict[Severity, float] = REST_S,
    ) -> None:
        self._outbox = outbox
        self._addressed = addressed
        self._settings = settings
        self._sender = sender
        self._clock = clock
        self._monotonic = monotonic
        self._busy = busy
        self._rest_s = rest_s
        self._told: set[str] | None = None
        self._begun = False
        self._presence = Presence()
        self._rests_until: dict[str, float] = {}
        self._posted = asyncio.Event()

    async def wanted(self) -> bool:
        """Whether anybody is to be told of anything."""
        return bool((await self._settings.now()).services)

    async def look(self, snapshot: Snapshot, *, of_network: bool = True) -> None:
        """Take what is new into the outbox.

        Args:
            snapshot: Chain and node as they are now.
            of_network: Whether to tell of the network too, or of the node alone.

        Raises:
            JournalError: The outbox cannot be used; it is looked again the next time.
        """
        settings = await self._settings.now()
        if not settings.services:
            return
        if self._told is None:
            self._begun = await asyncio.to_thread(lambda: self._outbox.begun)
            self._told = set(await asyncio.to_thread(self._outbox.told))
        now = self._monotonic()
        held = self._presence.held(occasions(snapshot, of_network=of_network), now)
        new = [each for each in held if each.identity not in self._told]
        gone = self._presence.gone(held, self._told, now)
        # Before the chain was read once nobody knows what is past.
        begins = not self._begun and snapshot.chain is not None
        if not new and not gone and not begins:
            return
        news = [self._news(each, snapshot, settings) for each in new]
        await asyncio.to_thread(self._outbox.take, news, begun=begins, gone=gone)
        self._begun = self._begun or begins
        self._told |= {each.identity for each in new}
        self._told -= set(gone)
        self._posted.set()

    def wake(self) -> None:
        """Have it looked at once whether something may be sent."""
        self._posted.set()

    def _news(self, occasion: Occasion, snapshot: Snapshot, settings: NotifySettings) -> News:
        network = self._addressed
        message = message_of(
            occasion,
            network=network.network,
            chain_id=network.chain_id,
            option=network.option,
            height=snapshot.height,
            at=self._clock(),
        )
        silent = occasion.over and not self._begun
        services = () if silent else settings.services
        wanted = tuple(
            service.name for service in services if service.wants(occasion.kind, occasion.severity, network.network)
        )
        return News(occasion.identity, occasion.kind, message, wanted)

    async def deliver(self) -> None:
        """Send what is in the outbox, until cancelled. Raises JournalError."""
        running: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                self._posted.clear()
                for name in [name for name, task in running.items() if task.done()]:
                    running.pop(name).result()
                pause = await self._begin(running)
                try:
                    async with asyncio.timeout(pause):
                        await self._posted.wait()
                except TimeoutError:
                    pass
        finally:
            for task in running.values():
                task.cancel()
            await asyncio.gather(*running.values(), return_exceptions=True)

    async def _begin(self, running: dict[str, asyncio.Task[None]]) -> float:
        """Begin to send to each service that is free; seconds until there may be more to do."""
        settings = await self._settings.now()
        if not settings.services:
            return SETTINGS_S
        if self._busy():
            return _BUSY_S
        due, pause = await asyncio.to_thread(self._outbox.due)
        for service in dict.fromkeys(letter.service for letter in due):
            if service in running:
                continue
            rest = self._rests_until.get(service, 0.0) - self._monotonic()
            if rest > 0:
                pause = min(pause, rest)
                continue
            letters = [letter for letter in due if letter.service == service]
            running[service] = asyncio.create_task(self._send(settings, service, letters))
        return min(pause, _IDLE_S)

    async def _send(self, settings: NotifySettings, service: str, letters: list[Letter]) -> None:
        message = joined([letter.message for letter in letters])
        try:
            settings.service(service)
            await self._sender.send(settings, service, message)
        except ConsoleError as error:
            problem = error.what if isinstance(error, NotSent) else str(error)
            _LOG.warning("notifications: %s was not told: %s", service, problem)
            await asyncio.to_thread(self._outbox.failed, letters, problem)
        else:
            await asyncio.to_thread(self._outbox.sent, letters)
            self._rests_until[service] = self._monotonic() + self._rest_s[message.severity]
        finally:
            self._posted.set()
