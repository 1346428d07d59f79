"""`networks`: which there are and where each value comes from; `networks import-ipc`: what ipc-cli knows of them."""

from __future__ import annotations

import argparse
from pathlib import Path

from console.cli.printing import complain, print_json
from console.ipc_config import IpcConfig, ipc_config_file, read_ipc_config
from console.operations.networks import known_networks, lines_of, proposed_tables, shown, write, written
from console.text import untrusted


def run(arguments: argparse.Namespace) -> int:
    """List the networks.

    Raises:
        SettingsError: A file cannot be read.
    """
    ipc = _read(arguments.ipc_config, needed=arguments.ipc_config is not None)
    networks = known_networks(ipc)
    if arguments.json:
        print_json(
            {
                "networks": [
                    {
                        "name": network.name,
                        "problem": network.problem or None,
                        "values": {each.key: {"value": each.value, "origin": each.origin} for each in network.values},
                    }
                    for network in networks
                ]
            }
        )
        return 0
    for network in networks:
        print(untrusted(network.name))
        for each in network.values:
            print(f"  {each.key:<18} {each.value}  ({each.origin})")
        if network.problem:
            print(f"  not usable yet: {network.problem}")
    return 0


def import_ipc(arguments: argparse.Namespace) -> int:
    """Show what ipc-cli's settings would add to ours; write it when told to.

    Raises:
        SettingsError: A file cannot be read or written.
    """
    ipc = _read(arguments.ipc_config, needed=True)
    assert ipc is not None
    tables = proposed_tables(ipc)
    text = written(tables)
    path = write(text) if arguments.write else None
    if arguments.json:
        print_json(
            {
                "file": str(ipc.path),
                "written": None if path is None else str(path),
                "networks": [
                    {
                        "name": each.network,
                        "subnet": each.subnet,
                        "values": {key: shown(value) for key, value in each.values.items()},
                        "contracts": {key: shown(value) for key, value in each.contracts.items()},
                        "missing": [key for key, _, _ in each.missing],
                    }
                    for each in tables
                ],
            }
        )
    else:
        for each in tables:
            print("\n".join(lines_of(each)) + "\n")
        print("Nothing was written; --write writes it." if path is None else f"Written into {path}.")
    for warning in ipc.warnings:
        complain(warning)
    return 0


def _read(given: Path | None, *, needed: bool) -> IpcConfig | None:
    path = ipc_config_file(given)
    return read_ipc_config(path) if needed or path.is_file() else None
