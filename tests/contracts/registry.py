"""The registry on its gateway, in the words of the tests."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import pytest
from eth_utils.crypto import keccak

from tests.contracts.evm import Chain, Reverted
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

NONE, VOTING, APPROVED, REJECTED, SCHEDULED, EXECUTED, ABORTED, EXPIRED, CANCELLED = range(9)
NO_VERDICT, CROSS, ABORT = range(3)


def validator(number: int) -> str:
    """The address of validator `number`: as spread over all bits as real ones are."""
    return "0x" + keccak(b"validator %d" % number)[12:].hex()


def operator(number: int) -> str:
    """An operator key for validator `number`."""
    return "0x" + keccak(b"operator %d" % number)[12:].hex()


def members(powers: Sequence[int]) -> list[tuple[int, str, bytes]]:
    """Gateway validators with these powers, numbered from 1."""
    return [(power, validator(number), b"\x04" * 65) for number, power in enumerate(powers, start=1)]


def refused(name: str, *values: Any) -> AbstractContextManager[pytest.ExceptionInfo[Reverted]]:
    """Expect a custom error with exactly these arguments."""

    def same(error: Reverted) -> bool:
        return error.name == name and error.values == values

    return pytest.raises(Reverted, check=same)


class Subnet:
    """A gateway, its adapter and a registry, at block 100."""

    def __init__(self, powers: Sequence[int] = (10, 10, 10, 10), *, admin: str = ADMIN) -> None:
        self.chain = Chain(100)
        # Creation code is limited (EIP-3860), so that a large set comes by transaction.
        at_start = members(powers) if len(powers) <= 64 else []
        self.gateway = deploy_gateway(self.chain, OWNER, PARENT, at_start)
        if len(powers) > 64:
            self.set_members(members(powers))
        self.source = self.chain.deploy("GatewayPowerSource", self.gateway.address)
        self.registry = self.chain.deploy("UpgradeRegistry", self.source.address, admin, FREEZE, WINDOW)

    def set_members(self, new: Sequence[tuple[int, str, bytes]]) -> None:
        self.gateway.send("setMembership", list(new), sender=PARENT)

    def propose(
        self,
        height: int | None = None,
        *,
        sender: str = ADMIN,
        name: str = "v0.2.0",
        kind: int = 0,
        release_hash: bytes = HASH,
        url: str = URL,
        breaking: bool = True,
    ) -> int:
        if height is None:
            height = self.chain.number + int(self.registry.call("minimumLead"))
        result = self.registry.send("propose", name, kind, release_hash, url, height, breaking, sender=sender)
        return int(result)

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
