"""What an operator does on the way to a picture."""

from __future__ import annotations

from typing import Any

from textual.pilot import Pilot
from textual.widgets import Button, Input

from tests.pilot import alone, until, until_screen
from tests.screens.pictures.scene import Way


def then(*ways: Way) -> Way:
    """One after the other."""

    async def way(pilot: Pilot[Any]) -> None:
        for each in ways:
            await each(pilot)

    return way


async def armed(pilot: Pilot[Any]) -> None:
    """The dialog can be confirmed."""
    confirm = pilot.app.screen.query_one("#confirm", Button)
    await until(pilot, lambda: not confirm.disabled, "the armed dialog")


def opened(name: str) -> Way:
    """The screen of that name is there."""
    return lambda pilot: until_screen(pilot, name)


def pressed(key: str, *, typed: str = "") -> Way:
    """Fill the dialog that is open and confirm it by a key that comes alone."""

    async def way(pilot: Pilot[Any]) -> None:
        await armed(pilot)
        if typed:
            pilot.app.screen.query_one("#typed", Input).value = typed
        await alone(pilot, key)

    return way


def choose(button: str) -> Way:
    """Press a button of the dialog that is open."""

    async def way(pilot: Pilot[Any]) -> None:
        chosen = pilot.app.screen.query_one(button, Button)
        await until(pilot, lambda: not chosen.disabled, button)
        chosen.focus()
        await pilot.press("enter")

    return way


def fill(**fields: str) -> Way:
    """Type into fields by their ids."""

    async def way(pilot: Pilot[Any]) -> None:
        for name, value in fields.items():
            pilot.app.screen.query_one(f"#{name.replace('_', '-')}", Input).value = value
        await pilot.pause()

    return way
