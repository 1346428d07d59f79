"""A manifest as a proposal: its own name and rules, and the hash of its exact bytes."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path

from console.errors import ConsoleError, InputError
from console.given_file import read_given
from console.model import MigrationKind
from console.node.cosmovisor.names import same_name
from console.node.migration import kind_of, migration_hash
from console.node.release.manifest import MAX_MANIFEST_BYTES, peek_manifest
from console.operations.propose import MANIFEST_KIND, fields_of
from console.settings import NetworkSettings
from console.text import untrusted

GIVE_THE_FILE = "give the manifest's file: its migration is voted on with it, and controllers refuse any other"
"""What is to be done where a manifest cannot be had."""
_NOTHING_SENT = "nothing was sent"


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
    return _fields(network, read_given(file, MAX_MANIFEST_BYTES), url, height)


async def settled(network: NetworkSettings, fields: Mapping[str, str]) -> dict[str, str]:
    """Fields that name a manifest, with the migration that it has; others as they are.

    A proposal without its manifest's migration is approved and scheduled, and then every controller refuses it.

    Args:
        network: Where it will be proposed; its first node says through which IPFS gateways it is fetched.
        fields: Of the propose form. `manifest` names the file; without one it is fetched from `url`, and has to have
            the hash `hash`. Where `migration` says something, it was read already.

    Raises:
        InputError: The manifest cannot be had, or is another one than the fields say.
        ManifestRefused: Nobody could use it.
    """
    if fields.get("kind") != MANIFEST_KIND or fields.get("migration", "").strip():
        return dict(fields)
    url, file = fields.get("url", "").strip(), fields.get("manifest", "").strip()
    if file:
        content = await asyncio.to_thread(read_given, Path(file).expanduser(), MAX_MANIFEST_BYTES)
    else:
        content = await _fetched(network, url)
    typed = fields.get("height", "").strip()
    fixed = fields.get("schedule", "height") == "height" and typed.isascii() and typed.isdigit() and len(typed) <= 19
    found = _fields(network, content, url, int(typed) if fixed else None)
    hash_typed = fields.get("hash", "").strip().removeprefix("sha256:").lower()
    if found["hash"] != hash_typed:
        where = file or url
        raise InputError(
            f"{untrusted(where)} has sha256 {found['hash']}, not {untrusted(hash_typed)}",
            safe=_NOTHING_SENT,
            next_step=GIVE_THE_FILE,
        )
    if not same_name(fields.get("name", "").strip(), found["name"]):
        raise InputError(f"the manifest is of {found['name']}: propose it under that name", safe=_NOTHING_SENT)
    if found["breaking"] == "yes" and fields.get("breaking") == "no":
        raise InputError("the manifest says that it is breaking: propose it so", safe=_NOTHING_SENT)
    return {**fields, "migration": found["migration"], "migration_hash": found["migration_hash"]}


async def _fetched(network: NetworkSettings, url: str) -> bytes:
    # Late: a file needs no network stack.
    from console.node.download import DownloadRules, fetch_small, sources_of

    node = network.nodes[0] if network.nodes else None
    try:
        sources = sources_of(
            url,
            gateways=() if node is None else node.ipfs_gateways,
            local=node is not None and node.local_downloads,
        )
        found = await fetch_small(sources.urls, MAX_MANIFEST_BYTES, DownloadRules(own=sources.own))
    except ConsoleError as error:
        raise InputError(error.what, safe=_NOTHING_SENT, next_step=GIVE_THE_FILE) from error
    content = next((found[each] for each in sources.urls if each in found), None)
    if content is None:
        raise InputError(
            f"the manifest cannot be fetched from {untrusted(url)}", safe=_NOTHING_SENT, next_step=GIVE_THE_FILE
        )
    return content


def _fields(network: NetworkSettings, content: bytes, url: str, height: int | None) -> dict[str, str]:
    manifest = peek_manifest(content)
    if manifest.chain != network.chain_id:
        raise InputError(
            f"the manifest is for chain {manifest.chain}, and {network.name} is {network.chain_id}",
            safe=_NOTHING_SENT,
        )
    if height is not None and not manifest.min_height <= height <= manifest.max_height:
        raise InputError(
            f"the manifest is for heights {manifest.min_height} to {manifest.max_height}, not {height}",
            safe=_NOTHING_SENT,
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
