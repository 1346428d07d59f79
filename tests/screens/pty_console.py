"""A console over a session in memory, as a program of its own: for tests on a real pseudo-terminal, without a network.

    python -m tests.screens.pty_console FILE [crash | hang | nohup | called]

FILE gets what the session was asked to do, as JSON, when the console has left.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from console.console_settings import DEFAULTS, ConsoleSettings
from console.terminal import prepare_environment

prepare_environment(os.environ)

from console.app import UpgradeConsoleApp  # noqa: E402
from console.model import RegistryRules, Snapshot  # noqa: E402
from tests import fakes  # noqa: E402
from tests.session_fakes import FakeSession  # noqa: E402


class _Session(FakeSession):
    """A session that crashes when it is asked for an emergency's rules, never answers, ignores a hang-up, or calls.

    Args:
        how: `crash`, `hang`, `nohup`, `called` or empty.
    """

    def __init__(self, how: str) -> None:
        super().__init__(fakes.go(), network="calibration")
        self._how = how

    async def rules(self) -> RegistryRules:
        private_key = "0x" + "5ec7e7" * 10
        if self._how == "crash" and private_key:
            raise ZeroDivisionError("a planted mistake")
        if self._how == "hang":
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                # An endpoint that was cancelled closes its connection, politely, for ever.
                await asyncio.sleep(3600)
        return await super().rules()

    async def snapshots(self) -> AsyncIterator[Snapshot]:
        if self._how == "nohup":
            asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        async for each in super().snapshots():
            yield each
            if self._how == "called":
                yield fakes.called()


async def _main(path: Path, how: str) -> int:
    session = _Session(how)
    loud = ConsoleSettings(bell="warning", osc_notifications="osc777", tmux_passthrough=True)
    app = UpgradeConsoleApp(session, loud if how == "called" else DEFAULTS)
    code = await app.run_async()
    path.write_text(json.dumps({"node": session.node_actions, "ready": session.readied, "sent": len(session.sent)}))
    return code if code is not None else app.return_code or 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "")))
