"""`contracts export|deploy-facets|hand-over`: calls for an owner, by his key or for it."""

from __future__ import annotations

import argparse
import asyncio

from console.chain.signing import PlainTerminal
from console.cli.confirming import confirm
from console.cli.contracts.cutting import deployed, paying_key, prepared
from console.cli.contracts.showing import review_lines
from console.cli.printing import print_json
from console.errors import InputError
from console.model import CutReview
from console.operations.contract_deploy import deploying
from console.operations.contract_export import exported_cut, write_export
from console.operations.contract_ownership import HandOver, plan_hand_over, send_hand_over
from console.settings import NetworkSettings, load_network


def export(arguments: argparse.Namespace) -> int:
    """Write a cut for its owner. Raises ConsoleError."""
    network = load_network(arguments.network, arguments.dir)
    found = asyncio.run(prepared(arguments, network, arguments.contract))
    write_cut(arguments, found.review, found.place.chain_id)
    return 0


def write_cut(arguments: argparse.Namespace, review: CutReview, chain_id: int) -> None:
    """Write a reviewed cut to `--out` and say where. Raises InputError."""
    if arguments.out is None:
        raise InputError(
            f"{review.target_name} is upgraded by its owner {review.owner}",
            next_step="pass --out FILE to export the cut",
        )
    paths = write_export([exported_cut(review, chain_id)], arguments.out)
    if arguments.json:
        print_json({"files": [str(path) for path in paths], "owner": review.owner})
        return
    print("\n".join(review_lines(review)))
    print(f"Written for {review.owner}: {paths[0]}, and {paths[1]} for Safe's transaction builder.")
    print(f"When it is made: upgrade-console contracts check {paths[0]} --transaction HASH")


def deploy_facets(arguments: argparse.Namespace) -> int:
    """Deploy what a cut needs. Raises ConsoleError."""
    network = load_network(arguments.network, arguments.dir)
    addresses = asyncio.run(_deploy_facets(arguments, network))
    if arguments.json:
        print_json({"facets": addresses})
    else:
        print("\n".join(f"{name} is at {address}" for name, address in addresses.items()))
    return 0


def hand_over(arguments: argparse.Namespace) -> int:
    """Give a diamond to another owner. Raises ConsoleError."""
    network = load_network(arguments.network, arguments.dir)
    plan = asyncio.run(plan_hand_over(network, arguments.contract, arguments.to))
    if arguments.out is not None:
        paths = write_export([plan.call], arguments.out)
        if arguments.json:
            print_json({"files": [str(path) for path in paths], "owner": plan.owner})
        else:
            print("\n".join(plan.lines))
            print(f"Written for {plan.owner}: {paths[0]}, and {paths[1]} for Safe's transaction builder.")
        return 0
    if not arguments.json:
        print("\n".join(plan.lines), flush=True)
    transaction = asyncio.run(_send(arguments, network, plan))
    if arguments.json:
        print_json({"transaction": transaction, "owner": plan.new_owner})
    else:
        print(f"{plan.name} belongs to {plan.new_owner} now (transaction {transaction}).")
    return 0


async def _deploy_facets(arguments: argparse.Namespace, network: NetworkSettings) -> dict[str, str]:
    found = await prepared(arguments, network, arguments.contract)
    waiting = found.plan.to_deploy
    if not waiting:
        raise InputError("every facet is deployed already", safe="nothing was sent")
    if not arguments.json:
        print("\n".join(review_lines(found.review)), flush=True)
    confirm(network.name, arguments.confirm)
    (ready,) = await deployed([found], network, paying_key(arguments, network))
    names = {facet.name for facet in waiting}
    return {facet.name: address for address, facet in ready.plan.facets.items() if facet.name in names}


async def _send(arguments: argparse.Namespace, network: NetworkSettings, plan: HandOver) -> str:
    async with deploying(network, paying_key(arguments, network), terminal=PlainTerminal()) as deployer:
        return await send_hand_over(
            network, plan, deployer, confirmed=lambda shown: _confirmed(arguments, network, shown)
        )


def _confirmed(arguments: argparse.Namespace, network: NetworkSettings, shown: str) -> None:
    if not arguments.json:
        print(shown, flush=True)
    confirm(network.name, arguments.confirm)
