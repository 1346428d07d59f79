"""The application's `pre-upgrade` and the operator's own script, before the switch (facts/cosmos.md §1.5).

The new binary is run by its full path while `current` still points at the old one, so that a failure leaves nothing
to undo. Codes that the convention does not know are failures; code 31 is tried again with a growing pause.
"""

from __future__ import annotations

import asyncio
import os
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from console.node import shim as shim_program
from console.node.cosmovisor.command import Ending, run_bounded
from console.text import UntrustedText, untrusted

NOT_IMPLEMENTED_CODE = 1
FAILED_CODE = 30
RETRY_CODE = 31

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0


class Outcome(StrEnum):
    """How the step ended."""

    DONE = "done"
    NOT_IMPLEMENTED = "not implemented"
    FAILED = "failed"
    RETRIES_USED_UP = "retries used up"
    UNKNOWN_CODE = "unknown code"
    TOO_LATE = "deadline passed"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class PreUpgradeResult:
    """What came of `pre-upgrade` or of the script."""

    outcome: Outcome
    tries: int
    seconds: float
    """All tries and pauses together."""
    code: int | None
    """Exit code of the last try; negative is minus the signal; None when there is none."""
    last_lines: tuple[UntrustedText, ...]
    """Of the last try's output."""
    reason: str = ""
    """Why it was not run."""

    @property
    def go_on(self) -> bool:
        """Whether the upgrade may go on."""
        return self.outcome in (Outcome.DONE, Outcome.NOT_IMPLEMENTED)

    def words(self, what: str = "pre-upgrade") -> str:
        """One sentence for the journal and the operator."""
        tries = f" after {self.tries} tries" if self.tries > 1 else ""
        match self.outcome:
            case Outcome.DONE:
                return f"{what} succeeded{tries} in {self.seconds:.1f} s"
            case Outcome.NOT_IMPLEMENTED:
                return f"the new binary has no {what} (code 1), which is allowed"
            case Outcome.FAILED:
                return f"{what} failed{tries} (code {self.code})"
            case Outcome.RETRIES_USED_UP:
                return f"{what} asked to be tried again (code 31) until its {self.tries} tries were used up"
            case Outcome.UNKNOWN_CODE if self.code is not None and self.code < 0:
                return f"{what} was ended by signal {-self.code}{tries}"
            case Outcome.UNKNOWN_CODE:
                return f"{what} ended with code {self.code}{tries}, which means nothing and counts as a failure"
            case Outcome.TOO_LATE:
                return f"{what} did not end before its deadline and was killed{tries}"
            case Outcome.NOT_RUN:
                return f"{what} was not run: {self.reason}"


async def run_pre_upgrade(
    binary: Path,
    sha256: str,
    *,
    folder: Path,
    environment: Mapping[str, str],
    deadline_s: float,
    max_retries: int = 0,
    first_pause_s: float = FIRST_PAUSE_S,
    ahead: shim_program.Ahead | None = None,
) -> PreUpgradeResult:
    """Run `<new binary> pre-upgrade`, its bytes verified by descriptor before each try. Safe to cancel.

    Args:
        binary: Full path of the new binary.
        sha256: 64 hex digits that it must have.
        folder: Working folder: `<home>/cosmovisor`, as Cosmovisor has it.
        environment: Its whole environment.
        deadline_s: Seconds for each try.
        max_retries: More tries after the first (DAEMON_PREUPGRADE_MAX_RETRIES).
        first_pause_s: Seconds before the second try; doubles, at most 30.
        ahead: What was hashed before it was needed.
    """
    started = time.monotonic()
    pause = first_pause_s
    tries = 0
    while True:
        tries += 1
        try:
            ending = await _tried(binary, sha256, folder, environment, deadline_s, {} if ahead is None else ahead)
        except OSError as error:
            reason = f"{error.strerror or error}"
            return PreUpgradeResult(Outcome.NOT_RUN, tries, time.monotonic() - started, None, (), reason)
        outcome = _outcome(ending.code)
        if outcome is not Outcome.RETRIES_USED_UP or tries > max_retries:
            seconds = time.monotonic() - started
            return PreUpgradeResult(outcome, tries, seconds, ending.code, ending.last_lines)
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_S)


async def run_custom_script(
    script: Path, *, home: Path, name: str, height: int, environment: Mapping[str, str], deadline_s: float
) -> PreUpgradeResult:
    """Run the operator's script with the plan's name and height; anything but code 0 is a failure. Safe to cancel.

    Args:
        script: Below `<home>/cosmovisor` (COSMOVISOR_CUSTOM_PREUPGRADE).
        home: The node's home, its working folder.
        name: Of the plan, as `plan_name` gives it.
        height: H.
        environment: Its whole environment.
        deadline_s: Seconds until its whole group is killed.
    """
    try:
        reason = _made_executable(script)
        if reason:
            return PreUpgradeResult(Outcome.NOT_RUN, 0, 0.0, None, (), reason)
        ending = await run_bounded(
            [str(script), name, str(height)], folder=home, environment=environment, deadline_s=deadline_s
        )
    except (OSError, ValueError) as error:
        # A ValueError is a NUL in the plan's name.
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return PreUpgradeResult(Outcome.NOT_RUN, 0, 0.0, None, (), f"{script}: {untrusted(why)}")
    outcome = {None: Outcome.TOO_LATE, 0: Outcome.DONE}.get(ending.code, Outcome.FAILED)
    return PreUpgradeResult(outcome, 1, ending.seconds, ending.code, ending.last_lines)


async def _tried(
    binary: Path,
    sha256: str,
    folder: Path,
    environment: Mapping[str, str],
    deadline_s: float,
    ahead: shim_program.Ahead,
) -> Ending:
    kept = shim_program.kept_descriptor(ahead, str(binary), sha256)
    descriptor = await _verified(binary, sha256) if kept < 0 else os.dup(kept)
    try:
        by_descriptor = f"/proc/self/fd/{descriptor}"
        return await run_bounded(
            [str(binary), "pre-upgrade"],
            folder=folder,
            environment=environment,
            deadline_s=deadline_s,
            executable=by_descriptor if os.path.exists(by_descriptor) else str(binary),
            descriptors=(descriptor,),
        )
    finally:
        os.close(descriptor)


async def _verified(binary: Path, sha256: str) -> int:
    """A descriptor of exactly those bytes. Raises OSError."""
    opening = asyncio.ensure_future(asyncio.to_thread(shim_program.verified_descriptor, str(binary), sha256))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        # The thread goes on hashing; what it opens is nobody's any more.
        opening.add_done_callback(_close_opened)
        raise


def _close_opened(opening: asyncio.Future[int]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        os.close(opening.result())


def _outcome(code: int | None) -> Outcome:
    known = {
        None: Outcome.TOO_LATE,
        0: Outcome.DONE,
        NOT_IMPLEMENTED_CODE: Outcome.NOT_IMPLEMENTED,
        FAILED_CODE: Outcome.FAILED,
        RETRY_CODE: Outcome.RETRIES_USED_UP,
    }
    return known.get(code, Outcome.UNKNOWN_CODE)


def _made_executable(script: Path) -> str:
    """Give the script its owner's execute bit, as Cosmovisor does; returns why it must not be run, if so."""
    found = script.stat()
    if not stat.S_ISREG(found.st_mode):
        return f"{script} is no regular file"
    if found.st_mode & stat.S_IWOTH:
        return f"anybody on this machine may write to {script}"
    if not found.st_mode & stat.S_IXUSR:
        script.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXUSR)
    return ""
