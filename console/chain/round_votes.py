"""The votes on the height that is being decided: `consensus_state` or `dump_consensus_state` (facts/cosmos.md §5)."""

from __future__ import annotations

import re

from console.chain.fields import INT64_MAX, exact_text, integer, items, table
from console.errors import BadAnswer
from console.model import RoundVotes
from console.model.crossing import VOTER_DIGITS

SMALL, LARGE = "consensus_state", "dump_consensus_state"
"""The methods: the small answer is not everywhere."""

_MOST_ROUNDS = 1_000
_MOST_VOTES = 1_000
_ROUND_MAX = (1 << 31) - 1
_VOTE = re.compile(r"Vote\{[0-9]{1,5}:([0-9A-F]{12}) ")
_NO_VOTE = "nil-Vote"


def parse_round_votes(value: object) -> RoundVotes:
    """Read who has voted on the height that is being decided, in whatever round.

    Raises:
        BadAnswer: It is not there, or not as it should be.
    """
    state = table(table(value, SMALL).get("round_state"), "round_state")
    together = state.get("height/round/step")
    if together is None:
        height, round_, rounds = state.get("height"), state.get("round"), state.get("votes")
    else:
        parts = exact_text(together, "height/round/step", most=64).split("/")
        if len(parts) != 3:
            raise BadAnswer("height/round/step of a round state is not three numbers")
        height, round_, rounds = parts[0], parts[1], state.get("height_vote_set")
    present_round = integer(round_, "round_state.round", high=_ROUND_MAX)
    prevoted: set[str] = set()
    precommitted: set[str] = set()
    present: set[str] = set()
    for entry in items(rounds, "votes of a round state", most=_MOST_ROUNDS):
        votes = table(entry, "votes of a round")
        here, decided = _voters(votes.get("prevotes")), _voters(votes.get("precommits"))
        prevoted |= here
        precommitted |= decided
        if integer(votes.get("round"), "round of votes", high=_ROUND_MAX) == present_round:
            present = decided or here
    return RoundVotes(
        height=integer(height, "round_state.height", low=1, high=INT64_MAX),
        round=present_round,
        prevoted=tuple(sorted(prevoted)),
        precommitted=tuple(sorted(precommitted)),
        present=tuple(sorted(present)),
    )


def _voters(value: object) -> set[str]:
    found: set[str] = set()
    for entry in items(value, "votes", most=_MOST_VOTES):
        vote = exact_text(entry, "a vote", most=1024)
        if vote == _NO_VOTE:
            continue
        match = _VOTE.match(vote)
        if match is None:
            raise BadAnswer("a vote of a round state does not name its validator")
        found.add(match.group(1)[:VOTER_DIGITS])
    return found
