"""Selectors against the numbers of facts/ipc.md §3.2–3.4."""

from __future__ import annotations

from typing import Any

import pytest

from console.addresses import keccak
from console.chain.contracts import artefact
from console.chain.ipc_functions import DIAMOND_CUT, IPC_FACETS
from console.chain.selectors import core_selectors, facet_name, known_names, named, selector_of, spelled
from console.model import Selector

MEASURED = {
    DIAMOND_CUT: "0x1f931c1c",
    "facets()": "0x7a0ed627",
    "facetAddress(bytes4)": "0xcdffacc6",
    "owner()": "0x8da5cb5b",
    "transferOwnership(address)": "0xf2fde38b",
    "getCommitSha()": "0x444ead51",
    "getActiveValidators()": "0x9de70258",
    "getCurrentPower(address)": "0x90157a0e",
    "getTotalCurrentPower()": "0x4b0abc08",
    "getValidator(address)": "0x1904bb2e",
    "getCurrentMembership()": "0x6ad21bb0",
}


@pytest.mark.parametrize(("signature", "selector"), MEASURED.items())
def test_selectors_are_ipcs(signature: str, selector: str) -> None:
    assert selector_of(signature) == selector
    assert known_names()[selector] == signature


def test_no_two_bundled_functions_share_a_selector() -> None:
    for facet, found in IPC_FACETS.items():
        assert len({selector_of(each) for each in found}) == len(found), facet
    for selector, signature in known_names().items():
        assert selector_of(signature) == selector


def test_an_unknown_selector_is_its_bytes() -> None:
    known, unknown = named(["0x8da5cb5b", "0xdeadbeef"])
    assert (str(known), str(unknown)) == ("owner() 0x8da5cb5b", "0xdeadbeef")
    assert named(["0xdeadbeef"], {"0xdeadbeef": "f()"}) == (Selector("0xdeadbeef", "f()"),)


def test_a_facet_is_known_by_its_code_and_else_by_its_functions() -> None:
    second = artefact("GatewayGetterFacetV2")
    assert facet_name(list(spelled(second.abi)), keccak(second.deployed_bytecode).hex()) == "GatewayGetterFacetV2"
    assert facet_name(["0x6ad21bb0", "0xdeadbeef"]) == "GatewayGetterFacet"
    assert facet_name(["0x1f931c1c"], "11" * 32) == "DiamondCutFacet"
    assert facet_name(["0xdeadbeef"]) == ""


def test_core_functions_are_those_of_three_facets() -> None:
    assert core_selectors()["0x1f931c1c"] == "DiamondCutFacet"
    assert set(core_selectors().values()) == {"DiamondCutFacet", "DiamondLoupeFacet", "OwnershipFacet"}


def test_functions_of_one_name_are_all_spelled() -> None:
    abi: list[dict[str, Any]] = [
        {"type": "function", "name": "f", "inputs": [{"name": "a", "type": "uint256"}], "outputs": []},
        {"type": "function", "name": "f", "inputs": [], "outputs": []},
    ]
    assert sorted(spelled(abi).values()) == ["f()", "f(uint256)"]
