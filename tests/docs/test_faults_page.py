"""The page on faults holds the table that the faults on real consensus are played from."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.fault_table import faults_markdown

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"


def test_the_table_is_the_one_that_is_played() -> None:
    assert faults_markdown() in PAGE.read_text("utf-8")
