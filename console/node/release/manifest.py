"""The release manifest: which bytes a release is, for which chain and platform, as its makers sign it (DESIGN §7).

A manifest is one JSON file. Its exact bytes are what is signed and what the chain's hash is of, so nothing is ever
written again from what was read. It is read only after something outside it vouches for those bytes: `parse_manifest`
takes `VerifiedBytes`, which only a matching hash or enough signatures give. `peek_manifest` reads what nobody vouches
for yet, to show it or to sign it, and says so by its name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from console.errors import ManifestRefused
from console.model.cross_subnet import ChildWindow
from console.node.image_reference import ImageReference, parse_image
from console.node.migration import Migration, NoMigration, as_section
from console.node.release.counting import count
from console.node.release.grammar import LARGEST, WrongShape
from console.node.release.keyring import Keyring
from console.node.release.manifest_grammar import FORMAT, MANIFEST, TIME
from console.node.release.roles import Role
from console.strict_json import NotStrictJson, loads
from console.text import untrusted

MAX_MANIFEST_BYTES = 4 << 20
"""Operations of a migration may hold a mebibyte of code, in hex digits."""
MAX_DEPTH = 16
"""Levels of nesting of a manifest."""
ANY_PLATFORM = "any"


@dataclass(frozen=True, slots=True)
class Archive:
    """A packed file that holds the binary."""

    sha256: str
    size: int
    packing: str
    """One of `PACKINGS`."""
    member: str
    """Path of the binary in it."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """One binary."""

    sha256: str
    """Of the binary itself."""
    size: int
    """Of the binary itself, in bytes."""
    sources: tuple[str, ...] = ()
    """https and ipfs URLs of the archive, or without one of the binary. Foreign text: show with `untrusted`."""
    archive: Archive | None = None


@dataclass(frozen=True, slots=True)
class PlatformArtefacts:
    """What changes on one platform, by the program's name."""

    binaries: Mapping[str, Artefact]
    images: Mapping[str, ImageReference]


@dataclass(frozen=True, slots=True)
class Notes:
    """Release notes somewhere else."""

    url: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A release as its makers describe it. Every text in it is of safe characters only."""

    name: str
    version: str
    project: str
    chain: str
    sequence: int
    keyring: int
    breaking: bool
    state_compatible: bool
    platforms: Mapping[str, PlatformArtefacts]
    min_height: int = 1
    max_height: int = LARGEST
    grace_blocks: int = 0
    not_after: datetime | None = None
    """UTC."""
    notes: Notes | None = None
    migration: Migration = field(default_factory=NoMigration)
    children: tuple[ChildWindow, ...] = ()
    """When child networks have to follow."""

    def for_platform(self, platform: str) -> PlatformArtefacts | None:
        """What changes on a platform, as `this_platform` names it: its own entry, else that for any, else None."""
        return self.platforms.get(platform) or self.platforms.get(ANY_PLATFORM)

    def document(self) -> dict[str, Any]:
        """The JSON object that says this; what has its default is left out."""
        found: dict[str, Any] = {
            "format": FORMAT,
            "name": self.name,
            "version": self.version,
            "project": self.project,
            "chain": self.chain,
            "sequence": self.sequence,
            "keyring": self.keyring,
            "breaking": self.breaking,
            "state_compatible": self.state_compatible,
            "platforms": {platform: _platform_document(entry) for platform, entry in self.platforms.items()},
        }
        if self.min_height > 1:
            found["min_height"] = self.min_height
        if self.max_height < LARGEST:
            found["max_height"] = self.max_height
        if self.grace_blocks:
            found["grace_blocks"] = self.grace_blocks
        if self.not_after is not None:
            found["not_after"] = self.not_after.strftime(TIME)
        if not isinstance(self.migration, NoMigration):
            found["migration"] = as_section(self.migration)
        if self.children:
            found["children"] = [_child_document(each) for each in self.children]
        if self.notes is not None:
            found["notes"] = {"url": self.notes.url, "sha256": self.notes.sha256}
        return found


_MINT = object()


class VerifiedBytes:
    """Exact bytes of a manifest for which something outside them vouches.

    There is no way to make one but the class methods below, which look at the evidence.
    """

    __slots__ = ("content", "sha256")

    def __init__(self, content: bytes, sha256: str, *, mint: object) -> None:
        if mint is not _MINT:
            raise TypeError("VerifiedBytes are made from evidence only")
        self.content = content
        self.sha256 = sha256

    @classmethod
    def by_hash(cls, content: bytes, sha256: str) -> VerifiedBytes:
        """Bytes that have the hash which the chain, or the operator, names.

        Raises:
            ManifestRefused: They have another one.
        """
        found = hashlib.sha256(content).hexdigest()
        if found != sha256:
            raise ManifestRefused(f"the manifest has sha256 {found}, not {sha256}")
        return cls(content, found, mint=_MINT)

    @classmethod
    def by_signatures(cls, content: bytes, files: Mapping[str, bytes], keyring: Keyring) -> VerifiedBytes:
        """Bytes that as many of the keyring's developers signed as it wants, whenever their keys are valid.

        From which sequence a key counts is asked again once the manifest's is known (`verification.py`).

        Args:
            content: The manifest's exact bytes.
            files: Signature files by name.
            keyring: The trusted one.

        Raises:
            ManifestRefused: Fewer signed them.
        """
        found = count(content, files, keyring, Role.DEVELOPER)
        if not found.reached:
            raise ManifestRefused(f"the manifest is signed by too few: {found}")
        return cls(content, hashlib.sha256(content).hexdigest(), mint=_MINT)


def parse_manifest(verified: VerifiedBytes) -> Manifest:
    """Read a manifest whose bytes are vouched for.

    Raises:
        ManifestRefused: It is not acceptable all the same.
    """
    return _read(verified.content)


def peek_manifest(unverified: bytes) -> Manifest:
    """Read a manifest for which nobody vouches: to show it with that warning, or to sign it. Never to act on.

    Raises:
        ManifestRefused: It is not acceptable.
    """
    return _read(unverified)


def manifest_bytes(manifest: Manifest) -> bytes:
    """The file of a manifest that was made here.

    Raises:
        ManifestRefused: It could not be read back.
    """
    content = json.dumps(manifest.document(), indent=2, ensure_ascii=True).encode() + b"\n"
    if _read(content) != manifest:
        raise ManifestRefused("the manifest would be read back as another one")
    return content


def schema() -> dict[str, Any]:
    """What a manifest may look like, as JSON Schema (docs/release-manifest.schema.json)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Release manifest of upgrade-console",
        "description": "Beyond this, a reader refuses: a key twice in one object, numbers written with a point or an "
        "exponent, more than 4 MiB, min_height above max_height, and times that no calendar has.",
        **MANIFEST.schema(),
    }


def _read(content: bytes) -> Manifest:
    if len(content) > MAX_MANIFEST_BYTES:
        raise ManifestRefused(f"the manifest is larger than {MAX_MANIFEST_BYTES} bytes")
    try:
        document = loads(content, max_depth=MAX_DEPTH)
    except NotStrictJson as error:
        raise ManifestRefused(f"the manifest is {error}") from error
    if isinstance(document, dict) and type(document.get("format")) is int and document["format"] != FORMAT:
        raise ManifestRefused(
            f"the manifest has format {untrusted(document['format'], 20)}, and this version knows {FORMAT}",
            next_step="a newer version may know it",
        )
    try:
        fields = MANIFEST.read(document, "")
    except WrongShape as error:
        raise ManifestRefused(f"the manifest{error}") from error
    manifest = _manifest(fields)
    if manifest.min_height > manifest.max_height:
        raise ManifestRefused(
            f"the manifest's min_height {manifest.min_height} is above its max_height {manifest.max_height}"
        )
    return manifest


def _manifest(fields: dict[str, Any]) -> Manifest:
    del fields["format"]
    fields["platforms"] = {name: _platform(entry) for name, entry in fields["platforms"].items()}
    if "not_after" in fields:
        fields["not_after"] = datetime.strptime(fields["not_after"], TIME).replace(tzinfo=UTC)
    if "notes" in fields:
        fields["notes"] = Notes(**fields["notes"])
    fields["children"] = tuple(ChildWindow(**each) for each in fields.get("children", ()))
    return Manifest(**fields)


def _child_document(window: ChildWindow) -> dict[str, Any]:
    found: dict[str, Any] = {"chain": window.chain, "closes_after": window.closes_after}
    if window.opens_before is not None:
        found["opens_before"] = window.opens_before
    if window.release:
        found["release"] = window.release
    return found


def _platform(fields: dict[str, Any]) -> PlatformArtefacts:
    return PlatformArtefacts(
        binaries={name: _artefact(entry) for name, entry in fields.get("binaries", {}).items()},
        images=dict(_images(fields.get("images", {}))),
    )


def _images(images: Mapping[str, str]) -> Iterator[tuple[str, ImageReference]]:
    for name, text in images.items():
        image = parse_image(text)
        if image is not None:
            yield name, image


def _artefact(fields: dict[str, Any]) -> Artefact:
    archive = fields.get("archive")
    return Artefact(
        fields["sha256"], fields["size"], fields["sources"], None if archive is None else Archive(**archive)
    )


def _platform_document(entry: PlatformArtefacts) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if entry.binaries:
        found["binaries"] = {name: _artefact_document(artefact) for name, artefact in entry.binaries.items()}
    if entry.images:
        found["images"] = {name: str(image) for name, image in entry.images.items()}
    return found


def _artefact_document(artefact: Artefact) -> dict[str, Any]:
    found: dict[str, Any] = {"sha256": artefact.sha256, "size": artefact.size, "sources": list(artefact.sources)}
    if artefact.archive is not None:
        archive = artefact.archive
        found["archive"] = {
            "sha256": archive.sha256,
            "size": archive.size,
            "packing": archive.packing,
            "member": archive.member,
        }
    return found
