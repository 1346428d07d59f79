"""Untrusted text made safe, and units and durations in words (facts/safety.md §7)."""

from __future__ import annotations

import re
import time
import unicodedata
from typing import NewType

UntrustedText = NewType("UntrustedText", str)
"""Text from a chain, a peer, a file or a URL after `untrusted()`: printable, bounded, without controls."""

MAX_SHOWN = 256
"""Characters shown of a foreign string."""

_HASH_SHOWN = 13
"""Columns: six digits from each end."""

_HASH = re.compile(r"[0-9a-fA-F]{64}")

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def visible(character: str) -> str:
    """Return the character, or `<U+XXXX>` for one that a terminal would obey, hide or reorder."""
    if unicodedata.category(character) in _HIDDEN_CATEGORIES:
        return f"<U+{ord(character):04X}>"
    return character


def untrusted(value: object, limit: int = MAX_SHOWN) -> UntrustedText:
    """Make a foreign value safe to show: NFC, at most `limit` characters, no control, bidi or hidden character.

    Args:
        value: Anything decoded from outside; bytes are read as UTF-8 with replacement.
        limit: Characters kept; the rest is named as "+N characters".
    """
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    if len(text) <= limit and text.isascii() and text.isprintable():
        # Most texts, and whole recordings of them: nothing in it could be hidden, obeyed or composed.
        return UntrustedText(text)
    kept = unicodedata.normalize("NFC", text[: limit * 4])[:limit]
    # What is printable is neither hidden nor obeyed, and nearly every text is.
    shown = kept if kept.isprintable() else "".join(visible(character) for character in kept)
    dropped = len(text) - len(kept)
    return UntrustedText(f"{shown} (+{dropped} characters)" if dropped > 0 else shown)


def shortened(text: str, width: int) -> str:
    """Shorten in the middle to `width` columns, so that both ends of a hash or an address stay readable."""
    if len(text) <= width:
        return text
    if width < 5:
        return text[:width]
    left = (width - 1 + 1) // 2
    right = width - 1 - left
    return f"{text[:left]}…{text[-right:]}"


def short_hash(digest: str) -> str:
    """A hash shortened to its ends, the same everywhere, so that what two places show can be compared by eye."""
    return shortened(digest, _HASH_SHOWN)


def with_short_hashes(text: str) -> str:
    """A sentence with its hashes shortened to their ends: whole they stand in the log and the proposal."""
    return _HASH.sub(lambda found: short_hash(found.group()), text)


def duration(seconds: float | None) -> str:
    """Say a duration in at most two units: `45s`, `2m 05s`, `3h 12m`, `5d 4h`; unknown is `—`."""
    if seconds is None:
        return "—"
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d {whole % 86400 // 3600}h"


def utc(at: float) -> str:
    """A moment in UTC, the same for readers everywhere."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))


def size(count: int) -> str:
    """Say a size in bytes with a binary unit: `512 B`, `1.4 MiB`."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{int(amount)} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def percent(part: int, whole: int) -> str:
    """Say a share in whole percent, rounded down so that 66.9 % never reads as more than two thirds."""
    return "—" if whole <= 0 else f"{part * 100 // whole}%"
