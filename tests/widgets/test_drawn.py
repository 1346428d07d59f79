"""Texts that grow: their height is that of what they show last."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.containers import VerticalScroll

from tests.pilot import until
from widgets.drawn import Grown, stacked


class Growing(App[None]):
    """One text in a scrolled pane."""

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Grown()


@pytest.mark.anyio
async def test_a_layout_between_two_changes_does_not_keep_the_first_height() -> None:
    app = Growing()
    async with app.run_test() as pilot:
        grown = app.query_one(Grown)
        grown.draw(stacked("one", "two"))
        app.screen._refresh_layout()
        grown.draw(stacked("one", "two", "three", "four", "five"))
        await until(pilot, lambda: grown.size.height == 5, "five rows")
