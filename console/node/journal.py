"""The controller's journal: what is durable before anything is done (DESIGN §4, facts/safety.md §3).

It stands on its runs (`journal_runs`), these on its events (`journal_events`), these on the database
(`journal_store`).
"""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import time
from typing import Any

from console.model import (
    NOT_VOTED,
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
from console.node.journal_runs import JournalRuns
from console.node.protocol import attempt_from_json, attempt_to_json
from console.node.table import FLUSHED_LATER, MOST_WRITES, refuse_illegal

TRIES = 3
"""Starts of a new binary before the operator is called."""


class Journal(JournalRuns):
    """One node's journal: attempts and what was said of them, on its runs and events. Opened as `JournalStore`."""

    @property
    def armed_for(self) -> int:
        """H that the next start of the node gets, 0 for none (DESIGN §4.5). Raises JournalError."""
        text = self.meta("armed_for") or "0"
        if not text.isdecimal():
            raise self.unreadable(f"armed_for is {text!r}")
        return int(text)

    # --- attempts ---

    def open_attempt(self, proposal: Proposal, origin: PlanOrigin, generation: str) -> Attempt:
        """Begin an attempt: freeze the plan's parameters. Raises JournalError.

        Args:
            proposal: The plan.
            origin: Who made it.
            generation: Folder of the generation that it asks for.
        """
        # A proposed height is a wish until the plan is scheduled; nobody votes on the others' plans.
        scheduled = origin is not PlanOrigin.REGISTRY or proposal.status not in _UNSCHEDULED
        attempt = Attempt(
            id=0,
            proposal_id=proposal.id,
            name=proposal.name,
            target_height=proposal.target_height if scheduled else 0,
            freeze_blocks=proposal.freeze_blocks,
            scheduled_at=proposal.scheduled_at if scheduled else 0,
            release_kind=int(proposal.release_kind),
            release_hash=proposal.release_hash,
            release_url=proposal.release_url,
            breaking=proposal.breaking,
            preparation=Preparation.PLANNED,
            arming=Arming.WAITING_TURN,
            crossing=Crossing.NONE,
            verdict=Verdict.NONE if origin is PlanOrigin.REGISTRY else Verdict.CROSS,
            failure_code=0,
            tries_left=TRIES,
            note="",
            origin=origin,
            generation=generation,
            # A manifest's binary is known when the manifest was verified.
            generation_hash=proposal.release_hash if proposal.release_kind is ReleaseKind.RAW else "",
            grace_blocks=proposal.grace_blocks,
            migration_kind=int(proposal.migration_kind) if origin is PlanOrigin.REGISTRY else NOT_VOTED,
            migration_hash=proposal.migration_hash if origin is PlanOrigin.REGISTRY else "",
        )

        def write() -> int:
            cursor = self.db.execute(
                "INSERT INTO attempt (proposal_id, document) VALUES (?, ?)",
                (proposal.id, json.dumps(attempt_to_json(attempt))),
            )
            number = int(cursor.lastrowid or 0)
            self.put_event(number, "planned", {"proposal": proposal.id, "height": attempt.target_height})
            return number

        self.faults.reach("before-planned")
        number = self.write(write)
        self.faults.reach("after-planned")
        return dataclasses.replace(attempt, id=number)

    def change(self, attempt: Attempt, **changes: Any) -> Attempt:
        """Change an attempt, durably, and record the event; the fault points carry the new state's name.

        A crossing to where the other binary is in place, and a disarming, clear the armed height in the same
        transaction: after a flip either way it is 0 (DESIGN §4.5).

        Raises:
            JournalError: It cannot be written; nothing was changed.
            IllegalStep: No row of the table leads there; nothing was changed.
        """
        after = dataclasses.replace(attempt, **changes)
        if after == attempt:
            return attempt
        for before, wanted in (
            (attempt.preparation, after.preparation),
            (attempt.arming, after.arming),
            (attempt.crossing, after.crossing),
        ):
            refuse_illegal(before, wanted)
        names = _changed_names(attempt, after)
        entering = after.crossing is not attempt.crossing and not after.crossing.ended
        if entering and self._crossings_entered(attempt) >= MOST_WRITES:
            after = dataclasses.replace(
                attempt,
                crossing=Crossing.NEEDS_OPERATOR,
                note=f"this upgrade went through {MOST_WRITES} states without an end; last: {attempt.note or names[0]}",
            )
            names = _changed_names(attempt, after)

        def write() -> None:
            self.db.execute(
                "UPDATE attempt SET document = ? WHERE id = ?", (json.dumps(attempt_to_json(after)), after.id)
            )
            if after.crossing in _CLEARS_ARMING or after.arming is Arming.DISARMED:
                self.put_meta("armed_for", "0")
            detail = {key: _plain(getattr(after, key)) for key in changes}
            self.put_event(after.id, "+".join(names) or "changed", detail)

        for name in names:
            self.faults.reach(f"before-{name}")
        later = after.crossing in FLUSHED_LATER and after.crossing is not attempt.crossing
        self.write(write, flushed=not later)
        for name in names:
            self.faults.reach(f"after-{name}")
        return after

    def _crossings_entered(self, attempt: Attempt) -> int:
        """Crossing states entered since the operator last led this attempt on."""
        rows = self.rows(
            "SELECT kind FROM event WHERE attempt = ? AND seq > "
            "(SELECT coalesce(max(seq), 0) FROM event WHERE attempt = ? AND kind = 'led-on')",
            (attempt.id, attempt.id),
        )
        return sum(1 for row in rows if not _CROSSING_WORDS.isdisjoint(str(row["kind"]).split("+")))

    def arm(self, attempt: Attempt, height: int | None = None) -> None:
        """Decide to arm for the attempt's H, or for a later one: durable before the node is stopped or started.

        Raises:
            JournalError: Nothing was decided.
        """
        wanted = attempt.target_height if height is None else height

        def write() -> None:
            self.put_meta("armed_for", str(wanted))
            self.put_event(attempt.id, "arming", {"height": wanted})

        self.faults.reach("before-arming")
        self.write(write)
        self.faults.reach("after-arming")

    def attempts(self, limit: int = 20) -> tuple[Attempt, ...]:
        """The newest attempts, newest first. Raises JournalError."""
        rows = self.rows("SELECT id, document FROM attempt ORDER BY id DESC LIMIT ?", (limit,))
        return tuple(self._read_attempt(row) for row in rows)

    def next_hand_number(self) -> int:
        """A number for a swap by hand. Raises JournalError."""
        rows = self.rows("SELECT count(*) AS done FROM attempt WHERE proposal_id < 0")
        return int(rows[0]["done"]) + 1

    def latest_attempt(self) -> Attempt | None:
        """The newest attempt. Raises JournalError."""
        return next(iter(self.attempts(1)), None)

    def _read_attempt(self, row: sqlite3.Row) -> Attempt:
        try:
            return attempt_from_json({**json.loads(row["document"]), "id": row["id"]})
        except (ValueError, TypeError) as error:
            raise self.unreadable(error) from error

    # --- what was said to the chain ---

    def said(self, attempt: Attempt, what: str) -> str | None:
        """The value last said for `what` (ready, armed, failure, confirm, freeze), None when nothing was."""
        rows = self.rows("SELECT value FROM said WHERE attempt = ? AND what = ?", (attempt.id, what))
        return str(rows[0]["value"]) if rows else None

    def say(self, attempt: Attempt, what: str, value: str) -> None:
        """Record that the chain has it. Raises JournalError."""

        def write() -> None:
            self.db.execute(
                "INSERT INTO said VALUES (?, ?, ?, ?) ON CONFLICT(attempt, what) DO UPDATE "
                "SET value = excluded.value, at = excluded.at",
                (attempt.id, what, value, time.time()),
            )
            self.put_event(attempt.id, f"said-{what}", {"value": value})

        self.write(write)


_UNSCHEDULED = frozenset({ProposalStatus.VOTING, ProposalStatus.APPROVED})
_CROSSING_WORDS = frozenset(state.value.lower() for state in Crossing if state.value)
_CLEARS_ARMING = frozenset({Crossing.SWITCHED, Crossing.RESUMED_OLD, Crossing.FLIPPED_BACK, Crossing.PARKED})


def _plain(value: object) -> object:
    return getattr(value, "value", value)


def _changed_names(before: Attempt, after: Attempt) -> list[str]:
    """Names of fault points and events: the states that the change enters, in lower case."""
    names = []
    for part in ("preparation", "arming", "crossing"):
        value = getattr(after, part)
        if value != getattr(before, part) and value:
            names.append(str(value.value).lower())
    if after.has_height and not before.has_height:
        names.append("scheduled")
    if after.release_hash != before.release_hash:
        names.append("replaced")
    if after.verdict is not before.verdict:
        names.append("verdict")
    if after.tries_left < before.tries_left and after.crossing is before.crossing:
        names.append("try")
    return names
