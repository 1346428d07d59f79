"""Cuts of a diamond as values: call data to and from them, what they lead to, and the cut that takes one back.

Pure: the rules are LibDiamond's (facts/ipc.md §3.2), so that what the diamond would refuse is refused here first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from console.addresses import ZERO_ADDRESS, checksummed
from console.chain.abi import AbiError, decode, encode
from console.chain.ipc_functions import DIAMOND_CUT
from console.chain.selectors import core_selectors, selector_of
from console.errors import InputError
from console.model import CutAction, FacetCut

MOST_CUTS = 64
MOST_SELECTORS = 1024
"""Functions of a diamond, and of a cut: IPC's gateway has about a hundred."""

DIAMOND_CUT_SELECTOR = bytes.fromhex(selector_of(DIAMOND_CUT)[2:])

_TYPES = ("(address,uint8,bytes4[])[]", "address", "bytes")


@dataclass(frozen=True, slots=True)
class Cut:
    """One call of `diamondCut`."""

    changes: tuple[FacetCut, ...]
    init: str = ZERO_ADDRESS
    """Whose code runs inside the diamond afterwards."""
    init_data: bytes = b""

    @property
    def facets(self) -> tuple[str, ...]:
        """The facets that it names, each once, in its order."""
        return tuple(dict.fromkeys(change.facet for change in self.changes if change.facet != ZERO_ADDRESS))


def encode_cut(cut: Cut) -> bytes:
    """Call data of `diamondCut`."""
    changes = [
        (change.facet, int(change.action), [bytes.fromhex(selector[2:]) for selector in change.selectors])
        for change in cut.changes
    ]
    return DIAMOND_CUT_SELECTOR + encode(_TYPES, (changes, cut.init, cut.init_data))


def decode_cut(data: bytes) -> Cut | None:
    """The cut in call data; None when it calls another function.

    Raises:
        InputError: `diamondCut` with arguments that are none, or that say one thing in two ways.
    """
    if data[:4] != DIAMOND_CUT_SELECTOR:
        return None
    try:
        changes, init, init_data = decode(_TYPES, data[4:])
        if len(changes) > MOST_CUTS or sum(len(selectors) for _, _, selectors in changes) > MOST_SELECTORS:
            raise InputError(f"a cut of more than {MOST_CUTS} changes or {MOST_SELECTORS} functions is not read")
        cut = Cut(
            tuple(
                FacetCut(checksummed(facet), CutAction(action), tuple("0x" + selector.hex() for selector in selectors))
                for facet, action, selectors in changes
            ),
            checksummed(init),
            init_data,
        )
    except (AbiError, ValueError):
        raise InputError("the call data says diamondCut, and what follows is no cut") from None
    if encode_cut(cut) != data:
        # Bytes that we would not write may be read otherwise by another reader.
        raise InputError("the call data of diamondCut is not in its plain form")
    return cut


def routes_after(routes: Mapping[str, str], cut: Cut) -> dict[str, str]:
    """Which facet answers each selector after a cut.

    Args:
        routes: The same before it, as `DiamondView.routes`.
        cut: The cut.

    Raises:
        InputError: The diamond would refuse it; the sentence says what.
    """
    found = dict(routes)
    for change in cut.changes:
        _check_change(change)
        for selector in change.selectors:
            present = found.get(selector)
            if change.action is CutAction.ADD:
                if present is not None:
                    raise InputError(f"the function {selector} cannot be added: {present} answers it already")
                found[selector] = change.facet
            elif present is None:
                verb = "replaced" if change.action is CutAction.REPLACE else "removed"
                raise InputError(f"the function {selector} cannot be {verb}: the diamond does not have it")
            elif change.action is CutAction.REPLACE:
                if present == change.facet:
                    raise InputError(f"the function {selector} cannot be replaced by the same facet {present}")
                found[selector] = change.facet
            else:
                del found[selector]
    return found


def cut_between(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[FacetCut, ...]:
    """The changes that lead from one set of routes to another: Remove, then Add, then Replace, as IPC's own script.

    Args:
        before: Facet by selector, as it is.
        after: The same as it shall be.
    """
    removed = sorted(selector for selector in before if selector not in after)
    added = {selector: facet for selector, facet in after.items() if selector not in before}
    replaced = {
        selector: facet for selector, facet in after.items() if selector in before and before[selector] != facet
    }
    changes = [FacetCut(ZERO_ADDRESS, CutAction.REMOVE, tuple(removed))] if removed else []
    return (*changes, *_by_facet(added, CutAction.ADD), *_by_facet(replaced, CutAction.REPLACE))


def undo_of(routes: Mapping[str, str], cut: Cut) -> Cut:
    """The cut that puts every function back where it is now. An initialiser's work is not undone by it.

    Raises:
        InputError: As `routes_after`.
    """
    return Cut(cut_between(routes_after(routes, cut), routes))


def core_functions_touched(cut: Cut) -> dict[str, tuple[CutAction, str]]:
    """What a cut does to the functions that a diamond is read, cut and handed over by: action and facet by selector."""
    core = core_selectors()
    return {
        selector: (change.action, change.facet)
        for change in cut.changes
        for selector in change.selectors
        if selector in core
    }


def _check_change(change: FacetCut) -> None:
    if not change.selectors:
        raise InputError("a change of a cut names no function")
    if (change.action is CutAction.REMOVE) != (change.facet == ZERO_ADDRESS):
        wanted = "the zero address" if change.action is CutAction.REMOVE else "a facet"
        raise InputError(f"a change that is to {change.action.name.lower()} functions must name {wanted}")


def _by_facet(routes: Mapping[str, str], action: CutAction) -> tuple[FacetCut, ...]:
    ordered: Sequence[tuple[str, str]] = sorted(routes.items(), key=lambda entry: (entry[1], entry[0]))
    return tuple(
        FacetCut(facet, action, tuple(selector for selector, _ in found))
        for facet, found in groupby(ordered, key=lambda entry: entry[1])
    )
