"""Every theme can be read: contrast as WCAG counts it, and states apart for eyes that see no red or no green."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import pytest
from rich.style import Style
from textual.app import App, ComposeResult
from textual.color import Color

from screens.theme import textual_theme
from themes import load_themes
from widgets.row_table import Column, RowTable

RGB = {name: values for name, values in load_themes().themes.items() if not values.ansi}
GROUNDS = ("background", "surface", "footer-background")
TEXTS = (
    "foreground",
    "foreground-muted",
    "text-muted",
    "text-success",
    "text-error",
    "text-warning",
    "text-primary",
    "text-secondary",
    "text-accent",
    "footer-key-foreground",
)
PAIRS = (
    *itertools.product(TEXTS, GROUNDS),
    # Reversed: the badge of a network, READ-ONLY; and what a cursor or a selection stands on.
    *itertools.product(("background", "surface"), ("text-error", "text-warning", "text-success", "text-primary")),
    ("block-cursor-foreground", "block-cursor-background"),
    ("input-selection-foreground", "input-selection-background"),
)
STATES = ("text-success", "text-warning", "text-error")


@pytest.mark.parametrize("name", RGB)
def test_text_stands_out_from_its_ground(name: str) -> None:
    variables = _variables(name)
    least = 7.0 if name == "high-contrast" else 4.5
    poor = {pair: round(ratio, 2) for pair in PAIRS if (ratio := _contrast(variables, *pair)) < least}
    assert poor == {}


@dataclass(frozen=True, slots=True)
class Line:
    key: str
    state: str
    tone: str


class Lines(RowTable[Line]):
    def columns_for(self, width: int) -> tuple[Column, ...]:
        return ("key", "key", 10), ("state", "state", 10)


class TwoTables(App[None]):
    def compose(self) -> ComposeResult:
        yield Lines(cursor=True, id="one")
        yield Lines(cursor=True, id="other")


@pytest.mark.anyio
async def test_every_row_can_be_read_as_it_is_drawn_whichever_table_has_the_focus() -> None:
    app = TwoTables()
    lines = [Line(tone, tone, tone) for tone in ("good", "bad", "warn", "muted")]
    async with app.run_test(size=(60, 24)) as pilot:
        for name in RGB:
            app.register_theme(textual_theme(RGB[name]))
            app.theme = name
            await pilot.pause()
            least = 7.0 if name == "high-contrast" else 4.5
            for table in app.query(Lines):
                table.show_rows(lines)
                drawn = [segment for row in range(5) for segment in table.render_line(row) if segment.text.strip()]
                poor = {segment for segment in drawn if _drawn_contrast(segment.style) < least}
                assert poor == set(), (name, table.has_focus)
                assert _ground(table, 1) != _ground(table, 2), f"{name}: the cursor is not seen"


def _drawn_contrast(style: Style | None) -> float:
    assert style is not None
    assert style.color is not None
    assert style.bgcolor is not None
    text, ground = (_luminance(Color.from_rich_color(each)) for each in (style.color, style.bgcolor))
    return (max(text, ground) + 0.05) / (min(text, ground) + 0.05)


def _ground(table: Lines, row: int) -> object:
    style = next(iter(table.render_line(row))).style
    assert style is not None
    return style.bgcolor


@pytest.mark.parametrize("name", RGB)
def test_a_rule_stands_out_from_its_ground(name: str) -> None:
    # WCAG 1.4.11 asks 3:1 for what is needed to see a part; ours is ornament beside a title, focus is not.
    assert _contrast(_variables(name), "primary", "background") >= 3


@pytest.mark.parametrize("sight", ["deuteranopia", "protanopia", "normal"])
def test_states_stay_apart_without_red_or_green(sight: str) -> None:
    variables = _variables("colour-blind-safe")
    seen = {state: _lab(_seen(_linear(Color.parse(variables[state])), sight)) for state in (*STATES, "foreground")}
    for one, other in itertools.combinations(seen, 2):
        assert math.dist(seen[one], seen[other]) > 20, (one, other)


def _variables(name: str) -> dict[str, str]:
    return textual_theme(RGB[name]).to_color_system().generate()


def _contrast(variables: dict[str, str], text: str, ground: str) -> float:
    behind = Color.parse(variables[ground])
    value = variables[text]
    if value.startswith("auto"):
        drawn = behind.get_contrast_text(float(value.removeprefix("auto ").removesuffix("%")) / 100)
    else:
        drawn = Color.parse(value)
    low, high = sorted((_luminance(behind + drawn), _luminance(behind)))
    return (high + 0.05) / (low + 0.05)


def _linear(colour: Color) -> tuple[float, float, float]:
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in colour.rgb)
    )
    return red, green, blue


def _luminance(colour: Color) -> float:
    red, green, blue = _linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


_MACHADO = {
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "normal": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
}
"""Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB."""


def _seen(linear: tuple[float, float, float], sight: str) -> tuple[float, float, float]:
    red, green, blue = (
        min(1.0, max(0.0, sum(weight * value for weight, value in zip(row, linear, strict=True))))
        for row in _MACHADO[sight]
    )
    return red, green, blue


def _lab(linear: tuple[float, float, float]) -> tuple[float, float, float]:
    red, green, blue = linear
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883

    def curve(value: float) -> float:
        return value ** (1 / 3) if value > (6 / 29) ** 3 else value / (3 * (6 / 29) ** 2) + 4 / 29

    return 116 * curve(y) - 16, 500 * (curve(x) - curve(y)), 200 * (curve(y) - curve(z))
