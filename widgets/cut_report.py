"""What a cut changes, as lines: owner, initialiser, every function that changes hands, and the code beneath. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from textual.content import Content

from console.model.contracts import NOBODY, CutReview, FacetChange, LinkedReview, Selector, Upgradable
from widgets.drawn import BAD, GOOD, MUTED, STRONG, WARN


def linked_lines(
    number: int, of: int, linked: LinkedReview, form: Callable[[str], str] | None = None
) -> Iterator[Content]:
    """One linked call: what it is, and its cut where it is one.

    Args:
        number: Of the call, from 1.
        of: How many there are.
        linked: As reviewed.
        form: The other spelling of an address, shown beneath it; None shows none.
    """
    name = linked.cut.target_name if linked.cut is not None else ""
    yield Content.assemble((f"Call {number} of {of}", STRONG), f"  {name}")
    yield from _address("target", linked.target, form)
    yield _field("call", linked.described)
    if linked.problem:
        yield Content.assemble(("✗ ", BAD), (f"its cut could not be read: {linked.problem}", BAD))
    if linked.cut is not None:
        yield from cut_lines(linked.cut, form)
    yield Content("")


def cut_lines(cut: CutReview, form: Callable[[str], str] | None = None) -> Iterator[Content]:
    """The whole of a cut, what is dangerous first."""
    yield from _owner(cut, form)
    if cut.init != NOBODY:
        yield Content.styled("! IT RUNS AN INITIALISER: code with all rights of the diamond, once.", f"{STRONG} {BAD}")
        yield from _address("init", cut.init, form)
        yield _field("its code", cut.init_code_hash or "there is none", "" if cut.init_code_hash else BAD)
        yield _field("with", cut.init_data)
    for risk in cut.risks:
        yield Content.assemble(("! ", BAD), (risk, WARN))
    if cut.codes_agree is not None:
        agree = ("✓ the code on the chain is what was proposed", GOOD)
        differ = ("✗ THE CODE ON THE CHAIN IS NO LONGER WHAT WAS PROPOSED", f"{STRONG} {BAD}")
        yield Content.styled(*(agree if cut.codes_agree else differ))
    functions, facets = _number(cut.changes, "function"), _number(len(cut.facets), "facet")
    yield _field("changes", f"{functions} in {facets}, read at height {cut.height:,}")
    for facet in cut.facets:
        yield Content("")
        yield from _facet(facet, form)


_OWNERS = {
    Upgradable.REGISTRY: ("the registry: an approved proposal makes this call", GOOD),
    Upgradable.OTHER: ("another account: the call has to be exported to it, the registry cannot make it", WARN),
    Upgradable.NOBODY: ("nobody who can send a transaction: only a migration of the state upgrades it", BAD),
}


def _owner(cut: CutReview, form: Callable[[str], str] | None) -> Iterator[Content]:
    words, style = _OWNERS[cut.upgradable]
    yield from _address("owner", cut.owner, form)
    yield Content.assemble(" " * 10, (words, style))
    if cut.on_parent:
        yield Content.styled("! It is on the parent chain, where this registry calls nothing.", WARN)


def _facet(facet: FacetChange, form: Callable[[str], str] | None) -> Iterator[Content]:
    what = (
        "new facet" if not facet.old_address else "facet goes" if not facet.new_address and facet.deployed else "facet"
    )
    missing = "" if facet.deployed else "  its new code is NOT DEPLOYED yet"
    yield Content.assemble((facet.name or "a facet without a name", STRONG), (f"  {what}", MUTED), (missing, BAD))
    for word, address, code in (
        ("from", facet.old_address, facet.old_code_hash),
        ("to", facet.new_address, facet.new_code_hash),
    ):
        if address:
            yield from _address(word, address, form)
        if code:
            yield Content.assemble((f"{'code' if not address else '':<10}", MUTED), (code, MUTED))
    if facet.source:
        yield _field("source", facet.source)
    for mark, selectors, style in (
        ("+ adds", facet.added, GOOD),
        ("~ replaces", facet.replaced, WARN),
        ("- removes", facet.removed, BAD),
    ):
        for selector in selectors:
            yield Content.assemble((f"{mark:<11}", style), *_selector(selector))
    if facet.code_diff or facet.code_diff_omitted:
        yield Content.styled("code, old against new:", MUTED)
    for line in facet.code_diff:
        yield Content.styled(line, GOOD if line.startswith("+") else BAD if line.startswith("-") else MUTED)
    if facet.code_diff_omitted:
        yield Content.styled(f"… {facet.code_diff_omitted:,} more lines differ", WARN)


def _selector(selector: Selector) -> list[tuple[str, str]]:
    return [(selector.value, ""), (f"  {selector.name}" if selector.name else "  no name is known", MUTED)]


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _field(name: str, value: str, style: str = "") -> Content:
    return Content.assemble((f"{name:<10}", MUTED), (value, style))


def _address(name: str, address: str, form: Callable[[str], str] | None) -> Iterator[Content]:
    yield _field(name, address)
    if form is not None:
        yield _field("", form(address), MUTED)
