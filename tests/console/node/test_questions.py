"""The table of the socket: every row fits what does it, and nothing hostile gets past the checks."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.errors import InputError
from console.node.operator_commands import Commands
from console.node.questions import COMMANDS, QUESTIONS, Answer, question
from console.node.service import ControllerService
from console.text import visible

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary().map(repr),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from([*sorted({entry.name for row in QUESTIONS for entry in row.parameters}), "who", "", "\x1b[2J"])


@pytest.mark.parametrize("method", sorted(COMMANDS))
def test_every_command_of_the_table_takes_exactly_the_parameters_of_its_row(method: str) -> None:
    row = question(method)
    assert row is not None
    wanted = inspect.signature(getattr(Commands, method)).parameters
    known = {name: entry for name, entry in wanted.items() if name != "self"}
    assert {entry.name for entry in row.parameters} == set(known)
    for entry in row.parameters:
        assert entry.required == (known[entry.name].default is inspect.Parameter.empty), entry.name


def test_every_command_of_the_operator_is_in_the_table() -> None:
    public = {
        name
        for name, member in inspect.getmembers(Commands, inspect.iscoroutinefunction)
        if not name.startswith("_") and name != "go_on_by_hand"
    }
    assert public == COMMANDS


def test_every_question_that_is_no_command_has_a_handler() -> None:
    own = {row.method for row in QUESTIONS if row.answer is Answer.OWN}
    service = ControllerService(Path(), None, None, None)  # type: ignore[arg-type]
    assert set(service._own) == own
    assert len({row.method for row in QUESTIONS}) == len(QUESTIONS)


def test_what_cannot_be_looked_at_only_is_journalled() -> None:
    assert all(row.changes for row in QUESTIONS if row.method in COMMANDS)
    assert {row.method for row in QUESTIONS if not row.changes} == {
        "status",
        "consensus",
        "node_files",
        "node_values",
        "generations",
        "points",
        "verify",
        "release",
        "config",
        "logs",
        "events",
        # Asked anew every few seconds: granted and given back are journalled where they are.
        "lease",
        "lease_end",
    }


def hides_nothing(text: str) -> bool:
    """Whether a terminal shows every character of it: a space may be a wide one."""
    return all(visible(character) == character for character in text)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    method=st.sampled_from([row.method for row in QUESTIONS]),
    given_=VALUES | st.dictionaries(NAMES, VALUES, max_size=4),
)
def test_hostile_parameters_are_refused_or_come_out_safe(method: str, given_: Any) -> None:
    row = question(method)
    assert row is not None
    values = refusal = None
    try:
        values = row.checked(given_)
    except InputError as error:
        refusal = str(error)
    if values is None:
        # It is said on a terminal, and sent over the socket.
        assert refusal is not None
        assert hides_nothing(refusal)
        return
    assert set(values) <= {entry.name for entry in row.parameters}
    for value in values.values():
        assert type(value) in {str, bool, int, tuple} or isinstance(value, Path)
        if type(value) is str:
            assert hides_nothing(value)


@pytest.mark.parametrize(
    ("method", "parameters", "said"),
    [
        ("status", [], "must be named"),
        ("status", {"x": 1}, "no parameter x"),
        ("arm", {}, "needs reason"),
        ("arm", {"reason": "  "}, "a text that is not empty"),
        ("arm", {"reason": 1}, "a text of at most 500 characters"),
        ("arm", {"reason": "x" * 501}, "a text of at most 500 characters"),
        ("swap", {"reason": "r", "name": "../genesis"}, "a name without slashes"),
        ("swap", {"reason": "r", "name": ".hidden"}, "a name without slashes"),
        ("swap", {"reason": "r", "name": "a\u202eb"}, "a name without slashes, hidden characters"),
        ("backup", {"name": ""}, "a name of at most"),
        ("add_upgrade", {"name": "v2", "binary": "relative"}, "an absolute path"),
        ("add_upgrade", {"name": "v2", "binary": "/a\0b"}, "an absolute path"),
        ("add_upgrade", {"name": "v2", "binary": "/\ud800"}, "an absolute path"),
        ("add_upgrade", {"name": "v2", "binary": "/" + "a" * 4096}, "a path of at most"),
        ("add_upgrade", {"name": "v2", "binary": "/f", "force": "yes"}, "true or false"),
        ("resync", {"reason": "r", "from_genesis": 1}, "true or false"),
        ("plan_ahead", {"name": "v2", "height": 0}, "a whole number from 1"),
        ("plan_ahead", {"name": "v2", "height": True}, "a whole number from 1"),
        ("plan_ahead", {"name": "v2", "height": 1 << 63}, "a whole number from 1"),
        ("logs", {"source": "/etc/passwd"}, "node or controller"),
        ("events", {"since": -1}, "a whole number from 0"),
        ("config_set", {"changes": {}}, "one to 64 settings"),
        ("config_set", {"changes": {"automatic": True}}, "settings with values"),
    ],
)
def test_each_limit_is_said(method: str, parameters: Any, said: str) -> None:
    row = question(method)
    assert row is not None
    with pytest.raises(InputError, match=said):
        row.checked(parameters)


def test_what_was_not_given_is_left_to_the_command() -> None:
    row = question("resume")
    assert row is not None
    assert row.checked(None) == row.checked({}) == {}
    assert question("subscribe") is question(None) is question(["status"]) is None
