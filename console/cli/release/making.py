"""`release make`: a manifest from files."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from console.cli.printing import print_json
from console.cli.sources import network_if_named
from console.errors import InputError

if TYPE_CHECKING:
    from console.settings import NetworkSettings


def make(arguments: argparse.Namespace) -> int:
    """Make a manifest and print its hash. Raises ConsoleError."""
    from console.node.release.grammar import LARGEST
    from console.operations.release_make import Making, made_document, make_release, write_release

    network = network_if_named(arguments)
    project, keyring = _pinned(network, arguments.project, arguments.keyring)
    chain = arguments.chain or ("" if network is None else network.chain_id)
    if not chain:
        raise InputError("say for which chain it is: --chain ID, or a --network of the settings")
    made = make_release(
        Making(
            name=arguments.name,
            version=arguments.version,
            project=project,
            chain=chain,
            sequence=arguments.sequence,
            keyring=keyring,
            breaking=not arguments.not_breaking,
            state_compatible=arguments.state_compatible,
            binaries=arguments.binary,
            sources=arguments.source,
            archives=arguments.archive,
            members=arguments.member,
            images=arguments.image,
            min_height=1 if arguments.min_height is None else arguments.min_height,
            max_height=LARGEST if arguments.max_height is None else arguments.max_height,
            grace_blocks=arguments.grace_blocks,
            children=arguments.child,
            not_after=arguments.not_after,
            notes_url=arguments.notes_url,
            notes=arguments.notes,
            migration=arguments.migration,
        )
    )
    write_release(made, arguments.out, force=arguments.force)
    if arguments.json:
        print_json(made_document(made, arguments.out))
    else:
        print(f"Wrote {arguments.out}: {made.manifest.name} for {made.manifest.chain}.")
        print(f"For the proposal: sha256:{made.sha256}")
        print(f"Next: upgrade-console release sign {arguments.out} --key KEY")
    return 0


def _pinned(network: NetworkSettings | None, project: str | None, keyring: int | None) -> tuple[str, int]:
    """Project and keyring version, those that are not said from the pinned keyring. Raises ConsoleError."""
    if project is not None and keyring is not None:
        return project, keyring
    from console.node.release.trust import Trust

    trusted = None if network is None else Trust(network.demands.trust_dir).read()
    if trusted is None:
        raise InputError(
            "no keyring is pinned that says whose release it is", next_step="say --project NAME and --keyring N"
        )
    ring = trusted.keyring
    return project or ring.project, ring.version if keyring is None else keyring
