"""Names of members, compared as they are written: nothing in a name is ever resolved."""

from __future__ import annotations

from collections.abc import Collection

MAX_MEMBERS = 10_000


def plain_name(name: str) -> str:
    """A member's name without the `./` that `tar -C folder .` writes; any other odd form stays, and fits nothing."""
    return name.removeprefix("./")


def shown(names: Collection[str]) -> str:
    """The wanted names in words; they are ours, not the archive's."""
    return " or ".join(names)
