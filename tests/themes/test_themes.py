"""Themes load into checked values; a broken one is named and left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from themes import COLOURS, DEFAULT_THEME, load_themes, parse_theme

GOOD = "\n".join(['name = "mine"', *(f'{key} = "#102030"' for key in COLOURS)])

SHIPPED = {"dark", "light", "high-contrast", "colour-blind-safe", "sixteen"}


def test_the_shipped_themes_are_whole() -> None:
    loaded = load_themes()
    assert set(loaded.themes) == SHIPPED
    assert loaded.problems == ()
    assert loaded.themes["sixteen"].ansi


def test_an_operators_theme_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(GOOD)
    assert load_themes([tmp_path, tmp_path / "absent"]).themes["mine"].colours["primary"] == "#102030"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name = [", ""),
        (GOOD.replace("#102030", "blue", 1), "primary must be a colour"),
        (GOOD + '\nshade = "#102030"', "unknown key 'shade'"),
        (GOOD.replace('name = "mine"', 'name = "My Theme"'), "name must be"),
        (GOOD + "\ndark = 1", "dark must be true or false"),
        (GOOD + '\n[variables]\nedge = "1px; }"', "variable edge must be a colour"),
        (GOOD + '\n[variables]\nx-style = "blinking"', "text style"),
        (GOOD.replace('primary = "#102030"\n', ""), "primary must be a colour"),
    ],
)
def test_a_broken_theme_is_named_and_left_out(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why or "."):
        parse_theme(text)
    (tmp_path / "broken.toml").write_text(text)
    loaded = load_themes([tmp_path])
    assert set(loaded.themes) == SHIPPED
    assert len(loaded.problems) == 1
    assert "broken.toml" in loaded.problems[0]


def test_bytes_that_are_not_text(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_bytes(b"\xff\xfe")
    assert len(load_themes([tmp_path]).problems) == 1


def test_an_unknown_name_falls_back_and_says_so() -> None:
    chosen, problem = load_themes().choose("neon")
    assert chosen.name == DEFAULT_THEME
    assert "neon" in problem
