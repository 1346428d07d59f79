"""`release attest`: an operator who builds from source says which of their bytes stand for a release, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.errors import InputError
from console.files import write_durably
from console.node.release.attestation import (
    Attestation,
    attestation_path,
    keep_attestation,
    make_attestation,
    signature_of,
)
from console.node.release.roles import Role
from console.node.release.signing import sign
from console.node.release.verification import Verification
from console.settings import NetworkSettings
from console.this_user import this_user


@dataclass(frozen=True, slots=True)
class Attested:
    """An attestation that is kept."""

    attestation: Attestation
    path: Path
    key: str
    """Fingerprint of the key that signed it; empty when none did."""
    note: str
    """What still keeps the build from running; empty when nothing does."""


def attest(
    network: NetworkSettings, release: Verification, reason: str, binaries: Mapping[str, Path], key: Path | None
) -> Attested:
    """Attest a build for a release that may be staged. Blocking; with a key ssh-keygen asks on the terminal.

    Args:
        network: The network.
        release: The release as it was verified just now: an own build stands for a trusted release only.
        reason: Why, typed by the operator.
        binaries: The build's files by program.
        key: What signs it: a private key, or the `.pub` of one in an agent or token; None for no signature.

    Raises:
        ReleaseError: The release may not be staged.
        InputError: There is no reason, no build, or a file cannot be read or written.
        SigningFailed: ssh-keygen did not sign.
    """
    release.raise_on_failure()
    if not reason.strip():
        raise InputError("say why with --reason: it is kept with the attestation", safe="nothing was attested")
    if not binaries:
        raise InputError("name your build with --binary PROGRAM=FILE", safe="nothing was attested")
    for path in binaries.values():
        if not path.is_file():
            raise InputError(f"there is no file {path}", safe="nothing was attested")
    trust_dir = network.demands.trust_dir
    try:
        made = make_attestation(release.sha256, network.chain_id, this_user(), reason.strip(), binaries)
        fingerprint = ""
        kept = attestation_path(trust_dir, made.release)
        if key is not None:
            # Signed before it is kept: a prompt that is left leaves nothing behind.
            armoured, signature = sign(made.content, key, Role.ATTESTER, name=kept.name)
            fingerprint = signature.key.fingerprint
        path = keep_attestation(trust_dir, made)
        if key is not None:
            write_durably(signature_of(path), armoured)
        else:
            signature_of(path).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot keep the attestation: {error.strerror or error}") from error
    return Attested(made, path, fingerprint, _note(network, fingerprint))


def attested_document(attested: Attested) -> dict[str, Any]:
    """For `--json`."""
    found = attested.attestation
    return {
        "file": str(attested.path),
        "release": found.release,
        "by": found.by,
        "reason": found.reason,
        "binaries": {name: {"sha256": each.sha256, "size": each.size} for name, each in found.binaries.items()},
        "key": attested.key,
        "note": attested.note,
    }


def _note(network: NetworkSettings, fingerprint: str) -> str:
    demands = network.demands
    if not demands.own_builds:
        return "the settings do not allow own builds: set own_builds = true in [networks.NAME.releases]"
    if demands.attest_keys and not fingerprint:
        return "the settings name attest_keys, and one of them must sign: add --key"
    return ""
