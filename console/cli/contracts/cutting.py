"""A cut as its options say it, for every verb that takes one."""

from __future__ import annotations

import argparse
import re

from console.addresses import ZERO_ADDRESS, prefix_of
from console.chain.address import parse_address
from console.errors import InputError, SettingsError
from console.operations.artefact_sources import FacetOption, facet_option, proposed_facets
from console.operations.contract_upgrade import CutRequest, PreparedCut, prepare_cuts
from console.ports import KeyReference
from console.settings import NetworkSettings

_HEX = re.compile(r"0x((?:[0-9a-fA-F]{2})*)", re.ASCII)


def facet_options(arguments: argparse.Namespace, network: NetworkSettings) -> list[FacetOption]:
    """The facets of `--facets`. Raises InputError."""
    typed = [part for given in arguments.facets for part in given.split(",") if part.strip()]
    return [facet_option(part, network) for part in typed]


async def prepared(arguments: argparse.Namespace, network: NetworkSettings, contract: str) -> PreparedCut:
    """The cut that the options say, worked out on the chain as it is.

    Raises:
        ConsoleError: As `console.operations.contract_upgrade.prepare_cuts`.
    """
    match = _HEX.fullmatch(arguments.init_calldata)
    if match is None:
        raise InputError("the initialiser's call data is 0x and hex digits", safe="nothing was sent")
    init = ZERO_ADDRESS
    if arguments.init is not None:
        init = parse_address(arguments.init, prefix=prefix_of(network.chain_id))
    facets = await proposed_facets(network, facet_options(arguments, network))
    request = CutRequest(contract, facets, init, bytes.fromhex(match[1]))
    (found,) = await prepare_cuts(network, [request], allow_init=arguments.allow_init, allow_core=arguments.allow_core)
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
