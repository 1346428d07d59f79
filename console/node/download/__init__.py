"""Files from outside: fetched from one of several sources that nobody trusts, with the hash known before.

https only, every hop and address checked, size and time bounded, resumed where that is safe (facts/safety.md §2).
"""

from __future__ import annotations

from console.node.download.checksum import Checksum
from console.node.download.in_turn import Downloaded, download
from console.node.download.pace import PaceLimits
from console.node.download.rules import MAX_BYTES, DownloadRules
from console.node.download.small import fetch_small
from console.node.download.sources import Sources, sources_of

__all__ = [
    "MAX_BYTES",
    "Checksum",
    "DownloadRules",
    "Downloaded",
    "PaceLimits",
    "Sources",
    "download",
    "fetch_small",
    "sources_of",
]
