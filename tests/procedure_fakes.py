"""Procedures and runs for screens: a desk whose runs are in memory, or really driven where it has a folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from console.errors import InputError
from console.hand_lock import HandLock
from console.hash_chain import line_hash
from console.model import Finding, Progress, ProposalDraft, Snapshot, StepKind
from console.procedures.desk import Desk, UnreadableRun
from console.procedures.prepared import keep
from console.procedures.progress import shown
from console.procedures.run_context import Place
from console.procedures.run_journal import Reading, reading_of
from console.procedures.step import Parameter, Procedure, Step, StepContext, failed, passed
from console.settings import NetworkSettings, parse_network

NOW = 1_760_000_000.0
"""As in `tests.fakes`."""


def readings() -> tuple[Reading, ...]:
    """One that waits, one that failed, a dry run, and one that was given up, the newest first."""
    waits = [
        _row("begun", 3480, step="roll.look"),
        _ended("roll.look", 3490, "pass", "4 of 4 nodes answer", ["node1 at 1,204 (127.0.0.1:26657/status)"]),
        _ended("roll.stage", 3500, "warn", "staged, 2.1 GiB left on its disk", [], "make room before the next one"),
    ]
    failed = [
        _ended("24h.time", 600, "pass", "H is 21 h away", []),
        _row("begun", 610, step="24h.backup"),
        _ended(
            "24h.backup",
            640,
            "fail",
            "the newest copy is 9 days old",
            ["/var/backups/node1: 2025-09-30"],
            "copy it anew",
        ),
        _row("stopped", 641, reason="the newest copy is 9 days old"),
    ]
    dry = [
        _ended("roll.look", 210, "pass", "4 of 4 nodes answer", []),
        _ended("roll.stage", 211, "skip", "Would do: Stages the release.", []),
        _ended("roll.sure", 212, "skip", "Would ask: May node1 be taken down?", []),
        _ended("roll.swap", 213, "skip", "Would do: Swaps the generation of node1.", []),
        _row("done", 214),
    ]
    given_up = [_row("abandoned", 90, reason="the plan was cancelled")]
    return (
        reading([_started("rolling-20251009T081000-4f2a", "rolling", 3470, ROLL), *waits]),
        reading([_started("before-20251009T080000-77aa", "before", 590, BEFORE), *failed]),
        reading([_started("rolling-20251009T075000-0b1c", "rolling", 200, ROLL, dry=True), *dry]),
        reading([_started("before-20251009T074000-9d3e", "before", 80, BEFORE), *given_up]),
    )


def hostile_readings(text: str) -> tuple[Reading, ...]:
    """A run whose every word is this."""
    steps = tuple((f"{number}", kind, text, kind == "confirmation") for number, (_n, kind, _t, _a) in enumerate(ROLL))
    rows = [
        _started("hostile-20251009T081000-4f2a", text, 3470, steps),
        _ended("0", 3490, "fail", text, [text, text], text),
        _row("stopped", 3491, reason=text),
    ]
    return (reading([{**row, "by": text} for row in rows]),)


ROLL = (
    ("roll.look", "check", "Look at every node", False),
    ("roll.stage", "action", "Stage the release", False),
    ("roll.sure", "confirmation", "Have it confirmed", True),
    ("roll.swap", "action", "Swap node1", False),
)
BEFORE = (
    ("24h.time", "check", "Hold the time against the countdown", False),
    ("24h.backup", "check", "Verify the copy of the configuration", False),
    ("24h.people", "confirmation", "Tell the team", True),
)


def reading(rows: Sequence[dict[str, Any]]) -> Reading:
    """The run that these rows tell, through a journal's own format."""
    content, before = b"", ""
    for row in rows:
        line = json.dumps({"format": 1, "before": before, **row}).encode()
        content, before = content + line + b"\n", line_hash(line)
    found = reading_of(content, "the journal")
    return replace(found, progress=shown(found.progress))


def _row(row: str, after_s: float, **fields: object) -> dict[str, Any]:
    return {"row": row, "at": NOW - 3600 + after_s, "by": "jane", **fields}


def _ended(
    step: str, after_s: float, outcome: str, sentence: str, evidence: list[str], go_on: str = ""
) -> dict[str, Any]:
    told = {"outcome": outcome, "sentence": sentence, "evidence": evidence, "go_on": go_on}
    return _row("ended", after_s, step=step, started_at=NOW - 3600 + after_s - 4, **told)


def _started(
    run: str, procedure: str, after_s: float, steps: tuple[tuple[str, str, str, bool], ...], *, dry: bool = False
) -> dict[str, Any]:
    lines = [
        {"id": name, "kind": kind, "title": title, "optional": False, "asks": asks, "looks": kind == "action"}
        for name, kind, title, asks in steps
    ]
    told: dict[str, Any] = {"network": "testnet", "node": "node1", "arguments": [], "items": [], "dry": dry}
    return _row("started", after_s, run=run, procedure=procedure, digest="ab" * 32, steps=lines, **told)


async def _works(_context: StepContext) -> object:
    return passed("it is so")


def _steps(table: tuple[tuple[str, str, str, bool], ...]) -> tuple[Step, ...]:
    return tuple(
        Step(
            name,
            StepKind(kind),
            title,
            f"{title}, and says so.",
            None if kind == "confirmation" else _works,  # type: ignore[arg-type]
            ask="May node1 be taken down?" if asks else "",
        )
        for name, kind, title, asks in table
    )


PROCEDURES = (
    Procedure("before", "Checklist, 24 hours before", "What takes time to mend.", lambda _a, _i: _steps(BEFORE)),
    Procedure(
        "rolling",
        "Rolling upgrade",
        "Upgrades one node after the other, the smallest voting power first.",
        lambda _a, _i: _steps(ROLL),
        (Parameter("release", "name of the staged release"), Parameter("pause", "seconds between two nodes", "60")),
    ),
)


class FakeDesk(Desk):
    """A desk whose runs are given; one with a folder drives real ones.

    Args:
        folder: Where runs are kept.
        procedures: What can be run.
        runs: In memory.
        hands: Whether changes are let through.
        network: On which; None for a Cosmos chain of a test.
    """

    def __init__(
        self,
        folder: Path | None = None,
        procedures: tuple[Procedure, ...] = PROCEDURES,
        runs: tuple[Reading, ...] = (),
        hands: HandLock | None = None,
        network: NetworkSettings | None = None,
    ) -> None:
        super().__init__(_place(folder, network), procedures, hands=hands)
        self._folder = folder
        self.given = runs
        self.unreadable: tuple[UnreadableRun, ...] = ()

    def runs(self) -> tuple[tuple[Reading, ...], tuple[UnreadableRun, ...]]:
        if self._folder is None:
            return self.given, self.unreadable
        return super().runs()

    def as_of(self, until: float, hands: HandLock) -> Desk:
        return super().as_of(until, hands) if self._folder is not None else self

    async def start(self, *given: Any, **more: Any) -> Progress:
        if self._folder is None:
            raise InputError("nothing is begun here", safe="nothing was changed")
        return await super().start(*given, **more)

    async def go_on(self, *given: Any, **more: Any) -> Progress:
        if self._folder is None:
            raise InputError("nothing is begun here", safe="nothing was changed")
        return await super().go_on(*given, **more)

    def reading(self, run: str) -> Reading:
        found = next((each for each in self.given if each.progress.run.id == run), None)
        return found if found is not None else super().reading(run)


def drafting(draft: ProposalDraft) -> Procedure:
    """One check that prepares this draft, as the last line of `verify-network` does, and fails."""

    async def prepare(context: StepContext) -> Finding:
        keep(context, draft)
        return failed("70% of the power is proven", go_on="call who is missing")

    step = Step("net.95", StepKind.CHECK, "Hold the 95 % rule against it", "Prepares, and starts nothing.", prepare)
    return Procedure("verify", "Verify", "After an upgrade.", lambda _a, _i: (step,))


def _place(folder: Path | None, network: NetworkSettings | None) -> Place:
    async def read() -> Snapshot:
        raise AssertionError("nothing here reads the chain")

    table = {"kind": "cosmos", "chain_id": "test-1", "cometbft_rpc": ["http://127.0.0.1:1"], "stage": "testnet"}
    ticks, network = iter(range(1_000_000)), network or parse_network("testnet", table, None)
    return Place(network, None, folder or Path("/nowhere"), read, lambda: NOW + next(ticks))
