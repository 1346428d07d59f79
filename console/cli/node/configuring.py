"""`node config`: settings in force, and changes that take effect without restarting the node."""

from __future__ import annotations

import argparse
import os
from typing import Any

from console.cli.node.asking import asked
from console.cli.node.choosing import controlled
from console.cli.printing import complain, print_json
from console.errors import InputError
from console.operations.node_command import typed_reason
from console.settings_table import Effect, SettingChange, find_setting


def config(arguments: argparse.Namespace) -> int:
    """`node config [get|set|unset|import]`. Raises ConsoleError."""
    match arguments.config_action:
        case "get":
            return _get(arguments)
        case "set":
            return _set(arguments)
        case "unset":
            return _unset(arguments)
        case "import":
            return _import(arguments)
        case "file":
            return _file(arguments)
        case "file-set" | "file-undo":
            return _file_changed(arguments)
    return _tables(arguments)


def _tables(arguments: argparse.Namespace) -> int:
    """Cosmovisor's two tables where its variables are set; else every setting."""
    from console.operations.cosmovisor_home import has_variables

    config_file = getattr(arguments, "cosmovisor_config", None)
    if config_file is None and not has_variables(os.environ):
        return _get(arguments)
    from console.node.cosmovisor.settings_text import config_tables
    from console.operations.node_look import cosmovisor_settings

    tables = config_tables(cosmovisor_settings(dict(os.environ), config_file))
    if arguments.json:
        print_json(
            {
                "configurable": {
                    line.variable: {"value": line.value, "source": str(line.source)} for line in tables.configurable
                },
                "derived": dict(tables.derived),
            }
        )
    else:
        print(tables.text(), end="")
    return 0


def _get(arguments: argparse.Namespace) -> int:
    from console.operations.node_config import shown

    network, node = controlled(arguments)
    key = getattr(arguments, "key", None)
    found = asked(network, node, shown(node.client, node.local, key))
    if arguments.json:
        print_json(found)
    elif key is not None:
        print(found["settings"][0]["value"])
    else:
        for setting in found["settings"]:
            print(_line(setting))
    if found["problem"]:
        complain(found["problem"])
    return 0


def _line(setting: dict[str, Any]) -> str:
    origin = setting["origin"]
    if setting["who"]:
        origin += f" by {setting['who']}" + (f": {setting['reason']}" if setting["reason"] else "")
    pending = "" if setting["pending"] is None else f", {setting['pending']} from the {setting['effect']}"
    return f"{setting['key']} = {setting['value']}  ({origin}{pending})"


def _file(arguments: argparse.Namespace) -> int:
    """The node's own settings files by name, or the values of one."""
    network, node = controlled(arguments)
    if arguments.file is None:
        names = asked(network, node, node.client.node_files())
        if arguments.json:
            print_json({"files": list(names)})
        else:
            print("\n".join(names) or "No settings file is below the node's home.")
        return 0
    values = asked(network, node, node.client.node_values(arguments.file))
    if arguments.json:
        print_json({"file": arguments.file, "values": values})
    else:
        print("\n".join(f"{key} = {value}" for key, value in values.items()))
    return 0


def _file_changed(arguments: argparse.Namespace) -> int:
    from console.operations.node_config import assignments

    network, node = controlled(arguments)
    reason = typed_reason(f"config {arguments.config_action}", arguments.reason)
    if arguments.config_action == "file-undo":
        done = asked(network, node, node.client.node_values_undo(arguments.file, reason))
    else:
        wanted = assignments(arguments.changes)
        done = asked(network, node, node.client.node_values_set(arguments.file, wanted, reason))
    if arguments.json:
        print_json({"changes": [{"key": each.key, "old": each.old, "new": each.new} for each in done]})
        return 0
    for change in done:
        print(f"{change.key}: {change.old or '—'} → {change.new or '—'}  (from the node's next start)")
    if not done:
        print("Everything is so already.")
    return 0


def _set(arguments: argparse.Namespace) -> int:
    from console.operations.node_config import assignments, changed

    network, node = controlled(arguments)
    wanted = assignments(arguments.changes)
    if not wanted:
        raise InputError("nothing is given to set", safe="nothing was changed")
    done = asked(network, node, changed(node.client, node.local, wanted, arguments.reason or ""))
    return _show(done, as_json=arguments.json)


def _unset(arguments: argparse.Namespace) -> int:
    from console.operations.node_config import unset

    network, node = controlled(arguments)
    done = asked(network, node, unset(node.client, node.local, arguments.key, arguments.reason or ""))
    return _show(done, as_json=arguments.json)


def _import(arguments: argparse.Namespace) -> int:
    from console.operations.node_config import imported

    network, node = controlled(arguments)
    # What the file says is held against what is in force here.
    network.node(node.name)
    assert node.local is not None
    done = asked(network, node, imported(node.client, node.local, arguments.file, arguments.reason or ""))
    return _show(done, as_json=arguments.json)


def _show(done: tuple[SettingChange, ...], *, as_json: bool) -> int:
    if as_json:
        print_json({"changes": [{"key": each.key, "old": each.old, "new": each.new} for each in done]})
        return 0
    for change in done:
        effect = find_setting(change.key).effect
        when = "" if effect is Effect.AT_ONCE else f"  ({effect.sentence})"
        print(f"{change.key}: {change.old or '—'} → {change.new or '—'}{when}")
    if not done:
        print("Everything is so already.")
    return 0
