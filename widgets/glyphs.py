"""Every sign beyond ASCII that the console draws, each with its twin of the same width in ASCII."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from rich.cells import cell_len

SIGNS: Mapping[str, str] = {
    # Words and numbers.
    "…": "~",
    "·": ".",
    "—": "-",
    "–": "-",
    "−": "-",
    "≈": "~",
    "±": "~",
    "≥": ">",
    "≤": "<",
    "×": "x",
    "²": "2",
    "³": "3",
    "µ": "u",
    "μ": "u",
    "§": "S",
    "→": ">",
    "←": "<",
    "↑": "^",
    "↓": "v",
    "⇄": "=",
    # States; each stands beside a word.
    "✓": "+",
    "✗": "x",
    "◷": "@",
    "‖": "|",
    "▸": ">",
    "▾": "v",
    "•": "*",
    "●": "*",
    "○": "o",
    # Bars, rules, big digits, sparklines.
    "─": "-",
    "━": "=",
    "┃": "|",
    "█": "#",
    "▓": "%",
    "▒": ":",
    "░": ".",
    "▀": "'",
    "▁": "_",
    "▂": "_",
    "▃": ".",
    "▄": ".",
    "▅": "-",
    "▆": "=",
    "▇": "#",
}
"""Signs that our own texts use."""

_LINES: Mapping[str, str] = {
    **dict.fromkeys("═╌┄┈╍┅┉╴╶╸╺", "-"),
    **dict.fromkeys("│║╎┆┊╏┇┋", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯┏┓┗┛┣┫┳┻╋╔╗╚╝╠╣╦╩╬", "+"),
    **dict.fromkeys("▔🮂🮃", "-"),
    **dict.fromkeys("▏▎▍▌▋▊▉▐▕🮇🮈🮉🮊🮋", "|"),
    **dict.fromkeys("▘▝▖▗▙▛▜▟▚▞", "#"),
    **dict.fromkeys("╱", "/"),
    **dict.fromkeys("╲", "\\"),
    **dict.fromkeys("▲▴", "^"),
    **dict.fromkeys("▼", "v"),
    **dict.fromkeys("▶►", ">"),
    **dict.fromkeys("◀◄", "<"),
}
"""What the borders, scrollbars, marks and check boxes of the toolkit are drawn with."""

_TWINS = str.maketrans({**_LINES, **SIGNS})


def in_ascii(text: str) -> str:
    """The text in ASCII, as wide as it was: our signs as their twins, letters without their marks, the rest as `?`."""
    if text.isascii():
        return text
    told = text.translate(_TWINS)
    return told if told.isascii() else "".join(map(_plain, told))


def _plain(character: str) -> str:
    if character.isascii():
        return character
    base = unicodedata.normalize("NFKD", character)[0]
    width = max(0, cell_len(character))
    return base if base.isascii() and base.isprintable() and width == 1 else "?" * width
