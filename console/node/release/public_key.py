"""OpenSSH public keys, read strictly: which kinds count, and which points prove anything (facts/safety.md §1).

Refused beside what is malformed: RSA and DSA, points off their curve, and Ed25519 keys of small order, for which
anybody can make a signature of anything.
"""

from __future__ import annotations

import base64
import binascii
import enum
import functools
import hashlib
from dataclasses import dataclass

from console.errors import KeyRefused
from console.node.release.wire import NotWire, Reader, string
from console.text import untrusted

MAX_TEXT = 4096
"""Characters of a public key's line; ssh-keygen's are under 300 and a comment."""

_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_SIGN_BIT = 1 << 255
_ORDER_8_Y = 2707385501144840649318225287225658788936804267575313519463743609750303402022
_SMALL_ORDER_Y = frozenset({0, 1, _P - 1, _ORDER_8_Y, _P - _ORDER_8_Y})
"""The y of the eight points whose order divides 8; both signs of x are meant."""

_P256 = 2**256 - 2**224 + 2**192 + 2**96 - 1
_P256_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_P256_CURVE = b"nistp256"
_MAX_APPLICATION = 255


class KeyKind(enum.Enum):
    """The kinds that count, as OpenSSH names them; those that begin with `sk-` live in a FIDO token."""

    ED25519 = "ssh-ed25519"
    SK_ED25519 = "sk-ssh-ed25519@openssh.com"
    ECDSA = "ecdsa-sha2-nistp256"
    SK_ECDSA = "sk-ecdsa-sha2-nistp256@openssh.com"

    @property
    def in_token(self) -> bool:
        """Whether signatures carry a token's flags and counter."""
        return self in (KeyKind.SK_ED25519, KeyKind.SK_ECDSA)

    @property
    def edwards(self) -> bool:
        """Whether the point is Ed25519's, else P-256's."""
        return self in (KeyKind.ED25519, KeyKind.SK_ED25519)


_KINDS = {kind.value: kind for kind in KeyKind}


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that was read and found good; two are equal when they are the same key, whatever they are called."""

    kind: KeyKind
    point: bytes
    """The raw key: 32 bytes of Ed25519, or 65 bytes of P-256 (uncompressed)."""
    application: str = ""
    """What the token's key is for (`ssh:`); empty for other kinds."""

    @property
    def blob(self) -> bytes:
        """As OpenSSH writes it on the wire."""
        parts = [self.kind.value.encode()]
        if not self.kind.edwards:
            parts.append(_P256_CURVE)
        parts.append(self.point)
        if self.kind.in_token:
            parts.append(self.application.encode())
        return b"".join(map(string, parts))

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` prints it: `SHA256:` and 43 characters."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")

    @property
    def text(self) -> str:
        """`ssh-ed25519 AAAA…`, without a comment."""
        return f"{self.kind.value} {base64.b64encode(self.blob).decode()}"


def parse_public_key(text: str) -> PublicKey:
    """Read a key as it stands in a `.pub` file: kind, base64, and perhaps a comment, which is dropped.

    Raises:
        KeyRefused: It is none, of a kind that does not count, or proves nothing.
    """
    line = text.removesuffix("\n")
    if len(line) > MAX_TEXT or "\n" in line or "\r" in line:
        raise KeyRefused("a public key is one line, and this is more")
    words = line.split(" ", 2)
    if len(words) < 2:
        raise KeyRefused(f"{untrusted(line, 60)!r} is no public key: a kind and its base64 are wanted")
    kind, encoded = words[:2]
    if kind not in _KINDS:
        raise _kind_refused(kind)
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        blob = b""
    if not blob or base64.b64encode(blob).decode() != encoded:
        raise KeyRefused("the public key's base64 is not as ssh-keygen writes it")
    key = parse_blob(blob)
    if key.kind.value != kind:
        raise KeyRefused(f"the public key is called {kind} and is {key.kind.value}")
    return key


# Every signature brings its key again, and the keyring's were all checked when it was read.
@functools.lru_cache(maxsize=256)
def parse_blob(blob: bytes) -> PublicKey:
    """Read a key as it stands on the wire.

    Raises:
        KeyRefused: As `parse_public_key`.
    """
    reader = Reader(blob)
    try:
        name = reader.text()
        kind = _KINDS.get(name)
        if kind is None:
            raise _kind_refused(name)
        if not kind.edwards and reader.string() != _P256_CURVE:
            raise KeyRefused(f"the public key is called {kind.value} and is on another curve")
        point = reader.string()
        application = reader.text() if kind.in_token else ""
        reader.end()
    except NotWire as error:
        raise KeyRefused(f"the public key is malformed: {error}") from None
    if kind.edwards:
        _check_edwards(point)
    else:
        _check_p256(point)
    if kind.in_token and not 0 < len(application) <= _MAX_APPLICATION:
        raise KeyRefused("the token's key does not say what it is for")
    return PublicKey(kind, point, application)


def _check_edwards(point: bytes) -> None:
    if len(point) != 32:
        raise KeyRefused(f"an Ed25519 key has 32 bytes, not {len(point)}")
    # The top bit is the sign of x; what it says does not make a weak y strong.
    y = int.from_bytes(point, "little") & ~_SIGN_BIT
    if y >= _P:
        raise KeyRefused("the Ed25519 key is not written in its one form")
    if y in _SMALL_ORDER_Y:
        raise KeyRefused("the Ed25519 key has small order: anybody can sign for it")
    # x² = (y² - 1) / (d·y² + 1) must have a root, and has one just when the product of both has: they differ by the
    # square of the denominator, which is never zero, since -1/d has no root. The numerator is not: y is not ±1.
    if pow((y * y - 1) * (_D * y * y + 1), (_P - 1) // 2, _P) != 1:
        raise KeyRefused("the Ed25519 key is not on its curve")


def _check_p256(point: bytes) -> None:
    if len(point) != 65 or point[0] != 4:
        raise KeyRefused("a P-256 key is an uncompressed point of 65 bytes")
    x, y = int.from_bytes(point[1:33], "big"), int.from_bytes(point[33:], "big")
    if x >= _P256 or y >= _P256 or (y * y - (x * x * x - 3 * x + _P256_B)) % _P256 != 0:
        raise KeyRefused("the P-256 key is not on its curve")


def _kind_refused(name: str) -> KeyRefused:
    return KeyRefused(
        f"keys of kind {untrusted(name, 60)!r} do not count",
        next_step=f"take one of {', '.join(_KINDS)}",
    )
