"""Through time: the past of this session, and a recording; neither looks like the present."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from console.app import UpgradeConsoleApp
from console.hand_lock import REPLAY
from console.model import AuditReading, Snapshot
from console.operations.audit import event_entry
from console.operations.replay_session import ReplaySession
from console.recording.file import RecordingFile, load
from console.recording.format import full_line
from screens.bindings import PAST_REASON
from screens.emergency import LOOKING_BACK, EmergencyScreen
from screens.travelling import SPEEDS
from tests import fakes
from tests.console.recording.test_recorder import HEAD, at, written
from tests.pilot import alone, screen_text, settled, until
from tests.session_fakes import FakeSession
from widgets.key_line import KeyLine
from widgets.log_view import LogView

pytestmark = pytest.mark.anyio


async def fed(pilot: Pilot[Any], session: FakeSession, *snapshots: Snapshot) -> None:
    """Have the session tell these, and wait until they are kept."""
    app = pilot.app
    assert isinstance(app, UpgradeConsoleApp)
    assert session.feed is not None
    for each in snapshots:
        session.clock = each.taken_at
        session.feed.put_nowait(each)
        await until(pilot, lambda each=each: app.live == each, "the snapshot")  # type: ignore[misc]
    await kept(pilot)


async def kept(pilot: Pilot[Any]) -> None:
    """Wait until the recorder has caught up."""
    app = pilot.app
    assert isinstance(app, UpgradeConsoleApp)
    assert app._recorder is not None
    await app._recorder.caught_up()
    await pilot.pause()


async def shown(pilot: Pilot[Any], *heights: int | None) -> None:
    """Wait until a height is shown."""
    app = pilot.app
    assert isinstance(app, UpgradeConsoleApp)
    await until(pilot, lambda: app.snapshot is not None and app.snapshot.height in heights, f"height {heights}")
    await pilot.pause()


async def test_the_past_of_a_session_is_seen_held_and_left_again() -> None:
    session = FakeSession(at(0))
    app = UpgradeConsoleApp(session)
    async with app.run_test(notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("full_stop", "greater_than_sign", "end")
        assert app.past is None
        await fed(pilot, session, at(1), at(2), at(3, fakes.frozen()), at(4, fakes.frozen()))
        await pilot.press("comma")
        await shown(pilot, 1203)
        assert app.past is not None
        assert (app.past.place, app.past.total, app.past.held, app.past.replay) == (4, 5, True, False)
        assert app.now == fakes.NOW + 3
        text = screen_text(app)
        assert text.startswith(" PAST  2025-10-09 08:53:23 UTC · 1s ago · held · 4 of 5 · devnet at 1,203")
        assert "End now" in text.splitlines()[-1]
        assert not app.screen.query_one(KeyLine).display
        # Meanwhile the session goes on, and nothing of it is drawn but how long ago this was.
        alarm = at(60, fakes.called())
        await fed(pilot, session, alarm)
        assert app.snapshot == at(3, fakes.frozen())
        assert "! NOW: node1 needs you" in screen_text(app)
        assert "57s ago" in screen_text(app)
        await pilot.press("comma", "comma")
        await shown(pilot, 1201)
        await pilot.press("greater_than_sign")
        await shown(pilot, 1203)
        await pilot.press("less_than_sign")
        await shown(pilot, 1200)
        await pilot.press("comma")
        await until(pilot, lambda: app._notifications, "that there is nothing before")
        # Every view says it.
        await pilot.press("2")
        await until(pilot, lambda: "PAST" in screen_text(app), "the word on another view")
        # What only the present can tell is not shown beside the past.
        await pilot.press("enter")
        await until(
            pilot, lambda: "not known of the past" in getattr(app.screen, "_problem", ""), "that it is not asked"
        )
        assert session.governance_asked == []
        await pilot.press("escape", "4")
        await until(pilot, lambda: "is not known of the past" in screen_text(app), "that processes are not known")
        # What changes something is refused, with the reason.
        await pilot.press("p")
        await until(pilot, lambda: PAST_REASON in {each.message for each in app._notifications}, "why not")
        await pilot.press("end")
        await shown(pilot, alarm.height)
        assert app.past is None
        await until(pilot, lambda: "PAST" not in screen_text(app), "the present")
        assert app.screen.query_one(KeyLine).display
        # Stepping on past the newest leads to the present as well.
        await pilot.press("comma", "full_stop", "full_stop")
        await until(pilot, lambda: app.past is None, "the present")


async def test_holding_the_present_and_running_on_from_there() -> None:
    session = FakeSession(at(0))
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await settled(pilot)
        await fed(pilot, session, at(1))
        await pilot.press("semicolon")
        await until(pilot, lambda: app.past is not None, "the held picture")
        await fed(pilot, session, at(2), at(3))
        assert app.snapshot == at(1)
        for _ in SPEEDS:
            await pilot.press("plus")
        await until(pilot, lambda: app.past is not None and app.past.speed == SPEEDS[-1], "the fastest")
        await pilot.press("minus")
        await until(pilot, lambda: app.past is not None and app.past.speed == SPEEDS[-2], "slower")
        await pilot.press("semicolon")
        # It runs until it has caught up with the present.
        await until(pilot, lambda: app.past is None, "the present")
        assert app.snapshot == at(3)


async def test_an_emergency_is_about_the_present_and_says_so() -> None:
    session = FakeSession(at(0, fakes.idle()))
    app = UpgradeConsoleApp(session)
    async with app.run_test(size=(100, 40)) as pilot:
        await settled(pilot)
        await fed(pilot, session, at(1, fakes.go()))
        await pilot.press("comma")
        await shown(pilot, 1200)
        assert app.snapshot is not None
        assert app.snapshot.upgrade is None
        await pilot.press("f9")
        await until(pilot, lambda: isinstance(app.screen, EmergencyScreen), "the emergency")
        await until(pilot, lambda: LOOKING_BACK in screen_text(app), "that it is about the present")
        assert "v0.2.0" in screen_text(app)
        stop = app.screen.query_one("#stop")
        await until(pilot, lambda: not stop.disabled, "the choice")
        stop.focus()
        await pilot.press("enter")
        await until(pilot, lambda: app.screen.query("#typed"), "the plan")
        plan = app.screen
        await until(pilot, lambda: not plan.query_one("#confirm").disabled, "the armed plan")
        await pilot.press(*"devnet")
        await alone(pilot, "enter")
        await until(pilot, lambda: session.node_actions == ["stop"], "the stopped node")


async def test_end_belongs_to_a_list_while_the_present_is_shown() -> None:
    session = FakeSession(at(0), log=[("node", f"line {number}") for number in range(100)])
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await settled(pilot)
        await fed(pilot, session, at(1))
        await pilot.press("5")
        await until(pilot, lambda: app.screen.query("#log-view"), "the log")
        view = app.screen.query_one(LogView)
        await until(pilot, lambda: view.following and view.has_focus, "the log that is followed")
        await pilot.press("home")
        await until(pilot, lambda: not view.following, "the first lines")
        await pilot.press("end")
        await until(pilot, lambda: view.following, "the last lines")
        await pilot.press("comma")
        await until(pilot, lambda: app.past is not None, "the past")
        await pilot.press("end")
        await until(pilot, lambda: app.past is None, "the present")


async def test_a_recorded_session_is_replayed_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    session = FakeSession(at(0, fakes.idle()))
    rows = (
        {"seq": n, "at": fakes.NOW + n, "attempt": 1, "kind": kind, "detail": {"note": f"step {n}"}}
        for n, kind in ((1, "ready"), (4, "armed"))
    )
    session.audited.reading = AuditReading(tuple(event_entry(row) for row in rows), ())
    live = UpgradeConsoleApp(session, file=RecordingFile(path))
    told = [at(1, fakes.go()), at(2, fakes.frozen()), at(3, fakes.halted()), at(4, fakes.committed())]
    async with live.run_test() as pilot:
        await settled(pilot)
        await fed(pilot, session, *told)
        assert session.log_feed is not None
        session.log_feed.put_nowait(("node", "a late line"))
        await until(pilot, lambda: any(text == "a late line" for _source, text in live.log_lines), "the line")
        await fed(pilot, session, at(5, fakes.committed()))
    replayed = ReplaySession(load(path))
    app = UpgradeConsoleApp(replayed, speed=300)
    async with app.run_test(notifications=True) as pilot:
        await until(pilot, lambda: app.past is not None and app.past.place == 6, "the end")
        await until(pilot, lambda: app.past is not None and app.past.held, "that it stands there")
        await pilot.pause()
        assert screen_text(app).startswith(" REPLAY  2025-10-09 08:53:25 UTC · held · 6 of 6 · devnet at 1,205")
        assert app.snapshot == at(5, fakes.committed())
        assert app.log_lines[-1] == ("node", "a late line")
        # The node from inside and what was done are as they were then.
        await pilot.press("4")
        await until(pilot, lambda: "arming-1" in screen_text(app), "the node from inside")
        assert "ARMED  step 4" in screen_text(app)
        await pilot.press("comma", "comma")
        await shown(pilot, 1203)
        await until(pilot, lambda: "step 4" not in screen_text(app), "the journal of then")
        assert "READY  step 1" in screen_text(app)
        await pilot.press("6")
        await until(pilot, lambda: "ready: note step 1" in screen_text(app), "what was done")
        assert "step 4" not in screen_text(app)
        await pilot.press("1")
        for key in ("p", "f9", "n"):
            await pilot.press(key)
        await until(
            pilot,
            lambda: [each.message for each in app._notifications].count(REPLAY) == 3,
            "that nothing can be done",
        )
        # Again from here, and from the end nothing happens.
        await pilot.press("semicolon")
        await until(pilot, lambda: app.past is not None and app.past.held and app.past.place == 6, "the end again")
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running, "the end, without a question about a devnet")
    await replayed.close()


async def test_a_recording_that_breaks_off_is_told_and_held(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + full_line(at(0)) + b'{"t":1760000001,"full":{}}\n')
    app = UpgradeConsoleApp(ReplaySession(load(path)))
    async with app.run_test(notifications=True) as pilot:
        await shown(pilot, 1200)
        await pilot.press("full_stop")
        await until(pilot, lambda: any("does not fit" in each.message for each in app._notifications), "why not")
        await pilot.pause()
        assert app.snapshot == at(0)


async def test_a_full_disk_is_told(tmp_path: Path) -> None:
    session = FakeSession(at(0))
    file = RecordingFile(tmp_path / "r")
    app = UpgradeConsoleApp(session, file=file)
    async with app.run_test(notifications=True) as pilot:
        await settled(pilot)
        await kept(pilot)
        file.close()  # as far as the recorder sees, a descriptor that takes nothing
        await fed(pilot, session, at(1), at(2))
        said = [each.message for each in app._notifications if "has ended" in each.message]
        assert len(said) == 1
        assert app.snapshot == at(2)
