"""The pages of the procedures are what the procedures are."""

from __future__ import annotations

import pytest

from console.errors import ConsoleError
from console.procedures.built_in import BUILT_IN
from console.procedures.desk import steps_of
from console.procedures.page import steps_without_run
from console.procedures.step import Procedure
from docs.tables import PROCEDURES, procedure_pages


def test_every_page_is_current_and_none_is_left_over() -> None:
    pages = procedure_pages()
    assert {path.name for path in PROCEDURES.iterdir()} == set(pages)
    for name, page in pages.items():
        assert (PROCEDURES / name).read_text("utf-8") == page, f"run `make tables`: {name}"


@pytest.mark.parametrize("procedure", BUILT_IN, ids=[each.name for each in BUILT_IN])
def test_every_step_can_be_run_asked_or_waited_for(procedure: Procedure) -> None:
    try:
        steps = steps_of(procedure, {each.name: each.default or "" for each in procedure.parameters}, ("NODE",))
    except ConsoleError as error:
        pytest.fail(str(error))
    assert steps
    assert steps_without_run(procedure)
    for step in steps:
        assert step.title[0].isupper(), step.id
        assert step.says, step.id
        assert step.work is not None or step.kind.value == "confirmation", step.id
        assert step.ask or step.kind.value != "confirmation", step.id
        # What asks for a name to be typed changes something, and what changes something says how one gets back.
        assert step.typed is None or step.ask, step.id
        assert step.kind.value == "action" or not (step.undo or step.done), step.id
