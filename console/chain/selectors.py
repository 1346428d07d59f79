"""Functions and facets by name: what the bundled interfaces know about four bytes, or about code."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from console.addresses import keccak
from console.chain.contracts import artefact, artefact_names
from console.chain.interface import functions_of
from console.chain.ipc_functions import CORE_FACETS, IPC_FACETS
from console.model import Selector

_FACET = re.compile(r"Facet(V[0-9]+)?$", re.ASCII)


def selector_of(signature: str) -> str:
    """The selector of a canonical spelling as `owner()`: 0x and 8 hex digits."""
    return "0x" + keccak(signature.encode())[:4].hex()


@cache
def core_selectors() -> Mapping[str, str]:
    """The facet of every function that reads, cuts or hands over a diamond, by selector."""
    return {selector_of(signature): facet for facet, found in CORE_FACETS.items() for signature in found}


@cache
def known_names() -> Mapping[str, str]:
    """Canonical spelling of every bundled function, by selector."""
    known = {selector_of(signature): signature for found in IPC_FACETS.values() for signature in found}
    for name in artefact_names():
        known |= spelled(artefact(name).abi)
    return known


def named(selectors: Iterable[str], more: Mapping[str, str] | None = None) -> tuple[Selector, ...]:
    """Selectors with their names where they are known.

    Args:
        selectors: 0x and 8 hex digits each.
        more: Names that are known besides, as those of an artefact at hand.
    """
    known = known_names()
    return tuple(Selector(value, (more or {}).get(value) or known.get(value, "")) for value in selectors)


def facet_name(selectors: Sequence[str], code_hash: str = "") -> str:
    """What a facet is: by its code where we have compiled it, else by the functions it answers; empty when unknown.

    Args:
        selectors: What it answers.
        code_hash: keccak of its code, 64 hex digits.
    """
    if by_code := _facets_by_code().get(code_hash):
        return by_code
    asked = set(selectors)
    shared = Counter({facet: len(asked & {selector_of(each) for each in found}) for facet, found in IPC_FACETS.items()})
    name, count = max(shared.items(), key=lambda entry: entry[1])
    return name if count else ""


def spelled(abi: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Canonical spelling of every function of an interface, by selector."""
    return {"0x" + found.selector.hex(): f"{found.name}({','.join(found.types)})" for found in functions_of(abi)}


@cache
def _facets_by_code() -> Mapping[str, str]:
    compiled = (artefact(name) for name in artefact_names())
    return {keccak(found.deployed_bytecode).hex(): found.name for found in compiled if _FACET.search(found.name)}
