"""A child process that gets nothing of ours but what it is handed: its environment, its arguments, its three pipes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import console


def own_module(module: str, *arguments: str) -> tuple[str, ...]:
    """The command of a module of ours; `own_environment` goes with it."""
    # -P and an own environment: a module in the current folder or on a foreign path must not run next to a secret.
    return (sys.executable, "-P", "-s", "-m", module, *arguments)


def own_environment() -> dict[str, str]:
    """What a module of ours needs to be found."""
    return {"PYTHONPATH": str(Path(console.__file__).resolve().parent.parent), "PATH": os.defpath}


async def start_bare(
    command: tuple[str, ...],
    environment: Mapping[str, str],
    *,
    most_bytes: int,
    stdin: int | None = PIPE,
    stderr: int = PIPE,
    on_terminal: bool = False,
) -> asyncio.subprocess.Process:
    """Start a process, in a group of its own, whose standard output is read here.

    Args:
        command: Program and arguments; no shell reads them.
        environment: All of it.
        most_bytes: The longest line that is read of it.
        stdin: A pipe, a descriptor, or None for ours.
        stderr: A pipe, or a descriptor.
        on_terminal: Whether it keeps the terminal, behind everybody until it is given the front; else it has none, and
            a Ctrl-C there does not reach it.

    Raises:
        OSError: It cannot be started.
    """
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=stdin,
        stdout=PIPE,
        stderr=stderr,
        env=dict(environment),
        limit=most_bytes,
        start_new_session=not on_terminal,
        process_group=0 if on_terminal else None,
    )


async def end_group(process: asyncio.subprocess.Process) -> None:
    """Kill a process of `start_bare` that has not ended, with everything that it started, and see it gone."""
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
