"""The attempt in progress: one place that holds it, changes it durably and says so."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from console.model import Arming, Attempt, Crossing, PlanOrigin, Proposal, ProposalStatus, Verdict
from console.node.cosmovisor.names import same_name
from console.node.generation import folder_name
from console.node.journal import Journal
from console.ports import PlanReading

_LOG = logging.getLogger(__name__)


class AttemptBook:
    """Holds the newest attempt.

    Args:
        journal: Where every change is durable first.
        changed: Called after each change.
        folder_of_plan: How this node names the folder of a plan.
    """

    def __init__(
        self, journal: Journal, changed: Callable[[], None], folder_of_plan: Callable[[str], str] = folder_name
    ) -> None:
        self._journal = journal
        self._changed = changed
        self._folder_of_plan = folder_of_plan
        attempts = journal.attempts()
        self._attempt = attempts[0] if attempts else None
        self._planned = next((entry for entry in attempts if entry.origin is not PlanOrigin.OPERATOR), None)
        """The newest attempt that came from a plan: a swap by hand does not make old plans new."""

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
            if after.origin is not PlanOrigin.OPERATOR:
                self._planned = after
            words = ", ".join(
                f"{key.replace('_', ' ')} {getattr(value, 'name', value)}"
                for key, value in changes.items()
                if value != getattr(attempt, key) and value not in {"", 0}
            )
            if words:
                _LOG.info("upgrade %s #%d: %s", after.name, after.proposal_id, words)
            self._changed()
        return after

    def record(self, kind: str, **detail: Any) -> None:
        """Record an event of the attempt that changes nothing of it. Raises JournalError."""
        self._journal.record(kind, self._attempt, **detail)

    def follow(
        self, reading: PlanReading, current_sha256: str, executed: int | None, current_manifest: str = ""
    ) -> Proposal | None:
        """Take up a plan that the chain shows, and return the proposal of the attempt in progress.

        Args:
            reading: What the plan source said.
            current_sha256: Of the current generation's binary, so that a release that runs already is no plan.
            executed: Last height that our application executed, None when it is not known.
            current_manifest: Sha256 of the current generation's manifest; empty when it has none.

        Raises:
            JournalError: The attempt could not be opened.
        """
        self._put_off(reading)
        if self.open is None:
            began = self._journal.began_at
            current = (current_sha256, current_manifest)
            proposal = plan_to_open(reading, self._planned, current, executed, began) if self._free else None
            if proposal is not None:
                self.take_up(proposal, PlanOrigin.CHAIN if proposal.halts_itself else PlanOrigin.REGISTRY)
        attempt = self.open
        if attempt is None or attempt.origin is PlanOrigin.OPERATOR:
            return None
        proposal = next((entry for entry in reading.proposals if _same_plan(entry, attempt)), None)
        if proposal is not None and proposal.halts_itself and proposal.status is ProposalStatus.CANCELLED:
            self._end_withdrawn(attempt)
        return proposal

    def _put_off(self, reading: PlanReading) -> None:
        """End an attempt at a chain's plan when another one comes first; it is taken up again afterwards."""
        attempt = self.open
        if attempt is None or attempt.origin is not PlanOrigin.CHAIN or attempt.crossing is not Crossing.NONE:
            return
        first = _next_of_chain(reading.proposals)
        if first is not None and first.target_height < attempt.target_height:
            note = f"put off: {first.name} at height {first.target_height} comes first"
            self.change(verdict=Verdict.NONE, crossing=Crossing.RESUMED_OLD, note=note)

    @property
    def _free(self) -> bool:
        """Whether a plan may be taken up: not while the operator has to look after this node."""
        return self._attempt is None or not self._attempt.crossing.waits_for_operator

    def _end_withdrawn(self, attempt: Attempt) -> None:
        """End an attempt whose plan the chain has cancelled or replaced; the same plan may come again."""
        if attempt.crossing is Crossing.NONE:
            self.change(verdict=Verdict.NONE, crossing=Crossing.RESUMED_OLD, note="the plan was withdrawn")

    def take_up(self, proposal: Proposal, origin: PlanOrigin) -> Attempt:
        """Open an attempt for a plan. Raises JournalError."""
        attempt = self._journal.open_attempt(proposal, origin, self._folder_of_plan(proposal.name))
        self._attempt = attempt
        if origin is not PlanOrigin.OPERATOR:
            self._planned = attempt
        _LOG.info("upgrade %s #%d is planned for height %d", proposal.name, proposal.id, proposal.target_height)
        self._changed()
        return attempt

    def lead_on(self, reason: str, **changes: Any) -> Attempt:
        """A change that the operator decided, with the reason; the count against going round begins anew.

        Raises:
            JournalError: Nothing was changed.
        """
        attempt = self._attempt
        assert attempt is not None, "there is no attempt to change"
        self._journal.record("led-on", attempt, reason=reason)
        return self.change(**changes)

    def learn_verdict(self, proposal: Proposal) -> None:
        """Keep the verdict as soon as the chain has one; it never changes afterwards. Raises JournalError.

        A plan that was withdrawn is an ABORT. Before its halt it ends at once, to make room for the next plan; a run
        that is armed for it still halts, and is started again without.
        """
        attempt = self.open
        if attempt is not None and attempt.verdict_by_hand and proposal.verdict is not Verdict.NONE:
            attempt = self.change(verdict=proposal.verdict, verdict_by_hand=False)
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


def _same_plan(proposal: Proposal, attempt: Attempt) -> bool:
    if proposal.halts_itself:
        # The operator's file may spell it in another case than the chain.
        return proposal.id == attempt.proposal_id and same_name(str(proposal.name), str(attempt.name))
    return proposal.id == attempt.proposal_id and str(proposal.name) == str(attempt.name)


def _done_with(proposal: Proposal, latest: Attempt | None) -> bool:
    """Whether our newest planned attempt is past this plan. A chain's plan has no number, and may come again."""
    if latest is None:
        return False
    if proposal.halts_itself:
        withdrawn = latest.crossing is Crossing.RESUMED_OLD and latest.verdict is Verdict.NONE
        return not withdrawn and proposal.target_height <= latest.target_height
    return proposal.id <= latest.proposal_id


def _next_of_chain(proposals: Iterable[Proposal]) -> Proposal | None:
    scheduled = (entry for entry in proposals if entry.halts_itself and entry.status is ProposalStatus.SCHEDULED)
    return min(scheduled, key=lambda entry: entry.target_height, default=None)


def plan_to_open(
    reading: PlanReading,
    latest: Attempt | None,
    current: tuple[str, str],
    executed: int | None,
    began_at: int | None = None,
) -> Proposal | None:
    """The proposal that a node without an open attempt should take up, or None.

    A node that catches up crosses every halt in order: the lowest height that the network crossed and that this node
    has not executed. Else it is the scheduled one, else the newest that crossed without us: then this node has
    missed its halt.

    Args:
        reading: What the plan source said.
        latest: The newest attempt that came from a plan.
        current: Sha256 of the current generation's binary, and of its manifest where it has one.
        executed: Last height that our application executed, None when it is not known.
        began_at: Height at which this controller first saw the application: what the network crossed before, this
            node crossed in its own way, with a build of its own perhaps.
    """
    fresh = [entry for entry in reading.proposals if not _done_with(entry, latest)]
    if any(entry.halts_itself for entry in fresh):
        # Such a chain stops every node at its plan, and no node can be past it without the release.
        return _next_of_chain(fresh)
    crossed = [entry for entry in fresh if entry.verdict is Verdict.CROSS and entry.breaking]
    if began_at is not None:
        crossed = [entry for entry in crossed if entry.target_height > began_at]
    # When the release of one runs here, it and those before it are behind us.
    behind = max((entry.id for entry in crossed if entry.release_hash in current), default=None)
    if behind is not None:
        crossed = [entry for entry in crossed if entry.id > behind]
    ahead = [entry for entry in crossed if executed is not None and entry.target_height > executed]
    if ahead:
        return min(ahead, key=lambda entry: entry.target_height)
    scheduled = next((entry for entry in fresh if entry.status is ProposalStatus.SCHEDULED), None)
    return scheduled or max(crossed, key=lambda entry: entry.id, default=None)
