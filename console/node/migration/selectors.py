"""The functions of a contract, as its own code tells them: what Solidity's and Vyper's dispatchers compare with."""

from __future__ import annotations

from collections.abc import Iterator

MAX_SELECTORS = 512

_PUSH1, _PUSH3, _PUSH4, _PUSH32 = 0x60, 0x62, 0x63, 0x7F
_EQ, _XOR = 0x14, 0x18
_DUP1, _DUP16 = 0x80, 0x8F


def selectors(code: bytes) -> tuple[str, ...]:
    """Selectors that the code compares something with, as 0x and eight digits, sorted.

    A reading, not a proof: code that was not made by a known compiler can hide functions from it.

    Args:
        code: Runtime code, or creation code with runtime code in it.
    """
    found: set[str] = set()
    steps = list(_instructions(code))
    for place, (opcode, data) in enumerate(steps):
        # A compiler leaves leading zeros of a selector out.
        if opcode not in (_PUSH3, _PUSH4):
            continue
        after = [each for each, _ in steps[place + 1 : place + 3]]
        if after and _DUP1 <= after[0] <= _DUP16:
            after = after[1:]
        if after and after[0] in (_EQ, _XOR):
            found.add("0x" + data.rjust(4, b"\0").hex())
            if len(found) == MAX_SELECTORS:
                break
    return tuple(sorted(found))


def _instructions(code: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place < len(code):
        opcode = code[place]
        width = opcode - _PUSH1 + 1 if _PUSH1 <= opcode <= _PUSH32 else 0
        yield opcode, code[place + 1 : place + 1 + width]
        place += 1 + width
