"""Jailed validators and missed blocks, as a chain with staking counts them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.checks.jailed import jailed, missed
from console.model import ChainView, Outcome
from console.model.network import Bond, Stake, Validator
from console.text import UntrustedText
from tests import fakes


def staked(**changes: object) -> tuple[ChainView, Validator]:
    """A chain whose first validator has such a stake, and all others a good one."""
    chain = fakes.chain(1303)
    good = Stake(UntrustedText("val1"), 1_000, Bond.BONDED, jailed=False, missed_blocks=3, signing_window=100)
    first = replace(chain.validators[0], stake=replace(good, **changes))  # type: ignore[arg-type]
    others = tuple(replace(each, stake=good) for each in chain.validators[1:])
    return replace(chain, validators=(first, *others)), first


@pytest.mark.parametrize(
    ("changes", "of_all", "of_ours"),
    [
        ({}, Outcome.PASS, Outcome.PASS),
        ({"jailed": True}, Outcome.WARN, Outcome.FAIL),
        ({"jailed": True, "tombstoned": True}, Outcome.WARN, Outcome.FAIL),
        ({"missed_blocks": 60}, Outcome.PASS, Outcome.WARN),
        ({"missed_blocks": None}, Outcome.PASS, Outcome.SKIP),
    ],
)
def test_what_the_chain_counts(changes: dict[str, object], of_all: Outcome, of_ours: Outcome) -> None:
    chain, ours = staked(**changes)
    assert jailed(chain).outcome is of_all
    assert missed(chain, ours.consensus_address).outcome is of_ours


def test_a_subnet_knows_neither() -> None:
    chain = fakes.chain(1303)
    assert jailed(chain).outcome is Outcome.SKIP
    assert missed(chain, chain.validators[0].consensus_address).outcome is Outcome.SKIP
