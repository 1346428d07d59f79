"""Generations on disk in Cosmovisor's layout, and the one switch (DESIGN §5, facts/cosmos.md §1.3)."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from console.errors import NodeError, SignatureRefused
from console.files import switch_link, sync_folder, write_durably
from console.model import GENESIS
from console.node.contents import Binaries, Contents
from console.node.release.signature_files import signatures_beside
from console.node.release_record import MANIFEST, RELEASE, read_release, recorded_hashes, recorded_manifest

__all__ = ["GENESIS", "Generation", "GenerationState", "Generations", "folder_name"]

_BINARY_MODE = 0o555
"""Nobody writes to it, and a Cosmovisor of any user starts it without a `chmod`."""
_FOLDER_MODE = 0o755
_LONGEST_NAME = 240
"""Bytes of a folder's name; what we write beside it has a few more."""
_SETTLED_NS = 1_000_000_000
"""Nanoseconds. A file that changed just now can change again within the same tick, and look the same."""


def folder_name(plan_name: str, *, recase: bool = True) -> str:
    """The folder of a plan as Cosmovisor names it: lower case unless that is switched off, and Go's `url.PathEscape`.

    Args:
        plan_name: As the chain has it.
        recase: False for `COSMOVISOR_DISABLE_RECASE`.
    """
    if recase:
        # Letter by letter, as Go does: Python's `lower` knows final sigmas and gives two letters for one.
        plan_name = "".join("i" if letter == "\u0130" else letter.lower() for letter in plan_name)
    return quote(plan_name, safe="$&+=:@-._~", errors="replace")


@dataclass(frozen=True, slots=True)
class Binary:
    """One binary of a generation beside the app's."""

    daemon: str
    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class Generation:
    """One complete, immutable set of binaries."""

    name: str
    """`genesis` or the plan's folder name."""
    binary: Path
    sha256: str
    """Of the binary, as verified when it was staged."""
    companions: tuple[Binary, ...] = ()
    """Binaries of other services that are in its `bin/`."""
    verified: bool = True
    """Whether the app's hash is on record in `release.json`; else it is that of what lies there now."""
    manifest: str = ""
    """Sha256 of the manifest that vouched for it; empty when none did."""


@dataclass(frozen=True, slots=True)
class GenerationState:
    """What is known of one folder."""

    name: str
    complete: bool
    missing: tuple[str, ...]
    """Daemons that are not there."""
    current: bool
    sha256: str
    """The recorded hash of the app's binary; empty when nobody recorded one."""
    origin: str
    """Where the bytes came from, as recorded."""
    problem: str = ""
    """Why its record cannot be read."""
    manifest: str = ""
    """Sha256 of the manifest that vouched for it; empty when none did."""
    signatures: int = 0
    """Signature files beside that manifest."""
    staged_at: float | None = None
    """Unix seconds of its record; None without one."""
    bytes: int | None = None
    """Of the files in its `bin/`; None when they cannot be looked at."""


class Generations:
    """The generations under one node's home.

    Args:
        home: The node's home.
        daemon: Name of the app's binary in every `bin/`.
        companions: Names of further binaries without which a generation is not complete.
        recase: Whether plan names become lower case; False for `COSMOVISOR_DISABLE_RECASE`.
        contents: What the files in `bin/` stand for; themselves when not given.
    """

    def __init__(
        self,
        home: Path,
        daemon: str,
        *,
        companions: tuple[str, ...] = (),
        recase: bool = True,
        contents: Contents | None = None,
    ) -> None:
        self._root = home / "cosmovisor"
        self._daemon = daemon
        self._companions = companions
        self._recase = recase
        self._contents = Binaries() if contents is None else contents
        self._hashes: dict[Path, tuple[tuple[int, ...], str]] = {}

    def folder_of_plan(self, plan_name: str) -> str:
        """Folder name of a plan, as this node names them."""
        return folder_name(plan_name, recase=self._recase)

    # --- what is there ---

    def current(self) -> Generation:
        """The generation that `current` points at.

        Raises:
            NodeError: The link is missing, broken or leads elsewhere: the genesis binary is never guessed
                (facts/cosmos.md §2.1 S9).
        """
        return self.generation(self.current_name())

    def current_name(self) -> str:
        """Name of the generation that `current` points at, complete or not. Raises NodeError as `current`."""
        link = self._root / "current"
        try:
            # Relative or absolute: Cosmovisor wrote absolute links until 1.6.
            target = Path(os.path.realpath(self._root / link.readlink()))
        except OSError as error:
            raise _broken(link, "does not point at a generation") from error
        root = Path(os.path.realpath(self._root))
        if target == root / GENESIS:
            return GENESIS
        if target.parent != root / "upgrades" or target.name == GENESIS:
            raise _broken(link, f"points at {target}, which is no generation of this node")
        return target.name

    def generation(self, name: str) -> Generation:
        """A complete generation by folder name.

        Raises:
            NodeError: It is not complete, or its record cannot be read.
        """
        folder = self._folder(name)
        missing = self._missing(folder)
        if missing:
            raise NodeError(f"generation {name} is not complete: {folder / 'bin' / missing[0]} is missing")
        record = read_release(folder)
        hashes = recorded_hashes(record, self._daemon)
        binary = folder / "bin" / self._daemon
        companions = tuple(
            Binary(path.name, path, hashes.get(path.name) or self._hash(path))
            for path in sorted((folder / "bin").iterdir())
            if path.name != self._daemon and not path.name.startswith(".") and path.is_file()
        )
        recorded = hashes.get(self._daemon, "")
        manifest = recorded_manifest(record)
        return Generation(name, binary, recorded or self._hash(binary), companions, bool(recorded), manifest)

    def staged(self, name: str, sha256: str) -> Generation | None:
        """The generation when it is complete and its app's binary is exactly those bytes, else None."""
        folder = self._folder(name)
        try:
            if self._missing(folder) or self._hash(folder / "bin" / self._daemon) != sha256:
                return None
            found = self.generation(name)
            if not all(self._contents.is_here(each) for each in (sha256, *(one.sha256 for one in found.companions))):
                return None
        except NodeError:
            return None
        return replace(found, sha256=sha256)

    def names(self) -> tuple[str, ...]:
        """Folder names of the generations, complete or not: genesis first, then the others by name."""
        try:
            found = sorted(
                entry.name
                for entry in (self._root / "upgrades").iterdir()
                if entry.is_dir() and not entry.name.startswith(".") and entry.name != GENESIS
            )
        except OSError:
            found = []
        return ((GENESIS,) if (self._root / GENESIS).is_dir() else ()) + tuple(found)

    def all(self) -> tuple[GenerationState, ...]:
        """What is known of every generation; nothing is hashed."""
        try:
            current = self.current_name()
        except NodeError:
            current = ""
        return tuple(self._state(name, current) for name in self.names())

    def _state(self, name: str, current: str) -> GenerationState:
        folder = self._folder(name)
        missing = self._missing(folder)
        record: dict[str, Any] = {}
        problem = ""
        try:
            record = read_release(folder)
        except NodeError as error:
            problem = str(error)
        return GenerationState(
            name=name,
            complete=not missing,
            missing=missing,
            current=name == current,
            sha256=recorded_hashes(record, self._daemon).get(self._daemon, ""),
            origin=str(record.get("origin", "")),
            problem=problem,
            manifest=recorded_manifest(record),
            signatures=_signatures(folder) if recorded_manifest(record) else 0,
            staged_at=_changed_at(folder / RELEASE),
            bytes=_bytes_in(folder / "bin"),
        )

    def manifest_of(self, name: str) -> Path:
        """Where the manifest that vouches for a generation is kept, with its signatures; it need not be there."""
        return self._folder(name) / MANIFEST

    # --- what is put there ---

    def stage(
        self,
        name: str,
        verified: Path,
        sha256: str,
        origin: str,
        *,
        companions: Mapping[str, tuple[Path, str]] | None = None,
        documents: Mapping[str, bytes] | None = None,
    ) -> Generation:
        """Publish verified bytes as a generation; it is immutable from then on.

        Args:
            name: Folder name of the plan.
            verified: A file whose sha256 is `sha256`; it is moved away.
            sha256: 64 hex digits.
            origin: Where the bytes came from, for the record.
            companions: Verified files and hashes of further binaries, by daemon; they are copied.
            documents: What vouches for them, by file name: a manifest and its signatures.

        Raises:
            NodeError: The bytes changed on the way, or a running generation would be replaced.
            OSError: The disk refused.
        """
        files = {**self._carried(), **(companions or {}), self._daemon: (verified, sha256)}
        generation = self._publish(name, files, origin, True, documents or {})
        verified.unlink(missing_ok=True)
        return generation

    def stage_file(
        self,
        name: str,
        file: Path,
        sha256: str,
        origin: str,
        *,
        force: bool = False,
        companions: Mapping[str, Path] | None = None,
    ) -> Generation:
        """Publish a binary that the operator gives; the file stays where it is. Repeatable.

        Args:
            name: Folder name of the plan.
            file: The app's binary.
            sha256: What it must be; empty to record what it is.
            origin: Who gave it and why it is trusted, for the record.
            force: Replace a generation of other bytes; never the current one.
            companions: Further binaries, by daemon.

        Raises:
            NodeError: It is not a file, has other bytes, is there already with other bytes, or would replace the
                current one.
            OSError: The disk refused.
        """
        carried = {daemon: path for daemon, (path, _) in self._carried().items()}
        given = {**carried, **(companions or {}), self._daemon: file}
        for path in given.values():
            if not path.is_file():
                raise NodeError(f"there is no file {path}", safe="nothing was staged")
        found = {daemon: self.hash_of(path) for daemon, path in given.items()}
        if sha256 and found[self._daemon] != sha256:
            raise NodeError(f"{file} has sha256 {found[self._daemon]}, not {sha256}", safe="nothing was staged")
        there = self.staged(name, found[self._daemon])
        if there is not None and there.verified and self._holds(there, found):
            return there
        return self._publish(name, {daemon: (path, found[daemon]) for daemon, path in given.items()}, origin, force)

    def adopt_recorded(self, name: str, attestation: str, *, sha256: str = "") -> Generation:
        """Record the hashes of binaries that the operator or Cosmovisor put there; what is recorded stays.

        Args:
            name: Folder name, `genesis` too.
            attestation: Who vouches for the bytes and how, in words.
            sha256: What the app's binary must be; empty to record what it is.

        Raises:
            NodeError: It is not complete, is something else, or is recorded with other bytes.
            OSError: The disk refused.
        """
        folder = self._folder(name)
        missing = self._missing(folder)
        if missing:
            raise NodeError(f"generation {name} is not complete: {folder / 'bin' / missing[0]} is missing")
        binaries = {
            path.name: self.hash_of(path)
            for path in sorted((folder / "bin").iterdir())
            if path.is_file() and not path.name.startswith(".")
        }
        found = binaries[self._daemon]
        if sha256 and found != sha256:
            raise NodeError(f"the binary of {name} has sha256 {found}, not {sha256}", safe="nothing was recorded")
        known = recorded_hashes(read_release(folder), self._daemon)
        differing = [daemon for daemon, value in known.items() if binaries.get(daemon) != value]
        if differing:
            raise NodeError(
                f"{differing[0]} of generation {name} is not the one that {folder / RELEASE} records",
                safe="the record was not changed",
                next_step="put the recorded binary back, or stage this one under another name",
            )
        if not known:
            document = {
                "name": name,
                "sha256": found,
                "binaries": binaries,
                "origin": attestation,
                "attested_at": time.time(),
            }
            write_durably(folder / RELEASE, json.dumps(document).encode(), mode=0o644)
        return self.generation(name)

    def switch(self, generation: Generation) -> None:
        """Point `current` at a generation: the one switch, atomic and repeatable. Raises OSError."""
        target = GENESIS if generation.name == GENESIS else f"upgrades/{generation.name}"
        switch_link(self._root / "current", target)

    def _publish(
        self,
        name: str,
        files: Mapping[str, tuple[Path, str]],
        origin: str,
        force: bool,
        documents: Mapping[str, bytes] = MappingProxyType({}),
    ) -> Generation:
        self._check_can_be_staged(name, force)
        target = self._folder(name)
        beside = target.with_name(f".{name}.new")
        shutil.rmtree(beside, ignore_errors=True)
        (beside / "bin").mkdir(parents=True)
        for folder in (beside, beside / "bin"):
            folder.chmod(_FOLDER_MODE)
        for daemon, (source, sha256) in files.items():
            binary = beside / "bin" / daemon
            shutil.copyfile(source, binary)
            binary.chmod(_BINARY_MODE)
            descriptor = os.open(binary, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
            if self.hash_of(binary) != sha256:
                shutil.rmtree(beside, ignore_errors=True)
                raise NodeError(f"the staged bytes of {name} are not the verified ones", safe="nothing was published")
        hashes = {daemon: sha256 for daemon, (_, sha256) in files.items()}
        document = {"name": name, "sha256": hashes[self._daemon], "binaries": hashes, "origin": origin}
        if MANIFEST in documents:
            document["manifest"] = hashlib.sha256(documents[MANIFEST]).hexdigest()
        for file, content in documents.items():
            write_durably(beside / file, content, mode=0o444)
        write_durably(beside / RELEASE, json.dumps(document).encode(), mode=0o644)
        sync_folder(beside / "bin")
        sync_folder(beside)
        if target.exists():
            # Incomplete or of other bytes, and not current: it can never have run.
            shutil.rmtree(target)
        beside.rename(target)
        sync_folder(target.parent)
        sync_folder(self._root)
        return self.generation(name) if not self._missing(target) else self._half(name, hashes)

    def _half(self, name: str, hashes: Mapping[str, str]) -> Generation:
        """A generation that still lacks a companion."""
        return Generation(name, self._folder(name) / "bin" / self._daemon, hashes[self._daemon])

    def _check_can_be_staged(self, name: str, force: bool) -> None:
        if name in {"", GENESIS} or name.startswith(".") or "/" in name or len(os.fsencode(name)) > _LONGEST_NAME:
            raise NodeError(f"{name!r} cannot be the folder of an upgrade", safe="nothing was staged")
        target = self._folder(name)
        if target.exists() and self.current_name() == name:
            raise NodeError(f"generation {name} is the current one and is not replaced", safe="nothing was staged")
        if not force and not self._missing(target):
            raise NodeError(
                f"generation {name} is there already with other bytes",
                safe="it was not replaced",
                next_step="force it if these are the right ones",
            )

    def hash_of(self, file: Path) -> str:
        """The sha256 that a file of a generation stands for, read anew. Raises NodeError, OSError."""
        return self._contents.hash_of(file)

    def is_here(self, sha256: str) -> bool:
        """Whether what a file stands for is on this machine. Raises NodeError: it cannot be told."""
        return self._contents.is_here(sha256)

    def _carried(self) -> dict[str, tuple[Path, str]]:
        """Companions of the current generation that the next one has too unless it brings its own.

        Of files those alone that a generation is not complete without: a release that names only the app's binary
        does not change them.
        """
        everything = self._contents.carries_over
        if not everything and not self._companions:
            return {}
        try:
            current = self.current().companions
        except NodeError:
            if everything:
                raise
            # It lacks one itself: the operator gives them both.
            return {}
        return {one.daemon: (one.path, one.sha256) for one in current if everything or one.daemon in self._companions}

    def _holds(self, generation: Generation, hashes: Mapping[str, str]) -> bool:
        there = {entry.daemon: entry.sha256 for entry in generation.companions} | {self._daemon: generation.sha256}
        return all(there.get(daemon) == value for daemon, value in hashes.items())

    def _missing(self, folder: Path) -> tuple[str, ...]:
        return tuple(name for name in (self._daemon, *self._companions) if not (folder / "bin" / name).is_file())

    def _hash(self, binary: Path) -> str:
        """Hash of the file, kept while it stays the same. What is executed is hashed again by descriptor."""
        found = binary.stat()
        mark = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        kept = self._hashes.get(binary)
        if kept is not None and kept[0] == mark:
            return kept[1]
        settled = time.time_ns() - found.st_ctime_ns > _SETTLED_NS
        value = self.hash_of(binary)
        if settled:
            self._hashes[binary] = mark, value
        return value

    def _folder(self, name: str) -> Path:
        return self._root / GENESIS if name == GENESIS else self._root / "upgrades" / name


def _signatures(folder: Path) -> int:
    try:
        return len(signatures_beside(folder / MANIFEST))
    except SignatureRefused:
        return 0


def _changed_at(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _bytes_in(folder: Path) -> int | None:
    try:
        return sum(entry.stat().st_size for entry in os.scandir(folder) if entry.is_file())
    except OSError:
        return None


def _broken(link: Path, why: str) -> NodeError:
    return NodeError(
        f"{link} {why}",
        safe="the genesis binary is not started in its place",
        next_step="point it at the right generation, relative to its folder",
    )
