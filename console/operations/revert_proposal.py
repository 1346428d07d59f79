"""A revert upgrade prepared: the release of before, under a new name and for a new height, as the propose form has it.

Past H+1 there is no way back but forward (DESIGN §4, zone Z2): people complete this draft, propose it and vote on it.
Nothing is sent here. The release of before is right for it only if it can read the state as the new rules left it;
else a new release has to be made, and the draft says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from console.model import ChainView, Proposal, ProposalDraft, ProposalStatus, RegistryRules, ReleaseKind, Snapshot
from console.operations.propose import MANIFEST_KIND, earliest_height, fields_of
from console.operations.propose_terms import voting_blocks
from console.operations.upgrade_proposal import first_after_vote
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
        origin = str(generation.get("origin") or "")
        url = str(untrusted(origin, 512)) if origin.startswith(("https://", "http://")) else ""
        return ReleaseBefore(name, str(generation.get("sha256") or ""), url, source=f"generation {name} of this node")
    return ReleaseBefore("", "", "", source="nobody")


def generation_before(generations: Iterable[Mapping[str, Any]], current: str) -> Mapping[str, Any] | None:
    """The whole generation that was staged last before the current one; None where there is none.

    Args:
        generations: As the controller lists them.
        current: Name of the one that runs.
    """
    older = [each for each in generations if each.get("name") != current and each.get("complete")]
    return max(older, key=lambda each: float(each.get("staged_at") or 0.0), default=None)


def revert_draft(
    snapshot: Snapshot, upgrade: Proposal, before: ReleaseBefore, rules: RegistryRules | None = None
) -> ProposalDraft:
    """Prepare the proposal that leads back.

    Args:
        snapshot: Of now, with the chain.
        upgrade: What has to be reverted.
        before: What ran before it.
        rules: The registry's; None while they are not known, and on a chain without one.
    """
    name = f"revert-{str(upgrade.name).lower()}"[:64]
    cosmos = snapshot.network.kind == "cosmos"
    fields, missing = (
        _on_cosmos(snapshot, upgrade, before, name) if cosmos else _by_registry(snapshot, before, name, rules)
    )
    return ProposalDraft(
        network=snapshot.network.name,
        kind=snapshot.network.kind,
        chain_id=snapshot.network.chain_id,
        takes_back=upgrade.name,
        taken_height=upgrade.target_height,
        written_at=snapshot.taken_at,
        fields=fields,
        missing={"state": _STATE, **missing},
        before=untrusted(f"{before.name} ({before.source})" if before.name else "nobody here knows what ran before"),
    )


_Prepared = tuple[dict[str, str], dict[str, str]]


def _by_registry(snapshot: Snapshot, before: ReleaseBefore, name: str, rules: RegistryRules | None) -> _Prepared:
    height = _height(snapshot, rules)
    # Without `sha256:` before it the form shows it whole.
    fields = fields_of(name, height, before.url, before.release_hash, breaking=True)
    missing = {} if height is not None else {"height": _NO_HEIGHT}
    if not before.url:
        missing["url"] = "where everybody gets the release of before"
    if not before.release_hash:
        missing["hash"] = "the sha256 of the release of before: nobody here knows it"
    if before.kind is ReleaseKind.MANIFEST:
        fields |= {"kind": MANIFEST_KIND, "manifest": ""}
        missing["manifest"] = "the manifest of the release of before, good for this H: its bytes are needed"
    return fields, missing


_NO_HEIGHT = "the height: the chain does not tell its height or block time now"


def _height(snapshot: Snapshot, rules: RegistryRules | None) -> int | None:
    chain = snapshot.chain
    if chain is None or snapshot.height is None or not chain.block_time_s:
        return None
    vote = voting_blocks({}, snapshot, rules)
    notice = round(NOTICE_S / chain.block_time_s)
    return earliest_height(chain, snapshot.height, rules, voting_blocks=vote) + notice


def _on_cosmos(snapshot: Snapshot, upgrade: Proposal, before: ReleaseBefore, name: str) -> _Prepared:
    after_vote, chain = first_after_vote(snapshot, expedited=False), snapshot.chain
    height = None
    if after_vote is not None and chain is not None and chain.block_time_s:
        height = after_vote + round(NOTICE_S / chain.block_time_s)
    fields = {
        "name": name,
        "height": "" if height is None else str(height),
        "info": before.url,
        "title": f"Revert {upgrade.name}",
        "summary": f"{upgrade.name}, applied at height {upgrade.target_height}, is taken back by another upgrade.",
        "deposit": "",
    }
    missing = {
        "handler": f"an upgrade handler {name} in the release: x/upgrade runs nothing without one of the plan's name",
        "deposit": "the deposit, and who pays it",
    }
    if height is None:
        missing["height"] = "the height, behind the end of the vote: the chain does not tell how long it is open"
    if not before.url:
        known = f" (this node knows its sha256 {before.release_hash})" if before.release_hash else ""
        missing["binaries"] = f"how everybody gets the release of before{known}: write it into Info, or agree on it"
    return fields, missing
