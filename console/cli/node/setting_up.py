"""`node init`, `leave`, `full-node` and `unit`: a node comes under this controller, and goes back."""

from __future__ import annotations

import argparse
import os

from console.cli.node.choosing import chosen, cosmovisor
from console.cli.printing import print_json
from console.cli.sources import given_folder
from console.settings import NetworkSettings, NodeSettings


def init(arguments: argparse.Namespace) -> int:
    """`node init [--adopt] [--dry-run]`, or the way back by `--give-back`. Raises ConsoleError."""
    from console.operations.node_setup import do_setup, plan_setup

    if arguments.give_back:
        return leave(arguments)
    found = cosmovisor(arguments, check_folders=False)
    _, node = chosen(arguments) if found is None else (found.network, found.node)
    setup = plan_setup(node, adopt=arguments.adopt, unit=arguments.unit, binary=arguments.binary)
    if arguments.dry_run:
        if arguments.json:
            print_json({"steps": list(setup.lines), "done": []})
        else:
            print("\n".join([*setup.lines, "Nothing was changed."]))
        return 0
    done = do_setup(setup)
    if arguments.json:
        print_json({"steps": list(setup.lines), "done": list(done)})
    else:
        print("\n".join([*done, "Start the controller with `upgrade-console node run` (`node unit` prints a unit)."]))
    return 0


def leave(arguments: argparse.Namespace) -> int:
    """`node leave`: give the node back to the unit that it was taken from. Raises ConsoleError."""
    from console.operations.node_setup import give_back

    _, node = chosen(arguments)
    done = give_back(node)
    if arguments.json:
        print_json({"done": list(done)})
    else:
        print("\n".join(done))
    return 0


def full_node(arguments: argparse.Namespace) -> int:
    """`node full-node --home NEW`: a full node beside this one, which can never sign as it. Raises ConsoleError."""
    from console.operations.full_node import full_node as set_up
    from console.operations.full_node import full_node_settings

    network, node = chosen(arguments)
    beside = set_up(node, arguments.home, moniker=arguments.moniker, port_offset=arguments.port_offset)
    made = beside.made
    table = full_node_settings(node, made, network.name, own_file=network.folder is not None)
    if arguments.json:
        print_json(
            {
                "home": str(made.home),
                "moniker": made.moniker,
                "node_id": made.node_id,
                "consensus_address": made.consensus_address,
                "ports": [{"of_source": before, "here": after} for before, after in made.ports],
                "generations": list(beside.generations),
                "settings": table,
            }
        )
        return 0
    where = "the settings file" if network.folder is None else str(network.folder / "network.toml")
    run = " ".join(["upgrade-console node run", *_naming(arguments, network, node)]).replace(
        f"--node {node.name}", f"--node {node.name}-full"
    )
    print(f"{made.home} is a full node's home with fresh keys, node id {made.node_id}.")
    if beside.generations:
        print(f"It holds the generations {', '.join(beside.generations)}; it begins with genesis at block 1.")
        print(f"Add this to {where}, then `{run}`:")
    else:
        print(f"It holds no generation: {beside.problem}.")
        print(f"Add this to {where}, give it genesis' binary with `node init --binary FILE`, then `{run}`:")
    print()
    print(table, end="")
    return 0


def unit(arguments: argparse.Namespace) -> int:
    """`node unit`: print a systemd unit that runs this node's controller. Raises ConsoleError."""
    from console.operations.node_unit import controller_unit

    network, node = chosen(arguments)
    text = controller_unit(
        node,
        _naming(arguments, network, node),
        environment=os.environ,
        user=arguments.as_user,
        for_user=arguments.for_user,
    )
    if arguments.json:
        print_json({"unit": text})
    else:
        print(text, end="")
    return 0


def _naming(arguments: argparse.Namespace, network: NetworkSettings, node: NodeSettings) -> list[str]:
    """The arguments that name this node again."""
    if arguments.network is not None:
        folder = given_folder(network)
        words = ["--network", network.name, "--node", node.name]
        return words if folder is None else [*words, "--dir", str(folder.absolute())]
    config = getattr(arguments, "cosmovisor_config", None)
    words = [] if config is None else ["--cosmovisor-config", str(config.absolute())]
    return [*words, "--", *(arguments.daemon_arguments or ())] if node.arguments else words
