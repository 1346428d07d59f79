"""What the signer process signs counts at the committed bytecode: votes and readiness without gas."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from eth_account import Account

from console.chain.signing import SignerProcess
from console.chain.typed_data import ReadyMessage, TypedMessage, VoteMessage
from console.ports.keys import KeyReference
from tests.contracts.registry import HASH, STRANGER, Subnet, refused

CHAIN_ID = 31337
SECRETS = [bytes([number]) * 32 for number in range(1, 5)]
ADDRESSES = [Account.from_key(secret).address.lower() for secret in SECRETS]


def signature(folder: Path, number: int, message: TypedMessage) -> bytes:
    """By a signer process with the key of a validator."""
    path = folder / f"{number}.key"
    path.write_text("0x" + SECRETS[number].hex())
    path.chmod(0o600)
    signed = asyncio.run(SignerProcess().sign_typed(KeyReference(path), message))
    assert signed.signer.lower() == ADDRESSES[number]
    return bytes.fromhex(signed.signature[2:])


def subnet(*, voting: bool) -> Subnet:
    found = Subnet(voting=voting)
    found.set_members([(10, address, b"\x04" * 65) for address in ADDRESSES])
    return found


def test_a_vote(tmp_path: Path) -> None:
    network = subnet(voting=True)
    proposal = network.propose()
    deadline = network.chain.number + 5
    message = VoteMessage(CHAIN_ID, network.registry.address, proposal, True, ADDRESSES[0], 0, deadline)
    signed = signature(tmp_path, 0, message)
    registry = network.registry
    # Neither for the other side, nor for somebody else, nor for longer.
    for support, validator, until in (
        (False, ADDRESSES[0], deadline),
        (True, ADDRESSES[1], deadline),
        (True, ADDRESSES[0], deadline + 1),
    ):
        with refused("InvalidSignature", validator):
            registry.send("voteBySig", proposal, support, validator, until, signed, sender=STRANGER)
    registry.send("voteBySig", proposal, True, ADDRESSES[0], deadline, signed, sender=STRANGER)
    assert registry.call("nonces", ADDRESSES[0]) == 1
    # Once.
    with refused("InvalidSignature", ADDRESSES[0]):
        registry.send("voteBySig", proposal, True, ADDRESSES[0], deadline, signed, sender=STRANGER)
    again = signature(tmp_path, 0, replace(message, nonce=1))
    network.go_to(deadline + 1)
    with refused("SignatureExpired", deadline, deadline + 1):
        registry.send("voteBySig", proposal, True, ADDRESSES[0], deadline, again, sender=STRANGER)


@pytest.mark.parametrize("change", [{"chain_id": 1}, {"registry": STRANGER}], ids=["chain", "registry"])
def test_a_vote_for_another_place_counts_nowhere_else(tmp_path: Path, change: dict[str, object]) -> None:
    network = subnet(voting=True)
    proposal = network.propose()
    message = VoteMessage(CHAIN_ID, network.registry.address, proposal, True, ADDRESSES[0], 0, 10_000)
    elsewhere = replace(message, **change)  # type: ignore[arg-type]
    with refused("InvalidSignature", ADDRESSES[0]):
        network.registry.send(
            "voteBySig", proposal, True, ADDRESSES[0], 10_000, signature(tmp_path, 0, elsewhere), sender=STRANGER
        )


def test_readiness(tmp_path: Path) -> None:
    network = subnet(voting=False)
    proposal = network.propose()
    message = ReadyMessage(CHAIN_ID, network.registry.address, proposal, HASH.hex(), ADDRESSES[2], 0, 10_000)
    signed = signature(tmp_path, 2, message)
    with refused("InvalidSignature", ADDRESSES[2]):
        other = b"\xbb" * 32
        network.registry.send("signalReadyBySig", proposal, other, ADDRESSES[2], 10_000, signed, sender=STRANGER)
    network.registry.send("signalReadyBySig", proposal, HASH, ADDRESSES[2], 10_000, signed, sender=STRANGER)
    ready = {row["validator"].lower(): row["readyAt"] for row in network.rows(proposal)}
    assert ready[ADDRESSES[2]] == network.chain.number
    assert ready[ADDRESSES[1]] == 0
