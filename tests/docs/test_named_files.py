"""Every page names files that are there: a module that was renamed is renamed in its page too."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
FOLDERS = ("console", "screens", "widgets", "themes", "tests", "contracts", "benchmarks", "docs")
FILE = re.compile(r"[A-Za-z0-9_./-]+\.(?:py|sol|mjs|tcss)")
"""Of ours, by its ending; files of an operator's machine end in other ways."""
PACKAGE = re.compile(rf"(?:{'|'.join(FOLDERS)})(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)+/?")


def _named(page: Path) -> set[str]:
    """Every path in code quotes that can only be one of this repository."""
    quoted = re.findall(r"`([^`\n]+)`", page.read_text("utf-8"))
    return {text for text in quoted if FILE.fullmatch(text) or PACKAGE.fullmatch(text)}


def _exists(name: str) -> bool:
    """Whole from the root, or the end of a path where the text around it has said the folder."""
    if (ROOT / name).exists():
        return True
    return any(
        found.as_posix().endswith(f"/{name}") for folder in FOLDERS for found in (ROOT / folder).rglob(Path(name).name)
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_named_is_there(page: Path) -> None:
    assert {name for name in _named(page) if not _exists(name)} == set()


def test_the_architecture_names_files_at_all() -> None:
    assert len(_named(ROOT / "docs" / "architecture.md")) > 60
