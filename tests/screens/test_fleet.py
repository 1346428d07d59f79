"""The fleet's view: every node with its own word and age, asked only while it is shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.app import UpgradeConsoleApp
from screens.fleet import FleetScreen
from tests import fakes, node_fakes
from tests.fakes import NOW
from tests.pilot import screen_text, settled, until, until_screen
from tests.session_fakes import FakeSession
from widgets.fleet_table import fleet_detail, fleet_rows, fleet_title

pytestmark = pytest.mark.anyio


async def test_the_view_of_a_dozen_nodes_at_80_by_24() -> None:
    session = FakeSession(fakes.go())
    app = UpgradeConsoleApp(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("8")
        await until_screen(pilot, "FleetScreen")
        await until(pilot, lambda: "12 nodes" in screen_text(app), "the fleet")
        text = screen_text(app)
        for number in range(1, 13):
            assert f"node{number} " in text
        assert "1 without an answer · 1 calls the operator" in text
        assert "✗ no answer" in text
        assert "! PARKED" in text
        # What is cut in a row is said whole below it.
        await pilot.press("down", "down", "down")
        await until(pilot, lambda: "Timeout, server val-4 not responding" in screen_text(app), "the fourth's detail")
        assert "last heard of 2m ago" in screen_text(app)

        assert session.fleet_feed is not None
        session.fleet_feed.put_nowait(node_fakes.a_fleet()[:2])
        await until(pilot, lambda: "Fleet · 2 nodes" in screen_text(app), "two nodes")
        screen = app.screen
        assert isinstance(screen, FleetScreen)
        assert screen._asking is not None
        assert not screen._asking.is_finished
        await pilot.press("escape")
        await until_screen(pilot, "OverviewScreen")
        # Nobody is asked for what nobody looks at.
        await until(pilot, lambda: screen._asking is not None and screen._asking.is_finished, "the end of asking")


async def test_in_the_past_nobody_is_asked() -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.idle(), fakes.go()))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("8")
        await until(pilot, lambda: "12 nodes" in screen_text(app), "the fleet")
        await pilot.press("comma")
        await until(pilot, lambda: "it was not recorded" in screen_text(app), "why nothing is known")
        await pilot.press("end")
        await until(pilot, lambda: "12 nodes" in screen_text(app), "the present again")


def test_an_age_is_said_only_where_an_answer_is_old() -> None:
    nodes = node_fakes.a_fleet()
    rows = {row.key: row for row in fleet_rows(nodes, NOW)}
    assert [rows[name].seen for name in ("node1", "node2", "node4")] == ["now", "now", "2m"]
    assert [rows[name].tone for name in ("node1", "node4", "node7", "node10")] == ["", "bad", "bad", "warn"]
    assert (rows["node1"].point, rows["node2"].point, rows["node10"].point) == ("5m", "1d", "—")
    # Nothing changes from second to second while all is well: nothing is drawn.
    assert fleet_rows(nodes[:2], NOW) == fleet_rows(nodes[:2], NOW + 3)
    assert fleet_title(nodes[:1]) == "Fleet · 1 node"


def test_a_node_that_stopped_answering_says_at_once_how_old_its_word_is() -> None:
    well = node_fakes.a_fleet()[0]
    gone = replace(well, problem="no controller answers in /var/lib/node1/run.", read_at=NOW - 3)
    (row,) = fleet_rows((gone,), NOW)
    assert (row.state, row.seen) == ("✗ no answer", "3s")
    assert "last heard of 3s ago, and what follows is of then" in fleet_detail(gone, NOW).plain
    assert fleet_rows((gone,), NOW + 87)[0].seen == "1m"


def test_a_node_that_never_answered_says_so() -> None:
    node = replace(node_fakes.a_fleet()[3], status=None, consensus=None, read_at=None)
    (row,) = fleet_rows((node,), NOW)
    assert (row.state, row.height, row.seen, row.signs) == ("✗ no answer", "—", "—", "—")
    assert "not heard of yet" in fleet_detail(node, NOW).plain
