"""Every custom error of the committed contract is one operator's sentence."""

from __future__ import annotations

import string

import pytest
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from console.chain.contracts import artefact
from console.chain.refusals import SENTENCES, refusal, refused
from console.chain.registry import registry_interface
from console.chain.rpc import RpcError
from console.errors import BadAnswer, ContractRefused
from console.text import UntrustedText

REGISTRY = registry_interface()
ERRORS = {signature.name: signature for signature in REGISTRY.errors.values()}
EXAMPLES = {
    "address": "0x" + "ab" * 20,
    "string": "v0.2.0\x1b[2J",
    "bytes32": b"\xcd" * 32,
    "bytes": b"\x1b[2J" * 100,
    "bytes1": b"\x1b",
    "bytes4": b"\x1b[2J",
    "uint8": 2,
    "uint16": 2,
    "uint64": 77,
    "uint256": 30,
}


def data_of(name: str, *values: object) -> bytes:
    signature = ERRORS[name]
    return signature.selector + encode(signature.types, values)


def example(name: str) -> bytes:
    return data_of(name, *(EXAMPLES[kind] for kind in ERRORS[name].types))


def rpc_error(data: object, code: int = 33, message: str = "contract reverted") -> RpcError:
    return RpcError(code, UntrustedText(message), data)


def test_sentences_are_those_of_the_contract() -> None:
    declared = {entry["name"] for entry in artefact("UpgradeRegistry").abi if entry["type"] == "error"}
    assert set(SENTENCES) == declared == set(ERRORS)


def test_fields_and_statuses_are_words() -> None:
    assert "'delay' has to be left out" in refused(data_of("FieldNotAllowed", b"delay".ljust(32, b"\0")), REGISTRY).what
    assert "which is REJECTED" in refused(data_of("WrongStatus", 3, 3), REGISTRY).what


@pytest.mark.parametrize("name", sorted(SENTENCES))
def test_one_sentence_per_error(name: str) -> None:
    error = refused(example(name), REGISTRY, height=120)
    assert error.name == name
    assert set(error.arguments) == set(ERRORS[name].names)
    sentence = str(error)
    assert sentence.endswith("; nothing was changed on the chain.")
    assert sentence.isprintable()
    assert "\x1b" not in sentence
    assert "0x0x" not in sentence
    assert "{" not in sentence
    assert len(sentence) < 260


@pytest.mark.parametrize("name", sorted(SENTENCES))
def test_sentences_use_only_what_the_error_holds(name: str) -> None:
    used = {field for _, field, _, _ in string.Formatter().parse(SENTENCES[name]) if field}
    assert used <= {*ERRORS[name].names, "height"}


def test_the_sentence_of_the_specification() -> None:
    error = refused(data_of("LeadTooShort", 20, 7), REGISTRY, height=120)
    assert error.what == "height 120 is too close: at least 20 blocks ahead are needed, given 7"
    assert error.arguments == {"required": 20, "given": 7}
    assert "the target height is too close" in refused(data_of("LeadTooShort", 20, 7), REGISTRY).what


def test_verdicts_and_addresses_are_words() -> None:
    assert "its verdict is ABORT" in refused(data_of("NotCrossing", 3, 2), REGISTRY).what
    caller = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
    assert "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266" in refused(data_of("NotAProposer", caller), REGISTRY).what


@pytest.mark.parametrize("wrap", ["{}", "0x{}", "0X{}"])
def test_with_and_without_prefix(wrap: str) -> None:
    """facts/evm.md §5.1: Fendermint leaves 0x away."""
    digits = data_of("UnknownProposal", 9).hex()
    error = refusal(rpc_error(wrap.format(digits)), REGISTRY, what="x")
    assert isinstance(error, ContractRefused)
    assert error.what == "there is no proposal 9"


@pytest.mark.parametrize("shape", ["plain", "object", "deep"])
def test_data_inside_objects(shape: str) -> None:
    digits = "0x" + data_of("UnknownProposal", 9).hex()
    data: object = {"plain": digits, "object": {"data": digits}, "deep": {"originalError": {"data": digits}}}[shape]
    assert refusal(rpc_error(data, code=3), REGISTRY, what="x").what == "there is no proposal 9"


def test_reasons_of_require_and_panics() -> None:
    reason = bytes.fromhex("08c379a0") + encode(["string"], ["not\x1b[31m now"])
    assert refused(reason, REGISTRY).what == "the contract refused: not<U+001B>[31m now"
    panic = bytes.fromhex("4e487b71") + encode(["uint256"], [0x11])
    assert "panic 0x11" in refused(panic, REGISTRY).what


def test_unknown_errors_are_named_by_selector() -> None:
    assert "0xdeadbeef" in refused(bytes.fromhex("deadbeef") + bytes(32), REGISTRY).what


def test_a_revert_without_data() -> None:
    for error in (rpc_error(None), rpc_error("", code=3), rpc_error(None, -32000, "execution reverted")):
        told = refusal(error, REGISTRY, what="x")
        assert isinstance(told, ContractRefused)
        assert told.what == "the contract refused without a reason"


def test_other_errors_are_the_endpoints_words() -> None:
    told = refusal(rpc_error(None, -32000, "insufficient funds"), REGISTRY, what="propose on http://a:1")
    assert isinstance(told, BadAnswer)
    assert told.what == "propose on http://a:1 was answered with error -32000: insufficient funds"


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.sampled_from(sorted(SENTENCES)), st.binary(max_size=200), st.integers(0, 100))
def test_damaged_data_is_still_a_sentence(name: str, tail: bytes, keep: int) -> None:
    error = refused(example(name)[: 4 + keep] + tail, REGISTRY)
    assert str(error).isprintable()
    assert len(str(error)) < 400
