"""Verbs that look and change nothing, with or without a controller."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from console.cli.node.asking import asked
from console.cli.node.choosing import chosen, controlled
from console.cli.node.showing import process_lines
from console.cli.printing import complain, print_findings, print_json
from console.errors import ConsoleError, ControllerDown
from console.text import short_hash, untrusted

if TYPE_CHECKING:
    from console.node.discovery.finding import Finding
    from console.operations.controllers import Member
    from console.settings import NetworkSettings

_BETWEEN_LOOKS_S = 0.5


def listed(arguments: argparse.Namespace) -> int:
    """`node list`: generations and rollback points. Raises ConsoleError."""
    from console.operations.node_look import listed as found_in
    from console.operations.node_look import listed_elsewhere

    network, node = controlled(arguments)
    local = node.local
    found = found_in(local) if local is not None else asked(network, node, listed_elsewhere(node.client))
    if arguments.json:
        print_json(found)
        return 0
    for entry in found["generations"]:
        mark = "*" if entry["current"] else " "
        state = "" if entry["complete"] else f"  not complete, {', '.join(entry['missing'])} is missing"
        checked = f"sha256 {short_hash(entry['sha256'])}" if entry["verified"] else "nobody vouched for its bytes"
        print(f"{mark} {entry['name']:<24} {checked}{state}{'  ' + entry['problem'] if entry['problem'] else ''}")
        if entry["origin"]:
            print(f"    {entry['origin']}")
    for entry in found["points"]:
        print(f"  {entry['name']}: {entry['sentence']}")
    if not found["generations"]:
        where = node.where if local is None else local.home / "cosmovisor"
        print(f"No generation is in {where}; `upgrade-console node init` makes the first.")
    return 0


def verify(arguments: argparse.Namespace) -> int:
    """`node verify`: hash everything; exit code 1 when something is not what was recorded. Raises ConsoleError."""
    from console.operations.node_look import verified_elsewhere
    from console.operations.node_look import verify as findings_of

    network, node = controlled(arguments)
    local = node.local
    found = findings_of(local) if local is not None else asked(network, node, verified_elsewhere(node.client))
    return _findings(found, as_json=arguments.json)


def doctor(arguments: argparse.Namespace) -> int:
    """`node doctor`: what is wrong, each with what to do; exit code 1 when something fails. Raises ConsoleError."""
    from console.operations.node_look import doctor as examined

    network, node = chosen(arguments)
    report = examined(node, network=network)
    if arguments.json:
        print_json(report.to_json())
        return 1 if report.level.value == "fail" else 0
    print(f"Node {node.name} in {node.home}: {report.state or 'its state cannot be read'}")
    return _findings(report.findings, as_json=False)


def version(arguments: argparse.Namespace) -> int:
    """`node version`: ours, and the current binary's. Exit code 1 when that does not say it. Raises ConsoleError."""
    from console.operations.node_look import versions

    if arguments.cosmovisor_only:
        from console import __version__

        found_console, found = __version__, None
    else:
        _, node = chosen(arguments)
        found = versions(node)
        found_console = found.console
    if arguments.output == "json" or arguments.json:
        document: dict[str, Any] = {"upgrade_console_version": found_console}
        if found is not None:
            document |= {"generation": found.generation, "app_version": found.app, "problem": found.problem}
        print_json(document)
    else:
        print(f"upgrade-console version: {found_console}")
        if found is not None and found.app:
            print(found.app)
        if found is not None and found.problem:
            raise ConsoleError(f"the current binary does not say its version: {found.problem}")
    return 1 if found is not None and found.problem else 0


def events(arguments: argparse.Namespace) -> int:
    """`node events`: the journal as a timeline. Raises ConsoleError."""
    from console.operations.node_look import events as journalled
    from console.operations.node_look import events_elsewhere

    network, node = controlled(arguments)
    since, newest = arguments.since, arguments.lines
    if node.local is None:
        found = asked(network, node, events_elsewhere(node.client, since=since, newest=newest))
    else:
        found = journalled(node.local, since=since, newest=newest)
    if arguments.json:
        print_json({"events": found})
        return 0
    for event in found:
        print(_event_line(event))
    return 0


def _event_line(event: dict[str, Any]) -> str:
    from console.operations.audit import event_entry, journal_entry

    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event["at"]))
    attempt = "" if event["attempt"] is None else f" #{event['attempt']}"
    entry = journal_entry(event_entry(event))
    detail = "" if entry is None else entry.detail
    return str(untrusted(f"{event['seq']:>6}  {at}{attempt}  {event['kind']}" + (f": {detail}" if detail else ""), 500))


def processes(arguments: argparse.Namespace) -> int:
    """`node processes`: what runs of the node, and what it uses. Raises ConsoleError."""
    from console.node.client import NodeClient
    from console.operations.node_inside import NodeInside

    _, node = chosen(arguments)
    try:
        controller: int | None = asyncio.run(NodeClient(node.state_dir).status()).controller_pid
    except ControllerDown:
        controller = None
    inside = NodeInside(node)
    inside.processes(controller)
    # CPU is what is used between two looks.
    time.sleep(_BETWEEN_LOOKS_S)
    tree = inside.processes(controller)
    if arguments.json:
        print_json(dataclasses.asdict(tree))
    else:
        print("\n".join(process_lines(tree)))
    return 0


def logs(arguments: argparse.Namespace) -> int:
    """`node logs`: the node's and the controller's log. Raises ConsoleError: there is none."""
    from console.operations.logs import last_lines, logs_of

    network, member = controlled(arguments)
    node = member.local
    if node is None:
        return _logs_elsewhere(arguments, network, member)
    found = logs_of(node).only(arguments.source)
    if not arguments.follow and not found.there:
        raise ConsoleError(
            f"{node.name} has no log in {node.state_dir / 'run'}", next_step="it comes with the first start"
        )
    if arguments.follow:
        from console.operations.logs import follow

        return _followed(follow(found, arguments.lines), len(found.sources) > 1, as_json=arguments.json)
    told = last_lines(found, arguments.lines)
    if arguments.json:
        print_json({"lines": [{"source": source, "line": line} for source, line in told]})
        return 0
    for source, line in told:
        print(_shown(source, line, len(found.sources) > 1))
    return 0


def _logs_elsewhere(arguments: argparse.Namespace, network: NetworkSettings, node: Member) -> int:
    sources = (arguments.source,) if arguments.source is not None else ("node", "controller")
    if arguments.follow:
        from console.operations.far_logs import follow_elsewhere

        told_on = follow_elsewhere(node.client, sources, arguments.lines, lambda error: complain(str(error)))
        return _followed(told_on, len(sources) > 1, as_json=arguments.json)
    told = [
        (source, line)
        for source in sources
        for line in asked(network, node, node.client.log_tail(source, arguments.lines))
    ]
    if arguments.json:
        print_json({"lines": [{"source": source, "line": line} for source, line in told]})
        return 0
    for source, line in told:
        print(_shown(source, str(untrusted(line, 1000)), len(sources) > 1))
    return 0


def _followed(told: AsyncGenerator[tuple[str, str], None], both: bool, *, as_json: bool) -> int:
    async def show() -> None:
        async with aclosing(told):
            async for source, line in told:
                # One object per line: a stream has no end to wait for.
                shown = json.dumps({"source": source, "line": line}) if as_json else _shown(source, line, both)
                print(shown, flush=True)

    try:
        asyncio.run(show())
    except KeyboardInterrupt:
        pass  # how following ends
    return 0


def _shown(source: str, line: str, both: bool) -> str:
    return f"{source:<10} {line}" if both else line


def _findings(findings: Iterable[Finding], *, as_json: bool) -> int:
    found = tuple(findings)
    if as_json:
        print_json({"findings": [finding.to_json() for finding in found]})
    else:
        print_findings(found)
    return 1 if any(finding.level.value == "fail" for finding in found) else 0
