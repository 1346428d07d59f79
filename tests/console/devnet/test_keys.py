"""The devnet's well-known keys."""

from __future__ import annotations

import base64
import hashlib

from coincurve import PublicKey
from Crypto.PublicKey import ECC
from eth_account import Account

from console.devnet import keys


def test_a_validator_key_is_the_hash_of_its_text() -> None:
    key = keys.validator_key(1)
    assert key.secret == hashlib.sha256(b"upgrade-console devnet validator 1").digest()
    assert key == keys.validator_key(1)


def test_all_keys_differ() -> None:
    made = [
        keys.admin_key(),
        keys.parent_key(),
        *(f(n) for n in (1, 2, 3) for f in (keys.validator_key, keys.operator_key)),
    ]
    assert len({key.secret for key in made}) == len(made)


def test_addresses_are_those_of_other_implementations() -> None:
    key = keys.operator_key(2)
    assert key.address == Account.from_key(key.hex).address
    sha = hashlib.sha256(key.public).digest()
    assert key.consensus_address == hashlib.new("ripemd160", sha).hexdigest().upper()
    assert PublicKey(key.public).format(compressed=False) == key.public_uncompressed


def test_a_secret_is_not_shown_by_accident() -> None:
    key = keys.validator_key(1)
    assert "secret" not in repr(key)
    assert key.secret.hex() not in f"{key}"


def test_the_validator_key_file_has_cometbfts_shape() -> None:
    key = keys.validator_key(3)
    document = keys.priv_validator_key(key)
    assert document == {
        "address": key.consensus_address,
        "pub_key": {"type": "tendermint/PubKeySecp256k1", "value": base64.b64encode(key.public).decode()},
        "priv_key": {"type": "tendermint/PrivKeySecp256k1", "value": base64.b64encode(key.secret).decode()},
    }


def test_the_node_key_is_a_whole_ed25519_key() -> None:
    private = keys.node_key("devnet-ab12cd", 1)["priv_key"]
    assert isinstance(private, dict)
    raw = base64.b64decode(private["value"])
    assert private["type"] == "tendermint/PrivKeyEd25519"
    assert len(raw) == 64
    seed_key = ECC.construct(curve="Ed25519", seed=raw[:32])  # type: ignore[arg-type]
    assert seed_key.public_key().export_key(format="raw") == raw[32:]
    assert keys.node_key("devnet-ab12cd", 2) != keys.node_key("devnet-ab12cd", 1) != keys.node_key("devnet-000000", 1)
