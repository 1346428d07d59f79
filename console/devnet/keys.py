"""The devnet's well-known keys: derived from fixed texts, so worthless anywhere else and equal on every machine.

They leave this process only into files of mode 0600; nothing prints or logs them.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Key:
    """A secp256k1 key pair: a validator's, an operator's, a council member's, the admin's or the parent's."""

    secret: bytes = field(repr=False)
    """32 bytes."""
    public: bytes
    """33 bytes, compressed."""
    public_uncompressed: bytes
    """65 bytes, the same key."""
    address: str
    """Checksummed Ethereum address."""
    consensus_address: str
    """CometBFT's address of the same key, RIPEMD160(SHA256(public)): 40 upper-case hex digits."""

    @property
    def hex(self) -> str:
        """The secret as 0x and 64 hex digits, the form of a key file (`console.ports.keys.KeyReference`)."""
        return f"0x{self.secret.hex()}"


def derived(text: str) -> Key:
    """The key whose secret is the sha256 of a text."""
    from coincurve import PrivateKey
    from eth_utils.address import to_checksum_address
    from eth_utils.crypto import keccak

    secret = hashlib.sha256(text.encode()).digest()
    public = PrivateKey(secret).public_key
    compressed, uncompressed = public.format(compressed=True), public.format(compressed=False)
    return Key(
        secret=secret,
        public=compressed,
        public_uncompressed=uncompressed,
        address=str(to_checksum_address(keccak(uncompressed[1:])[-20:])),
        consensus_address=consensus_address(compressed),
    )


def consensus_address(public: bytes) -> str:
    """CometBFT's address of a compressed secp256k1 key: 40 upper-case hex digits."""
    from Crypto.Hash import RIPEMD160

    return RIPEMD160.new(hashlib.sha256(public).digest()).hexdigest().upper()


def validator_key(number: int) -> Key:
    """The consensus key of the validator with this number, counted from 1."""
    return derived(f"upgrade-console devnet validator {number}")


def operator_key(number: int) -> Key:
    """The key that validator `number` delegates its readiness signals to (DESIGN §6)."""
    return derived(f"upgrade-console devnet operator {number}")


def admin_key() -> Key:
    """The key of the registry's admin role."""
    return derived("upgrade-console devnet admin")


def parent_key() -> Key:
    """The key that changes the gateway's validator set: what the parent chain does on a subnet."""
    return derived("upgrade-console devnet parent")


def council_key(number: int) -> Key:
    """The key of a member of the council that can stop an upgrade, counted from 1."""
    return derived(f"upgrade-console devnet council {number}")


def priv_validator_key(key: Key) -> dict[str, object]:
    """The content of CometBFT's priv_validator_key.json for a secp256k1 key."""
    return {
        "address": key.consensus_address,
        "pub_key": {"type": "tendermint/PubKeySecp256k1", "value": base64.b64encode(key.public).decode()},
        "priv_key": {"type": "tendermint/PrivKeySecp256k1", "value": base64.b64encode(key.secret).decode()},
    }


def node_key(chain_id: str, number: int) -> dict[str, object]:
    """The content of CometBFT's node_key.json: the Ed25519 key of the peer connections."""
    seed, public = _node_keys(chain_id, number)
    return {"priv_key": {"type": "tendermint/PrivKeyEd25519", "value": base64.b64encode(seed + public).decode()}}


def node_id(chain_id: str, number: int) -> str:
    """By what peers know a node: the address of its node key, 40 lower-case hex digits."""
    return hashlib.sha256(_node_keys(chain_id, number)[1]).hexdigest()[:40]


def _node_keys(chain_id: str, number: int) -> tuple[bytes, bytes]:
    from Crypto.PublicKey import ECC

    seed = hashlib.sha256(f"upgrade-console devnet node {chain_id} {number}".encode()).digest()
    construct: Any = ECC.construct  # its stub knows no bytes for `seed`
    return seed, construct(curve="Ed25519", seed=seed).public_key().export_key(format="raw")
