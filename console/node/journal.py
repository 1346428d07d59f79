"""The controller's journal: what is durable before anything is done (DESIGN §4, facts/safety.md §3).

What it stands on is `console.node.journal_store`.
"""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import time
from dataclasses import dataclass
from typing import Any

from console.model import (
    NOT_VOTED,
    Arming,
    Attempt,
    Crossing,
    NodeRun,
    PlanOrigin,
    Preparation,
    Proposal,
    ProposalStatus,
    ReleaseKind,
    Verdict,
)
from console.node.journal_store import JournalStore
from console.node.protocol import attempt_from_json, attempt_to_json
from console.node.table import FLUSHED_LATER, MOST_WRITES, refuse_illegal

_RUNS_LOOKED_AT = 50

TRIES = 3
"""Starts of a new binary before the operator is called."""

AT_REST_S = 10.0
"""Seconds between two durable heights while nothing is planned: each costs the disk a flush."""


@dataclass(frozen=True, slots=True)
class Observation:
    """The last reading of the node's heights."""

    height: int
    """Block store height."""
    app_height: int
    read_at: float
    """Unix seconds."""
    run: int = 0
    """The run that was read; 0 in journals from before readings named it."""


class Journal(JournalStore):
    """One node's journal: attempts, runs, what was said and what happened. Opened as `JournalStore`."""

    _seen: Observation | None = None
    """A reading that is newer than the durable one."""
    _observed_at = float("-inf")
    """Monotonic seconds of the last durable reading."""
    _observed_run = -1
    """Its run."""

    @property
    def armed_for(self) -> int:
        """H that the next start of the node gets, 0 for none (DESIGN §4.5). Raises JournalError."""
        text = self.meta("armed_for") or "0"
        if not text.isdecimal():
            raise self.unreadable(f"armed_for is {text!r}")
        return int(text)

    @property
    def signer_mark(self) -> tuple[int, int, int] | None:
        """Highest (height, round, step) that the signer state ever had; None before the first. Raises JournalError."""
        text = self.meta("signer_hrs")
        try:
            if text is None:
                return None
            height, turn, step = json.loads(text)
            return int(height), int(turn), int(step)
        except (ValueError, TypeError) as error:
            raise self.unreadable(f"signer_hrs is {text!r}") from error

    def raise_signer_mark(self, found: tuple[int, int, int]) -> None:
        """Keep a signer state if it is the highest: the mark never falls. Raises JournalError."""
        high = self.signer_mark
        if high is None or found > high:
            self.set_meta("signer_hrs", json.dumps(found))

    def observe(self, height: int, app_height: int, version: str, *, run_id: int = 0, at_rest: bool = False) -> None:
        """Keep the node's heights, so that they are known when it is down. Raises JournalError.

        Args:
            height: Of the newest block, as our node's CometBFT tells it.
            app_height: Last executed height.
            version: What CometBFT says of the application.
            run_id: The run that was read; 0 when that is not known.
            at_rest: Nothing is planned: what is durable of this run may be `AT_REST_S` old.
        """
        first = self.meta("began_at") is None
        seen = Observation(height, app_height, time.time(), run_id)
        lately = self._observed_run == run_id and time.monotonic() - self._observed_at < AT_REST_S
        if at_rest and lately and not first:
            self._seen = seen
            return
        document = json.dumps(dataclasses.asdict(seen))

        def write() -> None:
            if first:
                self.put_meta("began_at", str(app_height))
            self.put_meta("observation", document)
            self.put_meta("version", version)

        self.write(write)
        self._seen, self._observed_at, self._observed_run = None, time.monotonic(), run_id

    @property
    def began_at(self) -> int | None:
        """Height at which this journal saw the application first; None before that. Raises JournalError."""
        text = self.meta("began_at")
        if text is None:
            return None
        if not text.isdecimal():
            raise self.unreadable(f"began_at is {text!r}")
        return int(text)

    def observe_restored(self, app_height: int) -> None:
        """Keep that older data is in place: the application stands at this height now. Raises JournalError."""
        newest = next((run.id for run in self.runs(1)), 0)
        self.observe(app_height, app_height, self.meta("version") or "", run_id=newest)

    @property
    def observation(self) -> Observation | None:
        """The last heights that were seen. Raises JournalError."""
        if self._seen is not None:
            return self._seen
        text = self.meta("observation")
        try:
            return None if text is None else Observation(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise self.unreadable(f"the observation is {text!r}") from error

    def run_observed(self) -> NodeRun | None:
        """The run that the last kept heights are of; None when there are none. Raises JournalError."""
        observation = self.observation
        if observation is None:
            return None
        if observation.run:
            return self.run(observation.run)
        # By the clock of the day, which may have been set between the two: only where nothing better was kept.
        return next((run for run in self.runs(_RUNS_LOOKED_AT) if run.started_at <= observation.read_at), None)

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
            self._put_event(number, "planned", {"proposal": proposal.id, "height": attempt.target_height})
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
            self._put_event(after.id, "+".join(names) or "changed", detail)

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
            self._put_event(attempt.id, "arming", {"height": wanted})

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
            self._put_event(attempt.id, f"said-{what}", {"value": value})

        self.write(write)

    # --- runs ---

    def open_run(self, generation: str, halt_height: int, exe_sha256: str) -> NodeRun:
        """Record a run before it is started. Raises JournalError."""
        started_at = time.time()

        def write() -> int:
            cursor = self.db.execute(
                "INSERT INTO run (generation, halt_height, exe_sha256, started_at) VALUES (?, ?, ?, ?)",
                (generation, halt_height, exe_sha256, started_at),
            )
            number = int(cursor.lastrowid or 0)
            self._put_event(None, "run", {"run": number, "generation": generation, "halt_height": halt_height})
            return number

        return NodeRun(self.write(write), generation, halt_height, exe_sha256, started_at, None, None)

    def ask_end(self, run_id: int) -> None:
        """Record that we are about to stop this run, so that its end is not taken for the node's own."""
        self.write(lambda: self.db.execute("UPDATE run SET asked = 1 WHERE id = ?", (run_id,)))

    def end_asked(self, run_id: int) -> bool:
        """Whether `ask_end` was called for the run."""
        rows = self.rows("SELECT asked FROM run WHERE id = ?", (run_id,))
        return bool(rows and rows[0]["asked"])

    def close_run(self, run_id: int, exit_code: int | None) -> None:
        """Record the end of a run. Raises JournalError."""

        def write() -> None:
            self.db.execute(
                "UPDATE run SET ended_at = ?, exit_code = ? WHERE id = ? AND ended_at IS NULL",
                (time.time(), exit_code, run_id),
            )
            self._put_event(None, "run-ended", {"run": run_id, "code": exit_code})

        # Lost in a power cut, the end is judged again as after a kill.
        self.write(write, flushed=False)

    def runs(self, limit: int = 2) -> tuple[NodeRun, ...]:
        """The newest runs, newest first. Raises JournalError."""
        return tuple(_node_run(row) for row in self.rows("SELECT * FROM run ORDER BY id DESC LIMIT ?", (limit,)))

    def run(self, run_id: int) -> NodeRun | None:
        """One run. Raises JournalError."""
        rows = self.rows("SELECT * FROM run WHERE id = ?", (run_id,))
        return _node_run(rows[0]) if rows else None

    # --- events ---

    def record(self, kind: str, attempt: Attempt | None = None, **detail: Any) -> None:
        """Record an event that is no change of state. Raises JournalError."""
        self.write(lambda: self._put_event(None if attempt is None else attempt.id, kind, detail))

    def record_outcome(self, kind: str, attempt: Attempt, **detail: Any) -> None:
        """Record how something ended that is done again after a power cut; flushed with the next change.

        Raises:
            JournalError: It cannot be written.
        """
        self.write(lambda: self._put_event(attempt.id, kind, detail), flushed=False)

    def _put_event(self, attempt: int | None, kind: str, detail: dict[str, Any]) -> None:
        self.db.execute(
            "INSERT INTO event (at, attempt, kind, detail) VALUES (?, ?, ?, ?)",
            (time.time(), attempt, kind, json.dumps(detail, default=str)),
        )

    def events(self, since: int = 0, limit: int = 500) -> list[dict[str, Any]]:
        """Events after a sequence number, oldest first."""
        rows = self.rows(
            "SELECT seq, at, attempt, kind, detail FROM event WHERE seq > ? ORDER BY seq LIMIT ?", (since, limit)
        )
        return [{**dict(row), "detail": json.loads(row["detail"])} for row in rows]

    def newest_seq(self) -> int:
        """Sequence number of the newest event; 0 when there is none."""
        rows = self.rows("SELECT coalesce(max(seq), 0) AS newest FROM event")
        return int(rows[0]["newest"]) if rows else 0

    def check_events(self) -> tuple[int, tuple[str, ...]]:
        """How many events there are, and what is wrong with the database or their numbers. Reads everything."""
        wrong = [f"SQLite finds {row[0]}" for row in self.rows("PRAGMA integrity_check(5)") if row[0] != "ok"]
        (found,) = self.rows("SELECT count(*) AS rows, coalesce(max(seq), 0) AS newest FROM event")
        if found["rows"] != found["newest"]:
            # Events are never removed, and their numbers count up by one.
            wrong.append(f"{found['newest'] - found['rows']} of {found['newest']} rows are missing")
        turned = self.rows(
            "SELECT count(*) AS turned FROM event AS later JOIN event AS earlier ON earlier.seq = later.seq - 1 "
            "WHERE later.at < earlier.at - 60"
        )
        if turned[0]["turned"]:
            wrong.append(f"{turned[0]['turned']} rows are more than a minute older than the row before")
        return int(found["rows"]), tuple(wrong)

    def newest_events(self, limit: int) -> list[dict[str, Any]]:
        """The newest events, newest first."""
        rows = self.rows("SELECT seq, at, attempt, kind, detail FROM event ORDER BY seq DESC LIMIT ?", (limit,))
        return [{**dict(row), "detail": json.loads(row["detail"])} for row in rows]

    def events_of(self, attempt: Attempt) -> list[dict[str, Any]]:
        """Sequence number and kind of every event of an attempt, oldest first."""
        rows = self.rows("SELECT seq, kind FROM event WHERE attempt = ? ORDER BY seq", (attempt.id,))
        return [dict(row) for row in rows]

    def newest_by_attempt(self, kind: str) -> dict[int, dict[str, Any]]:
        """Detail of the newest event of a kind, by its attempt's id. Reads every event."""
        rows = self.rows("SELECT attempt, detail FROM event WHERE kind = ? AND attempt NOT NULL ORDER BY seq", (kind,))
        return {row["attempt"]: json.loads(row["detail"]) for row in rows}


_UNSCHEDULED = frozenset({ProposalStatus.VOTING, ProposalStatus.APPROVED})
_CROSSING_WORDS = frozenset(state.value.lower() for state in Crossing if state.value)
_CLEARS_ARMING = frozenset({Crossing.SWITCHED, Crossing.RESUMED_OLD, Crossing.FLIPPED_BACK, Crossing.PARKED})


def _node_run(row: sqlite3.Row) -> NodeRun:
    return NodeRun(
        row["id"],
        row["generation"],
        row["halt_height"],
        row["exe_sha256"],
        row["started_at"],
        row["ended_at"],
        row["exit_code"],
    )


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
