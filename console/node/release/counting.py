"""How many of those who should have signed exactly these bytes: distinct keys, each once (facts/safety.md §1).

This is where others fail: one key under two names, junk that spoils its good neighbours, a signature that was made for
something else. So every file is judged by itself, keys are known by their bytes, and what was not counted is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from console.errors import SignatureRefused
from console.node.release import sshsig
from console.node.release.keyring import Keyring, RingKey
from console.node.release.roles import Role
from console.text import UntrustedText, untrusted


@dataclass(frozen=True, slots=True)
class Signer:
    """One key that signed, and counts."""

    name: str
    """As the keyring has it."""
    fingerprint: str
    """`SHA256:…`."""
    file: UntrustedText
    """Where its signature was."""
    token: sshsig.TokenUse | None
    """How the FIDO token was used; None for a key that is in none."""


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """A file that does not count, and why."""

    file: UntrustedText
    why: str
    """One sentence without its full stop."""
    made_for: Role | None = None
    """The role it was made for, when it is well-formed and only of another one than was asked for."""


@dataclass(frozen=True, slots=True)
class Count:
    """Who signed in one role."""

    role: Role
    needed: int
    """Distinct keys; 0: the role is not asked for."""
    signers: tuple[Signer, ...]
    """Distinct keys, by file name."""
    refused: tuple[RefusedFile, ...]
    """By file name."""

    @property
    def reached(self) -> bool:
        """Whether enough have signed."""
        return len(self.signers) >= self.needed

    def __str__(self) -> str:
        names = ", ".join(signer.name for signer in self.signers) or "nobody"
        return f"{self.role.value}: {len(self.signers)} of {self.needed} signed ({names})"


def count(
    message: bytes, files: Mapping[str, bytes], keyring: Keyring, role: Role, sequence: int | None = None
) -> Count:
    """Count the distinct keys of a keyring that signed exactly these bytes in a role. Refuses files, never raises.

    Args:
        message: A manifest's or keyring's exact bytes.
        files: Signature files by name; the name says nothing about who signed.
        keyring: Whose signatures count, and how many are needed.
        role: One of those that a keyring gives, or KEYRING.
        sequence: The release's, which a key must cover; None where there is none (a keyring).
    """
    signers: dict[bytes, Signer] = {}
    refused: list[RefusedFile] = []
    for name, content in sorted(files.items()):
        shown = untrusted(name)
        try:
            signature = sshsig.parse(content)
            if signature.role is not role:
                why = f"it is made for {signature.role.namespace!r} and not for {role.namespace!r}"
                refused.append(RefusedFile(shown, why, signature.role))
                continue
            holder = _holder(signature, keyring, sequence)
            sshsig.check(signature, message)
            if earlier := signers.get(signature.key.point):
                raise SignatureRefused(f"{holder.name} has signed already, in {earlier.file}, and counts once")
        except SignatureRefused as error:
            refused.append(RefusedFile(shown, error.what))
        else:
            signers[signature.key.point] = Signer(holder.name, signature.key.fingerprint, shown, signature.token)
    return Count(role, keyring.threshold(role), tuple(signers.values()), tuple(refused))


def _holder(signature: sshsig.Signature, keyring: Keyring, sequence: int | None) -> RingKey:
    holder = keyring.find(signature.key)
    if holder is None:
        raise SignatureRefused(f"the key {signature.key.fingerprint} is not in keyring {keyring.version}")
    if not holder.may(signature.role):
        if signature.role is Role.KEYRING and Role.DEVELOPER in holder.roles:
            raise SignatureRefused(
                f"the key of {holder.name} ends with sequence {holder.valid_to_sequence}, and signs no keyring any more"
            )
        needed = Role.DEVELOPER if signature.role is Role.KEYRING else signature.role
        raise SignatureRefused(f"{holder.name} is no {needed.value} in keyring {keyring.version}")
    if sequence is not None and not holder.covers(sequence):
        end = "on" if holder.valid_to_sequence is None else f"to {holder.valid_to_sequence}"
        raise SignatureRefused(
            f"the key of {holder.name} counts from sequence {holder.valid_from_sequence} {end}, and this is {sequence}"
        )
    return holder
