"""Addresses in every form that an operator meets, and the keys behind them (facts/ipc.md §3.4–3.5).

`parse_address` is what every field and option that takes an address calls. The spellings themselves, which the
settings need too, are in `console.addresses`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from console import strict_json
from console.addresses import (
    EAM_NAMESPACE,
    ZERO_ADDRESS,
    SubnetId,
    actor_id,
    checked_address,
    checksummed,
    ethereum_to_f410,
    f0_to_ethereum,
    f410_to_ethereum,
    keccak,
    parse_subnet_id,
    read_address,
)
from console.errors import InputError

__all__ = [
    "EAM_NAMESPACE",
    "ZERO_ADDRESS",
    "AddressForms",
    "SubnetId",
    "actor_id",
    "address_forms",
    "checked_address",
    "checksummed",
    "consensus_address",
    "ed25519_consensus_address",
    "ethereum_address",
    "ethereum_to_f410",
    "f0_to_ethereum",
    "f410_to_ethereum",
    "keccak",
    "parse_address",
    "parse_subnet_id",
    "system_owned",
]

_HEX_KEY = re.compile(r"(?:0x)?((?:0[23][0-9a-fA-F]{64})|(?:04[0-9a-fA-F]{128}))", re.ASCII)
_BASE64 = re.compile(r"[A-Za-z0-9+/]{43,88}={0,2}", re.ASCII)
_SECRET_SIZE = re.compile(r"(?:0x)?[0-9a-fA-F]{64}", re.ASCII)
_MOST_TEXT = 400
_MAY_BE_SECRET = "32 bytes are an ed25519 key, which has no Ethereum address, or a private key"


@dataclass(frozen=True, slots=True)
class AddressForms:
    """One address in all its forms; what does not follow from what was given is empty."""

    ethereum: str
    """Checksummed."""
    f410: str
    """As Filecoin's mainnet writes it: `f410f…`, or `f0…` for an actor's id."""
    t410: str
    """The same as test networks write it."""
    actor_id: int | None
    """The id of a built-in actor or one without an Ethereum address of its own; None for all others."""
    subnet: str = ""
    """The subnet whose actor this is, where a subnet id was given; its addresses with the given letter."""
    network_name: str = ""
    """The name that IPC's scripts give its folders and containers: the subnet id with dashes."""
    public_key: str = ""
    """Of a key: its 33 compressed bytes in hex digits."""
    public_key_base64: str = ""
    """The same as CometBFT and `validator.pk` write it."""
    consensus: str = ""
    """Of a key: CometBFT's address, 40 upper-case hex digits."""


def parse_address(text: str, *, prefix: str | None = None) -> str:
    """Read an address in any form that has one meaning.

    Args:
        text: As typed: 0x and 40 hex digits, f410 or t410, f0 or t0, a subnet id (its actor is meant), or a
            validator's secp256k1 public key in hex, base64 or CometBFT's JSON.
        prefix: `f` or `t` where only that network's spelling is right.

    Returns:
        The checksummed Ethereum address.

    Raises:
        InputError: Anything else, in one sentence that says what it is.
    """
    return address_forms(text, prefix=prefix).ethereum


def address_forms(text: str, *, prefix: str | None = None) -> AddressForms:
    """Every form of an address, for showing beside it. Arguments and errors as for `parse_address`."""
    typed = text.strip()
    if typed.startswith("/"):
        return _subnet_forms(typed)
    key = _public_key(typed)
    if key is None:
        return _forms(read_address(typed, prefix=prefix))
    address = ethereum_address(key)
    compressed = _compressed(key)
    return AddressForms(
        ethereum=address,
        f410=ethereum_to_f410(address),
        t410=ethereum_to_f410(address, prefix="t"),
        actor_id=actor_id(address),
        public_key=compressed.hex(),
        public_key_base64=base64.b64encode(compressed).decode(),
        consensus=consensus_address(compressed),
    )


def system_owned(owner: str) -> bool:
    """Whether nobody can sign for this owner: the zero address, or an actor that is known by its id alone."""
    return checksummed(owner) == ZERO_ADDRESS or actor_id(owner) is not None


def ethereum_address(public_key: bytes) -> str:
    """Checksummed Ethereum address of a secp256k1 public key: the last 20 bytes of keccak(x‖y).

    Args:
        public_key: 33 bytes compressed, 65 bytes with the leading 4, or 64 bytes without it.

    Raises:
        InputError: It is not a point of the curve.
    """
    if len(public_key) == 33:
        from coincurve import PublicKey

        try:
            public_key = PublicKey(public_key).format(compressed=False)
        except ValueError:
            raise InputError("not a secp256k1 public key") from None
    if len(public_key) == 65 and public_key[0] == 4:
        public_key = public_key[1:]
    if len(public_key) != 64:
        raise InputError(f"a secp256k1 public key has 33 or 65 bytes, not {len(public_key)}")
    return checksummed(keccak(public_key)[-20:])


def consensus_address(public_key: bytes) -> str:
    """CometBFT's address of a compressed secp256k1 key: RIPEMD160(SHA256(key)), 40 upper-case hex digits.

    Raises:
        InputError: It has not 33 bytes.
    """
    # OpenSSL 3 ships RIPEMD-160 switched off, so hashlib cannot be relied on.
    from Crypto.Hash import RIPEMD160

    if len(public_key) != 33:
        raise InputError(f"a compressed secp256k1 public key has 33 bytes, not {len(public_key)}")
    return RIPEMD160.new(hashlib.sha256(public_key).digest()).hexdigest().upper()


def ed25519_consensus_address(public_key: bytes) -> str:
    """CometBFT's address of an ed25519 key: the first 20 bytes of its sha256, 40 upper-case hex digits.

    Raises:
        InputError: It has not 32 bytes.
    """
    if len(public_key) != 32:
        raise InputError(f"an ed25519 public key has 32 bytes, not {len(public_key)}")
    return hashlib.sha256(public_key).digest()[:20].hex().upper()


def _forms(address: str) -> AddressForms:
    return AddressForms(
        ethereum=address,
        f410=ethereum_to_f410(address),
        t410=ethereum_to_f410(address, prefix="t"),
        actor_id=actor_id(address),
    )


def _subnet_forms(text: str) -> AddressForms:
    subnet = parse_subnet_id(text)
    if subnet.actor is None:
        raise InputError(f"{text} is a root network, which no actor stands for: it has no address")
    address = subnet.actor
    return AddressForms(
        ethereum=address,
        f410=ethereum_to_f410(address),
        t410=ethereum_to_f410(address, prefix="t"),
        actor_id=actor_id(address),
        subnet=text,
        network_name=text[1:].replace("/", "-"),
    )


def _public_key(typed: str) -> bytes | None:
    """The bytes of a public key of secp256k1, None when it is something else."""
    if typed.startswith("{"):
        return _comet_key(typed)
    if match := _HEX_KEY.fullmatch(typed):
        return bytes.fromhex(match[1])
    if _SECRET_SIZE.fullmatch(typed):
        # Not repeated: it may be a secret.
        raise InputError(_MAY_BE_SECRET, next_step="if it is one, it has been seen by your terminal: replace it")
    if _BASE64.fullmatch(typed) and not typed.startswith("0x"):
        raw = _base64(typed)
        if raw is not None and len(raw) == 32:
            raise InputError(_MAY_BE_SECRET, next_step="if it is one, it has been seen by your terminal: replace it")
        # By its first byte, because an f410 address may be base64 too.
        if raw is not None and raw[0] in {33: (2, 3), 65: (4,)}.get(len(raw), ()):
            return raw
    return None


def _comet_key(typed: str) -> bytes:
    """The key in CometBFT's JSON, `{"type": "tendermint/PubKeySecp256k1", "value": "…"}`."""
    try:
        found = strict_json.loads(typed[:_MOST_TEXT].encode("utf-8", "replace"))
    except strict_json.NotStrictJson:
        found = None
    if isinstance(found, dict) and found.get("type") == "tendermint/PubKeySecp256k1":
        value = found.get("value")
        raw = _base64(value) if isinstance(value, str) else None
        if raw is not None and len(raw) == 33:
            return raw
    raise InputError("this JSON is not a secp256k1 public key as CometBFT writes one")


def _base64(text: str) -> bytes | None:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    # Spare bits that are not zero would give one key several spellings.
    return raw if base64.b64encode(raw).decode() == text else None


def _compressed(key: bytes) -> bytes:
    from coincurve import PublicKey

    return bytes(PublicKey(key).format())
