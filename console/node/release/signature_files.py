"""Signature files beside what they sign: `manifest.json.alice.developer.sshsig`; a name proves nothing."""

from __future__ import annotations

from pathlib import Path

from console.errors import SignatureRefused
from console.node.release.roles import Role
from console.node.release.sshsig import MAX_FILE

SUFFIX = ".sshsig"
MAX_FILES = 1024
"""Signature files that are read beside one file; a keyring has 64 keys."""


def signature_path(signed: Path, name: str, role: Role) -> Path:
    """Where the signature of a file by somebody in a role is kept.

    Args:
        signed: A manifest or keyring.
        name: As a keyring has it: letters, digits, `_` and `-`.
        role: As whom.
    """
    return signed.with_name(f"{signed.name}.{name}.{role.value}{SUFFIX}")


def signatures_beside(signed: Path) -> dict[str, bytes]:
    """Every signature file of a manifest or keyring, by name; of one that is too long, enough to be refused for it.

    Raises:
        SignatureRefused: The folder or a file in it cannot be read, or holds more files than anybody could need.
    """
    found: dict[str, bytes] = {}
    try:
        for path in sorted(signed.parent.iterdir()):
            if not path.name.startswith(f"{signed.name}.") or path.suffix != SUFFIX or not path.is_file():
                continue
            if len(found) == MAX_FILES:
                raise SignatureRefused(f"more than {MAX_FILES} signature files are beside {signed}")
            with path.open("rb") as stream:
                found[path.name] = stream.read(MAX_FILE + 1)
    except OSError as error:
        raise SignatureRefused(
            f"{error.filename or signed.parent} cannot be read: {error.strerror or error}"
        ) from error
    return found
