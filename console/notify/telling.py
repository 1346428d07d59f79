"""One message to some of the operator's services at once, and what became of it: tests and announcements."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from console.monitoring.rules import Severity
from console.notify.message import Message, plain, subject_of
from console.notify.sending import NotSent, Sender
from console.notify_settings import NotifySettings
from console.text import utc


class MessageSender(Protocol):
    """`console.notify.sending.Sender`."""

    async def send(self, settings: NotifySettings, service: str, message: Message) -> None: ...


async def tell(
    settings: NotifySettings, services: Sequence[str], message: Message, sender: MessageSender | None = None
) -> dict[str, str]:
    """Send a message to each of these services.

    Args:
        settings: Where they are.
        services: Names.
        message: What they are told.
        sender: One process a message when not given.

    Returns:
        Why it was not taken by service; empty where it was.
    """
    by = sender or Sender()

    async def one(name: str) -> str:
        try:
            await by.send(settings, name, message)
        except NotSent as error:
            return error.what
        return ""

    return dict(zip(services, await asyncio.gather(*(one(name) for name in services)), strict=True))


def trial_message(network: str, at: float) -> Message:
    """A message that says of itself that it is a test.

    Args:
        network: The network's name, or words for none.
        at: Unix seconds.
    """
    sentence = "This is a test, and nothing happened: somebody asked whether messages arrive."
    body = f"{sentence}\nWhat to do: nothing.\nNetwork: {plain(network, 80)}\nTime: {utc(at)}"
    return Message(Severity.INFO, subject_of(network, "test", sentence), body)
