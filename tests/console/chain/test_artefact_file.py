"""Artefacts of three builds, and code on a chain held against them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from console.chain.artefact_file import Compiled, compare_code, parse_compiled, read_compiled, shipped
from console.chain.contracts import artefact
from console.errors import InputError
from tests.console.chain.test_disassembly import METADATA

OURS = artefact("GatewayGetterFacetV2")
CREATION, DEPLOYED = OURS.bytecode, OURS.deployed_bytecode
WHERE = "0x" + "11" * 20


def hardhat(**changes: Any) -> dict[str, Any]:
    return {
        "contractName": "GatewayGetterFacetV2",
        "abi": list(OURS.abi),
        "bytecode": "0x" + CREATION.hex(),
        "deployedBytecode": "0x" + DEPLOYED.hex(),
        **changes,
    }


def parsed(document: object) -> Compiled:
    return parse_compiled(json.dumps(document).encode(), "facet.json", fallback="Facet")


def test_the_shapes_of_three_builds_are_one() -> None:
    foundry = hardhat(bytecode={"object": "0x" + CREATION.hex()}, deployedBytecode={"object": DEPLOYED.hex()})
    solc = {
        "contractName": "GatewayGetterFacetV2",
        "abi": list(OURS.abi),
        "evm": {"bytecode": {"object": CREATION.hex()}, "deployedBytecode": {"object": DEPLOYED.hex()}},
    }
    assert parsed(hardhat()) == parsed(foundry) == parsed(solc) == shipped(OURS)
    assert parsed({**hardhat(), "contractName": "Facet"}) == parsed(
        {key: value for key, value in hardhat().items() if key != "contractName"}
    )
    assert parsed(hardhat()).functions["0xb55dbd06"] == "getNetworkVersion()"


def test_a_file_is_named_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "OtherFacet.json"
    path.write_text(json.dumps({key: value for key, value in hardhat().items() if key != "contractName"}))
    assert read_compiled(path).name == "OtherFacet"
    with pytest.raises(InputError, match="there is no file"):
        read_compiled(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ([], "not an artefact"),
        ({"abi": []}, "not an artefact"),
        (hardhat(abi=[{"type": "function"}]), "not an artefact"),
        (hardhat(abi=[3]), "not an artefact"),
        (hardhat(bytecode="0xzz"), "not an artefact"),
        (hardhat(bytecode="0x", deployedBytecode="0x"), "interface or an abstract"),
        (hardhat(bytecode="0x60__$a1b2$__00"), "addresses of its libraries"),
        (hardhat(contractName="\x1b[2J"), r"<U\+001B>"),
        (hardhat(immutableReferences={"1": [{"start": "x", "length": 32}]}), "not an artefact"),
        (hardhat(bytecode="0x" + "60" * 200_000), "more code than any chain"),
    ],
)
def test_what_is_no_artefact_is_refused(document: object, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        parsed(document)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("body", [b"", b"{", b'{"a":1,"a":2}', b"\xff", b"[" * 100_000])
def test_json_is_strict(body: bytes) -> None:
    with pytest.raises(InputError, match=r"facet\.json"):
        parse_compiled(body, "facet.json")


def test_code_is_compared() -> None:
    compiled = shipped(OURS)
    same = compare_code(compiled, DEPLOYED, WHERE)
    assert (same.matches, same.why, same.immutables) == (True, "the same bytes", ())
    other = compare_code(compiled, DEPLOYED + METADATA, WHERE)
    assert other.matches
    assert "sources" in other.why
    assert not compare_code(compiled, b"", WHERE).matches
    assert "no code" in compare_code(compiled, b"", WHERE).why
    changed = bytearray(DEPLOYED)
    changed[7] ^= 1
    found = compare_code(compiled, bytes(changed), WHERE)
    assert (found.matches, found.why) == (False, "the code differs from what was compiled, first at byte 7")
    assert "bytes of code where" in compare_code(compiled, DEPLOYED + b"\0", WHERE).why


def test_immutables_are_masked_and_told() -> None:
    source = artefact("GatewayPowerSource")
    compiled = shipped(source)
    assert compiled.immutables
    written = bytearray(source.deployed_bytecode)
    place = compiled.immutables[0]
    for at in compiled.immutables:
        written[at.start : at.stop] = bytes(12) + b"\x11" * 20
    found = compare_code(compiled, bytes(written), WHERE)
    assert found.matches
    assert found.immutables[0] == (place.start, "0x" + "00" * 12 + "11" * 20)
    written[place.stop] ^= 1
    assert not compare_code(compiled, bytes(written), WHERE).matches
