"""`release make`: a manifest from files, checked as everybody else will check it, with the hash for the proposal."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from console import strict_json
from console.errors import InputError
from console.files import sha256_of, write_durably
from console.given_file import read_given
from console.model.cross_subnet import ChildWindow
from console.node.migration import Migration, NoMigration, parse_migration
from console.node.release.grammar import LARGEST
from console.node.release.making import Place, make_platforms, parse_place
from console.node.release.manifest import MAX_MANIFEST_BYTES, Manifest, Notes, manifest_bytes
from console.text import untrusted

_BLOCKS = re.compile(r"[0-9]{1,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Making:
    """What a release maker says. Programs are named as `PLATFORM:PROGRAM=VALUE`."""

    name: str
    version: str
    project: str
    chain: str
    sequence: int
    keyring: int
    breaking: bool
    state_compatible: bool
    binaries: Sequence[str] = ()
    sources: Sequence[str] = ()
    archives: Sequence[str] = ()
    members: Sequence[str] = ()
    images: Sequence[str] = ()
    min_height: int = 1
    max_height: int = LARGEST
    grace_blocks: int = 0
    children: Sequence[str] = ()
    """When child networks have to follow: `CHAIN=AFTER[:BEFORE[:RELEASE]]`."""
    not_after: str = ""
    """As 2027-01-31T12:00:00Z; empty for none."""
    notes_url: str = ""
    notes: Path | None = None
    migration: Path | None = None
    """A JSON file with the section."""


@dataclass(frozen=True, slots=True)
class Made:
    """A manifest that was made."""

    manifest: Manifest
    content: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        """What a proposal names."""
        return hashlib.sha256(self.content).hexdigest()


def make_release(making: Making) -> Made:
    """Make a manifest; nothing is written.

    Raises:
        InputError: A file or a value is not acceptable.
        ManifestRefused: What was made would be refused by everybody.
        MigrationError: The migration's section is not acceptable.
    """
    if bool(making.notes_url) != (making.notes is not None):
        raise InputError("release notes need both --notes-url and --notes, whose hash is taken")
    archives = _places(making.archives)
    members = _places(making.members)
    if archives.keys() != members.keys():
        odd = next(iter(archives.keys() ^ members.keys()))
        raise InputError(f"{odd} needs both --archive and --member, the binary's path in it")
    platforms = make_platforms(
        {place: Path(values).expanduser() for place, values in _places(making.binaries).items()},
        _many(making.sources),
        {place: (Path(file).expanduser(), members[place]) for place, file in archives.items()},
        _places(making.images),
    )
    manifest = Manifest(
        name=making.name,
        version=making.version,
        project=making.project,
        chain=making.chain,
        sequence=making.sequence,
        keyring=making.keyring,
        breaking=making.breaking,
        state_compatible=making.state_compatible,
        platforms=platforms,
        min_height=making.min_height,
        max_height=making.max_height,
        grace_blocks=making.grace_blocks,
        children=tuple(child_window(typed) for typed in making.children),
        not_after=_time(making.not_after),
        notes=None if making.notes is None else Notes(making.notes_url, _hash(making.notes)),
        migration=NoMigration() if making.migration is None else _migration(making.migration),
    )
    return Made(manifest, manifest_bytes(manifest))


def child_window(typed: str) -> ChildWindow:
    """A child's window as typed: `CHAIN=AFTER[:BEFORE[:RELEASE]]`, in blocks. Raises InputError."""
    chain, _, bounds = typed.partition("=")
    after, before, release = (*bounds.split(":", 2), "", "")[:3]
    if not chain or not _BLOCKS.fullmatch(after) or (before and not _BLOCKS.fullmatch(before)):
        raise InputError(
            f"{untrusted(typed, 80)!r} is no window of a child: CHAIN=AFTER[:BEFORE[:RELEASE]] in blocks, as *=5000"
        )
    return ChildWindow(chain, int(after), int(before) if before else None, release)


def write_release(made: Made, out: Path, *, force: bool = False) -> None:
    """Write the manifest. Repeatable.

    Raises:
        InputError: Another file is there, or the disk refused; nothing was replaced.
    """
    try:
        if out.exists() and not force and out.read_bytes() != made.content:
            raise InputError(
                f"{out} is there with other bytes, which may have been signed already",
                safe="it was not replaced",
                next_step="name another file, or add --force",
            )
        write_durably(out, made.content, mode=0o644)
    except OSError as error:
        raise InputError(f"cannot write {out}: {error.strerror or error}", safe="nothing was replaced") from error


def made_document(made: Made, out: Path) -> dict[str, Any]:
    """For `--json`."""
    return {"file": str(out), "sha256": made.sha256, "size": len(made.content), "manifest": made.manifest.document()}


def _places(items: Sequence[str]) -> dict[Place, str]:
    found: dict[Place, str] = {}
    for place, value in map(parse_place, items):
        if place in found:
            raise InputError(f"{place} is given twice")
        found[place] = value
    return found


def _many(items: Sequence[str]) -> Mapping[Place, list[str]]:
    found: dict[Place, list[str]] = {}
    for place, value in map(parse_place, items):
        found.setdefault(place, []).append(value)
    return found


def _time(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise InputError(f"{untrusted(text, 40)!r} is no time as 2027-01-31T12:00:00Z") from None


def _hash(file: Path) -> str:
    try:
        if not file.is_file():
            raise InputError(f"there is no file {file}")
        return sha256_of(file)
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror or error}") from error


def _migration(file: Path) -> Migration:
    try:
        return parse_migration(strict_json.loads(read_given(file, MAX_MANIFEST_BYTES)))
    except strict_json.NotStrictJson as error:
        raise InputError(f"{file} is {error}") from error
