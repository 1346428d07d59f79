"""The attempt in progress: one place that holds it, changes it durably and says so."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from console.model import Arming, Attempt, Crossing, Proposal, ProposalStatus, Verdict
from console.node.journal import Journal
from console.ports import PlanReading

_LOG = logging.getLogger(__name__)


class AttemptBook:
    """Holds the newest attempt.

    Args:
        journal: Where every change is durable first.
        changed: Called after each change.
    """

    def __init__(self, journal: Journal, changed: Callable[[], None]) -> None:
        self._journal = journal
        self._changed = changed
        self._attempt = journal.latest_attempt()

    @property
    def attempt(self) -> Attempt | None:
        """The newest attempt, ended or not."""
        return self._attempt

    @property
    def open(self) -> Attempt | None:
        """The newest attempt while automation still has something to do for it."""
        attempt = self._attempt
        return None if attempt is None or attempt.crossing.ended else attempt

    def change(self, **changes: Any) -> Attempt:
        """Change the attempt: durable first, then visible.

        Raises:
            JournalError: Nothing was changed.
        """
        attempt = self._attempt
        assert attempt is not None, "there is no attempt to change"
        after = self._journal.change(attempt, **changes)
        if after != attempt:
            self._attempt = after
            words = ", ".join(
                f"{key.replace('_', ' ')} {getattr(value, 'name', value)}"
                for key, value in changes.items()
                if value != getattr(attempt, key) and value not in {"", 0}
            )
            if words:
                _LOG.info("upgrade %s #%d: %s", after.name, after.proposal_id, words)
            self._changed()
        return after

    def follow(self, reading: PlanReading, current_sha256: str) -> Proposal | None:
        """Take up a plan that the chain shows, and return the proposal of the attempt in progress.

        Args:
            reading: What the plan source said.
            current_sha256: Of the current generation's binary, so that a release that runs already is no plan.

        Raises:
            JournalError: The attempt could not be opened.
        """
        if self.open is None:
            proposal = plan_to_open(reading, self._attempt, current_sha256)
            if proposal is not None:
                self._attempt = self._journal.open_attempt(proposal)
                _LOG.info("upgrade %s #%d is planned for height %d", proposal.name, proposal.id, proposal.target_height)
                self._changed()
        attempt = self.open
        if attempt is None:
            return None
        return next((entry for entry in reading.proposals if entry.id == attempt.proposal_id), None)

    def learn_verdict(self, proposal: Proposal) -> None:
        """Keep the verdict as soon as the chain has one; it never changes afterwards. Raises JournalError.

        A plan that was withdrawn is an ABORT. Before its halt it ends at once, to make room for the next plan; a run
        that is armed for it still halts, and is started again without.
        """
        attempt = self.open
        if attempt is None or attempt.verdict is not Verdict.NONE:
            return
        if proposal.verdict is not Verdict.NONE:
            self.change(verdict=proposal.verdict)
        elif proposal.status in {ProposalStatus.CANCELLED, ProposalStatus.REJECTED}:
            if attempt.crossing is Crossing.NONE:
                self.change(verdict=Verdict.ABORT, crossing=Crossing.RESUMED_OLD, note="the plan was withdrawn")
            else:
                self.change(verdict=Verdict.ABORT)

    @property
    def armed(self) -> bool:
        """Whether the running process has proven that it loaded H."""
        return self._attempt is not None and self._attempt.arming is Arming.ARMED


def plan_to_open(reading: PlanReading, latest: Attempt | None, current_sha256: str) -> Proposal | None:
    """The proposal that a node without an open attempt should take up, or None.

    That is the scheduled one, or the newest that crossed without us: then this node has something to catch up or has
    missed its halt. Proposals up to the latest attempt's are done with. A node that the operator has to look after
    takes up nothing: a new plan must not start it.
    """
    if latest is not None and latest.crossing in {Crossing.MISSED_HALT, Crossing.NEEDS_OPERATOR}:
        return None
    done = 0 if latest is None else latest.proposal_id
    fresh = [entry for entry in reading.proposals if entry.id > done]
    for proposal in fresh:
        if proposal.status is ProposalStatus.SCHEDULED:
            return proposal
    for proposal in fresh:
        if proposal.verdict is Verdict.CROSS and proposal.breaking:
            # Only the newest crossing counts: when its release runs here, the older ones are behind us too.
            return proposal if proposal.release_hash != current_sha256 else None
    return None
