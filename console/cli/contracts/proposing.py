"""`propose-contract`: a cut of one diamond built, shown, its facets deployed, and proposed alone."""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import Sequence

from console.chain.governance import GovernanceReader
from console.chain.signing import PlainTerminal
from console.cli.confirming import confirm
from console.cli.contracts.changing import write_cut
from console.cli.contracts.cutting import deployed, paying_key, prepared
from console.cli.contracts.showing import document, review_lines
from console.cli.printing import print_json
from console.errors import InputError
from console.model import CutReview, LinkedCall, RegistryRules, Upgradable
from console.operations.contract_ownership import TO_REGISTRY, plan_hand_over
from console.operations.contract_proposal import contract_proposal
from console.operations.contract_upgrade import PreparedCut, check_upgradable, linked
from console.operations.registry_call import RegistryCalls
from console.settings import NetworkSettings, load_network


def run(arguments: argparse.Namespace) -> int:
    """Propose a cut, or a change of owner; print the proposal's id.

    Raises:
        ConsoleError: It is not possible, not confirmed, or the chain does not answer or refuses.
    """
    network = load_network(arguments.network, arguments.dir)
    if bool(arguments.facets) == bool(arguments.give_to):
        raise InputError("give --facets for a cut, or --give-to for a change of owner", safe="nothing was sent")
    if arguments.give_to:
        return _give(arguments, network)
    return _cut(arguments, network)


def _cut(arguments: argparse.Namespace, network: NetworkSettings) -> int:
    found = asyncio.run(prepared(arguments, network, arguments.contract))
    if found.place.on_parent:
        write_cut(arguments, found.review, found.place.chain_id)
        return 0
    if not arguments.json:
        print("\n".join(review_lines(found.review)), flush=True)
    check_upgradable(found.review)
    if found.review.upgradable is Upgradable.OTHER and (arguments.out is None or not found.plan.to_deploy):
        # Without a place for the export nothing is deployed for it either.
        write_cut(arguments, found.review, found.place.chain_id)
        return 0
    confirm(network.name, arguments.confirm)
    number, review = asyncio.run(_propose_cut(arguments, network, found))
    if review is None:
        return 0
    if arguments.json:
        print_json({"id": number, "review": document(review)})
    else:
        print(f"Proposed contract upgrade #{number}. Its undo, should it be needed, is {review.undo_data}")
    return 0


async def _propose_cut(
    arguments: argparse.Namespace, network: NetworkSettings, found: PreparedCut
) -> tuple[int, CutReview | None]:
    (found,) = await deployed([found], network, paying_key(arguments, network))
    upgrade = linked([found])
    if upgrade.exported:
        write_cut(arguments, found.review, found.place.chain_id)
        return 0, None
    number = await _propose(arguments, network, upgrade.calls, init_allowed=arguments.allow_init)
    return number, found.review


def _give(arguments: argparse.Namespace, network: NetworkSettings) -> int:
    if arguments.give_to == TO_REGISTRY:
        raise InputError("the registry cannot be given what it proposes about", next_step="use `contracts hand-over`")
    plan = asyncio.run(plan_hand_over(network, arguments.contract, arguments.give_to))
    if plan.owner.lower() != network.registry.lower():
        raise InputError(
            f"{plan.name} belongs to {plan.owner}, so that a vote cannot give it away",
            safe="nothing was sent",
            next_step="use `contracts hand-over` with its owner's key",
        )
    if not arguments.json:
        print("\n".join(plan.lines), flush=True)
    confirm(network.name, arguments.confirm)
    number = asyncio.run(_propose(arguments, network, [plan.linked], init_allowed=False))
    if arguments.json:
        print_json({"id": number, "contract": plan.place.address, "new_owner": plan.new_owner})
    else:
        print(f"Proposed to give {plan.name} to {plan.new_owner}, as #{number}.")
    return 0


async def _propose(
    arguments: argparse.Namespace, network: NetworkSettings, calls: Sequence[LinkedCall], *, init_allowed: bool
) -> int:
    rules = await _rules(network)
    name = arguments.name or _name_of(arguments.contract, rules.proposal_count)
    call = contract_proposal(name, calls, rules, voting_blocks=arguments.voting_blocks, init_allowed=init_allowed)
    registry = RegistryCalls(network, None, key=paying_key(arguments, network), terminal=PlainTerminal())
    try:
        return (await registry.now(call)).proposal_id
    finally:
        await registry.close()


async def _rules(network: NetworkSettings) -> RegistryRules:
    async with GovernanceReader(network, network.ethereum_rpc) as reader:
        return await reader.rules()


def _name_of(contract: str, count: int) -> str:
    """A name that the registry takes, where none was given: the contract's and a number."""
    plain = re.sub(r"[^a-z0-9._-]+", "-", contract.lower()).strip("-._")[:40] or "contract"
    return f"{plain}-cut-{count + 1}"
