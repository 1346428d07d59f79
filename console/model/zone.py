"""Zones of return: how far the decided block H got, and what may still be undone (DESIGN §4)."""

from __future__ import annotations

from enum import StrEnum


class Zone(StrEnum):
    """How far a node and its network are past the halt."""

    Z0 = "Z0"
    """The application is at H − 1: flip back, nothing to restore."""
    Z1 = "Z1"
    """The application executed H, no commit of H + 1 was seen: back only if the network aborts, by restoring."""
    Z2 = "Z2"
    """A verified commit of H + 1 exists: forward only."""
    UNKNOWN = "UNKNOWN"
    """No height can be trusted, or it is not what the halt left: back only by restoring a complete point."""
