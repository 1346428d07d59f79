"""What a node does now and next: every state has two sentences, and who has to act."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.app import App, ComposeResult

from console.model import Arming, Crossing, NodeProcess, Preparation, Verdict
from console.text import UntrustedText
from tests import fakes, node_fakes
from widgets.generation_table import generation_rows
from widgets.journal_lines import journal_line
from widgets.node_course import NodeCourse, course_of
from widgets.node_now import NodeNow
from widgets.point_table import point_rows
from widgets.process_table import few_files_left, process_detail, process_rows


@pytest.mark.parametrize("crossing", [state for state in Crossing if state is not Crossing.NONE])
def test_every_crossing_state_says_what_is_next(crossing: Crossing) -> None:
    mine = replace(fakes.attempt(crossing=crossing), left="genesis")
    course = course_of(fakes.node(fakes.TARGET, mine))
    assert course.now
    assert course.next
    assert course.calls == crossing.waits_for_operator


@pytest.mark.parametrize("preparation", list(Preparation))
def test_every_preparation_says_what_is_next(preparation: Preparation) -> None:
    course = course_of(fakes.node(1210, fakes.attempt(preparation, Arming.WAITING_TURN)))
    assert course.now
    assert course.next
    assert not course.calls


def test_what_is_next_depends_on_verdict_arming_proof_and_pause() -> None:
    ready = fakes.attempt(arming=Arming.WAITING_TURN)
    assert course_of(fakes.node(1210, ready)).at == fakes.TARGET - fakes.FREEZE
    assert "on another network" in course_of(fakes.unproven().node).now  # type: ignore[arg-type]
    disarmed = replace(ready, arming=Arming.DISARMED)
    assert course_of(fakes.node(1210, disarmed)).next == "goes on under old rules, unless you arm"
    assert course_of(fakes.node(1210, replace(ready, target_height=0))).next == "arms as soon as it has a height"
    halted = fakes.attempt(crossing=Crossing.HALTED)
    words = {
        verdict: course_of(fakes.node(1300, replace(halted, verdict=verdict), pid=None)).next for verdict in Verdict
    }
    assert words[Verdict.NONE] == "asks the chain and the others for the verdict"
    assert "old binary" in words[Verdict.ABORT]
    assert "rollback point" in words[Verdict.CROSS]
    paused = course_of(fakes.node(1210, ready, paused="the disk is being replaced"))
    assert paused == NodeCourse(
        paused.now, "nothing by itself: automation is paused (the disk is being replaced)", paused.at, calls=True
    )
    committed = fakes.attempt(crossing=Crossing.COMMITTED)
    assert "ended with code 9" in course_of(fakes.node(1312, committed, pid=None, last_exit_code=9)).now
    assert course_of(fakes.node(1210, pid=None)).calls
    assert course_of(fakes.node(1210, state="STOPPED_BY_OPERATOR")).calls


def test_descriptors_that_run_out_and_processes_that_are_not_seen_stand_out() -> None:
    few = node_fakes.a_process("app", 2, open_files=900, file_limit=1024)
    assert few_files_left(few)
    assert not few_files_left(replace(few, file_limit=None))
    gone = NodeProcess(7, UntrustedText("app"), 2, "")
    zombie = replace(few, state="zombie")
    tree = replace(node_fakes.a_tree(), processes=(few, gone, zombie))
    rows = process_rows(tree)
    assert [row.tone for row in rows] == ["warn", "warn", "bad"]
    assert (rows[1].state, rows[1].cpu, rows[1].files) == ("not seen", "—", "—")
    assert rows[0].files == "900/1024"
    assert process_detail(node_fakes.a_tree("Because.")).plain == "Because."
    assert process_detail(replace(tree, processes=(few,))).plain == "1 process with 42 MiB and 900 open descriptors"


def test_generations_and_points_say_what_they_are() -> None:
    storage = node_fakes.a_storage()
    genesis, staged = storage.generations
    odd = (
        genesis,
        staged,
        replace(staged, sha256="", manifest=""),
        replace(staged, complete=False, missing=("cometbft",)),
        replace(staged, problem="release.json cannot be read"),
    )
    rows = generation_rows(odd, "v0.2.0")
    assert [(row.state, row.verified, row.tone) for row in rows] == [
        ("current", "hash recorded", "good"),
        ("next", "manifest, 3 sig", "good"),
        ("next", "nobody vouched", "warn"),
        ("incomplete", "manifest, 3 sig", "bad"),
        ("next", "unreadable", "bad"),
    ]
    points = point_rows(storage.points, fakes.NOW, "arming-1")
    assert [(row.state, row.cost, row.age) for row in points] == [
        ("in use", "≤310.0 MiB", "5m"),
        ("damaged", "—", "—"),
        ("set aside", "28.0 GiB", "—"),
    ]


def test_a_line_of_the_journal_has_states_in_capitals_and_short_hashes() -> None:
    lines = [journal_line(entry).plain for entry in node_fakes.JOURNAL]
    assert lines[0] == "08:53:20  ARMED  environment of process 41234 holds 1300"
    assert lines[6] == "08:51:20  VERIFIED  sha256 9f86d0…f00a08"
    assert lines[8] == "08:50:40  operator-stop  "
    both = replace(node_fakes.JOURNAL[0], kind=UntrustedText("ready+waiting_turn"), detail=UntrustedText(""))
    assert journal_line(both).plain == "08:53:20  READY WAITING_TURN  "


@pytest.mark.anyio
async def test_an_old_height_counts_nothing_down() -> None:
    class Bare(App[None]):
        def compose(self) -> ComposeResult:
            yield NodeNow()

    app = Bare()
    async with app.run_test(size=(80, 6)):
        view = app.query_one(NodeNow)
        for shown, counted in ((fakes.go(), True), (fakes.stale(), False)):
            view.show(shown, fakes.NOW)
            assert ("in 23 blocks" in view.render_line(1).text) is counted
            assert "block 1,300" in view.render_line(1).text
