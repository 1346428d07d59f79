"""Proposals as plain values: `proposals --json` and `proposal N --json`. Heights are blocks, powers are power."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from console.model import Approval, HaltCode, LinkedCall, Proposal, Readiness, RegistryRules, ReleaseKind, ValidatorVote
from console.model.governance import Governance
from console.operations.linked_words import described
from console.operations.status import failure_words, verdict_word


def proposal_document(proposal: Proposal) -> dict[str, Any]:
    """One proposal's row; what is not known yet is None."""
    release = proposal.release_kind is not ReleaseKind.NONE
    return {
        "id": proposal.id,
        "name": proposal.name,
        "status": proposal.status.words,
        "verdict": verdict_word(proposal.verdict),
        "proposer": proposal.proposer,
        "release_kind": proposal.release_kind.name.lower(),
        "release_hash": f"sha256:{proposal.release_hash}" if release else None,
        "release_url": proposal.release_url if release else None,
        "release_round": proposal.release_round,
        "breaking": proposal.breaking,
        "schedule": proposal.schedule_kind.name.lower(),
        "target_height": proposal.target_height or None,
        "freeze_height": proposal.freeze_height if proposal.has_height else None,
        "delay": proposal.delay,
        "readiness_bps": proposal.readiness_bps,
        "readiness_deadline": proposal.readiness_deadline or None,
        "execution_window": proposal.execution_window,
        "grace_blocks": proposal.grace_blocks,
        "expedited": proposal.expedited,
        "voting_ends_at": proposal.voting_ends_at or None,
        "yes_power": proposal.yes_power,
        "no_power": proposal.no_power,
        "voting_power": proposal.voting_power,
        "vote_needed": proposal.vote_needed,
        "ready_power": proposal.ready_power,
        "readiness_needed": proposal.readiness_needed,
        "armed_power": proposal.armed_power,
        "go_power": proposal.go_power,
        "confirmed_power": proposal.confirmed_power,
        "total_power": proposal.total_power,
        "migration_kind": proposal.migration_kind.name.lower(),
        "migration_hash": f"sha256:{proposal.migration_hash}" if proposal.migration_hash else None,
        "linked_calls": proposal.linked_calls,
        "linked_hash": f"0x{proposal.linked_hash}" if proposal.linked_hash else None,
        "contracts_first": proposal.contracts_first,
        "init_allowed": proposal.init_allowed,
        "halt_approvals": proposal.halt_approvals,
        "replace_power": proposal.replace_power,
        "rollback_power": proposal.rollback_power,
        "timeline": [{"height": height, "event": event} for height, event in timeline(proposal)],
    }


def full_document(
    proposal: Proposal, readiness: Readiness, rules: RegistryRules, governance: Governance, registry: str
) -> dict[str, Any]:
    """Everything about one proposal.

    Args:
        proposal: Its row.
        readiness: Of its validators.
        rules: The registry's.
        governance: Votes, approvals and calls.
        registry: The registry's address, which calls in words need.
    """
    return {
        **proposal_document(proposal),
        "read_at": governance.height,
        "votes": [_vote(vote) for vote in governance.votes],
        "validators": [
            {
                "address": entry.address,
                "power": entry.power,
                "ready_at": entry.ready_at or None,
                "armed_at": entry.armed_at or None,
                "failure": failure_words(entry.failure_code),
                "confirmed_at": entry.confirmed_at or None,
                "version": entry.version or None,
                "advertised_at": entry.advertised_at or None,
            }
            for entry in readiness.validators
        ],
        "halts": [_approval(each) | {"code": halt_words(each.code)} for each in governance.halts],
        "council_threshold": rules.council_threshold,
        "replacements": [
            _approval(each) | {"release_hash": f"sha256:{each.subject}"} for each in governance.replacements
        ],
        "rollbacks": [_approval(each) for each in governance.rollbacks],
        "calls": _calls(governance.calls, registry),
        "undo": _calls(governance.undo, registry),
    }


def timeline(proposal: Proposal) -> list[tuple[int, str]]:
    """Heights of what happened and of what is to come, in order."""
    height = proposal.target_height
    events = [
        (proposal.proposed_at, "proposed"),
        (proposal.voting_ends_at, "last block of the vote"),
        (proposal.approved_at, "approved"),
        (proposal.readiness_deadline, "last block in which readiness can give it its height"),
        (proposal.scheduled_at, "scheduled"),
        (proposal.contracts_at, "linked calls made"),
        (proposal.freeze_height if height else 0, "the plan freezes"),
        (proposal.frozen_at, f"frozen with verdict {proposal.verdict.name}"),
        (height, "target height"),
        (height + proposal.execution_window if height else 0, "last block in which it can be confirmed"),
        (height + proposal.grace_blocks if height and proposal.grace_blocks else 0, "the grace period ends"),
        (proposal.undone_at, "linked calls taken back"),
        (proposal.ended_at, proposal.status.words),
    ]
    return sorted((entry for entry in events if entry[0] > 0), key=lambda entry: entry[0])


def halt_words(code: int) -> str:
    """A halt code in words; one that this version does not know keeps its number."""
    return HaltCode(code).words if code in set(HaltCode) else f"halt code {code}"


def _vote(vote: ValidatorVote) -> dict[str, Any]:
    return {
        "address": vote.address,
        "power": vote.power,
        "choice": vote.choice.name.lower(),
        "voted_at": vote.voted_at or None,
    }


def _approval(approval: Approval) -> dict[str, Any]:
    return {
        "approver": approval.approver,
        "power": approval.power,
        "approved_at": approval.approved_at,
        "text": approval.text,
    }


def _calls(calls: Sequence[LinkedCall], registry: str) -> list[dict[str, Any]]:
    return [
        {
            "target": call.target,
            "described": described(call.target, call.data, registry),
            "data": "0x" + call.data.hex(),
            "codes_hash": f"0x{call.codes_hash}",
        }
        for call in calls
    ]
