"""What a vote changes of the registry itself, and that nothing else does; the two halves behind one address."""

from __future__ import annotations

from typing import Any

import pytest

from console.chain.contracts import artefact
from tests.contracts.evm import Contract, Reverted
from tests.contracts.registry import (
    ADMIN,
    ALONE,
    COUNCIL,
    INPUT,
    STRANGER,
    ZERO,
    Subnet,
    member,
    members,
    refused,
    validator,
)

NEW = "0x" + "4e" * 20


@pytest.fixture
def subnet() -> Subnet:
    return Subnet()


def settings_of(subnet: Subnet) -> dict[str, Any]:
    shown: dict[str, Any] = subnet.registry.call("settings")
    return shown


def reason(name: str, *values: Any) -> bytes:
    """A custom error of the registry as bytes."""
    from eth_abi.abi import encode
    from eth_utils.crypto import keccak

    from tests.contracts.evm import kind_of, signature_of

    entry = next(each for each in artefact("UpgradeRegistry").abi if each["type"] == "error" and each["name"] == name)
    return keccak(text=signature_of(entry))[:4] + encode([kind_of(each) for each in entry["inputs"]], list(values))


class TestByVote:
    def test_council(self, subnet: Subnet) -> None:
        council = [member(number) for number in (7, 8, 9)]
        subnet.settle("setCouncil", council, 2)
        shown = settings_of(subnet)
        assert (shown["council"], shown["councilThreshold"]) == (tuple(council), 2)
        assert ("CouncilSet", {"members": tuple(council), "threshold": 2}) in subnet.chain.events

    def test_power_source(self, subnet: Subnet) -> None:
        other = subnet.chain.deploy("StaticPowerSource", [(NEW, 7)])
        subnet.settle("setPowerSource", other.address)
        assert settings_of(subnet)["powerSource"] == other.address
        assert [(row["validator"], row["power"]) for row in subnet.rows()] == [(NEW, 7)]
        with refused("NotAProposer", validator(1)):
            subnet.propose(sender=validator(1))
        # The same number of another source is another set.
        number = subnet.propose(calls=[subnet.setting("setSuccessor", ZERO)], sender=NEW, **ALONE)
        assert subnet.registry.call("votes", number, 0, 9)[0][0]["validator"] == NEW

    def test_successor(self, subnet: Subnet) -> None:
        subnet.settle("setSuccessor", subnet.gateway.address)
        assert settings_of(subnet)["successor"] == subnet.gateway.address
        subnet.settle("setSuccessor", ZERO)
        assert settings_of(subnet)["successor"] == ZERO

    def test_targets(self, subnet: Subnet) -> None:
        subnet.settle("setTarget", subnet.source.address, True)
        assert settings_of(subnet)["targets"] == (subnet.gateway.address, subnet.source.address)
        subnet.settle("setTarget", subnet.gateway.address, False)
        assert settings_of(subnet)["targets"] == (subnet.source.address,)

    def test_proposers(self, subnet: Subnet) -> None:
        subnet.settle("setProposers", NEW, 11)
        assert (settings_of(subnet)["admin"], settings_of(subnet)["minProposerPower"]) == (NEW, 11)
        for sender in (ADMIN, validator(1)):
            with refused("NotAProposer", sender):
                subnet.propose(sender=sender)
        assert subnet.propose(sender=NEW) == 2


class TestRefused:
    """A setting that does not make sense is found out when it is called, and then nothing of it happens."""

    def refuses(self, subnet: Subnet, function: str, *arguments: Any, error: bytes) -> None:
        before = settings_of(subnet)
        with refused("CallFailed", subnet.registry.address, error):
            subnet.settle(function, *arguments)
        assert settings_of(subnet) | {"proposalCount": 0} == before | {"proposalCount": 0}

    def test_councils(self, subnet: Subnet) -> None:
        self.refuses(subnet, "setCouncil", COUNCIL, 2, error=reason("InvalidCouncil", 5, 2))
        self.refuses(subnet, "setCouncil", [ZERO], 1, error=reason("InvalidCouncilMember", ZERO))

    def test_power_sources(self, subnet: Subnet) -> None:
        self.refuses(subnet, "setPowerSource", STRANGER, error=reason("NotAPowerSource", STRANGER))
        empty = subnet.chain.deploy("StaticPowerSource", [])
        self.refuses(subnet, "setPowerSource", empty.address, error=reason("NoPower"))
        double = subnet.chain.deploy("StaticPowerSource", [(NEW, 1), (NEW, 1)])
        self.refuses(subnet, "setPowerSource", double.address, error=reason("DuplicateValidator", NEW))
        self.refuses(subnet, "setPowerSource", subnet.gateway.address, error=self.no_function())

    def no_function(self) -> bytes:
        from eth_utils.crypto import keccak

        return keccak(text="FunctionNotFound(bytes4)")[:4] + keccak(text="membership()")[:4].ljust(32, b"\0")

    def test_successors(self, subnet: Subnet) -> None:
        for given in (STRANGER, subnet.registry.address):
            self.refuses(subnet, "setSuccessor", given, error=reason("InvalidSuccessor", given))

    def test_targets(self, subnet: Subnet) -> None:
        for given, allowed in (
            (STRANGER, True),
            (STRANGER, False),
            (subnet.registry.address, True),
            (subnet.gateway.address, True),
        ):
            self.refuses(subnet, "setTarget", given, allowed, error=reason("InvalidTarget", given))

    def test_sixteen_targets(self, subnet: Subnet) -> None:
        targets = [subnet.chain.place(b"\x00") for _ in range(17)]
        with refused("InvalidTarget", targets[16]):
            subnet.deploy(targets=targets)
        assert len(subnet.deploy(targets=targets[:16]).call("settings")["targets"]) == 16


SETTINGS: list[tuple[str, tuple[Any, ...]]] = [
    ("setCouncil", ([], 0)),
    ("setPowerSource", (ZERO,)),
    ("setSuccessor", (ZERO,)),
    ("setTarget", (ZERO, True)),
    ("setProposers", (ZERO, 0)),
]


@pytest.mark.parametrize(("function", "arguments"), SETTINGS)
def test_nobody_else_changes_a_setting(subnet: Subnet, function: str, arguments: tuple[Any, ...]) -> None:
    for sender in (STRANGER, ADMIN, validator(1), COUNCIL[0], subnet.gateway.address):
        with refused("NotSelf", sender):
            subnet.registry.send(function, *arguments, sender=sender)


@pytest.mark.parametrize(("function", "arguments"), SETTINGS)
def test_a_setting_is_no_part_of_a_release(subnet: Subnet, function: str, arguments: tuple[Any, ...]) -> None:
    call = subnet.setting(function, *arguments)
    with refused("SelectorNotAllowed", subnet.registry.address, call[1][:4]):
        subnet.propose(calls=[call])


@pytest.mark.parametrize("function", ["cancel", "freeze", "expire", "executeContracts"])
def test_the_registry_calls_nothing_else_of_itself(subnet: Subnet, function: str) -> None:
    call = subnet.setting(function, 1)
    with refused("SelectorNotAllowed", subnet.registry.address, call[1][:4]):
        subnet.propose(calls=[call], **ALONE)


class TestHalves:
    def test_one_layout(self) -> None:
        """The second half ends where the first may go on: equal slots, so that neither writes what the other means."""
        first, second = (storage_of(name) for name in ("UpgradeRegistry", "RegistryExtension"))
        assert first[: len(second)] == second
        assert [label for label, *_ in first[len(second) :]] == ["_nameFallback", "_versionFallback"]

    def test_no_function_is_in_both_with_two_meanings(self) -> None:
        """Those of the first half hide those of the second; only constants are in both."""
        named = [
            {entry["name"] for entry in artefact(name).abi if entry["type"] == "function"}
            for name in ("UpgradeRegistry", "RegistryExtension")
        ]
        views = {entry["name"] for entry in artefact("RegistryExtension").abi if entry.get("stateMutability") == "view"}
        assert views == {"MAX_VALIDATORS", "MAX_PAGE", "MAX_URL_LENGTH", "MAX_NAME_LENGTH", "MAX_TEXT_LENGTH"} | views
        assert all(name.startswith("MAX_") for name in views)
        assert named[1] <= named[0]

    def test_the_second_half_alone_does_nothing(self, subnet: Subnet) -> None:
        alone = Contract(subnet.chain, subnet.extension.address, artefact("RegistryExtension").abi)
        refusing = {
            "propose": (tuple({**INPUT, "targetHeight": 900}.values()), [], []),
            "cancel": (1,),
            "executeContracts": (1,),
            "undoContracts": (1,),
            "replaceRelease": (1, b"\x01" * 32, "x"),
            "rollback": (1, ""),
            "approveEmergencyHalt": (1, 1, ""),
            **dict(SETTINGS),
        }
        changing = {
            entry["name"]
            for entry in artefact("RegistryExtension").abi
            if entry["type"] == "function" and entry["stateMutability"] == "nonpayable"
        }
        assert set(refusing) == changing
        for function, arguments in refusing.items():
            with pytest.raises(Reverted):
                alone.send(function, *arguments, sender=validator(1))

    def test_what_neither_has(self, subnet: Subnet) -> None:
        for data in (b"", b"\x01", bytes.fromhex("deadbeef") + bytes(64)):
            with refused("FailedCall"):
                subnet.registry.raw(data)

    def test_what_is_set_survives_a_change_of_members(self, subnet: Subnet) -> None:
        subnet.set_members(members([1, 1]))
        assert settings_of(subnet)["configurationNumber"] == 1


def storage_of(name: str) -> list[tuple[str, str, int, str]]:
    import json
    from importlib import resources

    text = resources.files("console.chain.contracts").joinpath(f"{name}.json").read_text()
    layout = json.loads(text)["storageLayout"]["storage"]
    return [(item["label"], item["slot"], item["offset"], item["type"]) for item in layout]
