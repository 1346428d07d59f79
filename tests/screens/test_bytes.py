"""What the overview writes to a slow line: nothing when nothing changed, and little for a block (facts/tui.md C3)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.color import ColorSystem
from textual._compositor import ChopsUpdate, CompositorUpdate
from textual.screen import Screen

from console.app import UpgradeConsoleApp
from console.model import Snapshot
from screens.cropped import CroppedUpdate
from screens.mode import ModeScreen
from tests import fakes
from tests.fakes import NOW
from tests.pilot import screen_text, settled, until
from tests.session_fakes import FakeSession

pytestmark = pytest.mark.anyio


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes of each update that would go to the terminal, in its colours."""
    sizes: list[int] = []

    def display(self: UpgradeConsoleApp, screen: Screen[None], update: object) -> None:
        if isinstance(update, ChopsUpdate):
            update = CroppedUpdate.of(update)
        if isinstance(update, CompositorUpdate):
            sizes.append(len(update.render_segments(self.console).encode()))

    monkeypatch.setattr(UpgradeConsoleApp, "_display", display)
    return sizes


def a_block_later(shown: Snapshot, blocks: int) -> Snapshot:
    """The chain and our node, some blocks later; a block takes a second."""
    chain, node = shown.chain, shown.node
    assert chain is not None
    assert node is not None
    height = chain.height + blocks
    nodes = tuple(replace(each, height=height, app_height=height) for each in chain.nodes)
    moved = replace(chain, height=height, nodes=nodes, block_time_unix=NOW + blocks - 0.5)
    status = replace(node, height=height, app_height=height)
    return replace(fakes.snapshot(moved, status), taken_at=NOW + blocks)


@pytest.mark.parametrize("shown", [fakes.go(), fakes.idle()], ids=["go", "idle"])
async def test_a_block_costs_less_than_500_bytes_and_no_news_costs_none(shown: Snapshot, written: list[int]) -> None:
    session = FakeSession(shown)
    app = UpgradeConsoleApp(session)
    app.console._color_system = ColorSystem.TRUECOLOR
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.pause(0.2)
        assert session.feed is not None
        seconds = 5
        costs = []
        for blocks in range(1, seconds + 1):
            written.clear()
            session.clock = NOW + blocks
            later = a_block_later(shown, blocks)
            session.feed.put_nowait(later)
            await until(pilot, lambda later=later: app.snapshot is later, "the block")  # type: ignore[misc]
            await pilot.pause(0.1)
            costs.append(sum(written))
        assert f"{shown.chain.height + seconds:,}" in screen_text(app) if shown.chain else False
        assert 50 < sum(costs) / seconds < 500, costs
        written.clear()
        session.feed.put_nowait(replace(later, taken_at=later.taken_at))
        await pilot.pause(0.2)
        assert sum(written) == 0


async def test_a_block_is_drawn_once_and_only_where_somebody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []

    def redraw(self: ModeScreen) -> None:
        drawn.append(self.MODE)
        once(self)

    once = ModeScreen.redraw
    shown = fakes.idle()
    session = FakeSession(shown)
    app = UpgradeConsoleApp(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("3")
        await until(pilot, lambda: app.current_mode == "validators", "the validators")
        await pilot.press("1")
        await until(pilot, lambda: app.current_mode == "overview", "the overview")
        await pilot.pause(0.1)
        monkeypatch.setattr(ModeScreen, "redraw", redraw)
        assert session.feed is not None
        session.clock = NOW + 1
        later = a_block_later(shown, 1)
        session.feed.put_nowait(later)
        await until(pilot, lambda: app.snapshot is later, "the block")
        await pilot.pause(0.1)
        assert drawn == ["overview"]
        await pilot.press("3")
        await until(pilot, lambda: drawn[-1] == "validators", "what was missed there")
        assert f"{later.height:,}" in screen_text(app)
