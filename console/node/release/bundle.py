"""A release as files: the manifest's exact bytes, and the signature files beside it. Nothing is believed here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from console.errors import InputError
from console.given_file import read_given
from console.node.release.manifest import MAX_MANIFEST_BYTES
from console.node.release.signature_files import SUFFIX, signatures_beside
from console.node.release.sshsig import MAX_FILE
from console.text import untrusted

SUFFIXES = (SUFFIX, ".sig")
"""Of signature files in a folder that is named: ours, and what `ssh-keygen -Y sign` calls its own."""
MAX_SIGNATURES = 256
"""Files looked at; a keyring holds at most 64 keys, in three roles."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """Files that claim to be a release."""

    content: bytes = field(repr=False)
    """The manifest's exact bytes."""
    signatures: Mapping[str, bytes] = field(repr=False)
    """By file name."""
    origin: str
    """Where it came from; show with `untrusted`."""

    @property
    def sha256(self) -> str:
        """Of the manifest."""
        return hashlib.sha256(self.content).hexdigest()


def read_bundle(manifest: Path, signatures: Iterable[Path] = ()) -> Bundle:
    """Read a manifest's file and signatures.

    Args:
        manifest: Its file.
        signatures: Files, or folders that hold them; none: those beside the manifest that are called after it.

    Raises:
        InputError: A file is missing, too large, or cannot be read.
        SignatureRefused: The manifest's folder cannot be read.
    """
    content = read_given(manifest, MAX_MANIFEST_BYTES)
    named = tuple(signatures)
    return Bundle(content, signature_files(named) if named else signatures_beside(manifest), str(manifest))


def signature_files(places: Iterable[Path]) -> dict[str, bytes]:
    """Signature files by name: those that are given, and those in the folders that are given.

    Raises:
        InputError: A given one is missing, there are too many, or one is far larger than any signature.
    """
    found: dict[str, bytes] = {}
    for place in places:
        for path in _in_folder(place) if place.is_dir() else (place,):
            name = path.name
            while name in found:  # from another folder
                name += "+"
            found[name] = read_given(path, MAX_FILE)
            if len(found) > MAX_SIGNATURES:
                raise InputError(f"there are more than {MAX_SIGNATURES} signature files")
    return found


def _in_folder(folder: Path) -> tuple[Path, ...]:
    try:
        return tuple(sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and path.is_file()))
    except OSError as error:
        raise InputError(f"cannot read {untrusted(folder)}: {error.strerror or error}") from error
