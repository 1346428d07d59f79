"""The page on networks holds the table of the code."""

from __future__ import annotations

from pathlib import Path

from console.network_table import BUILT_IN, NETWORK_ROWS, networks_markdown

PAGE = Path(__file__).parents[2] / "docs" / "networks.md"


def test_the_table_is_that_of_the_code() -> None:
    assert networks_markdown() in PAGE.read_text("utf-8")


def test_every_built_in_value_is_a_setting() -> None:
    known = {row.key for row in NETWORK_ROWS}
    for name, table in BUILT_IN.items():
        assert set(table) <= known
        assert f"`{name}`" in PAGE.read_text("utf-8")
