"""What is left to do on the chain after the network aborted a crossing that its registry had let pass (DESIGN §4, Z1).

An abort that validators agreed on beside the halted chain leads the nodes back, and the registry still says CROSS and
Scheduled: nothing else can be scheduled. Only validators' own keys roll it back there, so the operator is told to.
"""

from __future__ import annotations

import logging

from console.model import Attempt, Crossing, Proposal, ProposalStatus, Verdict
from console.node.attempts import AttemptBook
from console.node.journal import Journal
from console.node.next_plan import same_plan
from console.node.returning import Returner
from console.ports.chain import PlanReading

_LOG = logging.getLogger(__name__)

_LEADS_BACK = frozenset(
    {
        Crossing.NONE,
        Crossing.HALTED,
        Crossing.QUIESCED,
        Crossing.BACKED_UP,
        Crossing.SWITCHED,
        Crossing.STARTING,
        Crossing.WAITING_FOR_QUORUM,
    }
)
"""Where an ABORT that is learned late leads back by itself."""


class Aftermath:
    """Follows the newest attempt's proposal after the crossing.

    Args:
        book: The attempt.
        journal: Where it is an event.
        returner: Leads back from PARKED.
    """

    def __init__(self, book: AttemptBook, journal: Journal, returner: Returner) -> None:
        self._book = book
        self._journal = journal
        self._returner = returner
        self._said: tuple[int, str] = (0, "")
        self.note = ""
        """What the operator has to do on the chain; empty when nothing is."""

    def look(self, reading: PlanReading) -> Proposal | None:
        """Say what is to be done, once as an event.

        Returns:
            The attempt's proposal when the registry says that it was rolled back, and this node has not followed.

        Raises:
            JournalError: The event could not be kept.
        """
        self.note = ""
        attempt = self._book.attempt
        if attempt is None or attempt.halts_itself:
            return None
        proposal = next((entry for entry in reading.proposals if same_plan(entry, attempt)), None)
        if proposal is None:
            return None
        if proposal.status is ProposalStatus.ROLLED_BACK:
            self._tell(attempt, "rolled-back", f"the registry says that the network went on without {attempt.name}")
            return proposal if attempt.verdict is not Verdict.ABORT and not attempt.beyond_return else None
        aborted = attempt.crossing is Crossing.RESUMED_OLD and attempt.verdict is Verdict.ABORT
        if aborted and proposal.verdict is Verdict.CROSS and proposal.status is ProposalStatus.SCHEDULED:
            self.note = (
                f"the network aborted {attempt.name}, and the registry still holds it: nothing else is scheduled until "
                f'more than 2/3 of the power say `upgrade-console rollback {proposal.id} --reason "…"` '
                f"({proposal.rollback_power} of {proposal.total_power} so far)"
            )
            self._tell(attempt, "needs-rollback", self.note)
        return None

    async def follow(self, proposal: Proposal) -> None:
        """Go the way of a network that rolled back: more than 2/3 of the frozen power went on with the old release.

        Where the operator was called for another reason everything is kept as it is.

        Raises:
            NodeError: This node's zone does not allow it, or the old binary could not be started.
        """
        attempt = self._book.attempt
        if attempt is None or not same_plan(proposal, attempt):
            return
        if attempt.crossing in _LEADS_BACK:
            self._book.change(verdict=Verdict.ABORT)
        elif attempt.crossing is Crossing.PARKED:
            attempt = self._returner.abort("the registry says RolledBack")
            if attempt.crossing is Crossing.RESUMED_OLD:
                await self._returner.resume_old(attempt.note)

    def _tell(self, attempt: Attempt, kind: str, why: str) -> None:
        if self._said != (attempt.id, kind):
            self._said = (attempt.id, kind)
            _LOG.warning("%s", why)
            if not any(event["kind"] == kind for event in self._journal.events_of(attempt)):
                self._journal.record(kind, attempt, why=why)
