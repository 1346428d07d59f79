"""The terminal, lent to a signer that asks for a passphrase on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from textual.app import App, SuspendNotSupported

from console.errors import SignerError


class DrawnTerminal:
    """`console.ports.keys.Terminal` of an application that draws on it.

    Args:
        app: Stops drawing while the terminal is lent.
    """

    def __init__(self, app: App[Any]) -> None:
        self._app = app

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[None]:
        """Leave the terminal to the signer, and draw again afterwards. Our loop goes on.

        Raises:
            SignerError: This terminal cannot be left to anybody.
        """
        failure: BaseException | None = None
        try:
            # Nothing is drawn meanwhile: it would not reach the terminal.
            with self._app.batch_update(), self._app.suspend():
                try:
                    yield
                except BaseException as error:
                    # Let out of here it would leave the console suspended: `suspend` resumes only after a good end.
                    failure = error
        except SuspendNotSupported:
            raise SignerError(
                "a passphrase is needed and this terminal cannot be left to the signer", safe="nothing was sent"
            ) from None
        if failure is not None:
            raise failure
