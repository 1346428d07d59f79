"""A text that changed writes the rows that changed, up to the last difference; a text that did not writes nothing."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Region

from tests.pilot import until
from widgets.drawn import Drawn, Grown, stacked

pytestmark = pytest.mark.anyio


class Seen(Drawn):
    """Notes what it has painted again."""

    DEFAULT_CSS = "Seen { width: 20; height: 4; }"

    def __init__(self) -> None:
        super().__init__()
        self.painted: list[tuple[Region, ...]] = []

    def refresh(  # type: ignore[no-untyped-def]
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ):
        self.painted.append(regions)
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)


class OneText(App[None]):
    def compose(self) -> ComposeResult:
        yield Seen()


async def test_only_what_changed_is_painted() -> None:
    app = OneText()
    async with app.run_test(size=(40, 6)) as pilot:
        text = app.query_one(Seen)
        text.draw(stacked("height 1,234", "all is well", Content.styled("[b]not markup", "bold")))
        await pilot.pause()
        text.painted.clear()
        assert not text.draw(stacked("height 1,234", "all is well", Content.styled("[b]not markup", "bold")))
        assert text.painted == []
        assert text.draw(stacked("height 1,239", "all is well", Content.styled("[b]not markup", "bold")))
        assert text.painted == [(Region(11, 0, 1, 1),)]
        text.painted.clear()
        text.draw(stacked("height 1,239", "all is well", Content.styled("[b]not markup", "dim")))
        assert [(region.y, region.height) for region in text.painted[0]] == [(2, 1)]
        await pilot.pause()
        strips = app.screen._compositor.render_strips(app.size)
        assert ["".join(segment.text for segment in strip).rstrip() for strip in strips[:3]] == [
            "height 1,239",
            "all is well",
            "[b]not markup",
        ]


class Growing(App[None]):
    """One text in a scrolled pane."""

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Grown()


async def test_a_layout_between_two_changes_does_not_keep_the_first_height() -> None:
    app = Growing()
    async with app.run_test() as pilot:
        grown = app.query_one(Grown)
        grown.draw(stacked("one", "two"))
        app.screen._refresh_layout()
        grown.draw(stacked("one", "two", "three", "four", "five"))
        await until(pilot, lambda: grown.size.height == 5, "five rows")
