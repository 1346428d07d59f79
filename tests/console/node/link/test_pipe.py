"""The first lines over a pipe, and whatever else may come instead."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.errors import NodeError
from console.node.link.pipe import CONTROL, MAX_TAKEN, TAKE, Answer, Wish, read_answer, read_wish


@pytest.mark.parametrize("wish", [Wish(CONTROL), Wish(TAKE, "ab" * 32, 17)])
def test_a_wish_is_read_as_it_was_said(wish: Wish) -> None:
    assert read_wish(wish.line()) == wish


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b'{"upgrade-console-pipe": 2, "want": "control"}',
        b'{"upgrade-console-pipe": 1, "want": "shell"}',
        b'{"upgrade-console-pipe": 1, "want": "take", "sha256": "../../etc/passwd", "size": 1}',
        b'{"upgrade-console-pipe": 1, "want": "take", "sha256": "' + b"a" * 64 + b'", "size": 0}',
        b'{"upgrade-console-pipe": 1, "want": "take", "sha256": "' + b"a" * 64 + b'", "size": %d}' % (MAX_TAKEN + 1),
    ],
)
def test_what_is_no_wish_is_refused(line: bytes) -> None:
    with pytest.raises(NodeError):
        read_wish(line)


@pytest.mark.parametrize("answer", [Answer("1.0"), Answer("1.0", error="no"), Answer("1.0", path="/a/b")])
def test_an_answer_is_read_as_it_was_said(answer: Answer) -> None:
    assert read_answer(answer.line()) == answer


def test_a_path_that_a_terminal_would_obey_is_none() -> None:
    assert read_answer(b'{"upgrade-console-pipe": 1, "console": "1", "path": "/a\\u001b[2J"}').path == ""


@settings(max_examples=50)
@given(st.binary(max_size=200))
def test_anything_else_is_no_answer(line: bytes) -> None:
    with pytest.raises(ValueError, match="something else than the console"):
        read_answer(line)
