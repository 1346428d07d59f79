"""The node's view: it looks only while it is shown, says what it cannot see, and is whole at every size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from console.app import UpgradeConsoleApp
from console.errors import JournalError
from console.model import Crossing, NodeStorage, ProcessTree, Snapshot
from console.text import UntrustedText, untrusted
from screens.node import NodeScreen
from screens.overview import OverviewScreen
from tests import fakes, node_fakes
from tests.fakes import FakeSession
from tests.hostile import hostile
from tests.pilot import screen_text, settled, until, until_screen

Compare = Callable[..., bool]
SMALL, MIDDLE = (80, 24), (120, 40)
HOSTILE = "[@click=app.quit]\x1b[2Jquit[/] [/nope \u202e x"


def parked() -> Snapshot:
    """Rolled back after a failed start: the operator decides."""
    mine = fakes.attempt(crossing=Crossing.PARKED, note="stopped, on the old binary; it ended with code 1")
    mine = replace(mine, left="genesis", rollback_point="crossing-1", tries_left=0)
    node = fakes.node(fakes.TARGET, mine, pid=None, last_exit_code=1, halt_height=0, alarm=f"PARKED: {mine.note}")
    return fakes.snapshot(fakes.halted().chain, node)


def stopped() -> Snapshot:
    """Stopped by hand."""
    return fakes.snapshot(fakes.chain(1210), fakes.node(1210, pid=None, state="STOPPED_BY_OPERATOR", exe_sha256=""))


def controller_down() -> Snapshot:
    """Only the journal speaks."""
    return replace(fakes.committed(), node_problem="no controller answers in /var/lib/upgrade-console/node1/run.")


def nothing_runs() -> ProcessTree:
    """What is seen while the node is down."""
    tree = node_fakes.a_tree("The node does not run.")
    return replace(tree, processes=tree.processes[:1])


def hidden() -> ProcessTree:
    """A node of another user, and one in a container that only its engine sees."""
    app = node_fakes.a_process(
        "app", 2, open_files=None, hidden="its descriptors are shown to validator and to root only"
    )
    far = node_fakes.a_process("container cometbft", 2, pid=7, state="", cpu_percent=None, memory_bytes=None)
    base = node_fakes.a_tree(
        "app: its descriptors are shown to validator and to root only.",
        "container cometbft: process 7 of container subnet-cometbft is not on this machine's process table: only its"
        " engine sees it.",
    )
    gone = replace(
        far, open_files=None, file_limit=None, threads=None, started_at=None, hidden="only its engine sees it"
    )
    return replace(base, processes=(*base.processes[:2], app, gone))


def hostile_storage() -> NodeStorage:
    """Names that a folder can have."""
    base = node_fakes.a_storage()
    name = untrusted(HOSTILE)
    return replace(
        base,
        generations=tuple(replace(each, name=name, origin=name) for each in base.generations[:1]),
        points=(replace(base.points[0], name=name, sentence=str(name)),),
    )


VIEWS: dict[str, tuple[Snapshot, ProcessTree, tuple[int, int]]] = {
    "idle": (fakes.idle(), node_fakes.a_tree(), SMALL),
    "armed": (fakes.go(), node_fakes.a_tree(), SMALL),
    "armed_middle": (fakes.go(), node_fakes.a_tree(), MIDDLE),
    "stopped": (stopped(), nothing_runs(), SMALL),
    "halted": (fakes.halted(), nothing_runs(), SMALL),
    "parked": (parked(), nothing_runs(), SMALL),
    "called": (fakes.called(), node_fakes.a_tree(), SMALL),
    "controller_down": (controller_down(), hidden(), SMALL),
    "no_node": (fakes.node_down(), node_fakes.a_tree(), SMALL),
    "hostile": (hostile(HOSTILE), node_fakes.a_tree(HOSTILE.replace("\x1b", "?")), SMALL),
}


@pytest.mark.parametrize("name", VIEWS)
def test_picture(snap_compare: Compare, name: str) -> None:
    shown, tree, size = VIEWS[name]
    session = FakeSession(shown)
    session.tree = tree
    if name == "hostile":
        session.storage = hostile_storage()
        entry = replace(node_fakes.JOURNAL[0], kind=untrusted(HOSTILE), detail=untrusted(HOSTILE))
        session.journal = (entry,)
    if name == "no_node":
        session.node_error = fakes.no_node()

    async def run(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        await pilot.press("4")
        await until(pilot, lambda: session.looks, "the first look")
        await pilot.pause()

    assert snap_compare(UpgradeConsoleApp(session), terminal_size=size, run_before=run)


@pytest.mark.anyio
async def test_it_looks_only_while_it_is_shown_and_reads_the_disk_when_the_journal_grew() -> None:
    session = FakeSession(fakes.go())
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await settled(pilot)
        assert session.looks == 0
        await pilot.press("4")
        await until(pilot, lambda: "app" in screen_text(app) and "v0.2.0      next" in screen_text(app), "the view")
        screen = app.screen
        assert isinstance(screen, NodeScreen)
        assert session.storage_reads == 1
        session.journal = (replace(session.journal[0], number=99), *session.journal)
        screen.look_again()
        await until(pilot, lambda: session.storage_reads == 2, "the disk read again")
        looks = session.looks
        screen.look_again()
        await until(pilot, lambda: session.looks == looks + 1, "one more look")
        assert session.storage_reads == 2
        await pilot.press("1")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen), "the overview")
        assert not screen.looking
        await pilot.press("4")
        await until_screen(pilot, "NodeScreen")
        await until(pilot, lambda: screen.looking, "looking again")


@pytest.mark.anyio
async def test_what_is_chosen_is_told_in_full_and_stays_chosen() -> None:
    session = FakeSession(fakes.go())
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("4")
        await until(pilot, lambda: "sha256 abab" in screen_text(app), "the generation's detail")
        await pilot.press("down")
        await until(pilot, lambda: "manifest cdcdcd…cdcdcd, 3 signatures" in screen_text(app), "the next one's")
        await pilot.press("tab")
        await until(pilot, lambda: "rollback point, not a backup" in screen_text(app), "the point's detail")
        newer = replace(session.storage.points[0], name=UntrustedText("crossing-2"), sentence="newer")
        session.storage = replace(session.storage, points=(newer, *session.storage.points))
        session.journal = (replace(session.journal[0], number=99), *session.journal)
        screen = app.screen
        assert isinstance(screen, NodeScreen)
        screen.look_again()
        await until(pilot, lambda: "crossing-2" in screen_text(app), "the newer point")
        chosen = screen.chosen_point
        assert chosen is not None
        assert chosen.name == "arming-1"


@pytest.mark.anyio
async def test_of_the_past_nothing_inside_the_node_is_known() -> None:
    session = FakeSession(fakes.idle(), fakes.go())
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("4")
        await until(pilot, lambda: "hash recorded" in screen_text(app), "the generations")
        await pilot.press("comma")
        await until(pilot, lambda: "is not known of the past" in screen_text(app), "why nothing is there")
        assert "hash recorded" not in screen_text(app)
        assert "65536" not in screen_text(app)
        assert app.screen.check_action("command", ("stop",)) is None


@pytest.mark.anyio
async def test_a_journal_that_cannot_be_read_is_told_where_it_would_stand() -> None:
    session = FakeSession(fakes.go(), error=JournalError("the journal is damaged"))
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("4")
        await until(pilot, lambda: "the journal is damaged" in screen_text(app), "the reason")
        assert "ARMED" in screen_text(app)
