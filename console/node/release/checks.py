"""What is asked of a release before it may be staged: one list, with an exit code for each that fails."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any


class Outcome(StrEnum):
    """How a check ended; the value is the word for it."""

    PASSED = "passed"
    WARNING = "warning"
    """Something that the operator should know; it stops nothing."""
    FAILED = "FAILED"
    """The release may not be staged."""
    NOT_ASKED = "not asked"
    """The network's settings or the keyring do not ask for it, or nothing is known to hold it against."""
    UNREAD = "not read"
    """Nobody vouches for the manifest's bytes, so nothing in it was looked at."""


class Subject(Enum):
    """What a check is about, in the order in which checks are shown."""

    HASH = ("hash", 10, "The manifest has another sha256 than the chain's plan names.")
    VOUCHED = ("vouched for", 11, "Neither the chain's hash nor enough signatures vouch for the manifest's bytes.")
    MANIFEST = ("manifest", 12, "The manifest is not one: broken, ambiguous, or of a newer format.")
    CHAIN = ("chain", 13, "The release is for another chain or project.")
    SEQUENCE = (
        "sequence",
        14,
        "A later release was trusted on this machine already: there is no way back to this one.",
    )
    KEYRING = ("keyring", 15, "No keyring is pinned, or the release was signed under a later one than is pinned.")
    DEVELOPERS = ("developers", 16, "Too few distinct developers' keys signed these bytes.")
    BUILDERS = ("builders", 17, "Too few distinct builders built the same bytes.")
    AUDITORS = ("auditors", 18, "Too few distinct auditors signed, which a WASM migration needs.")
    HEIGHT = ("height", 19, "The plan's height is outside of the manifest's range.")
    RULES = ("rules", 24, "The plan lets nodes go on with the old binary, and its makers say that they must not.")
    PLATFORM = ("platform", 20, "It has nothing for this machine, or lacks a program that the node runs.")
    MIGRATION = ("migration", 21, "The migration's bytes are missing, other ones, or fail their dry run.")
    VOTED = ("as voted", 25, "The plan names another migration than the manifest has: what was voted on is not this.")
    SANDBOX = ("sandbox", 22, "The sandbox let one of its known attacks through on this machine.")
    ARTEFACT = ("artefact", 23, "A file that was given is not the binary that the manifest describes.")
    EXPIRY = ("not after", 0, "Its makers' date has passed: a warning, which stops nothing.")

    def __init__(self, label: str, exit_code: int, failure: str) -> None:
        self.label = label
        self.exit_code = exit_code
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Check:
    """One question and its answer."""

    subject: Subject
    outcome: Outcome
    sentence: str
    """What was found, without a full stop; safe to show."""
    who: tuple[str, ...] = ()
    """Whose keys speak for it, as the keyring names them."""

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "check": self.subject.label,
            "outcome": self.outcome.value.lower(),
            "sentence": self.sentence,
            "who": list(self.who),
        }


def passed(subject: Subject, sentence: str, *who: str) -> Check:
    """A check that passed."""
    return Check(subject, Outcome.PASSED, sentence, who)


def warned(subject: Subject, sentence: str, *who: str) -> Check:
    """A check with something to know."""
    return Check(subject, Outcome.WARNING, sentence, who)


def failed(subject: Subject, sentence: str, *who: str) -> Check:
    """A check that forbids staging."""
    return Check(subject, Outcome.FAILED, sentence, who)


def exit_codes_markdown() -> str:
    """The exit codes of `release verify`, for the documentation."""
    lines = [
        "| exit code | check | it means |",
        "|---|---|---|",
        "| 0 | - | It may be staged; warnings are shown. |",
        "| 1 | - | It could not be looked at: a file is missing, or settings are not acceptable. |",
        "| 2 | - | Usage. |",
    ]
    lines += [f"| {each.exit_code} | {each.label} | {each.failure} |" for each in Subject if each.exit_code]
    return "\n".join(lines) + "\n"
