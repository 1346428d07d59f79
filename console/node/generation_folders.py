"""Generations on disk in Cosmovisor's layout, as they are (DESIGN §5, facts/cosmos.md §1.3)."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from console.errors import NodeError, SignatureRefused
from console.model import GENESIS
from console.node.contents import Binaries, Contents
from console.node.release.signature_files import signatures_beside
from console.node.release_record import MANIFEST, RELEASE, read_release, recorded_hashes, recorded_manifest

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


class GenerationFolders:
    """The generations under one node's home, as they are.

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

    def hash_of(self, file: Path) -> str:
        """The sha256 that a file of a generation stands for, read anew. Raises NodeError, OSError."""
        return self._contents.hash_of(file)

    def is_here(self, sha256: str) -> bool:
        """Whether what a file stands for is on this machine. Raises NodeError: it cannot be told."""
        return self._contents.is_here(sha256)

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
