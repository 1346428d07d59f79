"""Draws the pictures and the tour of README and guide from a recorded upgrade: `make pictures`, or run this file.

Development only. What is drawn is tests/recorded/upgrade.jsonl, a session on a real devnet, with its own clock, in UTC,
so that the same code draws the same bytes. tests/docs/test_pictures.py says when the committed ones are old.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from console.app import UpgradeConsoleApp
    from console.model import Scene, Snapshot
    from console.ports.session import Timeline

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "pictures"
RECORDED = ROOT / "tests" / "recorded" / "upgrade.jsonl"
SIZE = (100, 30)
"""Columns and rows."""
FRAME_S = 3.0
"""Seconds for which the tour shows each moment."""


def is_quiet(snapshot: Snapshot) -> bool:
    """Nothing is proposed yet, and some blocks were made."""
    return snapshot.upgrade is None and (snapshot.height or 0) >= 8


def is_proposed(snapshot: Snapshot) -> bool:
    """It has just been proposed."""
    return snapshot.upgrade is not None


def is_fetched(snapshot: Snapshot) -> bool:
    """Everybody is ready, nobody is armed."""
    return snapshot.upgrade is not None and snapshot.upgrade.ready_power == snapshot.upgrade.total_power


def is_partly_armed(snapshot: Snapshot) -> bool:
    """Some are armed."""
    return snapshot.upgrade is not None and 0 < snapshot.upgrade.armed_power < snapshot.upgrade.total_power


def is_near(snapshot: Snapshot) -> bool:
    """GO, 23 blocks before H."""
    return snapshot.upgrade is not None and snapshot.upgrade.go and snapshot.upgrade.blocks_left == 23


def is_frozen(snapshot: Snapshot) -> bool:
    """The verdict is stored."""
    return snapshot.upgrade is not None and bool(snapshot.upgrade.proposal.verdict)


def crosses(word: str) -> Callable[[Snapshot], bool]:
    """This node's crossing is at that word."""

    def at(snapshot: Snapshot) -> bool:
        attempt = snapshot.node.attempt if snapshot.node is not None else None
        return attempt is not None and attempt.crossing.value == word

    return at


def is_waited_for(snapshot: Snapshot) -> bool:
    """This node and another are back with the new binary, and that is not enough."""
    height = snapshot.upgrade.proposal.target_height if snapshot.upgrade is not None else 0
    nodes = snapshot.chain.nodes if snapshot.chain is not None else ()
    back = [each for each in nodes if each.reachable and each.app_height >= height]
    return crosses("WAITING_FOR_QUORUM")(snapshot) and len(back) == len(nodes) // 2


def is_executed(snapshot: Snapshot) -> bool:
    """More than two thirds of the power has confirmed the crossing."""
    upgrade = snapshot.upgrade
    return upgrade is not None and upgrade.proposal.status.words == "executed"


TOUR: tuple[tuple[Callable[[Snapshot], bool], str, str], ...] = (
    # When, which view, and the words below it.
    (is_quiet, "1", "Four validators, nothing is planned."),
    (is_proposed, "1", "v0.2.0 is proposed for a height: every controller fetches and verifies it."),
    (is_fetched, "3", "All have it verified and staged: ready."),
    (is_partly_armed, "1", "One after the other restarts with the halt height loaded: armed."),
    (is_near, "1", "More than two thirds of the power is ready and armed: GO."),
    (is_frozen, "1", "Five blocks before H the verdict is frozen: CROSS. Nobody needs to hurry any more."),
    (crosses("HALTED"), "1", "H: every node stops before it executes the block."),
    (is_waited_for, "1", "This node is back with the new binary, and waits for more than two thirds."),
    (crosses("COMMITTED"), "1", "The network has committed H+1: crossed and proven."),
    (is_executed, "3", "More than two thirds has confirmed what it runs, on the chain: executed."),
)


def _moments(timeline: Timeline) -> Iterator[Scene]:
    moment = timeline.first
    while moment is not None:
        yield timeline.scene(moment.number)
        moment = timeline.after(moment.number)


def scene(condition: Callable[[Snapshot], bool]) -> Scene:
    """The first moment of the recorded upgrade that fulfils a condition."""
    from console.recording.file import load

    recording = load(RECORDED)
    try:
        return next(each for each in _moments(recording.timeline) if condition(each.snapshot))
    finally:
        recording.close()


async def overview() -> str:
    """GO, 23 blocks before H."""
    return await _drawn(scene(is_near), _rest)


async def crossing() -> str:
    """Some are back with the new binary, and wait for the others."""
    return await _drawn(scene(is_waited_for), _rest)


async def form() -> str:
    """The propose form, filled."""
    return await _drawn(scene(is_quiet), _fill)


async def tour() -> str:
    """The whole upgrade, moment by moment: one picture after the other by CSS alone, no script and no foreign host."""
    frames = []
    for condition, key, words in TOUR:
        picture = await _drawn(scene(condition), _pressed(key))
        frames.append((picture, words))
    return animated(frames)


PICTURES: dict[str, Callable[[], Awaitable[str]]] = {
    "overview": overview,
    "crossing": crossing,
    "form": form,
    "tour": tour,
}
"""File name without its ending to what draws it."""

_OPENING = re.compile(r'<svg [^>]*viewBox="0 0 ([0-9.]+) ([0-9.]+)"[^>]*>')
_CLIPS = re.compile(r' clip-path="url\(#[^"]*-line-\d+\)"|<clipPath id="[^"]*-line-\d+">.*?</clipPath>\n?', re.DOTALL)
"""A clip for each row: a third of a picture, and rows that are cut at the screen's edge lose nothing without it."""
_CAPTION_ROWS = 40.0
"""Units below the picture for the words."""


def animated(frames: list[tuple[str, str]]) -> str:
    """Pictures of one size as one, each shown in its turn with its words. The first alone where nothing moves."""
    opening = _OPENING.search(frames[0][0])
    assert opening is not None  # Textual's export begins with it
    width, height = float(opening[1]), float(opening[2])
    whole_s, share = FRAME_S * len(frames), 100 / len(frames)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height + _CAPTION_ROWS:g}">',
        "<style>",
        f"@keyframes turn {{ 0% {{ visibility: visible }} {share:.4f}% {{ visibility: hidden }} }}",
        f".frame {{ visibility: hidden; animation: turn {whole_s:g}s step-end infinite }}",
        ".frame.first { visibility: visible }",
        ".words { font: 20px sans-serif; fill: #c5c8c6 }",
        "@media (prefers-reduced-motion: reduce) { .frame { animation: none } }",
        "</style>",
        '<rect width="100%" height="100%" fill="#292929" rx="8"/>',
    ]
    for index, (picture, words) in enumerate(frames):
        delay = f"animation-delay: {index * FRAME_S:g}s"
        inner = _OPENING.sub(f'<svg xml:space="preserve" width="{width:g}" height="{height:g}">', picture, count=1)
        inner = _CLIPS.sub("", inner)
        parts += [
            f'<g class="frame{" first" if index == 0 else ""}" style="{delay}">',
            inner.strip(),
            f'<text class="words" x="24" y="{height + 24:g}">{index + 1}/{len(frames)}  {words}</text>',
            "</g>",
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


async def _rest(_pilot: Pilot[Any]) -> None:
    """Nothing to press."""


def _pressed(key: str) -> Callable[[Pilot[Any]], Awaitable[None]]:
    async def press(pilot: Pilot[Any]) -> None:
        await pilot.press(key)
        await pilot.pause()

    return press


async def _fill(pilot: Pilot[Any]) -> None:
    from textual.widgets import Input

    from tests.pilot import screen_text, settled, until

    app = await settled(pilot)
    await pilot.press("p")
    await until(pilot, lambda: app.screen.query("#field-name"), "the form")
    proposed = scene(is_proposed).snapshot.upgrade
    height = app.snapshot.height if app.snapshot is not None else None
    assert proposed is not None
    assert height is not None
    release = proposed.proposal
    typed = {
        "name": str(release.name),
        "height": str(release.target_height),
        "url": str(release.release_url),
        "hash": release.release_hash,
    }
    for name, value in typed.items():
        app.screen.query_one(f"#field-{name}", Input).value = value
    ahead = release.target_height - height
    await until(pilot, lambda: f"{ahead} blocks ahead" in screen_text(app), "the height's facts")
    app.screen.query_one("#field-breaking").focus()


async def _drawn(shown: Scene, prepare: Callable[[Pilot[Any]], Awaitable[None]]) -> str:
    """The console over a moment of then, as it was drawn at that moment."""
    from console.app import UpgradeConsoleApp
    from tests.pilot import settled

    app: UpgradeConsoleApp = UpgradeConsoleApp(_session(shown))
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await prepare(pilot)
        await pilot.pause()
        return app.export_screenshot(title="upgrade-console")


def _session(shown: Scene) -> Any:
    from dataclasses import replace

    from console.operations.propose import check_fields, earliest_height
    from tests import governance_fakes
    from tests.session_fakes import FakeSession

    # The devnet's registry, as it is deployed without voting.
    rules = replace(governance_fakes.rules(), voting_required=False, freeze_blocks=5)

    class OfThen(FakeSession):
        """Checks what is typed as the real one does."""

        def earliest_height(self, fields: dict[str, str], snapshot: Snapshot | None) -> int | None:
            if snapshot is None or snapshot.chain is None or snapshot.height is None:
                return None
            return earliest_height(snapshot.chain, snapshot.height, rules, voting_blocks=0)

    session = OfThen(
        shown.snapshot, log=shown.lines, problems=lambda fields: check_fields(fields, shown.snapshot, rules)
    )
    session.registry_rules = rules
    session.clock = shown.moment.time
    return session


def draw(name: str) -> str:
    """One picture as SVG text. The time zone must be UTC and NO_COLOR unset."""

    async def run() -> str:
        return await PICTURES[name]()

    return asyncio.run(run())


def main() -> int:
    """Draw all pictures into docs/pictures."""
    for variable in ("NO_COLOR", "TEXTUAL_THEME", "TEXTUAL_ANIMATIONS", "TEXTUAL_COLOR_SYSTEM"):
        os.environ.pop(variable, None)
    os.environ["TZ"] = "UTC"
    time.tzset()
    sys.path.insert(0, str(ROOT))
    FOLDER.mkdir(exist_ok=True)
    for name in PICTURES:
        (FOLDER / f"{name}.svg").write_text(draw(name), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
