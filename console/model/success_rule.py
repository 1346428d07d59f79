"""The 95 % rule: whether enough of a network is on the new rules, and what is prepared where it is not. Pure.

The strategy document (success criteria, phase 2) asks for an automatic rollback below 95 %. A node alone must never do
that (DESIGN §4): in Z0 and Z1 only the network can go back, together, and in Z2 the chain has gone on under the new
rules. So the rule says what is prepared; people start it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from console.model.agreement import AgreementState
from console.model.crossing import power_back
from console.model.network import Validator
from console.model.plan import Proposal, ProposalStatus, Verdict
from console.model.zone import Zone
from console.text import duration, percent, shortened

if TYPE_CHECKING:
    from console.model.snapshot import ChainView

PERCENT = 95
PATIENCE_S = 900.0
"""Seconds after H from which the rule is judged: by then the chain has resumed (the operators' document, T+15 min)."""
_NAMED = 6
_LONGEST_NAME = 16


class SuccessMeasure(Enum):
    """What follows from the share."""

    NOTHING = "nothing"
    """Enough of the power is there, or there is nothing to judge."""
    WAIT = "wait"
    """It is too early, or nobody can be sure what the others run."""
    PREPARE_ABORT = "prepare the network's abort"
    """Z0 or Z1: more than 2/3 of the validators can still go back together."""
    PREPARE_REVERT = "prepare a revert upgrade"
    """Z2: the chain went on; only a new proposal with a new height leads to other rules."""


@dataclass(frozen=True, slots=True)
class UpgradeSuccess:
    """How much of the network is proven to be on the new rules."""

    zone: Zone
    """Of the network, by the furthest of its nodes."""
    power: int
    """Voting power that is proven to be there."""
    total: int
    there: int
    """Validators that are; power decides, heads are shown."""
    validators: int
    missing: tuple[Validator, ...]
    """Those that are not proven to be there, the heaviest first."""
    measure: SuccessMeasure
    sentence: str
    """For the operator, with the figures, without a full stop."""

    @property
    def enough(self) -> bool:
        """Whether the share of power reaches the rule's."""
        return is_enough(self.power, self.total)


def is_enough(power: int, total: int) -> bool:
    """Whether `power` is at least 95 % of `total`; of nothing it never is."""
    return total > 0 and 100 * power >= PERCENT * total


def network_zone(chain: ChainView, target_height: int) -> Zone | None:
    """The zone of the network, by the furthest of its nodes; None before H is decided.

    Args:
        chain: What its nodes tell.
        target_height: H, at least 1.
    """
    heights = [chain.height, *(node.height for node in chain.nodes)]
    if max(heights) > target_height:
        # A block H + 1 in a store comes with its commit.
        return Zone.Z2
    if any(node.app_height >= target_height for node in chain.nodes):
        return Zone.Z1
    return Zone.Z0 if max(heights) >= target_height else None


def reached(chain: ChainView) -> Proposal | None:
    """The last upgrade whose height is decided and that nobody withdrew before; None where there is none."""
    past = [
        each
        for each in chain.proposals
        if each.has_height and each.target_height <= chain.height and each.status not in _WITHDRAWN
    ]
    return max(past, key=lambda each: each.target_height, default=None)


def seconds_past(chain: ChainView, target_height: int, now: float) -> float | None:
    """Seconds since H was decided; None while it is not, or nobody knows the time of a block.

    Args:
        chain: With the newest block's time, and the seconds per block where H is behind it.
        target_height: H.
        now: Unix seconds.
    """
    if chain.block_time_unix is None or chain.height < target_height:
        return None
    blocks = chain.height - target_height
    if blocks and chain.block_time_s is None:
        return None
    return max(0.0, now - chain.block_time_unix + blocks * (chain.block_time_s or 0.0))


def upgrade_success(
    chain: ChainView,
    proposal: Proposal,
    past_s: float | None,
    signers: Collection[str] | None = None,
    *,
    patience_s: float = PATIENCE_S,
) -> UpgradeSuccess | None:
    """Judge an upgrade by the 95 % rule; None before H, and where the network decided not to cross.

    A validator is proven to be on the new rules by its confirmation in the registry, by its own node past H (one that
    was not armed got there under old rules and does not count), or by its signature under a block after H + 1: who
    signs that has the application hash that the new rules gave.

    Args:
        chain: What nodes and registry tell.
        proposal: With its height.
        past_s: Seconds since H was decided, from `seconds_past`; None where that is not known: nothing is judged.
        signers: Consensus addresses under a commit above H; None where nobody looked.
        patience_s: Seconds before the rule is judged.
    """
    if not proposal.has_height or proposal.verdict is Verdict.ABORT or proposal.status in _NOT_CROSSED:
        return None
    zone = network_zone(chain, proposal.target_height)
    if zone is None:
        return None
    proven = _proven(chain, proposal, signers or ())
    missing = tuple(
        sorted((each for each in chain.validators if each not in proven), key=lambda validator: -validator.power)
    )
    power = sum(each.power for each in proven)
    total = sum(each.power for each in chain.validators)
    contested = chain.agreement is not None and chain.agreement.state is AgreementState.DISAGREED
    if not total:
        measure = SuccessMeasure.WAIT
    else:
        measure = _measure(zone, is_enough(power, total), contested, past_s, patience_s)
    figures = (
        f"{percent(power, total)} of the power is proven on the new rules ({power} of {total};"
        f" {len(proven)} of {len(chain.validators)} validators)"
    )
    names = _names(missing)
    below = f"{figures}, below {PERCENT} % in zone {zone.value}"
    sentence = {
        SuccessMeasure.NOTHING: f"{figures}, the rule asks for {PERCENT} %" + (f"; not yet: {names}" if names else ""),
        SuccessMeasure.WAIT: f"{figures}; {_why_wait(total, contested, past_s, patience_s)}; missing: {names or '—'}",
        SuccessMeasure.PREPARE_ABORT: f"{below}: the network can still go back together; missing: {names}",
        SuccessMeasure.PREPARE_REVERT: f"{below}: forward only; missing: {names}",
    }[measure]
    return UpgradeSuccess(zone, power, total, len(proven), len(chain.validators), missing, measure, sentence)


_WITHDRAWN = frozenset(
    {ProposalStatus.CANCELLED, ProposalStatus.REJECTED, ProposalStatus.VOTING, ProposalStatus.APPROVED}
)
_NOT_CROSSED = _WITHDRAWN | {ProposalStatus.ABORTED, ProposalStatus.ROLLED_BACK}


def _proven(chain: ChainView, proposal: Proposal, signers: Collection[str]) -> list[Validator]:
    back = set(power_back(chain, proposal.target_height, proposal).missing)
    readiness = chain.readiness if chain.readiness and chain.readiness.proposal_id == proposal.id else None
    confirmed = {entry.address for entry in readiness.validators if entry.confirmed_at} if readiness else set()
    return [
        each
        for each in chain.validators
        if each not in back or each.address in confirmed or each.consensus_address in signers
    ]


def _measure(zone: Zone, enough: bool, contested: bool, past_s: float | None, patience_s: float) -> SuccessMeasure:
    if enough:
        return SuccessMeasure.NOTHING
    if contested or past_s is None or past_s < patience_s:
        return SuccessMeasure.WAIT
    return SuccessMeasure.PREPARE_REVERT if zone is Zone.Z2 else SuccessMeasure.PREPARE_ABORT


def _why_wait(total: int, contested: bool, past_s: float | None, patience_s: float) -> str:
    if not total:
        return "who validates is not known yet"
    if contested:
        return "the endpoints contradict each other, so nothing follows from it"
    if past_s is None:
        return "when H was decided is not known"
    return f"it is judged {duration(patience_s)} after H, in {duration(patience_s - past_s)}"


def _names(missing: tuple[Validator, ...]) -> str:
    names = [
        f"{shortened(str(each.moniker) or each.address, _LONGEST_NAME)} ({each.power})" for each in missing[:_NAMED]
    ]
    more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    return ", ".join(names) + more
