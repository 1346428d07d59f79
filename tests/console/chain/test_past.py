"""When a block was decided, by the clocks of those who decided it."""

from __future__ import annotations

import pytest

from console.chain.cometbft import BlockId, Commit, CommitSignature, ConsensusValidator, ValidatorSet
from console.chain.past import decided_at

POWERS = (10, 10, 10, 10)


def decided(*votes: tuple[int, int], powers: tuple[int, ...] = POWERS) -> float | None:
    """From (flag, seconds) of each validator."""
    members = [ConsensusValidator(f"{index:040X}", "", b"", power) for index, power in enumerate(powers)]
    signatures = [
        CommitSignature(flag, f"{index:040X}" if flag != 1 else "", seconds * 1_000_000_000, b"")
        for index, (flag, seconds) in enumerate(votes)
    ]
    commit = Commit(7, 0, BlockId(b"", 0, b""), tuple(signatures))
    return decided_at(commit, ValidatorSet(7, tuple(members)))


def test_it_is_when_more_than_two_thirds_had_signed() -> None:
    assert decided((2, 100), (2, 102), (2, 101), (2, 190)) == pytest.approx(102)
    assert decided((2, 100), (2, 101), powers=(67, 33)) == pytest.approx(100)
    assert decided((2, 100), (2, 101), powers=(2, 1)) == pytest.approx(101)


def test_votes_for_nothing_and_absent_ones_decide_nothing() -> None:
    assert decided((2, 100), (2, 101), (3, 90), (1, 0)) is None
    assert decided((2, 100), (2, 101), (3, 90), (2, 105)) == pytest.approx(105)


def test_a_stranger_signs_for_nobody() -> None:
    assert decided((2, 1), (2, 2), (2, 3), powers=(10, 10)) == pytest.approx(2)
    assert decided((1, 0), (1, 0), (2, 3), powers=(10, 10)) is None
