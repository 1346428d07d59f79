"""A cut laid open: what each facet gains and loses, how its code differs, and what is dangerous about it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from console.addresses import ZERO_ADDRESS, keccak
from console.chain.cuts import Cut, core_functions_touched, encode_cut, routes_after, undo_of
from console.chain.diamond import Diamond
from console.chain.disassembly import code_diff, opcodes_in_use
from console.chain.opcodes import DELEGATECALL, SELFDESTRUCT
from console.chain.selectors import core_selectors, facet_name, known_names, named
from console.model import CutAction, CutReview, DiamondView, FacetChange, Upgradable


def review_cut(
    diamond: Diamond,
    cut: Cut,
    codes: Mapping[str, bytes],
    *,
    names: Mapping[str, str] | None = None,
    functions: Mapping[str, str] | None = None,
    sources: Mapping[str, str] | None = None,
    undeployed: frozenset[str] = frozenset(),
    codes_agree: bool | None = None,
    most_lines: int | None = None,
) -> CutReview:
    """Lay a cut open.

    Args:
        diamond: The diamond as it is now.
        cut: What would be done to it.
        codes: Code of the facets and of the initialiser that the cut names, by address.
        names: What new facets are called, by address, where that is known better than by their code.
        functions: Spellings of functions that the bundled interfaces may lack, by selector.
        sources: How the code of a facet is known, one sentence by address.
        undeployed: Addresses among them that only stand for code which is not on the chain yet.
        codes_agree: Of a proposed cut: whether the code is still what was recorded when it was proposed.
        most_lines: Lines of difference per facet; the default of `code_diff` when not given.

    Raises:
        InputError: The diamond would refuse the cut.
    """
    view = diamond.view
    after = routes_after(view.routes, cut)
    data = "" if undeployed & {*cut.facets, cut.init} else "0x" + encode_cut(cut).hex()
    spelled = {**known_names(), **(functions or {})}
    changes = tuple(
        _facet_change(diamond, facet, old, touched, codes, names or {}, spelled, sources or {}, undeployed, most_lines)
        for facet, old, touched in _grouped(view, cut)
    )
    return CutReview(
        target_name=view.name,
        target=view.address,
        owner=view.owner,
        upgradable=view.upgradable,
        on_parent=view.on_parent,
        facets=changes,
        init=cut.init,
        init_code_hash=_hash(codes.get(cut.init, b"")),
        init_data="0x" + cut.init_data.hex(),
        risks=(*_changed_code(codes_agree), *_risks(view, cut, after, codes, undeployed)),
        data=data,
        undo_data="0x" + encode_cut(undo_of(view.routes, cut)).hex(),
        height=view.height,
        codes_agree=codes_agree,
    )


def _grouped(view: DiamondView, cut: Cut) -> list[tuple[str, str, dict[str, CutAction]]]:
    """(new facet, old facet, action by selector): what belongs together for the eye.

    Functions that go are told with the facet that takes the place of theirs, else alone.
    """
    routes = view.routes
    news: dict[str, dict[str, CutAction]] = {}
    lost: dict[str, dict[str, CutAction]] = {}
    for change in cut.changes:
        for selector in change.selectors:
            if change.action is CutAction.REMOVE:
                lost.setdefault(routes[selector], {})[selector] = change.action
            else:
                news.setdefault(change.facet, {})[selector] = change.action
    rows: list[tuple[str, str, dict[str, CutAction]]] = []
    for facet, touched in news.items():
        befores = [routes[selector] for selector in touched if selector in routes]
        old = max(dict.fromkeys(befores), key=befores.count, default="")
        rows.append((facet, old, {**touched, **(lost.pop(old, {}) if old else {})}))
    return rows + [("", old, touched) for old, touched in lost.items()]


def _facet_change(
    diamond: Diamond,
    facet: str,
    old: str,
    touched: Mapping[str, CutAction],
    codes: Mapping[str, bytes],
    names: Mapping[str, str],
    spelled: Mapping[str, str],
    sources: Mapping[str, str],
    undeployed: frozenset[str],
    most_lines: int | None,
) -> FacetChange:
    before = diamond.codes.get(old, b"")
    after = codes.get(facet, b"")
    limit = {} if most_lines is None else {"most": most_lines}
    # A facet that is new or goes has nothing to be compared with: its hash and its functions say what it is.
    diff = code_diff(before, after, names=spelled, **limit) if before and after and before != after else None
    was = next((entry.name for entry in diamond.view.facets if entry.address == old), "")

    def chosen(action: CutAction) -> Sequence[str]:
        return sorted(selector for selector, done in touched.items() if done is action)

    return FacetChange(
        name=names.get(facet) or (facet_name(list(touched), _hash(after)) if facet else "") or was,
        old_address=old,
        new_address="" if facet in undeployed else facet,
        old_code_hash=_hash(before),
        new_code_hash=_hash(after),
        added=named(chosen(CutAction.ADD), spelled),
        replaced=named(chosen(CutAction.REPLACE), spelled),
        removed=named(chosen(CutAction.REMOVE), spelled),
        code_diff=() if diff is None else diff.lines,
        code_diff_omitted=0 if diff is None else diff.omitted,
        source=sources.get(facet, ""),
        deployed=facet not in undeployed,
    )


def _changed_code(agree: bool | None) -> Iterator[str]:
    if agree is False:
        yield "the code of a facet is not what it was when the cut was proposed: the registry refuses to make it"


def _risks(
    view: DiamondView,
    cut: Cut,
    after: Mapping[str, str],
    codes: Mapping[str, bytes],
    undeployed: frozenset[str],
) -> Iterator[str]:
    if cut.init != ZERO_ADDRESS:
        yield (
            f"it runs the code of {cut.init} inside the diamond, which may change its owner, its functions and every"
            " balance: no cut takes that back"
        )
    if view.upgradable is Upgradable.NOBODY:
        yield f"{view.name} is owned by {view.owner}: no transaction can upgrade it, only a migration of the chain"
    elif view.upgradable is Upgradable.OTHER:
        yield f"{view.name} is owned by {view.owner} and not by the registry: its owner has to make the cut"
    core = core_selectors()
    for selector, (action, _) in sorted(core_functions_touched(cut).items()):
        function = str(known_names().get(selector, selector)).partition("(")[0]
        if selector not in after:
            yield f"it removes {function} of the {core[selector]}: {_CORE_LOSS[core[selector]]}"
        elif action is CutAction.REPLACE:
            yield f"it replaces {function} of the {core[selector]}: {_CORE_CHANGE[core[selector]]}"
    removed = sum(len(change.selectors) for change in cut.changes if change.action is CutAction.REMOVE)
    if removed:
        yield f"it removes {removed} function{'s' if removed > 1 else ''}: whoever calls them is refused afterwards"
    for facet in cut.facets:
        code = codes.get(facet, b"")
        if not code:
            yield f"there is no code at the facet {facet}: the diamond refuses the cut"
            continue
        found = opcodes_in_use(code)
        place = "a facet that is not deployed yet" if facet in undeployed else f"the facet {facet}"
        if DELEGATECALL in found:
            yield f"{place} may run code of other contracts inside the diamond (DELEGATECALL)"
        if SELFDESTRUCT in found:
            yield f"{place} holds SELFDESTRUCT"
    if cut.init != ZERO_ADDRESS and not codes.get(cut.init, b""):
        yield f"there is no code at the initialiser {cut.init}: the diamond refuses the cut"


_CORE_LOSS = {
    "DiamondCutFacet": "the diamond can never be cut again",
    "DiamondLoupeFacet": "nobody can verify afterwards what the diamond is made of",
    "OwnershipFacet": "nobody can say or change who owns the diamond",
}
_CORE_CHANGE = {
    "DiamondCutFacet": "who may cut the diamond from then on is up to the new code",
    "DiamondLoupeFacet": "what the diamond says of itself from then on is up to the new code",
    "OwnershipFacet": "who owns the diamond from then on is up to the new code",
}


def _hash(code: bytes) -> str:
    return keccak(code).hex() if code else ""
