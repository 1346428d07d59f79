"""Draws the pictures of README and guide from the console itself: `make pictures`, or `python docs/pictures.py`.

Development only: the Snapshots come from the tests' builders, with their fixed clock, in UTC, so that the same code
draws the same bytes. tests/docs/test_pictures.py says when the committed pictures are old.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from console.model import Snapshot

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "pictures"
SIZE = (100, 30)
"""Columns and rows."""

LOG = (
    ("controller", "2025-10-09T08:52:19 INFO    upgrade v0.2.0 #1: release verified, staged as upgrades/v0.2.0"),
    ("controller", "2025-10-09T08:52:20 INFO    the chain has our word: ready"),
    ("controller", "2025-10-09T08:52:24 INFO    arming for height 1300: restarting the node"),
    ("controller", "2025-10-09T08:52:26 INFO    the chain has our word: armed"),
    ("node", "I[2025-10-09|08:53:19] executed block height=1277 app_hash=5E0A"),
)
LOG_OF_THE_CROSSING = (
    ("node", "I[2025-10-09|08:53:16] halt height reached height=1300 app_height=1299"),
    ("controller", "2025-10-09T08:53:16 INFO    upgrade v0.2.0 #1: crossing HALTED"),
    ("controller", "2025-10-09T08:53:17 INFO    upgrade v0.2.0 #1: crossing SWITCHED"),
    ("controller", "2025-10-09T08:53:17 INFO    started v0.2.0, pid 41301"),
    ("node", "I[2025-10-09|08:53:18] executed block height=1300 app_hash=91C4"),
    ("controller", "2025-10-09T08:53:18 INFO    upgrade v0.2.0 #1: crossing WAITING_FOR_QUORUM"),
)


async def overview() -> str:
    """GO, 23 blocks before H."""
    from tests import fakes

    return await _drawn(fakes.go(), LOG, _rest)


async def crossing() -> str:
    """Two of four validators are back with the new binary."""
    from tests import fakes

    return await _drawn(fakes.waiting_for_quorum(), LOG_OF_THE_CROSSING, _rest)


async def form() -> str:
    """The propose form, filled."""
    from tests import fakes

    return await _drawn(fakes.idle(), LOG, _fill)


PICTURES: dict[str, Callable[[], Awaitable[str]]] = {"overview": overview, "crossing": crossing, "form": form}
"""File name without its ending to what draws it."""


async def _rest(_pilot: Pilot[Any]) -> None:
    """Nothing to press."""


async def _fill(pilot: Pilot[Any]) -> None:
    from textual.widgets import Input

    from tests.fakes import HASH, URL
    from tests.pilot import screen_text, settled, until

    app = await settled(pilot)
    await pilot.press("p")
    await until(pilot, lambda: app.screen.query("#field-name"), "the form")
    for name, value in {"name": "v0.2.0", "height": "1300", "url": URL, "hash": HASH}.items():
        app.screen.query_one(f"#field-{name}", Input).value = value
    await until(pilot, lambda: "90 blocks ahead" in screen_text(app), "the height's facts")
    app.screen.query_one("#field-breaking").focus()


async def _drawn(
    snapshot: Snapshot, log: tuple[tuple[str, str], ...], prepare: Callable[[Pilot[Any]], Awaitable[None]]
) -> str:
    from console.app import UpgradeConsoleApp
    from console.operations.propose import check_fields
    from tests.fakes import FakeSession
    from tests.pilot import settled

    session = FakeSession(snapshot, log=log, problems=lambda fields: check_fields(fields, snapshot))
    app = UpgradeConsoleApp(session)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await prepare(pilot)
        await pilot.pause()
        return app.export_screenshot(title="upgrade-console")


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
