"""Contracts that are nothing but answers: what stands for a foreign contract, a sound one or a hostile one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

_HASH_CALLDATA = bytes.fromhex("36600060003736600020")
"""The whole calldata to memory, and its keccak256 on the stack."""
_CASE = 1 + 33 + 1 + 3 + 1
_LEAVE = 9 + 6
_ANSWER = 1 + _LEAVE
"""Bytes of code: one comparison, one way out, one way out that is jumped to."""


def call_of(signature: str, *arguments: Any) -> bytes:
    """Calldata of a function whose parameters are no tuples."""
    kinds = [kind for kind in signature[signature.index("(") + 1 : -1].split(",") if kind]
    return keccak(text=signature)[:4] + encode(kinds, list(arguments))


def answering(answers: Mapping[bytes, bytes], otherwise: bytes = b"") -> bytes:
    """Runtime code that returns `answers[calldata]`, and reverts with `otherwise` for any other call."""
    exits = len(_HASH_CALLDATA) + _CASE * len(answers) + _LEAVE
    offset = exits + _ANSWER * len(answers)
    code = _HASH_CALLDATA
    for number, calldata in enumerate(answers):
        # DUP1 PUSH32 EQ PUSH2 JUMPI
        code += b"\x80\x7f" + keccak(calldata) + b"\x14\x61" + _word(exits + _ANSWER * number) + b"\x57"
    code += _leave(otherwise, offset, b"\xfd")
    data = otherwise
    for answer in answers.values():
        code += b"\x5b" + _leave(answer, offset + len(data), b"\xf3")
        data += answer
    return code + data


def _leave(data: bytes, offset: int, operation: bytes) -> bytes:
    """Copy from the code and RETURN or REVERT: PUSH2 PUSH2 PUSH1 CODECOPY, PUSH2 PUSH1 and the operation."""
    size = _word(len(data))
    return b"\x61" + size + b"\x61" + _word(offset) + b"\x60\x00\x39\x61" + size + b"\x60\x00" + operation


def _word(number: int) -> bytes:
    return number.to_bytes(2, "big")
