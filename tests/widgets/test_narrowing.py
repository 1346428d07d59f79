"""The filter of every view: patterns, their opposite, broken and endless ones."""

from __future__ import annotations

import pytest

from widgets.narrowing import LINE_S, NOTHING_TYPED, Narrowing

TEXTS = ("node1 v0.1.5 ready", "Node2 v0.2.0 pending", "alice.example\nv0.2.0\narmed, not ready")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("", [0, 1, 2]),
        ("  ", [0, 1, 2]),
        ("node", [0, 1]),
        # A capital means what it says.
        ("Node", [1]),
        ("!node", [2]),
        ("! Node", [0, 2]),
        ("!", [0, 1, 2]),
        (r"v0\.[25]", [1, 2]),
        (r"v0\.2|ready", [0, 1, 2]),
        (r"!^v0\.2", [0, 1]),
        (r"ready$", [0, 2]),
        # A plain word is no pattern, and a dot in one is any character.
        ("v0.1", [0]),
        (r"\S+2 V", []),
        # An escape with a capital is no capital.
        (r"\Snode1|\Aalice", [2]),
    ],
)
def test_what_is_kept(typed: str, kept: list[int]) -> None:
    narrowing = Narrowing(typed)
    assert narrowing.kept(TEXTS) == kept
    assert narrowing.problem == ""
    assert narrowing.active == bool(typed.strip(" !"))


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("[", "character 2"),
        ("!(node", "character"),
        (r"\k", "character"),
        ("(" * 300, "more than 200 characters"),
        # The library would write each repetition out, and take gigabytes for it.
        ("(a{100000}){100000}", "repeats"),
        ("((x{40}){40}){40}", "repeats"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_told_and_filters_nothing(typed: str, problem: str) -> None:
    narrowing = Narrowing(typed)
    assert problem in narrowing.problem
    assert not narrowing.active
    assert narrowing.kept(TEXTS) == [0, 1, 2]
    assert "nothing is filtered" in narrowing.words(3, 3)


@pytest.mark.parametrize("typed", [r"(?:.*?a){12}.*\bzz", r"!(?:(?:a|b|ab)*)*[^ab]\b", r"(?R)?a"])
def test_a_pattern_that_would_never_end_is_given_up_once(typed: str) -> None:
    narrowing = Narrowing(typed)
    texts = ["ab" * 120] * 50
    assert narrowing.kept(texts) == list(range(50))
    assert narrowing.problem == "this pattern takes too long"
    # From then on it costs nothing.
    assert narrowing.keeps("anything")
    assert LINE_S < 0.01


def test_many_slow_texts_are_given_up_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("widgets.narrowing.PASS_S", -1.0)
    narrowing = Narrowing("node[12]")
    assert narrowing.kept(TEXTS) == [0, 1, 2]
    assert narrowing.problem == "this pattern takes too long"


def test_words_for_a_title() -> None:
    assert NOTHING_TYPED.words(3, 3) == ""
    assert Narrowing("node").words(1_200, 10_000) == "1,200 of 10,000 match 'node'"
    assert Narrowing("!node").words(0, 3) == "0 of 3 without 'node'"
