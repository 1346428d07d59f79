"""A revert upgrade prepared: the release of before, under a new name and for a new height, as the propose form has it.

Past H+1 there is no way back but forward (DESIGN §4, zone Z2): people complete this draft, propose it and vote on it.
Nothing is sent here. The release of before is right for it only if it can read the state as the new rules left it;
else a new release has to be made, and the draft says so.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from console.model import ChainView, Proposal, ProposalStatus, RegistryRules, ReleaseKind, Snapshot
from console.operations.propose import earliest_height, fields_of
from console.text import untrusted

NOTICE_S = 3600.0
"""Seconds that operators get between the draft and H, beside what the registry itself demands."""
_STATE = "whether the release of before can read the state as it is now: ask its makers before you propose it"


@dataclass(frozen=True, slots=True)
class ReleaseBefore:
    """What ran before the upgrade."""

    name: str
    """Of the plan that brought it, or of the generation."""
    release_hash: str
    """64 hex digits; empty where nobody knows."""
    url: str
    """Empty where nobody knows."""
    kind: ReleaseKind = ReleaseKind.RAW
    source: str = ""
    """Who says so."""


@dataclass(frozen=True, slots=True)
class RevertDraft:
    """A proposal that people have to complete."""

    fields: Mapping[str, str]
    """By the names of the network's own propose form."""
    command: str
    """The same as a command; what is missing stands in it in capitals."""
    missing: tuple[str, ...]
    """What only people can fill in or settle, a sentence each."""
    before: ReleaseBefore

    @property
    def text(self) -> str:
        """As it is kept: JSON with the fields, the command and what is missing."""
        document: dict[str, Any] = {
            "fields": dict(self.fields),
            "command": self.command,
            "missing": list(self.missing),
            "release_before": {"name": self.before.name, "source": self.before.source},
        }
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def release_before(chain: ChainView, upgrade: Proposal, generation: Mapping[str, Any] | None) -> ReleaseBefore:
    """What ran before an upgrade: the plan that was executed before it, else a generation of this node.

    Args:
        chain: With the registry's proposals.
        upgrade: What has to be reverted.
        generation: The generation of before, as the controller lists it; None where none is known.
    """
    executed = [
        each
        for each in chain.proposals
        if each.status is ProposalStatus.EXECUTED
        and 0 < each.target_height < upgrade.target_height
        and each.release_hash
    ]
    if executed:
        last = max(executed, key=lambda each: each.target_height)
        name = str(last.name)
        return ReleaseBefore(name, last.release_hash, str(last.release_url), last.release_kind, f"plan {last.id}")
    if generation is not None:
        name = str(untrusted(generation.get("name", ""), 80))
        return ReleaseBefore(name, str(generation.get("sha256") or ""), "", source=f"generation {name} of this node")
    return ReleaseBefore("", "", "", source="nobody")


def revert_draft(
    snapshot: Snapshot, upgrade: Proposal, before: ReleaseBefore, rules: RegistryRules | None = None
) -> RevertDraft:
    """Prepare the proposal that leads back.

    Args:
        snapshot: Of now, with the chain.
        upgrade: What has to be reverted.
        before: What ran before it.
        rules: The registry's; None while they are not known, and on a chain without one.
    """
    name = f"revert-{str(upgrade.name).lower()}"[:64]
    height = _height(snapshot, rules)
    missing = [_STATE]
    if not before.release_hash:
        missing.append("the sha256 of the release of before: nobody here knows it")
    if not before.url:
        missing.append("where everybody gets the release of before")
    if height is None:
        missing.append("the height: the chain does not tell its height or block time now")
    if snapshot.network.kind == "cosmos":
        return _on_cosmos(snapshot, upgrade, before, name, height, missing)
    fields = fields_of(
        name, height, before.url, f"sha256:{before.release_hash}" if before.release_hash else "", breaking=True
    )
    if before.kind is ReleaseKind.MANIFEST:
        fields["kind"] = "manifest"
        missing.append("the manifest of the release of before: its bytes are needed for the proposal")
        release = ["--manifest", "FILE", "--manifest-url", before.url or "URL"]
    else:
        release = ["--name", name, "--binary-url", before.url or "URL", "--binary-hash", fields["hash"] or "sha256:HEX"]
    command = ["upgrade-console", "propose", "--network", snapshot.network.name, *release]
    command += ["--height", "H" if height is None else str(height)]
    return RevertDraft(fields, shlex.join(command), tuple(missing), before)


def _height(snapshot: Snapshot, rules: RegistryRules | None) -> int | None:
    chain = snapshot.chain
    if chain is None or snapshot.height is None or not chain.block_time_s:
        return None
    return earliest_height(chain, snapshot.height, rules) + round(NOTICE_S / chain.block_time_s)


def _on_cosmos(
    snapshot: Snapshot, upgrade: Proposal, before: ReleaseBefore, name: str, height: int | None, missing: list[str]
) -> RevertDraft:
    missing += [
        "the height, which has to lie behind the end of the vote: add the chain's voting period",
        "the deposit",
        f"an upgrade handler of that name in the release: x/upgrade runs nothing without one ({name})",
    ]
    fields = {
        "name": name,
        "height": "" if height is None else str(height),
        "info": before.url,
        "title": f"Revert {upgrade.name}",
        "summary": f"{upgrade.name}, applied at height {upgrade.target_height}, is taken back by another upgrade.",
        "deposit": "",
    }
    command = ["upgrade-console", "propose", "--network", snapshot.network.name, "--name", name, "--height"]
    command += ["H" if height is None else str(height), "--info", before.url or "INFO", "--title", fields["title"]]
    command += ["--summary", fields["summary"], "--deposit", "AMOUNT"]
    return RevertDraft(fields, shlex.join(command), tuple(missing), before)
