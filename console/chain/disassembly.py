"""EVM code as instructions, and the difference of two pieces of code that a person can read.

A byte put in at the front moves every jump behind it, so the numbers of jump targets differ everywhere and say
nothing. They are left out when the two codes are laid side by side, and compared afterwards: a jump that no longer
leads to the counterpart of where it led is a difference like any other. Nothing that changes what the code does is
hidden; what solc appends about itself is, and is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from console.chain.opcodes import ENDS, JUMP, JUMPDEST, JUMPI, NAMES, PUSH1, PUSH4, PUSH32

MOST_CODE = 64 * 1024
"""Bytes of code that are looked at: Ethereum and the FVM allow 24 KiB."""

MOST_LINES = 400
"""Lines of a difference that are shown unless more are asked for."""

CONTEXT = 2
"""Equal instructions around each difference."""

_MOST_PAIRS = 1_000_000
"""Instructions of one side times those of the other, beyond which a region is told as replaced as a whole."""

_METADATA_KEYS = (b"\x64ipfs", b"\x64solc", b"\x65bzzr0", b"\x65bzzr1", b"\x6cexperimental")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, or data that is none."""

    offset: int
    opcode: int
    data: bytes = b""
    """Of a push: what it pushes; shorter than it should be where the code ends in it."""
    jump: int | None = None
    """Where it leads, when it pushes the place of a jump target."""

    @property
    def name(self) -> str:
        """Its name, or its byte where the EVM knows none."""
        return NAMES.get(self.opcode, f"0x{self.opcode:02x}")

    @property
    def key(self) -> tuple[int, bytes]:
        """What has to be equal in two codes; where a jump leads is compared apart."""
        return (self.opcode, b"" if self.jump is not None else self.data)


@dataclass(frozen=True, slots=True)
class CodeDiff:
    """The difference of two codes."""

    lines: tuple[str, ...]
    omitted: int
    """Lines left out at the end."""
    equal: bool
    """Whether both do the same, their metadata aside."""


def disassemble(code: bytes) -> tuple[Instruction, ...]:
    """Read code as instructions, from its first byte to its last."""
    raw = tuple(_walk(code))
    targets = {entry.offset for entry in raw if entry.opcode == JUMPDEST}
    read: list[Instruction] = []
    for place, entry in enumerate(raw):
        value = int.from_bytes(entry.data, "big")
        # A place is pushed in two bytes, or in one right before its jump; any other single byte is a number.
        jumps = place + 1 < len(raw) and raw[place + 1].opcode in {JUMP, JUMPI}
        leads = value in targets and (len(entry.data) in {2, 3} or (len(entry.data) == 1 and jumps))
        read.append(Instruction(entry.offset, entry.opcode, entry.data, value) if leads else entry)
    return tuple(read)


def opcodes_in_use(code: bytes) -> frozenset[int]:
    """The instructions that can be reached: what follows an end before the next jump target is data."""
    found: set[int] = set()
    reached = True
    for entry in _walk(without_metadata(code)):
        reached = reached or entry.opcode == JUMPDEST
        if reached:
            found.add(entry.opcode)
        reached = reached and entry.opcode not in ENDS
    return frozenset(found)


def without_metadata(code: bytes) -> bytes:
    """The code without what solc appends: a CBOR map of hashes and versions, then its length in two bytes."""
    if len(code) < 4:
        return code
    size = int.from_bytes(code[-2:], "big")
    at = len(code) - 2 - size
    if at < 0 or size < 2 or code[at] & 0xF0 != 0xA0 or code[at] == 0xA0:
        return code
    return code[:at] if code[at + 1 : -2].startswith(_METADATA_KEYS) else code


def immutable_places(code: bytes, references: Mapping[str, Sequence[tuple[int, int]]] | None = None) -> list[range]:
    """Where a constructor writes into runtime code.

    Args:
        code: The artefact's runtime code, in which those places are zero.
        references: solc's `immutableReferences` as (start, length); None where the artefact has none, then every push
            of 32 zero bytes is one, which is how solc leaves room.
    """
    if references is not None:
        places = [range(start, start + length) for found in references.values() for start, length in found]
        return sorted(places, key=lambda place: place.start)
    return [
        range(entry.offset + 1, entry.offset + 33)
        for entry in _walk(code)
        if entry.opcode == PUSH32 and entry.data == bytes(32)
    ]


def masked(code: bytes, places: Sequence[range]) -> bytes:
    """The code with zeros at these places, those beyond its end left out."""
    written = bytearray(code)
    for place in places:
        for at in range(place.start, min(place.stop, len(written))):
            written[at] = 0
    return bytes(written)


def code_diff(
    old: bytes, new: bytes, *, names: Mapping[str, str] | None = None, most: int = MOST_LINES, context: int = CONTEXT
) -> CodeDiff:
    """Lay two codes side by side.

    Args:
        old: Runtime code.
        new: Runtime code.
        names: Function names by 0x selector, told beside a push of four bytes.
        most: Lines that are kept.
        context: Equal instructions shown around each difference.
    """
    before, after = disassemble(without_metadata(old)), disassemble(without_metadata(new))
    pairs = list(_aligned(before, after))
    moved = {left.offset: right.offset for left, right in pairs if left is not None and right is not None}
    rows: list[tuple[str, Instruction]] = []
    for left, right in pairs:
        if left is not None and right is not None and _same(left, right, moved):
            rows.append((" ", right))
            continue
        rows += [("-", left)] if left is not None else []
        rows += [("+", right)] if right is not None else []
    rows = _removals_first(rows)
    shown = _near_a_change(rows, context)
    lines: list[str] = []
    last = -1
    for place in shown:
        if lines and place != last + 1:
            lines.append("…")
        lines.append(_line(*rows[place], names or {}))
        last = place
    changed = any(sign != " " for sign, _ in rows)
    return CodeDiff(tuple(lines[:most]), max(0, len(lines) - most), not changed)


def _walk(code: bytes) -> Iterator[Instruction]:
    at = 0
    while at < len(code):
        opcode = code[at]
        size = opcode - PUSH1 + 1 if PUSH1 <= opcode <= PUSH32 else 0
        yield Instruction(at, opcode, code[at + 1 : at + 1 + size])
        at += 1 + size


def _same(left: Instruction, right: Instruction, moved: Mapping[int, int]) -> bool:
    if left.jump is None or right.jump is None:
        return left.jump is right.jump
    return moved.get(left.jump) == right.jump


def _aligned(
    before: Sequence[Instruction], after: Sequence[Instruction]
) -> Iterator[tuple[Instruction | None, Instruction | None]]:
    """Pairs of instructions that stand for each other; None where one side has no counterpart."""
    # By blocks first: instruction by instruction, a contract of 24 KiB would take minutes.
    old_blocks, new_blocks = _blocks(before), _blocks(after)
    old_keys = [tuple(entry.key for entry in block) for block in old_blocks]
    new_keys = [tuple(entry.key for entry in block) for block in new_blocks]
    matcher = SequenceMatcher(None, old_keys, new_keys, autojunk=False)
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        left = [entry for block in old_blocks[old_from:old_to] for entry in block]
        right = [entry for block in new_blocks[new_from:new_to] for entry in block]
        if tag == "equal":
            yield from zip(left, right, strict=True)
        else:
            yield from _aligned_lines(left, right)


def _aligned_lines(
    left: Sequence[Instruction], right: Sequence[Instruction]
) -> Iterator[tuple[Instruction | None, Instruction | None]]:
    if len(left) * len(right) > _MOST_PAIRS:
        yield from ((entry, None) for entry in left)
        yield from ((None, entry) for entry in right)
        return
    matcher = SequenceMatcher(None, [e.key for e in left], [e.key for e in right], autojunk=False)
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if tag == "equal":
            yield from zip(left[old_from:old_to], right[new_from:new_to], strict=True)
        else:
            yield from ((entry, None) for entry in left[old_from:old_to])
            yield from ((None, entry) for entry in right[new_from:new_to])


def _blocks(instructions: Sequence[Instruction]) -> list[list[Instruction]]:
    blocks: list[list[Instruction]] = [[]]
    for entry in instructions:
        if entry.opcode == JUMPDEST and blocks[-1]:
            blocks.append([])
        blocks[-1].append(entry)
        if entry.opcode in ENDS or entry.opcode == JUMPI:
            blocks.append([])
    return [block for block in blocks if block]


def _removals_first(rows: Sequence[tuple[str, Instruction]]) -> list[tuple[str, Instruction]]:
    """Within each run of differences what went before what came, as every diff is read."""
    ordered: list[tuple[str, Instruction]] = []
    came: list[tuple[str, Instruction]] = []
    for row in rows:
        if row[0] == "+":
            came.append(row)
            continue
        if row[0] == " ":
            ordered += came
            came = []
        ordered.append(row)
    return ordered + came


def _near_a_change(rows: Sequence[tuple[str, Instruction]], context: int) -> list[int]:
    near: set[int] = set()
    for place, (sign, _) in enumerate(rows):
        if sign != " ":
            near.update(range(max(0, place - context), min(len(rows), place + context + 1)))
    return sorted(near)


def _line(sign: str, entry: Instruction, names: Mapping[str, str]) -> str:
    told = f"{sign} {entry.offset:04x} {entry.name}"
    if entry.jump is not None:
        return f"{told} →{entry.jump:04x}"
    if not entry.data:
        return told
    selector = "0x" + entry.data.hex()
    named = f"  {names[selector]}" if entry.opcode == PUSH4 and selector in names else ""
    return f"{told} {selector}{named}"
