"""The rules of x/gov in exact whole numbers, and what is told of them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.model import Ballot, Coin, Tally, VoteRules
from console.model.ballot import ONE_E18, rule_words, share_words
from console.text import UntrustedText
from tests.cosmos_fakes import ballot

TOKENS = st.integers(0, 10**30)
SHARES = st.integers(1, ONE_E18)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.builds(Tally, TOKENS, TOKENS, TOKENS, TOKENS), st.builds(VoteRules, SHARES, SHARES, SHARES), TOKENS)
def test_it_passes_by_the_rule_of_the_sdk(tally: Tally, rules: VoteRules, silent: int) -> None:
    """Turnout ≥ quorum, veto / all ≤ veto threshold, yes / (all − abstain) > threshold (facts/cosmos.md §4.2)."""
    made = Ballot(rules=rules, tally=tally, bonded=tally.turnout + silent)
    one = ONE_E18
    votes = tally.turnout
    expected = (
        made.bonded > 0
        and votes * one >= rules.quorum * made.bonded
        and (votes == 0 or Fraction(tally.veto, votes) <= Fraction(rules.veto, one))
        and votes > tally.abstain
        and Fraction(tally.yes, votes - tally.abstain) > Fraction(rules.threshold, one)
    )
    assert made.passes == expected
    assert bool(made.reason) != made.passes
    if made.bonded:
        assert made.has_quorum == (votes >= made.quorum_needed)


@pytest.mark.parametrize(
    ("tally", "words"),
    [
        (Tally(1), "0.0% voted, quorum is 33.4%"),
        (Tally(10**13, 0, 0, 10**13), "50.0% veto, more than 33.4% ends it"),
        (Tally(10**13, 0, 10**13), "yes 50.0% of those that do not abstain, more than 50% is needed"),
        (Tally(2 * 10**13, 0, 10**13), ""),
    ],
)
def test_why_it_would_fail(tally: Tally, words: str) -> None:
    assert ballot(tally).reason == words


def test_unknown_rules_claim_nothing() -> None:
    assert not ballot(rules=VoteRules()).passes
    assert ballot(bonded=0).reason == "what the vote needs is not known"


def test_what_is_missing_of_the_deposit() -> None:
    stake, other = UntrustedText("stake"), UntrustedText("other")
    made = ballot(deposit=(Coin(stake, 4),), min_deposit=(Coin(stake, 10), Coin(other, 1)))
    assert made.deposit_missing() == (Coin(stake, 6), Coin(other, 1))


@pytest.mark.parametrize(
    ("part", "whole", "words"), [(2, 3, "66.6%"), (0, 0, "—"), (1, 1, "100.0%"), (1, 10**9, "0.0%")]
)
def test_shares_never_read_as_more_than_they_are(part: int, whole: int, words: str) -> None:
    assert share_words(part, whole) == words


@pytest.mark.parametrize(
    ("share", "words"), [(334 * 10**15, "33.4%"), (5 * 10**17, "50%"), (ONE_E18 // 3, "33.3333…%"), (ONE_E18, "100%")]
)
def test_rules_are_exact(share: int, words: str) -> None:
    assert rule_words(share) == words
