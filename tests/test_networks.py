"""Tests of whole networks are where the Makefile looks for them."""

from __future__ import annotations

import re
from pathlib import Path

_ROOT = Path(__file__).parent.parent
_MARK = re.compile(r"\bmark\.e2e\b")


def test_no_test_of_a_network_is_where_nobody_runs_it() -> None:
    named = re.search(r"^NETWORKS := (.+)$", (_ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert named is not None
    looked_in = [_ROOT / each for each in named[1].split()]
    marked = [path for path in (_ROOT / "tests").rglob("*.py") if _MARK.search(path.read_text("utf-8"))]
    assert marked
    assert [str(path) for path in marked if not any(path.is_relative_to(each) for each in looked_in)] == []
