"""From compiled facets to a cut, and the cut laid open: on the devnet's gateway diamond."""

from __future__ import annotations

import dataclasses

import pytest

from console.addresses import ZERO_ADDRESS, checksummed, keccak
from console.chain.artefact_file import Compiled, shipped
from console.chain.contracts import artefact
from console.chain.cut_plan import CutPlan, ProposedFacet, plan_cut, stand_in, with_addresses
from console.chain.cut_review import review_cut
from console.chain.cuts import Cut, decode_cut
from console.chain.diamond import Diamond
from console.errors import InputError
from console.model import CutAction, CutReview, FacetCut, Upgradable
from tests.console.chain.evm_chain import Bench

pytestmark = pytest.mark.anyio
CUT, LOUPE, OWNER = "0x1f931c1c", "0x7a0ed627", "0x8da5cb5b"
MEMBERSHIP, VERSION = "0x6ad21bb0", "0xb55dbd06"
SECOND = ProposedFacet("GatewayGetterFacet", shipped(artefact("GatewayGetterFacetV2")))


def facet(name: str) -> ProposedFacet:
    return ProposedFacet(name, shipped(artefact(name)))


def without(compiled: Compiled, *selectors: str) -> Compiled:
    """The facet without some of its functions."""
    kept = {signature for selector, signature in compiled.functions.items() if selector not in selectors}
    abi = [entry for entry in compiled.abi if entry["type"] != "function" or f"{entry['name']}()" in kept]
    return dataclasses.replace(compiled, abi=abi)


async def test_a_changed_facet_takes_the_place_of_the_one_it_shares_functions_with() -> None:
    bench = Bench()
    diamond = await bench.read()
    plan = plan_cut(diamond, [SECOND])
    assert plan.to_deploy == (SECOND,)
    address = bench.deploy("GatewayGetterFacetV2")
    plan = with_addresses(plan, {"GatewayGetterFacet": address})
    assert plan.cut.changes == (
        FacetCut(address, CutAction.ADD, (VERSION,)),
        FacetCut(address, CutAction.REPLACE, tuple(sorted((MEMBERSHIP, "0x544dddff")))),
    )
    assert bench.cut(plan.cut)
    after = await bench.read()
    assert after.view.routes[VERSION] == address
    with pytest.raises(InputError, match="has all of these facets already"):
        plan_cut(after, [SECOND])


async def test_functions_that_the_new_facet_lacks_go() -> None:
    diamond = await Bench().read()
    smaller = ProposedFacet("GatewayGetterFacet", without(SECOND.compiled, MEMBERSHIP))
    plan = plan_cut(diamond, [smaller])
    assert plan.cut.changes[0] == FacetCut(ZERO_ADDRESS, CutAction.REMOVE, (MEMBERSHIP,))


async def test_a_facet_that_is_there_already_is_not_deployed_again() -> None:
    bench = Bench()
    diamond = await bench.read()
    same = facet("GatewayMembershipFacet")
    plan = plan_cut(diamond, [same, SECOND])
    assert plan.to_deploy == (SECOND,)
    assert all(stand_in(same.compiled) not in (change.facet,) for change in plan.cut.changes)


async def test_core_facets_need_a_word() -> None:
    bench = Bench()
    diamond = await bench.read()
    moved = dataclasses.replace(facet("DiamondCutFacet"), address=bench.deploy("DiamondCutFacet"))
    with pytest.raises(InputError, match="would touch DiamondCutFacet"):
        plan_cut(diamond, [moved])
    plan = plan_cut(diamond, [moved], allow_core=True)
    assert plan.cut.changes == (FacetCut(moved.address, CutAction.REPLACE, (CUT,)),)
    review = review_cut(diamond, plan.cut, {moved.address: bench.chain.code(moved.address)})
    assert any("replaces diamondCut" in risk for risk in review.risks)


async def test_contradictions_are_refused() -> None:
    diamond = await Bench().read()
    with pytest.raises(InputError, match="no facet is named"):
        plan_cut(diamond, [])
    with pytest.raises(InputError, match="named twice"):
        plan_cut(diamond, [SECOND, SECOND])
    with pytest.raises(InputError, match="both have getCurrent"):
        plan_cut(diamond, [facet("GatewayGetterFacet"), dataclasses.replace(SECOND, name="X")])


def opened(diamond: Diamond, plan: CutPlan) -> CutReview:
    codes = {address: found.compiled.deployed for address, found in plan.facets.items()}
    return review_cut(
        diamond,
        plan.cut,
        codes,
        names={address: found.name for address, found in plan.facets.items()},
        undeployed=plan.standing_in,
    )


async def test_a_review_shows_what_changes() -> None:
    diamond = await Bench().read()
    review = opened(diamond, plan_cut(diamond, [SECOND]))
    (change,) = review.facets
    old = diamond.view.routes[MEMBERSHIP]
    assert (change.name, change.old_address, change.new_address) == ("GatewayGetterFacet", old, "")
    assert change.old_code_hash == keccak(diamond.codes[old]).hex()
    assert change.new_code_hash == keccak(SECOND.compiled.deployed).hex()
    assert [selector.name for selector in change.added] == ["getNetworkVersion()"]
    assert {selector.name for selector in change.replaced} == {
        "getCurrentMembership()",
        "getCurrentConfigurationNumber()",
    }
    assert change.removed == ()
    assert any("getNetworkVersion()" in line for line in change.code_diff)
    assert (review.data, change.deployed, review.changes) == ("", False, 3)
    assert review.upgradable is Upgradable.REGISTRY
    assert review.risks == ()


async def test_a_review_holds_call_data_and_undo_once_all_is_deployed() -> None:
    bench = Bench()
    diamond = await bench.read()
    plan = with_addresses(plan_cut(diamond, [SECOND]), {"GatewayGetterFacet": bench.deploy("GatewayGetterFacetV2")})
    review = opened(diamond, plan)
    assert decode_cut(bytes.fromhex(review.data[2:])) == plan.cut
    assert bench.cut(plan.cut)
    undo = decode_cut(bytes.fromhex(review.undo_data[2:]))
    assert undo is not None
    assert bench.cut(undo)
    assert (await bench.read()).view.routes == diamond.view.routes


async def test_dangers_are_told_first() -> None:
    bench = Bench()
    diamond = await bench.read()
    init = checksummed("0x" + "77" * 20)
    cut = Cut((FacetCut(ZERO_ADDRESS, CutAction.REMOVE, (CUT, LOUPE, OWNER, MEMBERSHIP)),), init, b"\x01")
    review = review_cut(diamond, cut, {})
    told = "\n".join(review.risks)
    assert review.risks[0].startswith(f"it runs the code of {init} inside the diamond")
    for part in (
        "removes diamondCut of the DiamondCutFacet: the diamond can never be cut again",
        "removes facets of the DiamondLoupeFacet",
        "removes owner of the OwnershipFacet",
        "removes 4 functions",
        "no code at the initialiser",
    ):
        assert part in told
    assert review.init_data == "0x01"


async def test_code_that_runs_other_code_is_told() -> None:
    bench = Bench()
    diamond = await bench.read()
    proxy = bench.chain.deploy("GatewayDiamond", [], "0x" + "01" * 20, "0x" + "02" * 20, [])
    address = checksummed(proxy.address)
    cut = Cut((FacetCut(address, CutAction.ADD, ("0xdeadbeef",)),))
    review = review_cut(diamond, cut, {address: bench.chain.code(address)})
    assert any("DELEGATECALL" in risk for risk in review.risks)
    nothing = review_cut(diamond, cut, {})
    assert any("no code at the facet" in risk for risk in nothing.risks)


async def test_who_has_to_act_is_told() -> None:
    bench = Bench()
    diamond = await bench.read()
    plan = plan_cut(diamond, [SECOND])
    for owner, word in ((Upgradable.NOBODY, "no transaction can upgrade it"), (Upgradable.OTHER, "its owner has to")):
        changed = Diamond(dataclasses.replace(diamond.view, upgradable=owner), diamond.codes)
        assert any(word in risk for risk in opened(changed, plan).risks)
