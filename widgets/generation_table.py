"""The generations on this machine's disk: which runs, which is next, and what is verified of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.content import Content

from console.model import GenerationOnDisk
from console.text import short_hash, size
from widgets.drawn import BAD, STRONG, stacked
from widgets.moments import UNKNOWN, wall_clock
from widgets.row_table import Column, RowTable


@dataclass(frozen=True, slots=True)
class GenerationRow:
    """What the table shows of one generation."""

    key: str
    name: str
    state: str
    verified: str
    size: str
    sha256: str
    tone: str


def generation_rows(generations: tuple[GenerationOnDisk, ...], next_name: str) -> tuple[GenerationRow, ...]:
    """The rows, in the order of the disk.

    Args:
        generations: As read.
        next_name: Folder of the generation that crosses next; empty for none.
    """
    return tuple(_row(each, next_name) for each in generations)


def _row(generation: GenerationOnDisk, next_name: str) -> GenerationRow:
    following = generation.name == next_name and not generation.current
    return GenerationRow(
        key=generation.name,
        name=generation.name,
        state=_state(generation, following),
        verified=verified_words(generation),
        size=UNKNOWN if generation.bytes is None else size(generation.bytes),
        sha256=short_hash(generation.sha256) if generation.sha256 else UNKNOWN,
        tone=_tone(generation, following),
    )


def _state(generation: GenerationOnDisk, following: bool) -> str:
    if not generation.complete:
        return "incomplete"
    return "current" if generation.current else "next" if following else UNKNOWN


def _tone(generation: GenerationOnDisk, following: bool) -> str:
    if generation.problem or not generation.complete:
        return "bad"
    if not generation.verified:
        return "warn"
    return "good" if generation.current or following else ""


def verified_words(generation: GenerationOnDisk) -> str:
    """What is on record for its bytes, in a few words."""
    if generation.problem:
        return "unreadable"
    if not generation.verified:
        return "nobody vouched"
    if generation.manifest:
        return f"manifest, {generation.signatures} sig"
    return "hash recorded"


def generation_detail(generation: GenerationOnDisk, now: float) -> Content:
    """All that is known of one generation in a few sentences."""
    name = (str(generation.name), STRONG)
    if generation.problem:
        return Content.assemble(name, ("  ✗ ", BAD), generation.problem)
    parts = []
    if generation.missing:
        parts.append(f"{', '.join(generation.missing)} missing")
    if generation.manifest:
        signed = f"{generation.signatures} signature{'' if generation.signatures == 1 else 's'}"
        parts.append(f"manifest {short_hash(generation.manifest)}, {signed}")
    if generation.bytes is not None:
        parts.append(size(generation.bytes))
    if generation.staged_at is not None:
        parts.append(f"recorded {wall_clock(generation.staged_at, now)}")
    if generation.origin:
        parts.append(generation.origin)
    digits = f"sha256 {generation.sha256}" if generation.sha256 else "no hash on record: nobody vouched for its bytes"
    return stacked(Content.assemble(name, "  ", " · ".join(parts)), digits)


class GenerationTable(RowTable[GenerationRow]):
    """Up and Down choose one."""

    TONED: ClassVar[frozenset[str]] = frozenset({"state", "verified"})
    RIGHT: ClassVar[frozenset[str]] = frozenset({"size"})

    def columns_for(self, width: int) -> tuple[Column, ...]:
        state: Column = ("state", "is", 11)
        if width < 50:
            return (("name", "generation", max(8, width - 26)), state, ("verified", "verified", 15))
        more: tuple[Column, ...] = (("verified", "verified", 18), ("size", "size", 11))
        if width >= 76:
            more = (*more, ("sha256", "sha256", 18))
        taken = sum(column for _, _, column in (state, *more))
        return (("name", "generation", min(40, width - taken)), state, *more)
