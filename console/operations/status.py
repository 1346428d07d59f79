"""The status document: schema 1 of `upgrade-console status --json`, derived from one Snapshot without I/O."""

from __future__ import annotations

from typing import Any

from console.model import (
    Agreement,
    Ballot,
    ChainView,
    CloseWatch,
    CosmosFacts,
    FailureCode,
    Fetching,
    NodeStatus,
    ParentIntent,
    Proof,
    Proposal,
    Snapshot,
    Stake,
    Stalled,
    Upgrade,
    Validator,
    ValidatorReadiness,
    Verdict,
    close_watch_of,
)
from console.model.ballot import rule_words

SCHEMA = 1
"""Version of the document; later versions of schema 1 only add keys."""


def status_document(snapshot: Snapshot) -> dict[str, Any]:
    """Write a Snapshot as plain values for JSON.

    Heights are blocks, powers are voting power, `*_s` are seconds, `ready_since` is Unix seconds. Unknown is None.

    Args:
        snapshot: What was read.

    Returns:
        Exactly the keys of schema 1.
    """
    chain = snapshot.chain
    return {
        "schema": SCHEMA,
        "network": {
            "name": snapshot.network.name,
            "kind": snapshot.network.kind,
            "chain_id": snapshot.network.chain_id,
        },
        "height": snapshot.height,
        "block_time_s": None if chain is None else _seconds(chain.block_time_s),
        "upgrade": None if snapshot.upgrade is None else upgrade_document(snapshot.upgrade),
        "validators": [] if chain is None else _validators(chain),
        "node": None if snapshot.node is None else node_document(snapshot.node),
        "agreement": agreement_document(None if chain is None else chain.agreement),
        "stalled": None if chain is None else _stalled(chain.stalled),
        "close_watch": _close_watch(close_watch_of(snapshot)),
        "age_s": _seconds(snapshot.age_s),
        **({} if snapshot.parent is None else {"parent": _parent(snapshot, snapshot.parent)}),
        **({} if chain is None or chain.cosmos is None else {"cosmos": cosmos_document(chain, chain.cosmos)}),
    }


def _parent(snapshot: Snapshot, parent: ParentIntent) -> dict[str, Any]:
    """What the network above intends, and between which heights an upgrade here goes with it."""
    return {
        "name": parent.network,
        "height": parent.height or None,
        "problem": parent.problem or None,
        "bounds": [
            {
                "proposal": each.upgrade.number,
                "name": each.upgrade.name,
                "status": each.upgrade.status.name.lower(),
                "parent_height": each.upgrade.target_height,
                "parent_closes_at": each.upgrade.closes_at,
                "release": each.upgrade.window.release or None,
                "first_safe_height": each.first,
                "last_safe_height": each.last,
                "left_s": _seconds(each.left_s),
            }
            for each in snapshot.safe_heights
        ],
    }


def cosmos_document(chain: ChainView, facts: CosmosFacts) -> dict[str, Any]:
    """Write what only a Cosmos chain has as plain values: tokens are texts, because they pass what JSON's readers take.

    Every proposal that is about an upgrade is in it, and the validators outside the active set.
    """
    app = facts.application
    return {
        "told_by": facts.told_by or None,
        "application": None
        if app is None
        else {
            "name": app.name,
            "version": app.version,
            "git_commit": app.git_commit or None,
            "sdk_version": app.sdk_version or None,
        },
        "module_versions": {str(module.name): module.version for module in facts.modules},
        "bonded_tokens": str(facts.bonded_tokens) if facts.bonded_tokens else None,
        "proposals": [gov_proposal_document(each) for each in chain.proposals],
        "outside": [{**_named(each), "stake": stake_document(each.stake)} for each in facts.outside],
    }


def gov_proposal_document(proposal: Proposal) -> dict[str, Any]:
    """Write a proposal of a Cosmos chain as plain values."""
    return {
        "id": proposal.id,
        "name": proposal.name,
        "status": proposal.status.name.lower(),
        "target_height": proposal.target_height or None,
        "ballot": None if proposal.ballot is None else ballot_document(proposal.ballot),
    }


def ballot_document(ballot: Ballot) -> dict[str, Any]:
    """Write what x/gov says of a proposal as plain values: times are Unix seconds, shares texts of decimals."""
    rules = ballot.rules
    return {
        "cancels": ballot.cancels,
        "title": ballot.title,
        "deposit": [f"{coin.amount}{coin.denom}" for coin in ballot.deposit],
        "min_deposit": [f"{coin.amount}{coin.denom}" for coin in ballot.min_deposit],
        "deposit_ends_at": _seconds(ballot.deposit_ends_at),
        "voting_starts_at": _seconds(ballot.voting_starts_at),
        "voting_ends_at": _seconds(ballot.voting_ends_at),
        "yes": str(ballot.tally.yes),
        "abstain": str(ballot.tally.abstain),
        "no": str(ballot.tally.no),
        "no_with_veto": str(ballot.tally.veto),
        "bonded_tokens": str(ballot.bonded) if ballot.bonded else None,
        "quorum": rule_words(rules.quorum) if rules.known else None,
        "threshold": rule_words(rules.threshold) if rules.known else None,
        "veto_threshold": rule_words(rules.veto) if rules.known else None,
        "passes": ballot.passes if rules.known and ballot.bonded else None,
        "failed_reason": ballot.failed_reason or None,
    }


def stake_document(stake: Stake | None) -> dict[str, Any] | None:
    """Write a validator's stake as plain values."""
    if stake is None:
        return None
    return {
        "operator": stake.operator,
        "tokens": str(stake.tokens),
        "bond": stake.bond.value,
        "jailed": stake.jailed,
        "tombstoned": stake.tombstoned,
        "jailed_until": _seconds(stake.jailed_until),
        "missed_blocks": stake.missed_blocks,
        "signing_window": stake.signing_window or None,
    }


def _named(validator: Validator) -> dict[str, Any]:
    return {"address": validator.address, "moniker": validator.moniker, "power": validator.power}


def agreement_document(agreement: Agreement | None) -> dict[str, Any] | None:
    """Write what the endpoints say of each other as plain values; None where nothing is known of it."""
    if agreement is None:
        return None
    return {"state": agreement.state.value, "blocks_signing": agreement.blocks, "sentence": agreement.sentence}


def _close_watch(watch: CloseWatch | None) -> dict[str, Any] | None:
    """The close watch around an upgrade; None outside of one."""
    if watch is None:
        return None
    return {
        "target_height": watch.target_height,
        "blocks_left": watch.blocks_left,
        "ends_in_s": _seconds(watch.ends_in_s),
        "sentence": watch.sentence,
    }


def _stalled(stands: Stalled | None) -> dict[str, Any] | None:
    """Why no blocks are made; None while they are."""
    if stands is None:
        return None
    return {
        "height": stands.height,
        "for_s": _seconds(stands.for_s),
        "power": stands.power,
        "total_power": stands.total,
        "needed_power": stands.needed,
        "missing": [
            {"address": each.address, "moniker": str(each.moniker), "power": each.power} for each in stands.missing
        ],
        "sentence": stands.sentence,
    }


def upgrade_document(upgrade: Upgrade) -> dict[str, Any]:
    """Write the current upgrade as plain values; `blocks_left` and `eta_s` are 0 once H is reached."""
    proposal = upgrade.proposal
    return {
        "id": proposal.id,
        "name": proposal.name,
        "status": proposal.status.name.lower(),
        "target_height": proposal.target_height or None,
        "blocks_left": None if upgrade.blocks_left is None else max(0, upgrade.blocks_left),
        "eta_s": _seconds(upgrade.eta_s),
        "release_hash": f"sha256:{proposal.release_hash}" if proposal.release_hash else None,
        "release_url": proposal.release_url,
        "ready_power": upgrade.ready_power,
        "armed_power": upgrade.armed_power,
        "total_power": upgrade.total_power,
        "ready_count": upgrade.ready_count,
        "validator_count": upgrade.validator_count,
        "go": upgrade.go,
        "no_go_reasons": list(upgrade.no_go_reasons),
        "verdict": verdict_word(proposal.verdict),
        "schedule": proposal.schedule_kind.name.lower(),
        "delay": proposal.delay,
        "readiness_needed": proposal.readiness_needed,
        "readiness_deadline": proposal.readiness_deadline or None,
        "voting_ends_at": proposal.voting_ends_at or None,
        "yes_power": proposal.yes_power,
        "no_power": proposal.no_power,
        "voting_power": proposal.voting_power,
        "vote_needed": proposal.vote_needed,
        "expedited": proposal.expedited,
        "linked_calls": proposal.linked_calls,
        **({} if proposal.ballot is None else {"ballot": ballot_document(proposal.ballot)}),
    }


def node_document(node: NodeStatus) -> dict[str, Any]:
    """Write the local node's status as plain values."""
    return {
        "state": node.state,
        "generation": node.generation,
        "version": node.version or None,
        "pid": node.pid,
        "height": node.height,
        "last_exit_code": node.last_exit_code,
        "fetching": None if node.fetching is None else fetching_document(node.fetching),
        "proof": None if node.proof is None else proof_document(node.proof),
    }


def fetching_document(fetching: Fetching) -> dict[str, Any]:
    """Write a download that goes on as plain values: sizes in bytes, the rate in bytes per second."""
    return {
        "received": fetching.received,
        "total": fetching.total,
        "rate": round(fetching.rate),
        "eta_s": _seconds(fetching.eta_s),
        "source": fetching.source,
    }


def proof_document(proof: Proof) -> dict[str, Any]:
    """Write how far a release is proven on another network as plain values: seconds are of its block time."""
    return {
        "network": proof.network or None,
        "state": proof.state.value,
        "needed_s": proof.needed_s,
        "elapsed_s": proof.elapsed_s,
        "left_s": proof.left_s,
        "sentence": proof.sentence,
    }


def verdict_word(verdict: Verdict) -> str | None:
    """`cross`, `abort`, or None before the freeze."""
    return None if verdict is Verdict.NONE else verdict.name.lower()


def failure_words(code: int) -> str | None:
    """A failure code in words; a code that this version does not know keeps its number; 0 is None."""
    if code == 0:
        return None
    try:
        return FailureCode(code).words
    except ValueError:
        return f"failure code {code}"


def _validators(chain: ChainView) -> list[dict[str, Any]]:
    entries = {} if chain.readiness is None else {entry.address: entry for entry in chain.readiness.validators}
    versions = {node.consensus_address: node.version for node in chain.nodes if node.reachable and node.version}
    # Without a proposal nobody has anything to be ready for; without an answer nobody knows; on a Cosmos chain nobody
    # ever says it.
    silent = chain.cosmos is not None or bool(chain.proposals or chain.problem)
    unsaid = None if chain.readiness is None and silent else False
    return [
        _validator(validator, entries.get(validator.address), versions.get(validator.consensus_address), unsaid)
        for validator in chain.validators
    ]


def _validator(
    validator: Validator, entry: ValidatorReadiness | None, version: str | None, unsaid: bool | None
) -> dict[str, Any]:
    return {
        **_named(validator),
        "ready": unsaid if entry is None else entry.ready,
        "armed": unsaid if entry is None else entry.armed,
        "failure": None if entry is None else failure_words(entry.failure_code),
        "ready_since": None if entry is None else entry.ready_time or None,
        "version": version,
        **({} if validator.stake is None else {"stake": stake_document(validator.stake)}),
    }


def _seconds(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
