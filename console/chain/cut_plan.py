"""From facets that somebody compiled to the cut that puts them into a diamond. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from console.addresses import ZERO_ADDRESS, checksummed, keccak
from console.chain.artefact_file import Compiled, compare_code
from console.chain.cuts import Cut, core_functions_touched, cut_between
from console.chain.diamond import Diamond
from console.chain.selectors import core_selectors
from console.errors import InputError


@dataclass(frozen=True, slots=True)
class ProposedFacet:
    """A facet as it shall be."""

    name: str
    compiled: Compiled
    address: str = ""
    """Where it is deployed, checksummed; empty when it has to be deployed first."""


@dataclass(frozen=True, slots=True)
class CutPlan:
    """What has to be deployed, and the cut that follows."""

    cut: Cut
    to_deploy: tuple[ProposedFacet, ...]
    """Facets of which no copy is in the diamond; their addresses in the cut are stand-ins."""
    facets: Mapping[str, ProposedFacet] = field(default_factory=dict)
    """By the address in the cut, stand-ins included."""

    @property
    def standing_in(self) -> frozenset[str]:
        """Addresses in the cut that stand for code which is not on the chain."""
        return frozenset(stand_in(facet.compiled) for facet in self.to_deploy)


def plan_cut(
    diamond: Diamond,
    proposed: Sequence[ProposedFacet],
    *,
    init: str = ZERO_ADDRESS,
    init_data: bytes = b"",
    allow_core: bool = False,
) -> CutPlan:
    """Work out the cut.

    A facet takes the place of the one with its name, else of the one that it shares most functions with; functions of
    that one which no proposed facet has go. Facets whose code the diamond has already are not deployed again.

    Args:
        diamond: The diamond as it is now.
        proposed: The facets.
        init: Whose code runs inside the diamond after the cut.
        init_data: What it is called with.
        allow_core: Whether the functions that a diamond is read, cut and handed over by may be touched.

    Raises:
        InputError: Nothing would change, two facets claim one function, or a core function would be touched.
    """
    if not proposed:
        raise InputError("no facet is named", safe="nothing was sent")
    _refuse_shared(proposed)
    before = diamond.view.routes
    after = dict(before)
    placed: dict[str, ProposedFacet] = {}
    missing: list[ProposedFacet] = []
    kept = {selector for facet in proposed for selector in facet.compiled.functions}
    for facet in proposed:
        address = facet.address or _present(diamond, facet.compiled)
        if not address:
            missing.append(facet)
            address = stand_in(facet.compiled)
        for selector in _replaced_functions(diamond, facet):
            if selector not in kept:
                after.pop(selector, None)
        after.update(dict.fromkeys(facet.compiled.functions, address))
        placed[address] = facet
    cut = Cut(cut_between(before, after), init, init_data)
    if not cut.changes:
        raise InputError(
            f"{diamond.view.name} has all of these facets already, with the same code and functions",
            safe="there is nothing to propose",
        )
    touched = core_functions_touched(cut)
    if touched and not allow_core:
        facet_names = ", ".join(sorted({core_selectors()[selector] for selector in touched}))
        raise InputError(
            f"the cut would touch {facet_names}, by which the diamond is read, cut or handed over",
            safe="nothing was sent",
            next_step="leave it out, or pass --allow-core if that is what you want",
        )
    return CutPlan(cut, tuple(missing), placed)


def with_addresses(plan: CutPlan, deployed: Mapping[str, str]) -> CutPlan:
    """The plan with the addresses of what was deployed.

    Args:
        plan: The plan.
        deployed: Checksummed address by facet name, for each of `to_deploy`.
    """
    moved = {stand_in(facet.compiled): deployed[facet.name] for facet in plan.to_deploy}
    changes = tuple(
        type(change)(moved.get(change.facet, change.facet), change.action, change.selectors)
        for change in plan.cut.changes
    )
    facets = {moved.get(address, address): facet for address, facet in plan.facets.items()}
    return CutPlan(Cut(changes, plan.cut.init, plan.cut.init_data), (), facets)


def stand_in(compiled: Compiled) -> str:
    """An address that stands for code which is not on the chain yet; no key and no contract can have it by intent."""
    return checksummed(keccak(b"not deployed yet\0" + compiled.creation)[-20:])


def _present(diamond: Diamond, compiled: Compiled) -> str:
    """The facet of the diamond that has this code already; empty for none. Immutables make two of one kind differ."""
    if compiled.immutables:
        return ""
    found = (
        facet.address
        for facet in diamond.view.facets
        if compare_code(compiled, diamond.codes.get(facet.address, b""), facet.address).matches
    )
    return next(found, "")


def _replaced_functions(diamond: Diamond, facet: ProposedFacet) -> Iterable[str]:
    """The functions of the facet whose place this one takes."""
    shared = Counter(
        {
            entry.address: len({selector.value for selector in entry.selectors} & set(facet.compiled.functions))
            for entry in diamond.view.facets
        }
    )
    named_so = [
        entry.address for entry in diamond.view.facets if entry.name == facet.name and shared[entry.address] > 0
    ]
    place = named_so[0] if named_so else max(shared, key=lambda address: shared[address], default="")
    if not place or not shared[place]:
        return ()
    return (selector.value for entry in diamond.view.facets if entry.address == place for selector in entry.selectors)


def _refuse_shared(proposed: Sequence[ProposedFacet]) -> None:
    seen: dict[str, str] = {}
    names = Counter(facet.name for facet in proposed)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise InputError(f"the facet {twice[0]} is named twice")
    for facet in proposed:
        for selector, spelling in facet.compiled.functions.items():
            if selector in seen:
                raise InputError(f"{seen[selector]} and {facet.name} both have {spelling}: a function has one facet")
            seen[selector] = facet.name
