"""The devnet's start: progress, failure, another try, giving up; no traffic before it is up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from console.app import UpgradeConsoleApp
from console.errors import DevnetError
from screens.acting import EXIT_KEPT
from screens.bring_up import BringUpScreen
from screens.overview import OverviewScreen
from tests import fakes
from tests.pilot import screen_text, until
from tests.session_fakes import FakeSession

pytestmark = pytest.mark.anyio


class BringingSession(FakeSession):
    """Comes up in three steps, when told; fails `failures` times first."""

    def __init__(self, *, failures: int = 0) -> None:
        super().__init__(fakes.idle())
        self.bringing_up_devnet = True
        self.failures = failures
        self.go_on = asyncio.Event()

    async def bring_up(self) -> AsyncIterator[tuple[int, int, str]]:
        for done, text in enumerate(("choosing ports", "building subnetd v0.1.5", "starting four nodes")):
            yield done, 3, text
        if self.failures:
            self.failures -= 1
            raise DevnetError("port 20001 is taken", safe="nothing runs", next_step="free it")
        await self.go_on.wait()


async def test_progress_then_the_overview() -> None:
    session = BringingSession()
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await until(pilot, lambda: "starting four nodes" in screen_text(app), "the last step")
        assert "2 of 3" in screen_text(app)
        assert "✓ choosing ports" in screen_text(app)
        assert session.opened == 0
        session.go_on.set()
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen), "the overview")
        await until(pilot, lambda: app.snapshot is not None, "the first snapshot")
        assert session.opened == 1


async def test_a_failure_says_why_and_can_be_tried_again() -> None:
    session = BringingSession(failures=1)
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await until(pilot, lambda: "port 20001 is taken; nothing runs; free it." in screen_text(app), "the reason")
        session.go_on.set()
        await pilot.press("enter")
        await until(pilot, lambda: app.snapshot is not None, "the first snapshot")


async def test_giving_up_leaves() -> None:
    app = UpgradeConsoleApp(BringingSession(failures=1))
    async with app.run_test() as pilot:
        await until(pilot, lambda: isinstance(app.screen, BringUpScreen), "the bring-up")
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running, "the end")
    assert app.return_value == EXIT_KEPT
