"""A copy of a node's configuration, with a manifest by which it is held against the files of now.

Copied is what a person writes: TOML, YAML and JSON below the home. Never the data, the binaries, or a file with a key:
those have their own keeping, and a copy of a signing key is a second signer. Blocking; for a thread.
"""

from __future__ import annotations

import json
import os
import stat
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from console.errors import NodeError
from console.files import sha256_of, sync_folder, write_durably
from console.node.discovery import inspect_home
from console.node.discovery.keys import key_files, signer_setup
from console.node.shape import shape_of
from console.settings import NodeSettings
from console.text import size, untrusted

FOLDER = "config-copies"
"""In the controller's folder, mode 0700; a folder by the time for each copy."""
MANIFEST = "manifest.json"
LARGEST = 64 << 20
"""Bytes of one file: a larger genesis is on every node of the network."""
MOST_FILES = 500
_SUFFIXES = frozenset({".toml", ".yaml", ".yml", ".json"})
_KEY_WORDS = ("key", "keystore", "secret", "mnemonic", "wallet", "priv_validator", "credential")
_KEPT_BY_THE_NODE = frozenset({"addrbook.json"})
"""Rewritten every few minutes by the node itself: a copy of it would never be what is in force."""
_NEVER_INTO = frozenset({"cosmovisor", "data", "wasm", "upgrade-console", FOLDER})


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """One file of a copy."""

    path: str
    """Relative to the home."""
    sha256: str
    bytes: int
    mode: int


@dataclass(frozen=True, slots=True)
class ConfigCopy:
    """A complete copy."""

    folder: Path
    home: Path
    taken_at: float
    """Unix seconds."""
    files: tuple[CopiedFile, ...]
    left_out: tuple[str, ...]
    """What was not copied, with why."""

    @property
    def bytes(self) -> int:
        """Of all of its files."""
        return sum(file.bytes for file in self.files)


def copy_config(node: NodeSettings, now: float) -> ConfigCopy:
    """Copy the configuration into a new folder, durably: the manifest is written last, and makes it whole.

    Raises:
        NodeError: There is nothing to copy, or a file cannot be read or written; no half copy counts.
    """
    folder = node.state_dir / FOLDER / datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    chosen, left_out = _chosen(node)
    if not chosen:
        raise NodeError(f"no configuration was found in {untrusted(node.home)}", safe="nothing was copied")
    try:
        # Settings may hold passwords of databases and endpoints.
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        copied = tuple(_copy(node.home, relative, folder) for relative in chosen)
        copy = ConfigCopy(folder, node.home, now, copied, left_out)
        write_durably(folder / MANIFEST, json.dumps(_document(copy), indent=1).encode(), 0o600)
        sync_folder(folder.parent)
    except OSError as error:
        raise NodeError(
            f"the configuration cannot be copied: {error.filename or folder}: {error.strerror or error}",
            safe="what was copied before is as it was",
            next_step="make room, or look at the permissions",
        ) from error
    return copy


def newest_copy(node: NodeSettings) -> ConfigCopy | None:
    """The newest complete copy; None when there is none. Raises NodeError: it cannot be read."""
    folder = node.state_dir / FOLDER
    try:
        names = sorted(os.listdir(folder), reverse=True)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NodeError(f"cannot look into {folder}: {error.strerror}") from error
    for name in names:
        if (folder / name / MANIFEST).is_file():
            return _read(folder / name)
    return None


def verify_copy(copy: ConfigCopy) -> tuple[str, ...]:
    """What is wrong with a copy, a sentence each: bytes that are not what was copied, or that nothing could read."""
    found = []
    for file in copy.files:
        path = copy.folder / "files" / file.path
        try:
            if sha256_of(path) != file.sha256:
                found.append(f"{file.path} of the copy is not what was copied")
                continue
        except OSError as error:
            found.append(f"{file.path} of the copy cannot be read: {error.strerror}")
            continue
        if problem := _unreadable(path):
            found.append(f"{file.path} is no {path.suffix[1:]} that could be read: {problem}")
    return tuple(found)


def changed_since(copy: ConfigCopy) -> tuple[str, ...]:
    """Files that are other now than in the copy, a sentence each."""
    found = []
    for file in copy.files:
        try:
            now = sha256_of(copy.home / file.path)
        except FileNotFoundError:
            found.append(f"{file.path} is gone since")
        except OSError as error:
            found.append(f"{file.path} cannot be read: {error.strerror}")
        else:
            if now != file.sha256:
                found.append(f"{file.path} was changed since")
    return tuple(found)


def _chosen(node: NodeSettings) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Files to copy, relative to the home, and what is left out with why."""
    home = node.home
    try:
        found = inspect_home(home)
        secrets = {key.path for key in key_files(found, signer_setup(found))}
    except NodeError:
        # A home of a shape that we do not know: names alone must do.
        secrets = set()
    apart = {path.resolve() for path in _data_of(node)}
    chosen: list[str] = []
    left_out: list[str] = []
    for path in _written(home, apart):
        relative = str(path.relative_to(home))
        if path in secrets or any(word in path.name.lower() for word in _KEY_WORDS):
            left_out.append(f"{untrusted(relative)}: may hold a key")
        elif path.name in _KEPT_BY_THE_NODE:
            left_out.append(f"{untrusted(relative)}: the node rewrites it by itself")
        elif path.stat().st_size > LARGEST:
            left_out.append(f"{untrusted(relative)}: {size(path.stat().st_size)}")
        elif len(chosen) >= MOST_FILES:
            left_out.append(f"{untrusted(relative)}: there are more than {MOST_FILES} files")
        else:
            chosen.append(relative)
    return tuple(chosen), tuple(left_out)


def _data_of(node: NodeSettings) -> tuple[Path, ...]:
    try:
        return (*shape_of(node).data_folders(), node.points_dir, node.state_dir)
    except NodeError:
        return (node.points_dir, node.state_dir)


def _written(home: Path, apart: set[Path]) -> Iterator[Path]:
    """Files that a person may have written, in order; links are followed to files, never into folders."""
    for folder, names, files in os.walk(home):
        names[:] = sorted(
            name
            for name in names
            if name not in _NEVER_INTO
            and not any(word in name.lower() for word in _KEY_WORDS)
            and not name.startswith("keyring")
            and (Path(folder) / name).resolve() not in apart
        )
        for name in sorted(files):
            path = Path(folder) / name
            if path.suffix in _SUFFIXES and path.is_file():
                yield path


def _copy(home: Path, relative: str, folder: Path) -> CopiedFile:
    source, target = home / relative, folder / "files" / relative
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = source.read_bytes()
    write_durably(target, content, 0o600)
    return CopiedFile(relative, sha256_of(target), len(content), stat.S_IMODE(source.stat().st_mode))


def _document(copy: ConfigCopy) -> dict[str, Any]:
    return {
        "home": str(copy.home),
        "taken_at": copy.taken_at,
        "files": [
            {"path": file.path, "sha256": file.sha256, "bytes": file.bytes, "mode": file.mode} for file in copy.files
        ],
        "left_out": list(copy.left_out),
    }


def _read(folder: Path) -> ConfigCopy:
    try:
        document = json.loads((folder / MANIFEST).read_bytes())
        files = tuple(
            CopiedFile(str(each["path"]), str(each["sha256"]), int(each["bytes"]), int(each["mode"]))
            for each in document["files"]
        )
        return ConfigCopy(
            folder, Path(document["home"]), float(document["taken_at"]), files, tuple(map(str, document["left_out"]))
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NodeError(
            f"the manifest of the copy {folder} cannot be read",
            safe="the configuration itself is as it was",
            next_step="copy it again",
        ) from error


def _unreadable(path: Path) -> str:
    """Why a file is not of its kind; empty when it is."""
    try:
        content = path.read_bytes()
        if path.suffix == ".toml":
            tomllib.loads(content.decode())
        elif path.suffix == ".json":
            json.loads(content)
        else:
            yaml.safe_load(content)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        return str(untrusted(error, 120))
    return ""
