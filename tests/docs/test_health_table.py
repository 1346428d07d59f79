"""The operator guide's probes are the table in the code."""

from __future__ import annotations

from pathlib import Path

from console.node.health_table import HEALTH_TABLE, health_table_markdown

GUIDE = (Path(__file__).parents[2] / "docs" / "operator-guide.md").read_text("utf-8")


def test_the_guide_holds_exactly_the_probes_of_the_code() -> None:
    _, _, section = GUIDE.partition("\n## When the node needs you\n")
    lines = section.partition("\n## ")[0].splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == len(HEALTH_TABLE) + 2
    assert "\n".join(rows) + "\n" == health_table_markdown()
