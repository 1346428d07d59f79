"""Arming turns: everybody gets one, nobody two at once, and the registry's bound holds."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from console.model import MAX_ARMING_TURNS
from console.node.turns import TURN_BLOCKS, arming_order, arming_turns, current_turn

FOUR = {f"0x{digit * 40}": 10 for digit in "abcd"}

powers = st.dictionaries(
    st.integers(0, 10**6).map(lambda number: f"0x{number:040x}"), st.integers(1, 10**9), min_size=1, max_size=60
)


def test_the_order_depends_on_the_proposal_and_not_on_the_spelling() -> None:
    orders = {arming_order(proposal, tuple(FOUR)) for proposal in range(1, 20)}
    assert len(orders) > 3
    upper = [address.upper().replace("0X", "0x") for address in FOUR]
    assert [a.lower() for a in arming_order(1, upper)] == list(arming_order(1, tuple(FOUR)))


@settings(derandomize=True, deadline=None)
@given(powers, st.integers(1, 1000))
def test_turns_hold_everybody_once_and_at_most_a_tenth_together(powers: dict[str, int], proposal: int) -> None:
    turns = arming_turns(proposal, powers)
    assert sorted(address for turn in turns for address in turn) == sorted(powers)
    assert len(turns) <= min(len(powers), MAX_ARMING_TURNS)
    for turn in turns:
        assert len(turn) == 1 or 10 * sum(powers[address] for address in turn) <= sum(powers.values())


def test_a_turn_lasts_four_blocks_when_nobody_signals() -> None:
    turns = arming_turns(1, FOUR)
    seen = [current_turn(turns, {}, 100, height) for height in range(100, 100 + 4 * TURN_BLOCKS + 1)]
    assert seen[0] == seen[TURN_BLOCKS - 1] == frozenset(turns[0])
    assert seen[TURN_BLOCKS] == frozenset(turns[1])
    # Who let a turn pass gets another one after the last.
    assert seen[4 * TURN_BLOCKS] == frozenset(turns[0])


def test_a_turn_ends_early_when_its_signal_is_seen() -> None:
    turns = arming_turns(1, FOUR)
    first = turns[0][0]
    assert current_turn(turns, {first: 101}, 100, 101) == frozenset(turns[1])


def test_when_all_are_armed_it_is_nobodys_turn() -> None:
    turns = arming_turns(1, FOUR)
    assert current_turn(turns, dict.fromkeys(FOUR, 105), 100, 106) == frozenset()


@settings(derandomize=True, deadline=None)
@given(
    st.lists(st.one_of(st.just(0), st.integers(101, 180)), min_size=4, max_size=4),
    st.integers(100, 200),
)
def test_somebody_unarmed_has_the_turn_within_one_lap(armed: list[int], height: int) -> None:
    turns = arming_turns(7, FOUR)
    armed_at = dict(zip(FOUR, armed, strict=True))
    unarmed = {address for address, at in armed_at.items() if not 0 < at <= height}
    if not unarmed:
        assert current_turn(turns, armed_at, 100, height) == frozenset()
        return
    waiting = {address for address, at in armed_at.items() if at == 0}
    coming = [current_turn(turns, armed_at, 100, height + ahead) for ahead in range(4 * TURN_BLOCKS * 6)]
    for address in waiting:
        assert any(address in turn for turn in coming)


@settings(derandomize=True, deadline=None)
@given(st.lists(st.integers(101, 160), min_size=4, max_size=4), st.integers(100, 170))
def test_the_past_does_not_change_what_later_blocks_show(armed: list[int], height: int) -> None:
    turns = arming_turns(7, FOUR)
    whole = dict(zip(FOUR, armed, strict=True))
    known = {address: at for address, at in whole.items() if at <= height}
    assert current_turn(turns, known, 100, height) == current_turn(turns, whole, 100, height)
