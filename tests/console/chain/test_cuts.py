"""Cuts as values: the rules are held against the real diamond, and an undo restores the very loupe."""

from __future__ import annotations

import asyncio

import pytest
from eth_abi.abi import encode as other_encode
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from console.addresses import ZERO_ADDRESS, checksummed
from console.chain.cuts import (
    Cut,
    core_functions_touched,
    cut_between,
    decode_cut,
    encode_cut,
    routes_after,
    undo_of,
)
from console.errors import InputError
from console.model import CutAction, FacetCut
from tests.console.chain.evm_chain import Bench

A, B, C = (checksummed(bytes((number,)) * 20) for number in (0xA1, 0xB2, 0xC3))
SELECTORS = [f"0x{number:08x}" for number in range(1, 9)]

routes = st.dictionaries(st.sampled_from(SELECTORS), st.sampled_from([A, B, C]))


@st.composite
def cuts(draw: st.DrawFn) -> Cut:
    change = st.builds(
        lambda action, facet, selectors: FacetCut(facet, action, tuple(selectors)),
        st.sampled_from(list(CutAction)),
        st.sampled_from([A, B, ZERO_ADDRESS]),
        st.lists(st.sampled_from(SELECTORS), max_size=3),
    )
    return Cut(
        tuple(draw(st.lists(change, max_size=4))),
        draw(st.sampled_from([ZERO_ADDRESS, C])),
        draw(st.binary(max_size=70)),
    )


@settings(derandomize=True, deadline=None)
@given(cuts())
def test_call_data_is_the_abis_and_is_read_back(cut: Cut) -> None:
    data = encode_cut(cut)
    signature = b"diamondCut((address,uint8,bytes4[])[],address,bytes)"
    changes = [(c.facet, int(c.action), [bytes.fromhex(s[2:]) for s in c.selectors]) for c in cut.changes]
    expected = other_encode(["(address,uint8,bytes4[])[]", "address", "bytes"], [changes, cut.init, cut.init_data])
    assert data == keccak(signature)[:4] + expected
    assert decode_cut(data) == cut


def test_other_calls_are_none_and_broken_ones_refused() -> None:
    assert decode_cut(bytes.fromhex("f2fde38b") + bytes(32)) is None
    good = encode_cut(Cut((FacetCut(A, CutAction.ADD, (SELECTORS[0],)),)))
    wrong_action = bytearray(good)
    wrong_action[4 + 32 * 4 + 32 * 2 + 31] = 3
    for data in (good[:-1], good[:4], good + b"\0" * 32, bytes(wrong_action)):
        with pytest.raises(InputError, match="diamondCut"):
            decode_cut(data)


@settings(derandomize=True, deadline=None)
@given(routes, routes)
def test_a_cut_between_leads_there_and_its_undo_back(before: dict[str, str], after: dict[str, str]) -> None:
    cut = Cut(cut_between(before, after))
    assert routes_after(before, cut) == after
    if cut.changes:
        assert routes_after(after, undo_of(before, cut)) == before
    order = [change.action for change in cut.changes]
    assert order == sorted(order, key=[CutAction.REMOVE, CutAction.ADD, CutAction.REPLACE].index)


@settings(derandomize=True, deadline=None)
@given(routes, cuts())
def test_every_cut_that_is_taken_can_be_undone(before: dict[str, str], cut: Cut) -> None:
    try:
        after = routes_after(before, cut)
    except InputError:
        return
    assert routes_after(after, undo_of(before, cut)) == before


def test_core_functions() -> None:
    cut = Cut((FacetCut(ZERO_ADDRESS, CutAction.REMOVE, ("0x1f931c1c", SELECTORS[0])),))
    assert core_functions_touched(cut) == {"0x1f931c1c": (CutAction.REMOVE, ZERO_ADDRESS)}


@pytest.fixture(scope="module")
def bench() -> tuple[Bench, list[str]]:
    made = Bench()
    return made, [made.deploy("GatewayGetterFacetV2"), made.deploy("GatewayMembershipFacet")]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(data=st.data())
def test_the_real_diamond_takes_what_the_rules_allow_and_undo_restores_its_loupe(
    bench: tuple[Bench, list[str]], data: st.DataObject
) -> None:
    made, spare = bench
    before = asyncio.run(made.read()).view.routes
    facets = [*spare, *set(before.values())]
    open_to_change = [selector for selector in before if selector not in {"0x1f931c1c", "0x7a0ed627", "0x8da5cb5b"}]
    change = st.builds(
        lambda action, facet, selectors: FacetCut(facet, action, tuple(selectors)),
        st.sampled_from(list(CutAction)),
        st.sampled_from([*facets, ZERO_ADDRESS]),
        st.lists(st.sampled_from([*open_to_change, *SELECTORS]), max_size=3, unique=True),
    )
    cut = Cut(tuple(data.draw(st.lists(change, min_size=1, max_size=3))))
    try:
        after = routes_after(before, cut)
    except InputError:
        assert not made.cut(cut)
        assert asyncio.run(made.read()).view.routes == before
        return
    assert made.cut(cut)
    assert asyncio.run(made.read()).view.routes == after
    undo = undo_of(before, cut)
    assert made.cut(undo) or not undo.changes
    assert asyncio.run(made.read()).view.routes == before
