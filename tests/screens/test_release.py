"""What is verified of the planned release: asked once, whole at 80 columns, safe whatever it says."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.containers import VerticalScroll

from console.app import UpgradeConsoleApp
from console.errors import ControllerDown
from console.model import KnownRelease, Preparation, ReleaseCheck, ReleaseKind
from screens.proposals import ProposalsScreen
from screens.release import ReleaseScreen
from tests import fakes
from tests.pilot import screen_text, settled, until, until_screen
from tests.session_fakes import FakeSession

pytestmark = pytest.mark.anyio


async def test_the_keyboard_opens_scrolls_and_closes_it_at_80_by_24() -> None:
    session = FakeSession(fakes.go())
    app = UpgradeConsoleApp(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("2")
        await until_screen(pilot, "ProposalsScreen")
        await pilot.press("v")
        await until(pilot, lambda: "It may be staged." in screen_text(app), "the release")
        text = screen_text(app)
        assert "developers 2 of 2: alice, bob" in text
        assert fakes.HASH in text
        assert "100 blocks for late nodes" in text
        await pilot.press("end")
        await until(pilot, lambda: "1. Write one storage slot." in screen_text(app), "its migration")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ProposalsScreen), "the proposals")
    assert session.releases_asked == 1


async def test_it_is_asked_again_when_the_attempt_moved_on_and_not_for_a_new_height() -> None:
    session = FakeSession(fakes.go())
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("2")
        await until_screen(pilot, "ProposalsScreen")
        await pilot.press("v")
        await until(pilot, lambda: "It may be staged." in screen_text(app), "the release")
        assert session.feed is not None
        higher = fakes.snapshot(fakes.chain(1278), fakes.node(1278, fakes.attempt()))
        await session.feed.put(higher)
        await until(pilot, lambda: app.snapshot is not None and app.snapshot.height == 1278, "another height")
        await pilot.pause()
        assert session.releases_asked == 1
        session.known_release = fakes.a_release(
            accepted=False, checks=(ReleaseCheck("developers", "failed", "1 of 2 signed (alice)"),)
        )
        failed = fakes.attempt(Preparation.FAILED, note="the release is not trusted")
        await session.feed.put(fakes.snapshot(fakes.chain(1279), fakes.node(1279, failed)))
        await until(pilot, lambda: "It may NOT be staged." in screen_text(app), "the answer of now")
        assert "FAILED    developers   1 of 2 signed (alice)" in screen_text(app)
    assert session.releases_asked == 2


async def test_without_a_controller_the_reason_is_said_and_nothing_opens() -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.node_down()))
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("2")
        await until_screen(pilot, "ProposalsScreen")
        await pilot.press("v")
        await until(
            pilot,
            lambda: any("no controller answers" in told.message for told in app._notifications),
            "the reason",
        )
        assert isinstance(app.screen, ProposalsScreen)


@pytest.mark.parametrize(
    ("release", "error", "words"),
    [
        (KnownRelease("v0.2.0", "v0.2.0 is a raw binary"), None, "V0.2.0 is a raw binary."),
        (fakes.a_release(facts=(), counts=()), None, "Nobody vouches for its bytes, so nothing in them was read."),
        (fakes.a_release(facts=(("notes", "[red]https://x[/red]"),)), None, "[red]https://x[/red]"),
        (fakes.a_release(), ControllerDown("no controller answers in /run"), "no controller answers in /run."),
    ],
)
async def test_what_is_missing_or_hostile_is_said_as_it_is(
    release: KnownRelease, error: ControllerDown | None, words: str
) -> None:
    session = FakeSession(fakes.go(), error=error)
    session.known_release = release
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("2")
        await until_screen(pilot, "ProposalsScreen")
        await pilot.press("v")
        await until_screen(pilot, ReleaseScreen.__name__)
        await until(pilot, lambda: words in screen_text(app), words)
        assert app.screen.query_one(VerticalScroll).has_focus


async def test_a_plan_of_a_manifest_says_where_more_is() -> None:
    base = fakes.go()
    assert base.chain is not None
    entry = fakes.proposal(fakes.ALL_READY, release_kind=ReleaseKind.MANIFEST)
    app = UpgradeConsoleApp(FakeSession(replace(base, chain=replace(base.chain, proposals=(entry,)))))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("2")
        await until(pilot, lambda: "Press v for what is verified" in screen_text(app), "the hint")
