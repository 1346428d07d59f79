"""The page on the console holds the tables of the code."""

from __future__ import annotations

from pathlib import Path

from console.console_settings import console_settings_markdown
from console.keymap import keys_markdown
from themes import load_themes

PAGE = (Path(__file__).parents[2] / "docs" / "console-keys.md").read_text("utf-8")


def test_the_tables_are_those_of_the_code() -> None:
    assert keys_markdown() in PAGE
    assert console_settings_markdown() in PAGE


def test_every_theme_is_there() -> None:
    assert {name for name in load_themes().themes if f"| `{name}` |" not in PAGE} == set()
