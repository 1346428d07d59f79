"""A release for people: what a manifest says, line by line, its migration decoded, every foreign text made safe."""

from __future__ import annotations

from console.node.migration import NoMigration, describe, migration_hash
from console.node.release.grammar import LARGEST
from console.node.release.manifest import Artefact, Manifest, PlatformArtefacts
from console.text import size, untrusted


def release_lines(manifest: Manifest, sha256: str) -> list[str]:
    """A manifest for people.

    Args:
        manifest: Read, vouched for or not.
        sha256: Of its exact bytes.
    """
    rules = "breaking: nodes on the old binary must not go on" if manifest.breaking else "not breaking"
    if manifest.grace_blocks:
        rules += f", {manifest.grace_blocks} blocks of grace"
    able = "can go on" if manifest.state_compatible else "cannot go on"
    last = "" if manifest.max_height == LARGEST else f" to {manifest.max_height}"
    lines = [
        f"{untrusted(manifest.name)}, version {untrusted(manifest.version)}",
        f"  sha256    {sha256}",
        f"  project   {untrusted(manifest.project)}, release {manifest.sequence}, keyring {manifest.keyring}",
        f"  chain     {untrusted(manifest.chain)}, heights {manifest.min_height}{last or ' on'}",
        f"  rules     {rules}",
        f"  state     the old binary {able} with the data after it",
    ]
    if manifest.not_after is not None:
        lines.append(f"  until     {manifest.not_after:%Y-%m-%d %H:%M} UTC by its makers' date, which stops nothing")
    if manifest.notes is not None:
        lines.append(f"  notes     {untrusted(manifest.notes.url)}  sha256 {manifest.notes.sha256}")
    for platform, entry in manifest.platforms.items():
        lines += [f"  {untrusted(platform)}", *_platform_lines(entry)]
    changes = not isinstance(manifest.migration, NoMigration)
    lines.append(f"  migration {migration_hash(manifest.migration)}" if changes else "  migration")
    return lines + [f"    {line}" for line in describe(manifest.migration)]


def _platform_lines(entry: PlatformArtefacts) -> list[str]:
    lines = []
    for name, artefact in entry.binaries.items():
        lines += [f"    {untrusted(name)}  {artefact.size} bytes ({size(artefact.size)})", *_artefact_lines(artefact)]
    for name, image in entry.images.items():
        lines.append(f"    {untrusted(name)}  image {untrusted(image)}")
    return lines


def _artefact_lines(artefact: Artefact) -> list[str]:
    lines = [f"      sha256 {artefact.sha256}"]
    if artefact.archive is not None:
        archive = artefact.archive
        lines += [
            f"      {untrusted(archive.member)} in a {archive.packing} of {archive.size} bytes",
            f"      sha256 {archive.sha256}",
        ]
    return lines + ([f"      {untrusted(source)}" for source in artefact.sources] or ["      no source: build it"])
