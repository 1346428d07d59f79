"""The signer's state never falls: checked before each start (DESIGN §4.1, facts/cosmos.md §6)."""

from __future__ import annotations

import json
from pathlib import Path

from console.errors import NodeError

Hrs = tuple[int, int, int]
"""Height, round, step of the last signature."""


class SignerStateError(NodeError):
    """The signer state cannot be trusted; the node must not be started by any automation."""


def read_hrs(path: Path) -> Hrs:
    """Height, round and step of `priv_validator_state.json`.

    Raises:
        SignerStateError: It is missing or unreadable.
    """
    try:
        document = json.loads(path.read_bytes())
        return int(document["height"]), int(document["round"]), int(document["step"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SignerStateError(
            f"the signer state {path} is missing or not readable ({error})",
            safe="the node was not started, because it could sign a height twice",
            next_step="find out where the file went; never restore an older copy",
        ) from error


def check_not_lower(path: Path, high_water: Hrs | None) -> Hrs:
    """Refuse a signer state below the highest one ever seen.

    Raises:
        SignerStateError: It is missing, unreadable or lower.
    """
    found = read_hrs(path)
    if high_water is not None and found < high_water:
        raise SignerStateError(
            f"the signer state {path} says height {found[0]} round {found[1]} step {found[2]}, "
            f"but this node already signed height {high_water[0]} round {high_water[1]} step {high_water[2]}",
            safe="the node was not started, because it could sign a height twice",
            next_step="put the newest signer state back",
        )
    return found
