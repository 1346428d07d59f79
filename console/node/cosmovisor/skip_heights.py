"""`--unsafe-skip-upgrades` in the node's arguments (facts/cosmos.md §1.5, §4.5)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

FLAG = "--unsafe-skip-upgrades"


@dataclass(frozen=True, slots=True)
class SkipHeights:
    """The heights at which the operator wants no upgrade."""

    heights: frozenset[int]
    """All of them: Cosmovisor takes each as skipped."""
    unseen_by_node: frozenset[int]
    """Those that only Cosmovisor sees: the node's own flag takes one argument, `H1,H2`, and ignores a second."""

    def skips(self, height: int) -> bool:
        """Whether the upgrade at that height is to be skipped."""
        return height in self.heights

    def warning(self) -> str:
        """What to change, empty when both read the same."""
        if not self.unseen_by_node:
            return ""
        lost = ", ".join(str(height) for height in sorted(self.unseen_by_node))
        right = ",".join(str(height) for height in sorted(self.heights))
        return f"the node does not see the skipped heights {lost}; write {FLAG}={right}"


def skip_heights(arguments: Sequence[str]) -> SkipHeights:
    """Read the flag in all its forms: `H1 H2`, `H1,H2`, `=H1,H2`, and given more than once."""
    seen: set[int] = set()
    unseen: set[int] = set()
    position = 0
    while position < len(arguments):
        argument = arguments[position]
        position += 1
        if argument == "--":
            break
        if argument.startswith(f"{FLAG}="):
            seen |= _heights(argument.partition("=")[2])
        elif argument == FLAG:
            first = True
            while position < len(arguments) and not arguments[position].startswith("-"):
                found = _heights(arguments[position])
                if first:
                    seen |= found
                else:
                    unseen |= found
                first = False
                position += 1
    return SkipHeights(frozenset(seen | unseen), frozenset(unseen - seen))


def with_skips(arguments: tuple[str, ...], heights: Collection[int]) -> tuple[str, ...]:
    """The arguments with all these heights besides their own, in the one form that the node itself reads whole.

    Args:
        arguments: Of the node's start; they stay as they are when they say it all.
        heights: To be skipped.
    """
    known = skip_heights(arguments)
    wanted = known.heights | set(heights)
    if wanted == known.heights - known.unseen_by_node:
        return arguments
    kept: list[str] = []
    position = 0
    while position < len(arguments):
        argument = arguments[position]
        position += 1
        if argument == "--":
            position -= 1
            break
        if argument == FLAG:
            while position < len(arguments) and not arguments[position].startswith("-"):
                position += 1
        elif not argument.startswith(f"{FLAG}="):
            kept.append(argument)
    listed = ",".join(str(height) for height in sorted(wanted))
    return (*kept, f"{FLAG}={listed}", *arguments[position:])


def _heights(text: str) -> set[int]:
    pieces = (piece.strip() for piece in text.strip("[]").split(","))
    return {int(piece) for piece in pieces if piece.isascii() and piece.isdigit() and len(piece) < 20}
