"""Our signatures under the newest commits, and which of them the release of now made."""

from __future__ import annotations

import pytest

from console.checks.signing import judged
from console.model import Outcome, Signed, SigningRecord

KEY = "A" * 40


def record(first: int, last: int, *absent: int) -> SigningRecord:
    marks = tuple((height, Signed.ABSENT if height in absent else Signed.BLOCK) for height in range(first, last + 1))
    return SigningRecord(marks, "rpc", "")


@pytest.mark.parametrize(
    ("found", "after", "outcome", "sentence"),
    [
        (record(71, 100), 0, Outcome.PASS, "our signature is under all of the last 30 commits"),
        (record(71, 100, 99), 0, Outcome.WARN, "1 of the last 30 commits lack our signature"),
        # What the release before signed says nothing of this one.
        (record(71, 101, 101), 100, Outcome.FAIL, "no signature of ours under the last 1 commit"),
        (record(71, 101, 90), 100, Outcome.PASS, "our signature is under all of the last 1 commit after H 100"),
        (record(71, 100), 100, Outcome.FAIL, "no commit after H 100 is known yet"),
        # An upgrade of long ago is nothing to speak of.
        (record(71, 100), 20, Outcome.PASS, "our signature is under all of the last 30 commits"),
    ],
)
def test_only_what_was_signed_after_the_upgrade_counts(
    found: SigningRecord, after: int, outcome: Outcome, sentence: str
) -> None:
    finding = judged(found, KEY, 30, after)
    assert (finding.outcome, finding.sentence) == (outcome, sentence)


def test_no_commit_at_all_is_a_failure() -> None:
    assert judged(SigningRecord((), "", "refused"), KEY, 30).outcome is Outcome.FAIL
