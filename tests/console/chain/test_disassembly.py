"""Disassembly: nothing is lost, nothing that changes what code does is hidden, and real changes can be read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.chain.contracts import artefact, artefact_names
from console.chain.disassembly import (
    code_diff,
    disassemble,
    immutable_places,
    masked,
    opcodes_in_use,
    without_metadata,
)
from console.chain.opcodes import DELEGATECALL, NAMES, PUSH32, SELFDESTRUCT

METADATA = bytes.fromhex("a2646970667358221220" + "11" * 32 + "64736f6c63430008170033")


def runtime(name: str) -> bytes:
    return artefact(name).deployed_bytecode


@settings(derandomize=True, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_read_and_written_back(code: bytes) -> None:
    read = disassemble(code)
    assert b"".join(bytes((entry.opcode,)) + entry.data for entry in read) == code
    assert [entry.offset for entry in read] == sorted({entry.offset for entry in read})


@settings(derandomize=True, deadline=None)
@given(st.binary(max_size=300), st.binary(max_size=300))
def test_codes_are_equal_exactly_when_their_bytes_are(old: bytes, new: bytes) -> None:
    same = without_metadata(old) == without_metadata(new)
    found = code_diff(old, new)
    assert found.equal == same
    assert bool(found.lines) != same
    assert code_diff(old, old).equal


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.data())
def test_no_changed_byte_of_a_real_contract_is_hidden(data: st.DataObject) -> None:
    code = runtime("GatewayGetterFacet")
    place = data.draw(st.integers(0, len(code) - 1))
    changed = bytearray(code)
    changed[place] ^= data.draw(st.integers(1, 255))
    assert not code_diff(code, bytes(changed)).equal


def test_a_new_function_is_what_the_difference_is_about() -> None:
    found = code_diff(
        runtime("GatewayGetterFacet"), runtime("GatewayGetterFacetV2"), names={"0xb55dbd06": "getNetworkVersion()"}
    )
    told = [line for line in found.lines if line[0] in "+-"]
    assert any(line.startswith("+") and "PUSH4 0xb55dbd06  getNetworkVersion()" in line for line in told)
    # The rest of the code moved and is not told: only jumps to what is new are.
    assert len(told) < 60
    assert found.omitted == 0


def test_a_jump_that_leads_elsewhere_is_told() -> None:
    # if (calldatasize) goto a; b: STOP / a: REVERT, and the same with the targets changed over.
    old = bytes.fromhex("36600557005b005b600080fd")
    new = bytes.fromhex("36600757005b005b600080fd")
    assert disassemble(old)[1].jump == 5
    found = code_diff(old, new)
    assert not found.equal
    assert [line[0] for line in found.lines if line[0] != " "] == ["-", "+"]


def test_a_long_difference_is_cut_and_says_so() -> None:
    found = code_diff(runtime("UpgradeRegistry"), runtime("OwnershipFacet"), most=50)
    assert len(found.lines) == 50
    assert found.omitted > 0


def test_metadata_is_set_aside() -> None:
    code = runtime("OwnershipFacet")
    assert without_metadata(code) == code
    assert without_metadata(code + METADATA) == code
    assert code_diff(code, code + METADATA).equal
    # Its length alone does not make it metadata: code could hide behind it.
    assert without_metadata(code + b"\xa1" + b"\x5b" * 20 + (21).to_bytes(2, "big")) != code


@pytest.mark.parametrize("code", [b"", b"\x00", b"\xff\xff", b"\xa1\x00\x02", b"\x00\x00\x00\x00"])
def test_what_is_no_metadata_stays(code: bytes) -> None:
    assert without_metadata(code) == code


def test_immutables_are_found_and_masked() -> None:
    code = bytes((PUSH32,)) + bytes(32) + b"\x50" + bytes((PUSH32,)) + b"\x01" * 32 + b"\x00"
    assert immutable_places(code) == [range(1, 33)]
    assert immutable_places(code, {"7": [(40, 20)], "3": [(2, 32)]}) == [range(2, 34), range(40, 60)]
    assert masked(b"\x01" * 10, [range(2, 4), range(8, 40)]) == b"\x01\x01\0\0\x01\x01\x01\x01\0\0"


def test_what_cannot_be_reached_is_not_in_use() -> None:
    assert opcodes_in_use(b"\x00" + bytes((SELFDESTRUCT, DELEGATECALL))) == {0x00}
    assert SELFDESTRUCT in opcodes_in_use(b"\x00\x5b" + bytes((SELFDESTRUCT,)))
    assert DELEGATECALL in opcodes_in_use(runtime("GatewayDiamond"))
    assert not {SELFDESTRUCT, DELEGATECALL} & opcodes_in_use(runtime("OwnershipFacet"))


def test_every_instruction_of_our_contracts_has_a_name() -> None:
    for name in artefact_names():
        assert {entry for entry in opcodes_in_use(runtime(name)) if entry not in NAMES} == set()
