"""One row of the table of pictures: which screen, in which state, how it is reached, and what stands there then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen

from console.app import UpgradeConsoleApp
from tests.pilot import settled
from tests.session_fakes import FakeSession

Size = tuple[int, int]
"""Columns and rows."""
SMALL: Size = (80, 24)
MIDDLE: Size = (120, 40)
LARGE: Size = (160, 48)
BOTH = (SMALL, MIDDLE)
"""What every scene is drawn at, unless it says more."""

Way = Callable[[Pilot[Any]], Awaitable[None]]
"""What an operator does to come to a screen, from where its stage begins."""


class State(Enum):
    """What a screen can have to show."""

    USUAL = "usual"
    EMPTY = "empty"
    LOADING = "loading"
    STALE = "stale"
    DISCONNECTED = "disconnected"
    ERROR = "error"
    HALTED = "halted"
    WAITING_FOR_QUORUM = "waiting for quorum"
    NEEDS_OPERATOR = "needs operator"
    HOSTILE = "hostile"

    @property
    def slug(self) -> str:
        """The state in the name of a file."""
        return self.value.replace(" ", "_")


async def known(pilot: Pilot[Any]) -> None:
    """The first Snapshot and the first lines of the log, where there are any, are there."""
    session = pilot.app.session  # type: ignore[attr-defined]
    await settled(pilot, lines=bool(session._log))


async def nothing_yet(pilot: Pilot[Any]) -> None:
    """Nothing has to be waited for."""
    await pilot.pause()


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """An application in which scenes are drawn one after the other, each from the overview on."""

    make: Callable[[], App[Any]]
    ready: Way = known
    over: Way = nothing_yet
    """What is done before the application ends."""


def stage(make: Callable[[], FakeSession], ready: Way = known, over: Way = nothing_yet) -> Stage:
    """The console on a session."""
    return Stage(lambda: UpgradeConsoleApp(make()), ready, over)


def keys(*pressed: str) -> Way:
    """Press these, one after the other."""

    async def way(pilot: Pilot[Any]) -> None:
        for key in pressed:
            await pilot.press(key)
            await pilot.pause()

    return way


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What one picture shows, at each of its sizes."""

    screen: type[Screen[Any]]
    state: State
    stage: Stage
    words: str
    """What stands there when all is drawn."""
    way: Way = field(default_factory=keys)
    name: str = ""
    """Of this scene among those of the same screen; empty for the state alone."""
    sizes: tuple[Size, ...] = BOTH

    @property
    def title(self) -> str:
        """In the names of tests and files."""
        return f"{self.screen.__name__.removesuffix('Screen')}-{self.name or self.state.slug}"
