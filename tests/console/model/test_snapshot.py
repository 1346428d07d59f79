"""GO only if everything that is needed is there; otherwise each failing term with its number (DESIGN §9)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.model import (
    Arming,
    ChainView,
    NodeStatus,
    Proposal,
    ProposalStatus,
    Readiness,
    Upgrade,
    Validator,
    ValidatorReadiness,
    Verdict,
    upgrade_of,
)
from console.text import untrusted
from tests.console.node.fakes import OTHERS, OWN, ZERO, proposal
from tests.console.node.test_exits import ATTEMPT

ADDRESSES = (OWN, *OTHERS)


def validator(address: str, power: int = 10) -> Validator:
    return Validator(address, untrusted(address[:4]), power, address[2:].upper())


def entry(address: str, *, ready: int = 51, armed: int = 52) -> ValidatorReadiness:
    return ValidatorReadiness(address, 10, ZERO, ready, 0, armed, 0, 0, 0, "", "")


def chain(plan: Proposal, powers: tuple[int, ...] = (10, 10, 10, 10), **said: int) -> ChainView:
    return ChainView(
        height=80,
        block_time_s=2.0,
        block_time_unix=1.0,
        validators=tuple(validator(address, power) for address, power in zip(ADDRESSES, powers, strict=True)),
        nodes=(),
        proposals=(plan,),
        readiness=Readiness(plan.id, tuple(entry(address, **said) for address in ADDRESSES)),
        age_s=0.0,
        problem="",
    )


def node(**changes: object) -> NodeStatus:
    attempt = replace(ATTEMPT, **changes)  # type: ignore[arg-type]
    return NodeStatus("n", "ARMED", "genesis", untrusted("v"), 1, 80, 80, 0.0, 100, None, "", attempt, 1, "")


def upgrade(plan: Proposal, own: NodeStatus | None = None, powers: tuple[int, ...] = (10, 10, 10, 10)) -> Upgrade:
    found = upgrade_of(chain(plan, powers), own, 80)
    assert found is not None
    return found


FULL = proposal(ready_power=40, armed_power=40, go_power=40)


def test_all_ready_and_armed_is_go_with_what_may_fail() -> None:
    found = upgrade(FULL, node())
    assert (found.go, found.no_go_reasons, found.power_may_fail) == (True, (), 13)
    assert (found.blocks_left, found.eta_s, found.ready_count, found.validator_count) == (20, 40.0, 4, 4)


def test_each_failing_term_is_named_with_its_number() -> None:
    found = upgrade(replace(FULL, ready_power=20, armed_power=26, go_power=20))
    assert not found.go
    assert found.no_go_reasons == ("ready 20 of 40 power, 27 needed", "armed 26 of 40 power, 27 needed")


def test_ready_and_armed_must_be_the_same_power() -> None:
    found = upgrade(replace(FULL, ready_power=30, armed_power=30, go_power=20))
    assert found.no_go_reasons == ("ready and armed 20 of 40 power, 27 needed",)


def test_gateway_weight_alone_is_no_go_when_consensus_power_is_elsewhere() -> None:
    plan = replace(FULL, ready_power=30, armed_power=30, go_power=30)
    view = chain(plan, powers=(100, 1, 1, 1))
    entries = (entry(OWN, ready=0), *(entry(address) for address in OTHERS))
    found = upgrade_of(replace(view, readiness=Readiness(plan.id, entries)), None, 80)
    assert found is not None
    assert found.no_go_reasons == ("ready and armed 3 of 103 consensus power, 69 needed",)


def test_an_own_node_that_is_not_armed_is_no_go() -> None:
    assert upgrade(FULL, node(arming=Arming.WAITING_TURN)).no_go_reasons == ("this node is not armed",)


def test_a_frozen_verdict_decides() -> None:
    assert upgrade(replace(FULL, verdict=Verdict.CROSS), node(arming=Arming.WAITING_TURN)).go
    aborted = upgrade(replace(FULL, verdict=Verdict.ABORT, status=ProposalStatus.ABORTED))
    assert aborted.no_go_reasons == ("the verdict is ABORT",)


def test_the_scheduled_proposal_is_the_current_one_else_the_newest() -> None:
    old = replace(FULL, id=1)
    new = replace(FULL, id=2, status=ProposalStatus.CANCELLED)
    view = replace(chain(old), proposals=(new, old))
    found = upgrade_of(view, None, 80)
    assert found is not None
    assert found.proposal.id == 1
    later = upgrade_of(replace(view, proposals=(new, replace(old, status=ProposalStatus.EXECUTED))), None, 80)
    assert later is not None
    assert later.proposal.id == 2


@pytest.mark.parametrize("height", [None, 150])
def test_without_a_height_or_past_it_nothing_is_invented(height: int | None) -> None:
    found = upgrade_of(chain(FULL), None, height)
    assert found is not None
    assert found.blocks_left == (None if height is None else -50)
    assert found.eta_s == (None if height is None else 0.0)


def test_no_chain_is_no_upgrade() -> None:
    assert upgrade_of(None, None, 5) is None
