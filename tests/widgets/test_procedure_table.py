"""The rows of procedures and runs: what tells one run from another, and what a run says of itself."""

from __future__ import annotations

from dataclasses import replace

from console.model import Progress, RunState
from tests.procedure_fakes import readings
from widgets.procedure_table import how_far, procedure_rows


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
