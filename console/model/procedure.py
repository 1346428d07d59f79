"""A procedure of an operator, as it ran: typed steps, what each found, and who said so."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from console.text import UntrustedText, untrusted


class StepKind(Enum):
    """What a step is."""

    CHECK = "check"
    """Looks; changes nothing."""
    ACTION = "action"
    """Changes something; says before what it will do, and is never begun twice without a look at what is there."""
    CONFIRMATION = "confirmation"
    """Only a person can know; is answered with name and time."""
    WAIT = "wait"
    """Goes on looking until something is so."""


class Outcome(Enum):
    """How a step ended."""

    PASS = "pass"
    WARN = "warn"
    """The run goes on, and the record shows it."""
    FAIL = "fail"
    """The run stops here, and can be gone on with."""
    SKIP = "skip"
    """Left out, with a reason and by whom, or because it has nothing to do here."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a step found or did."""

    outcome: Outcome
    sentence: UntrustedText
    """One sentence with the value that it rests on."""
    evidence: tuple[UntrustedText, ...] = ()
    """What was measured, a line each, with its source: `height 1,204 (127.0.0.1:26657/status)`."""
    go_on: str = ""
    """What to do next, where it is not PASS: one sentence."""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step of a run that ended. A step that was done again has several, and the last one counts."""

    step: str
    """The step's id."""
    finding: Finding
    started_at: float
    """Unix seconds."""
    ended_at: float
    """Unix seconds."""
    by: UntrustedText
    """The person who answered, started or left it out."""


class RunState(Enum):
    """Where a run stands."""

    RUNNING = "running"
    """Somebody's process holds it now."""
    WAITING = "waiting"
    """A person is asked something."""
    STOPPED = "stopped"
    """Nobody goes on with it; it can be gone on with: a step failed, the terminal was lost, it was left."""
    DONE = "done"
    ABANDONED = "abandoned"
    """Given up by a person, with a reason."""


@dataclass(frozen=True, slots=True)
class ProcedureRun:
    """A run of a procedure as its journal holds it."""

    id: str
    """Unique on this machine, and a file name: `rolling-20261129T140312-4f2a`."""
    procedure: str
    network: str
    arguments: tuple[tuple[str, str], ...]
    """The parameters' values by name, as they were accepted."""
    items: tuple[str, ...]
    """What it goes over, in order (nodes of a roll); settled at its start."""
    dry: bool
    """Whether nothing was changed: actions only said what they would do."""
    by: UntrustedText
    """Who began it."""
    started_at: float
    """Unix seconds."""
    records: tuple[StepRecord, ...]
    """In the order of their ends."""
    begun: str
    """Id of the step that was begun and has not ended; empty for none."""
    state: RunState
    reason: str
    """Why it was given up, or where it stopped; empty otherwise."""


@dataclass(frozen=True, slots=True)
class StepLine:
    """A step as the journal names it: enough to show a run, and to decide, without its definition."""

    id: str
    kind: StepKind
    title: UntrustedText
    optional: bool
    asks: bool
    """Whether a person is asked before it is begun, or, of a confirmation, by it."""
    looks: bool
    """Whether it can tell by itself that it was done already."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A run as its rows tell it."""

    run: ProcedureRun
    """RUNNING is not known here: who holds the run is a lock's matter."""
    node: str
    """Name of the node that it is about; empty for none."""
    digest: str
    """sha256 of the definition that it goes by."""
    steps: tuple[StepLine, ...]
    remembered: dict[str, str] = field(default_factory=dict)
    failed: str = ""
    """The step that failed since somebody last went on; empty for none."""
    looked: str = ""
    """The action of which somebody just looked that it is not done; empty for none."""
    touched: frozenset[str] = frozenset()
    """Steps that were begun at least once."""
    ended_at: float | None = None
    """Unix seconds at which it was done, given up or stopped; None while none of that is written."""


def found(outcome: Outcome, sentence: str, *evidence: object, go_on: str = "") -> Finding:
    """A finding whose every text was made safe to show."""
    return Finding(outcome, untrusted(sentence, 512), tuple(untrusted(line, 512) for line in evidence), go_on)


def passed(sentence: str, *evidence: object) -> Finding:
    """It is as it should be."""
    return found(Outcome.PASS, sentence, *evidence)


def warned(sentence: str, *evidence: object, go_on: str) -> Finding:
    """Go on, and know this."""
    return found(Outcome.WARN, sentence, *evidence, go_on=go_on)


def failed(sentence: str, *evidence: object, go_on: str) -> Finding:
    """Stop here."""
    return found(Outcome.FAIL, sentence, *evidence, go_on=go_on)


def skipped(sentence: str, *evidence: object) -> Finding:
    """It has nothing to do here."""
    return found(Outcome.SKIP, sentence, *evidence)
