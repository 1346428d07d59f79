"""`release sign`: a developer's, builder's or auditor's signature, by the operator's own ssh-keygen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from console.errors import InputError, TrustRefused
from console.files import sha256_of
from console.given_file import read_given
from console.node.migration import WasmMigration
from console.node.release.keyring import MAX_BYTES, Keyring, parse_keyring
from console.node.release.making import Place, parse_place
from console.node.release.manifest import MAX_MANIFEST_BYTES, Manifest, peek_manifest
from console.node.release.roles import Role
from console.node.release.signing import SignedFile, sign_as_listed
from console.node.release.trust import Trust
from console.text import untrusted


def signing_ring(trust_dir: Path | None, file: Path | None) -> Keyring:
    """The keyring that says who may sign: a file, or the pinned one.

    Args:
        trust_dir: Of the network; None when no network is named.
        file: A keyring's file; None takes the pinned one.

    Raises:
        InputError: There is neither.
        KeyringRefused, TrustRefused: It is not good.
    """
    if file is not None:
        return parse_keyring(read_given(file, MAX_BYTES))
    trusted = None if trust_dir is None else Trust(trust_dir).read()
    if trusted is None:
        raise InputError(
            "no keyring says who may sign",
            safe="nothing was signed",
            next_step="pin one with `release keyring pin`, or name a file with --keyring",
        )
    return trusted.keyring


def to_be_signed(file: Path) -> tuple[bytes, Manifest]:
    """A manifest's exact bytes, and what they say, for the signer to read before anything is signed.

    Raises:
        InputError: It cannot be read.
        ManifestRefused: Nobody could use it.
    """
    content = read_given(file, MAX_MANIFEST_BYTES)
    return content, peek_manifest(content)


def sign_release(
    file: Path,
    content: bytes,
    manifest: Manifest,
    key: Path,
    role: Role,
    ring: Keyring,
    builds: Mapping[Place, Path] | None = None,
) -> SignedFile:
    """Sign a manifest; the signature is written beside it. Blocking, and ssh-keygen asks on the terminal.

    Args:
        file: The manifest's file.
        content: Its exact bytes as they were shown.
        manifest: What they say.
        key: Private key, or the `.pub` of one in an agent or token.
        role: As whom.
        ring: The keyring that gives the key that role.
        builds: A builder's own build: what was built, by place.

    Raises:
        InputError: The release is not of this keyring, or a builder's build is other bytes.
        SigningFailed: ssh-keygen did not sign, or the key has not that role.
    """
    if manifest.project != ring.project or manifest.keyring != ring.version:
        raise InputError(
            f"the manifest is of {manifest.project} under keyring {manifest.keyring}, and this is keyring"
            f" {ring.version} of {ring.project}",
            safe="nothing was signed",
        )
    if role is Role.BUILDER:
        _check_builds(manifest, builds or {})
    if role is Role.AUDITOR and not isinstance(manifest.migration, WasmMigration):
        raise InputError("there is no WASM migration in this release to audit", safe="nothing was signed")
    return sign_as_listed(file, content, key, role, (ring,))


def sign_keyring(file: Path, key: Path, trust_dir: Path | None, old_file: Path | None) -> SignedFile:
    """Sign the keyring that follows the pinned one, as a developer of either.

    Raises:
        InputError, KeyringRefused, TrustRefused: A keyring is missing or not good.
        SigningFailed: ssh-keygen did not sign, or the key is no developer's in either.
    """
    content = read_given(file, MAX_BYTES)
    new = parse_keyring(content)
    rings = [new]
    try:
        rings.insert(0, signing_ring(trust_dir, old_file))
    except (InputError, TrustRefused):
        if old_file is not None or new.version > 1:
            raise
    return sign_as_listed(file, content, key, Role.KEYRING, rings)


def parse_builds(items: list[str]) -> dict[Place, Path]:
    """A builder's `PLATFORM:PROGRAM=FILE`. Raises InputError."""
    return {place: Path(value).expanduser() for place, value in map(parse_place, items)}


def signed_document(signed: SignedFile) -> dict[str, Any]:
    """For `--json`."""
    return {
        "file": str(signed.file),
        "name": signed.name,
        "role": signed.signature.role.value,
        "key": signed.signature.key.fingerprint,
        "sha256": signed.sha256,
    }


def _check_builds(manifest: Manifest, builds: Mapping[Place, Path]) -> None:
    if not builds:
        raise InputError(
            "a builder signs for bytes that they built",
            safe="nothing was signed",
            next_step="name your own build with --binary PLATFORM:PROGRAM=FILE",
        )
    for place, file in builds.items():
        entry = manifest.platforms.get(place.platform)
        artefact = None if entry is None else entry.binaries.get(place.program)
        if artefact is None:
            raise InputError(f"the manifest has no {untrusted(place)}", safe="nothing was signed")
        try:
            found = sha256_of(file)
        except OSError as error:
            raise InputError(f"cannot read {file}: {error.strerror or error}", safe="nothing was signed") from error
        if found != artefact.sha256:
            raise InputError(
                f"{file} has sha256 {found}, and {place} of the manifest {artefact.sha256}",
                safe="nothing was signed",
                next_step="the builds differ: find out why before anybody runs either",
            )
