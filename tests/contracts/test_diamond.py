"""The gateway diamond: the interface of IPC's, cut by its owner alone, all or nothing."""

from __future__ import annotations

from typing import Any

import pytest
from eth.vm.message import Message
from eth_abi.abi import encode
from eth_typing import Address
from eth_utils.crypto import keccak

from console.chain.contracts import artefact
from console.devnet.evm.genesis import ADD, GATEWAY_FACETS, selectors
from tests.contracts.evm import GAS, Chain, Contract, signature_of
from tests.contracts.gateway import deploy_gateway, union
from tests.contracts.registry import OWNER, PARENT, STRANGER, members, refused, validator

REPLACE, REMOVE = 1, 2
ZERO = "0x" + "00" * 20
GETTER, MEMBERSHIP = selectors("GatewayGetterFacet"), selectors("GatewayMembershipFacet")
VERSION = next(each for each in selectors("GatewayGetterFacetV2") if each not in GETTER)


class Gateway:
    """A diamond of the devnet's facets, and one facet more that it does not have yet."""

    def __init__(self) -> None:
        self.chain = Chain(100)
        self.diamond = deploy_gateway(self.chain, OWNER, PARENT, members([7, 5]))
        self.second = self.chain.deploy("GatewayGetterFacetV2")
        # The same contract by the ABI of what it is upgraded to.
        self.upgraded = Contract(
            self.chain, self.diamond.address, union(*GATEWAY_FACETS, "GatewayDiamond", "GatewayGetterFacetV2")
        )

    def cut(self, *changes: Any, init: str = ZERO, data: bytes = b"", sender: str = OWNER) -> None:
        self.diamond.send("diamondCut", list(changes), init, data, sender=sender)

    def shape(self) -> dict[str, list[bytes]]:
        """Facet by facet what the loupe says; its four functions agree."""
        shown = {row["facetAddress"]: list(row["functionSelectors"]) for row in self.diamond.call("facets")}
        assert list(self.diamond.call("facetAddresses")) == list(shown)
        for facet, named in shown.items():
            assert list(self.diamond.call("facetFunctionSelectors", facet)) == named
            assert {self.diamond.call("facetAddress", each) for each in named} == {facet}
        return shown

    def facet(self, selector: bytes) -> str:
        return str(self.diamond.call("facetAddress", selector))


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


class TestInterface:
    """Selectors and event signatures are those of facts/ipc.md §3.2 and §3.4."""

    SELECTORS = {
        "diamondCut((address,uint8,bytes4[])[],address,bytes)": "1f931c1c",
        "facets()": "7a0ed627",
        "facetAddress(bytes4)": "cdffacc6",
        "owner()": "8da5cb5b",
        "transferOwnership(address)": "f2fde38b",
        "getCurrentMembership()": "6ad21bb0",
    }

    def test_selectors(self, gateway: Gateway) -> None:
        offered = {signature_of(entry) for entry in union(*GATEWAY_FACETS) if entry["type"] == "function"}
        for signature, selector in self.SELECTORS.items():
            assert signature in offered
            assert keccak(text=signature)[:4].hex() == selector
            assert gateway.facet(bytes.fromhex(selector)) != ZERO

    def test_ownership_is_announced_without_indexes(self) -> None:
        (event,) = [entry for entry in artefact("OwnershipFacet").abi if entry["type"] == "event"]
        assert signature_of(event) == "OwnershipTransferred(address,address)"
        assert not any(parameter["indexed"] for parameter in event["inputs"])


class TestRouting:
    def test_it_starts_with_the_functions_of_all_facets(self, gateway: Gateway) -> None:
        assert list(gateway.shape().values()) == [selectors(name) for name in GATEWAY_FACETS]

    def test_an_unknown_function_is_named(self, gateway: Gateway) -> None:
        with refused("FunctionNotFound", VERSION):
            gateway.upgraded.call("getNetworkVersion")

    @pytest.mark.parametrize("data", [b"", b"\x01", b"\x01\x02\x03"])
    def test_less_than_a_selector_is_unknown(self, gateway: Gateway, data: bytes) -> None:
        to, sender = Address(bytes.fromhex(gateway.diamond.address[2:])), Address(b"\x01" * 20)
        code = gateway.chain.code(gateway.diamond.address)
        message = Message(gas=GAS, to=to, sender=sender, value=0, data=data, code=code)
        with refused("FunctionNotFound", data.ljust(4, b"\0")):
            gateway.diamond.finish(gateway.chain.apply(message))

    def test_a_facet_cannot_be_used_by_itself(self, gateway: Gateway) -> None:
        """A facet's own storage is empty: nobody owns it, and nobody can change what it says."""
        alone = Contract(gateway.chain, gateway.facet(bytes.fromhex("1f931c1c")), union(*GATEWAY_FACETS))
        with refused("NotOwner"):
            alone.send("diamondCut", [], ZERO, b"", sender=OWNER)
        alone = Contract(gateway.chain, gateway.facet(MEMBERSHIP[1]), union(*GATEWAY_FACETS))
        with refused("NotParent", PARENT):
            alone.send("setMembership", [], sender=PARENT)


class TestOwnership:
    def test_it_goes_over_in_one_step(self, gateway: Gateway) -> None:
        assert gateway.diamond.call("owner") == OWNER
        gateway.diamond.send("transferOwnership", STRANGER, sender=OWNER)
        assert gateway.chain.events == [("OwnershipTransferred", {"oldOwner": OWNER, "newOwner": STRANGER})]
        assert gateway.diamond.call("owner") == STRANGER
        with refused("NotOwner"):
            gateway.diamond.send("transferOwnership", OWNER, sender=OWNER)
        with refused("NotOwner"):
            gateway.cut(sender=OWNER)
        gateway.cut(sender=STRANGER)

    def test_nobody_else_hands_it_over(self, gateway: Gateway) -> None:
        for sender in (STRANGER, PARENT, gateway.diamond.address):
            with refused("NotOwner"):
                gateway.diamond.send("transferOwnership", sender, sender=sender)

    def test_zero_never_owns_it(self, gateway: Gateway) -> None:
        with refused("InvalidAddress"):
            gateway.diamond.send("transferOwnership", ZERO, sender=OWNER)
        with refused("InvalidAddress"):
            gateway.chain.deploy("GatewayDiamond", [], ZERO, PARENT, [])


class TestMembership:
    def test_the_parent_changes_the_set_and_the_owner_does_not(self, gateway: Gateway) -> None:
        assert gateway.diamond.call("parent") == PARENT
        for sender in (OWNER, STRANGER):
            with refused("NotParent", sender):
                gateway.diamond.send("setMembership", members([1]), sender=sender)
        gateway.diamond.send("setMembership", members([1, 2, 3]), sender=PARENT)
        assert gateway.chain.events == [("MembershipUpdated", {"configurationNumber": 1, "validators": 3})]
        shown = gateway.diamond.call("getCurrentMembership")
        assert [(row["weight"], row["addr"]) for row in shown["validators"]] == [
            (power, validator(power)) for power in (1, 2, 3)
        ]
        assert shown["configurationNumber"] == gateway.diamond.call("getCurrentConfigurationNumber") == 1

    def test_the_set_of_genesis_has_number_0(self, gateway: Gateway) -> None:
        shown = gateway.diamond.call("getCurrentMembership")
        assert [row["weight"] for row in shown["validators"]] == [7, 5]
        assert shown["configurationNumber"] == 0


class TestUpgrade:
    """From GatewayGetterFacet to GatewayGetterFacetV2 and back: what a linked upgrade does."""

    def test_a_cut_replaces_and_adds_at_once(self, gateway: Gateway) -> None:
        before = gateway.diamond.call("getCurrentMembership")
        gateway.cut((gateway.second.address, REPLACE, GETTER), (gateway.second.address, ADD, [VERSION]))
        assert [name for name, _ in gateway.chain.events] == ["DiamondCut"]
        assert gateway.upgraded.call("getNetworkVersion") == 2
        assert gateway.upgraded.call("getCurrentMembership") == before
        shape = gateway.shape()
        assert set(shape[gateway.second.address]) == {*GETTER, VERSION}
        assert len(shape) == len(GATEWAY_FACETS)

    def test_and_is_undone(self, gateway: Gateway) -> None:
        first, before = gateway.facet(GETTER[0]), gateway.shape()
        gateway.cut((gateway.second.address, REPLACE, GETTER), (gateway.second.address, ADD, [VERSION]))
        gateway.cut((first, REPLACE, GETTER), (ZERO, REMOVE, [VERSION]))
        after = gateway.shape()
        assert {facet: sorted(named) for facet, named in after.items()} == {
            facet: sorted(named) for facet, named in before.items()
        }
        with refused("FunctionNotFound", VERSION):
            gateway.upgraded.call("getNetworkVersion")

    def test_the_new_version_may_be_cut_function_by_function(self, gateway: Gateway) -> None:
        first = gateway.facet(GETTER[0])
        gateway.cut((gateway.second.address, REPLACE, [GETTER[1]]))
        assert gateway.shape()[first] == [GETTER[0]]
        gateway.cut((gateway.second.address, REPLACE, [GETTER[0]]))
        assert first not in gateway.shape()

    def test_removing_diamond_cut_is_for_good(self, gateway: Gateway) -> None:
        selector = bytes.fromhex("1f931c1c")
        gateway.cut((ZERO, REMOVE, [selector]))
        with refused("FunctionNotFound", selector):
            gateway.cut()


class TestRefusedCuts:
    """One wrong change leaves all as it was."""

    def refuses(self, gateway: Gateway, change: Any, name: str, *values: Any) -> None:
        before = gateway.shape()
        with refused(name, *values):
            gateway.cut((gateway.second.address, ADD, [VERSION]), change)
        assert gateway.shape() == before

    def test_by_others(self, gateway: Gateway) -> None:
        for sender in (STRANGER, PARENT, gateway.diamond.address):
            with refused("NotOwner"):
                gateway.cut((gateway.second.address, ADD, [VERSION]), sender=sender)

    def test_without_functions(self, gateway: Gateway) -> None:
        second = gateway.second.address
        for action in (ADD, REPLACE, REMOVE):
            self.refuses(gateway, (second, action, []), "NoSelectorsProvidedForFacetForCut", second)

    def test_adding(self, gateway: Gateway) -> None:
        self.refuses(gateway, (ZERO, ADD, GETTER), "CannotAddSelectorsToZeroAddress", tuple(GETTER))
        self.refuses(
            gateway,
            (STRANGER, ADD, [b"abcd"]),
            "NoBytecodeAtAddress",
            STRANGER,
            "diamondCut: Add facet has no code",
        )
        for selector in (GETTER[0], VERSION):
            self.refuses(
                gateway,
                (gateway.second.address, ADD, [selector]),
                "CannotAddFunctionToDiamondThatAlreadyExists",
                selector,
            )

    def test_replacing(self, gateway: Gateway) -> None:
        self.refuses(gateway, (ZERO, REPLACE, GETTER), "CannotReplaceFunctionsFromFacetWithZeroAddress", tuple(GETTER))
        self.refuses(
            gateway,
            (STRANGER, REPLACE, GETTER),
            "NoBytecodeAtAddress",
            STRANGER,
            "LibDiamondCut: Replace facet has no code",
        )
        self.refuses(
            gateway,
            (gateway.second.address, REPLACE, [b"abcd"]),
            "CannotReplaceFunctionThatDoesNotExists",
            b"abcd",
        )
        self.refuses(
            gateway,
            (gateway.facet(GETTER[1]), REPLACE, [GETTER[1]]),
            "CannotReplaceFunctionWithTheSameFunctionFromTheSameFacet",
            GETTER[1],
        )

    def test_removing(self, gateway: Gateway) -> None:
        facet = gateway.facet(GETTER[0])
        self.refuses(gateway, (facet, REMOVE, GETTER), "RemoveFacetAddressMustBeZeroAddress", facet)
        self.refuses(gateway, (ZERO, REMOVE, [b"abcd"]), "CannotRemoveFunctionThatDoesNotExist", b"abcd")
        self.refuses(gateway, (ZERO, REMOVE, [GETTER[0]] * 2), "CannotRemoveFunctionThatDoesNotExist", GETTER[0])

    def test_an_action_that_is_none(self, gateway: Gateway) -> None:
        with pytest.raises(Exception, match="Revert"):
            gateway.cut((gateway.second.address, 3, [VERSION]))


class TestInitialiser:
    """Its code runs in the diamond with all rights: that is what makes it the way of every takeover."""

    def data(self, name: str, *arguments: Any) -> bytes:
        entry = next(each for each in union(*GATEWAY_FACETS) if each.get("name") == name)
        kinds = [parameter["type"] for parameter in entry["inputs"]]
        return keccak(text=signature_of(entry))[:4] + encode(kinds, list(arguments))

    def test_it_runs_in_the_diamond_as_the_owner(self, gateway: Gateway) -> None:
        facet = gateway.facet(bytes.fromhex("f2fde38b"))
        gateway.cut(init=facet, data=self.data("transferOwnership", STRANGER))
        assert gateway.diamond.call("owner") == STRANGER

    def test_its_reason_comes_through_and_nothing_stays(self, gateway: Gateway) -> None:
        facet = gateway.facet(bytes.fromhex("f2fde38b"))
        with refused("InvalidAddress"):
            gateway.cut((gateway.second.address, ADD, [VERSION]), init=facet, data=self.data("transferOwnership", ZERO))
        assert gateway.facet(VERSION) == ZERO

    def test_one_that_fails_without_a_word(self, gateway: Gateway) -> None:
        facet, data = gateway.second.address, b"abcd"
        with refused("InitializationFunctionReverted", facet, data):
            gateway.cut(init=facet, data=data)

    def test_one_without_code(self, gateway: Gateway) -> None:
        with refused("NoBytecodeAtAddress", STRANGER, "diamondCut: _init address has no code"):
            gateway.cut(init=STRANGER)


def test_diamonds_of_other_parts(gateway: Gateway) -> None:
    """The proxy knows none of its facets: one with the loupe alone works."""
    loupe = deploy_gateway(gateway.chain, OWNER, PARENT, [], names=["DiamondLoupeFacet"])
    assert [row["functionSelectors"] for row in loupe.call("facets")] == [tuple(selectors("DiamondLoupeFacet"))]
