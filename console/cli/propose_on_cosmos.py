"""`propose` on a Cosmos chain: a software upgrade, or its cancelling, by the chain's own daemon."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli.chain_messages import run_made
from console.cli.printing import complain
from console.cli.propose_arguments import is_for_cosmos
from console.cli.propose_draft import fill_in, of_draft, still_to_propose
from console.cli.sources import Target, load_target, observing
from console.errors import InputError
from console.operations.upgrade_proposal import info_of_binary, manifest_file_fields, upgrade_message, upgrade_of

if TYPE_CHECKING:
    from console.model import ChainMessage, Snapshot
    from console.operations.chain_daemon import DaemonMessages


def run(arguments: argparse.Namespace) -> int:
    """Check, show and send a proposal; print its number. Raises ConsoleError."""
    target = load_target(arguments)
    draft = fill_in(arguments, target.network)
    if not is_for_cosmos(arguments):
        raise InputError("a proposal on a Cosmos chain needs --deposit, --title and --summary", safe="nothing was sent")
    if arguments.contracts is not None or arguments.calls is not None or arguments.voting_period is not None:
        raise InputError(
            "contract calls and voting periods are a registry's; a Cosmos chain has its own rules",
            safe="nothing was sent",
        )
    if arguments.window is not None:
        from console.cli.propose_window import height_of

        chosen = asyncio.run(height_of(arguments.window, target.network))
        arguments.height = chosen.guess.height
        for line in chosen.lines:
            complain(line)
    fields = asyncio.run(_fields(arguments, target))
    # What is wrong in itself needs neither daemon nor chain.
    upgrade_of(fields)
    snapshot, unheld = asyncio.run(_snapshot(target))
    if unheld:
        complain(unheld)
    if draft is not None:
        still_to_propose(draft, snapshot.chain, fields["name"])
    try:
        # How long votes are, and what the network above intends, bound the height.
        proposal = upgrade_of(fields, snapshot)
    except InputError as error:
        raise of_draft(error, draft, arguments.height) from error

    async def make(messages: DaemonMessages) -> ChainMessage:
        return await upgrade_message(proposal, messages)

    return run_made(arguments, target, make)


async def _snapshot(target: Target) -> tuple[Snapshot, str]:
    from console.operations.parent_watch import held_against_parent

    async with observing(Target(target.network, None)) as (_, observer):
        return await held_against_parent(target.network, observer.snapshot)


async def _fields(arguments: argparse.Namespace, target: Target) -> dict[str, str]:
    fields = {
        "name": arguments.name or "",
        "height": "" if arguments.height is None else str(arguments.height),
        "info": arguments.info or "",
        "title": arguments.title,
        "summary": arguments.summary,
        "deposit": arguments.deposit,
        "expedited": "yes" if arguments.expedited else "no",
        "cancels": "yes" if arguments.cancel_upgrade else "no",
    }
    if arguments.binary_url is not None:
        fields["info"] = info_of_binary(arguments.binary_url, arguments.binary_hash)
    if arguments.manifest is not None:
        taken = await manifest_file_fields(target.network, Path(arguments.manifest))
        if arguments.name not in {None, taken["name"]}:
            raise InputError(f"the manifest is of {taken['name']}: propose it under that name", safe="nothing was sent")
        fields |= {"name": taken["name"], "info": taken["info"]}
    return fields
