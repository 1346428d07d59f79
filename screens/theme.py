"""A theme's plain values as Textual wants them."""

from __future__ import annotations

from textual.theme import Theme

from themes import ThemeValues


def textual_theme(values: ThemeValues) -> Theme:
    """The theme to register."""
    return Theme(
        name=values.name,
        primary=values.colours["primary"],
        secondary=values.colours["secondary"],
        warning=values.colours["warning"],
        error=values.colours["error"],
        success=values.colours["success"],
        accent=values.colours["accent"],
        foreground=values.colours["foreground"],
        background=values.colours["background"],
        surface=values.colours["surface"],
        panel=values.colours["panel"],
        dark=values.dark,
        ansi=values.ansi,
        variables=dict(values.variables),
    )
