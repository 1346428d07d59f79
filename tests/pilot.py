"""Waiting for conditions in a running console; nothing here sleeps for a guessed time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from textual.app import App
from textual.pilot import Pilot

from console.app import UpgradeConsoleApp
from screens.dressed import DressedApp
from screens.quiet import SETTLES_AFTER_S

DEADLINE_S = 60.0
"""Seconds after which a condition has failed; never reached in a passing test."""


async def until(pilot: Pilot[Any], condition: Callable[[], object], what: str) -> None:
    """Let the application work until the condition holds.

    Raises:
        AssertionError: It did not come to hold; says what.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + DEADLINE_S
    while not condition():
        assert loop.time() < end, f"never came: {what}"
        await pilot.pause(0.01)


async def silence(pilot: Pilot[Any]) -> None:
    """Wait until the next key would come alone."""
    app = pilot.app
    assert isinstance(app, DressedApp)
    await until(pilot, lambda: app.quiet.since(time.monotonic()) > SETTLES_AFTER_S, "silence")


async def alone(pilot: Pilot[Any], key: str) -> None:
    """Press a key with silence before it, as one who means it; in a burst nothing is confirmed."""
    await silence(pilot)
    await pilot.press(key)


async def until_screen(pilot: Pilot[Any], name: str) -> None:
    """Wait until the screen on top is of the class of that name."""
    await until(pilot, lambda: type(pilot.app.screen).__name__ == name, name)


async def settled(pilot: Pilot[Any], *, lines: bool = True) -> UpgradeConsoleApp:
    """Wait for the first Snapshot and, where the session has a log, its first batch."""
    app = pilot.app
    assert isinstance(app, UpgradeConsoleApp)
    await until(pilot, lambda: app.snapshot is not None, "the first snapshot")
    if lines:
        await until(pilot, lambda: app.log_lines, "the first log lines")
    await pilot.pause()
    return app


def screen_text(app: App[Any]) -> str:
    """What stands on the screen now, row by row."""
    width, height = app.size
    strips = app.screen._compositor.render_strips(app.size)
    return "\n".join("".join(segment.text for segment in strip)[:width] for strip in strips[:height])
