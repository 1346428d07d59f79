"""What the controller tells systemd: ready, alive, stopping (sd_notify, facts/safety.md §4).

The watchdog is fed from the event loop, so a controller that hangs is restarted; the node goes on meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import MutableMapping

_LOG = logging.getLogger(__name__)

_VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


class Notifier:
    """Speaks to the service manager that started us; silent when none did.

    Args:
        address: Of the manager's datagram socket; empty for none. `@` at its start stands for an abstract one.
        watchdog_s: Seconds within which the manager wants a sign of life; None when it does not.
    """

    def __init__(self, address: str, watchdog_s: float | None) -> None:
        self._address = address
        self.watchdog_s = watchdog_s if address else None

    @classmethod
    def take(cls, environment: MutableMapping[str, str]) -> Notifier:
        """Of the process's environment, out of which its variables are taken: the node must not speak in our name."""
        address, usec, pid = (environment.pop(name, "") for name in _VARIABLES)
        if not address.startswith(("/", "@")):
            return cls("", None)
        ours = not pid or pid == str(os.getpid())
        return cls(address, int(usec) / 1e6 if ours and usec.isdigit() and int(usec) > 0 else None)

    def ready(self, words: str = "") -> None:
        """The controller has read its journal, adopted what runs, and answers on its socket."""
        self._tell("READY=1", words)

    def status(self, words: str) -> None:
        """One line for `systemctl status`."""
        self._tell("", words)

    def stopping(self) -> None:
        """The controller ends; the node goes on."""
        self._tell("STOPPING=1", "the controller ends; the node goes on")

    def alive(self) -> None:
        """A sign of life."""
        self._tell("WATCHDOG=1", "")

    async def keep_alive(self) -> None:
        """Give signs of life until cancelled, three in the time allowed; returns at once when none are wanted."""
        while self.watchdog_s is not None:
            self.alive()
            await asyncio.sleep(self.watchdog_s / 3)

    def _tell(self, what: str, words: str) -> None:
        if not self._address:
            return
        lines = [what] if what else []
        if words:
            lines.append("STATUS=" + " ".join(words.split()))
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaker:
                # The manager reads late when it is busy; we must not wait for it.
                speaker.setblocking(False)
                speaker.sendto("\n".join(lines).encode(), address)
        except OSError as error:
            _LOG.debug("the service manager does not listen: %s", error)
