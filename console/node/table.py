"""The upgrade state machine as one table (DESIGN §4): what is durable before each side effect, and what follows a kill.

`Journal.change` refuses a step that is not in it, and docs/architecture.md prints it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from console.errors import NodeError
from console.model import Arming, Crossing, Preparation

MOST_WRITES = 64
"""Entries into a state in one attempt after which the operator is called: nothing goes round for ever
(facts/safety.md §3, Mender's loop breaker)."""

FLUSHED_LATER = frozenset({Crossing.QUIESCED, Crossing.SWITCHED, Crossing.STARTING})
"""States that are entered without a flush of their own. The next one makes them durable and comes before the next thing
that could not simply be done again: BACKED_UP before pre-upgrade and the switch, the run's row before its start, and
ROLLBACK before anything is restored. A kill takes nothing back; a power cut until then only what is done again."""

State = Preparation | Arming | Crossing


@dataclass(frozen=True, slots=True)
class StateRow:
    """One state."""

    state: State
    durable: str
    """What is in the journal or on disk before the side effect begins."""
    effect: str
    """What is done in this state; it may be done twice."""
    recovery: str
    """What a controller does that finds this state at its start."""
    leads_to: tuple[State, ...]


_P, _A, _C = Preparation, Arming, Crossing

TABLE: tuple[StateRow, ...] = (
    StateRow(
        _P.PLANNED,
        "the plan's parameters, frozen but for a height that is to come",
        "none; a release that the validators replaced leads here from everywhere before the switch",
        "the same attempt goes on; a plan that was withdrawn ends it",
        (_P.FETCHING, _P.VERIFIED, _P.STAGED, _P.FAILED),
    ),
    StateRow(
        _P.FETCHING,
        "the state",
        "download beside, under the promised hash",
        "what came is gone on with where the server proves that the file is the same; else it is fetched again",
        (_P.VERIFIED, _P.STAGED, _P.FAILED, _P.PLANNED),
    ),
    StateRow(
        _P.VERIFIED,
        "the verified file",
        "build the generation beside, then rename",
        "staged bytes are hashed again; missing or other bytes are fetched again",
        (_P.STAGED, _P.FETCHING, _P.FAILED, _P.PLANNED),
    ),
    StateRow(
        _P.STAGED,
        "the complete generation",
        "preflight: a WASM migration's dry run, the binary's header, `--version`, its view of the settings, space for a"
        " rollback point",
        "preflight is made again",
        (_P.READY, _P.FETCHING, _P.VERIFIED, _P.FAILED, _P.PLANNED),
    ),
    StateRow(
        _P.READY,
        "the state",
        "`signalReady`",
        "the chain is read first; said only when it is not there",
        (_P.PLANNED, _P.VERIFIED, _P.STAGED, _P.FAILED),
    ),
    StateRow(
        _P.FAILED,
        "the reason and its code",
        "`withdrawReady` where it was said, then `reportFailure`; tried again with a growing pause",
        "tried again",
        (_P.FETCHING, _P.VERIFIED, _P.STAGED, _P.READY, _P.PLANNED),
    ),
    StateRow(
        _A.WAITING_TURN,
        "`armed_for = H`, before the node is stopped",
        "stop the node, take a rollback point, start it with H",
        "the next start of the node is armed for H",
        (_A.ARMED, _A.DISARMED),
    ),
    StateRow(
        _A.ARMED,
        "the proof: environment of the process, settings under it",
        "`signalArmed` once the node answers again",
        "the running node is adopted; ended without halt evidence, the same run is started again with back-off",
        (_A.DISARMED, _A.WAITING_TURN),
    ),
    StateRow(
        _A.DISARMED,
        "`armed_for = 0`, in the same transaction",
        "stop the node, start it without H",
        "the next start of the node is not armed",
        (_A.WAITING_TURN, _A.ARMED),
    ),
    StateRow(
        _C.NONE,
        "-",
        "none",
        "the running node is adopted, or started as the journal says",
        (_C.HALTED, _C.RESUMED_OLD, _C.MISSED_HALT, _C.WAITING_FOR_QUORUM, _C.NEEDS_OPERATOR),
    ),
    StateRow(
        _C.HALTED,
        "the judgement with its evidence",
        "learn the verdict, from other endpoints too; stop a node that lives on at its halt",
        "evidence is there; waits at H-1 until release and verdict are known",
        (_C.QUIESCED, _C.RESUMED_OLD, _C.NEEDS_OPERATOR),
    ),
    StateRow(
        _C.QUIESCED,
        "nothing of the node lives, its lock is free",
        "take the rollback point: `.partial`, fsync, manifest, rename",
        "a partial point is dropped and taken again, a complete one is kept",
        (_C.BACKED_UP, _C.HALTED, _C.RESUMED_OLD, _C.NEEDS_OPERATOR),
    ),
    StateRow(
        _C.BACKED_UP,
        "the complete rollback point, or the operator's word for none",
        "the new binary's pre-upgrade, then flip `current` (atomic, repeatable)",
        "both again; a pre-upgrade that fails leaves the old binary in place",
        (_C.SWITCHED, _C.HALTED, _C.PARKED, _C.RESUMED_OLD, _C.NEEDS_OPERATOR),
    ),
    StateRow(
        _C.SWITCHED,
        "`armed_for = 0`, in the same transaction",
        "none",
        "the next try; none left: by zone",
        (_C.STARTING, _C.ROLLBACK, _C.NEEDS_OPERATOR),
    ),
    StateRow(
        _C.STARTING,
        "tries left - 1, then the run's row",
        "start the new binary under a shim",
        "a start that was interrupted is a spent try",
        (_C.SWITCHED, _C.WAITING_FOR_QUORUM, _C.ROLLBACK, _C.NEEDS_OPERATOR),
    ),
    StateRow(
        _C.WAITING_FOR_QUORUM,
        "H was executed by the new binary",
        "none: the clock of its health stands",
        "the node's RPC is read again; a node that was being restarted is started",
        (_C.PROBATION, _C.SWITCHED, _C.ROLLBACK, _C.NEEDS_OPERATOR),
    ),
    StateRow(
        _C.PROBATION,
        "a verified commit for H+1: beyond return",
        "none",
        "as before; there is no way back",
        (_C.COMMITTED, _C.SWITCHED, _C.NEEDS_OPERATOR),
    ),
    StateRow(
        _C.COMMITTED,
        "a verified commit with our signature, the app hash that all endpoints agree on",
        "`confirmCrossed`",
        "the chain is read first; said only when it is not there",
        (),
    ),
    StateRow(
        _C.RESUMED_OLD,
        "`armed_for = 0`, in the same transaction",
        "start the old binary, halt cleared",
        "started as any node is",
        (),
    ),
    StateRow(
        _C.ROLLBACK,
        "the reason, and the zone that allows it",
        "stop the node, restore the rollback point with the live signer state",
        "stopped and restored again; the point itself is never moved",
        (_C.RESTORED, _C.NEEDS_OPERATOR),
    ),
    StateRow(
        _C.RESTORED,
        "the application stands at H-1",
        "flip `current` back",
        "flipped again",
        (_C.FLIPPED_BACK, _C.NEEDS_OPERATOR),
    ),
    StateRow(
        _C.FLIPPED_BACK,
        "`armed_for = 0`, in the same transaction",
        "none",
        "parked; the network aborted: the old binary goes on",
        (_C.PARKED, _C.RESUMED_OLD),
    ),
    StateRow(
        _C.PARKED,
        "the reason",
        "none: the node is down and the operator is called",
        "stays; another verified release for the same H, or the network's abort, leads on",
        (_C.QUIESCED, _C.RESUMED_OLD, _C.NEEDS_OPERATOR),
    ),
    StateRow(
        _C.MISSED_HALT,
        "that H ran under old rules",
        "stop the node, which would go on alone",
        "stays; `node resync` leads back to before H",
        (_C.NONE,),
    ),
    StateRow(
        _C.NEEDS_OPERATOR,
        "the reason; everything is kept as it is",
        "none",
        "stays; the operator starts it again, rolls back where the zone allows it, or chooses another release",
        (_C.SWITCHED, _C.QUIESCED, _C.ROLLBACK, _C.RESUMED_OLD),
    ),
)

_ROWS: dict[State, StateRow] = {row.state: row for row in TABLE}


def may_follow(before: State, after: State) -> bool:
    """Whether the table lets `after` follow `before`."""
    return before is after or after in _ROWS[before].leads_to


class IllegalStep(NodeError):
    """A change of state that no row of the table allows; nothing was changed."""


def refuse_illegal(before: State, after: State) -> None:
    """Raise IllegalStep when no row leads from `before` to `after`."""
    if not may_follow(before, after):
        raise IllegalStep(
            f"no rule leads from {_word(before)} to {_word(after)}",
            safe="nothing was changed",
            next_step="report this as a defect of upgrade-console",
        )


def row(state: State) -> StateRow:
    """The row of a state."""
    return _ROWS[state]


def fault_points() -> Iterator[str]:
    """Names of the points around each entry into a state (`console.node.faults`)."""
    for entry in TABLE:
        if entry.state.value:
            word = entry.state.value.lower()
            yield f"before-{word}"
            yield f"after-{word}"


def markdown() -> str:
    """The table as the documentation prints it."""
    lines = [
        "| state | durable before | side effect | found again after a kill | leads to |",
        "|---|---|---|---|---|",
    ]
    for entry in TABLE:
        following = ", ".join(_word(state) for state in entry.leads_to) or "-"
        cells = (_word(entry.state), entry.durable, entry.effect, entry.recovery, following)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _word(state: State) -> str:
    return state.value or "(no crossing)"
