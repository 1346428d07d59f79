"""What an end of the node means, and what follows: one pure function (DESIGN §4, strategy document §2.1.2)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from console.model import Attempt, Crossing, PlanOrigin, Verdict
from console.node.chain_halt import missing_upgrade, too_early
from console.node.cosmovisor.names import same_name
from console.node.evidence import HaltEvidence, halt_evidence, wrong_app_hash


class ExitMeaning(StrEnum):
    """What the controller does next."""

    HALTED = "halted for the upgrade"
    MISSED_HALT = "executed H under old rules"
    FAILED_TRY = "the new binary failed"
    NEXT_HALT = "came to the halt of the next upgrade"
    TOO_EARLY = "the new binary came before its upgrade"
    SAME_RUN_AGAIN = "armed and ended without halt evidence"
    CRASHED = "crashed"
    STAYS_DOWN = "ended and stays down"
    ASKED = "was stopped"


@dataclass(frozen=True, slots=True)
class RunEnd:
    """The end of one run."""

    exe_sha256: str
    """Of the binary that ran."""
    halt_height: int
    exit_code: int | None
    asked: bool
    log: bytes
    app_height: int | None
    companion: str = ""
    """The service beside the app that ended first, so that the app was ended too; empty for the app itself."""
    companion_code: int | None = None
    """Its exit code."""
    chain_halt: bool = False
    """Whether it ended at the attempt's halt, on a chain that stops its nodes by itself."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the end means and why."""

    meaning: ExitMeaning
    why: str


_NEW_RUNS = frozenset({Crossing.SWITCHED, Crossing.STARTING, Crossing.WAITING_FOR_QUORUM, Crossing.PROBATION})
"""Where the attempt is when the new binary ends."""


def judge(end: RunEnd, attempt: Attempt | None, *, restart_on_error: bool) -> Judgement:
    """Judge the end of a run.

    Exit code 2 alone is no halt; 0 stays down; 1 (and 2 without evidence) as the setting says; anything else is a
    crash, and so is the end of a service beside the app. A run that was armed is started again as it was.

    Args:
        end: What is known of the run.
        attempt: The open attempt, None when there is none.
        restart_on_error: The node's setting for exit code 1.
    """
    if attempt is not None:
        judgement = _within_attempt(end, attempt, _evidence(end, attempt))
        if judgement is not None:
            return judgement
    if end.asked:
        return Judgement(ExitMeaning.ASKED, "it was asked to stop")
    if end.halt_height:
        return Judgement(ExitMeaning.SAME_RUN_AGAIN, f"exit code {end.exit_code} without halt evidence")
    if (name := missing_upgrade(end.log)) is not None:
        return Judgement(ExitMeaning.STAYS_DOWN, f"exit code {end.exit_code}: {_forward_words(str(name))}")
    if end.companion and end.exit_code == 0:
        # The app's own code says only that it was told to go. CometBFT ends with 0 when it loses the app for a moment.
        what = f"{end.companion} ended with exit code {end.companion_code}"
        return Judgement(ExitMeaning.CRASHED, f"{what}, and the rest of the node was stopped")
    if end.exit_code == 0 or (end.exit_code in {1, 2} and not restart_on_error):
        return Judgement(ExitMeaning.STAYS_DOWN, f"exit code {end.exit_code}")
    return Judgement(ExitMeaning.CRASHED, f"exit code {end.exit_code}")


def _evidence(end: RunEnd, attempt: Attempt) -> HaltEvidence:
    return halt_evidence(
        attempt,
        run_halt_height=end.halt_height,
        exit_code=end.exit_code,
        log=end.log,
        app_height=end.app_height,
    )


def _within_attempt(end: RunEnd, attempt: Attempt, evidence: HaltEvidence) -> Judgement | None:
    on_new = end.exe_sha256 == attempt.generation_hash
    # SWITCHED and HALTED are what the judgement itself leads to: after a kill it is made again.
    if attempt.crossing in _NEW_RUNS and on_new:
        if not end.asked and attempt.origin is PlanOrigin.CHAIN and too_early(end.log, str(attempt.name)):
            return Judgement(ExitMeaning.TOO_EARLY, too_early_words(attempt))
        if not end.asked and end.halt_height > attempt.target_height:
            ahead = _evidence(end, replace(attempt, target_height=end.halt_height))
            if ahead.halted:
                return Judgement(ExitMeaning.NEXT_HALT, f"before height {end.halt_height}: {ahead.words()}")
        return None if end.asked else Judgement(ExitMeaning.FAILED_TRY, f"exit code {end.exit_code}")
    if attempt.crossing not in {Crossing.NONE, Crossing.HALTED}:
        return None
    if attempt.crossing is Crossing.NONE and not on_new and missed_halt(attempt, end.app_height):
        why = "the network's app hash differs from ours" if wrong_app_hash(end.log) else "it was not armed"
        return Judgement(ExitMeaning.MISSED_HALT, f"height {attempt.target_height} ran under old rules: {why}")
    if not end.asked and evidence.halted:
        return Judgement(ExitMeaning.HALTED, evidence.words())
    if attempt.origin is PlanOrigin.CHAIN and end.chain_halt and not on_new:
        return Judgement(
            ExitMeaning.HALTED, f"the chain stopped it for {attempt.name} before height {attempt.target_height}"
        )
    if attempt.origin is PlanOrigin.CHAIN and not end.asked and not on_new:
        name = missing_upgrade(end.log)
        if name is not None and same_name(str(name), str(attempt.name)):
            return Judgement(ExitMeaning.HALTED, f"the chain has passed {attempt.name}, which the old binary lacks")
    return None


def too_early_words(attempt: Attempt) -> str:
    """What an operator is told when the new binary refused to run (facts/cosmos.md §4.3)."""
    return (
        f"the new binary says BINARY UPDATED BEFORE TRIGGER: the chain has not come to {attempt.name}, "
        "and the old binary is the right one"
    )


def _forward_words(name: str) -> str:
    return (
        f"the chain has passed the upgrade {name}, which this binary does not have; "
        f"go forward with `upgrade-console node swap {name}`"
    )


def missed_halt(attempt: Attempt, app_height: int | None) -> bool:
    """Whether an old binary that stands at `app_height` has executed H although the network crossed."""
    return (
        attempt.breaking
        and attempt.origin is PlanOrigin.REGISTRY
        and attempt.has_height
        and attempt.verdict is Verdict.CROSS
        and app_height is not None
        and app_height >= attempt.target_height
    )
