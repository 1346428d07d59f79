"""A cut as its options say it, for every verb that takes one."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence

from console.addresses import ZERO_ADDRESS, prefix_of
from console.chain.address import parse_address
from console.chain.cut_plan import ProposedFacet
from console.chain.signing import PlainTerminal
from console.errors import InputError, SettingsError
from console.operations.artefact_sources import FacetOption, facet_option, proposed_facets
from console.operations.contract_deploy import deploying
from console.operations.contract_upgrade import CutRequest, PreparedCut, check_upgradable, prepare_cuts, with_deployed
from console.ports.keys import KeyReference
from console.settings import NetworkSettings
from console.text import untrusted

_HEX = re.compile(r"0x((?:[0-9a-fA-F]{2})*)", re.ASCII)


def facet_options(arguments: argparse.Namespace, network: NetworkSettings) -> list[FacetOption]:
    """The facets of `--facets`. Raises InputError."""
    return [facet_option(part, network) for part in _parts(arguments.facets)]


async def prepared(arguments: argparse.Namespace, network: NetworkSettings, contract: str) -> PreparedCut:
    """The cut of one diamond that the options say, worked out on the chain as it is.

    Raises:
        ConsoleError: As `console.operations.contract_upgrade.prepare_cuts`.
    """
    facets = await proposed_facets(network, facet_options(arguments, network))
    (found,) = await _prepared(arguments, network, [_request(arguments, network, contract, facets)])
    return found


async def prepared_contracts(
    arguments: argparse.Namespace, network: NetworkSettings, contracts: Sequence[str]
) -> tuple[PreparedCut, ...]:
    """The cuts of several diamonds, for one proposal.

    Args:
        arguments: `--facets CONTRACT:NAME=FILE[@ADDRESS]`; the contract may be left out where there is one.
        network: The network.
        contracts: As `place_of` takes them.

    Raises:
        ConsoleError: As `prepared`, or when a facet is of no contract that is named, or a contract has no facet.
    """
    if arguments.init is not None and len(contracts) != 1:
        raise InputError("an initialiser goes with one contract", safe="nothing was sent")
    options: dict[str, list[FacetOption]] = {contract: [] for contract in contracts}
    for part in _parts(arguments.facets):
        name, equals, rest = part.partition("=")
        contract, colon, facet = name.rpartition(":")
        if not colon:
            contract, facet = (contracts[0] if len(contracts) == 1 else ""), name
        if contract not in options:
            raise InputError(
                f"{str(untrusted(part, 80))!r} does not say of which contract it is",
                safe="nothing was sent",
                next_step=f"give {contracts[0]}:NAME=FILE",
            )
        options[contract].append(facet_option(f"{facet}{equals}{rest}", network))
    empty = next((contract for contract, found in options.items() if not found), None)
    if empty is not None:
        raise InputError(f"no facet of {empty} is named", safe="nothing was sent")
    requests = [
        _request(arguments, network, contract, await proposed_facets(network, found))
        for contract, found in options.items()
    ]
    return await _prepared(arguments, network, requests)


async def deployed(cuts: Sequence[PreparedCut], network: NetworkSettings, key: KeyReference) -> list[PreparedCut]:
    """The same cuts once their facets are on the chain; those that are missing are deployed from the key.

    Raises:
        ConsoleError: A facet on the parent chain is missing, or a deployment failed; the next run goes on.
    """
    from console.chain.agreement import require_agreement

    await require_agreement(network)
    found: list[PreparedCut] = []
    for entry in cuts:
        check_upgradable(entry.review)
        if not entry.plan.to_deploy:
            found.append(entry)
            continue
        if entry.place.on_parent:
            raise InputError(
                "facets on the parent chain are deployed with its owner's tools",
                safe="nothing was sent",
                next_step="name them as NAME=FILE@ADDRESS afterwards",
            )
        async with deploying(network, key, terminal=PlainTerminal()) as deployer:
            found.append(await with_deployed(network, entry, await deployer.deploy_facets(entry.plan.to_deploy)))
    return found


def paying_key(arguments: argparse.Namespace, network: NetworkSettings) -> KeyReference:
    """Whose key signs. Raises SettingsError when neither option nor settings say it."""
    if arguments.key is not None:
        return KeyReference(arguments.key.absolute())
    if network.proposer_key is None:
        raise SettingsError(
            f"network {network.name} has no proposer_key in the settings",
            safe="nothing was sent",
            next_step="pass --key FILE",
        )
    return network.proposer_key


def _parts(given: Sequence[str]) -> list[str]:
    return [part.strip() for each in given for part in each.split(",") if part.strip()]


def _request(
    arguments: argparse.Namespace, network: NetworkSettings, contract: str, facets: tuple[ProposedFacet, ...]
) -> CutRequest:
    match = _HEX.fullmatch(arguments.init_calldata)
    if match is None:
        raise InputError("the initialiser's call data is 0x and hex digits", safe="nothing was sent")
    init = ZERO_ADDRESS
    if arguments.init is not None:
        init = parse_address(arguments.init, prefix=prefix_of(network.chain_id))
    return CutRequest(contract, facets, init, bytes.fromhex(match[1]))


async def _prepared(
    arguments: argparse.Namespace, network: NetworkSettings, requests: Sequence[CutRequest]
) -> tuple[PreparedCut, ...]:
    return await prepare_cuts(network, requests, allow_init=arguments.allow_init, allow_core=arguments.allow_core)
