"""A manifest as a proposal: its own name and rules, and the hash of its exact bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from console.errors import InputError
from console.model import MigrationKind
from console.node.migration import kind_of, migration_hash
from console.node.release.bundle import read_capped
from console.node.release.manifest import MAX_MANIFEST_BYTES, peek_manifest
from console.operations.propose import MANIFEST_KIND, fields_of
from console.settings import NetworkSettings


def manifest_fields(network: NetworkSettings, file: Path, url: str, height: int | None) -> dict[str, str]:
    """The propose form's fields from a manifest. Who signed it is not asked: a vote comes before many signatures.

    Args:
        network: Where it will be proposed.
        file: The manifest.
        url: Where controllers will find it.
        height: H; None where the vote or readiness gives it: every node holds it against the manifest then.

    Raises:
        InputError: It cannot be read, or is not for this chain or height.
        ManifestRefused: Nobody could use it.
    """
    content = read_capped(file, MAX_MANIFEST_BYTES)
    manifest = peek_manifest(content)
    if manifest.chain != network.chain_id:
        raise InputError(
            f"the manifest is for chain {manifest.chain}, and {network.name} is {network.chain_id}",
            safe="nothing was sent",
        )
    if height is not None and not manifest.min_height <= height <= manifest.max_height:
        raise InputError(
            f"the manifest is for heights {manifest.min_height} to {manifest.max_height}, not {height}",
            safe="nothing was sent",
        )
    sha256 = hashlib.sha256(content).hexdigest()
    kind = kind_of(manifest.migration)
    migrates = kind is not MigrationKind.NONE
    return {
        **fields_of(manifest.name, height, url, sha256, breaking=manifest.breaking),
        "kind": MANIFEST_KIND,
        "migration": kind.name.lower(),
        "migration_hash": migration_hash(manifest.migration) if migrates else "",
    }
