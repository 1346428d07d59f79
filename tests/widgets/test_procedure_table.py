"""The rows of procedures and runs: what tells one run from another, and what a run says of itself."""

from __future__ import annotations

from dataclasses import replace

from console.model import Progress, RunState
from tests.procedure_fakes import readings
from widgets.procedure_table import how_far, procedure_rows, step_at_hand
from widgets.step_table import CUT_OFF, steps_of_run


def stopped() -> Progress:
    return next(each.progress for each in readings() if each.progress.run.state is RunState.STOPPED)


def test_runs_of_several_nodes_say_which_and_those_of_one_do_not() -> None:
    one, other = replace(stopped(), node="val1"), replace(stopped(), node="val2")
    (row,) = procedure_rows((), (one,))
    assert row.words.startswith("step ")
    assert [row.words.split(" · ")[0] for row in procedure_rows((), (one, other))] == ["val1", "val2"]


def test_a_run_that_is_gone_on_with_does_not_say_any_more_why_it_stopped() -> None:
    before = stopped()
    assert before.run.reason in how_far(before)
    running = replace(before, run=replace(before.run, state=RunState.RUNNING))
    assert before.run.reason not in how_far(running)


def test_the_step_that_asks_is_marked_and_no_other() -> None:
    waiting = next(each.progress for each in readings() if each.progress.run.state is RunState.WAITING)
    at_hand = step_at_hand(waiting)
    assert at_hand is not None
    states = {row.key: row.state for row in steps_of_run(waiting)}
    assert [key for key, state in states.items() if state == "? asks"] == [at_hand.id]
    left = replace(waiting, run=replace(waiting.run, state=RunState.STOPPED))
    assert "? asks" not in {row.state for row in steps_of_run(left)}


def test_a_step_whose_console_was_killed_is_not_said_to_go_on() -> None:
    ran = stopped()
    step = ran.steps[-1].id
    killed = replace(ran, run=replace(ran.run, state=RunState.STOPPED, begun=step))
    assert {row.key: (row.state, row.words) for row in steps_of_run(killed)}[step] == ("! cut off", CUT_OFF)
    goes_on = replace(killed, run=replace(killed.run, state=RunState.RUNNING))
    assert {row.key: row.state for row in steps_of_run(goes_on)}[step] == "● now"
