"""Images by their digest: the one line that stands in `bin/<daemon>` of a node in containers (DESIGN §4.2, §5).

A tag can be moved to other bytes, a digest cannot. So a generation names an image by its digest alone: the image's id,
or the digest that a registry serves it by; the engine keeps content under both and checks it when it is pulled.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from console.errors import NodeError
from console.text import untrusted

_LONGEST = 512
"""Bytes of a reference file."""
_PINNED = re.compile(r"(?:(?P<name>[a-z0-9][a-z0-9._:/-]*)@)?sha256:(?P<sha256>[0-9a-f]{64})")
_NAME = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?::[0-9]+)?(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*")
_SCHEMES = ("docker://", "oci://")


@dataclass(frozen=True, slots=True)
class ImageReference:
    """An image by its content."""

    sha256: str
    """64 hex digits: of the image's id or of its digest in a registry."""
    name: str = ""
    """Where a registry has it, without a tag; empty for one that is only known by its digest."""

    def __str__(self) -> str:
        return f"{self.name}@sha256:{self.sha256}" if self.name else f"sha256:{self.sha256}"


def parse_image(text: str) -> ImageReference | None:
    """The image that `sha256:…`, `NAME@sha256:…` or `docker://NAME@sha256:…` names; None for anything else.

    A tag before the digest says nothing, and is dropped.
    """
    words = text.strip()
    for scheme in _SCHEMES:
        words = words.removeprefix(scheme)
    found = _PINNED.fullmatch(words) if len(words) <= _LONGEST else None
    if found is None:
        return None
    name = found["name"] or ""
    head, colon, tag = name.rpartition(":")
    if colon and "/" not in tag:
        name = head
    return ImageReference(found["sha256"], name) if not name or _NAME.fullmatch(name) else None


def parse_repository(text: str) -> str:
    """The name of `docker://NAME` or `NAME`, without a tag, where a registry has the image; empty for anything else."""
    words = text.strip()
    for scheme in _SCHEMES:
        words = words.removeprefix(scheme)
    found = parse_image(words)
    if found is not None:
        return found.name
    head, colon, tag = words.rpartition(":")
    name = head if colon and "/" not in tag else words
    return name if len(name) <= _LONGEST and _NAME.fullmatch(name) else ""


def read_image(file: Path) -> ImageReference:
    """The image that a file names.

    Raises:
        NodeError: It holds no such line.
        OSError: It cannot be read.
    """
    with file.open("rb") as stream:
        content = stream.read(_LONGEST + 1)
    found = parse_image(content.decode("ascii", "replace")) if len(content) <= _LONGEST else None
    if found is None:
        raise NodeError(
            f"{untrusted(file)} names no image by its digest (`sha256:…` or `NAME@sha256:…`)",
            safe="no image was taken for it",
        )
    return found
