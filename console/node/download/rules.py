"""What a download may do, in one value."""

from __future__ import annotations

from dataclasses import dataclass, field

from console.node.download.network import Network
from console.node.download.pace import PaceLimits

MAX_BYTES = 1 << 30
"""Most bytes of a file whose size nobody signed."""


@dataclass(frozen=True, slots=True)
class DownloadRules:
    """Bounds of one download."""

    own: bool = False
    """Whether the operator named the sources: only then may they be on this machine or in his own network."""
    max_bytes: int = MAX_BYTES
    """Most bytes, where the exact size is not known."""
    spare_bytes: int = 64 << 20
    """Bytes that must stay free on the disk beside the file."""
    pace: PaceLimits = field(default_factory=PaceLimits)
    network: Network = field(default_factory=Network)
    """How names are looked up and addresses connected to."""
