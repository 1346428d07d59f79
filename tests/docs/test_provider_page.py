"""The page on the provider daemon and the model holds the tables of the code."""

from __future__ import annotations

from pathlib import Path

from console.provider_settings import model_markdown, provider_markdown

PAGE = (Path(__file__).parents[2] / "docs" / "provider-and-model.md").read_text("utf-8")


def test_its_tables_are_those_of_the_code() -> None:
    assert provider_markdown() in PAGE, "run `make tables`"
    assert model_markdown() in PAGE, "run `make tables`"
