"""`propose`: an upgrade proposed from the command line, by the same checks as the console's form."""

from __future__ import annotations

import argparse
import asyncio

from console.cli.printing import print_json
from console.cli.sources import Target, explained, observing
from console.errors import EndpointDown
from console.model import Snapshot
from console.operations.propose import fields_of, propose, request_of
from console.ports import ProposeRequest
from console.settings import NetworkSettings, load_network
from console.text import duration


def run(arguments: argparse.Namespace) -> int:
    """Check and send a proposal; print its id.

    Raises:
        ConsoleError: A field is not acceptable, or the chain does not answer or refuses.
    """
    network = load_network(arguments.network, arguments.dir)
    fields = _fields(arguments, network)
    request_of(fields, None)  # what is wrong in itself needs no chain
    number, request, snapshot = asyncio.run(_propose(network, fields))
    if arguments.json:
        print_json({"id": number, "height": request.height})
    else:
        print(_sentence(number, request, snapshot))
    return 0


def _fields(arguments: argparse.Namespace, network: NetworkSettings) -> dict[str, str]:
    if arguments.manifest is None:
        return fields_of(
            arguments.name,
            arguments.height,
            arguments.binary_url,
            arguments.binary_hash,
            breaking=not arguments.not_breaking,
        )
    from console.operations.release_propose import manifest_fields

    return manifest_fields(network, arguments.manifest, arguments.manifest_url, arguments.height)


async def _propose(network: NetworkSettings, fields: dict[str, str]) -> tuple[int, ProposeRequest, Snapshot]:
    async with observing(Target(network, None)) as (chain, observer):
        try:
            await chain.check_registry()
        except EndpointDown as error:
            raise explained(error, network, None) from error
        snapshot = await observer.snapshot()
        if snapshot.chain is None:
            raise explained(EndpointDown(snapshot.chain_problem), network, None)
        request = request_of(fields, snapshot)
        return await propose(network, request), request, snapshot


def _sentence(number: int, request: ProposeRequest, snapshot: Snapshot) -> str:
    ahead = request.height - (snapshot.height or 0)
    block_time = None if snapshot.chain is None else snapshot.chain.block_time_s
    eta = "" if block_time is None else f", in about {duration(ahead * block_time)}"
    return f"Proposed upgrade #{number} {request.name} (target height: {request.height}): {ahead} blocks ahead{eta}."
