"""The propose form of a session: checked as it is typed, filled from a manifest, and made a call or a message of."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from console.model import RegistryRules, Said, Snapshot
from console.operations.propose import MANIFEST_KIND, check_fields, earliest_height, request_of
from console.operations.propose_terms import voting_blocks
from console.settings import NetworkSettings

if TYPE_CHECKING:
    from console.operations.connection import MessageSender


def problems_of(
    fields: dict[str, str], snapshot: Snapshot | None, rules: RegistryRules | None, *, on_cosmos: bool
) -> dict[str, str]:
    """What is wrong with the form as typed, by field; see `propose.check_fields`, on a Cosmos chain `check_upgrade`."""
    if on_cosmos:
        from console.operations.upgrade_proposal import check_upgrade

        return check_upgrade(fields, snapshot)
    return check_fields(fields, snapshot, rules)


def earliest_of(fields: dict[str, str], snapshot: Snapshot | None, rules: RegistryRules | None) -> int | None:
    """The first target height that a proposal as typed can have now; None while the chain does not tell."""
    if snapshot is None or snapshot.chain is None or snapshot.height is None:
        return None
    try:
        vote = voting_blocks(fields, snapshot, rules)
    except ValueError:
        # Told beside its own field, as the check does.
        vote = 0
    return earliest_height(snapshot.chain, snapshot.height, rules, voting_blocks=vote)


async def settled_by(network: NetworkSettings, path: str, url: str, height: str) -> dict[str, str]:
    """What a manifest settles; raises as `manifest_fields`, on a Cosmos chain as `manifest_file_fields`."""
    if network.kind == "cosmos":
        from console.operations.upgrade_proposal import manifest_file_fields

        return await manifest_file_fields(network, Path(path).expanduser())
    from console.operations.release_propose import manifest_fields

    target = int(height) if height.isascii() and height.isdigit() and len(height) <= 19 else None
    return await asyncio.to_thread(manifest_fields, network, Path(path).expanduser(), url, target)


async def said_by(
    fields: dict[str, str],
    latest: Snapshot,
    rules: RegistryRules | None,
    network: NetworkSettings,
    messages: MessageSender | None,
) -> Said:
    """What proposes as the form says, checked once more.

    Args:
        fields: The form.
        latest: The newest Snapshot.
        rules: Of the registry; None where they are not read yet.
        network: The network.
        messages: How something is said to a Cosmos chain; None on an IPC network.

    Raises:
        InputError: A field or file is not acceptable; nothing was sent.
        ManifestRefused: The release's manifest, where one is named, could not be used by anybody.
    """
    from console.operations.governance import propose_call

    if messages is not None:
        from console.operations.upgrade_proposal import upgrade_message, upgrade_of

        return await upgrade_message(upgrade_of(fields, latest), messages)
    if fields.get("kind") == MANIFEST_KIND and not fields.get("migration"):
        from console.operations.release_propose import settled

        fields = await settled(network, fields)
    # Files that the form names are read.
    request = await asyncio.to_thread(request_of, fields, latest, rules, evm_chain_id=network.evm_chain_id)
    return propose_call(request)
