"""The committed pictures are what the console draws today, and name no foreign host."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
NAMES = ("overview", "crossing", "form")


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_pictures", ROOT / "docs" / "pictures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_picture_of_the_script_is_committed_and_none_is_left_over() -> None:
    assert set(_script().PICTURES) == set(NAMES) == {path.stem for path in (ROOT / "docs" / "pictures").iterdir()}


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_drawn_again_is_the_committed_one(name: str) -> None:
    committed = (ROOT / "docs" / "pictures" / f"{name}.svg").read_text("utf-8")
    assert _script().draw(name) == committed, "run `make pictures` and look at what changed"


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_fetches_nothing(name: str) -> None:
    committed = (ROOT / "docs" / "pictures" / f"{name}.svg").read_text("utf-8")
    hosts = set(re.findall(r"https?://([^/\"'<: ]+)", committed)) - {"127.0.0.1"}
    # The name of the SVG namespace: nobody resolves it.
    assert hosts == {"www.w3.org"}
    assert "@font-face" not in committed
    assert "url(" not in re.sub(r"url\(#[^)]*\)", "", committed)


def test_readme_and_guide_show_pictures_that_exist() -> None:
    for page in (ROOT / "README.md", ROOT / "docs" / "operator-guide.md"):
        shown = re.findall(r"!\[[^]]*\]\(([^)]+\.svg)\)", page.read_text("utf-8"))
        assert shown, page
        for target in shown:
            assert (page.parent / target).is_file(), target
