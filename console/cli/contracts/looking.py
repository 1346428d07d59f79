"""`contracts show|diff|review|verify|check`: reading only."""

from __future__ import annotations

import argparse
import asyncio

from console.chain.artefact_file import Compiled, compare_code, shipped
from console.chain.contracts import artefact, artefact_names
from console.chain.diamond import read_diamond
from console.chain.governance import GovernanceReader
from console.chain.rpc import JsonRpc
from console.cli.contracts.cutting import facet_options, prepared
from console.cli.contracts.showing import diamond_lines, document, linked_lines, review_lines, verdict_line
from console.cli.printing import print_json
from console.errors import InputError
from console.model import CodeVerdict, DiamondView, LinkedReview
from console.operations.artefact_sources import load_compiled, recompile
from console.operations.contract_export import check_export, read_export
from console.operations.contract_places import place_of
from console.operations.contract_upgrade import review_linked
from console.operations.registry_deploy import RegistryVerdict, verify_registry
from console.settings import NetworkSettings, load_network


def show(arguments: argparse.Namespace) -> int:
    """A diamond. Raises ConsoleError."""
    view = asyncio.run(_view(load_network(arguments.network, arguments.dir), arguments.contract))
    if arguments.json:
        print_json(document(view))
    else:
        print("\n".join(diamond_lines(view)))
    return 0


def diff(arguments: argparse.Namespace) -> int:
    """A cut, worked out and laid open. Raises ConsoleError."""
    network = load_network(arguments.network, arguments.dir)
    review = asyncio.run(prepared(arguments, network, arguments.contract)).review
    if arguments.json:
        print_json(document(review))
    else:
        print("\n".join(review_lines(review)))
    return 0


def review(arguments: argparse.Namespace) -> int:
    """The linked calls of a proposal. Raises ConsoleError."""
    network = load_network(arguments.network, arguments.dir)
    calls, undo = asyncio.run(_reviewed(network, arguments.proposal))
    if arguments.json:
        print_json({"calls": [document(each) for each in calls], "undo": [document(each) for each in undo]})
        return 0
    if not calls:
        print(f"proposal {arguments.proposal} links no calls")
    for number, each in enumerate(calls, 1):
        print("\n".join(linked_lines(number, each)))
    for number, each in enumerate(undo, 1):
        print(f"undo {number}: {each.described}")
    return 0


def verify(arguments: argparse.Namespace) -> int:
    """Code against what it was compiled from; 1 when any differs. Raises ConsoleError."""
    network = load_network(arguments.network, arguments.dir)
    if arguments.contract is None:
        return _registry(asyncio.run(verify_registry(network)), as_json=arguments.json)
    found = asyncio.run(_verified(arguments, network))
    good = all(verdict.matches for verdict in found)
    if arguments.json:
        print_json({"good": good, "facets": [document(verdict) for verdict in found]})
    else:
        print("\n".join(verdict_line(verdict) for verdict in found))
    return 0 if good else 1


def check(arguments: argparse.Namespace) -> int:
    """Whether exported calls are in force; 1 when one is not. Raises ConsoleError."""
    network = load_network(arguments.network, arguments.dir)
    calls = read_export(arguments.file)
    found = asyncio.run(check_export(network, calls, arguments.transaction))
    good = all(entry.in_force for entry in found)
    if arguments.json:
        print_json({"good": good, "calls": [document(entry) for entry in found]})
        return 0 if good else 1
    for entry in found:
        print(f"{'ok' if entry.in_force else 'NO'}  {entry.target} at height {entry.height}")
        print("\n".join(f"    {problem}" for problem in entry.problems), end="\n" if entry.problems else "")
    return 0 if good else 1


async def _view(network: NetworkSettings, contract: str) -> DiamondView:
    async with JsonRpc(tokens=network.tokens) as rpc:
        return (await read_diamond(rpc, await place_of(network, contract, rpc))).view


async def _reviewed(
    network: NetworkSettings, proposal_id: int
) -> tuple[tuple[LinkedReview, ...], tuple[LinkedReview, ...]]:
    async with GovernanceReader(network, network.ethereum_rpc) as reader:
        found = await reader.read(proposal_id)
    return await review_linked(network, found.calls), await review_linked(network, found.undo)


async def _verified(arguments: argparse.Namespace, network: NetworkSettings) -> list[CodeVerdict]:
    known = {name: shipped(artefact(name)) for name in artefact_names()}
    if arguments.recompile is not None:
        known = await recompile(arguments.recompile)
    named: dict[str, Compiled] = {
        option.name: await load_compiled(network, option.where) for option in facet_options(arguments, network)
    }
    async with JsonRpc(tokens=network.tokens) as rpc:
        diamond = await read_diamond(rpc, await place_of(network, arguments.contract, rpc))
    unused = set(named) - {facet.name for facet in diamond.view.facets}
    if unused:
        raise InputError(f"{arguments.contract} has no facet that is known as {sorted(unused)[0]}")
    verdicts: list[CodeVerdict] = []
    for facet in diamond.view.facets:
        compiled = named.get(facet.name) or known.get(facet.name)
        if compiled is None:
            why = "nothing to compare it with" + (": give --facets or --recompile" if facet.name else "")
            verdicts.append(CodeVerdict(facet.name or "facet", facet.address, facet.code_hash, False, why))
            continue
        verdicts.append(compare_code(compiled, diamond.codes[facet.address], facet.address))
    return verdicts


def _registry(found: RegistryVerdict, *, as_json: bool) -> int:
    if as_json:
        print_json({"good": found.good, **document(found)})
        return 0 if found.good else 1
    print("\n".join(verdict_line(verdict) for verdict in found.codes))
    for target, owner in found.owners:
        print(f"    target {target} belongs to {owner}")
    for problem in found.problems:
        print(f"NO  {problem}")
    return 0 if found.good else 1
