"""Putting generations in place: published whole, immutable from then on, and the one switch (DESIGN §5)."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from console.errors import NodeError
from console.files import switch_link, sync_folder, write_durably
from console.model import GENESIS
from console.node.generation_folders import Generation, GenerationFolders
from console.node.release_record import MANIFEST, RELEASE, read_release, recorded_hashes

_BINARY_MODE = 0o555
"""Nobody writes to it, and a Cosmovisor of any user starts it without a `chmod`."""
_FOLDER_MODE = 0o755
_LONGEST_NAME = 240
"""Bytes of a folder's name; what we write beside it has a few more."""


class Generations(GenerationFolders):
    """The generations under one node's home, and those that are put there."""

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
