"""`doctor`: what is on this machine before and after it is set up, and which settings would fit."""

from __future__ import annotations

import argparse

from console.cli.printing import print_findings, print_json
from console.errors import InputError
from console.operations.first_look import FirstLook, LookRequest, look_around
from console.operations.networks import lines_of, write, written
from console.text import untrusted


def run(arguments: argparse.Namespace) -> int:
    """Print what was found; with `--write` also write the settings that are proposed for one network.

    Returns:
        1 when something fails, else 0.

    Raises:
        InputError: Nothing is proposed for the network that was named.
        SettingsError: The settings cannot be written.
    """
    found = look_around(LookRequest(ipc_config=arguments.ipc_config))
    path = None
    if arguments.write is not None:
        chosen = [each for each in found.proposals if each.network == arguments.write]
        if not chosen:
            names = ", ".join(dict.fromkeys(each.network for each in found.proposals)) or "none"
            raise InputError(
                f"nothing is proposed for a network {untrusted(arguments.write, 80)!r} (proposed: {names})",
                safe="nothing was written",
            )
        path = write(written(chosen))
    if arguments.json:
        print_json({**found.to_json(), "written": None if path is None else str(path)})
    else:
        _print(found)
        if path is not None:
            print(f"\nWritten into {path}.")
    return 1 if found.level.value == "fail" else 0


def _print(found: FirstLook) -> None:
    print_findings(found.findings)
    for name in found.usable:
        print(f"\nOpen it: upgrade-console --network {untrusted(name, 80)}")
    for table in found.proposals:
        print(f"\nProposed; `upgrade-console doctor --write {untrusted(table.network, 80)}` writes it:\n")
        print("\n".join(lines_of(table)))
