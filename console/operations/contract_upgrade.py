"""Contract upgrades: from compiled facets to linked calls, reviewed before they are agreed on and verified after.

A cut is prepared (loupe read, changes worked out, laid open), its new facets are deployed, and only then does it have
call data: the registry stores the hash of each facet's code when a cut is proposed, so the code has to be there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from console.addresses import ZERO_ADDRESS, checksummed
from console.chain.artefact_file import compare_code
from console.chain.cut_check import codes_hash_of, misrouted
from console.chain.cut_plan import CutPlan, ProposedFacet, plan_cut, with_addresses
from console.chain.cut_review import review_cut
from console.chain.cuts import Cut, decode_cut, encode_cut
from console.chain.diamond import Diamond, Place, read_codes, read_diamond
from console.chain.rpc import JsonRpc
from console.errors import ConsoleError, InputError
from console.model import CutReview, LinkedCall, LinkedReview, Upgradable
from console.operations.contract_places import place_of
from console.operations.linked_words import described
from console.settings import NetworkSettings
from console.text import untrusted

MOST_CALLS = 10
MOST_CALL_BYTES = 16 * 1024
"""What the registry takes in one proposal, calls and undo together (contracts/RegistryCalls.sol)."""

_WORD = 32


@dataclass(frozen=True, slots=True)
class CutRequest:
    """What shall be done to one diamond."""

    contract: str
    """A name or an address, as `place_of` takes it."""
    facets: tuple[ProposedFacet, ...]
    init: str = ZERO_ADDRESS
    """Whose code runs inside the diamond after the cut."""
    init_data: bytes = b""


@dataclass(frozen=True, slots=True)
class PreparedCut:
    """A cut, and what it would change on the diamond as it was read."""

    place: Place
    diamond: Diamond
    plan: CutPlan
    review: CutReview
    codes: Mapping[str, bytes] = field(default_factory=dict)
    """Of its facets and its initialiser, by address; what was compiled for those that are not deployed."""

    @property
    def undo(self) -> Cut:
        """The cut that takes it back, from the loupe as it was read."""
        found = decode_cut(bytes.fromhex(self.review.undo_data[2:]))
        assert found is not None  # review_cut encoded it
        return found


@dataclass(frozen=True, slots=True)
class LinkedUpgrade:
    """What a proposal links, and what it cannot."""

    calls: tuple[LinkedCall, ...]
    undo: tuple[LinkedCall, ...]
    """In the reverse order of `calls`."""
    reviews: tuple[CutReview, ...]
    exported: tuple[CutReview, ...]
    """Cuts that the registry cannot make: for their owners, and to be verified by loupe afterwards."""


async def prepare_cuts(
    network: NetworkSettings, requests: Sequence[CutRequest], *, allow_init: bool = False, allow_core: bool = False
) -> tuple[PreparedCut, ...]:
    """Read every diamond and work its cut out; nothing is sent.

    Args:
        network: The network.
        requests: One per diamond.
        allow_init: Whether an initialiser may run.
        allow_core: Whether the functions that a diamond is read, cut and handed over by may be touched.

    Raises:
        InputError: A cut is not possible, or an initialiser was not asked for by `allow_init`.
        SettingsError: A contract is not to be found by its name.
        ChainError: No usable answer.
    """
    for request in requests:
        if request.init != ZERO_ADDRESS and not allow_init:
            raise InputError(
                f"the code of {request.init} would run inside {request.contract}, which is the way of every takeover",
                safe="nothing was sent",
                next_step="read that code, then pass --allow-init",
            )
    async with JsonRpc(tokens=network.tokens) as rpc:
        prepared = [await _prepare(network, request, rpc, allow_core=allow_core) for request in requests]
    _refuse_twice(prepared)
    return tuple(prepared)


async def with_deployed(network: NetworkSettings, prepared: PreparedCut, deployed: Mapping[str, str]) -> PreparedCut:
    """The prepared cut once its facets are on the chain.

    Args:
        network: The network.
        prepared: The cut.
        deployed: Checksummed address by facet name.

    Raises:
        InputError: The code at an address is not what was compiled.
        ChainError: No usable answer.
    """
    plan = with_addresses(prepared.plan, deployed)
    async with JsonRpc(tokens=network.tokens) as rpc:
        return await _reviewed(prepared.place, prepared.diamond, plan, rpc)


def linked(prepared: Sequence[PreparedCut]) -> LinkedUpgrade:
    """The calls and the undo calls of prepared cuts, in their order.

    Raises:
        InputError: A facet is not deployed, a diamond cannot be upgraded by anybody, or there is too much for one
            proposal.
    """
    calls: list[LinkedCall] = []
    undo: list[LinkedCall] = []
    reviews: list[CutReview] = []
    exported: list[CutReview] = []
    for entry in prepared:
        review = entry.review
        check_upgradable(review)
        if not review.data:
            names = ", ".join(facet.name for facet in entry.plan.to_deploy)
            raise InputError(f"{names} of {review.target_name} must be deployed before the cut can be proposed")
        reviews.append(review)
        if review.on_parent or review.upgradable is Upgradable.OTHER:
            exported.append(review)
            continue
        calls.append(_call(review.target, entry.plan.cut, entry.codes))
        undo.insert(0, _call(review.target, entry.undo, entry.diamond.codes))
    size = sum(len(call.data) for call in (*calls, *undo))
    if len(calls) > MOST_CALLS or size > MOST_CALL_BYTES:
        raise InputError(
            f"{len(calls)} calls of {size} bytes with their undo are more than the {MOST_CALLS} calls and"
            f" {MOST_CALL_BYTES} bytes of one proposal",
            safe="nothing was sent",
            next_step="propose them in parts",
        )
    return LinkedUpgrade(tuple(calls), tuple(undo), tuple(reviews), tuple(exported))


def check_upgradable(review: CutReview) -> None:
    """Refuse a cut that nobody can ever make, before anything is deployed for it. Raises InputError."""
    if review.upgradable is Upgradable.NOBODY:
        raise InputError(
            f"{review.target_name} at {review.target} cannot be upgraded by a transaction: it is owned by"
            f" {review.owner}, for which nobody can sign",
            safe="nothing was sent",
            next_step="only a migration in a release can change it",
        )


async def linked_calls(
    network: NetworkSettings, requests: Sequence[CutRequest], *, allow_init: bool = False, allow_core: bool = False
) -> LinkedUpgrade:
    """`prepare_cuts` and `linked` in one, for facets that are all deployed. Raises as both."""
    return linked(await prepare_cuts(network, requests, allow_init=allow_init, allow_core=allow_core))


async def review_linked(network: NetworkSettings, calls: Sequence[LinkedCall]) -> tuple[LinkedReview, ...]:
    """Lay open what a proposal would call, from the chain as it is now: for those who vote.

    What cannot be read is told in the review of its call; the others are shown all the same.
    """
    async with JsonRpc(tokens=network.tokens) as rpc:
        return tuple([await _linked_review(network, call, rpc) for call in calls])


async def _prepare(network: NetworkSettings, request: CutRequest, rpc: JsonRpc, *, allow_core: bool) -> PreparedCut:
    place = await place_of(network, request.contract, rpc)
    diamond = await read_diamond(rpc, place)
    plan = plan_cut(diamond, request.facets, init=request.init, init_data=request.init_data, allow_core=allow_core)
    return await _reviewed(place, diamond, plan, rpc)


async def _reviewed(place: Place, diamond: Diamond, plan: CutPlan, rpc: JsonRpc) -> PreparedCut:
    waiting = plan.standing_in
    wanted = [address for address in (*plan.cut.facets, plan.cut.init) if address != ZERO_ADDRESS]
    codes = await read_codes(rpc, place, [address for address in wanted if address not in waiting])
    sources: dict[str, str] = {}
    for address, facet in plan.facets.items():
        if address in waiting:
            codes[address] = facet.compiled.deployed
            sources[address] = "compiled here, not deployed yet"
            continue
        verdict = compare_code(facet.compiled, codes.get(address, diamond.codes.get(address, b"")), address)
        if not verdict.matches:
            raise InputError(
                f"the code at {address} is not {facet.name} as it was compiled: {verdict.why}",
                safe="nothing was proposed",
            )
        sources[address] = f"matches the artefact {facet.compiled.name}: {verdict.why}"
    functions = {
        selector: told for facet in plan.facets.values() for selector, told in facet.compiled.functions.items()
    }
    review = review_cut(
        diamond,
        plan.cut,
        codes,
        names={address: facet.name for address, facet in plan.facets.items()},
        functions=functions,
        sources=sources,
        undeployed=waiting,
    )
    return PreparedCut(place, diamond, plan, review, codes)


async def _linked_review(network: NetworkSettings, call: LinkedCall, rpc: JsonRpc) -> LinkedReview:
    said = described(call.target, call.data, network.registry)
    try:
        cut = decode_cut(call.data)
        if cut is None:
            return LinkedReview(call.target, said, None)
        place = await place_of(network, call.target, rpc)
        diamond = await read_diamond(rpc, place)
        wanted = [address for address in (*cut.facets, cut.init) if address != ZERO_ADDRESS]
        codes = await read_codes(rpc, place, wanted)
        if not misrouted(diamond, cut):
            return LinkedReview(call.target, said, None, untrusted("the cut is in force: the diamond is as it says"))
        agree = codes_hash_of(cut, codes) == call.codes_hash if call.codes_hash else None
        review = review_cut(diamond, cut, codes, codes_agree=agree)
    except ConsoleError as error:
        return LinkedReview(call.target, said, None, untrusted(str(error), 400))
    return LinkedReview(call.target, said, review)


def _call(target: str, cut: Cut, codes: Mapping[str, bytes]) -> LinkedCall:
    return LinkedCall(checksummed(target), encode_cut(cut), codes_hash_of(cut, codes))


def _refuse_twice(prepared: Sequence[PreparedCut]) -> None:
    targets = [(entry.place.chain_id, entry.place.address) for entry in prepared]
    for entry in prepared:
        if targets.count((entry.place.chain_id, entry.place.address)) > 1:
            raise InputError(f"{entry.place.address} is named twice: one cut per diamond")
