"""The registry on its gateway, in the words of the tests."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import pytest
from eth_utils.crypto import keccak

from tests.contracts.evm import Chain, Contract, Reverted
from tests.contracts.gateway import deploy_gateway

ADMIN = "0x" + "ad" * 20
OWNER = "0x" + "00" * 19 + "01"
PARENT = "0x" + "00" * 19 + "02"
STRANGER = "0x" + "5f" * 20
FREEZE = 5
WINDOW = 20
HASH = b"\xaa" * 32
EXE = b"\xee" * 32
APP = b"\xab" * 32
URL = "http://127.0.0.1:20001/v0.2.0"

ZERO = "0x" + "00" * 20
VOTE = 30
"""Blocks of the usual vote."""
EXPEDITED = 10

NONE, VOTING, APPROVED, REJECTED, SCHEDULED, EXECUTED, ABORTED, EXPIRED, CANCELLED, ROLLED_BACK = range(10)
NO_VERDICT, CROSS, ABORT = range(3)
RAW, MANIFEST, CALLS_ALONE = range(3)
FIXED, AFTER_VOTE, READINESS = range(3)
NO_MIGRATION, COMPILED, STANDARD, WASM = range(4)
NO_CHOICE, YES, NO = range(3)
HALT, REPLACE, ROLLBACK = range(3)

Call = tuple[str, bytes]
"""Target and data of a linked call."""


def validator(number: int) -> str:
    """The address of validator `number`: as spread over all bits as real ones are."""
    return "0x" + keccak(b"validator %d" % number)[12:].hex()


def operator(number: int) -> str:
    """An operator key for validator `number`."""
    return "0x" + keccak(b"operator %d" % number)[12:].hex()


def members(powers: Sequence[int]) -> list[tuple[int, str, bytes]]:
    """Gateway validators with these powers, numbered from 1."""
    return [(power, validator(number), b"\x04" * 65) for number, power in enumerate(powers, start=1)]


def member(number: int) -> str:
    """A member of the council."""
    return "0x" + keccak(b"council %d" % number)[12:].hex()


COUNCIL = [member(number) for number in range(1, 6)]
INPUT: dict[str, Any] = {
    "name": "v0.2.0",
    "releaseKind": RAW,
    "releaseHash": HASH,
    "releaseUrl": URL,
    "breaking": True,
    "scheduleKind": FIXED,
    "targetHeight": 0,
    "delay": 0,
    "readinessBps": 0,
    "readinessDeadline": 0,
    "votingBlocks": 0,
    "expedited": False,
    "executionWindow": 0,
    "graceBlocks": 0,
    "migrationKind": NO_MIGRATION,
    "migrationHash": bytes(32),
    "contractsFirst": False,
    "initAllowed": False,
}
"""A proposal of a release by its fields, in the order of the contract's struct; its height is missing."""
ALONE: dict[str, Any] = {"releaseKind": CALLS_ALONE, "releaseHash": bytes(32), "releaseUrl": "", "breaking": False}
"""What is different in a proposal of calls without a release."""


def config(source: str, **changes: Any) -> tuple[Any, ...]:
    """What a registry is deployed with; changes by the names of the contract's struct."""
    fields: dict[str, Any] = {
        "powerSource": source,
        "admin": ADMIN,
        "minProposerPower": 0,
        "votingRequired": False,
        "minVotingBlocks": VOTE,
        "minExpeditedBlocks": EXPEDITED,
        "freezeBlocks": FREEZE,
        "executionWindow": WINDOW,
        "council": COUNCIL,
        "councilThreshold": 3,
        "targets": [],
    }
    assert changes.keys() <= fields.keys()
    return tuple((fields | changes).values())


def refused(name: str, *values: Any) -> AbstractContextManager[pytest.ExceptionInfo[Reverted]]:
    """Expect a custom error with exactly these arguments."""

    def same(error: Reverted) -> bool:
        return error.name == name and error.values == values

    return pytest.raises(Reverted, check=same)


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@cache
def _begun(
    powers: tuple[int, ...], voting: bool, changes: tuple[tuple[str, Any], ...]
) -> tuple[Contract, Contract, Contract, Contract]:
    """Gateway, its adapter, second half and registry on a chain that no test uses itself."""
    chain = Chain(100)
    # Creation code is limited (EIP-3860), so that a large set comes by transaction.
    gateway = deploy_gateway(chain, OWNER, PARENT, members(powers) if len(powers) <= 64 else [])
    if len(powers) > 64:
        gateway.send("setMembership", [(power, address, b"") for power, address, _ in members(powers)], sender=PARENT)
    source = chain.deploy("GatewayPowerSource", gateway.address)
    extension = chain.deploy("RegistryExtension")
    given = {"votingRequired": voting, "targets": [gateway.address], **dict(changes)}
    registry = chain.deploy("UpgradeRegistry", config(source.address, **given), extension.address)
    gateway.send("transferOwnership", registry.address, sender=OWNER)
    return gateway, source, extension, registry


class Subnet:
    """A gateway, its adapter and a registry, at block 100. The gateway is the registry's, and its target.

    Args:
        powers: Of the validators.
        voting: Whether a release needs a vote.
        changes: Of what the registry is deployed with.
    """

    def __init__(self, powers: Sequence[int] = (10, 10, 10, 10), *, voting: bool = False, **changes: Any) -> None:
        self.voting = voting
        begun = _begun(tuple(powers), voting, tuple((name, _hashable(value)) for name, value in changes.items()))
        self.chain = begun[0].chain.copy()
        self.gateway, self.source, self.extension, self.registry = (contract.on(self.chain) for contract in begun)

    def deploy(self, **changes: Any) -> Contract:
        """Another registry on the same gateway."""
        return self.chain.deploy("UpgradeRegistry", config(self.source.address, **changes), self.extension.address)

    def set_members(self, new: Sequence[tuple[int, str, bytes]]) -> None:
        self.gateway.send("setMembership", list(new), sender=PARENT)

    def lead(self) -> int:
        """The least lead, in blocks."""
        return int(self.registry.call("minimumLead"))

    def propose(
        self,
        height: int | None = None,
        *,
        sender: str = ADMIN,
        calls: Sequence[Call] = (),
        undo: Sequence[Call] = (),
        **changes: Any,
    ) -> int:
        """Propose a release for the first possible height, or what `changes` say by the names of the struct."""
        fields = INPUT | changes
        assert len(fields) == len(INPUT)
        if (calls or self.voting) and "votingBlocks" not in changes:
            fields["votingBlocks"] = VOTE
        if height is not None:
            fields["targetHeight"] = height
        elif (fields["releaseKind"], fields["scheduleKind"]) in {(RAW, FIXED), (MANIFEST, FIXED)}:
            fields["targetHeight"] = fields["targetHeight"] or self.chain.number + fields["votingBlocks"] + self.lead()
        return int(self.registry.send("propose", tuple(fields.values()), list(calls), list(undo), sender=sender))

    def cut(self, *changes: Any, init: str = ZERO, data: bytes = b"") -> Call:
        """A linked call that cuts the gateway."""
        return self.gateway.address, self.gateway.data("diamondCut", list(changes), init, data)

    def setting(self, function: str, *arguments: Any) -> Call:
        """A linked call of the registry to itself."""
        return self.registry.address, self.registry.data(function, *arguments)

    def settle(self, function: str, *arguments: Any) -> None:
        """Change a setting by a vote."""
        number = self.propose(calls=[self.setting(function, *arguments)], **ALONE)
        self.vote(number, *range(1, 4))
        self.registry.send("executeContracts", number, sender=STRANGER)

    def vote(self, proposal: int, *numbers: int, support: bool = True) -> None:
        for number in numbers:
            self.registry.send("vote", proposal, support, sender=validator(number))

    def halt(self, proposal: int, *numbers: int) -> None:
        for number in numbers:
            self.registry.send("approveEmergencyHalt", proposal, 2, "", sender=member(number))

    def target(self, proposal: int) -> int:
        return int(self.registry.call("proposal", proposal)["targetHeight"])

    def ready(self, proposal: int, *numbers: int) -> None:
        for number in numbers:
            self.registry.send("signalReady", proposal, HASH, sender=validator(number))

    def arm(self, proposal: int, *numbers: int) -> None:
        height = self.target(proposal)
        for number in numbers:
            self.registry.send("signalArmed", proposal, height, sender=validator(number))

    def go_to(self, block: int) -> None:
        self.chain.number = block

    def freeze(self, proposal: int, before: int = FREEZE) -> None:
        """Freeze `before` blocks before the target height."""
        self.go_to(self.target(proposal) - before)
        self.registry.send("freeze", proposal, sender=STRANGER)

    def confirm(self, proposal: int, *numbers: int) -> None:
        for number in numbers:
            self.registry.send("confirmCrossed", proposal, EXE, APP, sender=validator(number))

    def view(self, proposal: int) -> dict[str, Any]:
        shown: dict[str, Any] = self.registry.call("proposal", proposal)
        return shown

    def rows(self, proposal: int = 0) -> list[dict[str, Any]]:
        page: list[dict[str, Any]] = self.registry.call("readiness", proposal, 0, 256)[0]
        return page

    def status(self, proposal: int) -> tuple[int, int]:
        shown = self.view(proposal)
        return shown["status"], shown["verdict"]
