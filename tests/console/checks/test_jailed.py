"""Jailed validators and missed blocks, as a chain with staking counts them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from console.checks.jailed import jailed, missed, unjail_command
from console.daemon_settings import DaemonSettings
from console.model import ChainView, Outcome
from console.model.network import Bond, Stake, Validator
from console.text import UntrustedText
from tests import fakes
from tests.console.operations.examples import a_network
from tests.console.operations.homes import a_cosmos_node


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
    assert missed(chain, ours.consensus_address, fakes.NOW, "unjail").outcome is of_ours


def test_a_subnet_knows_neither() -> None:
    chain = fakes.chain(1303)
    assert jailed(chain).outcome is Outcome.SKIP
    assert missed(chain, chain.validators[0].consensus_address, fakes.NOW, "unjail").outcome is Outcome.SKIP


def test_it_is_said_until_when_and_by_which_command_it_is_released(tmp_path: Path) -> None:
    node = a_cosmos_node(tmp_path)
    network = replace(a_network(tmp_path), kind="cosmos", chain_id="chain-1", nodes=(node,))
    command = unjail_command(network, node)
    assert command.startswith(f"{node.daemon} tx slashing unjail --chain-id chain-1 --from OPERATOR-KEY --home")
    named = replace(network, daemon=DaemonSettings("virtd", keys={"voter": "ops"}))
    assert unjail_command(named, None) == "virtd tx slashing unjail --chain-id chain-1 --from ops"
    chain, ours = staked(jailed=True, jailed_until=fakes.NOW + 600)
    early = missed(chain, ours.consensus_address, fakes.NOW, command)
    assert "jailed the validator, for 10m 00s more" in early.sentence
    assert early.go_on.endswith(f"once it is synced and that time is over: `{command}`")
    late = missed(chain, ours.consensus_address, fakes.NOW + 601, command)
    assert "more" not in late.sentence
    assert late.go_on.endswith(f"once it is synced: `{command}`")
