"""A manifest made from files: hashes and sizes are taken from the bytes, and an archive is looked into."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from console.errors import InputError
from console.files import sha256_of
from console.node.image_reference import ImageReference, parse_image
from console.node.release.manifest import Archive, Artefact, PlatformArtefacts
from console.node.release.manifest_grammar import PACKINGS
from console.text import untrusted

_SUFFIXES = {".tgz": "tar.gz", ".tbz2": "tar.bz2", ".txz": "tar.xz", **{f".{kind}": kind for kind in PACKINGS}}
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """A program of a platform, as `linux/amd64:fendermint` names it."""

    platform: str
    program: str

    def __str__(self) -> str:
        return f"{self.platform}:{self.program}"


def parse_place(text: str) -> tuple[Place, str]:
    """What `PLATFORM:PROGRAM=VALUE` says.

    Raises:
        InputError: It is not of that form.
    """
    where, equals, value = text.partition("=")
    platform, colon, program = where.partition(":")
    if not (equals and colon and platform and program and value):
        raise InputError(
            f"{untrusted(text, 80)!r} is not PLATFORM:PROGRAM=VALUE", next_step="as linux/amd64:fendermint=./fendermint"
        )
    return Place(platform, program), value


def make_platforms(
    binaries: Mapping[Place, Path],
    sources: Mapping[Place, Iterable[str]],
    archives: Mapping[Place, tuple[Path, str]],
    images: Mapping[Place, str],
) -> dict[str, PlatformArtefacts]:
    """The manifest's table of platforms.

    Args:
        binaries: Files by the program that they are.
        sources: URLs where the archive, or without one the binary, will be.
        archives: Files that hold a binary, and the path of the binary in each.
        images: Images by digest.

    Raises:
        InputError: A file cannot be read or is empty; something is given for a program that has no binary; an archive
            holds other bytes than the binary.
    """
    for place in (*sources, *archives):
        if place not in binaries:
            raise InputError(f"there is no --binary {place}, and a source or an archive of it is given")
    made: dict[str, tuple[dict[str, Artefact], dict[str, ImageReference]]] = {}
    for place, file in binaries.items():
        archive = archives.get(place)
        artefact = _artefact(file, tuple(sources.get(place, ())), archive)
        made.setdefault(place.platform, ({}, {}))[0][place.program] = artefact
    for place, text in images.items():
        image = parse_image(text)
        if image is None or not image.name:
            raise InputError(f"{untrusted(text, 120)} names no image by its digest", next_step="as NAME@sha256:…")
        made.setdefault(place.platform, ({}, {}))[1][place.program] = image
    return {platform: PlatformArtefacts(found, pulled) for platform, (found, pulled) in made.items()}


def _artefact(file: Path, sources: tuple[str, ...], archive: tuple[Path, str] | None) -> Artefact:
    try:
        size, sha256 = _size(file), sha256_of(file)
        packed = None if archive is None else _archive(*archive, sha256)
    except OSError as error:
        raise InputError(f"cannot read {error.filename or file}: {error.strerror or error}") from error
    return Artefact(sha256, size, sources, packed)


def _size(file: Path) -> int:
    if not file.is_file():
        raise InputError(f"{file} is no file")
    size = file.stat().st_size
    if not size:
        raise InputError(f"{file} is empty")
    return size


def _archive(file: Path, member: str, wanted: str) -> Archive:
    packing = next((kind for suffix, kind in _SUFFIXES.items() if file.name.lower().endswith(suffix)), None)
    if packing is None:
        raise InputError(f"{file} is none of {', '.join(PACKINGS)} by its name")
    size = _size(file)
    try:
        found = _zip_member(file, member) if packing == "zip" else _tar_member(file, member)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"cannot read {file}: {untrusted(error, 120)}") from error
    if found != wanted:
        raise InputError(f"{member} in {file} has sha256 {found}, and the binary has {wanted}")
    return Archive(sha256_of(file), size, packing, member)


def _tar_member(file: Path, member: str) -> str:
    with tarfile.open(file) as archive:
        entries = [entry for entry in archive.getmembers() if entry.name == member]
        if len(entries) != 1 or not entries[0].isreg():
            raise InputError(f"{file} does not hold exactly one regular file {untrusted(member, 80)}")
        stream = archive.extractfile(entries[0])
        if stream is None:
            raise InputError(f"{file} holds {untrusted(member, 80)} without bytes")
        with stream:
            return _hash(stream)


def _zip_member(file: Path, member: str) -> str:
    with zipfile.ZipFile(file) as archive:
        if sum(entry.filename == member for entry in archive.infolist()) != 1:
            raise InputError(f"{file} does not hold exactly one file {untrusted(member, 80)}")
        with archive.open(member) as stream:
            return _hash(stream)


def _hash(stream: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
