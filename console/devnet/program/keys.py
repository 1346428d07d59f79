"""Validator and node keys, and the genesis document's validator set."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from .consensus import Validator, ValidatorSet
from .errors import NodeError

PUBLIC_KEY_TYPE = "tendermint/PubKeySecp256k1"
_GATEWAY = re.compile(r"(?:0x[0-9a-fA-F]{40})?")


def address_of(public_key: bytes) -> str:
    """CometBFT's secp256k1 address: RIPEMD160(SHA256(compressed key)), upper hex."""
    return hashlib.new("ripemd160", hashlib.sha256(public_key).digest()).hexdigest().upper()


@dataclass(frozen=True, slots=True)
class ValidatorKey:
    """The key that signs votes.

    Attributes:
        address: 20 bytes, upper hex.
        public_key: 33 bytes, compressed.
        secret: 32 bytes.
    """

    address: str
    public_key: bytes
    secret: bytes


@dataclass(frozen=True, slots=True)
class Genesis:
    """What the node needs of genesis.json.

    Attributes:
        chain_id: The chain's name; peers of another one are refused.
        time: RFC 3339.
        validators: The first validator set.
        gateway: Address of the contract that names the validators of later blocks, lower hex without 0x; empty where
            the first set is for good.
        document: The whole file, for /genesis.
    """

    chain_id: str
    time: str
    validators: ValidatorSet
    gateway: str
    document: dict[str, object]


def _load(path: Path) -> dict[str, object]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NodeError(f"{path} does not exist; the home is not complete") from None
    except (OSError, ValueError) as error:
        raise NodeError(f"{path} cannot be read: {error}") from None
    if not isinstance(document, dict):
        raise NodeError(f"{path} does not hold a JSON object")
    return document


def _key_bytes(path: Path, entry: object) -> bytes:
    value = entry.get("value") if isinstance(entry, dict) else None
    try:
        return base64.b64decode(str(value), validate=True)
    except (binascii.Error, ValueError):
        raise NodeError(f"{path} holds a key that is not base64") from None


def load_validator_key(path: Path) -> ValidatorKey:
    """Reads priv_validator_key.json; the public half is worked out from the secret.

    Raises:
        NodeError: The file is missing or holds no secp256k1 key, or address and key differ.
    """
    from coincurve import PrivateKey

    document = _load(path)
    secret = _key_bytes(path, document.get("priv_key"))
    if len(secret) != 32:
        raise NodeError(f"{path} does not hold a secp256k1 key of 32 bytes")
    public_key = PrivateKey(secret).public_key.format(compressed=True)
    address = address_of(public_key)
    if str(document.get("address", address)).upper() != address:
        raise NodeError(f"{path}: the address in it is not that of its key")
    return ValidatorKey(address, public_key, secret)


def load_node_id(path: Path) -> str:
    """The peer id, 20 bytes in lower hex: the address of the node key, whose private form ends with the public one."""
    return hashlib.sha256(_key_bytes(path, _load(path).get("priv_key"))[-32:]).hexdigest()[:40]


def load_genesis(path: Path) -> Genesis:
    """Reads genesis.json.

    Raises:
        NodeError: The file is missing, or a validator in it is malformed.
    """
    document = _load(path)
    listed = document.get("validators")
    if not isinstance(listed, list) or not listed:
        raise NodeError(f"{path} names no validators")
    validators: list[Validator] = []
    known: set[str] = set()
    for entry in listed:
        try:
            public_key = _key_bytes(path, entry["pub_key"])
            address, power = str(entry["address"]).upper(), int(entry["power"])
        except (KeyError, TypeError, ValueError):
            raise NodeError(f"{path}: a validator lacks address, pub_key or power") from None
        if power <= 0 or address in known or address != address_of(public_key):
            raise NodeError(f"{path}: validator {address} is listed twice, or has no power or a wrong address")
        validators.append(Validator(address, power, public_key))
        known.add(address)
    return Genesis(
        chain_id=str(document.get("chain_id", "")),
        time=str(document.get("genesis_time", "1970-01-01T00:00:00Z")),
        validators=ValidatorSet(validators),
        gateway=gateway_of(document.get("app_state"), str(path)),
        document=document,
    )


def gateway_of(app_state: object, where: str) -> str:
    """The address of the contract that names the validators, in a genesis file's app_state; empty for none.

    Raises:
        NodeError: It is no address.
    """
    address = app_state.get("gateway", "") if isinstance(app_state, dict) else ""
    if not isinstance(address, str) or not _GATEWAY.fullmatch(address):
        raise NodeError(f"{where}: the gateway in app_state is not an address")
    return address.removeprefix("0x").lower()
