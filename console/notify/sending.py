"""Our side of the sending process: started for one message, bounded in time, gone. No URL ever comes here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

from console.bare_process import own_environment, own_module, start_bare
from console.errors import ConsoleError
from console.notify.message import Message
from console.notify_settings import NotifySettings
from console.text import untrusted

DEADLINE_S = 30.0
"""Seconds that a service has for one message, the start of the process included."""
_MAX_ANSWER = 64 * 1024


class NotSent(ConsoleError):
    """A message did not go out, or nobody knows whether it did."""


class Sender:
    """Sends messages, each by a process of its own.

    Args:
        deadline_s: Seconds for one.
    """

    def __init__(self, deadline_s: float = DEADLINE_S) -> None:
        self._deadline_s = deadline_s

    async def send(self, settings: NotifySettings, service: str, message: Message) -> None:
        """Send one message to one service. Raises NotSent."""
        request = {
            "action": "send",
            "urls": str(settings.urls),
            "service": service,
            "severity": message.severity.value,
            "subject": message.subject,
            "body": message.body,
        }
        answer = await self._ask(settings, request)
        if problem := answer.get("problem"):
            raise NotSent(str(untrusted(problem, 300)))

    async def masked(self, settings: NotifySettings) -> dict[str, str]:
        """The services of the file of URLs, each with what may be shown of its URL. Raises NotSent."""
        answer = await self._ask(settings, {"action": "list", "urls": str(settings.urls)})
        if problem := answer.get("problem"):
            raise NotSent(str(untrusted(problem, 300)))
        found = answer.get("services")
        return {str(untrusted(key, 40)): str(untrusted(url, 120)) for key, url in dict(found or {}).items()}  # type: ignore[call-overload]

    async def _ask(self, settings: NotifySettings, request: Mapping[str, str]) -> dict[str, object]:
        process = await _start(settings.proxy)
        try:
            async with asyncio.timeout(self._deadline_s):
                told, _ = await process.communicate(json.dumps(request).encode())
        except TimeoutError:
            raise NotSent(f"the service took longer than {self._deadline_s:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                # To the end of its pipes: they outlive it, and would outlive the loop.
                await process.communicate()
        try:
            answer = json.loads(told[:_MAX_ANSWER])
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise NotSent("the sending process ended without an answer")
        return answer


async def _start(proxy: str) -> asyncio.subprocess.Process:
    # Nothing of our environment: it may name proxies, and a home with a .netrc of other passwords.
    environment = {**own_environment(), "HOME": "/nonexistent"}
    if proxy:
        environment |= {"http_proxy": proxy, "https_proxy": proxy}
    try:
        return await start_bare(
            own_module("console.notify.sender"),
            environment,
            most_bytes=_MAX_ANSWER,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError as error:
        raise NotSent(f"cannot start the sending process: {error.strerror}") from error
