"""Keys from a word, and signatures of every kind made from them, right or wrong in one place at a time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from console.node.release.keyring import Keyring, RingKey, make_keyring
from console.node.release.public_key import KeyKind, PublicKey
from console.node.release.roles import Role
from console.node.release.sshsig import armoured
from console.node.release.wire import string


@dataclass(frozen=True, slots=True)
class TestKey:
    """A private key made of a word, so that everything that is signed with it is the same in every run."""

    __test__ = False

    word: str
    kind: KeyKind = KeyKind.ED25519
    application: str = ""

    @property
    def seed(self) -> bytes:
        return hashlib.sha256(f"upgrade-console test key {self.word}".encode()).digest()

    @property
    def edwards(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    @property
    def p256(self) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(int.from_bytes(self.seed, "big") >> 1, ec.SECP256R1())

    @property
    def public(self) -> PublicKey:
        if self.kind.edwards:
            point = self.edwards.public_key().public_bytes_raw()
        else:
            point = self.p256.public_key().public_bytes(
                serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
            )
        return PublicKey(self.kind, point, self.application)

    @property
    def private_text(self) -> bytes:
        """As ssh-keygen keeps it."""
        key = self.edwards if self.kind.edwards else self.p256
        return key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )

    def sign(self, message: bytes) -> bytes:
        """The body of a signature, as the wire has it for this kind."""
        if self.kind.edwards:
            return self.edwards.sign(message)
        r, s = decode_dss_signature(self.p256.sign(message, ec.ECDSA(SHA256(), deterministic_signing=True)))
        return string(_mpint(r)) + string(_mpint(s))


def token_key(word: str, kind: KeyKind = KeyKind.SK_ED25519, application: str = "ssh:") -> TestKey:
    """A key that plays one in a FIDO token."""
    return TestKey(word, kind, application)


def token_message(application: str, flags: int, counter: int, message: bytes) -> bytes:
    """What a token signs when it is asked to sign a message."""
    digests = [hashlib.sha256(content).digest() for content in (application.encode(), message)]
    return digests[0] + bytes([flags]) + counter.to_bytes(4, "big") + digests[1]


@dataclass(frozen=True, slots=True)
class Recipe:
    """A signature file, field by field; change one with `replace`, and it is wrong there alone."""

    key: TestKey
    message: bytes
    namespace: str = Role.DEVELOPER.namespace
    hash_name: str = "sha512"
    magic: bytes = b"SSHSIG"
    version: int = 1
    public_blob: bytes | None = None
    reserved: bytes = b""
    kind_name: str | None = None
    body: bytes | None = None
    flags: int = 0x01
    counter: int = 7
    after_body: bytes = b""
    after_all: bytes = b""

    def but(self, **changed: object) -> Recipe:
        return replace(self, **changed)  # type: ignore[arg-type]

    @property
    def signed(self) -> bytes:
        """What the key signs, token or not."""
        digest = hashlib.new(self.hash_name, self.message).digest()
        parts = (self.namespace.encode(), self.reserved, self.hash_name.encode(), digest)
        whole = b"SSHSIG" + b"".join(map(string, parts))
        if not self.key.kind.in_token:
            return whole
        return token_message(self.key.application, self.flags, self.counter, whole)

    @property
    def inner(self) -> bytes:
        body = self.key.sign(self.signed) if self.body is None else self.body
        kind = self.key.kind.value if self.kind_name is None else self.kind_name
        used = bytes([self.flags]) + self.counter.to_bytes(4, "big") if self.key.kind.in_token else b""
        return string(kind.encode()) + string(body) + used + self.after_body

    @property
    def blob(self) -> bytes:
        public = self.key.public.blob if self.public_blob is None else self.public_blob
        parts = (public, self.namespace.encode(), self.reserved, self.hash_name.encode(), self.inner)
        return self.magic + self.version.to_bytes(4, "big") + b"".join(map(string, parts)) + self.after_all

    @property
    def file(self) -> bytes:
        return armoured(self.blob)


def signed(word: str, message: bytes, role: Role = Role.DEVELOPER) -> bytes:
    """A good signature file of the key of a word."""
    return Recipe(TestKey(word), message, role.namespace).file


def ring_key(word: str, *roles: Role, first: int = 0, last: int | None = None) -> RingKey:
    """An entry called as its word."""
    return RingKey(word, TestKey(word).public, frozenset(roles or {Role.DEVELOPER}), first, last)


def ring(*keys: RingKey, version: int = 1, developer: int = 2, builder: int = 0, auditor: int = 0) -> Keyring:
    """A keyring of project `demo`."""
    thresholds = {Role.DEVELOPER: developer, Role.BUILDER: builder, Role.AUDITOR: auditor}
    return make_keyring("demo", version, thresholds, keys)


def _mpint(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big")
