"""The attempt in progress: one place that holds it, changes it durably and says so."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from console.model import (
    Arming,
    Attempt,
    Crossing,
    PlanOrigin,
    Preparation,
    Proposal,
    ProposalStatus,
    ReleaseKind,
    Verdict,
)
from console.node.generation_folders import folder_name
from console.node.journal import Journal
from console.node.next_plan import (
    approved_to_prepare,
    next_of_chain,
    plan_to_open,
    prepared,
    same_plan,
)
from console.ports.chain import PlanReading

_LOG = logging.getLogger(__name__)

ENOUGH_READY = "enough-ready"
"""The journal's row on the moment from which enough power was ready for an upgrade."""
_ATTEMPTS_KEPT = 200
_PATIENCE_BLOCKS = 100
"""Blocks for which one approved plan is tried before another one that waits gets its turn."""
_WITHDRAWN = {
    ProposalStatus.REJECTED: "the proposal was rejected",
    ProposalStatus.CANCELLED: "the proposal was cancelled",
    ProposalStatus.EXPIRED: "the proposal ran out of time",
}
"""Ends that no freeze had a part in. They come to ABORT, whether the chain says so or has no verdict."""
_OTHER_BYTES_LEAD_BACK = frozenset({Crossing.QUIESCED, Crossing.BACKED_UP})
_BEFORE_SWITCH = _OTHER_BYTES_LEAD_BACK | {Crossing.NONE, Crossing.HALTED}


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
        attempts = journal.attempts(_ATTEMPTS_KEPT)
        self._attempt = attempts[0] if attempts else None
        self._past = [entry for entry in attempts if entry.origin is not PlanOrigin.OPERATOR]
        """Attempts that came from a plan, newest first: a swap by hand does not make old plans new."""
        self._in_hand_since = 0
        """Height at which the open attempt was taken up, or first seen by this controller; 0 before that."""
        self._enough_ready_of = 0
        """The attempt for which enough power is known to have been ready."""

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
                self._past[0] = after
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
        began, current = self._journal.began_at, (current_sha256, current_manifest)

        def first_of(proposals: Iterable[Proposal]) -> Proposal | None:
            return plan_to_open(proposals, self._past, current, executed, began)

        self._put_off(reading, first_of)
        if self.open is None:
            proposal = first_of(reading.proposals) if self._free else None
            if proposal is not None:
                self.take_up(proposal, PlanOrigin.CHAIN if proposal.halts_itself else PlanOrigin.REGISTRY)
                self._in_hand_since = reading.height
        attempt = self.open
        if attempt is None or attempt.origin is PlanOrigin.OPERATOR:
            return None
        proposal = next((entry for entry in reading.proposals if same_plan(entry, attempt)), None)
        if proposal is None:
            return None
        if proposal.halts_itself and proposal.status is ProposalStatus.CANCELLED:
            self._end_withdrawn(attempt)
        elif attempt.origin is PlanOrigin.REGISTRY:
            self._take_height(proposal, attempt)
            self._take_release(proposal)
        return proposal

    def _put_off(self, reading: PlanReading, first_of: Callable[[Iterable[Proposal]], Proposal | None]) -> None:
        """End an attempt when another plan comes first; it is taken up again afterwards."""
        attempt = self.open
        if attempt is None or attempt.crossing is not Crossing.NONE:
            return
        if attempt.origin is PlanOrigin.CHAIN:
            first = next_of_chain(reading.proposals)
            if first is None or first.target_height >= attempt.target_height:
                return
            note = f"put off: {first.name} at height {first.target_height} comes first"
        elif attempt.origin is PlanOrigin.REGISTRY and not attempt.has_height:
            self._in_hand_since = self._in_hand_since or reading.height
            other = self._comes_before(attempt, reading, first_of)
            if other is None:
                return
            at = "" if other.status is ProposalStatus.APPROVED else f" at height {other.target_height}"
            note = f"put off: {other.name}{at} comes first"
        else:
            return
        self.change(verdict=Verdict.NONE, crossing=Crossing.RESUMED_OLD, note=note)

    def _comes_before(
        self, attempt: Attempt, reading: PlanReading, first_of: Callable[[Iterable[Proposal]], Proposal | None]
    ) -> Proposal | None:
        """What comes before an approved plan in hand: one that has its height, to come or crossed without us; another
        approved one that is not prepared, once the chain knows that we are ready for this one or it was tried for long.
        """
        others = [entry for entry in reading.proposals if not same_plan(entry, attempt)]
        mine = next((entry for entry in reading.proposals if same_plan(entry, attempt)), None)
        if mine is not None and mine.status is not ProposalStatus.APPROVED:
            return None
        first = first_of(others)
        if first is not None and first.status is not ProposalStatus.APPROVED:
            return first
        said = self._journal.said(attempt, "ready") == attempt.release_hash
        settled = attempt.preparation is Preparation.READY and said
        long = reading.height >= self._in_hand_since + _PATIENCE_BLOCKS
        resting = attempt.preparation in {Preparation.READY, Preparation.FAILED}
        if not settled and not (long and resting):
            return None
        waiting = (entry for entry in approved_to_prepare(others, self._past) if not prepared(entry, self._past))
        return next(waiting, None)

    def _take_height(self, proposal: Proposal, attempt: Attempt) -> None:
        """Keep the height that an approved plan got. A manifest, which is good for a span of heights, is read again."""
        if attempt.has_height or proposal.status is ProposalStatus.APPROVED or not proposal.scheduled_at:
            return
        again = attempt.release_kind == ReleaseKind.MANIFEST and attempt.preparation is Preparation.READY
        self.change(
            target_height=proposal.target_height,
            freeze_blocks=proposal.freeze_blocks,
            scheduled_at=proposal.scheduled_at,
            preparation=Preparation.STAGED if again else attempt.preparation,
        )

    def _take_release(self, proposal: Proposal) -> None:
        """Give up the release in hand when the validators replaced it; its generation stays where it is.

        What runs armed stays so: arming belongs to the run and H. What was proven, or taken unproven, was the other
        release.
        """
        attempt = self.open
        if attempt is None or attempt.crossing not in _BEFORE_SWITCH or proposal.release_hash == attempt.release_hash:
            return
        self.record("release-given-up", sha256=attempt.release_hash, generation=attempt.generation)
        self.change(
            release_kind=int(proposal.release_kind),
            release_hash=proposal.release_hash,
            release_url=str(proposal.release_url),
            generation=self._folder_of(proposal),
            generation_hash=proposal.release_hash if proposal.release_kind is ReleaseKind.RAW else "",
            preparation=Preparation.PLANNED,
            crossing=Crossing.HALTED if attempt.crossing in _OTHER_BYTES_LEAD_BACK else attempt.crossing,
            failure_code=0,
            grace_blocks=proposal.grace_blocks,
            proven="",
            unproven="",
            note="the release was replaced",
        )

    def _folder_of(self, proposal: Proposal) -> str:
        """Folder of the plan's release; a replacement has its own, since a generation never changes once staged."""
        folder = self._folder_of_plan(proposal.name)
        return f"{folder}-{proposal.release_hash[:12]}" if proposal.release_round else folder

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
        attempt = self._journal.open_attempt(proposal, origin, self._folder_of(proposal))
        self._attempt = attempt
        if origin is not PlanOrigin.OPERATOR:
            self._past.insert(0, attempt)
        at = f"planned for height {attempt.target_height}" if attempt.has_height else "approved, without a height yet"
        _LOG.info("upgrade %s #%d is %s", proposal.name, proposal.id, at)
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
        # The network itself took its word back.
        rolled_back = proposal.status is ProposalStatus.ROLLED_BACK
        verdict = Verdict.ABORT if rolled_back else proposal.verdict
        if attempt is not None and attempt.verdict_by_hand and verdict is not Verdict.NONE:
            attempt = self.change(verdict=verdict, verdict_by_hand=False)
        if attempt is None or attempt.verdict is not Verdict.NONE:
            return
        why = None if verdict is Verdict.CROSS else _WITHDRAWN.get(proposal.status)
        if why is None and verdict is not Verdict.NONE:
            self.change(verdict=verdict)
        elif why is not None:
            if attempt.crossing is Crossing.NONE:
                self.change(verdict=Verdict.ABORT, crossing=Crossing.RESUMED_OLD, note=why)
            else:
                self.change(verdict=Verdict.ABORT, note=why)

    def note_enough_ready(self, proposal: Proposal) -> None:
        """Record once per attempt from when on enough power was ready for its proposal. Raises JournalError."""
        attempt = self.open
        if attempt is None or self._enough_ready_of == attempt.id or not proposal.total_power:
            return
        if proposal.ready_power < proposal.readiness_needed:
            return
        if not any(event["kind"] == ENOUGH_READY for event in self._journal.events_of(attempt)):
            self.record(ENOUGH_READY, ready=proposal.ready_power, total=proposal.total_power)
        self._enough_ready_of = attempt.id

    @property
    def armed(self) -> bool:
        """Whether the running process has proven that it loaded H."""
        return self._attempt is not None and self._attempt.arming is Arming.ARMED
