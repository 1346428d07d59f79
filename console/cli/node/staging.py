"""Bytes and plans that the operator gives: `add-upgrade`, `add-batch-upgrade`, `show-upgrade-info`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from console.cli.node.asking import asked
from console.cli.node.choosing import chosen, controlled
from console.cli.node.showing import show_status, status_document
from console.cli.printing import print_json
from console.errors import InputError

if TYPE_CHECKING:
    from console.operations.node_stage import Staged


def add_upgrade(arguments: argparse.Namespace) -> int:
    """`node add-upgrade NAME FILE`. Raises ConsoleError."""
    from console.operations.node_stage import give_manifest, stage_elsewhere, stage_upgrade

    network, node = controlled(arguments)
    if node.local is None:
        if arguments.manifest is not None or arguments.height is not None:
            # Both are files beside the node.
            network.node(node.name)
        staged = stage_elsewhere(
            node.client, arguments.name, arguments.file, force=arguments.force, checksum=arguments.checksum
        )
        _show(asked(network, node, staged), as_json=arguments.json)
        return 0
    if arguments.manifest is not None:
        kept = give_manifest(network, node.local, arguments.name, arguments.manifest)
        if arguments.file is None and arguments.json:
            print_json({"done": list(kept.lines), "node": None})
        elif not arguments.json:
            print("\n".join(kept.lines))
        if arguments.file is None:
            return 0
    question = stage_upgrade(
        node.client,
        node.local,
        arguments.name,
        arguments.file,
        force=arguments.force,
        height=arguments.height,
        checksum=arguments.checksum,
    )
    _show(asked(network, node, question), as_json=arguments.json)
    return 0


def add_batch(arguments: argparse.Namespace) -> int:
    """`node add-batch-upgrade`. Raises ConsoleError."""
    from console.operations.controllers import here
    from console.operations.node_stage import read_batch_file, read_batch_items, stage_batch

    network, node = chosen(arguments)
    recase = not node.disable_recase
    if (arguments.upgrade_file is None) == (not arguments.upgrade_list):
        raise InputError("give the batch by --upgrade-file or by --upgrade-list", safe="nothing was added")
    if arguments.upgrade_file is not None:
        entries = read_batch_file(arguments.upgrade_file, recase=recase)
    else:
        entries = read_batch_items(arguments.upgrade_list, recase=recase)
    member = here(node)
    staged = asked(network, member, stage_batch(member.client, node, entries))
    _show(staged, as_json=arguments.json)
    return 0


def show_upgrade_info(arguments: argparse.Namespace) -> int:
    """`node show-upgrade-info`: the node's plan file. Exit code 1 when it is no whole plan. Raises ConsoleError."""
    from console.operations.node_look import upgrade_info

    _, node = chosen(arguments)
    found = upgrade_info(node)
    if arguments.json:
        print_json(found)
        return 1 if found["problem"] else 0
    plan = found["plan"]
    if found["problem"]:
        raise InputError(f"{found['path']} {found['problem']}", safe="the controller does not act on it")
    if plan is None:
        print(f"No upgrade info in {found['path']}.")
    else:
        print(f"{plan['name']} at height {plan['height']}" + (f"\n  {plan['info']}" if plan["info"] else ""))
    for entry in found["batch"]:
        print(f"batch: {entry['name']} at height {entry['height']}")
    return 0


def _show(staged: Staged, *, as_json: bool) -> None:
    if as_json:
        document = None if staged.status is None else status_document(staged.status)
        print_json({"done": list(staged.lines), "node": document})
    elif staged.status is None:
        print("\n".join([*staged.lines, "No controller runs; it goes on from here when it is started."]))
    else:
        show_status(staged.status, as_json=False)
