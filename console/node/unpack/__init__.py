"""One binary out of an archive whose checksum was right, and nothing else of it (facts/safety.md §2)."""

from __future__ import annotations

from console.node.unpack.member import take_member

__all__ = ["take_member"]
