"""The terminal, lent to a signer that asks for a passphrase on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import Any

from textual.app import App, SuspendNotSupported


class DrawnTerminal:
    """`console.ports.Terminal` of an application that draws on it.

    Args:
        app: Stops drawing while the terminal is lent.
    """

    def __init__(self, app: App[Any]) -> None:
        self._app = app

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[None]:
        """Leave the terminal to somebody else. Our loop goes on; what it would draw is drawn at the end."""
        failure: BaseException | None = None
        with ExitStack() as lent:
            # Where a terminal cannot be lent nobody sits at one, and the signer says so.
            with suppress(SuspendNotSupported):
                lent.enter_context(self._app.suspend())
            lent.enter_context(self._app.batch_update())
            try:
                yield
            except BaseException as error:
                # Let out of here it would leave us suspended: `suspend` resumes only after a good end.
                failure = error
        if failure is not None:
            raise failure
