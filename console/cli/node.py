"""`node run|status|logs|start|stop|restart|add-upgrade`: this machine's node and its controller."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Coroutine
from contextlib import aclosing
from pathlib import Path
from typing import Any

from console.cli.printing import complain, print_json
from console.cli.sources import explained, load_node
from console.errors import ConsoleError, ControllerDown
from console.model import NodeStatus
from console.operations.status import node_document
from console.settings import NetworkSettings, NodeSettings


def run(arguments: argparse.Namespace) -> int:
    """Run one action.

    Raises:
        ConsoleError: It was refused or failed.
    """
    network, node = load_node(arguments)
    match arguments.action:
        case "run":
            from console.daemon import run_controller

            return asyncio.run(run_controller(network, node))
        case "logs":
            return _logs(node, arguments)
        case "status":
            return _status(network, node, as_json=arguments.json)
        case "add-upgrade":
            status = _asked(network, node, _add_upgrade(node, arguments.name, arguments.file))
        case action:
            status = _asked(network, node, _act(node, action))
    _print(status, as_json=arguments.json)
    return 0


def node_lines(node: NodeStatus, *, journalled: bool) -> list[str]:
    """The node in three lines of text; what comes from the journal of a controller that is down says so."""
    height = "—" if node.height is None else str(node.height)
    process = "not running" if node.pid is None else f"pid {node.pid}"
    last = "—" if node.last_exit_code is None else str(node.last_exit_code)
    lines = [
        f"Node {node.name}: {node.state}" + (" (from the journal)" if journalled else ""),
        f"  generation {node.generation or '—'}, version {node.version or '—'}, {process}",
        f"  height {height}, last exit code {last}"
        + (f", halts at {node.halt_height}" if node.halt_height > 0 else ""),
    ]
    if node.note and not journalled:
        lines.append(f"  {node.note}")
    return lines


def _status(network: NetworkSettings, node: NodeSettings, *, as_json: bool) -> int:
    from console.node.client import NodeClient
    from console.node.journalled import journalled_status

    try:
        status = asyncio.run(NodeClient(node.state_dir).status())
    except ControllerDown as down:
        error = explained(down, network, node)
        journalled = journalled_status(node.state_dir, node.name)
        if journalled is None:
            raise error from down
        _print(journalled, as_json=as_json, journalled=True)
        complain(str(error))
    else:
        _print(status, as_json=as_json)
    return 0


def _asked(network: NetworkSettings, node: NodeSettings, question: Coroutine[Any, Any, NodeStatus]) -> NodeStatus:
    try:
        return asyncio.run(question)
    except ControllerDown as error:
        raise explained(error, network, node) from error


async def _act(node: NodeSettings, action: str) -> NodeStatus:
    from console.node.client import NodeClient
    from console.operations.node import act

    return await act(NodeClient(node.state_dir), action)


async def _add_upgrade(node: NodeSettings, name: str, binary: Path) -> NodeStatus:
    from console.node.client import NodeClient
    from console.operations.node import add_upgrade

    return await add_upgrade(NodeClient(node.state_dir), name, binary)


def _print(status: NodeStatus, *, as_json: bool, journalled: bool = False) -> None:
    if as_json:
        print_json(node_document(status))
    else:
        print("\n".join(node_lines(status, journalled=journalled)))


def _logs(node: NodeSettings, arguments: argparse.Namespace) -> int:
    from console.operations.logs import last_lines, log_files

    files = log_files(node)
    if arguments.source is not None:
        files = {arguments.source: files[arguments.source]}
    if not arguments.follow and not any(path.exists() for path in files.values()):
        raise ConsoleError(
            f"{node.name} has no log in {next(iter(files.values())).parent}", next_step="it comes with the first start"
        )
    if arguments.follow:
        try:
            asyncio.run(_follow(files, arguments.lines, as_json=arguments.json))
        except KeyboardInterrupt:
            pass  # how following ends
        return 0
    told = last_lines(files, arguments.lines)
    if arguments.json:
        print_json({"lines": [{"source": source, "line": line} for source, line in told]})
        return 0
    for source, line in told:
        print(_shown(source, line, len(files) > 1))
    return 0


async def _follow(files: dict[str, Path], lines: int, *, as_json: bool) -> None:
    from console.operations.logs import follow

    async with aclosing(follow(files, lines)) as told:
        async for source, line in told:
            # One object per line: a stream has no end to wait for.
            shown = json.dumps({"source": source, "line": line}) if as_json else _shown(source, line, len(files) > 1)
            print(shown, flush=True)


def _shown(source: str, line: str, both: bool) -> str:
    return f"{source:<10} {line}" if both else line
