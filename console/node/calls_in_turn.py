"""Calls of the registry that anyone may make and nobody has to sit and wait for: controllers make them in turn.

An approved proposal gets its height, linked calls are made, and taken back when their upgrade did not come (DESIGN §6).
One validator after the other tries, in the order of arming; the next one only while the chain still lacks it. Nothing
here keeps an upgrade from going on: what fails is logged, kept as an event, and left to the next one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from console.errors import ConsoleError, ContractRefused
from console.model import (
    Crossing,
    Proposal,
    ProposalStatus,
    ReleaseKind,
    ScheduleKind,
    Verdict,
    more_than_two_thirds,
)
from console.node.attempts import AttemptBook
from console.node.journal import Journal
from console.node.turns import arming_order
from console.ports.chain import PlanReading, Signals
from console.settings import NodeSettings

_LOG = logging.getLogger(__name__)

CALL_BLOCKS = 3
"""Blocks that one validator has for a call: sent after one block, it is in the next or the one after, and seen then."""
URGENT_TURNS = 3
"""Turns that there is room for before a freeze; the last one is everybody's."""
LEAD_BLOCKS = URGENT_TURNS * CALL_BLOCKS + 1
"""Blocks before H-F from which on calls are made that come first: three turns, and a block to spare. Not earlier: until
then it shows whether there is power enough to cross, and with too little the calls would only be taken back again."""
_PAUSE_MOST_BLOCKS = 2_000
_NEVER = 1 << 63
_CAME_TO_NOTHING = frozenset({ProposalStatus.ABORTED, ProposalStatus.CANCELLED, ProposalStatus.ROLLED_BACK})
"""Where the old release goes on for sure. One that is Expired may run everywhere and lack confirmations."""
_NEVER_AGAIN = frozenset({"NoLinkedCalls", "ContractsDone", "CodeChanged"})
"""Refusals that another try cannot change."""


class Open(StrEnum):
    """What anyone may call; the value is the word in events and logs."""

    SCHEDULE = "schedule"
    EXECUTE = "execute"
    UNDO = "undo"


@dataclass(frozen=True, slots=True)
class Due:
    """A call that the chain waits for."""

    what: Open
    proposal_id: int
    since: int = 0
    """Height at which the first turn begins; 0: when it is first seen to be due."""
    urgent: bool = False
    """Whether it is too late soon, so that the third turn is everybody's."""


def calls_due(reading: PlanReading, committed: Callable[[int], bool]) -> Iterator[Due]:
    """What the chain waits for, oldest proposal first.

    Args:
        reading: What the registry shows.
        committed: Whether this node has proven that it crossed with a proposal.
    """
    busy = any(_occupies(entry, reading.height) for entry in reading.proposals)
    for proposal in reversed(reading.proposals):
        if proposal.halts_itself:
            continue
        if not busy and may_be_scheduled(proposal, reading.height):
            yield Due(Open.SCHEDULE, proposal.id)
        if proposal.linked_calls and not proposal.contracts_at:
            due = _execution(proposal, reading.height, committed)
            if due is not None:
                yield due
        if proposal.contracts_at and not proposal.undone_at and proposal.status in _CAME_TO_NOTHING:
            yield Due(Open.UNDO, proposal.id)


def _occupies(proposal: Proposal, height: int) -> bool:
    """Whether nothing else is scheduled yet. One that was stopped keeps its height: armed nodes halt there."""
    if proposal.status is ProposalStatus.SCHEDULED:
        return True
    return proposal.verdict is Verdict.ABORT and proposal.has_height and height < proposal.target_height


def may_be_scheduled(proposal: Proposal, height: int) -> bool:
    """Whether an approved release has all that its height needs, as far as its row says.

    Args:
        proposal: The proposal.
        height: Last committed height; a call made now is in the next block.
    """
    if proposal.status is not ProposalStatus.APPROVED or proposal.release_kind is ReleaseKind.NONE:
        return False
    if proposal.schedule_kind is not ScheduleKind.READINESS:
        return True
    ready, total = proposal.ready_power, proposal.total_power
    enough = ready * 10_000 >= total * proposal.readiness_bps and more_than_two_thirds(ready, total)
    return enough and height < proposal.readiness_deadline


def _execution(proposal: Proposal, height: int, committed: Callable[[int], bool]) -> Due | None:
    if proposal.release_kind is ReleaseKind.NONE:
        in_time = height < proposal.approved_at + proposal.execution_window
        due = proposal.status is ProposalStatus.APPROVED and in_time
        return Due(Open.EXECUTE, proposal.id) if due else None
    if not proposal.contracts_first:
        in_time = height < proposal.target_height + proposal.execution_window
        crosses = proposal.verdict is Verdict.CROSS and proposal.status is not ProposalStatus.ROLLED_BACK
        return Due(Open.EXECUTE, proposal.id) if crosses and in_time and committed(proposal.id) else None
    if proposal.status is not ProposalStatus.SCHEDULED or not proposal.go:
        return None
    first = proposal.freeze_height - LEAD_BLOCKS
    if not first <= height < proposal.freeze_height - 1:
        return None
    return Due(Open.EXECUTE, proposal.id, since=first, urgent=True)


class CallsInTurn:
    """Makes the calls that are due when it is this validator's turn.

    Args:
        address: Our validator's checksummed address.
        settings: The node's settings of the moment: each kind of call can be switched off.
        book: What this node crossed with.
        journal: Where it is said what was called and what was refused.
        signals: The chain.
        called: Called when the chain has something new from us.
    """

    def __init__(
        self,
        address: str,
        settings: Callable[[], NodeSettings],
        book: AttemptBook,
        journal: Journal,
        signals: Signals,
        called: Callable[[], None],
    ) -> None:
        self._address = address
        self._settings = settings
        self._book = book
        self._journal = journal
        self._signals = signals
        self._called = called
        self._since: dict[Due, int] = {}
        self._not_before: dict[Due, int] = {}
        self._tries: dict[Due, int] = {}
        self._failed: dict[Due, tuple[int, str]] = {}
        self._task: asyncio.Task[None] | None = None

    def step(self, reading: PlanReading) -> None:
        """Make the first call that is due and ours; nothing is waited for. Raises JournalError."""
        due = list(calls_due(reading, self._committed))
        for known in (self._since, self._not_before, self._tries, self._failed):
            for gone in [key for key in known if key not in due]:
                # The chain has it, or it is too late: whoever lost the race did not fail.
                del known[gone]
        self._tell_failures(reading.height)
        if self._task is not None and not self._task.done():
            return
        for call in due:
            if self._is_on(call.what) and self._our_turn(call, reading):
                self._task = asyncio.get_running_loop().create_task(self._make(call, reading.height))
                return

    async def close(self) -> None:
        """Stop; what the chain does not have yet is called again after a restart, by us or another."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def _committed(self, proposal_id: int) -> bool:
        attempt = self._book.attempt
        return attempt is not None and attempt.proposal_id == proposal_id and attempt.crossing is Crossing.COMMITTED

    def _is_on(self, what: Open) -> bool:
        settings = self._settings()
        return {
            Open.SCHEDULE: settings.auto_schedule,
            Open.EXECUTE: settings.auto_execute,
            Open.UNDO: settings.auto_undo,
        }[what]

    def _our_turn(self, due: Due, reading: PlanReading) -> bool:
        if reading.readiness is None:
            return False
        order = arming_order(due.proposal_id, [entry.address for entry in reading.readiness.validators])
        place = order.index(self._address) if self._address in order else len(order)
        if due.urgent:
            place = min(place, URGENT_TURNS - 1)
        since = self._since.setdefault(due, due.since or reading.height)
        first = since + place * CALL_BLOCKS
        return reading.height >= max(first, self._not_before.get(due, 0))

    async def _make(self, due: Due, height: int) -> None:
        send: dict[Open, Callable[[int], Awaitable[None]]] = {
            Open.SCHEDULE: self._signals.schedule,
            Open.EXECUTE: self._signals.execute,
            Open.UNDO: self._signals.undo,
        }
        # After a round of the others it is ours again, and each time later.
        tries = self._tries[due] = self._tries.get(due, 0) + 1
        self._not_before[due] = height + min(URGENT_TURNS * CALL_BLOCKS * 2 ** (tries - 1), _PAUSE_MOST_BLOCKS)
        try:
            await send[due.what](due.proposal_id)
        except ConsoleError as error:
            if isinstance(error, ContractRefused) and error.name in _NEVER_AGAIN:
                self._not_before[due] = _NEVER
            self._failed[due] = (height, str(error))
        except Exception as error:
            _LOG.exception("could not %s proposal %d", due.what.value, due.proposal_id)
            self._failed[due] = (height, type(error).__name__)
        else:
            _LOG.info("the chain has our call: %s proposal %d", due.what.value, due.proposal_id)
            self._journal.record(f"called-{due.what.value}", proposal=due.proposal_id)
            self._called()

    def _tell_failures(self, height: int) -> None:
        """Say what failed and is still due after the block that may have brought another one's call."""
        for due, (failed_at, why) in list(self._failed.items()):
            if height <= failed_at + 2:
                continue
            del self._failed[due]
            _LOG.warning("could not %s proposal %d: %s", due.what.value, due.proposal_id, why)
            self._journal.record(f"refused-{due.what.value}", proposal=due.proposal_id, reason=why)
