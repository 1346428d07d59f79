"""`report`: what the network's upgrades came to, by its chain and by the journals that this machine can read."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from typing import Any

from console.chain.past import PastReader, PastUpgrade
from console.cli.printing import complain, print_json
from console.cli.sources import explained
from console.errors import ChainError, JournalError, SettingsError
from console.node.upgrade_history import NodeUpgrade, node_upgrades
from console.operations.report import Criterion, Part, UpgradeFigures, counts_as_upgrade, criteria, upgrade_figures
from console.settings import NetworkSettings, load_network

SCHEMA = 1
"""Version of the document; later versions of schema 1 only add keys."""


def run(arguments: argparse.Namespace) -> int:
    """Print the report.

    Raises:
        ConsoleError: The network has no registry, or no endpoint tells what it holds.
    """
    network = load_network(arguments.network, arguments.dir)
    if not network.registry:
        raise SettingsError(
            f"network {network.name} has no registry, and a report is about its proposals",
            next_step="look at `upgrade-console node status` for what this node's journal knows",
        )
    past = asyncio.run(_past(network))
    journals, unreadable = _journals(network)
    nodes = {node.address.lower(): node.name for node in network.nodes}
    upgrades = [upgrade_figures(each, journals, nodes) for each in past if counts_as_upgrade(each.proposal)]
    graded = criteria(upgrades)
    for problem in unreadable:
        complain(problem)
    if arguments.json:
        print_json(document(network, upgrades, graded, len(journals)))
    else:
        print("\n".join(text_lines(network, upgrades, graded, len(journals))))
    return 0


async def _past(network: NetworkSettings) -> tuple[PastUpgrade, ...]:
    reader = PastReader(network)
    try:
        return await reader.upgrades()
    except ChainError as error:
        raise explained(error, network, None) from error
    finally:
        await reader.close()


def _journals(network: NetworkSettings) -> tuple[dict[str, Sequence[NodeUpgrade]], list[str]]:
    """The upgrades of every node whose journal can be read here, and why the others cannot."""
    found: dict[str, Sequence[NodeUpgrade]] = {}
    problems: list[str] = []
    for node in network.nodes:
        try:
            if (node.state_dir / "journal.db").is_file():
                found[node.name] = node_upgrades(node.state_dir, node.name)
        except (JournalError, OSError) as error:
            problems.append(f"the journal of {node.name} is left out: {error}")
    return found, problems


def document(
    network: NetworkSettings, upgrades: Sequence[UpgradeFigures], graded: Sequence[Criterion], journals: int
) -> dict[str, Any]:
    """The report as plain values for JSON. Times are seconds; unknown is null."""
    return {
        "schema": SCHEMA,
        "network": {"name": network.name, "chain_id": network.chain_id},
        "journals": journals,
        "upgrades": [_upgrade_document(each) for each in upgrades],
        "criteria": [
            {"phase": each.phase, "text": each.text, "grade": each.grade.value, "found": each.found} for each in graded
        ],
    }


def _upgrade_document(upgrade: UpgradeFigures) -> dict[str, Any]:
    return {
        "id": upgrade.id,
        "name": upgrade.name,
        "target_height": upgrade.target_height or None,
        "outcome": upgrade.outcome.value,
        "self_coordinated": upgrade.self_coordinated,
        "proposed_by_validator": upgrade.by_validator,
        "downtime_s": None if upgrade.downtime_s is None else round(upgrade.downtime_s, 3),
        "validators": len(upgrade.parts),
        "ready_before_halt": upgrade.ready,
        "automatic": _sum(upgrade, "automatic"),
        "config_edits": _sum(upgrade, "edits"),
        "operator_commands": _sum(upgrade, "commands"),
        "rollbacks": _sum(upgrade, "rollbacks"),
        "late_joiners": [_late(part) for part in upgrade.parts if part.late],
    }


def _late(part: Part) -> dict[str, Any]:
    return {"address": part.address, "node": part.node or None, "returned": part.returned}


def _sum(upgrade: UpgradeFigures, field: str) -> int | None:
    values = upgrade.known(lambda part: getattr(part, field))
    return sum(values) if values else None


def text_lines(
    network: NetworkSettings, upgrades: Sequence[UpgradeFigures], graded: Sequence[Criterion], journals: int
) -> list[str]:
    """The report as plain text of at most 80 columns."""
    read = f"{journals} of {len(network.nodes)} journals of this machine read"
    proposed = f"{len(upgrades)} upgrade{'' if len(upgrades) == 1 else 's'} proposed"
    lines = [f"Network {network.name} ({network.chain_id}): {proposed}, {read}", ""]
    lines += [
        f"{'#':>3} {'NAME':<16} {'HEIGHT':>8} {'OUTCOME':<13} {'DOWN':>7} {'READY':>7} {'AUTO':>7} {'EDITS':>5} LATE"
    ]
    for each in upgrades:
        down = "—" if each.downtime_s is None else f"{each.downtime_s:.1f} s"
        known = len(each.known(lambda part: part.automatic))
        automatic = f"{_sum(each, 'automatic')}/{known}" if known else "—"
        edits = _sum(each, "edits")
        late = [part for part in each.parts if part.late]
        back = sum(part.returned is True for part in late)
        lines.append(
            f"{each.id:>3} {each.name[:16]:<16} {each.target_height or '—':>8} {each.outcome.value:<13} {down:>7}"
            f" {f'{each.ready}/{len(each.parts)}':>7} {automatic:>7} {'—' if edits is None else edits:>5}"
            f" {f'{back} of {len(late)} back' if late else '0'}"
        )
    for phase in sorted({each.phase for each in graded}):
        lines += ["", f"Phase {phase}"]
        lines += [f"  {each.grade.value.upper():<8}{each.text}: {each.found}" for each in graded if each.phase == phase]
    return lines
