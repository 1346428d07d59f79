"""What the terminal session needs in the environment before Textual is imported (facts/tui.md C3, C6).

Imports nothing of Textual: its constants are read at import, so this runs first.
"""

from __future__ import annotations

from collections.abc import MutableMapping


def prepare_environment(environment: MutableMapping[str, str]) -> None:
    """Set what keeps an idle console quiet and split escape sequences whole.

    TERM and COLORTERM are never touched: they belong to the terminal (STYLE §8).

    Args:
        environment: `os.environ`, or a copy in a test.
    """
    environment["TEXTUAL_ANIMATIONS"] = "none"
    environment["TEXTUAL_SMOOTH_SCROLL"] = "0"
    # A split F9 over SSH otherwise arrives as five keys that may close a modal (facts/tui.md C6).
    if environment.get("SSH_CONNECTION"):
        environment.setdefault("ESCDELAY", "300")
