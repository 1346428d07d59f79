"""Whether a cut is in force on its diamond: by loupe, and by the code that was agreed on."""

from __future__ import annotations

from collections.abc import Mapping

from console.addresses import ZERO_ADDRESS, keccak
from console.chain.cuts import Cut
from console.chain.diamond import Diamond, Place, read_codes, read_diamond
from console.chain.rpc import JsonRpc
from console.model import CutAction, CutCheck

_WORD = 32


async def check_cut(place: Place, cut: Cut, rpc: JsonRpc, *, codes_hash: str = "") -> CutCheck:
    """Whether a cut is in force.

    Args:
        place: The diamond.
        cut: The cut.
        rpc: The client.
        codes_hash: What the registry recorded of the code at proposal time, 64 hex digits; empty when nothing is.

    Raises:
        ChainError: No usable answer.
    """
    diamond = await read_diamond(rpc, place)
    problems = misrouted(diamond, cut)
    if codes_hash and int(codes_hash, 16):
        codes = await read_codes(rpc, place, [*cut.facets, *([cut.init] if cut.init != ZERO_ADDRESS else [])])
        if codes_hash_of(cut, codes) != codes_hash:
            problems.append("the code of a facet is not what it was when the cut was proposed")
    return CutCheck(place.address, diamond.view.height, not problems, tuple(problems))


def codes_hash_of(cut: Cut, codes: Mapping[str, bytes]) -> str:
    """What the registry records of a cut: keccak over the code hash of each change, then of the initialiser.

    Args:
        cut: The cut.
        codes: By address; a removal and no initialiser count as zero.
    """
    hashed = (
        keccak(codes.get(address, b"")) if address != ZERO_ADDRESS else bytes(_WORD)
        for address in (*(change.facet for change in cut.changes), cut.init)
    )
    return keccak(b"".join(hashed)).hex()


def misrouted(diamond: Diamond, cut: Cut) -> list[str]:
    """Functions that are not where a cut puts them, one sentence each."""
    routes = diamond.view.routes
    problems: list[str] = []
    for change in cut.changes:
        for selector in change.selectors:
            there = routes.get(selector)
            if change.action is CutAction.REMOVE and there is not None:
                problems.append(f"{selector} is still answered by {there}")
            elif change.action is not CutAction.REMOVE and there != change.facet:
                problems.append(f"{selector} is answered by {there or 'nobody'}, not by {change.facet}")
    return problems
