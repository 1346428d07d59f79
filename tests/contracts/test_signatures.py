"""Votes and readiness by EIP-712 signature: whose, for what, until when, and once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount

from tests.contracts.registry import (
    HASH,
    SCHEDULED,
    STRANGER,
    VOTE,
    Subnet,
    refused,
    validator,
)

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
KEYS: list[LocalAccount] = [Account.from_key("0x" + number.to_bytes(32, "big").hex()) for number in range(1, 5)]
OPERATOR: LocalAccount = Account.from_key("0x" + (99).to_bytes(32, "big").hex())
TYPES = {
    "Vote": [
        {"name": "id", "type": "uint64"},
        {"name": "support", "type": "bool"},
        {"name": "validator", "type": "address"},
        {"name": "nonce", "type": "uint256"},
        {"name": "deadline", "type": "uint256"},
    ],
    "Ready": [
        {"name": "id", "type": "uint64"},
        {"name": "releaseHash", "type": "bytes32"},
        {"name": "signer", "type": "address"},
        {"name": "nonce", "type": "uint256"},
        {"name": "deadline", "type": "uint256"},
    ],
}


class Signing(Subnet):
    """A subnet whose validators have keys, with a proposal 1."""

    def __init__(self, *, voting: bool = True) -> None:
        super().__init__(voting=voting)
        self.set_members([(10, key.address.lower(), b"") for key in KEYS])
        self.propose()

    def signed(self, kind: str, key: LocalAccount, *, chain: int = 31337, at: str = "", **message: Any) -> bytes:
        """A signature of one of the two messages; `at` is another registry's address."""
        domain = {
            "name": "UpgradeRegistry",
            "version": "1",
            "chainId": chain,
            "verifyingContract": at or self.registry.address,
        }
        return bytes(key.sign_message(encode_typed_data(domain, {kind: TYPES[kind]}, message)).signature)

    def vote_of(self, key: LocalAccount, *, signer: LocalAccount | None = None, **changes: Any) -> bytes:
        who = (signer or key).address.lower()
        message: dict[str, Any] = {"id": 1, "support": True, "validator": who, "nonce": 0, "deadline": 120}
        where = {name: changes.pop(name) for name in ("chain", "at") if name in changes}
        return self.signed("Vote", key, **where, **(message | changes))

    def ready_of(self, key: LocalAccount, **changes: Any) -> bytes:
        message: dict[str, Any] = {
            "id": 1,
            "releaseHash": HASH,
            "signer": key.address.lower(),
            "nonce": 0,
            "deadline": 120,
        }
        return self.signed("Ready", key, **(message | changes))

    def cast(self, signature: bytes, *, of: LocalAccount = KEYS[0], deadline: int = 120, support: bool = True) -> None:
        self.registry.send("voteBySig", 1, support, of.address.lower(), deadline, signature, sender=STRANGER)

    def say_ready(self, signature: bytes, *, of: LocalAccount = KEYS[0], deadline: int = 120) -> None:
        self.registry.send("signalReadyBySig", 1, HASH, of.address.lower(), deadline, signature, sender=STRANGER)


@pytest.fixture
def subnet() -> Signing:
    return Signing()


def test_a_stranger_brings_a_vote(subnet: Signing) -> None:
    subnet.cast(subnet.vote_of(KEYS[0]))
    assert subnet.view(1)["yesPower"] == 10
    address = KEYS[0].address.lower()
    assert subnet.registry.call("votes", 1, 0, 1)[0][0]["validator"] == address
    assert subnet.registry.call("nonces", address) == 1
    subnet.cast(subnet.vote_of(KEYS[0], nonce=1, support=False), support=False)
    assert (subnet.view(1)["yesPower"], subnet.view(1)["noPower"]) == (0, 10)


def test_votes_by_signature_decide(subnet: Signing) -> None:
    for key in KEYS[:3]:
        subnet.cast(subnet.vote_of(key), of=key)
    assert subnet.view(1)["status"] == SCHEDULED


def test_readiness_of_a_validator_and_of_its_operator() -> None:
    subnet = Signing(voting=False)
    subnet.say_ready(subnet.ready_of(KEYS[0]))
    address = KEYS[0].address.lower()
    assert subnet.chain.events == [("ReadySignalled", {"id": 1, "validator": address, "sender": address})]
    subnet.registry.send("setOperator", OPERATOR.address.lower(), sender=KEYS[1].address.lower())
    subnet.say_ready(subnet.ready_of(OPERATOR), of=OPERATOR)
    assert [row["readyAt"] for row in subnet.rows(1)] == [100, 100, 0, 0]
    with refused("InvalidSignature", OPERATOR.address.lower()):
        subnet.say_ready(subnet.ready_of(KEYS[2]), of=OPERATOR)


def test_an_operator_does_not_vote(subnet: Signing) -> None:
    subnet.registry.send("setOperator", OPERATOR.address.lower(), sender=KEYS[1].address.lower())
    with refused("NotAValidator", OPERATOR.address.lower()):
        subnet.cast(subnet.vote_of(OPERATOR), of=OPERATOR)


def test_up_to_its_last_block(subnet: Signing) -> None:
    signature = subnet.vote_of(KEYS[0])
    subnet.go_to(121)
    with refused("SignatureExpired", 120, 121):
        subnet.cast(signature)
    with refused("InvalidSignature", KEYS[0].address.lower()):
        subnet.cast(signature, deadline=130)
    subnet.go_to(120)
    subnet.cast(signature)


def test_a_deadline_does_not_outlive_the_vote(subnet: Signing) -> None:
    signature = subnet.vote_of(KEYS[0], deadline=10**6)
    subnet.go_to(100 + VOTE + 1)
    with refused("TooLate", 1, 100 + VOTE, 100 + VOTE + 1):
        subnet.cast(signature, deadline=10**6)


def test_once(subnet: Signing) -> None:
    signature = subnet.vote_of(KEYS[0])
    subnet.cast(signature)
    subnet.cast(subnet.vote_of(KEYS[0], nonce=1, support=False), support=False)
    # The first vote may not be brought again over the second.
    with refused("InvalidSignature", KEYS[0].address.lower()):
        subnet.cast(signature)


def test_what_is_refused_does_not_use_a_nonce(subnet: Signing) -> None:
    with refused("VoteUnchanged", 1, KEYS[0].address.lower()):
        subnet.cast(subnet.vote_of(KEYS[0]))
        subnet.cast(subnet.vote_of(KEYS[0], nonce=1))
    assert subnet.registry.call("nonces", KEYS[0].address.lower()) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"id": 2},
        {"support": False},
        {"nonce": 1},
        {"deadline": 121},
        {"chain": 1},
        {"at": STRANGER},
        {"validator": KEYS[1].address.lower()},
    ],
)
def test_every_part_is_signed(subnet: Signing, change: dict[str, Any]) -> None:
    with refused("InvalidSignature", KEYS[0].address.lower()):
        subnet.cast(subnet.vote_of(KEYS[0], **change))


def test_a_vote_is_no_readiness() -> None:
    subnet = Signing(voting=False)
    with refused("InvalidSignature", KEYS[0].address.lower()):
        subnet.say_ready(subnet.vote_of(KEYS[0]))


def _high_s(signature: bytes) -> bytes:
    s = ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


@pytest.mark.parametrize(
    "broken",
    [
        _high_s,
        lambda signature: signature[:64],
        lambda signature: signature + b"\0",
        lambda _: b"",
        lambda signature: signature[:64] + b"\x1d",
        lambda signature: signature[:64] + b"\x00",
        lambda _: bytes(65),
        lambda signature: signature[:32] + bytes(32) + signature[64:],
    ],
)
def test_other_forms_of_a_signature_are_refused(subnet: Signing, broken: Callable[[bytes], bytes]) -> None:
    with refused("InvalidSignature", KEYS[0].address.lower()):
        subnet.cast(broken(subnet.vote_of(KEYS[0])))


def test_the_zero_address_signs_nothing(subnet: Signing) -> None:
    zero = "0x" + "00" * 20
    with refused("InvalidSignature", zero):
        subnet.registry.send("voteBySig", 1, True, zero, 120, bytes(65), sender=STRANGER)


def test_the_domain_is_the_registrys_own(subnet: Signing) -> None:
    """Not that of the second half, nor one that a fork of the chain would share."""
    name, version, chain, contract = subnet.registry.call("eip712Domain")[1:5]
    assert (name, version, chain, contract) == ("UpgradeRegistry", "1", 31337, subnet.registry.address)
    assert validator(1) not in [row["validator"] for row in subnet.rows(1)]
