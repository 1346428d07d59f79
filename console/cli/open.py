"""The console opened in this terminal (facts/tui.md §0.6, C9)."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from console import tidying
from console.console_settings import ConsoleSettings, load_console
from console.errors import ConsoleError, DevnetError, InputError
from console.hand_lock import READ_ONLY, HandLock
from console.model.standing import Standing
from console.network_lookup import network_table, standing_in
from console.network_table import DEVNET
from console.operations.session import ConsoleSession
from console.settings_file import default_devnet_folder, devnet_up_command, theme_folder
from console.terminal import prepare_environment, suited
from themes import DEFAULT_THEME, FEW_COLOURS_THEME

if TYPE_CHECKING:
    from console.operations.connection import Connection
    from console.ports.keys import Terminal
    from console.recording.file import RecordingFile

STARTED_AFTER_S = 2.0
"""Seconds after which the console has drawn its first frame on any machine, and garbage is collected as usual."""


def run(arguments: argparse.Namespace) -> int:
    """Open the console; on a devnet that does not run, bring it up there.

    Returns:
        0 left, 1 crashed, 128 and the signal's number when hung up or terminated.

    Raises:
        ConsoleError: There is no terminal, no such network, or the devnet is down and the console read-only.
    """
    if arguments.json:
        raise InputError("the console prints no JSON", next_step="use `upgrade-console status --json`")
    problem = terminal_problem(os.environ)
    if problem:
        raise ConsoleError(problem, next_step="use a verb such as `upgrade-console status`")
    settings = _settings(arguments)
    if arguments.replay is not None:
        return asyncio.run(_replay(arguments, settings))
    if arguments.network is None and not _welcome(arguments, settings):
        return 0
    folder: Path = arguments.dir or default_devnet_folder()
    starting = _DevnetStart(folder) if _must_bring_up(arguments, folder) else None
    session = open_session(arguments, starting, _hands(arguments, settings))
    file = _recording_file(arguments.record)
    try:
        code, stop = asyncio.run(_show(session, starting, settings, file))
    finally:
        if file is not None:
            file.close()
        # What is left goes with the process: to look through it once more costs a fifth of a second at the end.
        gc.freeze()
    if not stop:
        return code
    from console.devnet.network import down

    print(f"stopping the devnet in {folder}", flush=True)
    asyncio.run(down(folder))
    return 0


def _recording_file(path: Path | None) -> RecordingFile | None:
    """A new file for what the console shows. Raises RecordingError."""
    if path is None:
        return None
    from console.recording.file import RecordingFile

    return RecordingFile(path)


async def _replay(arguments: argparse.Namespace, settings: ConsoleSettings) -> int:
    """Show a recording. Raises RecordingError: it cannot be shown."""
    from console.operations.replay_session import ReplaySession
    from console.recording.file import load

    session = ReplaySession(load(arguments.replay))
    _collect_later()
    try:
        prepare_environment(os.environ)
        from console.app import UpgradeConsoleApp

        app = UpgradeConsoleApp(session, settings, (theme_folder(),), speed=arguments.speed or 1.0)
        result = await app.run_async(mouse=settings.mouse)
        return result if result is not None else (app.return_code or 0)
    finally:
        await session.close()


def _settings(arguments: argparse.Namespace) -> ConsoleSettings:
    """The settings, under what the command line says. Raises SettingsError."""
    settings = load_console()
    if arguments.theme:
        settings = replace(settings, theme=arguments.theme)
    if arguments.ascii:
        settings = replace(settings, ascii=True)
    return suited(settings, os.environ, many=DEFAULT_THEME, few=FEW_COLOURS_THEME)


def _hands(arguments: argparse.Namespace, settings: ConsoleSettings) -> HandLock:
    """What this console may change: nothing for good by the command line, or locked until somebody unlocks it."""
    forbidden = READ_ONLY if arguments.read_only else ""
    return HandLock(forbidden, locked=settings.read_only, after_s=settings.lock_after * 60)


def _welcome(arguments: argparse.Namespace, settings: ConsoleSettings) -> bool:
    """Ask which network is meant; whether one was chosen, which is in the arguments then."""
    prepare_environment(os.environ)
    gc.enable()
    from console.welcome_app import WelcomeApp

    app = WelcomeApp(settings, (theme_folder(),))
    app.run(mouse=settings.mouse)
    if app.chosen is None:
        return False
    arguments.network, arguments.dir = app.chosen
    return True


def terminal_problem(environment: Mapping[str, str]) -> str:
    """Why the console cannot be drawn here; empty when it can.

    Without a terminal on stdin Textual spins, and it draws on stderr, not on stdout.
    """
    for name, stream in (("stdin", sys.stdin), ("stdout", sys.stdout), ("stderr", sys.stderr)):
        if stream is None or stream.closed or not stream.isatty():
            return f"the console needs a terminal and {name} is none"
    kind = environment.get("TERM", "")
    if kind in {"", "dumb", "unknown"}:
        return f"the console cannot be drawn on a terminal of type {kind or '(none)'}"
    return ""


def open_session(
    arguments: argparse.Namespace, starting: _DevnetStart | None, hands: HandLock | None = None
) -> ConsoleSession:
    """The session that the arguments name; nothing is started yet.

    Args:
        arguments: Of the command line.
        starting: The devnet that is brought up first; None for a network that is there.
        hands: What it may change; None for everything.

    Raises:
        SettingsError: No such network; what else is wrong with its settings is told when the session connects.
    """
    connect = partial(_connect, arguments)
    if starting is not None:
        # Its settings do not exist before it is up.
        return ConsoleSession(DEVNET, connect, standing=Standing("devnet"), hands=hands, bring_up=starting.steps)
    name: str = arguments.network
    return ConsoleSession(name, connect, standing=standing_in(network_table(name, arguments.dir), name), hands=hands)


def _connect(arguments: argparse.Namespace, terminal: Terminal | None) -> Connection:
    # Imported here: what follows chain and node, and checks the rest of the settings, comes after the first frame.
    from console.cli.sources import connect, load_target

    return connect(load_target(arguments), terminal)


def _must_bring_up(arguments: argparse.Namespace, folder: Path) -> bool:
    if arguments.network != DEVNET:
        return False
    if sys.platform != "linux":
        raise DevnetError("the devnet runs on Linux only", next_step="connect the console to another network")
    if _runs(folder):
        return False
    if arguments.read_only:
        raise DevnetError(
            "the devnet is down and a read-only console starts nothing",
            next_step=f"run `{devnet_up_command(arguments.dir)}`",
        )
    return True


def _runs(folder: Path) -> bool:
    from console.devnet.liveness import surely_runs

    if surely_runs(folder):
        return True
    from console.devnet.network import is_running

    return is_running(folder)


class _DevnetStart:
    """A devnet on its way up, in a task of its own: who only looks at it may go away.

    Args:
        folder: The devnet's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._task: asyncio.Task[None] | None = None
        self._steps: asyncio.Queue[tuple[int, int, str] | None] = asyncio.Queue()

    async def steps(self) -> AsyncGenerator[tuple[int, int, str], None]:
        """Start, and yield (steps done, steps in all, sentence). Raises DevnetError; called again it tries again."""
        self._steps = asyncio.Queue()
        self._task = task = asyncio.create_task(self._bring_up(self._steps))
        while (step := await self._steps.get()) is not None:
            yield step
        await asyncio.shield(task)

    async def finish(self) -> None:
        """Wait until it is up or has failed."""
        if self._task is not None:
            with suppress(ConsoleError):
                await self._task

    async def abandon(self) -> None:
        """Stop it when it is not up yet."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _bring_up(self, steps: asyncio.Queue[tuple[int, int, str] | None]) -> None:
        from console.devnet.network import up
        from console.devnet.options import UpOptions

        try:
            async with aclosing(up(UpOptions(self._folder))) as told:
                async for step in told:
                    steps.put_nowait((step.done, step.total, step.text))
        finally:
            steps.put_nowait(None)


def _collect_later() -> None:
    """Look for garbage once the console has started: until then nobody does (`console.cli.main`)."""
    asyncio.get_running_loop().call_later(STARTED_AFTER_S, tidying.begin)


async def _show(
    session: ConsoleSession,
    starting: _DevnetStart | None,
    settings: ConsoleSettings,
    file: RecordingFile | None,
) -> tuple[int, bool]:
    """Run the console; returns its exit code and whether the operator wants the devnet stopped."""
    _collect_later()
    prepare_environment(os.environ)
    # Imported here: Textual reads the environment at import, and no other verb wants it.
    from console.app import UpgradeConsoleApp
    from screens.acting import EXIT_STOP_DEVNET
    from screens.dressed import EXIT_HANGUP, EXIT_TERMINATED

    app = UpgradeConsoleApp(session, settings, (theme_folder(),), file=file)
    code = 1
    try:
        result = await app.run_async(mouse=settings.mouse)
        code = result if result is not None else (app.return_code or 0)
    finally:
        if starting is not None:
            if code in {EXIT_HANGUP, EXIT_TERMINATED}:
                # A hang-up keeps the devnet, also one that is still coming up.
                for number in (signal.SIGHUP, signal.SIGTERM):
                    signal.signal(number, signal.SIG_IGN)
                await starting.finish()
            else:
                await starting.abandon()
        await session.close()
    if app.refused_by is not None:
        raise app.refused_by
    return (0, True) if code == EXIT_STOP_DEVNET else (code, False)
