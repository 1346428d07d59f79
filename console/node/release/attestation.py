"""An operator's word for a build of their own: which bytes stand for which release, why, and signed where asked for.

    {"format": 1, "release": "<sha256 of the manifest>", "chain": "…", "by": "…", "reason": "…",
     "binaries": {"fendermint": {"sha256": "…", "size": N}, …}}

It is kept beside what the machine trusts, `attestations/<sha256 of the manifest>.json`, with the signature beside it.
The controller runs such a build only where the network's settings allow own builds (DESIGN §4.2).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from console.errors import ManifestRefused, SignatureRefused
from console.files import sha256_of, sync_folder, write_durably
from console.node.release import sshsig
from console.node.release.grammar import Field, Record, Table, Text, Whole, WrongShape
from console.node.release.manifest_grammar import BINARY_NAME, CHAIN, HASH, MAX_ARTEFACT_BYTES
from console.node.release.public_key import PublicKey
from console.node.release.roles import Role
from console.strict_json import NotStrictJson, loads

FOLDER = "attestations"
MAX_BYTES = 64 << 10

_LINE = Text(r"[^\x00-\x1f\x7f]+", "one line of text", 500, str.isprintable)
_BINARY = Record(
    (
        Field("sha256", HASH, "Of the binary."),
        Field("size", Whole(1, MAX_ARTEFACT_BYTES), "Of the binary, in bytes."),
    )
)
_ATTESTATION = Record(
    (
        Field("format", Whole(1, 1), "Of this file."),
        Field("release", HASH, "Sha256 of the manifest for which the build stands."),
        Field("chain", CHAIN, "The chain id."),
        Field("by", _LINE, "Who says it."),
        Field("reason", _LINE, "Why the own build and not the makers' one."),
        Field("binaries", Table(BINARY_NAME, _BINARY, 16), "The build, by program."),
    )
)


@dataclass(frozen=True, slots=True)
class OwnBinary:
    """One program of an own build."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Attestation:
    """What an operator said."""

    release: str
    """Sha256 of the manifest."""
    chain: str
    by: str
    reason: str
    binaries: Mapping[str, OwnBinary]
    content: bytes = field(repr=False, compare=False)
    """The exact bytes, which are signed."""


def make_attestation(release: str, chain: str, by: str, reason: str, binaries: Mapping[str, Path]) -> Attestation:
    """An attestation of files.

    Args:
        release: Sha256 of the manifest.
        chain: Chain id.
        by: Who says it.
        reason: Why.
        binaries: The build's files by program.

    Raises:
        ManifestRefused: A text is empty or not one line.
        OSError: A file cannot be read.
    """
    document = {
        "format": 1,
        "release": release,
        "chain": chain,
        "by": by,
        "reason": reason,
        "binaries": {name: {"sha256": sha256_of(path), "size": path.stat().st_size} for name, path in binaries.items()},
    }
    return parse_attestation(json.dumps(document, indent=2).encode() + b"\n")


def parse_attestation(content: bytes) -> Attestation:
    """Read one.

    Raises:
        ManifestRefused: It is none.
    """
    if len(content) > MAX_BYTES:
        raise ManifestRefused(f"the attestation is larger than {MAX_BYTES} bytes")
    try:
        fields = _ATTESTATION.read(loads(content, max_depth=8), "")
    except NotStrictJson as error:
        raise ManifestRefused(f"the attestation is {error}") from error
    except WrongShape as error:
        raise ManifestRefused(f"the attestation{error}") from error
    del fields["format"]
    fields["binaries"] = {name: OwnBinary(**each) for name, each in fields["binaries"].items()}
    return Attestation(content=content, **fields)


def attestation_path(trust_dir: Path, release: str) -> Path:
    """Where the attestation for a release is kept."""
    return trust_dir / FOLDER / f"{release}.json"


def keep_attestation(trust_dir: Path, attestation: Attestation) -> Path:
    """Write an attestation, replacing an older one for the same release. Raises OSError."""
    path = attestation_path(trust_dir, attestation.release)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    sync_folder(path.parent.parent)
    write_durably(path, attestation.content)
    return path


def kept_attestation(trust_dir: Path, release: str) -> tuple[Attestation, bytes] | None:
    """The attestation for a release and its signature's bytes, empty where there is none; None when nobody made one.

    Raises:
        ManifestRefused: It is damaged, or of another release.
        OSError: It cannot be read.
    """
    path = attestation_path(trust_dir, release)
    try:
        with path.open("rb") as stream:
            found = parse_attestation(stream.read(MAX_BYTES + 1))
    except FileNotFoundError:
        return None
    if found.release != release:
        raise ManifestRefused(f"{path} is about another release")
    try:
        with signature_of(path).open("rb") as stream:
            return found, stream.read(sshsig.MAX_FILE + 1)
    except FileNotFoundError:
        return found, b""


def signature_of(attestation: Path) -> Path:
    """Where the signature of an attestation is."""
    return attestation.with_name(f"{attestation.name}.sshsig")


def check_signature(attestation: Attestation, signature: bytes, keys: Iterable[PublicKey]) -> str:
    """The fingerprint of the operator's key that signed an attestation.

    Raises:
        SignatureRefused: None of the keys did.
    """
    if not signature:
        raise SignatureRefused("the attestation is not signed, and the settings name keys of which one must sign it")
    found = sshsig.verify(signature, attestation.content, Role.ATTESTER)
    if found.key not in tuple(keys):
        raise SignatureRefused(f"the attestation is signed by {found.key.fingerprint}, which the settings do not name")
    return found.key.fingerprint
