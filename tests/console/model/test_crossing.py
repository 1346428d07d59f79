"""Who is back at H+1, by power: by heights that nodes tell, and by votes that were seen."""

from __future__ import annotations

from dataclasses import replace

from console.model import ChainView, RoundVotes, power_back
from tests import fakes
from tests.fakes import TARGET


def crossing(powers: tuple[int, ...] = (25, 1, 7, 7)) -> ChainView:
    chain = fakes.waiting_for_quorum().chain
    assert chain is not None
    return replace(chain, validators=fakes.validators(powers))


def test_quorum_is_counted_by_power_that_executed_h_and_answers() -> None:
    heavy = crossing()
    back = power_back(heavy, TARGET)
    assert (back.power, back.total, back.needed, back.enough) == (26, 40, 27, False)
    assert (back.prevoted, back.precommitted) == (None, None)
    silent = replace(heavy, nodes=fakes.node_heights(TARGET, (TARGET,) * 4, down=(0, 1)))
    assert power_back(silent, TARGET).power == 14


def test_who_is_missing_stands_there_by_power() -> None:
    chain = replace(crossing((1, 3, 9, 5)), nodes=())
    assert [each.power for each in power_back(chain, TARGET).missing] == [9, 5, 3, 1]


def test_a_vote_on_the_next_height_tells_that_a_node_is_back_that_nobody_can_ask() -> None:
    chain = replace(crossing((10, 10, 10, 10)), nodes=())
    # The fakes' addresses differ in their last digits alone: a round state names the first.
    named = tuple(replace(each, consensus_address=f"{n:012X}" + 28 * "0") for n, each in enumerate(chain.validators))
    seen = replace(chain, validators=named, votes=RoundVotes(TARGET + 1, 2, ("000000000000", "000000000002"), ()))
    back = power_back(seen, TARGET)
    assert (back.power, back.prevoted, back.precommitted) == (20, 20, 0)
    assert [each.moniker for each in back.missing] == ["node2", "node4"]
    old = replace(seen, votes=RoundVotes(TARGET, 0, ("000000000000",), ()))
    assert power_back(old, TARGET).power == 0


def test_a_node_past_h_that_was_never_armed_is_not_back() -> None:
    chain, upgrade = fakes.waiting_for_quorum().chain, fakes.waiting_for_quorum().upgrade
    assert chain is not None
    assert upgrade is not None
    assert chain.readiness is not None
    first = chain.readiness.validators[0]
    readiness = replace(
        chain.readiness, validators=(replace(first, armed_at=0, confirmed_at=0), *chain.readiness.validators[1:])
    )
    before = power_back(chain, TARGET, upgrade.proposal).power
    assert power_back(replace(chain, readiness=readiness), TARGET, upgrade.proposal).power == before - 10
