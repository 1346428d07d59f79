"""`propose --contracts A,B --facets …`: cuts worked out, laid open and deployed, for one proposal of a release."""

from __future__ import annotations

import argparse
from pathlib import Path

from console.cli.confirming import confirm
from console.cli.contracts.cutting import deployed, paying_key, prepared_contracts
from console.cli.contracts.showing import review_lines
from console.cli.printing import complain
from console.errors import InputError
from console.model import CutReview
from console.operations.contract_export import exported_cut, write_export
from console.operations.contract_upgrade import linked
from console.settings import NetworkSettings, state_folder


async def linked_file(arguments: argparse.Namespace, network: NetworkSettings) -> Path:
    """Write the cuts that the registry makes into a file of calls, as `--calls` takes it.

    What the registry cannot make is written beside it, for its owner. Facets that are not deployed yet are deployed,
    after the network's name was given.

    Returns:
        The file.

    Raises:
        ConsoleError: A cut is not possible, nothing is left for the registry, or a deployment failed.
    """
    names = [part.strip() for part in arguments.contracts.split(",") if part.strip()]
    if not names:
        raise InputError("no contract is named", safe="nothing was sent")
    cuts = await prepared_contracts(arguments, network, names)
    if not arguments.json:
        for cut in cuts:
            print("\n".join(review_lines(cut.review)), flush=True)
    if any(cut.plan.to_deploy for cut in cuts) and not arguments.dry_run:
        confirm(network.name, arguments.confirm)
        cuts = tuple(await deployed(cuts, network, paying_key(arguments, network)))
    upgrade = linked(cuts)
    chains = {(cut.place.address, cut.place.on_parent): cut.place.chain_id for cut in cuts}
    folder = (network.folder or state_folder()) / "exports"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def written(review: CutReview, kind: str) -> Path:
        call = exported_cut(review, chains[review.target, review.on_parent])
        return write_export([call], folder / f"{kind}-{review.target}-{review.height}.json")[0]

    for review in upgrade.exported:
        path = written(review, "cut")
        complain(f"{review.target_name} is cut by its owner {review.owner}: {path}")
    by_registry = [review for review in upgrade.reviews if review not in upgrade.exported]
    if not by_registry:
        raise InputError(
            "the registry can make none of these cuts: they are written for their owners",
            safe="nothing was proposed",
            next_step="propose the release alone, and have the owners make the cuts",
        )
    calls = [exported_cut(review, network.evm_chain_id) for review in by_registry]
    name = "-".join(review.target[2:10] for review in by_registry)
    return write_export(calls, folder / f"linked-{name}-{by_registry[0].height}.json")[0]
