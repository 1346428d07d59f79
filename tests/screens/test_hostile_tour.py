"""A tour through every screen and dialog while everything foreign is hostile: what is written to the terminal is ours.

Both walls are tried: with the first one torn down every foreign string comes raw, as if somebody forgot `untrusted`.
"""

from __future__ import annotations

import inspect
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, cast

import pytest
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input

from console.actions import ACTIONS, MODE_NAMES, Action
from console.app import UpgradeConsoleApp
from console.errors import ChainError
from console.model import Snapshot
from screens.overview import OverviewScreen
from tests import cosmos_fakes as cosmos
from tests import governance_fakes as votes
from tests.hostile import HOSTILE
from tests.pilot import settled, until
from tests.session_fakes import FakeSession

pytestmark = pytest.mark.anyio

OURS = re.compile(r"\x1b\[[0-9;]*[mH]")
"""What the console itself writes for a frame: styles, and where the next piece stands."""
SCROLLBARS = {("@mouse.down", "grab"), ("@mouse.down", "release"), ("@mouse.up", "release")} | {
    ("@mouse.down", way) for way in ("scroll_up", "scroll_down", "scroll_left", "scroll_right")
}
"""What a mouse does on Textual's own scrollbars; nothing else on the screen does anything by itself."""
BARRED = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
LEFT_ALONE = {"state", "function", "chain_id", "kind", "status", "origin_kind"}
"""Fields whose words our own code wrote or has checked."""
_OF_OURS = re.compile(r"(?:0x)?[0-9a-fA-F]{40,}|[0-9]*")
"""Addresses, hashes and numbers: decoded, so never words of a stranger."""

EVERYTHING = "".join(text for text in HOSTILE if len(text) < 100)
"""All known bad inputs in one string."""
LONG = "[/]" + "W" * 3000 + "\x1b[2J"
LEAVING = {"quit_console", "back"}
SEEN = {
    "OverviewScreen",
    "ProposalsScreen",
    "ProposalScreen",
    "ValidatorsScreen",
    "NodeScreen",
    "LogsScreen",
    "HelpScreen",
    "CommandPalette",
    "EmergencyScreen",
    "ReviewScreen",
    "PlanScreen",
    "UnlockScreen",
    "DetailsScreen",
    "VoteScreen",
    "NodeMenuScreen",
    "ProposeScreen",
    "ReleaseScreen",
    "CutsScreen",
    "CopyScreen",
}
"""What the tour has to see, whatever the keys are called one day."""
DIALOGS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("2", "enter"), ("t", "tab", "enter")),
    (("1",), ("f9", "right", "enter")),
    (("1",), ("f9", "right", "right", "enter")),
    (("1",), ("ctrl+p",)),
    (("1",), ("ctrl+l", "ctrl+l")),
)
"""Ways to what opens only behind another dialog."""


def poisoned(value: Any, text: str) -> Any:
    """The same value with every word of a stranger replaced."""
    if is_dataclass(value) and not isinstance(value, type):
        changed = {}
        for field in fields(value):
            old = getattr(value, field.name)
            changed[field.name] = old if field.name in LEFT_ALONE else poisoned(old, text)
        return replace(value, **changed)
    if isinstance(value, tuple):
        return tuple(poisoned(each, text) for each in value)
    if isinstance(value, str) and not isinstance(value, Enum) and not _OF_OURS.fullmatch(value):
        return text
    return value


class HostileSession(FakeSession):
    """A session whose every answer is hostile, whatever is asked.

    Args:
        text: Stands in every foreign string.
        refuses: Whether every question ends in an error that holds it.
    """

    def __init__(self, text: str, *shown: Snapshot, refuses: bool = False) -> None:
        log = [(source, text) for source in ("node", "controller")]
        super().__init__(*(poisoned(each, text) for each in shown), log=log)
        self._text = text
        self.fleet_nodes = poisoned(self.fleet_nodes, text)
        if refuses:
            self.error = self.node_error = self.review_error = ChainError(text, safe=text, next_step=text)

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if not inspect.iscoroutinefunction(value) or name == "review":
            return value

        async def answered(*args: Any, **kwargs: Any) -> Any:
            return poisoned(await value(*args, **kwargs), super(HostileSession, self).__getattribute__("_text"))

        return answered


def written(app: UpgradeConsoleApp) -> str:
    """What the whole screen is to a terminal, as the driver is given it."""
    update = app.screen._compositor.render_update(full=True)
    return cast(str, cast(Any, update).render_segments(app.console))


def look(app: UpgradeConsoleApp, where: str) -> None:
    """Raises AssertionError when anything on the screen is not ours."""
    assert app._exception is None, where
    frame = written(app)
    rest = OURS.sub("", frame).replace("\n", "").replace("\r", "")
    if not rest.isprintable():
        bad = {f"U+{ord(each):04X}" for each in rest if unicodedata.category(each) in BARRED}
        assert not bad, (where, bad)
    for strip in app.screen._compositor.render_strips(app.size):
        for segment in strip:
            if segment.style is not None:
                assert segment.style.link is None, where
                links = {(name, link) for name, link in segment.style.meta.items() if name.startswith("@")}
                assert links <= SCROLLBARS, (where, links, segment.text)


def ways() -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """(keys to a view, keys there): every action once, in the first view that has it, then what opens behind others."""
    seen: set[str] = set()
    numbers = {entry.id: entry.key for entry in ACTIONS}
    for mode in MODE_NAMES:
        there = (numbers[f"show_{mode}"],)
        yield there, ()
        for entry in _once(seen, mode):
            yield there, (entry.key.split(",")[0],)
    for entry in _once(seen, "proposal"):
        yield ("2", "enter"), (entry.key.split(",")[0],)
    yield from DIALOGS


def _once(seen: set[str], view: str) -> Iterator[Action]:
    for entry in ACTIONS:
        moves = entry.id in LEAVING or entry.id.removeprefix("show_") in MODE_NAMES
        if entry.id not in seen and not moves and view in entry.modes:
            seen.add(entry.id)
            yield entry


async def tour(pilot: Pilot[int], app: UpgradeConsoleApp) -> set[str]:
    """Go everywhere; returns the names of the screens that were seen."""
    seen: set[str] = set()
    at: tuple[tuple[str, ...], Screen[Any] | None] = ((), None)
    for there, keys in ways():
        if at != (there, app.screen):
            for key in there:
                before = app.screen
                await pilot.press(key)
                if key == "enter":
                    await until(pilot, lambda before=before: app.screen is not before, "the proposal")  # type: ignore[misc]
            await pilot.pause()
            _seen(app, there, seen)
            at = there, app.screen
        await pilot.press(*keys)
        await pilot.pause()
        _seen(app, (*there, *keys), seen)
        await _back(pilot, app, at[1])
    return seen


def _seen(app: UpgradeConsoleApp, way: tuple[str, ...], seen: set[str]) -> None:
    assert app.is_running, (way, app._exception)
    look(app, " ".join(way))
    seen.add(type(app.screen).__name__)


async def _back(pilot: Pilot[int], app: UpgradeConsoleApp, view: Screen[Any] | None) -> None:
    app.session.hands.unlock()
    if app.past is not None:
        await pilot.press("end")
    while not (app.screen is view or isinstance(app.screen, OverviewScreen)) or isinstance(app.focused, Input):
        await pilot.press("escape")


async def _toured(text: str, *, refuses: bool = False, size: tuple[int, int] = (80, 24)) -> set[str]:
    session = HostileSession(text, votes.voted_on(), refuses=refuses)
    app = UpgradeConsoleApp(session)
    async with app.run_test(size=size, notifications=True) as pilot:
        await settled(pilot)
        return await tour(pilot, app)


async def test_whatever_comes_only_our_own_bytes_are_written() -> None:
    seen = await _toured(EVERYTHING)
    assert seen >= SEEN, SEEN - seen


async def test_whatever_a_refusal_says_only_our_own_bytes_are_written() -> None:
    app = UpgradeConsoleApp(HostileSession(EVERYTHING, votes.voted_on(), refuses=True))
    async with app.run_test(notifications=True) as pilot:
        await settled(pilot)
        for keys in ("2v", "4", ("f9",), ("2", "enter"), ("2", "enter", "d"), ("2", "enter", "f")):
            await pilot.press(*keys)
            await pilot.pause()
            _seen(app, tuple(keys), set())
            await _back(pilot, app, None)
        shown = app.snapshot
        assert shown is not None
        # A controller that is gone refuses in its own words: in the palette too, which knows markup.
        app.snapshot = replace(shown, node_problem=f"{EVERYTHING} gone")
        await pilot.press("n")
        await pilot.pause()
        _seen(app, ("n",), set())
        for keys in (("question_mark",), ("ctrl+p", *"not now")):
            await pilot.press(*("space" if key == " " else key for key in keys))
            await pilot.pause()
            _seen(app, keys, set())
            await _back(pilot, app, None)


@pytest.mark.parametrize(
    "shown", [cosmos.voted(), cosmos.deposited(), cosmos.halted(1)], ids=["vote", "deposit", "halt"]
)
async def test_whatever_a_cosmos_chain_says_only_our_own_bytes_are_written(shown: Snapshot) -> None:
    app = UpgradeConsoleApp(HostileSession(EVERYTHING, shown))
    async with app.run_test(size=(160, 48)) as pilot:
        await settled(pilot)
        for keys in (("1",), ("2",), ("2", "enter"), ("3", "enter"), ("f9",)):
            await pilot.press(*keys)
            await pilot.pause()
            _seen(app, keys, set())
            await _back(pilot, app, None)


@pytest.mark.soak
@pytest.mark.parametrize("refuses", [False, True])
@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
@pytest.mark.parametrize("text", [*HOSTILE, LONG], ids=ascii)
async def test_each_alone_at_any_size(text: str, size: tuple[int, int], refuses: bool) -> None:
    await _toured(text, refuses=refuses, size=size)


@pytest.mark.parametrize("planted", ["\x1b[2J", "\u202e"])
async def test_the_look_sees_what_is_planted(planted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("widgets.second_wall.SecondWall.apply", lambda _wall, segments, _background: segments)
    app = UpgradeConsoleApp(HostileSession(planted, votes.voted_on()))
    async with app.run_test() as pilot:
        await settled(pilot)
        with pytest.raises(AssertionError):
            look(app, "overview")
