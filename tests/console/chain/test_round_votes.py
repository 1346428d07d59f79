"""Votes on the height that is being decided, in both of CometBFT's shapes; whatever else is refused."""

from __future__ import annotations

import pytest

from console.chain.round_votes import parse_round_votes
from console.errors import BadAnswer
from console.model import RoundVotes

VOTE = (
    "Vote{0:000001E443FD 1262198/00/SIGNED_MSG_TYPE_PREVOTE(Prevote) 634ADAF1F402 7BB974E1BA40 000000000000 @ "
    "2026-08-01T11:52:35.513572509Z}"
)
OTHER = "Vote{3:0A0B0C0D0E0F 1262198/01/SIGNED_MSG_TYPE_PRECOMMIT(Precommit) 000000000000 7BB974E1BA40 @ x}"
ROUNDS = [
    {"round": 0, "prevotes": [VOTE, "nil-Vote"], "precommits": ["nil-Vote", "nil-Vote"]},
    {"round": 1, "prevotes": ["nil-Vote", "nil-Vote"], "precommits": ["nil-Vote", OTHER]},
]


@pytest.mark.parametrize(
    "state",
    [
        {"height/round/step": "1262198/1/4", "height_vote_set": ROUNDS},
        {"height": "1262198", "round": 1, "step": 4, "votes": ROUNDS},
    ],
)
def test_both_shapes_tell_the_voters_of_every_round(state: dict[str, object]) -> None:
    found = parse_round_votes({"round_state": state})
    assert found == RoundVotes(1_262_198, 1, ("000001E443FD",), ("0A0B0C0D0E0F",), ("0A0B0C0D0E0F",))


def test_present_is_who_votes_in_the_present_round() -> None:
    def present(round_: int, step: int) -> tuple[str, ...]:
        state = {"height": "1262198", "round": round_, "step": step, "votes": ROUNDS}
        return parse_round_votes({"round_state": state}).present

    assert present(0, 4) == ("000001E443FD",), "nobody has precommitted: who prevoted"
    assert present(1, 6) == ("0A0B0C0D0E0F",)
    assert present(2, 1) == (), "of rounds before nobody is there for sure"


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"round_state": {}},
        {"round_state": {"height/round/step": "1/2"}},
        {"round_state": {"height/round/step": "x/2/3", "height_vote_set": []}},
        {"round_state": {"height/round/step": "0/0/1", "height_vote_set": []}},
        {"round_state": {"height/round/step": "5/0/1", "height_vote_set": [{"prevotes": ["\x1b[2J"]}]}},
        {"round_state": {"height/round/step": "5/0/1", "height_vote_set": [{"prevotes": [7]}]}},
        {"round_state": {"height/round/step": "5/0/1", "height_vote_set": {}}},
        {"round_state": {"height/round/step": "5/0/1", "height_vote_set": [{"prevotes": ["nil-Vote"] * 1001}]}},
    ],
)
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(BadAnswer):
        parse_round_votes(value)


def test_before_the_first_vote_nobody_has_voted() -> None:
    state = {"height/round/step": "5/0/1", "height_vote_set": None}
    assert parse_round_votes({"round_state": state}) == RoundVotes(5, 0, (), ())
