"""A copy of a node's configuration, held against the files of now.

Copied is what a person writes: TOML, YAML and JSON below the home. Never the data, the binaries, or a file with a key:
those have their own keeping, and a copy of a signing key is a second signer. Blocking; for a thread.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import yaml

from console.errors import NodeError
from console.files import sha256_of
from console.node.discovery import inspect_home
from console.node.discovery.keys import key_files, signer_setup
from console.node.shape import shape_of
from console.operations.kept_files import Kept, keep_files, kept_folders, read_record
from console.settings import NodeSettings
from console.text import size, untrusted

FOLDER = "config-copies"
"""In the controller's folder; a folder by the time for each copy, whose files are named as below the home."""
LARGEST = 64 << 20
"""Bytes of one file: a larger genesis is on every node of the network."""
MOST_FILES = 500
_SUFFIXES = frozenset({".toml", ".yaml", ".yml", ".json"})
_KEY_WORDS = ("key", "keystore", "secret", "mnemonic", "wallet", "priv_validator", "credential")
_KEPT_BY_THE_NODE = frozenset({"addrbook.json"})
"""Rewritten every few minutes by the node itself: a copy of it would never be what is in force."""
_NEVER_INTO = frozenset({"cosmovisor", "data", "wasm", "upgrade-console", FOLDER})


def copy_config(node: NodeSettings, now: float) -> Kept:
    """Copy the configuration into a new folder, durably.

    Args:
        node: Its home, and the controller's folder.
        now: Unix seconds.

    Raises:
        NodeError: There is nothing to copy, or a file cannot be read or written; no half copy counts.
    """
    folder = node.state_dir / FOLDER / datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    chosen, left_out = _chosen(node)
    if not chosen:
        raise NodeError(f"no configuration was found in {untrusted(node.home)}", safe="nothing was copied")
    files = {relative: node.home / relative for relative in chosen}
    return keep_files(folder, files, f"configuration of {node.name}", now, left_out=left_out)


def newest_copy(node: NodeSettings) -> Kept | None:
    """The newest copy, whatever became of its files; None when there is none. Raises NodeError: it cannot be read."""
    folders = kept_folders(node.state_dir / FOLDER)
    return read_record(folders[0]) if folders else None


def verify_copy(copy: Kept) -> tuple[str, ...]:
    """What is wrong with a copy, a sentence each: bytes that are not what was copied, or that nothing could read."""
    found = []
    for what in copy.files:
        path = copy.copy(what)
        if wrong := copy.damage(what):
            found.append(wrong)
        elif problem := _unreadable(path):
            found.append(f"{what} is no {path.suffix[1:]} that could be read: {problem}")
    return tuple(found)


def changed_since(copy: Kept, home: Path) -> tuple[str, ...]:
    """Files of a home that are other now than in the copy, a sentence each."""
    found = []
    for what, file in copy.files.items():
        try:
            now = sha256_of(home / what)
        except FileNotFoundError:
            found.append(f"{what} is gone since")
        except OSError as error:
            found.append(f"{what} cannot be read: {error.strerror}")
        else:
            if now != file.sha256:
                found.append(f"{what} was changed since")
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
