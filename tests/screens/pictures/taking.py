"""Pictures of a running console: one start for all scenes of a stage, one opening for all sizes of a scene."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import re
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Button

from screens.dressed import DressedApp
from tests.pilot import screen_text, until, until_screen
from tests.screens.pictures.scene import SMALL, Scene, Size, Stage

Taken = dict[tuple[Scene, Size], str | BaseException]
"""The picture of each scene at each size, or why there is none."""

_ID = re.compile(r"\bterminal-\d+-")
_LINE_CLIP = re.compile(r'<clipPath id="terminal-line-\d+">.*?</clipPath>\s*', re.DOTALL)
_CLIPPED = re.compile(r' clip-path="url\(#terminal-line-\d+\)"')
_RECT = re.compile(
    r'<rect fill="(#\w+)" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="24.65" shape-rendering="crispEdges"/>'
)


def take(scenes: Sequence[Scene]) -> Taken:
    """Draw these scenes, all of one stage.

    A scene that cannot be drawn costs its stage a new start and no other scene its picture.
    """
    taken: Taken = {}
    left = deque(scenes)
    while left:
        asyncio.run(_take(left[0].stage, left, taken))
    return taken


def take_once(scenes: Sequence[Scene], file: Path) -> Taken:
    """Draw these scenes, or read what another process of the same run drew of them; that is waited for.

    Args:
        scenes: Of one stage, the same for every process.
        file: Where the pictures of that stage are kept for this run.
    """
    with file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            written = file.with_suffix(".new")
            written.write_text(json.dumps([_row(*entry) for entry in take(scenes).items()]))
            os.replace(written, file)
    by_title = {scene.title: scene for scene in scenes}
    return {
        (by_title[title], (columns, rows)): picture if why is None else AssertionError(why)
        for title, columns, rows, picture, why in json.loads(file.read_text())
    }


def _row(asked: tuple[Scene, Size], drawn: str | BaseException) -> list[object]:
    scene, size = asked
    why = None if isinstance(drawn, str) else f"{type(drawn).__name__}: {drawn}"
    return [scene.title, *size, drawn if why is None else "", why]


async def _take(stage: Stage, left: deque[Scene], taken: Taken) -> None:
    app = stage.make()
    assert isinstance(app, DressedApp)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await stage.ready(pilot)
        try:
            await _of_stage(pilot, left, taken)
        finally:
            await stage.over(pilot)


async def _of_stage(pilot: Pilot[Any], left: deque[Scene], taken: Taken) -> None:
    begins = pilot.app.screen_stack
    while left:
        scene = left.popleft()
        try:
            await _back(pilot, begins, scene.sizes[0])
            await _of_scene(pilot, scene, taken)
        except (AssertionError, LookupError) as error:
            taken.update({(scene, size): error for size in scene.sizes if (scene, size) not in taken})
            return


async def _of_scene(pilot: Pilot[Any], scene: Scene, taken: Taken) -> None:
    await scene.way(pilot)
    await until_screen(pilot, scene.screen.__name__)
    for size in scene.sizes:
        if size != pilot.app.size:
            await pilot.resize_terminal(*size)
        await until(pilot, lambda: scene.words in screen_text(pilot.app), f"{scene.words!r} of {scene.title}")
        taken[scene, size] = await _still(pilot)


async def _back(pilot: Pilot[Any], begins: list[Screen[Any]], size: Size) -> None:
    """To where the stage began."""
    app = pilot.app
    while app.screen not in begins and len(app.screen_stack) > 1:
        app.pop_screen()
        await pilot.pause()
    if app.screen not in begins:
        app.switch_mode(app.DEFAULT_MODE)
    app.clear_notifications()
    await pilot.resize_terminal(*size)
    assert app.screen_stack == begins, "a stage begins with what the scene before left"


async def _still(pilot: Pilot[Any]) -> str:
    """The picture, once it does not change any more."""
    await until(pilot, lambda: not any(_pressed(each) for each in pilot.app.screen_stack), "a button let go")
    before = ""
    while (picture := _compact(pilot.app.export_screenshot(title=pilot.app.title, simplify=True))) != before:
        before = picture
        await pilot.pause()
    return picture


def _pressed(screen: Screen[Any]) -> bool:
    return bool(screen.query(Button).filter(".-active"))


def _compact(picture: str) -> str:
    """The same picture in a third of the bytes, an element a line: what changes is seen, and git keeps little of it."""
    picture = _ID.sub("terminal-", picture)
    picture = _CLIPPED.sub("", _LINE_CLIP.sub("", picture))
    return _merged(picture).replace("><", ">\n<")


def _merged(picture: str) -> str:
    """With one rectangle where several of one colour stand side by side."""
    pieces: list[str] = []
    end = 0
    pending: tuple[str, float, str, float] | None = None
    for found in _RECT.finditer(picture):
        fill, x, y, width = found[1], float(found[2]), found[3], float(found[4])
        if pending is not None and found.start() == end and pending[0] == fill and pending[2] == y:
            pending = fill, pending[1], y, round(x + width - pending[1], 1)
        else:
            if pending is not None:
                pieces.append(_rect(*pending))
            pieces.append(picture[end : found.start()])
            pending = fill, x, y, width
        end = found.end()
    if pending is not None:
        pieces.append(_rect(*pending))
    return "".join([*pieces, picture[end:]])


def _rect(fill: str, x: float, y: str, width: float) -> str:
    return f'<rect fill="{fill}" x="{x:g}" y="{y}" width="{width:g}" height="24.65" shape-rendering="crispEdges"/>'
