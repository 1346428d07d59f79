"""The same answers as OpenSSH and asyncssh, on good signatures and on broken ones."""

from __future__ import annotations

import random
from pathlib import Path

import asyncssh
import pytest

from console.errors import KeyRefused, SignatureRefused
from console.node.release.allowed_signers import allowed_signers
from console.node.release.counting import count
from console.node.release.keyring import RingKey, make_keyring
from console.node.release.public_key import KeyKind, parse_public_key
from console.node.release.roles import Role
from console.node.release.sshsig import armoured, verify
from tests.console.node.release.forge import Recipe, TestKey, ring, ring_key, token_key
from tests.console.node.release.openssh import keygen, needs_ssh_keygen, new_key, stock_verify, written_key

MESSAGE = b'{"name": "v2"}\n'
KINDS = [TestKey("alice"), TestKey("carol", KeyKind.ECDSA), token_key("dave"), token_key("erin", KeyKind.SK_ECDSA)]


@needs_ssh_keygen
@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_a_signature_of_ssh_keygen_verifies_here_in_its_role_alone(tmp_path: Path, kind: str) -> None:
    key = new_key(tmp_path, "id", kind)
    public = parse_public_key(key.with_name("id.pub").read_text())
    assert public.fingerprint.encode() in keygen("-l", "-f", str(key)).stdout
    for role in Role:
        for hash_name in ("sha256", "sha512"):
            done = keygen(
                *("-Y", "sign", "-f", str(key), "-n", role.namespace, "-O", f"hashalg={hash_name}"), stdin=MESSAGE
            )
            found = verify(done.stdout, MESSAGE, role)
            assert (found.key, found.hash_name) == (public, hash_name)
            others = [other for other in Role if other is not role]
            for other in others:
                with pytest.raises(SignatureRefused):
                    verify(done.stdout, MESSAGE, other)


@needs_ssh_keygen
@pytest.mark.parametrize("kind", ["rsa", "dsa"])
def test_weak_kinds_of_ssh_keygen_are_refused(tmp_path: Path, kind: str) -> None:
    made = keygen("-q", "-t", kind, "-N", "", "-f", str(tmp_path / "id"))
    if made.returncode:
        pytest.skip(f"this ssh-keygen makes no {kind} keys any more")
    with pytest.raises(KeyRefused, match="do not count"):
        parse_public_key((tmp_path / "id.pub").read_text())
    done = keygen("-Y", "sign", "-f", str(tmp_path / "id"), "-n", Role.DEVELOPER.namespace, stdin=MESSAGE)
    if done.returncode == 0:
        with pytest.raises(SignatureRefused, match="do not count"):
            verify(done.stdout, MESSAGE, Role.DEVELOPER)


@needs_ssh_keygen
@pytest.mark.parametrize("key", KINDS, ids=lambda key: key.kind.value)
def test_stock_openssh_accepts_what_we_accept(tmp_path: Path, key: TestKey) -> None:
    made = make_keyring(
        "demo", 1, {Role.DEVELOPER: 1}, [RingKey("holder", key.public, frozenset({Role.DEVELOPER, Role.BUILDER}))]
    )
    signers = allowed_signers(made)
    for role in (Role.DEVELOPER, Role.BUILDER, Role.KEYRING):
        file = Recipe(key, MESSAGE, role.namespace).file
        assert verify(file, MESSAGE, role).key == key.public
        assert stock_verify(tmp_path, signers, "holder", role, file, MESSAGE)
        assert not stock_verify(tmp_path, signers, "holder", role, file, MESSAGE + b" ")
    # A role that the keyring does not give is no namespace of the key's line.
    audit = Recipe(key, MESSAGE, Role.AUDITOR.namespace).file
    assert not stock_verify(tmp_path, signers, "holder", Role.AUDITOR, audit, MESSAGE)
    assert not count(MESSAGE, {"a": audit}, made, Role.AUDITOR, 1).signers


def broken(key: TestKey, count: int) -> list[bytes]:
    """Different edits of a good signature file."""
    chosen = random.Random(key.word)
    blob, file = Recipe(key, MESSAGE).blob, Recipe(key, MESSAGE).file
    found = []
    for _ in range(count):
        changed = bytearray(blob)
        changed[chosen.randrange(len(blob))] ^= 1 << chosen.randrange(8)
        at = chosen.randrange(len(blob))
        found += [
            armoured(bytes(changed)),
            armoured(blob[:at]),
            armoured(blob + chosen.randbytes(3)),
            file[: chosen.randrange(len(file))],
        ]
    return found


@needs_ssh_keygen
@pytest.mark.parametrize("key", KINDS, ids=lambda key: key.kind.value)
def test_stock_openssh_refuses_what_we_refuse(tmp_path: Path, key: TestKey) -> None:
    """No edit is accepted by either. (A P-256 s has a twin, but no single edit here finds it.)"""
    signers = f'holder namespaces="{Role.DEVELOPER.namespace}" {key.public.text}\n'
    for file in broken(key, 12):
        with pytest.raises(SignatureRefused):
            verify(file, MESSAGE, Role.DEVELOPER)
        # Cut behind its last line's dashes only the line break may be missing, which stock OpenSSH does not mind.
        if not file.endswith(b"-----END SSH SIGNATURE-----"):
            assert not stock_verify(tmp_path, signers, "holder", Role.DEVELOPER, file, MESSAGE)


def async_verify(key: TestKey, signature: bytes, message: bytes, role: Role) -> bool:
    signers = f'holder namespaces="{role.namespace}" {key.public.text}\n'
    try:
        return asyncssh.validate_sshsig(message, signature, "holder", signers.encode())
    except ValueError:
        return False


@pytest.mark.parametrize("key", KINDS, ids=lambda key: key.kind.value)
def test_asyncssh_accepts_what_we_accept_and_refuses_what_we_refuse(key: TestKey) -> None:
    for hash_name in ("sha256", "sha512"):
        recipe = Recipe(key, MESSAGE, hash_name=hash_name)
        assert verify(recipe.file, MESSAGE, Role.DEVELOPER).key == key.public
        assert async_verify(key, recipe.file, MESSAGE, Role.DEVELOPER)
        assert not async_verify(key, recipe.file, MESSAGE + b" ", Role.DEVELOPER)
    for file in broken(key, 100):
        with pytest.raises(SignatureRefused):
            verify(file, MESSAGE, Role.DEVELOPER)
        if not file.endswith(b"-----END SSH SIGNATURE-----"):
            assert not async_verify(key, file, MESSAGE, Role.DEVELOPER)


@needs_ssh_keygen
def test_ssh_keygen_makes_the_very_bytes_that_the_vectors_are_made_of(tmp_path: Path) -> None:
    alice = TestKey("alice")
    key = written_key(tmp_path, alice)
    done = keygen("-Y", "sign", "-f", str(key), "-n", Role.DEVELOPER.namespace, stdin=MESSAGE)
    assert done.stdout == Recipe(alice, MESSAGE).file


def test_allowed_signers_says_roles_and_sequences() -> None:
    made = ring(
        ring_key("alice", Role.DEVELOPER, Role.BUILDER),
        ring_key("bob"),
        ring_key("old", last=9),
        ring_key("ed", Role.AUDITOR, first=2, last=3),
        builder=1,
    )
    assert allowed_signers(made).splitlines() == [
        f"# keyring.1.json of demo, sha256 {made.sha256}",
        "# 2 of role developer are needed",
        "# 1 of role builder are needed",
        "# 0 of role auditor are needed",
        'alice namespaces="release@upgrade-console,build@upgrade-console,keyring@upgrade-console" '
        + TestKey("alice").public.text,
        f'bob namespaces="release@upgrade-console,keyring@upgrade-console" {TestKey("bob").public.text}',
        "# old signs releases from sequence 0 to 9",
        f'old namespaces="release@upgrade-console" {TestKey("old").public.text}',
        "# ed signs releases from sequence 2 to 3",
        f'ed namespaces="audit@upgrade-console" {TestKey("ed").public.text}',
    ]
