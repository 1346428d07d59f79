"""Signing by the operator's own `ssh-keygen -Y sign`, which asks on the terminal itself.

So passphrases, agents and FIDO tokens are between the operator and OpenSSH: no secret passes here. What comes out is
read and checked as any other signature before it is written.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from console.errors import KeyRefused, SignatureRefused, SigningFailed
from console.files import write_durably
from console.node.release import sshsig
from console.node.release.keyring import Keyring, is_name
from console.node.release.public_key import MAX_TEXT, PublicKey, parse_public_key
from console.node.release.roles import Role
from console.node.release.signature_files import signature_path

PROGRAM = "ssh-keygen"
DEADLINE_S = 300.0
"""Seconds for somebody to find a token, type a PIN and touch it."""

_LEAVE_S = 5.0


@dataclass(frozen=True, slots=True)
class SignedFile:
    """A signature that was made, checked and written."""

    file: Path
    name: str
    """Of the signer."""
    signature: sshsig.Signature
    sha256: str
    """Of the bytes that were signed."""


def sign_as_listed(
    signed: Path, content: bytes, key: Path, role: Role, rings: Sequence[Keyring], *, deadline_s: float = DEADLINE_S
) -> SignedFile:
    """Sign for a role that a keyring gives; the signer's name is the keyring's. Blocking, and asks on the terminal.

    Args:
        signed: The manifest or keyring; its signature is written beside it.
        content: Its exact bytes, which the operator was shown.
        key: The private key, or the `.pub` of one that the agent or a token holds.
        role: As whom.
        rings: Where the key must have that role; for the role KEYRING the old and the new one.
        deadline_s: Seconds for all of it.

    Raises:
        SigningFailed: No keyring gives the key this role, or as `sign`.
    """
    known = public_key_of(key)
    # Before anybody types a passphrase for a signature that will not count.
    name = None if known is None else _listed_name(known, role, rings)
    armoured, signature = sign(content, key, role, name=signed.name, deadline_s=deadline_s)
    return _write(signed, content, name or _listed_name(signature.key, role, rings), armoured, signature)


def sign_as_named(
    signed: Path, content: bytes, key: Path, role: Role, name: str, *, deadline_s: float = DEADLINE_S
) -> SignedFile:
    """Sign under a name that no keyring gives, as an operator does who attests a build. Blocking, and asks.

    Args:
        signed: As `sign_as_listed`.
        content: As `sign_as_listed`.
        key: As `sign_as_listed`.
        role: As whom.
        name: Letters, digits, `_` and `-`; for the file's name only.
        deadline_s: Seconds for all of it.

    Raises:
        SigningFailed: It is no name, or as `sign`.
    """
    if not is_name(name):
        raise SigningFailed("a signer's name has up to 32 letters, digits, `_` and `-`", safe="nothing was signed")
    armoured, signature = sign(content, key, role, name=signed.name, deadline_s=deadline_s)
    return _write(signed, content, name, armoured, signature)


def sign(
    content: bytes, key: Path, role: Role, *, name: str = "release", deadline_s: float = DEADLINE_S
) -> tuple[bytes, sshsig.Signature]:
    """Have ssh-keygen sign, and check what it made. Blocking, and asks on the terminal.

    Args:
        content: What is signed.
        key: The private key, or the `.pub` of one that the agent or a token holds.
        role: As whom.
        name: How ssh-keygen calls what it signs when it speaks.
        deadline_s: Seconds for all of it.

    Returns:
        The signature file's bytes, and what they say.

    Raises:
        SigningFailed: There is no ssh-keygen or no such key, it refused or took too long, or what it made is not
            accepted by us (an RSA key, a token that was not touched).
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise SigningFailed(
            f"{PROGRAM} is not installed", safe="nothing was signed", next_step="install OpenSSH's client, 8.2 or later"
        )
    if not key.is_file():
        raise SigningFailed(f"there is no key file {key}", safe="nothing was signed")
    # A folder that only this user can enter: what is signed is what we were given, whatever happens to the file since.
    with tempfile.TemporaryDirectory(prefix="upgrade-console-") as folder:
        copy = Path(folder, Path(name).name)
        made = copy.with_name(f"{copy.name}.sig")
        try:
            copy.write_bytes(content)
            command = (program, "-Y", "sign", "-f", str(key.absolute()), "-n", role.namespace, str(copy))
            _ask(command, key, deadline_s)
            with made.open("rb") as stream:
                armoured = stream.read(sshsig.MAX_FILE + 1)
        except OSError as error:
            raise SigningFailed(
                f"{PROGRAM} could not be used: {error.strerror or error}", safe="nothing was signed"
            ) from error
    try:
        signature = sshsig.verify(armoured, content, role)
    except SignatureRefused as error:
        raise SigningFailed(
            f"{PROGRAM} made a signature that is not accepted: {error.what}",
            safe="it was thrown away",
            next_step="sign with an Ed25519 key or one in a token",
        ) from None
    expected = public_key_of(key)
    if expected is not None and expected != signature.key:
        raise SigningFailed(
            f"{PROGRAM} signed with {signature.key.fingerprint}, and {key} is {expected.fingerprint}",
            safe="the signature was thrown away",
        )
    return armoured, signature


def public_key_of(key: Path) -> PublicKey | None:
    """The public key beside a private one, or the `.pub` itself; None when there is none that can be read.

    Raises:
        SigningFailed: There is one, and it does not count.
    """
    path = key if key.suffix == ".pub" else key.with_name(f"{key.name}.pub")
    try:
        with path.open("rb") as stream:
            text = stream.read(MAX_TEXT + 1).decode("utf-8", "replace")
    except OSError:
        return None
    try:
        return parse_public_key(text)
    except KeyRefused as error:
        raise SigningFailed(f"{path}: {error.what}", safe="nothing was signed", next_step=error.next_step) from None


def _listed_name(key: PublicKey, role: Role, rings: Sequence[Keyring]) -> str:
    for ring in rings:
        holder = ring.find(key)
        if holder is not None and holder.may(role):
            return holder.name
    versions = " or ".join(str(ring.version) for ring in rings)
    raise SigningFailed(
        f"keyring {versions} lets {key.fingerprint} sign nothing as {role.value}", safe="nothing was written"
    )


def _write(signed: Path, content: bytes, name: str, armoured: bytes, signature: sshsig.Signature) -> SignedFile:
    path = signature_path(signed, name, signature.role)
    try:
        write_durably(path, armoured, 0o644)
    except OSError as error:
        raise SigningFailed(f"{path} cannot be written: {error.strerror or error}", safe="nothing was kept") from error
    return SignedFile(path, name, signature, hashlib.sha256(content).hexdigest())


def _ask(command: tuple[str, ...], key: Path, deadline_s: float) -> None:
    # Terminal and stderr are ssh-keygen's: it asks for passphrase, PIN and touch there. Our stdout may be JSON.
    process = subprocess.Popen(command, stdout=2)
    try:
        code = process.wait(deadline_s)
    except subprocess.TimeoutExpired:
        raise SigningFailed(
            f"{PROGRAM} made no signature within {deadline_s:.0f} s", safe="nothing was signed"
        ) from None
    finally:
        _end(process)
    if code != 0:
        raise SigningFailed(
            f"{PROGRAM} did not sign with {key} (exit code {code}); what it said is above", safe="nothing was signed"
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    # Asked to end, it gives the terminal its echo back; killed at once, it could not.
    process.terminate()
    try:
        process.wait(_LEAVE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
