"""Diamonds, cuts and verdicts as lines and as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from console.addresses import ZERO_ADDRESS
from console.model import CodeVerdict, CutReview, DiamondView, FacetChange, LinkedReview, Upgradable
from console.text import shortened, size

OWNED = {
    Upgradable.REGISTRY: "the registry: a linked call of an approved proposal can upgrade it",
    Upgradable.OTHER: "another account: it is upgraded by that account alone, so cuts are exported",
    Upgradable.NOBODY: "nobody who can sign: it cannot be upgraded by a transaction",
}


def diamond_lines(view: DiamondView) -> Iterator[str]:
    """A diamond, facet by facet."""
    yield f"{view.name} {view.address} on chain {view.chain_id}, at height {view.height}"
    yield f"owner {view.owner}: {OWNED[view.upgradable]}"
    for facet in view.facets:
        yield f"{facet.name or 'a facet that is not known here'} {facet.address}"
        yield f"  code {shortened(facet.code_hash, 19)}, {size(facet.code_size)}"
        for selector in facet.selectors:
            yield f"  {selector.value} {selector.name}".rstrip()


def review_lines(review: CutReview) -> Iterator[str]:
    """A cut: what is dangerous first, then each facet."""
    yield f"cut of {review.target_name} {review.target}, as it is at height {review.height}"
    yield f"owner {review.owner}: {OWNED[review.upgradable]}"
    for risk in review.risks:
        yield f"! {risk}"
    if review.init != ZERO_ADDRESS:
        yield f"initialiser {review.init}, code {review.init_code_hash or 'none'}, called with {review.init_data}"
    for facet in review.facets:
        yield from _facet_lines(facet)


def linked_lines(number: int, review: LinkedReview) -> Iterator[str]:
    """One linked call of a proposal."""
    yield f"call {number}: {review.described}"
    if review.problem:
        yield f"  {review.problem}"
    if review.cut is not None:
        yield from (f"  {line}" for line in review_lines(review.cut))


def verdict_line(verdict: CodeVerdict) -> str:
    """One contract's code against its artefact."""
    return f"{'ok' if verdict.matches else 'NO'}  {verdict.name} {verdict.address}: {verdict.why}"


def document(value: Any) -> dict[str, Any]:
    """A frozen value as JSON has it."""
    found: dict[str, Any] = dataclasses.asdict(value)
    return found


def _facet_lines(facet: FacetChange) -> Iterator[str]:
    old, new = (
        facet.old_address or "nothing",
        facet.new_address or ("nothing" if facet.deployed else "not deployed yet"),
    )
    yield f"{facet.name or 'a facet that is not known here'}: {old} -> {new}"
    yield f"  code {_short(facet.old_code_hash)} -> {_short(facet.new_code_hash)}"
    if facet.source:
        yield f"  {facet.source}"
    for word, selectors in (("add", facet.added), ("replace", facet.replaced), ("remove", facet.removed)):
        for selector in selectors:
            yield f"  {word:<8}{selector.value} {selector.name}".rstrip()
    yield from (f"    {line}" for line in facet.code_diff)
    if facet.code_diff_omitted:
        yield f"    … and {facet.code_diff_omitted} lines more"


def _short(digest: str) -> str:
    return shortened(digest, 19) if digest else "none"
