"""Themes as TOML files, loaded and checked into plain values; nothing here knows Textual.

A theme that cannot be used is named with its reason and left out: the console falls back and says so once.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

DEFAULT_THEME = "dark"
"""The theme when none is named or the named one cannot be used."""

FEW_COLOURS_THEME = "sixteen"
"""The theme of a terminal of sixteen colours, and under NO_COLOR: with the terminal's own colours only bold and reverse
remain (facts/tui.md C8)."""

COLOURS = (
    "primary",
    "secondary",
    "warning",
    "error",
    "success",
    "accent",
    "foreground",
    "background",
    "surface",
    "panel",
)
"""Every theme names all of them, so that none depends on another tool's defaults."""

_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_ANSI = re.compile(
    r"ansi_(default|(bright_)?(black|red|green|yellow|blue|magenta|cyan|white))",
)
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_VARIABLE = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_TEXT_STYLE = re.compile(r"(none|bold|dim|italic|underline|reverse)( (bold|dim|italic|underline|reverse))*")


@dataclass(frozen=True, slots=True)
class ThemeValues:
    """One theme, checked: every colour is `#rrggbb` or an ANSI name."""

    name: str
    dark: bool
    """Whether the background is dark."""
    ansi: bool
    """Whether it uses the terminal's own sixteen colours."""
    colours: dict[str, str]
    """Exactly the names in `COLOURS`."""
    variables: dict[str, str]
    """Further style variables, as they are."""


@dataclass(frozen=True, slots=True)
class LoadedThemes:
    """All usable themes, and one sentence for each that is not."""

    themes: dict[str, ThemeValues]
    problems: tuple[str, ...]

    def choose(self, name: str) -> tuple[ThemeValues, str]:
        """The theme of that name, or the default with one sentence on why."""
        if name in self.themes:
            return self.themes[name], ""
        known = ", ".join(sorted(self.themes))
        return self.themes[
            DEFAULT_THEME
        ], f"There is no usable theme {name!r} (usable: {known}): {DEFAULT_THEME} it is."


def load_themes(folders: Iterable[Path] = ()) -> LoadedThemes:
    """Load the themes of this package and of the operator's folders; a later one of the same name wins.

    Args:
        folders: Further folders with `*.toml`; one that does not exist is passed over.
    """
    themes: dict[str, ThemeValues] = {}
    problems: list[str] = []
    sources: list[Path] = []
    for folder in (Path(__file__).parent, *folders):
        if folder.is_dir():
            sources.extend(sorted(folder.glob("*.toml")))
    for source in sources:
        try:
            values = parse_theme(source.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            problems.append(f"Theme file {source.name} is not used: {error}.")
        else:
            themes[values.name] = values
    return LoadedThemes(themes, tuple(problems))


def parse_theme(text: str) -> ThemeValues:
    """Check one theme file.

    Raises:
        ValueError: Not TOML, an unknown or missing key, or a value that is not a colour; says which.
    """
    table = tomllib.loads(text)
    unknown = set(table) - {"name", "dark", "ansi", "variables", *COLOURS}
    if unknown:
        raise ValueError(f"unknown key {sorted(unknown)[0]!r}")
    name = table.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError("name must be lower-case letters, digits and dashes")
    colours = {key: _colour(key, table.get(key)) for key in COLOURS}
    variables = table.get("variables", {})
    if not isinstance(variables, dict):
        raise ValueError("variables must be a table")
    return ThemeValues(
        name=name,
        dark=_flag("dark", table.get("dark", True)),
        ansi=_flag("ansi", table.get("ansi", False)),
        colours=colours,
        variables={key: _variable(key, value) for key, value in variables.items()},
    )


def _colour(key: str, value: object) -> str:
    if not isinstance(value, str) or not (_HEX.fullmatch(value) or _ANSI.fullmatch(value)):
        raise ValueError(f"{key} must be a colour like #1a2b3c or ansi_blue, not {value!r}")
    return value


def _flag(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{key} must be true or false")
    return value


def _variable(key: str, value: object) -> str:
    if not _VARIABLE.fullmatch(key):
        raise ValueError(f"variable name {key!r} must be lower-case letters, digits and dashes")
    if key.endswith("-style"):
        if not isinstance(value, str) or not _TEXT_STYLE.fullmatch(value):
            raise ValueError(f"variable {key} must be a text style like bold or reverse, not {value!r}")
        return value
    return _colour(f"variable {key}", value)
