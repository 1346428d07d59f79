"""What sentences about any setting have in common, and the shape of a table."""

from __future__ import annotations

from typing import Any

from console.errors import SettingsError
from console.text import untrusted


def nearest(name: str, known: list[str]) -> str:
    """` (did you mean …?)` with the most similar known name, empty when none is similar."""
    # Imported here: only a mistake needs it.
    import difflib

    found = difflib.get_close_matches(name[:100], known, n=1, cutoff=0.6)
    return f" (did you mean {found[0]}?)" if found else ""


def quoted(value: object) -> str:
    """A value as a message shows it."""
    return untrusted(repr(value), 80)


def table_of(value: object, where: str) -> dict[str, Any]:
    """A table. Raises SettingsError."""
    if not isinstance(value, dict):
        raise SettingsError(f"{where} must be a table")
    return value
