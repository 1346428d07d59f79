"""Generations on disk in Cosmovisor's layout, and the one switch (DESIGN §5, facts/cosmos.md §1.3)."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from console.errors import NodeError
from console.files import sha256_of, switch_link, sync_folder, write_durably

GENESIS = "genesis"


def folder_name(plan_name: str) -> str:
    """The folder of a plan: lower case and percent-encoded, as Cosmovisor does."""
    return quote(plan_name.lower(), safe="$&+=:@-._~")


@dataclass(frozen=True, slots=True)
class Generation:
    """One complete, immutable set of binaries."""

    name: str
    """`genesis` or the plan's folder name."""
    binary: Path
    sha256: str
    """Of the binary, as verified when it was staged."""


class Generations:
    """The generations under one node's home.

    Args:
        home: The node's home.
        daemon: Name of the binary in every `bin/`.
    """

    def __init__(self, home: Path, daemon: str) -> None:
        self._root = home / "cosmovisor"
        self._daemon = daemon
        self._hashes: dict[tuple[int, int, int], str] = {}

    def current(self) -> Generation:
        """The generation that `current` points at.

        Raises:
            NodeError: The link is missing or broken: the genesis binary is never guessed (facts/cosmos.md §2.1 S9).
        """
        link = self._root / "current"
        try:
            target = link.readlink()
        except OSError as error:
            raise NodeError(
                f"{link} does not point at a generation",
                safe="the genesis binary is not started in its place",
                next_step="point it at the right generation, relative to its folder",
            ) from error
        name = GENESIS if target.name == GENESIS else target.name
        return self.generation(name)

    def generation(self, name: str) -> Generation:
        """A complete generation by folder name.

        Raises:
            NodeError: It is not complete.
        """
        folder = self._folder(name)
        binary = folder / "bin" / self._daemon
        if not binary.is_file():
            raise NodeError(f"generation {name} is not complete: {binary} is missing")
        recorded = _recorded_hash(folder)
        return Generation(name, binary, recorded or self._hash(binary))

    def staged(self, name: str, sha256: str) -> Generation | None:
        """The generation when it is complete and holds exactly those bytes, else None."""
        binary = self._folder(name) / "bin" / self._daemon
        if not binary.is_file() or sha256_of(binary) != sha256:
            return None
        return Generation(name, binary, sha256)

    def stage(self, name: str, verified: Path, sha256: str, origin: str) -> Generation:
        """Publish verified bytes as a generation; it is immutable from then on.

        Args:
            name: Folder name of the plan.
            verified: A file whose sha256 is `sha256`; it is moved away.
            sha256: 64 hex digits.
            origin: Where the bytes came from, for the record.

        Raises:
            NodeError: The bytes changed on the way, or a running generation would be replaced.
            OSError: The disk refused.
        """
        if name == GENESIS or name.startswith(".") or "/" in name or not name:
            raise NodeError(f"{name!r} cannot be the folder of an upgrade", safe="nothing was staged")
        target = self._folder(name)
        beside = target.with_name(f".{name}.new")
        if target.exists() and self.current().name == name:
            raise NodeError(f"generation {name} is the current one and is not replaced")
        shutil.rmtree(beside, ignore_errors=True)
        (beside / "bin").mkdir(parents=True)
        binary = beside / "bin" / self._daemon
        shutil.copyfile(verified, binary)
        binary.chmod(0o500)
        descriptor = os.open(binary, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        if sha256_of(binary) != sha256:
            shutil.rmtree(beside, ignore_errors=True)
            raise NodeError(f"the staged bytes of {name} are not the verified ones", safe="nothing was published")
        document = {"name": name, "sha256": sha256, "origin": origin}
        write_durably(beside / "release.json", json.dumps(document).encode())
        sync_folder(beside / "bin")
        sync_folder(beside)
        if target.exists():
            # Incomplete or of other bytes, and not current: it can never have run.
            shutil.rmtree(target)
        beside.rename(target)
        sync_folder(target.parent)
        verified.unlink(missing_ok=True)
        return Generation(name, target / "bin" / self._daemon, sha256)

    def switch(self, generation: Generation) -> None:
        """Point `current` at a generation: the one switch, atomic and repeatable. Raises OSError."""
        target = GENESIS if generation.name == GENESIS else f"upgrades/{generation.name}"
        switch_link(self._root / "current", target)

    def _hash(self, binary: Path) -> str:
        """Hash of a binary that no record names (genesis); kept while inode, size and time are the same."""
        found = binary.stat()
        key = (found.st_ino, found.st_size, found.st_mtime_ns)
        if key not in self._hashes:
            self._hashes[key] = sha256_of(binary)
        return self._hashes[key]

    def _folder(self, name: str) -> Path:
        return self._root / GENESIS if name == GENESIS else self._root / "upgrades" / name


def _recorded_hash(folder: Path) -> str:
    try:
        value = json.loads((folder / "release.json").read_bytes()).get("sha256", "")
    except (OSError, ValueError, AttributeError):
        return ""
    return value if isinstance(value, str) else ""
