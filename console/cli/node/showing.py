"""How a node is told in text and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from console.cli.printing import print_json
from console.errors import ConsoleError, ControllerDown
from console.model import KnownRelease, NodeStatus, ProcessTree
from console.operations.status import node_document
from console.settings import NetworkSettings, NodeSettings
from console.text import duration, size


def node_lines(node: NodeStatus, *, journalled: bool) -> list[str]:
    """The node in a few lines of text; what comes from the journal of a controller that is down says so."""
    height = "—" if node.height is None else str(node.height)
    process = "not running" if node.pid is None else f"pid {node.pid}"
    last = "—" if node.last_exit_code is None else str(node.last_exit_code)
    lines = [
        f"Node {node.name}: {node.state}" + (" (from the journal)" if journalled else ""),
        f"  generation {node.generation or '—'}, version {node.version or '—'}, {process}",
        f"  height {height}, last exit code {last}"
        + (f", halts at {node.halt_height}" if node.halt_height > 0 else ""),
    ]
    if node.fetching is not None:
        lines.append(f"  {node.fetching.sentence}")
    if node.proof is not None and node.proof.sentence not in node.note:
        lines.append(f"  {node.proof.sentence}")
    if node.paused and node.paused not in node.note:
        lines.append(f"  automation is paused: {node.paused}")
    if node.note and not journalled and node.note not in node.alarm:
        lines.append(f"  {node.note}")
    if node.alarm:
        lines.append(f"  needs you: {node.alarm}")
    return lines


def process_lines(tree: ProcessTree) -> list[str]:
    """The node's processes in lines of text, each below what started it."""
    lines = [f"{'process':<24} {'pid':>8}  {'state':<10} {'cpu':>7} {'memory':>11} {'files':>12} {'threads':>7}  up"]
    for each in tree.processes:
        cpu = "—" if each.cpu_percent is None else f"{each.cpu_percent:.1f} %"
        memory = "—" if each.memory_bytes is None else size(each.memory_bytes)
        files = "—" if each.open_files is None else str(each.open_files)
        files += "" if each.file_limit is None else f"/{each.file_limit}"
        threads = "—" if each.threads is None else str(each.threads)
        up = duration(None if each.started_at is None else tree.taken_at - each.started_at)
        name = "  " * each.depth + each.name
        lines.append(
            f"{name:<24} {each.pid:>8}  {each.state or '—':<10} {cpu:>7} {memory:>11} {files:>12} {threads:>7}  {up}"
        )
    return [*lines, *tree.remarks]


def release_lines(release: KnownRelease) -> list[str]:
    """What is verified of a release in lines of text."""
    if release.reason:
        return [f"{release.reason[:1].upper()}{release.reason[1:].rstrip('.')}."]
    lines = [f"Release {release.generation}: it may {'' if release.accepted else 'NOT '}be staged."]
    lines += [f"  {'sha256':<11} {release.sha256}"]
    lines += [f"  {'manifest':<11} {release.path}"] if release.path else []
    lines += [f"  {name:<11} {value}" for name, value in release.facts]
    lines += [f"  {count.role + 's':<11} {count.words}" for count in release.counts]
    for check in release.checks:
        outcome = check.outcome.upper() if check.outcome == "failed" else check.outcome
        lines.append(f"{outcome:<9} {check.check:<12} {check.sentence}")
    return [*lines, *release.migration]


def status_document(node: NodeStatus) -> dict[str, Any]:
    """The node as `status --json` has it, and what only its controller knows."""
    attempt = node.attempt
    upgrade = None
    if attempt is not None:
        upgrade = {
            "name": attempt.name,
            "height": attempt.target_height if attempt.has_height else None,
            "preparation": attempt.preparation.value,
            "arming": attempt.arming.value,
            "crossing": attempt.crossing.value or None,
            "note": attempt.note,
        }
    return {
        **node_document(node),
        "halt_height": node.halt_height,
        "paused": node.paused,
        "alarm": node.alarm,
        "note": node.note,
        "upgrade": upgrade,
    }


def show_status(node: NodeStatus, *, as_json: bool, journalled: bool = False, before: Iterable[str] = ()) -> None:
    """Print a status, after some lines that text has and JSON has not."""
    if as_json:
        print_json(status_document(node))
    else:
        print("\n".join([*before, *node_lines(node, journalled=journalled)]))


def silent(down: ControllerDown, network: NetworkSettings, node: NodeSettings | None) -> ConsoleError:
    """What to tell when no controller answers: with the command that starts this one; None: it is elsewhere."""
    if node is None:
        return down
    from console.cli.arguments import configured_networks
    from console.cli.sources import explained

    error = explained(down, network, node)
    if error is down and not node.unit and network.name in configured_networks():
        down.next_step = f"start it with `upgrade-console node run --network {network.name} --node {node.name}`"
    return error
