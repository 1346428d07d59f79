"""Typed data: what is signed is what eth_account recovers, and nothing of another form is."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given, settings
from hypothesis import strategies as st

from console import signer
from console.addresses import keccak
from console.chain.signing import SignerProcess
from console.chain.typed_data import (
    ReadyMessage,
    TypedMessage,
    VoteMessage,
    describe,
    document,
    from_request,
    to_request,
)
from console.errors import InputError, SignerError
from console.ports.keys import KeyReference
from console.private_file import Refused

SECRET = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
OTHER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
REGISTRY = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
VOTE = VoteMessage(31337, REGISTRY, 7, True, ADDRESS, 2, 500)
READY = ReadyMessage(31337, REGISTRY, 7, "9f" * 32, ADDRESS, 0, 500)
BOTH: list[TypedMessage] = [VOTE, READY]


def digest(message: TypedMessage) -> bytes:
    """By hand, from the words of the standard and of the contract: an oracle beside eth_account."""
    domain = keccak(
        encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [
                keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak(b"UpgradeRegistry"),
                keccak(b"1"),
                message.chain_id,
                message.registry,
            ],
        )
    )
    if isinstance(message, VoteMessage):
        kind = keccak(b"Vote(uint64 id,bool support,address validator,uint256 nonce,uint256 deadline)")
        types = ["bytes32", "uint64", "bool", "address", "uint256", "uint256"]
        values: list[Any] = [kind, message.id, message.support, message.validator, message.nonce, message.deadline]
    else:
        kind = keccak(b"Ready(uint64 id,bytes32 releaseHash,address signer,uint256 nonce,uint256 deadline)")
        types = ["bytes32", "uint64", "bytes32", "address", "uint256", "uint256"]
        release = bytes.fromhex(message.release_hash)
        values = [kind, message.id, release, message.signer, message.nonce, message.deadline]
    return keccak(b"\x19\x01" + domain + keccak(encode(types, values)))


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "voter.key"
    path.write_text(f"0x{SECRET}\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("message", BOTH, ids=["vote", "ready"])
class TestBothForms:
    def test_signed_by_the_signer_and_recovered_by_eth_account(self, key: Path, message: TypedMessage) -> None:
        signed = asyncio.run(SignerProcess().sign_typed(KeyReference(key), message))
        assert signed.signer == ADDRESS
        signable = encode_typed_data(full_message=document(message))
        assert Account.recover_message(signable, signature=signed.signature) == ADDRESS
        # What the contract recovers.
        assert Account._recover_hash(digest(message), signature=bytes.fromhex(signed.signature[2:])) == ADDRESS

    def test_another_key_does_not_sign(self, key: Path, message: TypedMessage) -> None:
        other: TypedMessage
        if isinstance(message, VoteMessage):
            other = dataclasses.replace(message, validator=OTHER)
        else:
            other = dataclasses.replace(message, signer=OTHER)
        with pytest.raises(SignerError, match=f"the key is that of {ADDRESS}, not of {OTHER}"):
            asyncio.run(SignerProcess().sign_typed(KeyReference(key), other))

    def test_written_and_read_back(self, message: TypedMessage) -> None:
        assert from_request(to_request(message)) == message

    def test_a_field_too_few_or_too_many(self, message: TypedMessage) -> None:
        request = to_request(message)
        for name in request:
            with pytest.raises(InputError):
                from_request({each: value for each, value in request.items() if each != name})
        with pytest.raises(InputError, match="not exactly its fields"):
            from_request({**request, "more": 1})

    @pytest.mark.parametrize(
        "change",
        [
            {"chain_id": 0},
            {"chain_id": True},
            {"chain_id": "1"},
            {"id": 0},
            {"id": 1 << 64},
            {"nonce": -1},
            {"nonce": 1 << 256},
            {"deadline": 1.0},
            {"registry": "0x12"},
            {"registry": REGISTRY[2:]},
            {"registry": None},
            {"form": "Permit"},
            {"form": None},
            {"form": ["Vote"]},
        ],
    )
    def test_values_that_are_refused(self, message: TypedMessage, change: dict[str, object]) -> None:
        with pytest.raises(InputError):
            from_request(to_request(message) | change)

    def test_words(self, message: TypedMessage) -> None:
        words = describe(message)
        for part in (ADDRESS, REGISTRY, "chain 31337", "until block 500"):
            assert part in words


def test_words_of_each() -> None:
    assert describe(VOTE).startswith("vote YES on proposal 7,")
    assert describe(dataclasses.replace(VOTE, support=False)).startswith("vote NO on proposal 7,")
    assert "sha256:" + "9f" * 32 in describe(READY)


@pytest.mark.parametrize("support", [1, "true", None])
def test_support_is_a_boolean(support: object) -> None:
    with pytest.raises(InputError, match="not true or false"):
        from_request(to_request(VOTE) | {"support": support})


@pytest.mark.parametrize("value", ["9f", "0x" + "9f" * 31, "zz" * 32, 7])
def test_a_hash_has_64_digits(value: object) -> None:
    with pytest.raises(InputError, match="not 64 hex digits"):
        from_request(to_request(READY) | {"release_hash": value})


@pytest.mark.parametrize(
    "request_", ["x", [], 1, {}, {"types": {}, "primaryType": "Vote", "domain": {}, "message": {}}]
)
def test_other_shapes_are_refused_before_the_key_is_read(request_: object, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="only a vote or a readiness"):
        signer._checked_typed(request_)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    st.builds(
        VoteMessage,
        st.integers(1, (1 << 256) - 1),
        st.just(REGISTRY),
        st.integers(1, (1 << 64) - 1),
        st.booleans(),
        st.sampled_from([ADDRESS, OTHER, ADDRESS.lower()]),
        st.integers(0, (1 << 256) - 1),
        st.integers(0, (1 << 256) - 1),
    )
    | st.builds(
        ReadyMessage,
        st.integers(1, (1 << 256) - 1),
        st.just(REGISTRY),
        st.integers(1, (1 << 64) - 1),
        st.binary(min_size=32, max_size=32).map(bytes.hex),
        st.sampled_from([ADDRESS, OTHER]),
        st.integers(0, (1 << 256) - 1),
        st.integers(0, (1 << 256) - 1),
    )
)
def test_what_is_hashed_is_what_the_contract_hashes(message: TypedMessage) -> None:
    signable = encode_typed_data(full_message=document(message))
    assert keccak(b"\x19" + signable.version + signable.header + signable.body) == digest(message)
    assert from_request(to_request(message)) == message
