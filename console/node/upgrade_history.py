"""What one node's journal tells of its upgrades, for those who look back; for reading only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from console.model import Attempt, Crossing
from console.node.journal import Journal

CONFIG_METHODS = frozenset({"config_set", "config_unset"})
"""What an operator asks of the controller to change its settings."""

_MOST_ATTEMPTS = 1000
_ENDS = frozenset({"committed", "resumed_old", "disarmed", "parked", "missed_halt", "needs_operator"})


@dataclass(frozen=True, slots=True)
class NodeUpgrade:
    """One node's way through one plan, with its times. Times are Unix seconds, None for what did not happen."""

    node: str
    attempt: Attempt
    halted_at: float | None = None
    """When its halt was seen."""
    started_new_at: float | None = None
    """When the run began that came through on the new release."""
    committed_at: float | None = None
    operator_commands: tuple[str, ...] = ()
    """What the operator had it do, between the plan and its end."""
    config_edits: int = 0
    """Settings that the operator changed in that time."""
    forced: int = 0
    """Commands among them that overrode a refusal."""
    rollbacks: int = 0
    rollbacks_done: int = 0
    """Rollbacks that led back to the old binary."""

    @property
    def committed(self) -> bool:
        """Whether it came through on the new release."""
        return self.attempt.crossing is Crossing.COMMITTED

    @property
    def automatic(self) -> bool:
        """Whether it came through and nobody had to do anything."""
        return self.committed and not self.operator_commands and not self.config_edits


def node_upgrades(state_dir: Path, name: str) -> tuple[NodeUpgrade, ...]:
    """Every upgrade in a node's journal, oldest first; none when there is no journal.

    Args:
        state_dir: The controller's folder.
        name: The node's name.

    Raises:
        JournalError: The journal is damaged, unreadable or from a newer version.
    """
    path = state_dir / "journal.db"
    if not path.is_file():
        return ()
    journal = Journal(path, read_only=True)
    try:
        rows = journal.rows("SELECT at, attempt, kind, detail FROM event ORDER BY seq")
        try:
            events = [_Event(row["at"], row["attempt"], str(row["kind"]), json.loads(row["detail"])) for row in rows]
        except ValueError as error:
            raise journal.unreadable(error) from error
        return tuple(_upgrade(name, attempt, events) for attempt in reversed(journal.attempts(_MOST_ATTEMPTS)))
    finally:
        journal.close()


@dataclass(frozen=True, slots=True)
class _Event:
    at: float
    attempt: int | None
    kind: str
    detail: dict[str, object]

    @property
    def words(self) -> frozenset[str]:
        """What changed: several states may be entered in one event."""
        return frozenset(self.kind.split("+"))


def _upgrade(name: str, attempt: Attempt, events: Sequence[_Event]) -> NodeUpgrade:
    mine = [index for index, event in enumerate(events) if event.attempt == attempt.id]
    if not mine:
        return NodeUpgrade(name, attempt)
    # What comes after the end is of the next upgrade, or of none; an end that was led on from was none.
    ends = [index for index in mine if events[index].words & _ENDS]
    span = events[mine[0] : (ends[-1] if ends else mine[-1]) + 1]
    own = [event for event in span if event.attempt == attempt.id]
    asked = [event for event in span if event.kind == "asked"]
    committed_at = _first(own, "committed")
    runs = [
        event.at
        for event in span
        if event.kind == "run" and event.detail.get("generation") == attempt.generation
        if event.detail.get("halt_height") != attempt.target_height
    ]
    return NodeUpgrade(
        node=name,
        attempt=attempt,
        halted_at=_first(own, "halted"),
        started_new_at=runs[-1] if runs and committed_at is not None else None,
        committed_at=committed_at,
        operator_commands=tuple(
            event.kind.removeprefix("operator-") for event in span if event.kind.startswith("operator-")
        ),
        config_edits=sum(event.detail.get("method") in CONFIG_METHODS for event in asked),
        forced=sum(_parameters(event).get("force") is True for event in asked),
        rollbacks=sum("rollback" in event.words for event in own),
        rollbacks_done=sum("flipped_back" in event.words for event in own),
    )


def _first(events: Sequence[_Event], word: str) -> float | None:
    return next((event.at for event in events if word in event.words), None)


def _parameters(event: _Event) -> dict[str, object]:
    found = event.detail.get("parameters")
    return found if isinstance(found, dict) else {}
