"""The glossary: one source for help and documentation."""

from __future__ import annotations

from pathlib import Path

from console.glossary import GLOSSARY, glossary_markdown

PAGE = Path(__file__).parents[2] / "docs" / "glossary.md"


def test_the_words_are_in_order_and_each_is_explained_once() -> None:
    words = [term.word.casefold() for term in GLOSSARY]
    assert words == sorted(words)
    assert len(words) == len(set(words))
    assert all(term.meaning.endswith(".") and 15 < len(term.meaning) < 260 for term in GLOSSARY)


def test_a_search_looks_at_word_and_meaning() -> None:
    assert [term.word for term in GLOSSARY if term.holds("QUORUM")] == ["quorum", "waiting for quorum"]
    assert any(term.holds("sha256") for term in GLOSSARY)


def test_the_page_holds_it() -> None:
    assert glossary_markdown() in PAGE.read_text("utf-8")
