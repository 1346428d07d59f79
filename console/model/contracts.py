"""Contracts that are upgraded by cuts (EIP-2535), and what a cut would change: frozen values for review."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from console.text import UntrustedText

_NO_TEXT = UntrustedText("")
NOBODY = "0x" + "0" * 40
"""The address that stands for no facet, no initialiser and no owner."""


class CutAction(IntEnum):
    """What a cut does with functions; numbers are the diamond's (facts/ipc.md §3.2)."""

    ADD = 0
    REPLACE = 1
    REMOVE = 2


class Upgradable(StrEnum):
    """Who can upgrade a diamond."""

    REGISTRY = "registry"
    """This network's registry owns it: a linked call of an approved proposal does."""
    OTHER = "other"
    """Another account owns it: the cut is exported to that account."""
    NOBODY = "nobody"
    """A system actor or nobody owns it: no transaction can, only a migration of the chain's state."""


@dataclass(frozen=True, slots=True)
class Selector:
    """A function of a contract by its first four bytes."""

    value: str
    """0x and 8 hex digits."""
    name: str = ""
    """Its canonical spelling where the bundled interfaces know it: a guess by hash, shown with the bytes."""

    def __str__(self) -> str:
        return f"{self.name} {self.value}" if self.name else self.value


@dataclass(frozen=True, slots=True)
class FacetCut:
    """One change of a cut."""

    facet: str
    """Checksummed; `NOBODY` for `REMOVE`."""
    action: CutAction
    selectors: tuple[str, ...]
    """0x and 8 hex digits each."""


@dataclass(frozen=True, slots=True)
class Facet:
    """A facet of a diamond as the loupe and the chain show it."""

    address: str
    name: str
    """What it is, by its code or by its functions; empty when neither is known."""
    selectors: tuple[Selector, ...]
    code_hash: str
    """keccak of its code, 64 hex digits; empty where there is no code."""
    code_size: int


@dataclass(frozen=True, slots=True)
class DiamondView:
    """A diamond in one reading."""

    name: str
    """`gateway`, `subnet-actor`, `registry`, or the address where it has no name."""
    address: str
    owner: str
    """`NOBODY` also where the diamond does not say."""
    upgradable: Upgradable
    facets: tuple[Facet, ...]
    height: int
    """Of the chain that the diamond is on."""
    chain_id: int
    on_parent: bool = False
    """On the parent chain, where this network's registry cannot call it."""

    @property
    def routes(self) -> dict[str, str]:
        """Which facet answers each selector."""
        return {selector.value: facet.address for facet in self.facets for selector in facet.selectors}


@dataclass(frozen=True, slots=True)
class FacetChange:
    """What a cut changes at one facet."""

    name: str
    old_address: str
    """The facet that answered before; empty for one that is new."""
    new_address: str
    """Empty for one that goes, and for one that is not deployed yet."""
    old_code_hash: str
    """64 hex digits, or empty."""
    new_code_hash: str
    added: tuple[Selector, ...]
    replaced: tuple[Selector, ...]
    removed: tuple[Selector, ...]
    code_diff: tuple[str, ...] = ()
    """Lines of the two disassemblies: `-`, `+` or a blank, the offset and the instruction; `…` between pieces."""
    code_diff_omitted: int = 0
    """Lines that are left out because there are too many."""
    source: str = ""
    """How the new code is known: one sentence, empty when nothing but its bytes is."""
    deployed: bool = True
    """Whether the new code is on the chain already."""


@dataclass(frozen=True, slots=True)
class CutReview:
    """A cut before anybody agrees to it: everything that it changes, and what is dangerous about it."""

    target_name: str
    target: str
    """Checksummed."""
    owner: str
    upgradable: Upgradable
    on_parent: bool
    facets: tuple[FacetChange, ...]
    init: str
    """The contract whose code would run inside the diamond; `NOBODY` for none."""
    init_code_hash: str
    init_data: str
    """0x hex of what it is called with."""
    risks: tuple[str, ...]
    """Sentences, the gravest first; empty when nothing is unusual."""
    data: str
    """Call data of `diamondCut`, 0x hex; empty while a facet is not deployed."""
    undo_data: str
    """Call data of the cut that takes it back, from the loupe as it is now."""
    height: int
    codes_agree: bool | None = None
    """Of a proposed cut: whether the code on the chain is still what was proposed. None where nothing is recorded."""

    @property
    def changes(self) -> int:
        """Functions that change hands."""
        return sum(len(facet.added) + len(facet.replaced) + len(facet.removed) for facet in self.facets)


@dataclass(frozen=True, slots=True)
class LinkedReview:
    """One linked call in words, and its cut where it is one."""

    target: str
    described: str
    """The call with its arguments by name; foreign text is made safe."""
    cut: CutReview | None
    problem: UntrustedText = _NO_TEXT
    """Why the cut could not be read from the chain; empty when it could."""


@dataclass(frozen=True, slots=True)
class CodeVerdict:
    """Whether the code at an address is what an artefact says."""

    name: str
    address: str
    code_hash: str
    """keccak of the code on the chain; empty where there is none."""
    matches: bool
    why: str
    """One sentence: how far it matches, or where it first differs."""
    immutables: tuple[tuple[int, str], ...] = ()
    """(offset, 0x hex) of each value that the constructor wrote into the code, which the artefact cannot know."""


@dataclass(frozen=True, slots=True)
class CutCheck:
    """Whether a cut is in force: its functions where it put them, on the code that was agreed on."""

    target: str
    height: int
    in_force: bool
    problems: tuple[str, ...]
    """One sentence per function or facet that is not as the cut says."""


@dataclass(frozen=True, slots=True)
class CutWatch:
    """Whether the linked cuts of a proposal are in force, as the chain was looked at last."""

    proposal_id: int
    checks: tuple[CutCheck, ...]
    """One per cut among its calls."""
    problem: UntrustedText = _NO_TEXT
    """Why it could not be looked at; empty when it could."""

    @property
    def verified(self) -> bool:
        """Whether every cut is in force, by loupe and by the hash of its code."""
        return not self.problem and all(check.in_force for check in self.checks)

    @property
    def sentence(self) -> str:
        """How far they are verified, without a full stop."""
        if self.problem:
            return f"contract cuts cannot be verified: {self.problem}"
        wrong = [problem for check in self.checks for problem in check.problems]
        if wrong:
            return f"contract cuts are not in force: {wrong[0]}"
        if not self.checks:
            return "contract calls made; no cut among them"
        at = max(check.height for check in self.checks)
        return f"{len(self.checks)} contract cut{'' if len(self.checks) == 1 else 's'} verified at {at:,}"
