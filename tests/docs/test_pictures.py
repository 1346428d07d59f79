"""The committed pictures are what the console draws today, and name no foreign host."""

from __future__ import annotations

import importlib.util
import re
import xml.dom.minidom
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
NAMES = ("overview", "crossing", "form", "tour")


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
    assert "<script" not in committed
    assert "@import" not in committed
    assert "url(" not in re.sub(r"url\(#[^)]*\)", "", committed)


def test_the_tour_shows_each_moment_in_its_turn() -> None:
    script = _script()
    committed = (ROOT / "docs" / "pictures" / "tour.svg").read_text("utf-8")
    assert committed.count('<g class="frame') == len(script.TOUR)
    assert [float(delay) for delay in re.findall(r"animation-delay: ([0-9.]+)s", committed)] == [
        index * script.FRAME_S for index in range(len(script.TOUR))
    ]
    # Classes and clips of one picture must not be those of another.
    names = re.findall(r"\.(terminal-\d+)-matrix", committed)
    assert len(set(names)) == len(script.TOUR)
    for _condition, _key, words in script.TOUR:
        assert words in committed
    xml.dom.minidom.parseString(committed)


def test_readme_and_guide_show_pictures_that_exist() -> None:
    for page in (ROOT / "README.md", ROOT / "docs" / "operator-guide.md"):
        shown = re.findall(r"!\[[^]]*\]\(([^)]+\.svg)\)", page.read_text("utf-8"))
        assert shown, page
        for target in shown:
            assert (page.parent / target).is_file(), target
