"""SSHSIG, what `ssh-keygen -Y sign` writes, read strictly and checked here (OpenSSH's PROTOCOL.sshsig, PROTOCOL.u2f).

One file holds one signature, written in the one way in which ssh-keygen writes it: whatever else could be read
differently by somebody else is refused, always with `SignatureRefused`. Whether the key counts is not asked here
(`counting.py`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from console.errors import KeyRefused, SignatureRefused
from console.node.release.public_key import KeyKind, PublicKey, parse_blob
from console.node.release.roles import Role, role_of
from console.node.release.wire import NotWire, Reader, string
from console.text import untrusted

MAX_FILE = 8192
"""Bytes of a signature file that are read; ssh-keygen's are under 600."""

_MAGIC = b"SSHSIG"
_VERSION = 1
_BEGIN = b"-----BEGIN SSH SIGNATURE-----\n"
_END = b"-----END SSH SIGNATURE-----\n"
_COLUMNS = 70
_HASHES = frozenset({"sha256", "sha512"})

_ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_USER_PRESENT = 0x01
_USER_VERIFIED = 0x04


@dataclass(frozen=True, slots=True)
class TokenUse:
    """What a FIDO token says about how it was used; it is part of what is signed."""

    verified: bool
    """The token asked for a PIN or a finger, and not only for a touch."""
    counter: int
    """Signatures that the token has made, as far as it counts."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature file, read and well-formed; nothing of it was checked against any bytes yet."""

    key: PublicKey
    role: Role
    hash_name: str
    """`sha256` or `sha512`: how the message is hashed before it is signed."""
    raw: bytes
    """64 bytes: Ed25519's R and S, or P-256's r and s of 32 bytes each."""
    token: TokenUse | None
    """None for a key that is not in a token."""


def parse(content: bytes) -> Signature:
    """Read one signature file.

    Raises:
        SignatureRefused: It is not exactly one, in a form or of a kind that does not count.
    """
    reader = Reader(_unarmoured(content))
    try:
        if reader.exactly(len(_MAGIC)) != _MAGIC:
            raise SignatureRefused("the file is armoured as an SSH signature and holds something else")
        version = reader.number()
        if version != _VERSION:
            raise SignatureRefused(f"the signature is of version {version}, and only version {_VERSION} is known")
        key = parse_blob(reader.string())
        role = _role(reader.text())
        if reader.string():
            raise SignatureRefused("the signature says something in a field that is reserved")
        hash_name = reader.text()
        if hash_name not in _HASHES:
            raise SignatureRefused(f"the signature is of a {untrusted(hash_name, 40)!r} hash, not of sha256 or sha512")
        inner = reader.string()
        reader.end()
        raw, token = _inner(inner, key.kind)
    except NotWire as error:
        raise SignatureRefused(f"the signature is malformed: {error}") from None
    except KeyRefused as error:
        raise SignatureRefused(f"the signature's key does not count: {error.what}") from None
    return Signature(key, role, hash_name, raw, token)


def check(signature: Signature, message: bytes) -> None:
    """Check that the signature's key made it of exactly these bytes, for the signature's role.

    Raises:
        SignatureRefused: It did not.
    """
    # Only what checks a release pays for it: neither the console's start nor a controller at rest.
    from cryptography.exceptions import InvalidSignature

    signed = signed_bytes(message, signature.role, signature.hash_name)
    if signature.token is not None:
        signed = _token_bytes(signature.key, signature.token, signed)
    try:
        if signature.key.kind.edwards:
            _check_ed25519(signature, signed)
        else:
            _check_p256(signature, signed)
    except (InvalidSignature, ValueError):
        raise SignatureRefused(
            f"the signature of {signature.key.fingerprint} is not one of these bytes",
            next_step="compare the file with what was signed",
        ) from None


def verify(content: bytes, message: bytes, role: Role) -> Signature:
    """Read a signature file, and check that it is one of exactly these bytes in this role.

    Raises:
        SignatureRefused: It is not.
    """
    signature = parse(content)
    if signature.role is not role:
        raise SignatureRefused(f"the signature is made for {signature.role.namespace!r} and not for {role.namespace!r}")
    check(signature, message)
    return signature


def signed_bytes(message: bytes, role: Role, hash_name: str) -> bytes:
    """What a key signs: the role and the message's hash in one."""
    digest = hashlib.new(hash_name, message).digest()
    return _MAGIC + b"".join(map(string, (role.namespace.encode(), b"", hash_name.encode(), digest)))


def armoured(blob: bytes) -> bytes:
    """A signature file as ssh-keygen writes it."""
    encoded = base64.b64encode(blob)
    lines = b"".join(encoded[at : at + _COLUMNS] + b"\n" for at in range(0, len(encoded), _COLUMNS))
    return _BEGIN + lines + _END


def _unarmoured(content: bytes) -> bytes:
    if len(content) > MAX_FILE:
        raise SignatureRefused(f"a signature file has at most {MAX_FILE} bytes, this one has {len(content)}")
    if not content.startswith(_BEGIN) or not content.endswith(_END):
        raise SignatureRefused("the file is not one SSH signature as ssh-keygen writes it")
    try:
        blob = base64.b64decode(content[len(_BEGIN) : -len(_END)].replace(b"\n", b""), validate=True)
    except (binascii.Error, ValueError):
        raise SignatureRefused("the signature's base64 cannot be read") from None
    # Line breaks, padding and unused bits have one form: written again, the same bytes must come out.
    if armoured(blob) != content:
        raise SignatureRefused("the signature's armour is not exactly as ssh-keygen writes it")
    return blob


def _role(namespace: str) -> Role:
    role = role_of(namespace)
    if role is None:
        raise SignatureRefused(f"the signature was made for {untrusted(namespace, 80)!r}, which is nothing of ours")
    return role


def _inner(content: bytes, kind: KeyKind) -> tuple[bytes, TokenUse | None]:
    reader = Reader(content)
    name = reader.text()
    if name != kind.value:
        raise SignatureRefused(f"the signature is called {untrusted(name, 60)!r} and its key {kind.value!r}")
    body = reader.string()
    token = None
    if kind.in_token:
        flags = reader.byte()
        if not flags & _USER_PRESENT:
            raise SignatureRefused("the token made the signature without anybody touching it")
        if flags & ~(_USER_PRESENT | _USER_VERIFIED):
            raise SignatureRefused(f"the token's signature has flags that are not known (0x{flags:02x})")
        token = TokenUse(bool(flags & _USER_VERIFIED), reader.number())
    reader.end()
    return (_ed25519_raw(body) if kind.edwards else _p256_raw(body)), token


def _ed25519_raw(body: bytes) -> bytes:
    if len(body) != 64:
        raise SignatureRefused(f"an Ed25519 signature has 64 bytes, not {len(body)}")
    # S and S + L would both verify where this is not asked.
    if int.from_bytes(body[32:], "little") >= _ED25519_ORDER:
        raise SignatureRefused("the Ed25519 signature is not written in its one form")
    return body


def _p256_raw(body: bytes) -> bytes:
    reader = Reader(body)
    r, s = reader.positive(), reader.positive()
    reader.end()
    if r >= _P256_ORDER or s >= _P256_ORDER:
        raise SignatureRefused("the P-256 signature is out of its range")
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _token_bytes(key: PublicKey, token: TokenUse, signed: bytes) -> bytes:
    flags = _USER_PRESENT | (_USER_VERIFIED if token.verified else 0)
    application = hashlib.sha256(key.application.encode()).digest()
    return application + bytes([flags]) + token.counter.to_bytes(4, "big") + hashlib.sha256(signed).digest()


def _check_ed25519(signature: Signature, signed: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    Ed25519PublicKey.from_public_bytes(signature.key.point).verify(signature.raw, signed)


def _check_p256(signature: Signature, signed: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256

    r, s = int.from_bytes(signature.raw[:32], "big"), int.from_bytes(signature.raw[32:], "big")
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), signature.key.point)
    point.verify(encode_dss_signature(r, s), signed, ec.ECDSA(SHA256()))
