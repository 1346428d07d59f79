"""Fresh keys for a node that must not be the validator: made here, in CometBFT's own file shapes (facts/ipc.md §5)."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SECP256K1 = "secp256k1"
ED25519 = "ed25519"

FRESH_SIGNER_STATE = {"height": "0", "round": 0, "step": 0}
"""`priv_validator_state.json` of a key that never signed (facts/cosmos.md §6)."""

_NAMES = {SECP256K1: "Secp256k1", ED25519: "Ed25519"}
_MAX_KEY_FILE = 64 * 1024
_SHORTEST = 16
"""Bytes below which a value is no key, and may turn up by chance."""
_LONGEST_RAW = 128
"""Bytes up to which a file may be nothing but a key."""
_WORD = re.compile(rb"[A-Za-z0-9+/_=-]{22,}")


@dataclass(frozen=True, slots=True)
class FreshKey:
    """A key pair that was made a moment ago."""

    kind: str
    """`secp256k1` or `ed25519`."""
    secret: bytes = field(repr=False)
    """32 bytes."""
    public: bytes
    """33 bytes compressed for secp256k1, 32 for ed25519."""

    @property
    def address(self) -> str:
        """CometBFT's address: 40 upper-case hex digits."""
        hashed = hashlib.sha256(self.public).digest()
        if self.kind == ED25519:
            return hashed[:20].hex().upper()
        # OpenSSL 3 ships RIPEMD-160 switched off, so hashlib cannot be relied on.
        from Crypto.Hash import RIPEMD160

        return RIPEMD160.new(hashed).hexdigest().upper()

    @property
    def peer_id(self) -> str:
        """What peers know a node with this Ed25519 key by: 40 hex digits."""
        return hashlib.sha256(self.public).hexdigest()[:40]

    def validator_file(self) -> dict[str, object]:
        """The content of `priv_validator_key.json`."""
        name = _NAMES[self.kind]
        return {
            "address": self.address,
            "pub_key": {"type": f"tendermint/PubKey{name}", "value": _base64(self.public)},
            "priv_key": {"type": f"tendermint/PrivKey{name}", "value": _base64(self._stored())},
        }

    def node_file(self) -> dict[str, object]:
        """The content of `node_key.json`: the key of the peer connections."""
        return {"priv_key": {"type": f"tendermint/PrivKey{_NAMES[self.kind]}", "value": _base64(self._stored())}}

    def _stored(self) -> bytes:
        # Go's Ed25519 private key is the seed and the public key.
        return self.secret + self.public if self.kind == ED25519 else self.secret


def fresh_key(kind: str) -> FreshKey:
    """Make a key from the system's randomness."""
    if kind == SECP256K1:
        from coincurve import PrivateKey

        key = PrivateKey()
        return FreshKey(kind, bytes(key.secret), bytes(key.public_key.format(compressed=True)))
    return _ed25519(os.urandom(32))


def _ed25519(seed: bytes) -> FreshKey:
    from Crypto.PublicKey import ECC

    construct: Any = ECC.construct  # its stub knows no bytes for `seed`
    return FreshKey(ED25519, seed, construct(curve="Ed25519", seed=seed).public_key().export_key(format="raw"))


def key_kind(path: Path) -> str | None:
    """Kind of the key in a `priv_validator_key.json`, None when there is none or it is of a kind not known here.

    Raises:
        OSError: It cannot be read.
        ValueError: It is not such a file.
    """
    if not path.exists():
        return None
    document = json.loads(_read(path))
    kind = document["priv_key"]["type"] if isinstance(document, dict) else ""
    return next((known for known, name in _NAMES.items() if kind == f"tendermint/PrivKey{name}"), None)


def public_key(path: Path) -> bytes | None:
    """Public half of a `priv_validator_key.json`; None when there is none. Raises OSError, ValueError."""
    document = json.loads(_read(path)) if path.exists() else {}
    public = document.get("pub_key") if isinstance(document, dict) else None
    value = public.get("value") if isinstance(public, dict) else None
    return base64.b64decode(value) if isinstance(value, str) else None


def node_id(path: Path) -> str | None:
    """Id of the peer whose `node_key.json` this is: 40 hex digits; None when it cannot be told."""
    try:
        document = json.loads(_read(path))
        raw = base64.b64decode(document["priv_key"]["value"], validate=True)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return hashlib.sha256(raw[32:]).hexdigest()[:40] if len(raw) == 64 else None


def secrets_in(files: Iterable[Path]) -> frozenset[bytes]:
    """Every form of every secret in key files that must not turn up elsewhere: raw, base64 and hex.

    A file of a shape that is not known is taken as a secret in each of its long words. Public halves are left out:
    they stand in the genesis file of every node.

    Raises:
        OSError: A file cannot be read.
    """
    found: set[bytes] = set()
    for path in files:
        content = _read(path)
        document = _json(content)
        private = document.get("priv_key") if isinstance(document, dict) else None
        if isinstance(private, dict) and isinstance(private.get("value"), str):
            words = [private["value"].encode()]
        else:
            words = _WORD.findall(content)
            if len(content) <= _LONGEST_RAW:
                found.update(_forms(content))
        for word in words:
            for raw in _decoded(word):
                # The second half of a Go Ed25519 key is its public key.
                found.update(_forms(raw[:32] if len(raw) == 64 else raw))
    return frozenset(form for form in found if len(form) >= _SHORTEST)


def _decoded(word: bytes) -> list[bytes]:
    decoded = [word]
    text = word.decode()
    try:
        decoded.append(bytes.fromhex(text.removeprefix("0x")))
    except ValueError:
        pass
    try:
        decoded.append(base64.b64decode(text, altchars=b"-_" if set(text) & set("-_") else None, validate=True))
    except ValueError:
        pass
    return decoded


def _forms(raw: bytes) -> set[bytes]:
    # Base64 without its last characters: those depend on what follows.
    encoded = base64.b64encode(raw).rstrip(b"=")
    forms = {raw, raw.hex().encode(), raw.hex().upper().encode()}
    return forms | {encoded[: len(raw) // 3 * 4], encoded[: len(raw) // 3 * 4].replace(b"+", b"-").replace(b"/", b"_")}


def _json(content: bytes) -> object:
    try:
        return json.loads(content)
    except ValueError:
        return None


def _read(path: Path) -> bytes:
    with path.open("rb") as stream:
        content = stream.read(_MAX_KEY_FILE + 1)
    if len(content) > _MAX_KEY_FILE:
        raise OSError(f"{path} is too large for a key")
    return content


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
