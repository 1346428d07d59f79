"""Parameters that several procedures have: what is accepted, and in which words it is refused."""

from __future__ import annotations

from console.text import untrusted

_MOST = 500


def filled(text: str) -> str:
    """A line that is not empty. Raises ValueError with the rest of `NAME must be …`."""
    line = " ".join(text.split())
    if not line:
        raise ValueError("a text that is not empty")
    return str(untrusted(line, _MOST))


def yes_or_no(text: str) -> str:
    """`yes` or `no`. Raises ValueError."""
    word = text.strip().lower()
    if word not in {"yes", "no"}:
        raise ValueError("yes or no")
    return word
