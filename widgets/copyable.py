"""What can be copied from a view: hashes, addresses, heights, URLs and commands, each whole."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.network_table import DEVNET

if TYPE_CHECKING:
    from console.model import (
        AuditEntry,
        FleetNode,
        GenerationOnDisk,
        NodeStatus,
        PointOnDisk,
        Proposal,
        Snapshot,
        Validator,
    )


@dataclass(frozen=True, slots=True)
class Copyable:
    """A text and what it is."""

    label: str
    text: str


def of_proposal(proposal: Proposal) -> tuple[Copyable, ...]:
    """Of one proposal."""
    of = f"of proposal {proposal.id}"
    return _present(
        Copyable(f"release hash {of}", proposal.release_hash),
        Copyable(f"release URL {of}", proposal.release_url),
        Copyable(f"height H {of}", str(proposal.target_height) if proposal.has_height else ""),
        Copyable(f"name {of}", proposal.name),
        Copyable(f"proposer {of}", proposal.proposer),
        Copyable(f"migration hash {of}", proposal.migration_hash),
        Copyable(f"hash of the calls {of}", proposal.linked_hash),
    )


def of_validator(validator: Validator) -> tuple[Copyable, ...]:
    """Of one validator."""
    name = validator.moniker or "the validator"
    return _present(
        Copyable(f"address of {name}", validator.address),
        Copyable(f"consensus address of {name}", validator.consensus_address),
        Copyable(f"name of {name}", validator.moniker),
        Copyable(f"operator address of {name}", str(validator.stake.operator) if validator.stake is not None else ""),
    )


def of_node(node: NodeStatus) -> tuple[Copyable, ...]:
    """Of this machine's node."""
    return _present(
        Copyable(f"sha256 of the program of {node.name}", node.exe_sha256),
        Copyable(f"process id of {node.name}", str(node.pid) if node.pid is not None else ""),
        Copyable(f"height of {node.name}", str(node.height) if node.height is not None else ""),
        Copyable(f"alarm of {node.name}", node.alarm),
    )


def of_fleet_node(node: FleetNode) -> tuple[Copyable, ...]:
    """Of one node of the fleet."""
    seen, of_status = node.consensus, () if node.status is None else of_node(node.status)
    return _present(
        Copyable(f"name of {node.name}", node.name),
        *of_status,
        Copyable(f"consensus address of {node.name}", "" if seen is None else seen.consensus_address),
        Copyable(f"host of {node.name}", node.where),
        Copyable(f"problem of {node.name}", node.problem),
    )


def of_generation(generation: GenerationOnDisk) -> tuple[Copyable, ...]:
    """Of one generation on disk."""
    of = f"of generation {generation.name}"
    return _present(
        Copyable(f"sha256 {of}", generation.sha256),
        Copyable(f"name {of}", generation.name),
        Copyable(f"hash of the manifest {of}", generation.manifest),
        Copyable(f"origin {of}", generation.origin),
        Copyable(f"problem {of}", generation.problem),
    )


def of_point(point: PointOnDisk) -> tuple[Copyable, ...]:
    """Of one rollback point."""
    of = f"of rollback point {point.name}"
    return _present(
        Copyable(f"name {of}", point.name),
        Copyable(f"height {of}", str(point.app_height) if point.app_height is not None else ""),
        Copyable(f"description {of}", point.sentence),
    )


def of_audit_entry(entry: AuditEntry) -> tuple[Copyable, ...]:
    """Of one entry of the audit: the whole record in one line, as it is saved, and each of its values."""
    return _present(
        Copyable("whole entry", json.dumps(entry.to_json())),
        *(Copyable(name, words) for name, words in entry.detail),
    )


def of_network(snapshot: Snapshot | None, network: str, own_address: str) -> tuple[Copyable, ...]:
    """Of the network, and what the command line does with it."""
    height = snapshot.height if snapshot is not None else None
    name = shlex.quote(network)
    # A devnet may have a folder of its own, which a command without it would miss.
    verbs = () if network == DEVNET else ("status", "report", "halt")
    return _present(
        Copyable("own validator's address", own_address),
        Copyable("chain id", snapshot.network.chain_id if snapshot is not None else ""),
        Copyable("height of the network", str(height) if height is not None else ""),
        *(Copyable(f"command: {verb}", f"upgrade-console {verb} --network {name}") for verb in verbs),
    )


def copyable_of(
    snapshot: Snapshot | None, network: str, own_address: str, nearest: Iterable[Copyable] = ()
) -> tuple[Copyable, ...]:
    """Everything that can be copied in a view, without what would stand there twice.

    Args:
        snapshot: As drawn.
        network: The network's name.
        own_address: Of this session's validator; empty for none.
        nearest: What the view has under its cursor; it comes first.
    """
    found = [*nearest]
    if snapshot is not None:
        found += of_proposal(snapshot.upgrade.proposal) if snapshot.upgrade is not None else ()
        found += of_node(snapshot.node) if snapshot.node is not None else ()
    found += of_network(snapshot, network, own_address)
    return tuple(dict.fromkeys(found))


def _present(*entries: Copyable) -> tuple[Copyable, ...]:
    return tuple(entry for entry in entries if entry.text)
