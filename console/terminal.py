"""What the terminal session needs in the environment before Textual is imported (facts/tui.md C3, C6).

Imports nothing of Textual: its constants are read at import, so this runs first.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import replace

from console.console_settings import ConsoleSettings

_MANY_COLOURS = ("-256color", "-kitty", "-direct")
"""Endings of TERM that promise more than sixteen colours."""


def prepare_environment(environment: MutableMapping[str, str]) -> None:
    """Set what keeps an idle console quiet and split escape sequences whole.

    TERM and COLORTERM are never touched: they belong to the terminal (STYLE §8).

    Args:
        environment: `os.environ`, or a copy in a test.
    """
    environment["TEXTUAL_ANIMATIONS"] = "none"
    environment["TEXTUAL_SMOOTH_SCROLL"] = "0"
    # Exported by some shells and wrappers: they would count for more than the terminal's own size, for ever.
    for name in ("COLUMNS", "LINES"):
        environment.pop(name, None)
    # A split F9 over SSH otherwise arrives as five keys that may close a modal (facts/tui.md C6).
    if environment.get("SSH_CONNECTION"):
        environment.setdefault("ESCDELAY", "300")


def suited(settings: ConsoleSettings, environment: Mapping[str, str], *, many: str, few: str) -> ConsoleSettings:
    """The settings with what nobody chose decided by the terminal.

    Args:
        settings: As the operator has them.
        environment: `os.environ`, or a copy in a test.
        many: The theme of a terminal of more than sixteen colours.
        few: The theme of one that has no more.
    """
    return replace(
        settings,
        theme=settings.theme or (few if has_few_colours(environment) else many),
        ascii=draws_ascii_alone(environment) if settings.ascii is None else settings.ascii,
        # A Linux console has no title, and may draw what should be one.
        title=settings.title and environment.get("TERM", "") != "linux",
    )


def has_few_colours(environment: Mapping[str, str]) -> bool:
    """Whether the terminal has sixteen colours or fewer, by the same signs as Rich reads."""
    if environment.get("COLORTERM", "").strip().lower() in {"truecolor", "24bit"}:
        return False
    return not environment.get("TERM", "").strip().lower().endswith(_MANY_COLOURS)


def draws_ascii_alone(environment: Mapping[str, str]) -> bool:
    """Whether no more than ASCII can be trusted to appear: a Linux console's font, or a locale that is not UTF-8."""
    if environment.get("TERM", "") == "linux":
        return True
    # POSIX: the first that is set and not empty decides. Without any, nothing is known against UTF-8.
    locale = next((environment[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environment.get(name)), "")
    codeset = locale.partition(".")[2].partition("@")[0].lower().replace("-", "")
    return locale not in {"", "C", "POSIX"} and codeset != "utf8"
