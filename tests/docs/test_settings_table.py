"""The operator guide's settings are the table in the code."""

from __future__ import annotations

from pathlib import Path

from console.settings_table import settings_markdown

GUIDE = (Path(__file__).parents[2] / "docs" / "operator-guide.md").read_text("utf-8")


def test_the_guide_holds_exactly_the_settings_of_the_code() -> None:
    _, _, section = GUIDE.partition("\n## Settings\n")
    shown = section.partition("\n## ")[0]
    begin = shown.index("- *at once*")
    assert shown[begin:].rstrip("\n") + "\n" == settings_markdown()
