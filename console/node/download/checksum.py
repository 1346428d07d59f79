"""What a file must hash to: the one thing about a download that is trusted."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from console.text import untrusted

DIGITS = {"sha256": 64, "sha512": 128}
"""Hex digits by algorithm; nothing weaker is used."""
_WEAK_DIGITS = {"md5": 32, "sha1": 40}
_HEX = re.compile(r"[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class Checksum:
    """A digest of a whole file. Raises ValueError when it is none."""

    algorithm: str
    """`sha256` or `sha512`."""
    digest: str
    """Lower-case hex digits."""

    def __post_init__(self) -> None:
        # It becomes a file's name: nothing else may be in it.
        if len(self.digest) != DIGITS.get(self.algorithm) or not _HEX.fullmatch(self.digest):
            raise ValueError(f"{self.algorithm}:{self.digest} is no checksum")

    def __str__(self) -> str:
        return f"{self.algorithm} {self.digest}"

    def of(self, path: Path) -> str:
        """The digest of a file, to compare. Raises OSError."""
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, self.algorithm).hexdigest()


def read_checksum(text: str) -> Checksum:
    """Read a checksum as go-getter writes it: `sha256:…`, `sha512:…`, or the digits alone.

    Raises:
        ValueError: It proves nothing; the words follow "the checksum".
    """
    algorithm, colon, digest = text.strip().partition(":")
    if not colon:
        # go-getter takes the length for the kind.
        digest = algorithm
        by_length = {length: name for name, length in {**DIGITS, **_WEAK_DIGITS}.items()}
        algorithm = by_length.get(len(digest), "")
    algorithm = algorithm.lower()
    if algorithm in _WEAK_DIGITS:
        raise ValueError(f"is {algorithm}, which can be forged; sha256 or sha512 is needed")
    if algorithm == "file":
        raise ValueError("is kept in another file, which whoever changes the binary can change too")
    if algorithm not in DIGITS:
        raise ValueError(f"is of an unknown kind ({untrusted(text, 40)})")
    if len(digest) != DIGITS[algorithm] or not _HEX.fullmatch(digest.lower()):
        raise ValueError(f"is not {DIGITS[algorithm]} hex digits")
    return Checksum(algorithm, digest.lower())
